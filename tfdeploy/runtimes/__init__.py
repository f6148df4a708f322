"""Where servers run. ``Runtime`` is the seam; docker and process are behind it."""

from tfdeploy.runtimes.choose import (
    Choice,
    choose_runtime,
    forget,
    is_remembered,
    remember,
    remembered_runtime,
    remembered_templates,
)
from tfdeploy.runtimes.runtime import Runtime

__all__ = [
    "Choice",
    "Runtime",
    "choose_runtime",
    "forget",
    "is_remembered",
    "remember",
    "remembered_runtime",
    "remembered_templates",
]
