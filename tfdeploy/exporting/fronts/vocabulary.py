"""Vocabulary files: a token a line, whose number is its id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdeploy.errors import TfdeployError

UNKNOWN = "[UNK]"
PADDINGS = ("", "[PAD]")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a file, by line; the first may be empty, as Keras has it for padding."""

    path: Path
    tokens: tuple[str, ...]

    def line_of(self, token: str) -> int | None:
        """Where a token stands, from 0 on; None when it doesn't."""
        return self.tokens.index(token) if token in self.tokens else None


def load_vocabulary(path: Path) -> Vocabulary:
    r"""Read a vocabulary, UTF-8, whose lines end in ``\n`` or ``\r\n``.

    Raises:
        TfdeployError: TFD116 when it can't be read, or a line is empty or stands there twice;
            ``where`` is the file and the line.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise wrong(
            f"The vocabulary can't be read: {reason}.", str(path), "name a file of a token a line."
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise wrong("The vocabulary isn't UTF-8.", f"{path}:{line}", "save it as UTF-8.") from error
    if text.startswith("\ufeff"):
        raise wrong(
            "The vocabulary begins with a byte order mark, which would be a part of its first "
            "token.",
            f"{path}:1",
            "save it as UTF-8 without one.",
        )
    # splitlines() would cut at characters that may be tokens.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    _check(path, lines)
    return Vocabulary(path, tuple(lines))


def _check(path: Path, lines: list[str]) -> None:
    if lines == [""]:
        raise wrong("The vocabulary is empty.", str(path), "write a token a line.")
    before: dict[str, int] = {}
    for number, token in enumerate(lines, 1):
        if not token and number > 1:
            raise wrong(
                "A line of the vocabulary is empty; only the first may be, for padding.",
                f"{path}:{number}",
                "write a placeholder token there: a line's number is its token's id, and without "
                "the line every id below it would be another.",
            )
        if token in before:
            raise wrong(
                f"The vocabulary has '{token}' twice, first in line {before[token]}.",
                f"{path}:{number}",
                "a token has one id: check which of the two the model was trained with.",
            )
        before[token] = number


def wrong(message: str, where: str, hint: str) -> TfdeployError:
    """An error about a text front."""
    return TfdeployError("TFD116", message, where=where, hint=hint)
