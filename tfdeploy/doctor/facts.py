"""What was found on a machine: data only, read from and written to a file.

A check sees nothing but this. Where something couldn't be found out, the field is None, or a
``why_not`` beside it says why.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.files import save_text
from tfdeploy.gpu.inventory import Inventory

# What a file from elsewhere may hold: no machine has more than 64 bits count.
Bytes = Annotated[int, Field(ge=0, lt=2**64)]
Count = Annotated[int, Field(ge=0, lt=2**64)]
LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
Time = Annotated[float, Field(ge=0, lt=LATEST)]
"""Seconds since 1970, before 2200."""
Apart = Annotated[float, Field(gt=-LATEST, lt=LATEST)]
"""The seconds between two times."""
Runtime = Literal["", "docker", "process"]
SeLinux = Literal["", "permissive", "enforcing"]
PortState = Literal["free", "taken", "forbidden", "elsewhere", "unknown"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Host(_Part):
    """The machine that the command runs on.

    Attributes:
        cpu_flags: as Linux names them; None where they can't be read.
        commit_limit_bytes: what processes may reserve together where ``overcommit`` is 2.
        open_files: the soft limit of files that a process may have open.
        clock: seconds since 1970 when the facts were taken.
        proxies: variable → host of the proxy; names and passwords in it are left out.
        nvidia_cards: NVIDIA's display devices on the PCI bus; None where there is no such list.
    """

    system: str = "Linux"
    architecture: str = "x86_64"
    cpu_flags: list[str] | None = None
    python: str = ""
    tensorflow: str | None = None
    memory_bytes: Bytes = 0
    swap_bytes: Bytes = 0
    overcommit: Count | None = None
    commit_limit_bytes: Bytes | None = None
    open_files: Count | None = None
    clock: Time
    selinux: SeLinux = ""
    proxies: dict[str, str] = {}
    no_proxy: str = ""
    nvidia_cards: Count | None = None


class Docker(_Part):
    """The Docker engine that the `docker` command would use, and the command itself.

    Attributes:
        cli: where the `docker` command is; None without one.
        answers: whether an engine answers; ``why_not`` and ``hint`` say why it doesn't.
        denied: whether there is an engine that this user may not talk to.
        remote: whether the engine is another machine's.
        maps_users: whether root in a container is somebody else on the host.
        compose: the version of Compose 2 or newer; ``compose_v1`` one that is too old.
        ahead_seconds: how far its clock is ahead of this machine's.
        gpu_hook: whether the container toolkit's hook is on PATH, which the engine tells nobody.
    """

    cli: str | None = None
    answers: bool = False
    why_not: str = ""
    where: str = ""
    hint: str = ""
    denied: bool = False
    remote: bool = False
    version: str = ""
    system: str = ""
    architecture: str = ""
    rootless: bool = False
    desktop: bool = False
    maps_users: bool = False
    confines: bool = False
    storage_driver: str = ""
    root: str = ""
    memory_bytes: Bytes = 0
    runtimes: list[str] = []
    cdi_devices: list[str] = []
    gpu_hook: bool = False
    ahead_seconds: Apart | None = None
    compose: str | None = None
    compose_v1: str | None = None


class Gpu(_Part):
    """The GPUs of this machine; ``why_not`` is NVML's reason where it tells of none."""

    inventory: Inventory | None = None
    why_not: str = ""


class Disk(_Part):
    """A file system, and what lies on it.

    Attributes:
        path: one of the folders on it.
        uses: what for: ``models_dir``, ``stack``, ``Docker``.
        needed_bytes: what has to be free for the next change.
        free_inodes: how many files more it takes; None where it doesn't count them.
    """

    path: str
    uses: list[str]
    free_bytes: Bytes
    total_bytes: Bytes
    needed_bytes: Bytes = 0
    free_inodes: Count | None = None


class Image(_Part):
    """An image that the stack names.

    Attributes:
        local: whether the engine has it; ``why_not`` says why it couldn't be pulled either.
        created: seconds since 1970, as its maker says; None where it doesn't say.
        base: the distribution that it stands on, such as ``ubuntu 20.04``.
    """

    name: str
    services: list[str]
    local: bool
    why_not: str = ""
    architecture: str = ""
    created: Time | None = None
    base: str = ""


class Port(_Part):
    """A host port that the stack file names.

    ``forbidden``: this user may not listen there, which the Docker engine may all the same.
    ``ours``: the stack itself has it now.
    """

    service: str
    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    where: str = ""
    state: PortState = "free"
    by: str = ""
    ours: bool = False


class GpuShare(_Part):
    """What a service asks of the GPUs."""

    service: str
    device: str
    image: str
    required: bool = True
    where: str = ""


class Closed(_Part):
    """A model that its container may not read; ``folder`` is its base path.

    ``own`` says whether every file of it is this user's, who could open them.
    """

    message: str
    where: str
    hint: str
    folder: str
    own: bool = False


class Unwritable(_Part):
    """A folder of the stack that tfdeploy writes to, and this user may not.

    ``by_mode`` says that its mode would let its owner, who is this user.
    """

    path: str
    owner: Count
    own: bool = False
    by_mode: bool = False


class Leftover(_Part):
    """What a killed command has left.

    ``note``: who held the stack; ``half written``: a file beside its name; ``scratch``: a model
    that was being copied; ``half removed``: one that was being deleted.
    """

    kind: Literal["note", "half written", "scratch", "half removed"]
    path: str
    by: str = ""


class Stray(_Part):
    """A container of the stack's project, for a service that the stack file has no more."""

    container: str
    service: str
    running: bool


class Brought(_Part):
    """A service that the stack was brought up with, as it is now; ``detail`` is how it ended."""

    name: str
    state: Literal["absent", "exited", "starting", "running", "unhealthy"]
    detail: str = ""
    where: str = ""


class Problem(_Part):
    """What `up` refuses in the stack file, its models and its GPU shares."""

    code: str
    severity: Literal["error", "warning"] = "error"
    message: str
    where: str
    causes: str
    fix: str


class Stack(_Part):
    """A stack, and what was found of it on this machine.

    Attributes:
        name: what its commands call it; ``project`` the Compose project.
        changing: who changes it at the moment; what a killed command left isn't known then.
        readable: whether the stack file could be read; else there are ``problems`` alone.
        gateway: whether it has one; ``no_nginx`` says why there is none for it here.
        limits: service → the memory that it may take.
        models_bytes: of all versions that are wanted, as files.
        labels: folder → its SELinux label, of those that containers mount.
        relabels: whether the rendered Compose file has Docker relabel them.
        future: files with a time to come.
        cut_short: changes that were killed, and that nothing has finished or undone.
        services: those that the stack is up with; empty where it is down, or nobody could look.
    """

    name: str
    path: str
    project: str = ""
    readable: bool = True
    models_dir: str = ""
    changing: str = ""
    problems: list[Problem] = []
    images: list[Image] = []
    ports: list[Port] = []
    gpus: list[GpuShare] = []
    gateway: bool = False
    no_nginx: str = ""
    limits: dict[str, Bytes] = {}
    models_bytes: Bytes = 0
    closed: list[Closed] = []
    unwritable: list[Unwritable] = []
    labels: dict[str, str] = {}
    relabels: bool = False
    future: list[str] = []
    leftovers: list[Leftover] = []
    strays: list[Stray] = []
    cut_short: list[str] = []
    services: list[Brought] = []


class Facts(_Part):
    """Everything that was found.

    Attributes:
        runtime: where services run; empty where nothing says.
        server_binary: the server of the process runtime where it isn't the embedded one.
    """

    format: Literal[1] = 1
    runtime: Runtime = ""
    server_binary: str = ""
    host: Host
    docker: Docker = Docker()
    gpu: Gpu = Gpu()
    disks: list[Disk] = []
    stack: Stack | None = None

    @property
    def on_docker(self) -> bool:
        """Whether Docker is what services run on, or would if it answered."""
        if self.runtime:
            return self.runtime == "docker"
        return self.docker.answers or self.docker.cli is not None or self.host.tensorflow is None


def load_facts(path: Path) -> Facts:
    """Read a file of facts.

    Raises:
        TfdeployError: TFD489 for each field that is wrong.
    """
    try:
        return Facts.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except ValidationError as error:
        raise_all(_wrong(path, one["loc"], one["msg"]) for one in error.errors())
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise _refused(path, f"can't be read: {why}") from error


def save_facts(path: Path, facts: Facts) -> None:
    """Write a file of facts; what is as it is by default is left out.

    Raises:
        TfdeployError: TFD211.
    """
    data = facts.model_dump_json(indent=2, exclude_defaults=True)
    save_text(path, data + "\n")


def _wrong(path: Path, location: tuple[int | str, ...], message: str) -> TfdeployError:
    field = ".".join(map(str, location)) or "the whole file"
    return _refused(path, f"is wrong: {field}: {message[:1].lower()}{message[1:]}")


def _refused(path: Path, what: str) -> TfdeployError:
    return TfdeployError(
        "TFD489",
        f"The file of facts {what}.",
        where=str(path),
        hint="`tfdeploy doctor --save-facts FILE` makes one.",
    )
