"""Requests that a model was proven with, for whoever asks another server the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asked:
    """What one signature was asked and answered.

    ``rows`` are as in the ``instances`` of a REST request. ``expected`` are numpy arrays by the
    output's alias, shape [rows, ...]: the answer to all rows at once. ``tolerance`` is how far
    floats may be from it, relatively.
    """

    rows: Sequence[Mapping[str, object]]
    expected: Mapping[str, Any]
    tolerance: float


# Takes a version's folder, its model's name and what each signature was asked; raises TFD104.
Validate = Callable[[Path, str, Mapping[str, Asked]], None]
