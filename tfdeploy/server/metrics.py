"""Prometheus metrics under the real server's names.

Source: tensorflow_serving/util/prometheus_exporter.cc; names in servables/tensorflow/util.cc. Every
character outside `[a-zA-Z0-9_]` of a TensorFlow metric name becomes a colon, the leading slash too.
"""

import bisect
import threading
from typing import Final

REQUEST_COUNT: Final = ":tensorflow:serving:request_count"
REQUEST_LATENCY: Final = ":tensorflow:serving:request_latency"

# tensorflow::monitoring::Buckets::Exponential(10, 1.8, 33), in microseconds.
BUCKETS: Final = tuple(10 * 1.8**exponent for exponent in range(33))

_MOST_SERIES: Final = 10_000

Labels = tuple[tuple[str, str], ...]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _render_labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_right(BUCKETS, value)] += 1
        self.total += value

    def render(self, name: str, labels: Labels) -> list[str]:
        lines, below = [], 0
        for limit, count in zip([*map("{:g}".format, BUCKETS), "+Inf"], self.counts, strict=True):
            below += count
            lines.append(f"{name}_bucket{_render_labels((*labels, ('le', limit)))} {below}")
        lines.append(f"{name}_sum{_render_labels(labels)} {self.total:g}")
        lines.append(f"{name}_count{_render_labels(labels)} {below}")
        return lines


class Metrics:
    """Counters of requests and histograms of their latency."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Labels, int] = {}
        self._latencies: dict[Labels, _Histogram] = {}

    def count_request(self, model: str, status: str) -> None:
        """One request of a model ended with a status, such as `OK` or `NOT_FOUND`."""
        labels = (("model_name", model), ("status", status))
        with self._lock:
            if len(self._counts) > _MOST_SERIES and labels not in self._counts:
                labels = (("model_name", ""), ("status", status))  # names come from clients
            self._counts[labels] = self._counts.get(labels, 0) + 1

    def add_latency(self, model: str, api: str, entrypoint: str, microseconds: float) -> None:
        """One request succeeded after this long."""
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        with self._lock:
            self._latencies.setdefault(labels, _Histogram()).add(microseconds)

    def render(self) -> str:
        """The Prometheus page."""
        with self._lock:
            lines = [f"# TYPE {REQUEST_COUNT} counter"]
            lines += [
                f"{REQUEST_COUNT}{_render_labels(labels)} {count}"
                for labels, count in self._counts.items()
            ]
            lines.append(f"# TYPE {REQUEST_LATENCY} histogram")
            for labels, histogram in self._latencies.items():
                lines += histogram.render(REQUEST_LATENCY, labels)
        return "\n".join(lines) + "\n"
