"""The Docker engine and Compose, asked through the SDK and the one door to commands."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tfdeploy.doctor.facts import Docker
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from docker import DockerClient

MOST_APART = 6e9
"""An engine may say any year; two centuries tell as much."""

_HOOK = "nvidia-container-runtime-hook"


@contextmanager
def gathered_docker() -> Iterator[tuple[Docker, DockerClient | None]]:
    """What there is of Docker, and a client of the engine while the body asks on."""
    from tfdeploy.runtimes import engine
    from tfdeploy.runtimes.compose import compose_version, old_compose_version

    here = Docker(
        cli=shutil.which("docker"),
        compose=compose_version(),
        compose_v1=old_compose_version(),
        gpu_hook=shutil.which(_HOOK) is not None,
    )
    client = None
    try:
        client = engine.connect(engine.QUICK_SECONDS)
        asked = time.time()
        with engine.asking():
            info = client.info()
        now = (asked + time.time()) / 2
        answered = from_info(info, now, remote=engine.is_elsewhere(client.api.base_url))
        here = here.model_copy(update=answered)
    except TfdeployError as error:
        here = here.model_copy(update=_unanswered(error))
    try:
        yield here, client if here.answers else None
    finally:
        if client is not None:
            client.close()


def from_info(info: Mapping[str, Any], now: float, *, remote: bool) -> dict[str, Any]:
    """The fields of `Docker` that ``docker info`` tells.

    Args:
        info: the engine's answer to ``GET /info``.
        now: seconds since 1970 on this machine when it was asked.
        remote: whether the engine is another machine's.
    """
    from tfdeploy.runtimes.engine import info_maps_users
    from tfdeploy.runtimes.gpus import reach_of

    options = " ".join(info.get("SecurityOptions") or [])
    reach = reach_of(info)
    return {
        "answers": True,
        "remote": remote,
        "version": str(info.get("ServerVersion") or ""),
        "system": str(info.get("OperatingSystem") or ""),
        "architecture": str(info.get("Architecture") or ""),
        "rootless": "name=rootless" in options,
        "desktop": "Docker Desktop" in str(info.get("OperatingSystem")),
        "maps_users": info_maps_users(info),
        "confines": "name=selinux" in options,
        "storage_driver": str(info.get("Driver") or ""),
        "root": str(info.get("DockerRootDir") or ""),
        "memory_bytes": int(info.get("MemTotal") or 0),
        "runtimes": reach.runtimes,
        "cdi_devices": reach.cdi_devices,
        "ahead_seconds": _ahead(str(info.get("SystemTime") or ""), now),
    }


def _ahead(said: str, now: float) -> float | None:
    try:
        ahead = round(datetime.fromisoformat(said).timestamp() - now, 1)
        return max(-MOST_APART, min(MOST_APART, ahead))
    except (ValueError, OverflowError):
        return None


def _unanswered(error: TfdeployError) -> dict[str, Any]:
    denied = "Permission denied" in error.where
    told = {"why_not": error.message, "where": error.where, "hint": error.hint}
    return {"answers": False, "denied": denied, **told}
