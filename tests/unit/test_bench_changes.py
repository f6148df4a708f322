"""What `benchmarks/changes.py` counts, and what it makes of it; nothing is run here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from changing import light_server
from changing.asking import predict_path
from changing.client import Shared
from changing.figures import TABLES, aligned, markdown
from changing.running import faults
from changing.table import FIRST, changes, first_stack
from changing.tally import Expectations, Judge, parse_question

from tfdeploy.stack import parse_stack


@pytest.fixture
def judge() -> Judge:
    """Since 10, `m@stable` is 1; from 20 it may be 2, from 30 it must."""
    judge = Judge(10)
    judge.expectations.allow({"m@stable": [1]}, 10)
    judge.expectations.allow({"m@stable": [1, 2]}, 20)
    judge.expectations.allow({"m@stable": [2]}, 30)
    return judge


@pytest.mark.parametrize(
    ("version", "started", "ended", "outcome"),
    [
        (1, 11, 12, "right"),
        (2, 11, 12, "wrong"),
        (2, 19, 21, "right"),
        (1, 21, 22, "right"),
        (1, 29, 31, "right"),
        (1, 31, 32, "wrong"),
        (2, 31, 32, "right"),
    ],
    ids=[
        "before", "too early", "it may have moved meanwhile", "it need not have moved",
        "asked while either was right", "after the command had ended", "after",
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_what_was_right_meanwhile(
    judge: Judge, version: int, started: float, ended: float, outcome: str
) -> None:
    judge.answered("grpc", "m@stable", version, started, ended)
    assert judge.turn(40)["kinds"] == {"grpc": {outcome: 1}}


def test_an_answer_to_what_nobody_may_ask_is_wrong() -> None:
    expectations = Expectations()
    expectations.allow({"m": [1]}, 10)
    assert expectations.versions("other", 11, 12) == set()


def test_a_gap_lasts_from_one_right_answer_to_the_next(judge: Judge) -> None:
    judge.answered("grpc", "m@stable", 1, 10, 11)
    judge.failed("grpc", "m@stable", "failed", "UNAVAILABLE", 12, 13)
    judge.answered("grpc", "m@stable", 1, 13.5, 14)
    first = judge.turn(15)
    assert (first["longest_gap_seconds"], first["slowest_seconds"]) == (3, 1)
    assert first["failures"] == ["failed: grpc m@stable after 1.000 s: UNAVAILABLE"]
    # One that goes on belongs to the next tally as a whole.
    judge.answered("grpc", "m@stable", 1, 19, 20)
    second = judge.turn(20)
    assert (second["longest_gap_seconds"], second["failed"], second["right"]) == (6, 0, 1)


def test_a_question_that_is_dropped_while_it_is_on_its_way_was_right() -> None:
    shared = Shared()
    shared.turn({"guest": [1]})
    question, started = shared.next_question()
    shared.turn({"m": [1]})
    shared.tell(lambda judge: judge.answered("grpc", question, 1, started, started + 1))
    assert shared.turn({"m": [1]})["right"] == 1


def test_requests_that_were_not_sent_are_counted(judge: Judge) -> None:
    judge.unsent("rest kept", 3)
    judge.unsent("rest kept")
    assert judge.turn(11)["unsent"] == 4


def test_a_question_leads_to_a_path() -> None:
    paths = [predict_path(parse_question(text)) for text in ("m", "m@stable", "m#3")]
    assert paths == [
        "/v1/models/m:predict",
        "/v1/models/m/labels/stable:predict",
        "/v1/models/m/versions/3:predict",
    ]


def result(**changed: Any) -> dict[str, Any]:
    tally = {"right": 5, "wrong": 0, "failed": 0, "unsent": 0, "failures": []}
    tally |= {"longest_gap_seconds": 0.1, "slowest_seconds": 0.02}
    row = {"name": "n", "exit_code": 0, "wanted_exit_code": 0, "has_gap": False, "said": "s"}
    return {**row, "command_seconds": 1.0, "during": tally, "after": dict(tally), **changed}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (result(), None),
        (result(exit_code=5), "exit code 5"),
        (result(exit_code=0, wanted_exit_code=5), "exit code 0"),
        (result(during={**result()["during"], "failures": ["failed: x"]}), "during: failed: x"),
        (result(after={**result()["during"], "failures": ["wrong: x"]}), "after: wrong: x"),
        (result(has_gap=True, during={**result()["during"], "failures": ["failed: x"]}), None),
        (result(after={**result()["during"], "right": 0}), "no request was answered rightly"),
    ],
)
def test_what_counts_as_a_fault(row: dict[str, Any], fault: str | None) -> None:
    found = faults([row])
    assert (found == []) if fault is None else (len(found) == 1 and fault in found[0])


def test_each_row_starts_from_what_the_one_before_it_left() -> None:
    serving = dict(FIRST)
    for row in changes():
        assert row.gone == () or set(row.gone) <= set(serving), row.name
        for question in row.gone:
            del serving[question]
        assert not any(serving.get(q) == version for q, version in row.then.items()), row.name
        serving.update(row.then if row.exit_code == 0 else {})
    assert len({row.name for row in changes()}) == len(changes())


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_the_first_stack_is_one(runtime: str) -> None:
    import yaml

    text = yaml.safe_dump({"stack": "s", **first_stack("image:1", runtime, 8501, 8500)})
    file = parse_stack(text, Path("nowhere/stacks/one/stack.yaml"))
    assert file.stack.runtime == runtime


def test_tables_have_a_cell_in_every_column() -> None:
    available = [{"way": "w", "available_s": 1, "fastest_s": 1, "slowest_s": 1, "to_add_model": 1}]
    parts = ("help", "render", "plan", "up", "rendering", "observing", "planning")
    idle = [{"services": 1, **{f"{part}_s": 0.1 for part in parts}}]
    figures = {"load": {"rows": [result()]}, "available": available, "idle": idle}
    for what, make in TABLES.items():
        table = make(figures[what])
        assert {len(line) for line in table} == {len(table[0])}
        assert len(aligned(table).splitlines()) == len(table)
        assert len({line.count("|") for line in markdown(table).splitlines()}) == 1
    assert TABLES["load"](figures["load"])[1][2] == "10"


def test_the_light_server_serves_what_its_config_says(tmp_path: Path) -> None:
    for number in (1, 2, 7):
        (tmp_path / "m" / str(number)).mkdir(parents=True)
    config = f"""model_config_list {{
      config {{ name: "a" base_path: "{tmp_path}/m" }}
      config {{
        name: "b" base_path: "{tmp_path}/m"
        model_version_policy {{ specific {{ versions: [1, 2] }} }}
        version_labels {{ key: "stable" value: 1 }}
      }}
    }}"""
    models = light_server.read_models(config)
    assert models == {"a": ([7], {}), "b": ([1, 2], {"stable": 1})}
