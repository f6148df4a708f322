"""The gateway on the process runtime: the door, and changes of which no client notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tests.steady_load import PREDICT, predict_request
from tfdeploy import wire

LOAD = Path(__file__).parents[1] / "steady_load.py"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
KEY = "k3y-of-tests-0123456789"
STACK = """\
stack: s
runtime: process
gateway: {drain_seconds: 1%s}
services:
  one:
    models:
      half: {versions: {specific: [1]}}
"""
PLAIN = STACK % ""


def record(cli: Cli, name: str) -> Any:
    return json.loads((cli.cwd / f"stacks/s/.run/{name}.json").read_text())


def url(cli: Cli) -> str:
    return str(record(cli, "gateway")["url"])


def post(
    address: str, x: list[float], headers: dict[str, str] | None = None, **options: Any
) -> tuple[int, Any, Any]:
    """Status, document and headers of a prediction."""
    body = json.dumps({"instances": x}).encode()
    request = urllib.request.Request(f"{address}/v1/models/half:predict", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20, **options) as reply:
            return reply.status, json.load(reply), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def call(address: str, method: str, data: bytes, metadata: dict[str, str] | None = None) -> bytes:
    with grpc.insecure_channel(address.removeprefix("http://")) as channel:
        reply: bytes = channel.unary_unary(method)(
            data, timeout=20, metadata=tuple((metadata or {}).items())
        )
        return reply


def refusal(*words: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call(*words)
    code: grpc.StatusCode = caught.value.code()
    return code


@contextmanager
def steady_load(address: str) -> Iterator[dict[str, Any]]:
    """Ask all the while; what was counted is in the mapping at the end."""
    argv = [sys.executable, str(LOAD), address.removeprefix("http://"), "120"]
    counted: dict[str, Any] = {}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(LOAD.parents[1]), "GRPC_VERBOSITY": "NONE"},
    ) as child:  # fmt: skip
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "going\n"
            yield counted
            printed, _ = child.communicate("\n", timeout=60)
            counted.update(json.loads(printed))
        finally:
            child.kill()


def nothing_lost(counted: dict[str, Any]) -> None:
    assert counted["failures"] == []
    assert set(counted["counts"]) == {"rest kept", "rest fresh", "grpc"}


def kinds(ran: Any) -> list[str]:
    return [step["step"] for step in ran.succeeded().document["steps"]]


def test_a_changed_flag_loses_no_request(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(PLAIN)
    cli("up", "s").succeeded()
    nginx = record(cli, "gateway")["pid"]
    with steady_load(url(cli)) as counted:
        for number in (1, 2):
            stack(PLAIN + f"    flags: {{rest_api_timeout_in_ms: {20000 + number}}}\n")
            steps = kinds(cli("up", "s", "--json"))
            assert steps == ["start beside", "wait", "switch", "drain", "stop other"]
    nothing_lost(counted)
    assert record(cli, "gateway")["pid"] == nginx
    assert "--rest_api_timeout_in_ms=20002" in record(cli, "one_a.pid")["argv"]
    assert not (cli.cwd / "stacks/s/.run/one_b.pid.json").exists()
    assert cli("plan", "s").stdout.strip().endswith("up to date")


def test_a_change_that_fails_or_is_killed_leaves_the_old_server_answering(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(PLAIN)
    cli("up", "s").succeeded()
    with steady_load(url(cli)) as counted:
        stack(PLAIN + "    flags: {ssl_config_file: /nowhere}\n")
        assert cli("up", "s").exit_code == 5
        assert "--ssl_config_file=/nowhere" not in record(cli, "one_a.pid")["argv"]
        for number, line in enumerate(("start the new", "wait the new", "drain", "stop the old")):
            stack(PLAIN + f"    flags: {{rest_api_timeout_in_ms: {21000 + number}}}\n")
            kill_at(cli, line)
            cli("up", "s").succeeded()
            assert cli("plan", "s").stdout.strip().endswith("up to date")
            assert len(list((cli.cwd / "stacks/s/.run").glob("one_?.pid.json"))) == 1
            assert len(servers(cli)) == 1
    nothing_lost(counted)


def servers(cli: Cli) -> set[int]:
    """The servers of this stack, written down or not, by their session."""
    where = str(cli.cwd / "stacks")
    found = (one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"])
    ours = (one for one in found if "tfdeploy.server" in one.info["cmdline"])
    return {os.getsid(one.pid) for one in ours if where in " ".join(one.info["cmdline"])}


def kill_at(cli: Cli, line: str) -> None:
    """kill -9 an `up` as soon as it begins the step."""
    with subprocess.Popen(
        cli.argv("up", "s"), cwd=cli.cwd, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for printed in child.stdout:
            if printed.startswith(line):
                os.kill(child.pid, signal.SIGKILL)
                break
        assert child.wait(timeout=60) == -signal.SIGKILL


def test_other_keys_and_models_are_a_reload_that_loses_no_request(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(PLAIN)
    cli("up", "s").succeeded()
    with steady_load(url(cli)) as counted:
        for limit in ("1MiB", "2MiB", "3MiB"):
            stack(STACK % f", body_limit: {limit}")
            assert kinds(cli("up", "s", "--json")) == ["write", "reload gateway"]
    nothing_lost(counted)


def test_keys_open_the_door_and_reloads_never_pass(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK % ", api_keys: keys.txt, body_limit: 2KiB")
    keys = path.parent / "keys.txt"
    keys.write_text(f"# who, key\nalice {KEY}\n")
    cli("up", "s").succeeded()
    at, mine = url(cli), {"x-api-key": KEY}
    status, document, headers = post(at, [2.0])
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "API key" in document["error"]
    assert post(at, [2.0], {"x-api-key": KEY.upper()})[0] == 401
    assert post(at, [2.0], mine)[:2] == (200, {"predictions": [2.0]})
    assert post(at, [2.0], {"Authorization": f"Bearer {KEY}"})[0] == 200
    status, document, _ = post(at, [2.0] * 1000, mine)
    assert (status, "larger than 2048 bytes" in document["error"]) == (413, True)

    assert refusal(at, PREDICT, predict_request()) == grpc.StatusCode.UNAUTHENTICATED
    assert call(at, PREDICT, predict_request(), mine)
    large = predict_request(1000)
    assert refusal(at, PREDICT, large, mine) == grpc.StatusCode.RESOURCE_EXHAUSTED
    empty = wire.ReloadConfigRequest().SerializeToString()
    assert refusal(at, RELOAD, empty, mine) == grpc.StatusCode.PERMISSION_DENIED
    assert cli("status", "s").exit_code == 0

    lines = (cli.cwd / "stacks/s/.run/logs/gateway.log").read_text().splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    passed = next(one for one in logged if one["status"] == 200 and one["client"] == "alice")
    assert (passed["model"], passed["service"]) == ("half", "one")
    assert passed["latency_seconds"] >= 0
    assert KEY not in "\n".join(lines)
    # Other keys: the old ones don't open any more.
    keys.write_text(f"bob {KEY}-2\n")
    assert kinds(cli("up", "s", "--json")) == ["reload gateway"]
    assert post(at, [2.0], mine)[0] == 401
    assert post(at, [2.0], {"x-api-key": f"{KEY}-2"})[0] == 200
    rendered = path.parent / ".run" / "rendered"
    assert all(KEY not in one.read_text() for one in rendered.rglob("*.*") if one.is_file())
    secrets = list((path.parent / ".run" / "secrets").iterdir())
    assert {one.stat().st_mode & 0o077 for one in secrets} == {0}


def test_more_at_once_than_the_limit_is_refused_with_when_to_come_back(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK % ", concurrency: 1, retry_after_seconds: 7")
    cli("up", "s").succeeded()
    at, many = url(cli), [2.0] * 200_000
    with ThreadPoolExecutor(16) as pool:
        answers = [one for _ in range(3) for one in pool.map(lambda _: post(at, many), range(16))]
    assert {status for status, _, _ in answers} == {200, 503}
    busy = next(headers for status, _, headers in answers if status == 503)
    assert busy["Retry-After"] == "7"


def test_tls_and_users(cli: Cli, stack: WriteStack, half: Path) -> None:
    tls = "{certificate: tls.crt, key: tls.key}"
    path = stack(STACK % f", tls: {tls}, basic_auth: users")
    make = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout tls.key"
    argv = ["openssl", *make.split(), "-out", "tls.crt", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, cwd=path.parent, check=True, capture_output=True)
    argv = ["openssl", "passwd", "-apr1", "secret"]
    crypted = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    (path.parent / "users").write_text(f"alice:{crypted}")
    cli("up", "s").succeeded()
    at = url(cli)
    assert at.startswith("https://")
    argv = ["curl", "-s", "--cacert", str(path.parent / "tls.crt"), "-d", '{"instances": [2.0]}']
    argv += ["-w", "%{http_code}", "-o", os.devnull, f"{at}/v1/models/half:predict"]
    asked = [[], ["-u", "alice:wrong"], ["-u", "alice:secret"]]
    said = [subprocess.run([*argv, *more], capture_output=True, text=True) for more in asked]
    assert [one.stdout for one in said] == ["401", "401", "200"]
    certificate = (path.parent / "tls.crt").read_bytes()
    credentials = grpc.ssl_channel_credentials(certificate)
    with grpc.secure_channel(at.removeprefix("https://"), credentials) as channel:
        # alice:secret
        metadata = (("authorization", "Basic YWxpY2U6c2VjcmV0"),)
        assert channel.unary_unary(PREDICT)(predict_request(), timeout=20, metadata=metadata)


def test_models_are_found_by_name_and_services_by_header(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    two = (
        "  two:\n    models:\n      half: {versions: {specific: [2]}}\n      again: {path: half}\n"
    )
    stack(PLAIN + two)
    cli("up", "s").succeeded()
    at = url(cli)
    assert post(at, [2.0])[1] == {"predictions": [2.0]}
    assert post(at, [2.0], {"tfdeploy-service": "two"})[1] == {"predictions": [3.0]}
    assert post(at, [2.0], {"tfdeploy-service": "three"})[0] == 404
    with urllib.request.urlopen(f"{at}/v1/models/again", timeout=20) as reply:
        assert "AVAILABLE" in reply.read().decode()
    assert refusal(at, PREDICT, predict_request()) == grpc.StatusCode.UNIMPLEMENTED
    assert call(at, PREDICT, predict_request(), {"tfdeploy-model": "half"})
    assert call(at, PREDICT, predict_request(), {"tfdeploy-service": "two"})


def test_a_gateway_comes_to_a_running_stack_and_goes_again(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    without = PLAIN.replace("gateway: {drain_seconds: 1}\n", "")
    stack(without)
    cli("up", "s").succeeded()
    stack(PLAIN)
    assert "stop other" in kinds(cli("up", "s", "--json"))
    assert post(url(cli), [2.0])[0] == 200
    assert not (cli.cwd / "stacks/s/.run/one.pid.json").exists()
    assert cli("plan", "s").stdout.strip().endswith("up to date")
    stack(without)
    assert "stop gateway" in kinds(cli("up", "s", "--json"))
    assert (cli.cwd / "stacks/s/.run/one.pid.json").exists()
    assert cli("plan", "s").stdout.strip().endswith("up to date")


def test_without_an_nginx_that_will_do_nothing_is_started(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(PLAIN)
    blind = Cli(cli.cwd, {"TFDEPLOY_NGINX": "/nowhere/nginx"})
    ran = blind("up", "s")
    assert (ran.exit_code, "[TFD440]" in ran.stderr) == (4, True)
    assert not (cli.cwd / "stacks/s/.run/one_a.pid.json").exists()
