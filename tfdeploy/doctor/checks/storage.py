"""Disks, and who may read and write what."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.doctor.checks.needs import needs_engine, needs_stack, on_one_machine, stack_of
from tfdeploy.doctor.facts import Disk, Facts, Stack
from tfdeploy.doctor.finding import Check, Hit, Mend
from tfdeploy.gpu.proof import size

LEAST_INODES = 1000
# Types that container-selinux lets a container read.
CONTAINER_TYPES = ("container_file_t", "container_ro_file_t", "container_share_t", "svirt_sandbox")


def _too_little(facts: Facts) -> Iterator[Hit]:
    for disk in facts.disks:
        if disk.free_bytes < disk.needed_bytes:
            yield Hit(
                f"{size(disk.free_bytes)} are free for {' and '.join(disk.uses)}, and the next "
                f"change may take {size(disk.needed_bytes)}.",
                _make_room(disk, facts.stack),
                where=disk.path,
            )
        elif disk.free_inodes is not None and disk.free_inodes < LEAST_INODES:
            yield Hit(
                f"The disk of {' and '.join(disk.uses)} takes {disk.free_inodes} files more.",
                _make_room(disk, facts.stack),
                where=disk.path,
            )


def _make_room(disk: Disk, stack: Stack | None) -> str:
    name = stack.name if stack else "STACK"
    ways = {
        "models_dir": f"`tfdeploy prune {name} --keep 3` deletes versions that nothing needs",
        "Docker": "`docker system df` shows what takes the space, `docker image prune -a` deletes "
        "images that no container has",
    }
    found = [ways[use] for use in disk.uses if use in ways]
    return f"{'; '.join(found) or 'delete what nobody needs'}."


def _room(facts: Facts) -> str:
    return "; ".join(f"{' and '.join(one.uses)} {size(one.free_bytes)}" for one in facts.disks)


def _no_disks(facts: Facts) -> str:
    return "" if facts.disks else "no folder of a stack or of Docker's is known"


def _unwritable(facts: Facts) -> Iterator[Hit]:
    for folder in stack_of(facts).unwritable:
        path = shlex.quote(folder.path)
        mend = Mend("write", folder.path) if folder.own else None
        fix = f"`chmod u+rwx {path}`." if folder.own else f"`sudo chown -R $USER {path}`."
        if folder.by_mode:
            fix = f"its mode allows it: look at `lsattr -d {path}` and `findmnt -T {path}`."
        yield Hit(
            f"{folder.path} can't be written by this user; it is that of uid {folder.owner}.",
            fix,
            where=folder.path,
            mend=mend,
        )


def _closed_models(facts: Facts) -> Iterator[Hit]:
    for one in stack_of(facts).closed:
        mend = Mend("open", one.folder) if one.own else None
        yield Hit(one.message, one.hint, where=one.where, mend=mend)


def _modes_tell_nothing(facts: Facts) -> str:
    why_not = needs_stack(facts) or needs_engine(facts) or on_one_machine(facts)
    return why_not or ("Docker maps users to others" if facts.docker.maps_users else "")


def _not_confined(facts: Facts) -> str:
    if facts.host.selinux != "enforcing":
        return ""
    return needs_stack(facts) or needs_engine(facts) or on_one_machine(facts)


def _unlabelled(facts: Facts) -> Iterator[Hit]:
    if facts.host.selinux != "enforcing" or not facts.docker.confines:
        return
    stack = stack_of(facts)
    for folder, label in stack.labels.items():
        if not stack.relabels and not any(one in label for one in CONTAINER_TYPES):
            root = shlex.quote(str(Path(folder).absolute()))
            yield Hit(
                f"SELinux keeps containers out of {folder}: its label is {label or 'none'}.",
                f"`sudo semanage fcontext -a -t container_file_t '{folder}(/.*)?'` and `sudo "
                f"restorecon -R {root}`; or `bind: {{selinux: z}}` in an override of "
                "compose.yaml.j2.",
                where=folder,
            )


def _selinux(facts: Facts) -> str:
    return f"SELinux is {facts.host.selinux}" if facts.host.selinux else "no SELinux"


DISK_CHECKS = (
    Check(
        "space",
        "disk",
        ("TFD466",),
        "an export, a pull or a change ends in the middle, and servers can't write their logs.",
        _too_little,
        unless=_no_disks,
        tell=_room,
    ),
)
PERMISSION_CHECKS = (
    Check(
        "the stack's folders",
        "permissions",
        ("TFD211",),
        "`tfdeploy up` can't write its files.",
        _unwritable,
        unless=needs_stack,
        mends=True,
    ),
    Check(
        "models for the server's user",
        "permissions",
        ("TFD215",),
        "the server fails to load the model, or never opens its ports.",
        _closed_models,
        unless=_modes_tell_nothing,
        mends=True,
    ),
    Check(
        "SELinux",
        "permissions",
        ("TFD467",),
        "the server doesn't see its models or its config: permission denied, whatever the modes.",
        _unlabelled,
        unless=_not_confined,
        tell=_selinux,
    ),
)
