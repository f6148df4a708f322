"""A whole set-up as one stack."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfdeploy.errors import SeveralErrors, TfdeployError
from tfdeploy.importing.imported import Imported, Leftovers, ServedFrom
from tfdeploy.importing.keys import list_keys, list_others
from tfdeploy.importing.loose import loose_server
from tfdeploy.importing.models import common_root, served_from
from tfdeploy.importing.services import image_of, service_block
from tfdeploy.lint import Server, Setup
from tfdeploy.stack import StackFile, parse_stack
from tfdeploy.stack.file import FILE_NAME


def import_setup(
    setup: Setup,
    *,
    name: str | None,
    stacks_dir: Path,
    models_dir: Path | None = None,
    only: Collection[str] = (),
) -> Imported:
    """The stack that says what a set-up says. Writes nothing.

    Args:
        name: the stack's name; None for that of the Compose file or its folder.
        models_dir: where the models lie, for config files that no server of the set-up reads.
        only: the servers to take, by their names in the set-up; all of them where none is named.

    Raises:
        TfdeployError: TFD208 for a name in ``only`` that isn't there; TFD252 for what can't be
            read; TFD253 without a server that serves a model from a folder of this host; TFD254
            where the models have no common root.
    """
    for error in setup.unreadable:
        raise error
    leftovers = Leftovers()
    servers = _named(_chosen(_servers(setup, models_dir), only, setup.files[0]), leftovers)
    models = {new: served_from(server, leftovers) for new, server in servers.items()}
    for group in setup.groups:
        if group.compose is not None:
            list_others(group.compose, leftovers)
    source = setup.files[0]
    everything = [model for several in models.values() for model in several]
    if not everything:
        raise _nothing(setup, leftovers)
    root = common_root(everything, str(source))
    stack = name or _stack_name(setup, source)
    path = stacks_dir / stack / FILE_NAME
    data = _stack(stack, path, servers, models, root, leftovers)
    for new, server in servers.items():
        list_keys(server, models[new], leftovers)
    leftovers.found.sort(key=lambda one: (str(one.place.path), one.place.line))
    return Imported(stack, path, _text(data, source), leftovers.found, servers, models)


def _servers(setup: Setup, models_dir: Path | None) -> list[Server]:
    found = [one for one in setup.servers if one.form != "dockerfile"]
    loose = [config for config in setup.configs if config.server is None]
    if not found and any(config.kind == "models" for config in loose):
        return [loose_server(loose, models_dir)]
    return found


def _chosen(servers: list[Server], only: Collection[str], source: Path) -> list[Server]:
    names = [server.name for server in servers]
    for name in only:
        if name not in names:
            raise TfdeployError(
                "TFD208",
                f"There is no server '{name}' in the set-up.",
                where=str(source),
                hint=f"servers there: {', '.join(names) or 'none'}.",
            )
    return [server for server in servers if not only or server.name in only]


def checked(imported: Imported) -> StackFile:
    """The stack file that was made.

    Raises:
        TfdeployError: TFD254 for everything of the set-up that a stack file refuses.
    """
    try:
        return parse_stack(imported.text, imported.path)
    except TfdeployError as error:
        raise SeveralErrors(
            TfdeployError(
                "TFD254",
                f"A stack refuses what the set-up says: {one.message}",
                where=one.where.rpartition(": ")[2],
                hint="mend the set-up first; `tfdeploy lint` tells where and how.",
            )
            for one in error.all()
        ) from error


def _nothing(setup: Setup, leftovers: Leftovers) -> TfdeployError:
    reasons = [f"{one.what}: {one.why}" for one in leftovers.found if one.what.startswith("model")]
    what = "No server with a model in a folder of this host was found."
    return TfdeployError(
        "TFD253",
        f"{what} {'; '.join(reasons)}".strip(),
        where=str(setup.files[0]),
        hint="give a Compose file, a script with `docker run`, or a models.config; `tfdeploy new` "
        "starts a stack from nothing.",
    )


def _named(servers: list[Server], leftovers: Leftovers) -> dict[str, Server]:
    """Servers by names that are DNS names."""
    found: dict[str, Server] = {}
    for server in servers:
        plain = re.sub(r"[^a-z0-9-]+", "-", server.name.lower()).strip("-")[:50] or "serving"
        name, number = plain, 2
        while name in found:
            name, number = f"{plain}-{number}", number + 1
        found[name] = server
        if name != server.name and server.form == "compose":
            why = f"a service's name is a DNS name; it is {name} now"
            leftovers.replaced(server.place, f"the name {server.name}", why)
    return found


def _stack_name(setup: Setup, source: Path) -> str:
    compose = next((group.compose for group in setup.groups if group.compose), None)
    given = compose.data.get("name") if compose else None
    folder = source.absolute().parent.name if source.exists() else Path.cwd().name
    plain = re.sub(r"[^a-z0-9_-]+", "-", str(given or folder).lower()).strip("-_")
    return plain if plain and plain not in ("bridge", "host", "none", "default") else "imported"


def _stack(
    name: str,
    path: Path,
    servers: Mapping[str, Server],
    models: Mapping[str, list[ServedFrom]],
    root: Path,
    leftovers: Leftovers,
) -> dict[str, Any]:
    images = {new: image_of(server, leftovers) for new, server in servers.items()}
    alike = len(set(images.values())) == 1
    services = {}
    for new, server in servers.items():
        block: dict[str, Any] = {} if alike else {"image": images[new]}
        block["models"] = {one.name: _model(one, root) for one in models[new]}
        services[new] = block | service_block(server, list(servers.values()), leftovers)
    image = {"image": next(iter(images.values()))} if alike else {}
    return {"stack": name, **image, "models_dir": _models_dir(root, path), "services": services}


def _models_dir(root: Path, path: Path) -> str:
    """Relative where both lie in one project; a path of elsewhere stays absolute."""
    folder = path.absolute().parent
    project = folder.parent.parent
    if root.is_relative_to(project):
        return os.path.relpath(root, folder)
    return str(root)


def _model(model: ServedFrom, root: Path) -> dict[str, Any]:
    below = os.path.relpath(model.base, root)
    path = {} if below == model.name else {"path": below}
    versions = {"versions": model.versions} if model.versions else {}
    return {**path, **versions, **({"labels": dict(model.labels)} if model.labels else {})}


class _Dumper(yaml.SafeDumper):
    """Small blocks on one line, lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(data: Mapping[str, Any], source: Path) -> str:
    head = (
        f"# Imported from {source} by `tfdeploy import`; it is yours to edit.\n"
        "# Every field: `tfdeploy new NAME --full`, or docs/stack-file.md.\n"
    )
    body = yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100,
        allow_unicode=True,
    )  # fmt: skip
    return head + str(body)
