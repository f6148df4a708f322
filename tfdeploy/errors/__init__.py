"""Every error that a user can see: a stable code, its exit code, and the whole story.

Code elsewhere raises ``TfdeployError(code, message, where=..., hint=...)``; what a code
means, and the exit code it ends with, stands in ``CATALOGUE`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfdeploy.errors.catalogue import CATALOGUE
from tfdeploy.errors.entries import Entry, Exit

__all__ = [
    "CATALOGUE",
    "Entry",
    "Exit",
    "SeveralErrors",
    "TfdeployError",
    "raise_all",
]


class TfdeployError(Exception):
    """One error that a user sees as three lines: what, where, hint.

    Args:
        code: a key of ``CATALOGUE``.
        message: what is wrong, one sentence.
        where: file and line, command, or address at which it is wrong.
        hint: what to do about it.
    """

    def __init__(self, code: str, message: str, *, where: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint

    @property
    def exit_code(self) -> Exit:
        """The exit code that the catalogue gives this error."""
        return CATALOGUE[self.code].exit_code

    def all(self) -> list[TfdeployError]:
        """Every single error in this one; itself where it is single."""
        return [self]


class SeveralErrors(TfdeployError):
    """All problems found at once; ends with the exit code of the first."""

    def __init__(self, errors: Iterable[TfdeployError]) -> None:
        self.errors = [single for error in errors for single in error.all()]
        first = self.errors[0]
        super().__init__(first.code, first.message, where=first.where, hint=first.hint)

    def all(self) -> list[TfdeployError]:
        """Every single error, in the order found."""
        return self.errors


def raise_all(errors: Iterable[TfdeployError]) -> None:
    """Raise nothing, the one error, or all of them as ``SeveralErrors``."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise SeveralErrors(found)
