"""Exit codes, and what an entry of the catalogue holds."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Exit(IntEnum):
    """Exit codes of the ``tfdeploy`` command."""

    OK = 0
    NO = 1
    USAGE = 2
    MODEL = 3
    RUNTIME = 4
    DEPLOY = 5
    REQUEST = 6
    BUG = 70
    INTERRUPTED = 130


class Entry(NamedTuple):
    """What ``tfdeploy explain CODE`` prints.

    ``why`` says why the server behaves so, with the source; ``fix`` what to write instead. Both
    are given where the story alone doesn't say it.
    """

    exit_code: Exit
    title: str
    story: str
    why: str = ""
    fix: str = ""
