"""Snapshots of metrics: plain data that processes exchange, and the page made of it.

Source of the format: tensorflow_serving/util/prometheus_exporter.cc. Every character outside
`[a-zA-Z0-9_]` of a metric's name becomes a colon, the leading slash too; numbers of histograms are
printed with six digits, whole ones of counters in full.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tfdeploy.server.metrics.table import TABLE, Metric

Snapshot = dict[str, list[tuple[Sequence[str], list[float]]]]
"""By raw name, the label values and numbers of every series that was written. JSON can carry it."""

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_]")


def merge_snapshots(snapshots: Iterable[Snapshot]) -> Snapshot:
    """What several processes counted together: counters and histograms add up, of gauges the
    greatest counts.
    """
    merged: Snapshot = {}
    parts = list(snapshots)
    for metric in TABLE:
        sums: dict[tuple[str, ...], list[float]] = {}
        for snapshot in parts:
            for labels, numbers in snapshot.get(metric.name, ()):
                _add(metric, sums, tuple(labels), numbers)
        if sums:
            merged[metric.name] = list(sums.items())
    return merged


def _add(
    metric: Metric,
    sums: dict[tuple[str, ...], list[float]],
    labels: tuple[str, ...],
    numbers: list[float],
) -> None:
    before = sums.get(labels)
    if before is None:
        sums[labels] = list(numbers)
    elif metric.kind == "gauge":
        sums[labels] = [max(pair) for pair in zip(before, numbers, strict=True)]
    else:
        sums[labels] = [sum(pair) for pair in zip(before, numbers, strict=True)]


def first_value(snapshot: Snapshot, name: str) -> int:
    """The value of a metric's first series by label values, which is all that a reload reports.

    Source: tensorflow_serving/model_servers/model_service_impl.cc (GetMetrics).

    Args:
        snapshot: Where to look.
        name: The raw name, such as `/tensorflow/serving/request_count`.

    Returns:
        0 as well for a histogram and for a metric that is unknown or was never written.
    """
    series = snapshot.get(name)
    if not series or len(series[0][1]) > 1:
        return 0
    return int(min(series, key=lambda entry: tuple(entry[0]))[1][0])


def render(snapshot: Snapshot) -> str:
    """The Prometheus page, series in the order of their label values."""
    lines: list[str] = []
    for metric in TABLE:
        series = snapshot.get(metric.name, ())
        if not series and not metric.shown_untouched:
            continue
        name = _UNSAFE.sub(":", metric.name)
        lines.append(f"# TYPE {name} {metric.kind}")
        for labels, numbers in sorted(series, key=lambda entry: tuple(entry[0])):
            text = _render_labels(metric.labels, labels)
            if metric.kind == "histogram":
                lines.extend(_render_histogram(name, text, metric.limits, numbers))
            else:
                lines.append(f"{name}{{{text}}} {numbers[0]:.0f}")
    return "\n".join(lines) + "\n"


def _render_labels(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(text: str) -> str:
    # The original forgets the line feed, with which a client's URL could add lines of its own.
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _render_histogram(
    name: str, labels: str, limits: Sequence[float], numbers: Sequence[float]
) -> Iterator[str]:
    bucket = f'{name}_bucket{{{labels}{"," if labels else ""}le="'
    *counts, total = numbers
    below = 0.0
    for limit, count in zip([*map("{:g}".format, limits), "+Inf"], counts, strict=True):
        below += count
        yield f'{bucket}{limit}"}} {below:.0f}'
    yield f"{name}_sum{{{labels}}} {total:g}"
    yield f"{name}_count{{{labels}}} {below:.0f}"
