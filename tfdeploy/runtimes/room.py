"""Whether memory has room for a new server beside the old one."""

from __future__ import annotations

from collections.abc import Callable

from tfdeploy.errors import TfdeployError
from tfdeploy.plan import ObservedStack
from tfdeploy.render import RenderedStack
from tfdeploy.stack import StackFile

_MIB = 2**20


def check_room(
    file: StackFile,
    rendered: RenderedStack,
    observed: ObservedStack,
    used_bytes: Callable[[str], int],
    free_bytes: int,
) -> list[TfdeployError]:
    """TFD443 for each service whose new server, as large as the old one, doesn't fit beside it.

    Args:
        file: the stack.
        rendered: what is wanted.
        observed: what runs.
        used_bytes: what a service's server uses now, or may use; 0 where nobody knows.
        free_bytes: what the host has left.
    """
    errors = []
    for name, wanted in rendered.services.items():
        now = observed.service(name)
        same = now.server_hash == wanted.server_hash
        if same or now.state not in ("running", "starting") or not file.stack.goes_beside(name):
            continue
        needed = used_bytes(name)
        if needed > free_bytes:
            errors.append(
                TfdeployError(
                    "TFD443",
                    f"A new server of '{name}' beside the old one needs {needed // _MIB} MiB, and "
                    f"{free_bytes // _MIB} MiB are free.",
                    where=file.where("services", name),
                    hint="`strategy: recreate` in the service's block stops the old one first; "
                    "nobody answers meanwhile.",
                )
            )
    return errors
