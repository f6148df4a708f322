"""Requests and latencies, read from the metrics page of a server.

Names and labels: tensorflow_serving/model_servers/http_server.cc and util/prometheus_exporter.cc,
which writes ``/tensorflow/serving/request_count`` as ``:tensorflow:serving:request_count``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tfdeploy.client.rest import exchange

METRICS_PATH = "/monitoring/prometheus/metrics"

_PREFIX = ":tensorflow:serving:request_"
_SAMPLE = re.compile(r"^(:[A-Za-z0-9_:]+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Histogram:
    """How many values are at most so large: upper bound → count, cumulative; microseconds."""

    at_most: Mapping[float, float] = field(default_factory=dict)

    @property
    def count(self) -> float:
        """How many values there are."""
        return max(self.at_most.values(), default=0.0)

    def __add__(self, other: Histogram) -> Histogram:
        bounds = {**self.at_most, **other.at_most}
        return Histogram({b: self._at(b) + other._at(b) for b in bounds})

    def __sub__(self, earlier: Histogram) -> Histogram:
        return Histogram({b: count - earlier._at(b) for b, count in self.at_most.items()})

    def quantile(self, part: float) -> float | None:
        """The value that ``part`` of all values don't exceed; None where there are none.

        Values are taken to be spread evenly inside a bucket, as Prometheus does it; TensorFlow
        Serving's are 1.8 times as wide as the one before. Above the last bound it is that bound.
        """
        rank = part * self.count
        low, below = 0.0, 0.0
        for bound in sorted(self.at_most) if self.count > 0 else ():
            here = self.at_most[bound]
            if here >= rank and here > below:
                if math.isinf(bound):
                    return low
                return low + (bound - low) * (rank - below) / (here - below)
            low, below = (low if math.isinf(bound) else bound), here
        return None

    def _at(self, bound: float) -> float:
        if bound in self.at_most:
            return self.at_most[bound]
        # A server writes a bucket from its first value on.
        lower = [b for b in self.at_most if b < bound]
        return self.at_most[max(lower)] if lower else 0.0


@dataclass(frozen=True)
class Requests:
    """What a server counted for one model.

    Attributes:
        failed: requests that were refused, questions for status and metadata among them: the
            server counts them with the others.
        latency: of predictions, classifications and regressions that were answered, over REST
            and gRPC.
    """

    failed: float = 0.0
    latency: Histogram = Histogram()

    @property
    def answered(self) -> float:
        """How many were answered; questions for status and metadata aren't counted."""
        return self.latency.count

    def since(self, earlier: Requests | None) -> Requests:
        """What came after an earlier look; everything where the server was started anew."""
        if earlier is None or self.answered < earlier.answered or self.failed < earlier.failed:
            return self
        return Requests(self.failed - earlier.failed, self.latency - earlier.latency)


def get_requests(
    rest_url: str, path: str = METRICS_PATH, timeout_seconds: float = 5.0
) -> dict[str, Requests] | None:
    """Model → what its server counted since its start; None where it has no metrics page.

    It has none without a monitoring config that enables it.

    Raises:
        Unreachable: nobody answered.
    """
    reply = exchange("GET", rest_url.rstrip("/") + path, timeout_seconds=timeout_seconds)
    return parse_requests(reply.text) if reply.status == 200 else None


def parse_requests(text: str) -> dict[str, Requests]:
    """Model → its requests, from a page in Prometheus's text format.

    A name that requests asked for, and no model has, is counted by the server as well.
    """
    failed: dict[str, float] = {}
    latency: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for name, labels, value in _samples(text):
        model = labels.get("model_name", "")
        if name == f"{_PREFIX}count" and labels.get("status") != "OK":
            failed[model] = failed.get(model, 0.0) + value
        elif name == f"{_PREFIX}latency_bucket" and labels.get("API"):
            latency.setdefault(model, []).append((labels, value))
    return {
        model: Requests(failed.get(model, 0.0), _histogram(latency.get(model, [])))
        for model in {**latency, **failed}
    }


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for name, inner, value in _SAMPLE.findall(text):
        if name.startswith(_PREFIX):
            labels = {key: _ESCAPED.sub(_plain, raw) for key, raw in _LABEL.findall(inner)}
            yield name, labels, float(value)


def _plain(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _histogram(buckets: list[tuple[Mapping[str, str], float]]) -> Histogram:
    """All ways into a model in one histogram."""
    ways: dict[tuple[str, str], dict[float, float]] = {}
    for labels, value in buckets:
        way = labels.get("API", ""), labels.get("entrypoint", "")
        ways.setdefault(way, {})[float(labels["le"])] = value
    total = Histogram()
    for at_most in ways.values():
        total += Histogram(at_most)
    return total
