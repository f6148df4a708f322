"""The gateway's nginx.conf: which requests pass, and which server of a service they reach.

Each service has two slots, a and b. A new server starts in the one that is free; a file in the
``live`` folder says which of them answers, and nginx looks there at every request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tfdeploy.errors import TfdeployError
from tfdeploy.render.flags import IN_CONTAINER, Place
from tfdeploy.render.templates import Templates
from tfdeploy.stack import Stack

GATEWAY = "gateway"
NGINX_CONFIG = "nginx.conf"
SLOTS = ("a", "b")
# The server itself ends a request after rest_api_timeout_in_ms, 30 s by default.
TIMEOUT_SECONDS = 300
ENTRY_PORT = 8080
OWN_PORT = 8502

# HTTP status inside nginx → gRPC status that the client gets, and its message
# (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
_GRPC_REFUSALS = (
    (401, 16, "The API key, or user and password, are wrong or missing."),
    (403, 7, "Only PredictionService and GetModelStatus pass the gateway."),
    (404, 12, "Name the model in the metadata tfdeploy-model, or the service in tfdeploy-service."),
    (413, 8, "The request is larger than the gateway lets pass."),
    (503, 14, "Too many requests at once, or the server does not answer; ask again."),
    (504, 4, "The server took too long."),
)


@dataclass(frozen=True)
class GatewayPlace:
    """Where nginx listens and finds its files, as nginx sees them.

    ``slots`` holds, for each service and slot, the server's REST and gRPC address.
    """

    entry: str
    own: str
    live: str
    secrets: str
    scratch: str
    slots: Mapping[str, Mapping[str, tuple[str, str]]]
    user: str = ""
    resolver: str = ""
    inside: Mapping[str, int] | None = None


@dataclass(frozen=True)
class RenderedGateway:
    """The gateway's image and config; ``secrets`` are files that stay out of the rendered folder.

    ``config_hash`` covers config and secrets, ``server_hash`` what only a new nginx takes.
    """

    image: str
    config: str
    server_hash: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def config_hash(self) -> str:
        """What a running nginx answers with when it has taken this config."""
        said = [line for line in self.config.splitlines() if not line.lstrip().startswith("#")]
        parts = [*said, *(f"{name}\n{text}" for name, text in sorted(self.secrets.items()))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def unit(service: str, slot: str) -> str:
    """``NAME_a``: a service's server in one slot; no service's name holds an underscore."""
    return f"{service}_{slot}" if slot else service


def container_place(stack: Stack) -> GatewayPlace:
    """The gateway in a container, servers under the names of their slots."""
    return GatewayPlace(
        entry=str(ENTRY_PORT),
        own=str(OWN_PORT),
        live="/live",
        secrets="/secrets",
        scratch="/tmp",  # noqa: S108 - a tmpfs of the container's own
        slots={
            name: {slot: _addresses(unit(name, slot), IN_CONTAINER) for slot in SLOTS}
            for name in stack.services
        },
        user="root root",
        resolver="127.0.0.11",
        inside={"rest": IN_CONTAINER.rest_port, "grpc": IN_CONTAINER.grpc_port},
    )


def host_place(
    entry: tuple[str, int], own_port: int, run_dir: str, user: str, places: Mapping[str, Place]
) -> GatewayPlace:
    """The gateway as a process; ``places`` holds unit → where that server listens."""
    services = sorted({name.rpartition("_")[0] for name in places})
    return GatewayPlace(
        entry=_listen(*entry),
        own=f"127.0.0.1:{own_port}",
        live=f"{run_dir}/live",
        secrets=f"{run_dir}/secrets",
        scratch=f"{run_dir}/nginx",
        slots={
            name: {slot: _addresses("127.0.0.1", places[unit(name, slot)]) for slot in SLOTS}
            for name in services
        },
        user=user,
    )


def render_nginx(stack: Stack, place: GatewayPlace, templates: Templates, header: str) -> str:
    """The text of nginx.conf.

    Raises:
        TfdeployError: TFD209 when an override leaves out what the gateway is for.
    """
    gateway = stack.gateway
    assert gateway is not None
    text = templates.render(
        NGINX_CONFIG,
        header=header,
        entry=place.entry,
        own=place.own,
        live=place.live,
        secrets=place.secrets,
        scratch=place.scratch,
        user=place.user,
        resolver=place.resolver,
        inside=place.inside,
        services=[_service(name, place.slots[name]) for name in stack.services],
        routes=_routes(stack),
        default_service=default_service(stack),
        tls=gateway.tls is not None,
        api_keys=gateway.api_keys is not None,
        basic_auth=gateway.basic_auth is not None,
        body_limit=gateway.body_limit,
        concurrency=gateway.concurrency,
        retry_after_seconds=gateway.retry_after_seconds,
        request_log=gateway.request_log,
        timeout_seconds=TIMEOUT_SECONDS,
        grpc_refusals=_GRPC_REFUSALS,
    )
    _check(text, stack, place)
    return text


def default_service(stack: Stack) -> str | None:
    """Who gets a request that names no model that is known: the only service, or the one named."""
    if stack.gateway is not None and stack.gateway.default_service:
        return stack.gateway.default_service
    return next(iter(stack.services)) if len(stack.services) == 1 else None


def _routes(stack: Stack) -> dict[str, str]:
    """Model → the first service that has it; none with one service, so that none changes."""
    if len(stack.services) < 2:
        return {}
    return {
        model: name
        for name, service in reversed(stack.services.items())
        for model in reversed(service.models)
    }


def _service(name: str, slots: Mapping[str, tuple[str, str]]) -> dict[str, object]:
    by_slot = {slot: {"rest": rest, "grpc": grpc} for slot, (rest, grpc) in slots.items()}
    a, b = SLOTS
    return {
        "name": name,
        "slots": [
            {"name": a, **by_slot[a], "other": by_slot[b]},
            {"name": b, **by_slot[b], "other": by_slot[a]},
        ],
    }


def _addresses(host: str, place: Place) -> tuple[str, str]:
    return f"{host}:{place.rest_port}", f"{host}:{place.grpc_port}"


def _listen(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _check(text: str, stack: Stack, place: GatewayPlace) -> None:
    """What the door is for must stand in the config, whatever an override did."""
    gateway = stack.gateway
    assert gateway is not None
    words = re.sub(r"(?m)^\s*#.*$", "", text)
    needed = {
        "the entry port": f"listen {place.entry}{' ssl' if gateway.tls else ''};",
        "its own port": f"listen {place.own};",
        "the body limit": f"client_max_body_size {gateway.body_limit};",
        "the secrets": f"include {place.secrets}/secrets.conf;",
    }
    if gateway.api_keys:
        needed["the API keys"] = 'if ($client = "")'
    if gateway.basic_auth:
        needed["the users"] = f"auth_basic_user_file {place.secrets}/users;"
    if gateway.concurrency:
        needed["the concurrency limit"] = f"limit_conn everybody {gateway.concurrency};"
    needed |= {f"service '{name}'": f"upstream {name}_a_rest {{" for name in stack.services}
    for what, line in needed.items():
        if line not in words:
            raise _lacks(what)
    if re.search(r"grpc_pass(?![^;]*_grpc;)", words) or "HandleReloadConfigRequest" in words:
        raise _lacks("the refusal of reloads")


def _lacks(what: str) -> TfdeployError:
    return TfdeployError(
        "TFD209",
        f"The rendered {NGINX_CONFIG} doesn't say what the stack file says: {what} is missing.",
        where=f"{NGINX_CONFIG}.j2",
        hint="remove or mend your override of this template.",
    )
