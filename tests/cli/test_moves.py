"""Labels and versions move on a stack that runs, and stay where they are when a version is bad."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import WriteStack
from tests.conftest import HERE, Cli
from tfdeploy.client import Unreachable
from tfdeploy.client.predict import predict
from tfdeploy.errors import TfdeployError

STACK = """\
stack: s
runtime: process
services:
  one:
    models:
      half: {versions: {specific: [1]}, labels: {stable: 1}}  # mine
"""
ODD = """\
stack: s
runtime: process
services:
  one:
    models:
      odd:
        versions: {specific: [1]}
        labels: {stable: 1}   # for clients
        checks:
          - request: [2.0, 4.0]
            expected: {y: [1.0, 2.0]}
            tolerance: 0.001
"""


@pytest.fixture(scope="session")
def odd_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base path with the versions that tests/odd_versions.py writes."""
    folder = tmp_path_factory.mktemp("made") / "odd"
    words = [sys.executable, str(HERE / "odd_versions.py"), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def odd(odd_versions: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(odd_versions, tmp_path / "models" / "odd"))


def rest_url(cli: Cli) -> str:
    return str(cli("status", "s", "--json").document["services"]["one"]["rest"])


def answer(cli: Cli, model: str, **to: Any) -> Any:
    return predict(rest_url(cli), model, {"instances": [2.0]}, **to).document["predictions"]


def labels(cli: Cli, model: str = "half") -> dict[str, int]:
    (service,) = cli("versions", "s", model, "--json").succeeded().document["services"]
    return {label: row["version"] for row in service["versions"] for label in row["labels"]}


def serving(cli: Cli, model: str = "half") -> list[int]:
    (service,) = cli("versions", "s", model, "--json").succeeded().document["services"]
    return [row["version"] for row in service["versions"] if row["state"] == "AVAILABLE"]


@contextmanager
def always_answered(url: str, model: str, right: list[Any]) -> Iterator[None]:
    """The label `stable` answers one of ``right`` all the time; the body's end is the time's."""
    over, wrong, asked = threading.Event(), [], 0

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            asked += 1
            try:
                found = predict(
                    url, model, {"instances": [2.0]}, label="stable", timeout_seconds=30
                )
                if found.document["predictions"] not in right:
                    wrong.append(found.text)
            except (TfdeployError, Unreachable) as error:
                wrong.append(str(error))
            over.wait(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert asked
    assert wrong == []


def test_versions_tells_what_lies_there_what_serves_and_which_label_points_where(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    stack(STACK)
    down = cli("versions", "s", "half").succeeded().stdout
    assert "stable (wanted)" in down
    assert "next free version: 4" in down
    cli("up", "s").succeeded()
    (found,) = cli("versions", "s", "half", "--json").succeeded().document["services"]
    rows = {row["version"]: row for row in found["versions"]}
    assert list(rows) == [3, 2, 1]
    assert (rows[1]["state"], rows[1]["wanted"], rows[1]["wanted_labels"]) == (
        "AVAILABLE",
        True,
        ["stable"],
    )
    assert rows[1]["since"] == rows[1]["labels"]["stable"]
    assert rows[1]["since"] > 0
    assert (rows[3]["state"], rows[3]["wanted"], rows[3]["labels"]) == ("", False, {})
    assert rows[1]["size_bytes"] > 1000
    assert found["next_version"] == 4
    assert "stable since 20" in cli("versions", "s", "half").stdout
    unknown = cli("versions", "s", "nothing")
    assert (unknown.exit_code, "TFD208" in unknown.stderr) == (2, True)


def test_canary_promote_and_rollback_lose_no_request(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    with always_answered(rest_url(cli), "half", [[2.0], [3.0], [4.0]]):
        ran = cli("canary", "s", "half", "2").succeeded()
        assert "half serves 1 as stable and 2 as canary" in ran.stdout
        assert labels(cli) == {"stable": 1, "canary": 2}
        told = cli("promote", "s", "half", "2", "--json").succeeded().document
        assert (told["label"], told["before"], told["now"], told["serves"]) == ("stable", 1, 2, [2])
        assert labels(cli) == {"stable": 2, "canary": 2}
        assert serving(cli) == [2]
        cli("promote", "s", "half", "3").succeeded()
        back = cli("rollback", "s", "half").succeeded()
        assert "moves from 3 to 2: it pointed there before" in back.stdout
        assert "skip the check of half 2 on one" in back.stdout
        further = cli("rollback", "s", "half").succeeded()
        assert "moves from 2 to 1: it pointed there before" in further.stdout
    assert "# mine" in path.read_text()
    assert labels(cli) == {"stable": 1, "canary": 2}
    nothing = cli("rollback", "s", "half")
    assert (nothing.exit_code, "TFD232" in nothing.stderr) == (2, True)
    commands = [one["command"][1] for one in journal(cli)]
    assert commands == ["up", "canary", "promote", "promote", "rollback", "rollback"]


def journal(cli: Cli) -> list[dict[str, Any]]:
    files = sorted((cli.cwd / "stacks/s/.journal").glob("*.json"), key=lambda one: int(one.stem))
    return [json.loads(one.read_text()) for one in files]


def test_a_model_without_labels_goes_back_to_what_served(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK.replace("{versions: {specific: [1]}, labels: {stable: 1}}", "{}"))
    cli("up", "s").succeeded()
    assert answer(cli, "half") == [4.0]
    ran = cli("rollback", "s", "half").succeeded()
    assert "the next lower version on disk" in ran.stdout
    assert "versions: {specific: [2]}" in path.read_text()
    assert answer(cli, "half") == [3.0]
    cli("pin", "s", "half", "1", "2").succeeded()
    assert serving(cli) == [2, 1]
    cli("retire", "s", "half", "2").succeeded()
    assert answer(cli, "half") == [2.0]
    cli("unpin", "s", "half").succeeded()
    assert answer(cli, "half") == [4.0]
    assert "half: {}" in path.read_text()


def test_a_dry_run_shows_the_diff_and_the_plan_and_does_nothing(
    cli: Cli, stack: WriteStack, half: Path
) -> None:
    path = stack(STACK)
    cli("up", "s").succeeded()
    ran = cli("promote", "s", "half", "2", "--dry-run").succeeded().stdout
    assert "+      half: {versions: {specific: [2]}, labels: {stable: 2}}  # mine" in ran
    assert "check one: half 2, nothing to ask" in ran
    assert path.read_text() == STACK
    assert labels(cli) == {"stable": 1}


def test_a_stack_that_is_down_is_edited_only(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK)
    assert "would change" in cli("promote", "s", "half", "2", "--dry-run").succeeded().stdout
    assert path.read_text() == STACK
    ran = cli("promote", "s", "half", "2").succeeded()
    assert "service one is down, so the stack file alone is changed" in ran.stdout
    assert "stable: 2" in path.read_text()
    told = cli("canary", "s", "half", "3", "--json").succeeded().document
    assert (told["deployed"], told["stable"], told["canary"]) == (False, 2, 3)
    assert list((cli.cwd / "stacks/s/.run").glob("*.pid.json")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "s", "half", "9"), "version 9 isn't in"),
        (("canary", "s", "half", "1"), "no canary"),
        (("retire", "s", "half", "1"), "label stable points at 1"),
        (("pin", "s", "half", "2"), "label stable points at 1"),
        (("unpin", "s", "half"), "label stable points at 1"),
    ],
)
def test_what_cant_be_is_refused_and_changes_nothing(
    cli: Cli, stack: WriteStack, half: Path, words: tuple[str, ...], said: str
) -> None:
    path = stack(STACK)
    ran = cli(*words)
    assert (ran.exit_code, "TFD231" in ran.stderr) == (2, True)
    assert said in ran.stderr
    assert path.read_text() == STACK


def test_a_model_in_two_services_needs_a_name(cli: Cli, stack: WriteStack, half: Path) -> None:
    path = stack(STACK + "  two:\n    models: {half: {}}\n")
    ran = cli("promote", "s", "half", "2")
    assert (ran.exit_code, "--service" in ran.stderr) == (2, True)
    cli("promote", "s", "half", "2", "--service", "two").succeeded()
    assert "half: {versions: {specific: [2, 3]}, labels: {stable: 2}}" in path.read_text()
    assert len(cli("versions", "s", "half", "--json").document["services"]) == 2


# --- gates ---


def refused(cli: Cli, path: Path, url: str, *words: str, says: str, code: str = "TFD430") -> None:
    """The command ends with 5 and says so in one sentence; `stable` answers with 1 all the time."""
    before = path.read_text()
    with always_answered(url, "odd", [[{"y": 1.0, "twice": 4.0}]]):
        ran = cli(*words)
    assert ran.exit_code == 5, ran.stdout + ran.stderr
    (error,) = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert says in error
    assert f"[{code}]" in error
    assert path.read_text() == before
    assert labels(cli, "odd") == {"stable": 1}
    assert serving(cli, "odd") == [1]


def test_a_version_that_answers_otherwise_lacks_an_output_or_isnt_finite_doesnt_get_the_label(
    cli: Cli, stack: WriteStack, odd: Path
) -> None:
    path = stack(ODD)
    cli("up", "s").succeeded()
    url = rest_url(cli)
    differs = "output 'y' differs by up to 0.25 at [0] (1 and 1.25) (tolerance 0.001)"
    refused(cli, path, url, "promote", "s", "odd", "3", says=differs)
    refused(cli, path, url, "canary", "s", "odd", "3", says=differs)
    lacks = "Clients of odd 1 would break with 4: output 'twice: float32[?]' is gone"
    refused(cli, path, url, "promote", "s", "odd", "4", says=lacks, code="TFD431")
    finite = "output 'twice' isn't finite everywhere"
    refused(cli, path, url, "promote", "s", "odd", "5", says=finite)
    # The label moves by `up` and `add-model` through the same gate.
    moved = ("add-model", "s", "odd", "--versions", "3", "--label", "stable=3", "--up")
    refused(cli, path, url, *moved, says=differs)
    result = journal(cli)[-1]
    assert (result["result"], result["error"]["code"]) == ("failed", "TFD430")

    cli("promote", "s", "odd", "2").succeeded()
    assert labels(cli, "odd") == {"stable": 2}
    ran = cli("promote", "s", "odd", "3", "--no-checks").succeeded()
    assert "skip the check of odd 3 on one" in ran.stdout
    assert labels(cli, "odd") == {"stable": 3}
    assert any(step.get("skipped") for step in journal(cli)[-1]["plan"]["steps"])


def test_the_samples_that_the_export_recorded_are_asked(
    cli: Cli, stack: WriteStack, odd: Path
) -> None:
    path = stack(ODD[: ODD.index("        checks:")])
    cli("up", "s").succeeded()
    samples = {"serving_default": [{"x": 2.0}]}
    outputs = {"y": [1.0], "twice": [4.0]}
    manifest = {
        "samples": samples,
        "answers": {"serving_default": {"outputs": outputs, "tolerance": 1e-4}},
    }
    for number in (2, 3):
        (odd / str(number) / "tfdeploy.json").write_text(json.dumps(manifest))
    url = rest_url(cli)
    says = "the recorded sample of 'serving_default': output 'y' differs by up to 0.25 at [0]"
    refused(cli, path, url, "promote", "s", "odd", "3", says=says)
    ran = cli("promote", "s", "odd", "2").succeeded()
    assert "check one: odd 2 answers 1 request" in ran.stdout


def spoil_warmup(version: Path) -> None:
    """Whole to look at; the server fails to load it."""
    (version / "assets.extra").mkdir(exist_ok=True)
    (version / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records at all")


def test_a_version_that_fails_to_load_is_burned_and_the_next_number_is_offered(
    cli: Cli, stack: WriteStack, odd: Path
) -> None:
    path = stack(ODD)
    cli("up", "s").succeeded()
    url = rest_url(cli)
    spoil_warmup(odd / "2")
    refused(
        cli, path, url, "promote", "s", "odd", "2", says="odd 2 on service 'one'", code="TFD410"
    )
    told = cli("versions", "s", "odd").succeeded().stdout
    assert "odd 2 is burned: the server failed to load it" in told
    assert "next free version: 6" in told
    # Mended under its number it isn't tried again, and nothing is begun.
    shutil.rmtree(odd / "2" / "assets.extra")
    again = cli("promote", "s", "odd", "2")
    assert (again.exit_code, "TFD432" in again.stderr) == (5, True)
    assert f"`mv {odd}/2 {odd}/6`" in again.stderr
    (odd / "2").rename(odd / "6")
    cli("promote", "s", "odd", "6").succeeded()
    assert labels(cli, "odd") == {"stable": 6}


def test_a_burned_number_is_tried_again_by_a_model_that_comes_back(
    cli: Cli, stack: WriteStack, half: Path, odd: Path
) -> None:
    text = ODD + "      half: {}\n"
    path = stack(text)
    cli("up", "s").succeeded()
    spoil_warmup(odd / "2")
    assert cli("promote", "s", "odd", "2").exit_code == 5
    shutil.rmtree(odd / "2" / "assets.extra")
    cli("remove-model", "s", "odd", "--up").succeeded()
    path.write_text(text.replace("[1]", "[2]").replace("stable: 1", "stable: 2"))
    cli("up", "s").succeeded()
    assert labels(cli, "odd") == {"stable": 2}


def test_a_version_that_never_loads_doesnt_get_the_label(
    cli: Cli, stack: WriteStack, odd: Path
) -> None:
    # It is tried again and again, a minute apart; a thread of its own leaves the others alone.
    flags = "{max_num_load_retries: 5, load_retry_interval_micros: 60000000, num_load_threads: 2}"
    path = stack(f"{ODD}    flags: {flags}\n")
    cli("up", "s").succeeded()
    spoil_warmup(odd / "2")
    words = ("promote", "s", "odd", "2", "--timeout", "3")
    says = "Not AVAILABLE on service 'one' after 3 s: odd 2 (LOADING)"
    refused(cli, path, rest_url(cli), *words, says=says, code="TFD412")


def test_a_broken_checks_file_is_found_before_anything_changes(
    cli: Cli, stack: WriteStack, odd: Path
) -> None:
    path = stack(ODD.replace("[2.0, 4.0]", "checks/none.json"))
    for words in (("up", "s"), ("promote", "s", "odd", "2")):
        ran = cli(*words)
        assert (ran.exit_code, "TFD230" in ran.stderr) == (2, True)
    (path.parent / "checks").mkdir()
    (path.parent / "checks" / "none.json").write_text("[2.0, 4.0]")
    cli("up", "s").succeeded()
    cli("promote", "s", "odd", "2").succeeded()
