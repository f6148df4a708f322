"""Version folders of one model: copied in beside and renamed, and taken away again."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

from soak.models import MARKER


class VersionFolders:
    """Publishes numbered copies of a template under a base path."""

    def __init__(self, template: Path, base_path: Path) -> None:
        """Make the base path.

        Raises:
            ValueError: the template doesn't hold the marker that stands for its version.
        """
        self._template = template
        self.base_path = base_path
        self._graph = (template / "saved_model.pb").read_bytes()
        if _marker(MARKER) not in self._graph:
            raise ValueError(f"{template} holds no constant {MARKER}")
        base_path.mkdir(parents=True)

    def publish(self, version: int) -> None:
        """Add a version that knows its number, whole from the first moment on."""
        graph = self._graph.replace(_marker(MARKER), _marker(float(version)))
        self._move_in(version, graph)

    def publish_broken(self, version: int) -> None:
        """Add a version that can't be loaded: its graph is cut off."""
        self._move_in(version, self._graph[: len(self._graph) // 2])

    def remove(self, version: int, in_place: bool) -> None:
        """Delete a version's files where they lie, or move the folder out of sight first."""
        folder = self.base_path / str(version)
        if not in_place:
            aside = self.base_path / f"removed-{version}"
            folder.rename(aside)
            folder = aside
        shutil.rmtree(folder)

    def _move_in(self, version: int, graph: bytes) -> None:
        draft = self.base_path / f"draft-{version}"
        shutil.copytree(self._template, draft)
        (draft / "saved_model.pb").write_bytes(graph)
        os.rename(draft, self.base_path / str(version))


def _marker(value: float) -> bytes:
    return struct.pack("<f", value)
