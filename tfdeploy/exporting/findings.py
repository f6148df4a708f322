"""What the fresh process is asked, and what it finds: values that go between two processes."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy.savedmodel import Defect

# Arrays by alias.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What a signature is to be asked, and what it has to answer.

    ``values`` are arrays by the inputs' aliases, all rows at once; None leaves it to the fresh
    process to make some up. ``answer`` is the source model's to all rows and ``first`` its answer
    to the first row alone; each is None where the source gave none. ``why_one_row`` says why the
    source takes no more than one row. ``why_not_compared`` says why there is no answer of the
    source, where it was asked.
    """

    values: Values | None = None
    answer: Values | None = None
    first: Values | None = None
    why_one_row: str = ""
    why_not_compared: str = ""


@dataclass(frozen=True)
class Task:
    """What the fresh process does beside loading the model.

    ``model`` is the name that warm-up requests carry; ``warm_up`` says whether they are written.
    ``tolerance`` is as in ``Options``.
    """

    questions: Mapping[str, Question] = field(default_factory=dict)
    model: str = ""
    warm_up: bool = False
    tolerance: float | None = None


@dataclass(frozen=True)
class Answer:
    """What one signature did: ``serves``, ``fails``, ``differs`` or ``unproven``, and why.

    ``values`` are what it was called with, all rows at once, and ``outputs`` what came out; both
    are None where it answered nothing. ``is_random`` says that it answers one question in
    several ways. ``tolerance`` is the one that it was compared with.
    """

    signature: str
    verdict: str
    message: str
    values: Values | None = None
    outputs: Values | None = None
    is_random: bool = False
    tolerance: float | None = None


@dataclass(frozen=True)
class Proof:
    """What the fresh process found.

    ``load_error`` is empty when the model could be loaded; ``warm_up_error`` is empty when the
    warm-up requests could be replayed, or there are none.
    """

    load_error: str
    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()
    warm_up_error: str = ""


def save_value(path: Path, value: object) -> None:
    """Write a value for the other process; the file appears when it is whole."""
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(pickle.dumps(value))
    os.replace(beside, path)


def load_value(path: Path) -> Any:
    """What the other process wrote."""
    return pickle.loads(path.read_bytes())  # noqa: S301 - nobody but us can write there


def first_sentence(message: str) -> str:
    """What TensorFlow says first, without its headings, stack traces and names of nodes."""
    plain = re.sub(r"(?s)^Restoring from checkpoint failed.*?Original error:", "", message)
    plain = re.sub(r"^Graph execution error:\s*", "", plain.strip())
    plain = re.sub(r"(?s)^Detected at node.*?\nNode: [^\n]*\n", "", plain)
    plain = re.sub(r"(?s)^.*?root error\(s\) found\.\s*\(0\)\s*[\w ]+:\s*", "", plain)
    plain = re.sub(r"^\{\{function_node [^}]*\}\}\s*|\s*\[Op:\w+\]", "", plain)
    line = next((one.strip() for one in plain.splitlines() if one.strip()), "no message")
    line = re.split(r"\[\[|(?<=[.!?])\s+(?=[A-Z])", line)[0].strip()
    return line[:300].rstrip(".,;: ")
