"""The gateway on the process runtime: the door, and changes of which no client notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import psutil

from tests.cli.conftest import WriteStack
from tests.conftest import Cli
from tests.door import KEY, MINE, call, check_keys_and_sizes, check_the_limit, post, refusal
from tests.steady_load import PREDICT, predict_request, steady_load
from tfdeploy import processes

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


def test_an_nginx_whose_number_nobody_wrote_down_is_found(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(PLAIN)
    cli("up", "s").succeeded()
    path = cli.cwd / "stacks/s/.run/gateway.json"
    found = json.loads(path.read_text())
    # As an `up` leaves it that is killed between the start and the record of it.
    path.write_text(json.dumps({**found, "pid": 0, "started": 0.0}))
    assert "gateway: running" in cli("status", "s").succeeded().stdout
    assert cli("plan", "s").stdout.strip().endswith("up to date")
    cli("down", "s").succeeded()
    assert processes.find(found["pid"]) is None


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
    at = url(cli)
    check_keys_and_sizes(at)
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
    assert post(at, [2.0], MINE)[0] == 401
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
    check_the_limit(url(cli))


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
