"""What the process that measures a model says, line by line. Pure.

It writes JSON objects with an ``event``, among whatever else lands in its output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tfdeploy.gpu.inventory import ModelProfile


@dataclass
class Measured:
    """What was said so far; ``failed`` holds the reason when nothing more will come."""

    weights_bytes: int | None = None
    activation_bytes: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    failed: str = ""
    last_line: str = ""
    is_done: bool = False
    pid: int | None = None

    def hear(self, line: str) -> None:
        """Take in one line of output."""
        said = read_event(line)
        if said is None:
            self.last_line = line.strip() or self.last_line
            return
        match said["event"]:
            case "started":
                self.pid = int(said["pid"])
            case "loaded":
                self.weights_bytes = int(said["weights_bytes"])
            case "ran":
                self.activation_bytes[int(said["rows"])] = int(said["activation_bytes"])
            case "refused":
                self.refused[int(said["rows"])] = str(said["why"])
            case "failed":
                self.failed = str(said["why"])
            case "done":
                self.is_done = True

    @property
    def why_not(self) -> str:
        """Why there is no profile; empty when there is one."""
        if self.failed:
            return self.failed
        if self.weights_bytes is None or not self.is_done:
            return f"the process ended early: {self.last_line or 'it said nothing'}"
        if not self.activation_bytes:
            return "; ".join(f"{rows} rows: {why}" for rows, why in self.refused.items())
        return ""

    def profile(self, version: int | None, device: str) -> ModelProfile:
        """The model's profile, once it is done."""
        assert self.weights_bytes is not None
        return ModelProfile(
            version=version,
            device=device,
            weights_bytes=self.weights_bytes,
            activation_bytes=dict(sorted(self.activation_bytes.items())),
        )


def read_event(line: str) -> dict[str, Any] | None:
    """The event of a line; None for a line of anybody else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "event" in said else None


def context_bytes(process_bytes: int, pool_bytes: int) -> int | None:
    """What a process holds besides its pool; None where that can't be: NVML told nothing."""
    return process_bytes - pool_bytes if process_bytes > pool_bytes else None


def parse_batches(text: str) -> list[int]:
    """``1,8,32`` as numbers, ascending.

    Raises:
        ValueError: one of them is no whole number above 0.
    """
    found = {int(word) for word in text.split(",")}
    if min(found) < 1:
        raise ValueError(text)
    return sorted(found)
