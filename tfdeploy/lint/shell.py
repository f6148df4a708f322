"""The commands of a shell script, word by word, each word with its line.

Read, never run: quotes, escapes, continued lines, comments, and variables that the script itself
sets. What can't be known stays as it is written, with its ``$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.lint.finding import Place, Word

_ENDS = ";&|\n()"
_SET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_NAME = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def read_commands(text: str, path: Path, first_line: int = 1) -> list[list[Word]]:
    """The commands of a script, assignments and comments left out."""
    known: dict[str, str] = {}
    commands = []
    for words in _split(text, path, first_line):
        command = [Word(_expand(word.text, known), word.place) for word in words]
        if command and command[0].text in ("export", "local", "readonly"):
            command = command[1:]
        while command and _SET.match(command[0].text):
            name, _, value = command.pop(0).text.partition("=")
            known[name] = value
        if command:
            commands.append(command)
    return commands


def _expand(text: str, known: dict[str, str]) -> str:
    return _NAME.sub(lambda m: known.get(m[1] or m[2], m[0]), text)


def _split(text: str, path: Path, line: int) -> Iterator[list[Word]]:
    words: list[Word] = []
    for piece, at in _pieces(text, line):
        if piece is None:
            if words:
                yield words
            words = []
        else:
            words.append(Word(piece, Place(path, at)))
    if words:
        yield words


def _pieces(text: str, line: int) -> Iterator[tuple[str | None, int]]:
    """(word, line), and (None, line) where a command ends."""
    word: str | None = None
    started = line
    at = 0
    while at < len(text):
        sign = text[at]
        piece, length, ends = _step(text, at, word)
        if piece is not None:
            started = started if word is not None else line
            word = (word or "") + piece
        if ends and word is not None:
            yield word, started
            word = None
        if ends and sign in _ENDS:
            yield None, line
        line += text.count("\n", at, at + length)
        at += length
    if word is not None:
        yield word, started


def _step(text: str, at: int, word: str | None) -> tuple[str | None, int, bool]:
    """(what it adds to the word, how many signs it takes, whether the word ends)."""
    sign = text[at]
    # Continued lines: of sh, and of the two shells on Windows.
    if match := re.compile(r"[\\`^][ \t]*\r?\n").match(text, at):
        return None, len(match[0]), True
    if sign == "$" and text[at + 1 : at + 2] == "(":
        end = _closing(text, at + 1)
        return text[at:end], end - at, False
    if sign == "$" and text[at + 1 : at + 2] == "{":
        end = text.find("}", at) + 1 or len(text)
        return text[at:end], end - at, False
    if sign == "'":
        end = text.find("'", at + 1)
        end = len(text) if end < 0 else end
        return text[at + 1 : end], end + 1 - at, False
    if sign == '"':
        return _double_quoted(text, at)
    if sign == "\\" and at + 1 < len(text):
        # Before a letter it is no escape but a path of Windows, which people paste.
        kept = text[at + 1] if not text[at + 1].isalnum() else text[at : at + 2]
        return kept, 2, False
    if sign == "#" and word is None:
        end = text.find("\n", at)
        return None, (len(text) if end < 0 else end) - at, False
    if sign in " \t\r" or sign in _ENDS:
        return None, 1, True
    return sign, 1, False


def _double_quoted(text: str, at: int) -> tuple[str, int, bool]:
    taken, end = "", at + 1
    while end < len(text) and text[end] != '"':
        if text.startswith("$(", end):
            close = _closing(text, end + 1)
            taken, end = taken + text[end:close], close
        elif text[end] == "\\" and text[end + 1 : end + 2] in ('"', "\\", "$", "`", "\n"):
            taken, end = taken + text[end + 1].replace("\n", ""), end + 2
        else:
            taken, end = taken + text[end], end + 1
    return taken, end + 1 - at, False


def _closing(text: str, at: int) -> int:
    """Behind the parenthesis that closes the one at ``at``."""
    depth = 0
    for index in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)
