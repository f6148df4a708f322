"""What do you want? The stack file: load, check, edit, save. Touches no server."""

from tfdeploy.stack.check import check_models, check_stack, resolve_wanted
from tfdeploy.stack.file import StackFile, find_stack, load_stack, parse_stack
from tfdeploy.stack.gpus import has_gpus, inventory_paths, settle_gpus
from tfdeploy.stack.schema import Batching, ServedModel, Service, Stack
from tfdeploy.stack.wanted import Wanted, wanted_versions

__all__ = [
    "Batching",
    "ServedModel",
    "Service",
    "Stack",
    "StackFile",
    "Wanted",
    "check_models",
    "check_stack",
    "find_stack",
    "has_gpus",
    "inventory_paths",
    "load_stack",
    "parse_stack",
    "resolve_wanted",
    "settle_gpus",
    "wanted_versions",
]
