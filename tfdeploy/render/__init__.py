"""What does it look like as files? Stack → RenderedStack. Writes nothing, starts nothing."""

from tfdeploy.render.flags import HEALTHCHECK, IN_CONTAINER, MODELS_CONFIG, Place, server_flags
from tfdeploy.render.gateway import (
    GATEWAY,
    NGINX_CONFIG,
    SLOTS,
    RenderedGateway,
    host_place,
    unit,
)
from tfdeploy.render.stack import (
    COMPOSE_FILE,
    LABEL_SERVER_HASH,
    LABEL_SERVICE,
    LABEL_SLOT,
    LABEL_STACK,
    RenderedService,
    RenderedStack,
    models_hash,
    render_stack,
)
from tfdeploy.render.templates import Templates, bundled_folder

__all__ = [
    "COMPOSE_FILE",
    "GATEWAY",
    "HEALTHCHECK",
    "IN_CONTAINER",
    "LABEL_SERVER_HASH",
    "LABEL_SERVICE",
    "LABEL_SLOT",
    "LABEL_STACK",
    "MODELS_CONFIG",
    "NGINX_CONFIG",
    "SLOTS",
    "Place",
    "RenderedGateway",
    "RenderedService",
    "RenderedStack",
    "Templates",
    "bundled_folder",
    "host_place",
    "models_hash",
    "render_stack",
    "server_flags",
    "unit",
]
