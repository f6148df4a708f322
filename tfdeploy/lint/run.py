"""Every check on everything that was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.lint.checks import CONFIG_CHECKS, SERVER_CHECKS, TOGETHER_CHECKS
from tfdeploy.lint.disk import models_on_disk
from tfdeploy.lint.finding import Finding, Place
from tfdeploy.lint.setup import Group, Setup
from tfdeploy.lint.stacks import StackLinter


def lint_setup(setup: Setup) -> list[Finding]:
    """What is wrong with a set-up: by file and line, each finding once."""
    stacks = StackLinter(setup)
    found = [
        *(_unreadable(error) for error in setup.unreadable),
        *(one for stack in setup.stacks for one in stacks.findings(stack)),
        *(one for group in setup.groups for one in _group(group)),
        *(
            one
            for config in setup.configs
            for check in CONFIG_CHECKS[config.kind]
            for one in check.findings(config)
        ),
    ]
    order = {path: index for index, path in enumerate(setup.files)}
    found.sort(key=lambda one: (order.get(one.place.path, len(order)), one.place.line, one.code))
    return list(dict.fromkeys(found))


def _group(group: Group) -> Iterator[Finding]:
    for server in group.servers:
        for check in SERVER_CHECKS:
            yield from check.findings(server)
        yield from models_on_disk(server)
    for together in TOGETHER_CHECKS:
        yield from together.findings(group)


def _unreadable(error: TfdeployError) -> Finding:
    path, _, rest = error.where.partition(":")
    line = rest.partition(":")[0]
    place = Place(Path(path), int(line) if line.isdecimal() else 1)
    return Finding(error.code, "error", place, error.message, "nothing reads the file.", error.hint)
