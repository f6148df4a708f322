"""Stack → RenderedStack: texts and hashes. Reads templates, writes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tfdeploy.render.flags import (
    BATCHING_CONFIG,
    CUDA_CACHE_DIR,
    HEALTHCHECK,
    IN_CONTAINER,
    MODELS_CONFIG,
    MONITORING_CONFIG,
    Place,
    server_environment,
    server_flags,
)
from tfdeploy.render.gateway import (
    ENTRY_PORT,
    GATEWAY,
    NGINX_CONFIG,
    OWN_PORT,
    SLOTS,
    GatewayPlace,
    RenderedGateway,
    container_place,
    render_nginx,
    unit,
)
from tfdeploy.render.readback import (
    check_batching,
    check_compose,
    check_models_config,
    load_yaml,
)
from tfdeploy.render.templates import Templates
from tfdeploy.stack import Service, StackFile
from tfdeploy.stack.schema import Batching, Latest, ServedModel, Specific

COMPOSE_FILE = "compose.yaml"
LABEL_STACK = "tfdeploy.stack"
LABEL_SERVICE = "tfdeploy.service"
LABEL_SERVER_HASH = "tfdeploy.server-hash"
LABEL_SLOT = "tfdeploy.slot"


@dataclass(frozen=True)
class RenderedService:
    """One service's files, and what tells whether a running one is the same."""

    name: str
    image: str
    flags: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    server_hash: str
    models_hash: str
    gpu_required: bool | None = None

    @property
    def models_config(self) -> str:
        """The text of models.config."""
        return self.files[MODELS_CONFIG]


@dataclass(frozen=True)
class RenderedStack:
    """Everything that is written for a stack: relative path → text."""

    stack: str
    services: Mapping[str, RenderedService]
    compose: str | None
    gateway: RenderedGateway | None = None

    @property
    def files(self) -> dict[str, str]:
        """Relative path → text of every rendered file."""
        files = {COMPOSE_FILE: self.compose} if self.compose is not None else {}
        for service in self.services.values():
            files |= {f"{service.name}/{name}": text for name, text in service.files.items()}
        if self.gateway is not None:
            files[f"{GATEWAY}/{NGINX_CONFIG}"] = self.gateway.config
        return files


def models_hash(models_config: str) -> str:
    """A hash of what models.config says, its comments left out."""
    return _hash([line for line in models_config.splitlines() if not line.startswith("#")])


def render_stack(
    file: StackFile,
    *,
    templates: Templates,
    places: Mapping[str, Place] | None = None,
    server: Sequence[str] = (),
    gateway: GatewayPlace | None = None,
) -> RenderedStack:
    """Render every file of a stack and read the result back.

    Without ``places``: for Compose, every server in a container. With them (service → place):
    for servers that are started with the command ``server`` on this host, behind an nginx at
    ``gateway`` where the stack has one.

    Raises:
        TfdeployError: TFD209 when a template fails, or says something else than the stack.
    """
    texts = {
        name: _service_files(file, name, (places or {}).get(name, IN_CONTAINER), templates)
        for name in file.stack.services
    }
    if places is None:
        hashes = _compose_hashes(file, texts, templates)
        compose = _render_compose(file, templates, hashes)
    else:
        hashes = {name: _process_hash(file, name, texts[name], server) for name in texts}
        compose = None
    services = {
        name: _rendered_service(file, name, (places or {}).get(name, IN_CONTAINER), files, hashes)
        for name, files in texts.items()
    }
    return RenderedStack(
        file.stack.stack, services, compose, _gateway(file, gateway, templates, hashes.get(GATEWAY))
    )


def _gateway(
    file: StackFile, place: GatewayPlace | None, templates: Templates, compose_hash: str | None
) -> RenderedGateway | None:
    gateway = file.stack.gateway
    if gateway is None:
        return None
    place = place or container_place(file.stack)
    config = render_nginx(file.stack, place, templates, _header(file))
    if compose_hash is not None:
        return RenderedGateway(gateway.image, config, compose_hash)
    # A reload of nginx takes everything else.
    return RenderedGateway("", config, _hash([place.entry, place.own, gateway.tls is None]))


def _rendered_service(
    file: StackFile,
    name: str,
    place: Place,
    files: Mapping[str, str],
    hashes: Mapping[str, str],
) -> RenderedService:
    service = file.stack.services[name]
    return RenderedService(
        name=name,
        image=file.stack.image_of(name),
        flags=tuple(server_flags(service, place)),
        environment=server_environment(service, in_container=place is IN_CONTAINER),
        files=files,
        gpu_required=service.gpu.required if service.gpu else None,
        server_hash=hashes[name],
        models_hash=models_hash(files[MODELS_CONFIG]),
    )


def _header(file: StackFile) -> str:
    # Relative to the stacks folder: the same text wherever the repository is checked out.
    source = f"{file.folder.absolute().name}/{file.path.name}"
    return f"Rendered by tfdeploy from {source}; edits here are lost at the next render."


def _service_files(
    file: StackFile, name: str, place: Place, templates: Templates
) -> dict[str, str]:
    service = file.stack.services[name]
    header = _header(file)
    models = [_model_values(key, model, place) for key, model in service.models.items()]
    files = {
        MODELS_CONFIG: templates.render(MODELS_CONFIG, header=header, models=models),
        MONITORING_CONFIG: templates.render(MONITORING_CONFIG, header=header),
    }
    if place is IN_CONTAINER:
        port = place.rest_port
        files[HEALTHCHECK] = templates.render(
            HEALTHCHECK, header=header, models=models, rest_port=port
        )
    check_models_config(files[MODELS_CONFIG], models, name)
    if service.batching:
        files[BATCHING_CONFIG] = templates.render(
            BATCHING_CONFIG, header=header, **_batching_values(service.batching)
        )
        check_batching(files[BATCHING_CONFIG], service.batching, name)
    return files


def _model_values(name: str, model: ServedModel, place: Place) -> dict[str, Any]:
    policy = model.versions
    return {
        "name": name,
        "base_path": f"{place.models_root}/{model.path or name}",
        "latest": policy.latest if isinstance(policy, Latest) else None,
        "specific": sorted(set(policy.specific)) if isinstance(policy, Specific) else None,
        "labels": model.labels,
    }


def _batching_values(batching: Batching) -> dict[str, Any]:
    wrapped: dict[str, int | str] = {
        "max_batch_size": batching.max_batch_size,
        "batch_timeout_micros": batching.batch_timeout_micros,
        "max_enqueued_batches": batching.max_enqueued_batches,
    }
    if batching.num_batch_threads is not None:
        wrapped["num_batch_threads"] = batching.num_batch_threads
    if batching.enable_large_batch_splitting:
        wrapped["enable_large_batch_splitting"] = "true"
        # Left out, the server takes 0 and refuses every request.
        size = batching.max_execution_batch_size or batching.max_batch_size
        wrapped["max_execution_batch_size"] = size
    return {
        "values": wrapped,
        "allowed_batch_sizes": batching.allowed_batch_sizes,
        "pad_variable_length_inputs": batching.pad_variable_length_inputs,
    }


def _compose_hashes(
    file: StackFile, texts: Mapping[str, Mapping[str, str]], templates: Templates
) -> dict[str, str]:
    """A hash over what Compose is told of each service, overrides of the template included."""
    blank = load_yaml(_render_compose(file, templates, dict.fromkeys(texts, "")))
    said = blank.get("services", {})
    hashes = {
        name: _hash([said.get(unit(name, _first_slot(file))), _static_files(files)])
        for name, files in texts.items()
    }
    if file.stack.gateway is not None:
        hashes[GATEWAY] = _hash(said.get(GATEWAY))
    return hashes


def _process_hash(
    file: StackFile, name: str, files: Mapping[str, str], server: Sequence[str]
) -> str:
    service = file.stack.services[name]
    # Free ports differ from start to start; those asked for are in the publish block.
    words = server_flags(service, Place())
    publish = service.publish.model_dump(mode="json")
    mounts = str(file.models_root)
    static = _static_files(files)
    variables = server_environment(service, in_container=False)
    told = [list(server), words, mounts, publish, variables, static]
    return _hash([*told, "slots"] if file.stack.gateway else told)


def _first_slot(file: StackFile) -> str:
    return SLOTS[0] if file.stack.gateway else ""


def _static_files(files: Mapping[str, str]) -> dict[str, str]:
    """The files that a server reads at its start only."""
    return {
        name: re.sub(r"(?m)^#.*\n", "", text)
        for name, text in files.items()
        if name in (BATCHING_CONFIG, MONITORING_CONFIG)
    }


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _render_compose(file: StackFile, templates: Templates, hashes: Mapping[str, str]) -> str:
    services = [
        _compose_values(file, name, service, hashes[name], slot)
        for name, service in file.stack.services.items()
        for slot in (SLOTS if file.stack.gateway else ("",))
    ]
    text = templates.render(
        COMPOSE_FILE,
        header=_header(file),
        stack=file.stack.stack,
        services=services,
        models_source=_models_source(file),
        gateway=_gateway_values(file, hashes.get(GATEWAY, "")),
    )
    images = {service["name"]: service["image"] for service in services}
    flags = {service["name"]: service["flags"] for service in services}
    check_compose(text, file.stack.stack, images, flags)
    return text


def _models_source(file: StackFile) -> str:
    """The models root as the Compose file names it: relative to itself where the stack file is."""
    if Path(file.stack.models_dir).is_absolute():
        return file.stack.models_dir
    source = os.path.normpath(os.path.join("..", file.stack.models_dir))
    return source if source.startswith(".") else f"./{source}"


def _compose_values(
    file: StackFile, name: str, service: Service, server_hash: str, slot: str
) -> dict[str, Any]:
    place = IN_CONTAINER
    ports = ((place.rest_port, service.publish.rest), (place.grpc_port, service.publish.grpc))
    slot_label = {LABEL_SLOT: slot} if slot else {}
    return {
        "name": unit(name, slot),
        "slot": slot,
        "image": file.stack.image_of(name),
        "flags": server_flags(service, place),
        "environment": server_environment(service, in_container=True),
        "models_target": place.models_root,
        "config_source": f"./{name}",
        "config_target": place.config_dir,
        "healthcheck": f"{place.config_dir}/{HEALTHCHECK}",
        "ports": [
            {"target": inside, "address": address, "published": "" if not port else str(port)}
            for inside, (address, port) in ports
        ],
        "user": service.user,
        "cpus": f"{service.resources.cpus:g}" if service.resources.cpus else None,
        "memory": str(service.resources.memory) if service.resources.memory else None,
        "gpu_device": str(service.gpu.device) if service.gpu else None,
        "cuda_cache": str(PurePosixPath(CUDA_CACHE_DIR).parent) if service.gpu else None,
        "aliases": service.aliases,
        "labels": {
            LABEL_STACK: file.stack.stack,
            LABEL_SERVICE: name,
            LABEL_SERVER_HASH: server_hash,
            **slot_label,
        },
    }


def _gateway_values(file: StackFile, server_hash: str) -> dict[str, Any] | None:
    gateway = file.stack.gateway
    if gateway is None:
        return None
    address, port = gateway.publish
    return {
        "name": GATEWAY,
        "image": gateway.image,
        "config": f"/etc/nginx-gateway/{NGINX_CONFIG}",
        "entry": {"target": ENTRY_PORT, "address": address, "published": str(port) if port else ""},
        "own_port": OWN_PORT,
        "aliases": list(file.stack.services),
        "labels": {LABEL_STACK: file.stack.stack, LABEL_SERVER_HASH: server_hash},
    }
