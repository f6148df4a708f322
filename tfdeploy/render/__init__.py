"""What does it look like as files? Stack → RenderedStack. Writes nothing, starts nothing."""

from tfdeploy.render.flags import HEALTHCHECK, IN_CONTAINER, MODELS_CONFIG, Place, server_flags
from tfdeploy.render.stack import (
    COMPOSE_FILE,
    LABEL_SERVER_HASH,
    LABEL_SERVICE,
    LABEL_STACK,
    RenderedService,
    RenderedStack,
    models_hash,
    render_stack,
)
from tfdeploy.render.templates import Templates, bundled_folder

__all__ = [
    "COMPOSE_FILE",
    "HEALTHCHECK",
    "IN_CONTAINER",
    "LABEL_SERVER_HASH",
    "LABEL_SERVICE",
    "LABEL_STACK",
    "MODELS_CONFIG",
    "Place",
    "RenderedService",
    "RenderedStack",
    "Templates",
    "bundled_folder",
    "models_hash",
    "render_stack",
    "server_flags",
]
