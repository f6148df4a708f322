"""What there is of a stack on its runtime: images, ports, containers that nobody wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdeploy.doctor.facts import Brought, Image, Port, Stray
from tfdeploy.errors import TfdeployError
from tfdeploy.journal import read_journal
from tfdeploy.plan import ObservedStack
from tfdeploy.render import GATEWAY, SLOTS, unit
from tfdeploy.render.folder import RENDERED_DIR
from tfdeploy.runtimes import Runtime, engine, remembered_runtime
from tfdeploy.runtimes.ports import listener_on, port_state
from tfdeploy.runtimes.server_program import listens_on
from tfdeploy.stack import StackFile

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

# Builds that are the same byte for byte say 1970 or 1980; facts hold no time after 2200.
_HONEST_YEARS = (2000, 2200)


def images(file: StackFile, client: DockerClient) -> list[Image]:
    """Every image of the stack; of those that aren't local the registry is asked."""
    wanted: dict[str, list[str]] = {}
    for name in file.stack.services:
        wanted.setdefault(file.stack.image_of(name), []).append(name)
    if file.stack.gateway is not None:
        wanted.setdefault(file.stack.gateway.image, []).append(GATEWAY)
    return [_image(client, name, services) for name, services in wanted.items()]


def _image(client: DockerClient, name: str, services: list[str]) -> Image:
    try:
        attributes = engine.image_attributes(client, name)
    except TfdeployError as error:
        return Image(name=name, services=services, local=False, why_not=error.message)
    if attributes is None:
        missing = engine.image_error(name)
        why_not = missing.where if missing else ""
        return Image(name=name, services=services, local=False, why_not=why_not)
    return local_image(name, services, attributes)


def local_image(name: str, services: list[str], attributes: Mapping[str, Any]) -> Image:
    """An image, as `docker image inspect` tells of it."""
    marks = (attributes.get("Config") or {}).get("Labels") or {}
    # Ubuntu's images say what they are, and what stands on them says it too.
    distribution = marks.get("org.opencontainers.image.ref.name")
    release = marks.get("org.opencontainers.image.version", "")
    return Image(
        name=name,
        services=services,
        local=True,
        architecture=str(attributes.get("Architecture") or ""),
        created=_created(str(attributes.get("Created") or "")),
        base=f"ubuntu {release}" if distribution == "ubuntu" else "",
    )


def _created(said: str) -> float | None:
    with suppress(ValueError, OverflowError):
        when = datetime.fromisoformat(said)
        return when.timestamp() if _HONEST_YEARS[0] <= when.year < _HONEST_YEARS[1] else None
    return None


def ports(
    file: StackFile, now: ObservedStack | None, server: Sequence[str], client: DockerClient | None
) -> list[Port]:
    """Every host port that the stack file names, and who has it.

    Args:
        file: the stack.
        now: what runs of it; None where nobody knows.
        server: the command of its servers; empty where they are containers.
        client: of the engine; None without one.
    """
    own = _own_ports(now)
    holders: dict[int, str] = {}
    with suppress(TfdeployError):
        holders = engine.published_ports(client) if client is not None else {}
    found = []
    for service, (address, port), where in _named(file):
        if not port:
            continue
        state = port_state(_probed(file, service, address, server), port)
        by = ""
        if state == "taken" and port not in own:
            container = holders.get(port)
            by = f"container {container}" if container else listener_on(port)
        found.append(
            Port(
                service=service,
                address=address,
                port=port,
                where=where,
                state=state,
                by=by,
                ours=port in own,
            )
        )
    return found


def _probed(file: StackFile, service: str, address: str, server: Sequence[str]) -> str:
    """Where the one that publishes a port listens: Docker, and nginx, on the address as it is."""
    if not server or service == GATEWAY:
        return address
    return listens_on(file.stack.services[service].publish, server)


def no_nginx() -> str:
    """Why there is no nginx for a gateway on this machine; empty where there is one."""
    from tfdeploy.runtimes.nginx import find_nginx

    try:
        find_nginx()
    except TfdeployError as error:
        return error.where
    return ""


def unprobed_ports(file: StackFile) -> list[Port]:
    """The named ports of a stack on another machine, of which nothing is known here."""
    return [
        Port(service=service, address=address, port=port, where=where, state="unknown")
        for service, (address, port), where in _named(file)
        if port
    ]


def strays(file: StackFile, client: DockerClient) -> list[Stray]:
    """Containers of this very stack for services that its file doesn't name."""
    # How many there are of one for each GPU isn't known without an inventory.
    if any(one.gpu and one.gpu.replicas for one in file.stack.services.values()):
        return []
    wanted = {unit(name, slot) for name in file.stack.services for slot in ("", *SLOTS)}
    wanted |= {GATEWAY} if file.stack.gateway is not None else set()
    found = []
    with suppress(TfdeployError):
        for container in engine.project_containers(client, file.stack.stack):
            service = container.labels.get(engine.LABEL_SERVICE, "")
            if service not in wanted and _is_ours(container, file.folder):
                running = bool(container.attrs["State"].get("Running"))
                found.append(Stray(container=str(container.name), service=service, running=running))
    return found


def _is_ours(container: Container, folder: Path) -> bool:
    made_in = Path(container.labels.get(engine.LABEL_WORKING_DIR, ""))
    return made_in.resolve() == (folder / RENDERED_DIR).resolve()


def _named(file: StackFile) -> Iterator[tuple[str, tuple[str, int], str]]:
    for name, service in file.stack.services.items():
        where = file.where("services", name, "publish")
        yield name, service.publish.rest, where
        yield name, service.publish.grpc, where
    if file.stack.gateway is not None:
        yield GATEWAY, file.stack.gateway.publish, file.where("gateway", "publish")


def observe(file: StackFile, *, on_docker: bool) -> ObservedStack | None:
    """The stack as it is now; None where its runtime doesn't tell."""
    with suppress(TfdeployError):
        return _runtime(file, on_docker=on_docker).observe()
    return None


def brought_up(file: StackFile, now: ObservedStack | None, *, on_docker: bool) -> list[Brought]:
    """The services that the stack is up with, and how each is now.

    None where it is down, or up on another runtime than the one that is looked at.
    """
    up_on, _ = remembered_runtime(file)
    if now is None or up_on != ("docker" if on_docker else "process"):
        return []
    deployed = read_journal(file.folder).deployed
    # A service that the file has and no `up` has met yet isn't missed.
    names = (deployed.services if deployed else None) or now.services
    found = [
        Brought(
            name=one.name, state=one.state, detail=one.detail, where=file.where("services", name)
        )
        for name in file.stack.services
        if name in names
        for one in [now.service(name)]
    ]
    gateway = now.gateway
    # Whether an absent one was brought up nobody has written down.
    if file.stack.gateway is not None and gateway.state != "absent":
        where = file.where("gateway")
        found.append(Brought(name=GATEWAY, state=gateway.state, detail=gateway.detail, where=where))
    return found


def _own_ports(observed: ObservedStack | None) -> set[int]:
    """The ports that the stack has now."""
    if observed is None:
        return set()
    addresses = [observed.gateway.url]
    for service in observed.services.values():
        addresses += [service.rest_url, service.grpc_address]
    return _port_numbers(addresses)


def _port_numbers(addresses: Sequence[str]) -> set[int]:
    ends = (one.rpartition(":")[2] for one in addresses)
    return {int(one) for one in ends if one.isdecimal()}


def _runtime(file: StackFile, *, on_docker: bool) -> Runtime:
    from tfdeploy.runtimes.process import ProcessRuntime
    from tfdeploy.runtimes.server_program import embedded_server

    if on_docker:
        from tfdeploy.runtimes.docker import DockerRuntime

        return DockerRuntime(file)
    return ProcessRuntime(file, embedded_server())
