"""What is known of one line: what it means, what to do, under which code, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum


class Tells(IntEnum):
    """How much a line tells of why a server or a model failed: a lower number tells more."""

    KILLED = 1
    LOAD = 2
    TRY = 3
    CONFIG = 4
    START = 5
    CRASH = 6
    PATH = 7
    VERSIONS = 8
    NONE_ASKED = 9
    REST = 10
    ADDRESS = 11
    FLAG = 12
    PYTHON = 13
    HINT = 14
    NOTHING = 99


class Matters(Enum):
    """When a line is a problem; else it is harmless."""

    ALWAYS = "always"
    UNLESS_CPU = "unless the service asked for no GPU"
    IF_GPU = "if the service asked for a GPU"
    NEVER = "never"


@dataclass(frozen=True)
class Known:
    """A line that a server, or what starts it, is known to write.

    Attributes:
        pattern: searched for in the text behind the stamp. What its named groups find goes into
            ``means`` and ``fix``; ``model`` and ``version`` say whom the line is about.
        code: a code of the catalogue of errors; empty where the line never matters.
        means: one sentence.
        fix: what to do, one sentence; empty where the line never matters.
        source: who writes it. Paths are of tensorflow/serving below tensorflow_serving/, or of
            tensorflow/tensorflow; `#NNN` are issues of tensorflow/serving.
        tells: how much it tells of a failure.
        matters: when it is a problem.
        on_cpu: the server goes on with the CPU.
        in_container: what to do where the server is known to run in a container, if that differs.
        as_process: likewise for a process of this machine.
    """

    pattern: str
    code: str
    means: str
    fix: str
    source: str
    tells: Tells = Tells.NOTHING
    matters: Matters = Matters.ALWAYS
    on_cpu: bool = False
    in_container: str = ""
    as_process: str = ""

    def fix_on(self, runtime: str) -> str:
        """What to do on a runtime; empty where that is what to do everywhere."""
        return {"docker": self.in_container, "process": self.as_process}.get(runtime, "")


def harmless(pattern: str, means: str, source: str) -> Known:
    """A line that looks like a problem, and is none."""
    return Known(pattern, "", means, "", source, matters=Matters.NEVER)
