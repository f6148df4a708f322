"""From what was measured to what is said: medians, ratios and stated limits. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Beside what a server's batches are seen; by default the embedded one joins requests too.
UNBATCHED = {
    "embedded": "embedded-alone",
    "embedded-batching": "embedded-alone",
    "real-batching": "real",
}
BASES = ("real", "naive", "bare", "floor")
# The least throughput beside the real server's, over REST with 8 and with 32 connections.
LEAST = {
    ("half_plus_two", "embedded"): 1.5,
    ("mlp", "embedded"): 1.5,
    ("mlp_32_rows", "embedded"): 0.9,
    ("mlp_32_rows", "embedded-2"): 1.5,
    ("mobilenet", "embedded"): 1.0,
}
LIMITED_CONCURRENCY = (8, 32)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the sorted values don't exceed; 0.0 when there is none."""
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else 0.0


@dataclass(frozen=True)
class Sample:
    """One load on one server.

    Attributes:
        requests: Answered requests, failed ones too.
        seconds: How long it took.
        p50_us: Median latency, in microseconds.
        p99_us: 99th percentile of the latency, in microseconds.
        cpu_seconds: User and system time of the server and its children.
        failed: Answers that are no success, and broken connections.
        client_busy: Share of one core that the client took; None where it isn't known.
    """

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    cpu_seconds: float
    failed: int = 0
    client_busy: float | None = None

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time of one request, in microseconds."""
        return self.cpu_seconds / self.requests * 1e6 if self.requests else 0.0


@dataclass(frozen=True)
class Key:
    """What is compared in one place: a part of the benchmark, a case and a number of clients."""

    part: str
    case: str
    concurrency: int


Samples = dict[Key, dict[str, list[Sample]]]


def rows_of(samples: Samples) -> list[dict[str, Any]]:
    """One row for each key and server, as plain data.

    Ratios are medians of the ratios within the rounds, so that a slow round counts for both.
    """
    return [
        _row(key, server, each, servers)
        for key, servers in samples.items()
        for server, each in servers.items()
    ]


def _row(
    key: Key, server: str, each: list[Sample], servers: dict[str, list[Sample]]
) -> dict[str, Any]:
    busy = [sample.client_busy for sample in each if sample.client_busy is not None]
    cpu = statistics.median(sample.cpu_us for sample in each)
    row = {
        **asdict(key),
        "server": server,
        "per_second": round(statistics.median(sample.per_second for sample in each), 1),
        "p50_us": round(statistics.median(sample.p50_us for sample in each)),
        "p99_us": round(statistics.median(sample.p99_us for sample in each)),
        "cpu_us": round(cpu, 1),
        "failed": sum(sample.failed for sample in each),
        "client_busy": round(statistics.median(busy), 2) if busy else None,
    }
    bases = [name for name in BASES if name in servers and name != server]
    for base in bases:
        pairs = list(zip(each, servers[base], strict=True))
        row[f"to_{base}"] = _ratio((one.per_second, other.per_second) for one, other in pairs)
        row[f"p99_to_{base}"] = _ratio((one.p99_us, other.p99_us) for one, other in pairs)
    unbatched = UNBATCHED.get(server)
    if unbatched in servers:
        pairs = list(zip(each, servers[unbatched], strict=True))
        row["to_unbatched"] = _ratio((one.per_second, other.per_second) for one, other in pairs)
    if "floor" in bases and server != "bare":
        above = cpu - statistics.median(sample.cpu_us for sample in servers["floor"])
        row["above_floor_us"] = round(above, 1)
        if "bare" in bases:
            run = statistics.median(sample.cpu_us for sample in servers["bare"])
            row["own_us"] = round(above - run, 1)
    return row


def _ratio(pairs: Iterable[tuple[float, float]]) -> float | None:
    ratios = [one / other for one, other in pairs if other]
    return round(statistics.median(ratios), 3) if ratios else None


@dataclass(frozen=True)
class Verdict:
    """A stated limit and what was measured."""

    what: str
    limit: str
    measured: float
    met: bool


def at_least(what: str, measured: float, limit: float) -> Verdict:
    """Met when it is no smaller than the limit."""
    return Verdict(what, f">= {limit:.3g}", measured, measured >= limit)


def at_most(what: str, measured: float, limit: float) -> Verdict:
    """Met when it is no larger than the limit."""
    return Verdict(what, f"<= {limit:.3g}", measured, measured <= limit)


def verdicts_of(rows: list[dict[str, Any]]) -> list[Verdict]:
    """The limits against the real server; none without rows of one.

    The latency counts where at least the real server's throughput is asked for: with a closed loop
    of clients a smaller throughput is a longer latency, and is allowed as such.
    """
    verdicts = []
    for row in rows:
        least = LEAST.get((row["case"], row["server"]))
        counts = row["part"] == "rest" and row["concurrency"] in LIMITED_CONCURRENCY
        if least is None or not counts or row.get("to_real") is None:
            continue
        what = f"{row['case']}, {row['server']}, {row['concurrency']} connections"
        verdicts.append(at_least(f"{what}: throughput to real", row["to_real"], least))
        if least >= 1:
            verdicts.append(at_most(f"{what}: p99 to real", row["p99_to_real"], 1.0))
    return verdicts
