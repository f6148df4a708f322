"""The same requests to two versions of a model: how far the answers are apart, and how fast."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy.client.differences import (
    Difference,
    add_up,
    answer_arrays,
    find_differences,
    is_batched,
)
from tfdeploy.client.documents import has_batch, read_document
from tfdeploy.client.misfit import DEFAULT_SIGNATURE
from tfdeploy.client.predict import Response
from tfdeploy.client.sources import parse_json, read_bytes
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature

Body = Mapping[str, object]
Send = Callable[[int, Body], Response]
"""Sends a body to a version; raises TfdeployError as `predict`."""


@dataclass(frozen=True)
class Case:
    """One request: where it stands, its body, and the signature that it is for."""

    name: str
    signature: str
    body: Body


@dataclass
class Side:
    """What one version did.

    Attributes:
        refused: the request's name → why there was no answer.
        seconds: of each answer, the first of all left out: it pays for what is made once.
    """

    version: int
    refused: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float | None:
        """None where nothing was measured."""
        return statistics.median(self.seconds) if self.seconds else None

    def quantile_seconds(self, part: float) -> float | None:
        """The measured value that ``part`` of all don't exceed."""
        if not self.seconds:
            return None
        rank = max(1, math.ceil(part * len(self.seconds)))
        return sorted(self.seconds)[rank - 1]

    def as_data(self) -> dict[str, Any]:
        """The figures for ``--json``."""
        median, slow = self.median_seconds, self.quantile_seconds(0.99)
        return {
            "version": self.version,
            "refused": self.refused,
            "measured": len(self.seconds),
            "median_ms": None if median is None else median * 1000,
            "p99_ms": None if slow is None else slow * 1000,
        }


@dataclass(frozen=True)
class Comparison:
    """Two versions, compared: ``old`` is what ``new`` is held against."""

    old: Side
    new: Side
    requests: int
    compared: int
    outputs: Sequence[Difference]

    @property
    def acceptable(self) -> bool:
        """Every request was answered by both, in one form and within the tolerance."""
        everything = self.compared == self.requests and self.requests > 0
        return everything and all(one.acceptable for one in self.outputs)


def compare_versions(
    cases: Sequence[Case],
    versions: tuple[int, int],
    signatures: tuple[Mapping[str, Signature], Mapping[str, Signature]],
    send: Send,
    *,
    tolerance: float | None,
    rounds: int = 1,
    tell: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Send every case to both, one after the other, and who goes first takes turns.

    Answers are compared in the first round; further rounds measure time alone.

    Args:
        cases: the requests.
        versions: old and new.
        signatures: of the old and of the new version, by name.
        send: does the asking.
        tolerance: as for `find_differences`.
        rounds: how often all of them are sent.
        tell: is told how many requests have been sent to both.
    """
    old, new = Side(versions[0]), Side(versions[1])
    found: list[list[Difference]] = []
    for number in range(rounds * len(cases)):
        case = cases[number % len(cases)]
        order = (old, new) if number % 2 == 0 else (new, old)
        answers = {side.version: _ask(side, case, send, first=number == 0) for side in order}
        if number < len(cases):
            pair = answers[old.version], answers[new.version]
            differences = _differences(case, pair, (old, new), signatures, tolerance)
            found += [] if differences is None else [differences]
        tell(number + 1)
    return Comparison(old, new, len(cases), len(found), add_up(found))


def read_cases(path: Path, signatures: Mapping[str, Signature], stdin_text: str = "") -> list[Case]:
    """The requests in a file: one JSON document as `predict` takes, or one on each line.

    Args:
        path: ``-`` stands for ``stdin_text``.
        signatures: that the requests have to fit.
        stdin_text: what was read from standard input.

    Raises:
        TfdeployError: TFD503 where one doesn't fit, TFD505 where the file can't be read.
    """
    name = "standard input" if str(path) == "-" else str(path)
    text = stdin_text if str(path) == "-" else read_bytes(path).decode("utf-8-sig", "replace")
    return [_case(where, document, signatures) for where, document in _documents(text, name)]


def sample_cases(
    rows: Sequence[Mapping[str, object]], signature: Signature, name: str
) -> list[Case]:
    """One request of each sample row that an export recorded."""
    body_of = _as_instances if has_batch(signature) else _as_inputs
    return [
        Case(f"{name} {index}", signature.name, _named(signature.name, body_of(row)))
        for index, row in enumerate(rows, 1)
    ]


def _as_instances(row: Mapping[str, object]) -> dict[str, object]:
    return {"instances": [dict(row)]}


def _as_inputs(row: Mapping[str, object]) -> dict[str, object]:
    return {"inputs": dict(row)}


def _documents(text: str, name: str) -> Iterator[tuple[str, object]]:
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and all(_is_json(line) for _, line in lines[:2]):
        for number, line in lines:
            where = f"{name}, line {number}"
            yield where, parse_json(line, where)
    else:
        yield name, parse_json(text, name)


def _is_json(line: str) -> bool:
    """A line of a document that is spread over lines isn't JSON itself, or only by chance."""
    try:
        parse_json(line, "")
    except TfdeployError:
        return False
    return True


def _case(where: str, document: object, signatures: Mapping[str, Signature]) -> Case:
    try:
        signature, body = read_document(document, signatures, None)
    except TfdeployError as error:
        at = f"{where}: {error.where}"
        raise TfdeployError(error.code, error.message, where=at, hint=error.hint) from error
    return Case(where, signature.name, _named(signature.name, body))


def _named(signature: str, body: Mapping[str, object]) -> dict[str, object]:
    return dict(body) if signature == DEFAULT_SIGNATURE else {"signature_name": signature, **body}


def _ask(side: Side, case: Case, send: Send, *, first: bool) -> Response | None:
    try:
        response = send(side.version, case.body)
    except TfdeployError as error:
        side.refused.setdefault(case.name, error.message)
        return None
    if not first:
        side.seconds.append(response.elapsed_seconds)
    return response


def _differences(
    case: Case,
    answers: tuple[Response | None, Response | None],
    sides: tuple[Side, Side],
    signatures: tuple[Mapping[str, Signature], Mapping[str, Signature]],
    tolerance: float | None,
) -> list[Difference] | None:
    """None where there is nothing to compare: that is told with the side."""
    arrays = []
    for answer, side, known in zip(answers, sides, signatures, strict=True):
        if answer is None:
            continue
        try:
            arrays.append(answer_arrays(answer.document, known[case.signature]))
        except (KeyError, ValueError) as error:
            side.refused[case.name] = f"its answer doesn't fit its signature: {error}"
    if len(arrays) < 2:
        return None
    batched = is_batched(signatures[0][case.signature])
    return find_differences(arrays[1], arrays[0], tolerance=tolerance, batched=batched)


def refusals(side: Side) -> Iterable[str]:
    """A line for each request that had no answer."""
    return (f"version {side.version} refused {name}: {why}" for name, why in side.refused.items())
