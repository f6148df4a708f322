"""Labels and version policies as they are written on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfdeploy.errors import TfdeployError
from tfdeploy.stack.schema import Latest, Specific, VersionPolicy


def parse_labels(words: Iterable[str]) -> dict[str, int]:
    """``stable=3`` to ``{"stable": 3}``.

    Raises:
        TfdeployError: TFD216.
    """
    labels = {}
    for word in words:
        match = re.fullmatch(r"([A-Za-z0-9_]+)=([0-9]{1,18})", word)
        if match is None:
            raise _wrong("--label", word, "write LABEL=VERSION, such as stable=3.")
        labels[match[1]] = int(match[2])
    return labels


def parse_versions(word: str | None) -> VersionPolicy | None:
    """``latest``, ``latest:2``, ``all`` or ``3,4`` to a policy.

    Raises:
        TfdeployError: TFD216.
    """
    if word is None or word == "all":
        return None if word is None else "all"
    latest = re.fullmatch(r"latest(?::([1-9][0-9]{0,8}))?", word)
    if latest:
        return Latest(latest=int(latest[1] or 1))
    if re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", word):
        return Specific(specific=[int(number) for number in word.split(",")])
    raise _wrong("--versions", word, "write latest, latest:2, all, or numbers: 3,4.")


def _wrong(option: str, word: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD216", f"'{word}' can't be read.", where=option, hint=hint)
