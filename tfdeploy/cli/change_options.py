"""The options that changing commands share: written down once, given to each that takes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    DryRun,
    NoChecks,
    RuntimeOption,
    ServerBinary,
    StacksDir,
    TemplatesDir,
    Timeout,
    Wait,
    skip_checks,
)


@dataclass(frozen=True)
class Options:
    """How a change was asked for: the options that all changing commands share.

    ``skip_checks`` says why versions aren't asked before labels move to them; empty where they are.
    ``asks`` has a person at a terminal asked before a service is away for a while.
    """

    runtime: str | None = None
    server_binary: str | None = None
    templates: Path | None = None
    timeout_seconds: float = 300.0
    as_json: bool = False
    dry_run: bool = False
    skip_checks: str = ""
    asks: bool = False
    wait_seconds: float = 0.0
    stacks_dir: Path = DEFAULT_STACKS


# An option of the command line → how it is written down for Typer, and its default.
_TAKEN: Mapping[str, tuple[Any, Any]] = {
    "dry_run": (DryRun, False),
    "no_checks": (NoChecks, False),
    "runtime": (RuntimeOption, None),
    "server_binary": (ServerBinary, None),
    "templates": (TemplatesDir, None),
    "timeout": (Timeout, 300.0),
    "wait": (Wait, 0.0),
    "stacks_dir": (StacksDir, DEFAULT_STACKS),
    "as_json": (AsJson, False),
}
WHICH = ("wait", "stacks_dir", "as_json")
"""What every changing command takes."""
HOW = ("runtime", "server_binary", "templates", "timeout", *WHICH)
"""What a command takes that goes on to deploy."""
_FIELDS = {"timeout": "timeout_seconds", "wait": "wait_seconds"}


def takes(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options that changes share; it gets them as its argument ``options``.

    Args:
        names: of ``_TAKEN``, in the order of --help, behind the command's own.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def called(**given: Any) -> None:
            taken = {_FIELDS.get(name, name): given.pop(name) for name in names}
            if "no_checks" in taken:
                taken["skip_checks"] = skip_checks(taken.pop("no_checks"))
            command(**given, options=Options(**taken))

        kind = inspect.Parameter.KEYWORD_ONLY
        own = inspect.signature(command, eval_str=True).parameters.values()
        shown = [one.replace(kind=kind) for one in own if one.name != "options"]
        for name in names:
            annotation, default = _TAKEN[name]
            shown.append(inspect.Parameter(name, kind, default=default, annotation=annotation))
        called.__annotations__ = {one.name: one.annotation for one in shown}
        called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        return called

    return decorate
