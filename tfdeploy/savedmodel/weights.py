"""How much memory the weights of a version will take, from its files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def weights_bytes(folder: Path) -> int:
    """An upper estimate of a SavedModel's weights in memory, in bytes.

    Variables lie in ``variables/variables.data-*`` byte for byte (TensorBundle), and the weights
    of a frozen graph in saved_model.pb. An optimizer's slots count, too, where they were saved.
    """
    files = [*folder.glob("saved_model.pb*"), *folder.glob("saved_model.cpb")]
    files += folder.glob("variables/variables.data-*")
    total = 0
    for path in files:
        with suppress(OSError):
            total += path.stat().st_size
    return total
