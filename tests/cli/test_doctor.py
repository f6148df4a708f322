"""doctor as users run it, on the process runtime."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli

BROKEN = Path(__file__).parents[1] / "doctor" / "broken"
HEALTHY = BROKEN.with_name("healthy")
STACK = "stack: s\nruntime: process\nservices: {one: {models: {half: {}}}}\n"


@pytest.fixture
def quiet(cli: Cli) -> Cli:
    """Without this machine's proxies, and with no Docker."""
    nothing = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "")
    return replace(cli, environment={**nothing, "DOCKER_HOST": "unix:///nowhere/docker.sock"})


def codes(document: dict[str, list[dict[str, str]]]) -> list[str]:
    return [one["code"] for one in document["findings"]]


def test_findings_have_a_place_a_cause_and_a_fix_and_end_with_1(cli: Cli) -> None:
    ran = cli("doctor", "--facts", str(BROKEN / "port_taken.json"))
    assert ran.exit_code == 1
    lines = ran.stdout.splitlines()
    at = lines.index(
        "ports: error TFD403: Port 8501 is in use by nginx (pid 812), and service 'serving' "
        "publishes it."
    )
    assert lines[at + 1].strip().startswith("where:  stacks/vision/stack.yaml:8:")
    assert lines[at + 2].strip() == "causes: `tfdeploy up` refuses the stack."
    assert lines[at + 3].strip().startswith("fix:    stop the other program")
    assert "host: ok: processor: x86_64 with AVX2" in lines
    assert "GPU: not checked: MIG: there is no GPU here" in lines
    assert lines[-1].startswith("1 problem in ")
    assert "tfdeploy explain TFD403" in ran.stderr


def test_at_a_terminal_what_belongs_together_stands_together(cli: Cli) -> None:
    leader, follower = os.openpty()
    words = cli.argv("doctor", "--facts", str(BROKEN / "port_taken.json"))
    said = b""
    with subprocess.Popen(words, stdout=follower, stderr=subprocess.DEVNULL) as child:
        os.close(follower)
        # Linux ends a terminal that nobody has open any more with an error.
        with suppress(OSError):
            while chunk := os.read(leader, 65536):
                said += chunk
    os.close(leader)
    lines = said.decode().splitlines()
    assert child.returncode == 1
    at = lines.index("Ports")
    assert lines[at + 1].startswith("  problem      TFD403: Port 8501 is in use by nginx")
    assert lines[at + 5] == "  ok           leave to publish"
    assert "  ok           processor: x86_64 with AVX2" in lines


def test_a_document_holds_findings_checks_and_facts(cli: Cli) -> None:
    ran = cli("doctor", "--facts", str(BROKEN / "left_by_a_kill.json"), "--json")
    document = ran.document
    assert (ran.exit_code, document["problems"], document["stack"]) == (1, 2, "vision")
    first = document["findings"][0]
    assert (first["code"], first["severity"], first["fixable"]) == ("TFD471", "warning", True)
    assert set(first) >= {"group", "check", "message", "causes", "fix", "where"}
    outcomes = {one["check"]: one["outcome"] for one in document["checks"]}
    assert (outcomes["leftovers"], outcomes["engine"]) == ("problem", "ok")
    assert outcomes["MIG"] == "not checked"
    assert document["facts"]["docker"]["version"] == "28.1.1"
    assert document["fixed"] == []


def test_nothing_wrong_ends_with_0(cli: Cli) -> None:
    ran = cli("doctor", "--facts", str(HEALTHY / "box_with_a_gpu.json")).succeeded()
    assert "images: ok: images' age: tensorflow/serving:2.20.0-gpu: 120 days" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("nothing wrong in ")
    assert ran.stderr == ""


def test_a_machine_without_docker_is_looked_at_in_plain_words(quiet: Cli) -> None:
    ran = quiet("doctor", "--runtime", "docker")
    assert ran.exit_code == 1
    assert "Docker: error TFD401: " in ran.stdout
    assert "Docker: not checked: storage driver: no Docker engine answers" in ran.stdout
    assert ran.stdout.splitlines()[-1].endswith("look at a stack: tfdeploy doctor STACK")
    bare = replace(quiet, environment={**quiet.environment, "PATH": "/nowhere"})
    assert codes(bare("doctor", "--runtime", "docker", "--json").document) == ["TFD401", "TFD404"]
    assert codes(bare("doctor", "--json").succeeded().document) == []


def test_a_stack_on_the_process_runtime_and_what_is_kept_of_it(
    quiet: Cli, stack: WriteStack, half: Path, unused_port: int
) -> None:
    text = STACK.replace("models:", f"publish: {{rest: {unused_port}}}, models:")
    stack(text)
    with socket.socket() as other:
        other.bind(("127.0.0.1", unused_port))
        other.listen()
        ran = quiet("doctor", "s", "--save-facts", "facts.json")
    assert (ran.exit_code, f"Port {unused_port} is in use by " in ran.stdout) == (1, True)
    assert "Docker: not checked: engine: services run as processes here" in ran.stdout
    again = quiet("doctor", "--facts", "facts.json")
    assert (again.exit_code, again.stdout) == (1, ran.stdout)
    quiet("doctor", "s").succeeded()
    # The stack's own server has the port now.
    quiet("up", "s").succeeded()
    assert codes(quiet("doctor", "s", "--json").succeeded().document) == []


def test_a_broken_stack_is_linted(quiet: Cli, stack: WriteStack) -> None:
    stack("stack: s\nruntime: process\nservices: {one: {models: {gone: {}}, shoes: 1}}\n")
    ran = quiet("doctor", "s")
    assert (ran.exit_code, "stack: error TFD203: " in ran.stdout) == (1, True)
    assert "stack: not checked: leftovers: the stack file is wrong" in ran.stdout
    stack("stack: s\nruntime: process\nservices: {one: {models: {gone: {}}}}\n")
    assert codes(quiet("doctor", "s", "--json").document) == ["TFD112"]


def test_fix_removes_what_a_kill_has_left_and_says_so(
    quiet: Cli, stack: WriteStack, half: Path
) -> None:
    folder = stack(STACK).parent
    long_ago = time.time() - 7200
    note = folder / ".run" / "holder.json"
    beside = folder / "rendered" / ".compose.yaml.abcd1234"
    dead = {"user": "ann", "host": os.uname().nodename, "pid": 2**22, "started": 1.0}
    for path, text in ((note, json.dumps({**dead, "since": 1.0, "command": "c"})), (beside, "x")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (long_ago, long_ago))
    scratch = half / ".tmp-4-xyz"
    scratch.mkdir()
    os.utime(scratch, (long_ago, long_ago))

    look = quiet("doctor", "s", "--json")
    assert (look.exit_code, codes(look.document)) == (1, ["TFD471"] * 3)
    assert note.exists()
    done = quiet("doctor", "s", "--fix").succeeded()
    relative = [path.relative_to(quiet.cwd) for path in (note, beside)]
    told = [line for line in done.stdout.splitlines() if line.startswith("fix: ")]
    assert told[:2] == [f"fix: removed {path}" for path in relative]
    assert told[2].endswith(f"{scratch}")
    assert not note.exists()
    assert not beside.exists()
    assert not scratch.exists()
    again = quiet("doctor", "s", "--fix", "--json").succeeded().document
    assert (again["fixed"], again["findings"]) == ([], [])
    assert sorted(os.listdir(half)) == ["1", "2", "3"]


def test_a_path_that_cant_be_a_files_is_named(cli: Cli) -> None:
    (cli.cwd / "folder").mkdir()
    for option in ("--facts", "--save-facts"):
        ran = cli("doctor", option, "folder")
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert "'folder' is a folder, not a file of facts." in ran.stderr
        assert option in ran.stderr
        assert "The path '' names no file." in cli("doctor", option, "").stderr


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "TFD203"), (b"stack: s\xff\n", "TFD202"), (b"a", "TFD203")]
)
def test_a_file_that_is_no_stack_is_a_finding(quiet: Cli, content: bytes, code: str) -> None:
    path = quiet.cwd / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    ran = quiet("doctor", "s")
    assert (ran.exit_code, f"stack: error {code}: " in ran.stdout) == (1, True)
    assert "host: ok: memory" in ran.stdout
    assert "leftovers: the stack file is wrong" in ran.stdout


def test_a_service_that_died_is_found_and_the_advice_brings_it_back(
    quiet: Cli, stack: WriteStack, half: Path
) -> None:
    folder = stack(STACK).parent
    assert "services: none is known to have been brought up" in quiet("doctor", "s").stdout
    quiet("up", "s").succeeded()
    assert "stack: ok: services: one: running" in quiet("doctor", "s").succeeded().stdout
    pid = json.loads((folder / ".run" / "one.pid.json").read_text())["pid"]
    os.killpg(pid, signal.SIGKILL)
    found = quiet("doctor", "s", "--json")
    assert (found.exit_code, codes(found.document)) == (1, ["TFD479"])
    assert "`tfdeploy up s`" in found.document["findings"][0]["fix"]
    quiet("up", "s").succeeded()
    quiet("doctor", "s").succeeded()
    quiet("down", "s").succeeded()
    quiet("doctor", "s").succeeded()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--fix",), "TFD216"),
        (("s", "--facts", "facts.json"), "TFD216"),
        (("--facts", "facts.json", "--fix"), "TFD216"),
        (("--facts", "facts.json"), "TFD489"),
        (("--facts", ""), "TFD216"),
        (("--save-facts", ""), "TFD216"),
        (("--save-facts", "."), "TFD216"),
        (("--runtime", "boat"), "TFD407"),
        (("nothing",), "TFD201"),
    ],
)
def test_what_cant_be_asked_is_refused(cli: Cli, words: tuple[str, ...], code: str) -> None:
    ran = cli("doctor", *words)
    assert (ran.exit_code, ran.stdout, code in ran.stderr) == (2, "", True)
