"""One change of a stack at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Hold the stack of a stack file; the lock ends with the process, however it ends.

    The folder itself is locked: it needs no file of its own, and a stack file that is written
    anew is another file.

    Raises:
        TfdeployError: TFD415 when another command holds it.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TfdeployError(
                "TFD415",
                "Another tfdeploy command is changing this stack.",
                where=str(path.parent),
                hint="run it again when the other one is done.",
            ) from error
        yield
    finally:
        os.close(folder)
