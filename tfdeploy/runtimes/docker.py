"""Services as containers: Compose changes them, the Docker SDK observes them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tfdeploy import processes
from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.files import open_to_readers
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.render import (
    COMPOSE_FILE,
    RenderedService,
    RenderedStack,
    Templates,
    render_stack,
)
from tfdeploy.render.folder import RENDERED_DIR, read_files
from tfdeploy.runtimes import compose, engine
from tfdeploy.runtimes.compose import compose_error
from tfdeploy.runtimes.containers import describe, host_ports, used_memory
from tfdeploy.runtimes.engine import engine_error, image_error
from tfdeploy.runtimes.observing import models_configs, with_models_of_all
from tfdeploy.runtimes.ports import check_ports
from tfdeploy.runtimes.readable import check_readable
from tfdeploy.stack import StackFile, resolve_wanted

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["DockerRuntime", "compose_error", "engine_error", "image_error"]


class DockerRuntime:
    """One Compose project for the stack, one container for each service.

    Args:
        file: the stack.
    """

    name = "docker"

    def __init__(self, file: StackFile) -> None:
        self._file = file
        self._stack = file.stack.stack

    @property
    def files_dir(self) -> Path:
        """Beside the stack file: relative paths make these files the same on every machine."""
        return self._file.folder.absolute() / RENDERED_DIR

    def render(self, templates: Templates) -> RenderedStack:
        """The Compose file and the servers' files, with paths as containers see them."""
        return render_stack(self._file, templates=templates)

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        """Compose, name, images, ports, and models that containers can read."""
        containers = self._containers()
        missing = compose_error()
        errors = [missing] if missing else []
        errors += self._check_name(containers)
        errors += self._check_images(rendered, observed)
        errors += self._check_ports(rendered, {p for c in containers for p in host_ports(c.attrs)})
        if not engine.maps_users(self._client):
            errors += check_readable(self._file, resolve_wanted(self._file))
        return errors

    def observe(self) -> ObservedStack:
        """Files, containers and model states."""
        files = read_files(self.files_dir)
        services = [self._describe(name, container) for name, container in self._own().items()]
        return ObservedStack(files, with_models_of_all(services, models_configs(files)))

    def look(self, service: str) -> ObservedService:
        """The state of a service's container."""
        container = self._own(service).get(service)
        if container is None:
            return ObservedService(service, "absent")
        return self._describe(service, container)

    def memory_bytes(self, service: str) -> int | None:
        """What the container holds in memory, the cache of files left out, as `docker stats`."""
        container = self._own().get(service)
        if container is None or not container.attrs["State"].get("Running"):
            return None
        return used_memory(engine.usage(self._client, container))

    def start(self, service: RenderedService) -> None:
        """Create and start the container, and the network where it is missing."""
        self._pull(service)
        self._up(service.name)

    def recreate(self, service: RenderedService) -> None:
        """Replace the container, whatever it is like."""
        self._pull(service)
        self._up(service.name, recreate=True)

    def stop(self, service: str) -> None:
        """Stop and remove the container of a service."""
        if service in self._own(service):
            argv = compose.remove_argv(self._command, self._stack, service)
            self._run(f"Service '{service}' can't be stopped", argv)

    def revert(self, before: ObservedService) -> None:
        """Have Compose compare with the old file: it replaces only what differs from it."""
        if before.state in ("absent", "exited"):
            self.stop(before.name)
        else:
            self._up(before.name)

    def down(self) -> list[str]:
        """Remove all containers and the network; the names of services that ran."""
        raise_all(self._check_name(self._containers()))
        own = self._own()
        running = [name for name in own if self._describe(name, own[name]).state != "exited"]
        if own or engine.network_exists(self._client, self._stack):
            argv = compose.down_argv(self._command, self._stack)
            self._run(f"Stack '{self._stack}' can't be taken down", argv)
        return running

    def logs(self, service: str, *, tail: int, follow: bool) -> Iterator[str]:
        """What the container's main process wrote to stdout and stderr."""
        container = self._own(service).get(service)
        if container is not None:
            with engine.asking():
                yield from _lines(container.logs(stream=True, follow=follow, tail=tail))

    @cached_property
    def _client(self) -> DockerClient:
        return engine.connect()

    @property
    def _command(self) -> tuple[str, ...]:
        error = compose_error()
        if error:
            raise error
        return compose.find_compose() or ()

    def _containers(self, service: str | None = None) -> list[Container]:
        return engine.project_containers(self._client, self._stack, service)

    def _own(self, service: str | None = None) -> dict[str, Container]:
        """Service → its container; a running one where a cut-short change left two.

        Args:
            service: look at this one alone. The SDK asks the engine once for each container.
        """
        own = [one for one in self._containers(service) if not self._is_foreign(one)]
        own.sort(key=lambda container: container.attrs["State"].get("Running", False))
        return {one.labels.get(engine.LABEL_SERVICE, ""): one for one in own}

    def _is_foreign(self, container: Container) -> bool:
        """Whether another folder's stack made it; a folder that is gone has no say."""
        folder = _working_dir(container)
        return folder.resolve() != self.files_dir.resolve() and folder.exists()

    def _describe(self, name: str, container: Container) -> ObservedService:
        now = describe(name, container.attrs)
        if _working_dir(container).resolve() == self.files_dir.resolve():
            return now
        # The stack's folder was moved: the mounts lead to where it was.
        return replace(now, server_hash="")

    def _check_name(self, containers: Iterable[Container]) -> list[TfdeployError]:
        folders = {_working_dir(one) for one in containers if self._is_foreign(one)}
        return [
            TfdeployError(
                "TFD207",
                f"Another stack named '{self._stack}' is up, from {folder.parent}.",
                where=f"{self._file.where('stack')}; {folder / COMPOSE_FILE}",
                hint="give this stack another name in its `stack:` line, or take the other down: "
                f"`docker compose -p {self._stack} down`.",
            )
            for folder in sorted(folders)
        ]

    def _check_images(
        self, rendered: RenderedStack, observed: ObservedStack
    ) -> list[TfdeployError]:
        needed = {
            service.image
            for name, service in rendered.services.items()
            if observed.service(name).server_hash != service.server_hash
            or observed.service(name).state in ("absent", "exited")
        }
        errors = (image_error(image) for image in sorted(needed))
        return [error for error in errors if error]

    def _check_ports(self, rendered: RenderedStack, own: set[int]) -> list[TfdeployError]:
        errors = []
        for name in rendered.services:
            publish = self._file.stack.services[name].publish
            errors += check_ports(
                [wanted for wanted in (publish.rest, publish.grpc) if wanted[1] not in own],
                where=self._file.where("services", name, "publish"),
                service=name,
            )
        return errors

    def _pull(self, service: RenderedService) -> None:
        """Before anything is stopped; it may take minutes, and ^C may cut it."""
        if engine.is_local(self._client, service.image):
            return
        file = self.files_dir / COMPOSE_FILE
        argv = compose.pull_argv(self._command, self._stack, file, service.name)
        finished = processes.run(argv)
        if finished.exit_code != 0:
            raise compose.failed(f"The image {service.image} can't be pulled", finished)

    def _up(self, service: str, *, recreate: bool = False) -> None:
        folder = self.files_dir / service
        # Whatever the umask was: the server runs as another user.
        open_to_readers(folder)
        argv = compose.up_argv(
            self._command, self._stack, self.files_dir / COMPOSE_FILE, service, recreate=recreate
        )
        self._run(f"Service '{service}' can't be started", argv)

    def _run(self, message: str, argv: list[str]) -> None:
        # Cut in the middle, a container would be left half replaced, under another name.
        finished = processes.run_whole(argv)
        if finished.exit_code != 0:
            raise compose.failed(message, finished)


def _working_dir(container: Container) -> Path:
    return Path(container.labels.get(engine.LABEL_WORKING_DIR, ""))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines from pieces that end anywhere, in the middle of a character even."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (line.rstrip("\r") for line in lines)
    if rest:
        yield rest
