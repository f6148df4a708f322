"""The gateway of the docker runtime: nginx in a container of the stack's Compose project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tfdeploy import processes
from tfdeploy.files import open_to_readers
from tfdeploy.plan import ObservedGateway
from tfdeploy.render import COMPOSE_FILE, GATEWAY, NGINX_CONFIG, RenderedGateway
from tfdeploy.render.gateway import OWN_PORT
from tfdeploy.runtimes import compose, nginx
from tfdeploy.runtimes.containers import describe_gateway, host_address
from tfdeploy.runtimes.secrets import bring_secrets_back, forget_secrets, kept_hash, write_secrets
from tfdeploy.runtimes.slots import Slots
from tfdeploy.stack import StackFile

if TYPE_CHECKING:
    from docker.models.containers import Container

_CONFIG_FILE = f"/etc/nginx-gateway/{NGINX_CONFIG}"
_LOG_LINES = 50


class Project(Protocol):
    """What the gateway needs of the Compose project that it is part of."""

    @property
    def files_dir(self) -> Path:
        """Where the Compose file lies."""

    @property
    def compose_command(self) -> tuple[str, ...]:
        """The words that every call of Compose begins with."""

    def container(self, name: str) -> Container | None:
        """The container of a Compose service."""

    def run_compose(self, message: str, argv: list[str]) -> None:
        """Run Compose to its end; TFD413 with ``message``."""

    def logs(self, service: str, *, tail: int, follow: bool) -> Iterator[str]:
        """What a container wrote."""


class DockerGateway:
    """nginx before the containers of one stack.

    Args:
        file: the stack.
        run_dir: the stack's folder for what `up` writes; parts of it are mounted.
        project: the Compose project.
    """

    def __init__(self, file: StackFile, run_dir: Path, project: Project) -> None:
        self._file = file
        self._run_dir = run_dir
        self._project = project

    def observe(self, container: Container | None) -> ObservedGateway:
        """The container's state, and which config nginx says it has read."""
        if container is None:
            return ObservedGateway()
        gateway = self._file.stack.gateway
        now = describe_gateway(container.attrs, "https" if gateway and gateway.tls else "http")
        if now.state != "running":
            return now
        said = nginx.config_hash(_own_url(container))
        state = now.state if said else "unhealthy"
        return ObservedGateway(state, now.url, now.server_hash, said, now.detail)

    def start(self, gateway: RenderedGateway, *, recreate: bool = False) -> None:
        """Create and start the container, and wait until nginx answers with the wanted config."""
        write_secrets(self._run_dir, gateway)
        self._up(gateway.config_hash, recreate=recreate)

    def reload(self, gateway: RenderedGateway) -> None:
        """Have nginx read its files anew; a config that it refuses changes nothing."""
        write_secrets(self._run_dir, gateway)
        self._reload(gateway.config_hash)

    def revert(self, *, started_anew: bool) -> None:
        """Back to the secrets from before, and to the config whose file is in place again."""
        bring_secrets_back(self._run_dir)
        if started_anew:
            self._up(kept_hash(self._run_dir), recreate=False)
        else:
            self._reload(kept_hash(self._run_dir))

    def stop(self) -> None:
        """Remove the container; nginx answers what it has begun."""
        argv = compose.remove_argv(self._project.compose_command, self._file.stack.stack, GATEWAY)
        self._project.run_compose("The gateway can't be stopped", argv)

    def forget(self) -> None:
        """The stack is down."""
        forget_secrets(self._run_dir)

    def wait_for_slot(self, name: str, model: str | None) -> None:
        """Until nginx reaches a server; nothing to wait for where nginx isn't up yet."""
        url = self._own_url()
        if url and model is not None:
            nginx.wait_for_slot(url, name, model)

    def _up(self, wanted: str, *, recreate: bool) -> None:
        Slots(self._run_dir).prepare()
        open_to_readers(self._project.files_dir / GATEWAY)
        argv = compose.up_argv(
            self._project.compose_command,
            self._file.stack.stack,
            self._project.files_dir / COMPOSE_FILE,
            GATEWAY,
            recreate=recreate,
        )
        self._project.run_compose("The gateway can't be started", argv)
        nginx.wait_for_config(self._own_url, wanted, self._log_lines)

    def _reload(self, wanted: str) -> None:
        open_to_readers(self._project.files_dir / GATEWAY)
        said = self._nginx("-t", "-q")
        if said.exit_code != 0:
            raise nginx.config_refused(said)
        self._nginx("-s", "reload")
        nginx.wait_for_config(self._own_url, wanted, self._log_lines)

    def _nginx(self, *words: str) -> processes.Finished:
        command = ("nginx", "-e", "stderr", "-c", _CONFIG_FILE, *words)
        stack = self._file.stack.stack
        argv = compose.exec_argv(self._project.compose_command, stack, GATEWAY, *command)
        return processes.run_whole(argv)

    def _own_url(self) -> str:
        container = self._project.container(GATEWAY)
        return _own_url(container) if container is not None else ""

    def _log_lines(self) -> Iterator[str]:
        return self._project.logs(GATEWAY, tail=_LOG_LINES, follow=False)


def _own_url(container: Container) -> str:
    address = host_address(container.attrs, OWN_PORT)
    return f"http://{address}" if address else ""
