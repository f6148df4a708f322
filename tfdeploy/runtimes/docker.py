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
    GATEWAY,
    SLOTS,
    RenderedGateway,
    RenderedService,
    RenderedStack,
    Templates,
    render_stack,
    unit,
)
from tfdeploy.render.folder import RENDERED_DIR, read_files
from tfdeploy.runtimes import compose, engine
from tfdeploy.runtimes.compose import compose_error
from tfdeploy.runtimes.containers import describe, host_ports, used_memory
from tfdeploy.runtimes.docker_gateway import DockerGateway
from tfdeploy.runtimes.engine import engine_error, image_error
from tfdeploy.runtimes.observing import models_configs, with_models_of_all
from tfdeploy.runtimes.ports import check_ports
from tfdeploy.runtimes.readable import check_readable
from tfdeploy.runtimes.room import check_room
from tfdeploy.runtimes.secrets import with_secrets
from tfdeploy.runtimes.slots import Slots
from tfdeploy.stack import StackFile, resolve_wanted
from tfdeploy.stack.file import RUN_DIR

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
        self._run_dir = file.folder.absolute() / RUN_DIR
        self._slots = Slots(self._run_dir)
        self._gateway = DockerGateway(file, self._run_dir, self)

    @property
    def files_dir(self) -> Path:
        """Beside the stack file: relative paths make these files the same on every machine."""
        return self._file.folder.absolute() / RENDERED_DIR

    def render(self, templates: Templates) -> RenderedStack:
        """The Compose file and the servers' files, with paths as containers see them."""
        return with_secrets(render_stack(self._file, templates=templates), self._file)

    def check(self, rendered: RenderedStack, observed: ObservedStack) -> list[TfdeployError]:
        """Compose, name, images, ports, and models that containers can read."""
        containers = self._containers()
        missing = compose_error()
        errors = [missing] if missing else []
        errors += self._check_name(containers)
        errors += self._check_images(rendered, observed)
        free = processes.free_memory_bytes()
        errors += check_room(self._file, rendered, observed, self._limit_bytes, free)
        errors += self._check_ports(rendered, {p for c in containers for p in host_ports(c.attrs)})
        if not engine.maps_users(self._client):
            errors += check_readable(self._file, resolve_wanted(self._file))
        return errors

    def observe(self) -> ObservedStack:
        """Files, containers, model states and the gateway."""
        files = read_files(self.files_dir)
        own = self._own()
        names = dict.fromkeys(_service(one) for one in own if one != GATEWAY)
        services = with_models_of_all(
            [self._look(name, own) for name in names], models_configs(files)
        )
        return ObservedStack(files, services, self._gateway.observe(own.get(GATEWAY)))

    def look(self, service: str, *, beside: bool = False) -> ObservedService:
        """The state of a service's container."""
        return self._look(service, self._own(service), beside=beside)

    def names(self) -> set[str]:
        """The services that have a container."""
        return {_service(one) for one in self._own() if one != GATEWAY}

    def memory_bytes(self, service: str) -> int | None:
        """What the container holds in memory, the cache of files left out, as `docker stats`."""
        own = self._own()
        slot = self._slots.live(service, self._there(service, own))
        container = own.get(unit(service, slot))
        if container is None or not container.attrs["State"].get("Running"):
            return None
        return used_memory(engine.usage(self._client, container))

    def start(self, service: RenderedService) -> None:
        """Create and start the container, and the network where it is missing."""
        self._pull(service)
        slot = self._slot_to_start(service.name)
        self._slots.switch(service.name, slot)
        self._up(service.name, slot)

    def recreate(self, service: RenderedService) -> None:
        """Replace the container, whatever it is like."""
        self._pull(service)
        slot = self._slot_to_start(service.name)
        self._stop(service.name, self._there(service.name, self._own()) - {slot})
        self._slots.switch(service.name, slot)
        self._up(service.name, slot, recreate=True)

    def stop(self, service: str) -> None:
        """Stop and remove the containers of a service."""
        self._stop(service, self._there(service, self._own()))

    def revert(self, before: ObservedService) -> None:
        """Have Compose compare with the old file: it replaces only what differs from it."""
        if before.state in ("absent", "exited"):
            self.stop(before.name)
            return
        self._stop(before.name, self._there(before.name, self._own()) - {before.slot})
        self._slots.switch(before.name, before.slot)
        self._up(before.name, before.slot)

    def start_beside(self, service: RenderedService) -> None:
        """Start a container in the slot that is free."""
        self._pull(service)
        there = self._there(service.name, self._own())
        self._up(service.name, self._slots.other(service.name, there))

    def switch(self, service: str) -> None:
        """Have the gateway ask the other server, once the gateway itself reaches it."""
        slot = self._slots.other(service, self._there(service, self._own()))
        if slot:
            models = self._file.stack.services[service].models
            self._gateway.wait_for_slot(unit(service, slot), next(iter(models), None))
        self._slots.switch(service, slot)

    def stop_other(self, service: str) -> None:
        """Remove what the gateway doesn't ask."""
        there = self._there(service, self._own())
        self._stop(service, there - {self._slots.live(service, there)})

    def bring_back(self, before: ObservedService) -> None:
        """Start again, in its own slot, what `stop_other` removed; the old file is in place."""
        self._up(before.name, before.slot)

    def start_gateway(self, gateway: RenderedGateway) -> None:
        """Start nginx's container, which answers when this returns."""
        self._gateway.start(gateway)

    def reload_gateway(self, gateway: RenderedGateway) -> None:
        """Have nginx read its config anew; it has done so when this returns."""
        self._gateway.reload(gateway)

    def recreate_gateway(self, gateway: RenderedGateway) -> None:
        """Replace nginx's container."""
        self._gateway.start(gateway, recreate=True)

    def stop_gateway(self) -> None:
        """Remove nginx's container; it answers what it has begun."""
        self._gateway.stop()

    def revert_gateway(self, *, started_anew: bool) -> None:
        """Bring back the gateway that a failed change touched."""
        self._gateway.revert(started_anew=started_anew)

    def down(self) -> list[str]:
        """Remove all containers and the network; the names of services that ran."""
        raise_all(self._check_name(self._containers()))
        own = self._own()
        up = [name for name in own if self._describe(name, own[name]).state != "exited"]
        running = list(dict.fromkeys(_service(name) for name in up))
        if own or engine.network_exists(self._client, self._stack):
            argv = compose.down_argv(self._command, self._stack)
            self.run_compose(f"Stack '{self._stack}' can't be taken down", argv)
        self._slots.forget()
        self._gateway.forget()
        return running

    def logs(self, service: str, *, tail: int, follow: bool, beside: bool = False) -> Iterator[str]:
        """What the container's main process wrote to stdout and stderr."""
        own = self._own(service)
        there = self._there(service, own)
        slot = (self._slots.other if beside else self._slots.live)(service, there)
        container = own.get(service if service == GATEWAY else unit(service, slot))
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

    @property
    def compose_command(self) -> tuple[str, ...]:
        """The words that every call of Compose begins with."""
        return self._command

    def container(self, name: str) -> Container | None:
        """The container of a Compose service."""
        return self._own().get(name)

    def _look(
        self, service: str, own: dict[str, Container], *, beside: bool = False
    ) -> ObservedService:
        there = self._there(service, own)
        slot = (self._slots.other if beside else self._slots.live)(service, there)
        container = own.get(unit(service, slot))
        if container is None:
            return ObservedService(service, "absent", slot=slot)
        other = bool(there - {slot})
        return replace(self._describe(service, container), slot=slot, other=other)

    def _there(self, service: str, own: dict[str, Container]) -> set[str]:
        """The slots of a service that have a container."""
        return {slot for slot in ("", *SLOTS) if unit(service, slot) in own}

    def _slot_to_start(self, service: str) -> str:
        """Where a server goes that nothing runs beside."""
        if self._file.stack.gateway is None:
            return ""
        return self._slots.live(service, self._there(service, self._own())) or SLOTS[0]

    def _stop(self, service: str, slots: Iterable[str]) -> None:
        for slot in slots:
            argv = compose.remove_argv(self._command, self._stack, unit(service, slot))
            self.run_compose(f"Service '{service}' can't be stopped", argv)

    def _containers(self, service: str | None = None) -> list[Container]:
        return engine.project_containers(self._client, self._stack, service)

    def _own(self, service: str | None = None) -> dict[str, Container]:
        """Service → its container; a running one where a cut-short change left two.

        Args:
            service: look at this one alone. The SDK asks the engine once for each container.
        """
        # Behind a gateway a service has two, of other names; so has one that has just lost it.
        alone = service if self._file.stack.gateway is None else None
        found = self._containers(alone) or (self._containers() if alone else [])
        own = [one for one in found if not self._is_foreign(one)]
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
        gateway = rendered.gateway
        if gateway is not None and observed.gateway.server_hash != gateway.server_hash:
            needed.add(gateway.image)
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
        gateway = self._file.stack.gateway
        if gateway is not None and gateway.publish[1] not in own:
            where = self._file.where("gateway", "publish")
            errors += check_ports([gateway.publish], where=where, service=GATEWAY)
        return errors

    def _limit_bytes(self, service: str) -> int:
        return self._file.stack.services[service].resources.memory or 0

    def _pull(self, service: RenderedService) -> None:
        """Before anything is stopped; it may take minutes, and ^C may cut it."""
        if engine.is_local(self._client, service.image):
            return
        file = self.files_dir / COMPOSE_FILE
        name = unit(service.name, SLOTS[0] if self._file.stack.gateway else "")
        argv = compose.pull_argv(self._command, self._stack, file, name)
        finished = processes.run(argv)
        if finished.exit_code != 0:
            raise compose.failed(f"The image {service.image} can't be pulled", finished)

    def _up(self, service: str, slot: str, *, recreate: bool = False) -> None:
        folder = self.files_dir / service
        # Whatever the umask was: the server runs as another user.
        open_to_readers(folder)
        argv = compose.up_argv(
            self._command,
            self._stack,
            self.files_dir / COMPOSE_FILE,
            unit(service, slot),
            recreate=recreate,
        )
        self.run_compose(f"Service '{service}' can't be started", argv)

    def run_compose(self, message: str, argv: list[str]) -> None:
        """Run Compose to its end.

        Raises:
            TfdeployError: TFD413 with ``message`` and what Compose says.
        """
        # Cut in the middle, a container would be left half replaced, under another name.
        finished = processes.run_whole(argv)
        if finished.exit_code != 0:
            raise compose.failed(message, finished)


def _service(name: str) -> str:
    """The service of a Compose service, which may be one of its slots."""
    return name.partition("_")[0]


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
