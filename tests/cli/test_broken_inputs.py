"""Broken inputs: each ends in error, where, hint and code, and changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import Cli, Ran

ONE = """\
# kept
stack: s
runtime: process
services:
  one:
    models:
      half: {}
"""


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its mode and contents."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_says(ran: Ran, code: str, exit_code: int, *words: str) -> None:
    """Three lines for each error, the documented code, and no traceback."""
    assert "Traceback" not in ran.stderr + ran.stdout
    blocks = re.findall(
        r"^error: (.+)  \[(TFD\d{3})\]\nwhere: (.+)\nhint:  (.+)$", ran.stderr, re.M
    )
    assert code in [found for _, found, _, _ in blocks], ran.stderr
    assert ran.exit_code == exit_code
    for word in words:
        assert word in ran.stderr


@dataclass(frozen=True)
class Broken:
    """An input, the command that meets it, and what it must say."""

    words: tuple[str, ...]
    code: str
    exit_code: int
    says: tuple[str, ...]
    text: str = ONE
    prepare: Callable[[Path], None] = lambda _: None


def one(extra: str = "", models: str = "half: {}") -> str:
    return ONE.replace("half: {}", models) + extra


def make(*folders: str) -> Callable[[Path], None]:
    return lambda root: [(root / folder).mkdir(parents=True) for folder in folders] and None


def cut_short(root: Path) -> None:
    shutil.copytree(root / "models/half/1", root / "models/corrupt/1")
    graph = root / "models/corrupt/1/saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:200])


def named_v1(root: Path) -> None:
    shutil.copytree(root / "models/half/1", root / "models/vee/v1")


def same_name(root: Path) -> None:
    (root / "stacks/other").mkdir(parents=True)
    (root / "stacks/other/stack.yaml").write_text(ONE)


TWO_SHARES = """\
    gpu: {device: 0, memory_fraction: 0.6}
  two:
    models: {half: {}}
    gpu: {device: 0, memory_fraction: 0.5}
"""

UP = ("up", "s")
CASES = {
    "YAML syntax": Broken(
        UP, "TFD202", 2, ("stack.yaml:7:11",), one().replace("models:", "models")
    ),
    "an unknown key": Broken(
        UP,
        "TFD203",
        2,
        ("did you mean 'models'", ":6"),
        one().replace("    models:", "    modles:"),
    ),
    "a missing base path": Broken(UP, "TFD112", 2, ("models/gone", ":7"), one(models="gone: {}")),
    "an empty base path": Broken(
        UP, "TFD113", 2, ("models/empty",), one(models="empty: {}"), make("models/empty")
    ),
    "a version folder v1": Broken(
        UP, "TFD114", 2, ("'v1'", "mv "), one(models="vee: {}"), named_v1
    ),
    "a model path one level too deep": Broken(
        UP, "TFD115", 2, ("models/half instead",), one(models="half: {path: half/1}")
    ),
    "a corrupt saved_model.pb": Broken(
        UP, "TFD111", 3, ("saved_model.pb",), one(models="corrupt: {}"), cut_short
    ),
    "a label to a missing version": Broken(
        UP, "TFD205", 2, ("version 9", "1, 2, 3"), one(models="half: {labels: {stable: 9}}")
    ),
    "GPU shares of 1.1": Broken(
        UP, "TFD301", 2, ("add up to 1.1", "0.6 (one) + 0.5 (two)"), one(TWO_SHARES)
    ),
    "a misspelt flag": Broken(
        UP,
        "TFD204",
        2,
        ("did you mean 'rest_api_timeout_in_ms'",),
        one("    flags: {rest_api_timeout_ms: 1}\n"),
    ),
    "the misspelt GPU flag": Broken(
        UP,
        "TFD204",
        2,
        ("memory_fraction: 0.4",),
        one("    flags: {per_gpu_memory_fraction: 0.4}\n"),
    ),
    "an image that isn't pinned": Broken(
        UP, "TFD206", 2, ("isn't pinned",), "image: tensorflow/serving\n" + ONE
    ),
    "two stacks of one name": Broken(UP, "TFD207", 2, ("stacks/other",), prepare=same_name),
    "batching that crashes the server": Broken(
        UP,
        "TFD203",
        2,
        ("allowed_batch_sizes",),
        one("    batching: {max_batch_size: 8, allowed_batch_sizes: [4]}\n"),
    ),
    "no such stack": Broken(("up", "nope"), "TFD201", 2, ("stacks here: s",)),
    "an unknown option": Broken(("up", "s", "--tiemout", "3"), "TFD216", 2, ("--timeout",)),
    "an unknown command": Broken(("upp", "s"), "TFD216", 2, ("did you mean 'up'",)),
    "an unknown runtime": Broken(("up", "s", "--runtime", "podman"), "TFD407", 2, ("docker",)),
    "a server binary that isn't there": Broken(
        ("up", "s", "--server-binary", "./nope"), "TFD405", 4, ("nope",)
    ),
    "a model that isn't in the stack": Broken(
        ("predict", "s", "haf", "--text", "x"), "TFD501", 2, ("models of the stack: half",)
    ),
    "a stack that isn't up": Broken(
        ("predict", "s", "half", "--text", "x"), "TFD408", 4, ("tfdeploy up s",)
    ),
    "adding a model that isn't there": Broken(
        ("add-model", "s", "x", "no/such/folder"), "TFD110", 2, ("no/such/folder",)
    ),
    "adding a model with a label to nowhere": Broken(
        ("add-model", "s", "half", "--label", "stable=9"), "TFD205", 2, ("version 9",)
    ),
    "adding a model to an unknown service": Broken(
        ("add-model", "s", "half", "--service", "tow"), "TFD208", 2, ("services of the stack: one",)
    ),
    "removing a model that isn't there": Broken(
        ("remove-model", "s", "nope"), "TFD208", 2, ("models of the stack: half",)
    ),
    "a new stack over an old one": Broken(("new", "s"), "TFD213", 2, ("exists already",)),
    "inspecting what isn't there": Broken(("inspect", "gone"), "TFD112", 2, ("gone",)),
    "exporting what isn't there": Broken(
        ("export", "gone.keras", "--name", "m"), "TFD101", 2, ("gone.keras",)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_broken_input_is_named_and_changes_nothing(
    case: Broken, cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(case.text)
    case.prepare(cli.cwd)
    before = tree(cli.cwd)
    ran = cli(*case.words)
    assert_says(ran, case.code, case.exit_code, *case.says)
    assert tree(cli.cwd) == before


def test_all_problems_are_named_at_once(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(one(models="gone: {}\n      half: {labels: {stable: 9}}") + "    flags: {prot: 1}\n")
    ran = cli("up", "s")
    assert re.findall(r"\[(TFD\d+)\]", ran.stderr) == ["TFD204", "TFD112", "TFD205"]


def test_with_json_an_error_is_the_one_document(cli: Cli, stack: WriteStack) -> None:
    stack(one(models="gone: {}"))
    ran = cli("up", "s", "--json")
    (error,) = ran.document["errors"]
    assert (error["code"], ran.exit_code) == ("TFD112", 2)
    assert all(error[key] for key in ("error", "where", "hint"))


def test_without_docker_the_docker_runtime_says_so(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(ONE)
    dead = replace(cli, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    ran = dead("up", "s", "--runtime", "docker")
    assert_says(ran, "TFD401", 4, "/nowhere/docker.sock", "--runtime process")
    assert not (cli.cwd / "stacks/s/rendered").exists()


def test_without_docker_the_process_runtime_is_chosen_with_the_reason(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(ONE.replace("runtime: process\n", ""))
    dead = replace(cli, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert "runtime: process (embedded server; Docker" in dead("plan", "s").stderr


def test_a_port_in_use_is_named_before_anything_starts(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stack(one(f"    publish: {{rest: {port}}}\n"))
        before = tree(cli.cwd)
        assert_says(cli("up", "s"), "TFD403", 4, f"Port {port} is in use", "stack.yaml:8")
    assert tree(cli.cwd) == before


def test_a_port_in_use_on_an_address_that_the_server_doesnt_take_is_no_problem(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    with socket.create_server(("127.0.0.9", 0)) as other:
        port = other.getsockname()[1]
        stack(one(f"    publish: {{rest: {port}}}\n"))
        cli("up", "s").succeeded()


def test_a_read_only_folder_is_named(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(ONE.replace("half: {}", "half: {labels: {}}"))
    folder = cli.cwd / "stacks" / "s"
    locked = cli
    if os.geteuid() == 0:
        # Permissions don't hold root back; a mount that is read-only does.
        mount = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
        locked = replace(
            cli, prefix=["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "-"]
        )
    else:
        folder.chmod(0o555)
    before = tree(cli.cwd)
    try:
        ran = locked("add-model", "s", "half", "--label", "stable=3")
        assert_says(ran, "TFD211", 2, str(Path("stacks/s")))
        assert_says(locked("up", "s"), "TFD211", 2, str(Path("stacks/s")))
    finally:
        folder.chmod(0o755)
    assert tree(cli.cwd) == before


INPUTS = {
    "a wrong key": ('{"instances": [{"z": 1}]}', "TFD503", "z"),
    "a wrong dtype": ('["a"]', "TFD503", "instances[0]"),
    "a wrong rank": ("[[1.0, 2.0]]", "TFD503", "instances[0]"),
    "broken JSON": ("[1.0,", "TFD505", "standard input"),
}


def test_a_request_that_does_not_fit_is_refused_before_it_is_sent(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(ONE)
    cli("up", "s").succeeded()
    for text, code, says in INPUTS.values():
        assert_says(cli("predict", "s", "half", "-", stdin=text), code, 2, says)
    missing = cli("predict", "s", "half", "gone.json")
    assert_says(missing, "TFD505", 2, "gone.json")
    signature = cli("predict", "s", "half", "-", "--signature", "serving", stdin="[1.0]")
    assert_says(signature, "TFD503", 2, "serving_default")
    refused = cli("predict", "s", "half", "-", "--version", "77", stdin="[1.0]")
    assert_says(refused, "TFD502", 6, "77")


def test_interrupting_up_takes_back_what_was_done(cli: Cli, stack: WriteStack, half: Path) -> None:
    stack(ONE)
    cli("up", "s").succeeded()
    before = tree(cli.cwd / "stacks/s/.run/rendered")
    stack(ONE + "    flags: {rest_api_timeout_in_ms: 20000}\n")
    up = subprocess.Popen(
        cli.argv("up", "s"), cwd=cli.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert up.stdout is not None
    for line in up.stdout:
        if line.startswith("wait one"):
            break
    # The new server needs many times as long to start.
    time.sleep(0.05)
    up.send_signal(signal.SIGINT)
    _, stderr = up.communicate(timeout=60)
    assert_says(Ran(up.returncode, "", stderr), "TFD414", 130, "what ran before")
    assert tree(cli.cwd / "stacks/s/.run/rendered") == before
    stack(ONE)
    assert cli("status", "s").succeeded()
    assert cli("plan", "s").stdout.strip().endswith("up to date")
