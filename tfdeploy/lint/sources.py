"""The files of a set-up, each read once, whoever asks for it."""

from __future__ import annotations

from pathlib import Path

from tfdeploy.errors import TfdeployError

# A text that people write by hand is smaller; a model's weights are not.
MOST_BYTES = 2_000_000


class Sources:
    """Texts by path; ``read`` counts in ``reads`` what it took from disk."""

    def __init__(self) -> None:
        self._texts: dict[Path, str | None] = {}
        self.reads: list[Path] = []

    def read(self, path: Path) -> str | None:
        """The text of a file; None where it is too large, or no text."""
        if path not in self._texts:
            self.reads.append(path)
            self._texts[path] = _text(path)
        return self._texts[path]


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        data = path.read_bytes()
    except OSError as error:
        raise TfdeployError(
            "TFD250",
            f"{path} can't be read: {error.strerror or error}.",
            where=str(path),
            hint="check the path and its permissions.",
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
