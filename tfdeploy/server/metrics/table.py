"""Every metric of this server, declared once: raw name, kind, labels, bucket limits.

Sources: tensorflow_serving/servables/tensorflow/{util,saved_model_warmup_util}.cc,
batching/{batching_session.cc,batching_util.h}; of TensorFlow cc/saved_model/loader.cc,
core/framework/metrics.cc and core/common_runtime/direct_session.cc. Those that stand below without
labels and buckets are fed by nothing here; the original prints their `# TYPE` line alone too.
"""

import itertools
from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """What is known of a metric before anything is counted.

    Attributes:
        name: TensorFlow's own, such as `/tensorflow/serving/request_count`.
        kind: Prometheus's word for it.
        labels: Label names, in the order of the page.
        limits: Upper limits of a histogram's buckets, exclusive; the one to infinity goes without
            saying.
        shown_untouched: Print the `# TYPE` line before the first value. The original registers
            some metrics only when they are first written.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    limits: tuple[float, ...] = ()
    shown_untouched: bool = True


def exponential(scale: float, growth: float, count: int) -> tuple[float, ...]:
    """Bucket limits as of `monitoring::Buckets::Exponential` in TensorFlow."""
    factors = itertools.repeat(growth, count - 1)
    return tuple(itertools.accumulate(factors, lambda limit, factor: limit * factor, initial=scale))


_MICROSECONDS: Final = exponential(10, 1.8, 33)
_ROWS: Final = exponential(1, 2, 14)
_BYTES: Final = exponential(1, 4, 14)

REQUEST_COUNT: Final = Metric(
    "/tensorflow/serving/request_count", "counter", ("model_name", "status")
)
REQUEST_LATENCY: Final = Metric(
    "/tensorflow/serving/request_latency",
    "histogram",
    ("model_name", "API", "entrypoint"),
    _MICROSECONDS,
)
RUNTIME_LATENCY: Final = Metric(
    "/tensorflow/serving/runtime_latency",
    "histogram",
    ("model_name", "API", "runtime"),
    _MICROSECONDS,
)
EXAMPLE_COUNTS: Final = Metric(
    "/tensorflow/serving/request_example_counts", "histogram", ("model",), exponential(1, 2, 15)
)
EXAMPLE_COUNT_TOTAL: Final = Metric(
    "/tensorflow/serving/request_example_count_total", "counter", ("model",)
)
WARMUP_LATENCY: Final = Metric(
    "/tensorflow/serving/model_warmup_latency",
    "histogram",
    ("model_path", "status"),
    _MICROSECONDS,
)
WARMUP_RECORDS: Final = Metric(
    "/tensorflow/serving/model_warmup_records_read", "counter", ("model_path", "status")
)
QUEUING_LATENCY: Final = Metric(
    "/tensorflow/serving/batching_session/queuing_latency",
    "histogram",
    ("thread_pool_name",),
    exponential(100, 1.2, 52),
)
WRAPPED_RUN_COUNT: Final = Metric(
    "/tensorflow/serving/batching_session/wrapped_run_count", "counter"
)
INPUT_BATCH_SIZE: Final = Metric(
    "/tensorflow/serving/batching_session/input_batch_size", "histogram", (), _ROWS, False
)
PROCESSED_BATCH_SIZE: Final = Metric(
    "/tensorflow/serving/batching_session/processed_batch_size", "histogram", (), _ROWS, False
)
PADDING_SIZE: Final = Metric(
    "/tensorflow/serving/batching_session/padding_size",
    "histogram",
    ("execution_batch_size",),
    _ROWS,
    False,
)
LOAD_ATTEMPT_COUNT: Final = Metric(
    "/tensorflow/cc/saved_model/load_attempt_count", "counter", ("model_path", "status")
)
LOAD_LATENCY: Final = Metric("/tensorflow/cc/saved_model/load_latency", "counter", ("model_path",))
LOAD_LATENCY_BY_STAGE: Final = Metric(
    "/tensorflow/cc/saved_model/load_latency_by_stage",
    "histogram",
    ("model_path", "stage"),
    _MICROSECONDS,
)
SESSION_CREATED: Final = Metric("/tensorflow/core/session_created", "gauge")
DIRECT_SESSION_RUNS: Final = Metric("/tensorflow/core/direct_session_runs", "counter")
GRAPH_RUNS: Final = Metric("/tensorflow/core/graph_runs", "counter")
GRAPH_RUN_TIME: Final = Metric("/tensorflow/core/graph_run_time_usecs", "counter")
GRAPH_RUN_TIMES: Final = Metric(
    "/tensorflow/core/graph_run_time_usecs_histogram", "histogram", (), exponential(1000, 2, 20)
)
GRAPH_INPUT_BYTES: Final = Metric(
    "/tensorflow/core/graph_run_input_tensor_bytes", "histogram", (), _BYTES
)
GRAPH_OUTPUT_BYTES: Final = Metric(
    "/tensorflow/core/graph_run_output_tensor_bytes", "histogram", (), _BYTES
)

_NEVER_FED: Final = (
    Metric("/tensorflow/serving/batching/mixed_priority_batching_policy", "gauge"),
    Metric("/tensorflow/serving/batching/padding_size_v2", "histogram"),
    Metric("/tensorflow/serving/batching/processed_batch_size_v2", "counter"),
    Metric("/tensorflow/serving/mlmd_map", "gauge"),
    Metric("/tensorflow/serving/request_log_count", "counter"),
)

TABLE: Final = tuple(
    sorted(
        (
            *(REQUEST_COUNT, REQUEST_LATENCY, RUNTIME_LATENCY),
            *(EXAMPLE_COUNTS, EXAMPLE_COUNT_TOTAL, WARMUP_LATENCY, WARMUP_RECORDS),
            *(QUEUING_LATENCY, WRAPPED_RUN_COUNT),
            *(INPUT_BATCH_SIZE, PROCESSED_BATCH_SIZE, PADDING_SIZE),
            *(LOAD_ATTEMPT_COUNT, LOAD_LATENCY, LOAD_LATENCY_BY_STAGE),
            *(SESSION_CREATED, DIRECT_SESSION_RUNS, GRAPH_RUNS, GRAPH_RUN_TIME, GRAPH_RUN_TIMES),
            *(GRAPH_INPUT_BYTES, GRAPH_OUTPUT_BYTES, *_NEVER_FED),
        )
    )
)
"""All of them in the order of the page, which is that of the raw names."""
