"""What `benchmarks/server.py` makes of its measurements; the measuring itself isn't run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import server
from benchmarks.serving import figures, starting, tables
from benchmarks.serving.cases import Case, WrongAnswer
from benchmarks.serving.figures import Key, Sample
from benchmarks.serving.loads import LoadFailed, measure, read_wrk
from benchmarks.serving.servers import KINDS, flags_of
from tfdeploy import wire
from tfdeploy.server.flags import parse_flags

HALF = Case("half_plus_two", "half_plus_two", "x", "y", [1.0, 2.0], [2.5, 3.0])
JPEG = Case("mobilenet", "mobilenet", "image_bytes", "scores", [{"b64": "/9j/"}], [[1.0, -2.0]])


def sample(per_second: int, p99_us: float = 100, cpu_us: float = 10, failed: int = 0) -> Sample:
    requests = per_second * 2
    return Sample(requests, 2.0, 50, p99_us, cpu_us * requests / 1e6, failed)


def row_of(samples: dict[str, list[Sample]], server_name: str, key: Key) -> dict[str, Any]:
    return next(row for row in figures.rows_of({key: samples}) if row["server"] == server_name)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.99, 4.0), (0.25, 1.0), (0.26, 2.0), (1.0, 4.0)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: float) -> None:
    assert figures.percentile([1.0, 2.0, 3.0, 4.0], share) == expected


def test_no_latencies_have_no_percentile() -> None:
    assert figures.percentile([], 0.99) == 0.0


def test_a_row_has_medians_and_ratios_within_rounds() -> None:
    # Taken by itself each server's median would make it twice as fast.
    samples = {
        "embedded": [sample(100, 300), sample(300, 600), sample(200, 150)],
        "real": [sample(100, 200), sample(100, 400), sample(400, 100)],
    }
    row = row_of(samples, "embedded", Key("rest", "mlp", 8))
    assert (row["per_second"], row["p99_us"], row["cpu_us"]) == (200, 300, 10)
    assert (row["to_real"], row["p99_to_real"]) == (1.0, 1.5)
    assert "to_naive" not in row
    assert "to_real" not in row_of(samples, "real", Key("rest", "mlp", 8))


def test_cpu_above_the_floor_is_split_into_the_run_and_the_rest() -> None:
    samples = {
        "bare": [sample(1000, cpu_us=20)],
        "floor": [sample(500, cpu_us=100)],
        "embedded": [sample(300, cpu_us=180)],
    }
    row = row_of(samples, "embedded", Key("grpc", "mlp", 8))
    assert (row["above_floor_us"], row["own_us"]) == (80, 60)


def test_batching_stands_beside_the_same_server_without_it() -> None:
    samples = {"embedded-alone": [sample(100)], "embedded-batching": [sample(150)]}
    assert row_of(samples, "embedded-batching", Key("batching", "mlp", 32))["to_unbatched"] == 1.5


@pytest.mark.parametrize(
    ("case", "server_name", "per_second", "p99_us", "met"),
    [
        ("half_plus_two", "embedded", 150, 100, [True, True]),
        ("half_plus_two", "embedded", 149, 101, [False, False]),
        ("mlp_32_rows", "embedded", 90, 500, [True]),
        ("mlp_32_rows", "embedded", 89, 50, [False]),
        ("mlp_32_rows", "embedded-2", 149, 100, [False, True]),
        ("mobilenet", "embedded", 100, 101, [True, False]),
        ("mobilenet", "embedded-2", 1, 900, []),
    ],
)
def test_the_limits_beside_a_real_server(
    case: str, server_name: str, per_second: int, p99_us: float, met: list[bool]
) -> None:
    samples = {server_name: [sample(per_second, p99_us)], "real": [sample(100, 100)]}
    rows = figures.rows_of({Key("rest", case, 8): samples})
    assert [verdict.met for verdict in figures.verdicts_of(rows)] == met


@pytest.mark.parametrize("key", [Key("rest", "mlp", 1), Key("grpc", "mlp", 8)])
def test_other_places_have_no_limit(key: Key) -> None:
    rows = figures.rows_of({key: {"embedded": [sample(1)], "real": [sample(100)]}})
    assert figures.verdicts_of(rows) == []


def test_the_limits_of_the_start() -> None:
    base = {"command": "import tensorflow", "seconds": 3.0, "rss_mib": 600, "pss_mib": 500}
    one = {"command": "embedded", "seconds": 1.0, "rss_mib": 420, "pss_mib": 351}
    assert [verdict.met for verdict in starting.verdicts_of([one, base])] == [True, True, False]


def test_what_wrk_printed_is_read_and_its_errors_are_added() -> None:
    line = {"requests": 9, "seconds": 2.0, "p50_us": 5, "p99_us": 7, "status": 3, "socket": 1}
    seen = read_wrk(f"Running 2s test\n  9 requests\n\n{json.dumps(line)}\n")
    assert Sample(cpu_seconds=1.0, **seen).failed == 4


@pytest.mark.parametrize("text", ["", "unable to connect", '{"requests": 1}', "[]"])
def test_without_figures_of_wrk_there_is_no_sample(text: str) -> None:
    with pytest.raises(LoadFailed):
        read_wrk(text)


@pytest.mark.parametrize("case", [HALF, JPEG], ids=lambda case: case.name)
def test_right_answers_pass_in_both_protocols(case: Case) -> None:
    case.check_grpc(case.grpc_reply)
    case.check_rest(json.dumps({"predictions": case.expected}).encode())


@pytest.mark.parametrize(
    "body",
    [b'{"predictions": [2.5, 3.01]}', b'{"predictions": [2.5]}', b'{"error": "no"}', b"[]", b"no"],
)
def test_wrong_answers_are_told(body: bytes) -> None:
    with pytest.raises(WrongAnswer):
        HALF.check_rest(body)


def test_a_grpc_answer_may_list_its_values() -> None:
    reply = wire.PredictResponse.FromString(HALF.grpc_reply)
    values = np.frombuffer(reply.outputs["y"].tensor_content, np.float32)
    reply.outputs["y"].ClearField("tensor_content")
    reply.outputs["y"].float_val.extend(values.tolist())
    HALF.check_grpc(reply.SerializeToString())
    reply.outputs["y"].float_val[1] = 4.0
    with pytest.raises(WrongAnswer):
        HALF.check_grpc(reply.SerializeToString())


def test_requests_carry_the_rows() -> None:
    request = wire.PredictRequest.FromString(JPEG.grpc_request)
    assert request.model_spec.name == "mobilenet"
    assert list(request.inputs["image_bytes"].string_val) == [b"\xff\xd8\xff"]
    assert json.loads(JPEG.rest_request) == {"instances": [{"b64": "/9j/"}]}


def test_the_real_server_gets_the_same_words(tmp_path: Path) -> None:
    for one, other in (("embedded", "real"), ("embedded-batching", "real-batching")):
        words = flags_of(KINDS[one], 1, 2, tmp_path)
        assert words == flags_of(KINDS[other], 1, 2, tmp_path)
    flags, unknown = parse_flags(words)
    assert not unknown
    assert (flags.rest_api_port, flags.port, flags.enable_batching) == (1, 2, True)
    assert flags.batching_parameters_file == str(tmp_path / "batching.config")


class Fake:
    def __init__(self, name: str) -> None:
        self.name = name


def test_every_round_starts_with_another_server() -> None:
    asked: list[str] = []
    samples: dict[str, list[Sample]] = {}
    targets = [Fake("a"), Fake("b"), Fake("c")]
    for number in range(3):
        measure(targets, lambda one: asked.append(one.name) or sample(1), samples, number)  # type: ignore[arg-type, func-returns-value]
    assert asked == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert {name: len(each) for name, each in samples.items()} == {"a": 3, "b": 3, "c": 3}


def options(*argv: str) -> Any:
    return server.parser().parse_args(argv)


def test_real_servers_are_compared_only_when_there_is_one() -> None:
    assert "real" not in server.chosen_servers(options())
    assert {"real", "real-batching"} <= set(
        server.chosen_servers(options("--server-binary", "tensorflow_model_server"))
    )


def test_options_narrow_what_is_measured() -> None:
    chosen = options("--only", "rest", "--models", "mlp", "--concurrency", "8", "--servers", "bare")
    assert server.keys_of(chosen) == [Key("rest", "mlp", 8)]
    assert server.chosen_servers(chosen) == ["bare"]
    assert server.keys_of(options("--only", "startup")) == []
    assert server.keys_of(options("--only", "batching", "--models", "half_plus_two")) == []


def test_an_unknown_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options("--models", "mlp,resnet")
    assert "resnet" in capsys.readouterr().err


def found(failed: int, met: bool) -> dict[str, Any]:
    row = row_of({"embedded": [sample(1, failed=failed)]}, "embedded", Key("rest", "mlp", 8))
    limit = {"what": "x", "limit": "<= 1", "measured": 2.0, "met": met}
    return {
        "machine": {"cpu": "a CPU", "cores": 2, "python": "3.11", "tensorflow": "2.21"},
        "options": {"rounds": 3, "seconds": 2},
        "rows": [row],
        "memory": [],
        "startup": [],
        "limits": [limit],
    }


@pytest.mark.parametrize(
    ("failed", "met", "check", "code"),
    [(0, True, True, 0), (0, False, False, 0), (0, False, True, 1), (1, True, False, 1)],
)
def test_failed_requests_always_count_and_limits_when_asked(
    failed: int, met: bool, check: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.exit_code(found(failed, met), check) == code
    assert ("FAILED REQUESTS" in capsys.readouterr().err) == bool(failed)


def test_tables_leave_out_what_nobody_has() -> None:
    text = tables.report(found(0, True), tables.markdown, "### ")
    assert "| model | clients | server | req/s |" in text
    assert "| mlp | 8 | embedded | 1 |" in text
    assert "x real" not in text
    assert "FAILED" not in text
    assert "FAILED" in tables.report(found(2, True), tables.plain, "")


def test_the_page_has_a_place_for_the_figures() -> None:
    page = server.PAGE.read_text(encoding="utf-8")
    assert page.index(server.BEGIN) < page.index(server.END)
