"""What is counted where, and how the page shows it."""

import asyncio
import json
import struct
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tfdeploy import wire
from tfdeploy.server.grpc_api import GrpcApi
from tfdeploy.server.loading import Loader
from tfdeploy.server.metrics import Metrics, first_value, merge_snapshots, render
from tfdeploy.server.metrics.page import Snapshot
from tfdeploy.server.metrics.table import TABLE, exponential
from tfdeploy.server.status import ServingError
from tfdeploy.server.tensor import Tensor, byte_size
from tfdeploy.server.warmup import FILE, masked_checksum, warm_up

pytestmark = pytest.mark.timeout(20)

COUNT = "/tensorflow/serving/request_count"
LATENCY = "/tensorflow/serving/request_latency"
ATTEMPTS = "/tensorflow/cc/saved_model/load_attempt_count"


def page_of(metrics: Metrics) -> list[str]:
    return render(metrics.snapshot()).splitlines()


def lines_of(metrics: Metrics, name: str) -> list[str]:
    return [line for line in page_of(metrics) if line.startswith(f":tensorflow:{name}")]


def series(metrics: Metrics, raw_name: str) -> dict[tuple[str, ...], list[float]]:
    return {tuple(labels): numbers for labels, numbers in metrics.snapshot().get(raw_name, ())}


def test_an_untouched_page_is_type_lines_alone_in_the_order_of_names() -> None:
    page = page_of(Metrics())
    assert "# TYPE :tensorflow:serving:request_count counter" in page
    assert all(line.startswith("# TYPE ") for line in page)
    assert page == sorted(page)
    assert not any("input_batch_size" in line for line in page)  # the original's comes late


def test_requests() -> None:
    metrics = Metrics()
    meter = metrics.request("half", "predict", "REST")
    meter.ok(11.0)
    meter.ok(20.0)
    metrics.request("half", "predict", "REST").failed("INVALID_ARGUMENT")
    assert lines_of(metrics, "serving:request_count") == [
        ':tensorflow:serving:request_count{model_name="half",status="INVALID_ARGUMENT"} 1',
        ':tensorflow:serving:request_count{model_name="half",status="OK"} 2',
    ]
    shown = lines_of(metrics, "serving:request_latency")
    labels = 'model_name="half",API="predict",entrypoint="REST"'
    bucket = f":tensorflow:serving:request_latency_bucket{{{labels},le="
    assert shown[:3] == [f'{bucket}"10"}} 0', f'{bucket}"18"}} 1', f'{bucket}"32.4"}} 2']
    assert shown[-3:] == [
        f'{bucket}"+Inf"}} 2',
        f":tensorflow:serving:request_latency_sum{{{labels}}} 31",
        f":tensorflow:serving:request_latency_count{{{labels}}} 2",
    ]
    assert len(shown) == 33 + 3


def test_a_meter_is_kept_once_it_succeeded_and_failures_have_no_latency() -> None:
    metrics = Metrics()
    metrics.request("nope", "Predict", "GRPC").failed("NOT_FOUND")
    assert series(metrics, LATENCY) == {}
    first = metrics.request("half", "Predict", "GRPC")
    other = metrics.request("half", "Predict", "GRPC")
    first.ok(1)
    other.ok(1)  # looked up before the first success: the same series all the same
    assert series(metrics, COUNT)["half", "OK"] == [2]
    assert metrics.request("half", "Predict", "GRPC") is other


def test_names_that_clients_make_up_are_limited_and_models_are_not() -> None:
    metrics = Metrics(most_names=3)
    for number in range(20):
        metrics.request(f"nope{number}", "predict", "REST").failed("NOT_FOUND")
    metrics.request("nope1", "predict", "REST").failed("NOT_FOUND")
    metrics.request("real", "predict", "REST").ok(5)
    metrics.request("x" * 300, "predict", "REST").failed("NOT_FOUND")
    assert series(metrics, COUNT) == {
        ("", "NOT_FOUND"): [18],
        ("nope0", "NOT_FOUND"): [1],
        ("nope1", "NOT_FOUND"): [2],
        ("nope2", "NOT_FOUND"): [1],
        ("real", "OK"): [1],
    }


def test_long_names_are_not_kept() -> None:
    metrics = Metrics()
    metrics.request("x" * 257, "", "REST").failed("NOT_FOUND")
    metrics.request("x" * 256, "", "REST").failed("NOT_FOUND")
    assert set(series(metrics, COUNT)) == {("", "NOT_FOUND"), ("x" * 256, "NOT_FOUND")}


@pytest.mark.parametrize(
    ("name", "shown"),
    [('a"b', 'a\\"b'), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("ü", "ü"), ("a\udcffb", "a�b")],
)
def test_labels_are_escaped(name: str, shown: str) -> None:
    metrics = Metrics()
    metrics.request(name, "", "REST").failed("NOT_FOUND")
    (line,) = lines_of(metrics, "serving:request_count")
    assert line == f':tensorflow:serving:request_count{{model_name="{shown}",status="NOT_FOUND"}} 1'
    line.encode()


def test_runs() -> None:
    metrics = Metrics()
    metrics.run("half", "Predict").add(100)
    name = "/tensorflow/serving/runtime_latency"
    assert list(series(metrics, name)) == [("half", "Predict", "TF1")]
    assert metrics.run("half", "Predict") is metrics.run("half", "Predict")


def test_graphs() -> None:
    metrics = Metrics()
    metrics.graph.started(8)
    metrics.graph.started(4)  # and fails
    metrics.graph.finished(1500.7, 4)
    shown = lines_of(metrics, "core:")
    assert ":tensorflow:core:direct_session_runs{} 2" in shown
    assert ":tensorflow:core:graph_runs{} 1" in shown
    assert ":tensorflow:core:graph_run_time_usecs{} 1500" in shown
    assert ':tensorflow:core:graph_run_time_usecs_histogram_bucket{le="2000"} 1' in shown
    assert ":tensorflow:core:graph_run_input_tensor_bytes_sum{} 12" in shown
    assert ":tensorflow:core:graph_run_output_tensor_bytes_count{} 1" in shown


def test_batching() -> None:
    metrics = Metrics()
    meter = metrics.batching()
    meter.accepted(3, 2)
    meter.dequeued(50)
    meter.merged(3, 4)
    meter.ran()
    shown = lines_of(metrics, "serving:batching_session")
    prefix = ":tensorflow:serving:batching_session:"
    assert f"{prefix}input_batch_size_count{{}} 2" in shown
    assert f"{prefix}input_batch_size_sum{{}} 6" in shown
    assert f'{prefix}processed_batch_size_bucket{{le="4"}} 0' in shown
    assert f'{prefix}processed_batch_size_bucket{{le="8"}} 1' in shown
    assert f'{prefix}padding_size_sum{{execution_batch_size="4"}} 1' in shown
    assert f'{prefix}queuing_latency_bucket{{thread_pool_name="",le="100"}} 1' in shown
    assert f"{prefix}wrapped_run_count{{}} 1" in shown


def test_examples_of_multi_inference() -> None:
    metrics = Metrics()
    metrics.count_examples("m", 3)
    assert first_value(metrics.snapshot(), "/tensorflow/serving/request_example_count_total") == 3
    assert ':tensorflow:serving:request_example_counts_count{model="m"} 1' in page_of(metrics)


def test_snapshots_travel_as_json_and_add_up() -> None:
    one, two = Metrics(), Metrics()
    for metrics in (one, two):
        metrics.request("half", "predict", "REST").ok(100)
        metrics.loads.loaded("/m/1", 5, 1)
    two.request("half", "predict", "REST").ok(1e9)
    two.request("nope", "predict", "REST").failed("NOT_FOUND")
    parts: list[Snapshot] = json.loads(json.dumps([one.snapshot(), two.snapshot()]))
    merged = merge_snapshots(parts)
    both = Metrics()
    for microseconds in (100, 100, 1e9):
        both.request("half", "predict", "REST").ok(microseconds)
    both.request("nope", "predict", "REST").failed("NOT_FOUND")
    both.loads.loaded("/m/1", 5, 1)
    both.loads.loaded("/m/1", 5, 1)
    assert render(merged) == render(both.snapshot())
    assert merge_snapshots([]) == {}


def test_gauges_are_not_added() -> None:
    name = "/tensorflow/core/session_created"
    merged = merge_snapshots([{name: [([], [2])]}, {name: [([], [3])]}])
    assert merged == {name: [((), [3])]}


@pytest.mark.parametrize(
    ("name", "value"),
    [(COUNT, 2), (LATENCY, 0), ("/tensorflow/serving/nope", 0), (ATTEMPTS, 0)],
)
def test_a_reload_reports_the_first_series_alone(name: str, value: int) -> None:
    metrics = Metrics()
    for _ in range(7):
        metrics.request("b", "predict", "REST").ok(1)
    for _ in range(2):
        metrics.request("a", "predict", "REST").ok(1)
    assert first_value(metrics.snapshot(), name) == value


def reload_reply(metrics: Metrics, names: list[str], paths: list[str]) -> dict[str, int]:
    """What a reload that loads these paths reports."""

    async def reload(_config: Any) -> None:
        for path in paths:
            metrics.loads.loaded(path, 5, 1)

    async def snapshot() -> Snapshot:
        return metrics.snapshot()

    hub: Any = SimpleNamespace(metrics=metrics, reload=reload, snapshot=snapshot)
    handler = GrpcApi(hub, False, False).service(SimpleNamespace(method=wire.RELOAD_CONFIG))
    context = SimpleNamespace(time_remaining=lambda: None)
    request = wire.ReloadConfigRequest(metric_names=names).SerializeToString()
    reply = wire.ReloadConfigResponse.FromString(asyncio.run(handler.unary_unary(request, context)))
    return {metric.name: metric.int64_value_increase for metric in reply.metric}


def test_a_reload_reports_increases() -> None:
    metrics = Metrics()
    metrics.loads.loaded("/m/1", 5, 1)
    names = [ATTEMPTS, "/tensorflow/serving/nope", ATTEMPTS]
    assert reload_reply(metrics, names, ["/m/1", "/m/2"]) == {ATTEMPTS: 1, names[1]: 0}


def test_loads_are_counted_by_any_thread() -> None:
    metrics = Metrics()

    def load() -> None:
        for number in range(200):
            metrics.loads.loaded(f"/m/{number % 20}", 3, 1)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.snapshot()
    for thread in threads:
        thread.join()
    counts = series(metrics, ATTEMPTS)
    assert len(counts) == 20
    assert set(map(tuple, counts.values())) == {(40,)}
    assert series(metrics, "/tensorflow/cc/saved_model/load_latency")["/m/0",] == [160]
    assert ":tensorflow:core:session_created{} 0" in page_of(metrics)


class FakeEngine:
    """Loads an empty graph, or fails."""

    name = "fake"

    def __init__(self, error: ServingError | None = None) -> None:
        self._error = error

    def load(self, *_: Any) -> Any:
        if self._error is not None:
            raise self._error
        return SimpleNamespace(meta_graph=b"", close=lambda: None)


@pytest.mark.parametrize(
    ("error", "status", "stages"),
    [
        (None, "success", {"restore_graph", "init_graph"}),
        (ServingError(wire.Code.DATA_LOSS, "broken"), "fail", set()),
    ],
)
def test_the_loader_counts(
    error: ServingError | None, status: str, stages: set[str], tmp_path: Path
) -> None:
    (tmp_path / "saved_model.pb").touch()
    metrics = Metrics()
    loader = Loader(FakeEngine(error), metrics.loads, ("serve",), b"")
    if error is None:
        loader.load("m", 1, str(tmp_path))
    else:
        with pytest.raises(ServingError, match="broken"):
            loader.load("m", 1, str(tmp_path))
    assert list(series(metrics, ATTEMPTS)) == [(str(tmp_path), status)]
    by_stage = series(metrics, "/tensorflow/cc/saved_model/load_latency_by_stage")
    assert {stage for _, stage in by_stage} == stages


def test_what_never_gets_to_tensorflow_is_no_attempt(tmp_path: Path) -> None:
    metrics = Metrics()
    with pytest.raises(ServingError, match="does not appear to contain"):
        Loader(FakeEngine(), metrics.loads, ("serve",), b"").load("m", 1, str(tmp_path))
    assert metrics.snapshot() == {}


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked_checksum(length) + data + masked_checksum(data)


@pytest.mark.parametrize(
    ("content", "status", "records"),
    [
        (record(b"") * 2, "OK", 2),  # logs without a kind are skipped
        (record(b"") + b"?" * 20, "DATA_LOSS", 1),
    ],
)
def test_warm_ups(content: bytes, status: str, records: int, tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_bytes(content)
    metrics, hub = Metrics(), SimpleNamespace(close=lambda: None)
    servable: Any = SimpleNamespace(forget_meters=lambda: None)  # no record runs it
    make_hub: Any = lambda: hub  # noqa: E731
    if status == "OK":
        warm_up(servable, str(tmp_path), 1, make_hub, metrics.loads)
    else:
        with pytest.raises(ServingError, match="TFRecord format"):
            warm_up(servable, str(tmp_path), 1, make_hub, metrics.loads)
    counted = series(metrics, "/tensorflow/serving/model_warmup_records_read")
    (labels,) = series(metrics, "/tensorflow/serving/model_warmup_latency")
    assert labels[0] == str(tmp_path)
    assert labels[1].startswith(status)
    assert counted == {labels: [records]}


def test_every_metric_is_declared_once() -> None:
    names = [metric.name for metric in TABLE]
    assert len(set(names)) == len(names)
    assert all(name.startswith("/tensorflow/") for name in names)


def test_buckets_grow_like_tensorflows() -> None:
    assert exponential(1, 4, 4) == (1, 4, 16, 64)
    assert len(exponential(10, 1.8, 33)) == 33


def test_bytes_of_tensors() -> None:
    assert byte_size(Tensor(wire.DataType.DT_FLOAT, np.zeros((2, 3), np.float32))) == 24
    strings = np.array([b"ab", b"c"], np.object_)
    assert byte_size(Tensor(wire.DataType.DT_STRING, strings)) == 2 * 24 + 3
