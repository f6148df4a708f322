"""The form of one check, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from tfdeploy.doctor.facts import Facts

Group = Literal["host", "Docker", "GPU", "images", "ports", "disk", "permissions", "stack"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Mend:
    """What `--fix` would do. Whether it still may is looked at again when it is done.

    ``remove`` a leftover, ``open`` a model's files to readers, give their owner ``write`` leave.
    """

    verb: Literal["remove", "open", "write"]
    path: str


class Hit(NamedTuple):
    """What one look found: the sentence and the remedy.

    ``code``, ``causes`` and ``severity`` are given where they differ from the check's.
    """

    message: str
    fix: str
    where: str = ""
    code: str = ""
    causes: str = ""
    severity: Severity | None = None
    mend: Mend | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        code: a key of ``errors.CATALOGUE``; ``tfdeploy explain`` tells the whole story.
        severity: ``error`` where something fails, ``warning`` where it works and hurts later.
        group: of the check.
        check: its name.
        message: what is wrong, one sentence.
        causes: what comes of it.
        fix: what to do about it.
        where: file, folder or address at which it is wrong; may be empty.
        mend: what `--fix` would do; None where that takes a person.
    """

    code: str
    severity: Severity
    group: Group
    check: str
    message: str
    causes: str
    fix: str
    where: str = ""
    mend: Mend | None = None

    def as_data(self) -> dict[str, Any]:
        """The finding as it stands in a JSON document."""
        data = asdict(self)
        data["fixable"] = data.pop("mend") is not None
        return data


def nothing_in_the_way(_: Facts) -> str:
    """A check that can always be made."""
    return ""


def no_words(_: Facts) -> str:
    """A check whose name says it all."""
    return ""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Args:
        name: what is looked at, in a few words.
        group: what it stands under.
        codes: what it may find; the first where a hit names none.
        causes: what comes of it.
        look: facts → what is wrong.
        unless: facts → why it can't be looked at; empty where it can.
        tell: facts → what is there, for the line that says that it is fine.
        severity: of what it finds.
        mends: whether `--fix` can do something about it.
    """

    name: str
    group: Group
    codes: tuple[str, ...]
    causes: str
    look: Callable[[Facts], Iterator[Hit]] = field(repr=False)
    unless: Callable[[Facts], str] = field(default=nothing_in_the_way, repr=False)
    tell: Callable[[Facts], str] = field(default=no_words, repr=False)
    severity: Severity = "error"
    mends: bool = False

    def findings(self, facts: Facts) -> list[Finding]:
        """Everything of this kind."""
        return [
            Finding(
                code=hit.code or self.codes[0],
                severity=hit.severity or self.severity,
                group=self.group,
                check=self.name,
                message=hit.message,
                causes=hit.causes or self.causes,
                fix=hit.fix,
                where=hit.where,
                mend=hit.mend,
            )
            for hit in self.look(facts)
        ]


@dataclass(frozen=True)
class Outcome:
    """What became of one check: what it found, or why it wasn't made, or nothing wrong.

    ``told`` says what is there where nothing is wrong.
    """

    check: Check
    findings: tuple[Finding, ...] = ()
    why_not: str = ""
    told: str = ""

    @property
    def word(self) -> Literal["ok", "problem", "not checked"]:
        """The outcome in a word."""
        if self.findings:
            return "problem"
        return "not checked" if self.why_not else "ok"

    def as_data(self) -> dict[str, Any]:
        """The outcome as it stands in a JSON document."""
        data = {"group": self.check.group, "check": self.check.name, "outcome": self.word}
        told = {"why_not": self.why_not, "told": self.told}
        return {**data, **{key: text for key, text in told.items() if text}}


def examine(facts: Facts, checks: tuple[Check, ...]) -> list[Outcome]:
    """Every check on these facts, in order. Pure."""
    return [_outcome(facts, check) for check in checks]


def _outcome(facts: Facts, check: Check) -> Outcome:
    if why_not := check.unless(facts):
        return Outcome(check, why_not=why_not)
    findings = tuple(dict.fromkeys(check.findings(facts)))
    return Outcome(check, findings, told="" if findings else check.tell(facts))
