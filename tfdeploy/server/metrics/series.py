"""Counters, gauges and histograms, and the families in which they are found by their labels."""

import bisect
import functools
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from tfdeploy.server.metrics.table import Metric

Numbers = list[float]
"""A series as plain numbers: one value, or the counts of all buckets and then the sum."""


class Counter:
    """A number that only grows. Written by one thread, or under a lock."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        """Count on."""
        self.value += amount

    def numbers(self) -> Numbers | None:
        """The present state, or None while nothing was written."""
        return [self.value] if self.value else None


class Gauge:
    """A number that comes and goes."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: int | None = None

    def set(self, value: int) -> None:
        """Replace the number."""
        self.value = value

    def numbers(self) -> Numbers | None:
        """The present state, or None while nothing was written."""
        return None if self.value is None else [self.value]


class Histogram:
    """Counts by bucket. Written by one thread, or under a lock."""

    __slots__ = ("_counts", "_limits", "_total")

    def __init__(self, limits: tuple[float, ...]) -> None:
        self._limits = limits
        self._counts: list[float] = [0] * (len(limits) + 1)
        self._total = 0.0

    def add(self, value: float) -> None:
        """Count one value; one that equals a limit belongs above it, as in TensorFlow."""
        self._counts[bisect.bisect_right(self._limits, value)] += 1
        self._total += value

    def numbers(self) -> Numbers | None:
        """The present state, or None while nothing was written."""
        return [*self._counts, self._total] if any(self._counts) else None


S = TypeVar("S", Counter, Gauge, Histogram)


class Family(Generic[S]):
    """The series of one metric, by label values."""

    def __init__(self, make: Callable[[], S]) -> None:
        self.series: dict[tuple[str, ...], S] = {}
        self._make: Callable[[], S] = make

    def of(self, *labels: str) -> S:
        """The series with these label values, made at the first call."""
        series = self.series.get(labels)
        if series is None:
            series = self.series[labels] = self._make()
        return series


class Registry:
    """All families that were asked for, one for each metric."""

    def __init__(self) -> None:
        self._families: dict[str, Family[Any]] = {}

    def counters(self, metric: Metric) -> Family[Counter]:
        """The family of a counter."""
        return self._family(metric, Counter)

    def gauges(self, metric: Metric) -> Family[Gauge]:
        """The family of a gauge."""
        return self._family(metric, Gauge)

    def histograms(self, metric: Metric) -> Family[Histogram]:
        """The family of a histogram with the metric's buckets."""
        return self._family(metric, functools.partial(Histogram, metric.limits))

    def written(self) -> dict[str, list[tuple[Sequence[str], Numbers]]]:
        """By raw name, all series that were written; metrics without any are left out."""
        found = {name: self.written_of(name) for name in self._families}
        return {name: series for name, series in found.items() if series}

    def written_of(self, name: str) -> list[tuple[Sequence[str], Numbers]]:
        """The label values and numbers of one metric's series; none if the name is unknown."""
        family = self._families.get(name)
        if family is None:
            return []
        return [
            (list(labels), numbers)
            for labels, series in family.series.items()
            if (numbers := series.numbers()) is not None
        ]

    def _family(self, metric: Metric, make: Callable[[], S]) -> Family[S]:
        family = self._families.get(metric.name)
        if family is None:
            family = self._families[metric.name] = Family(make)
        return family
