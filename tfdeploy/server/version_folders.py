"""Which numbered folders of a base path should be served.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
"""

import os
import re
from typing import Any

from tfdeploy.server import log

_INT64 = 2**63
# absl::SimpleAtoi: blanks around, one sign, decimal digits of ASCII.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]{1,19})[ \t\n\v\f\r]*")


class BasePathError(Exception):
    """The base path can't be listed; nothing may be unloaded because of that."""


def parse_version_name(name: str) -> int | None:
    """The version number that a folder name stands for: `007` is 7, `+3` is 3, `1.5` is none."""
    match = _NUMBER.fullmatch(name)
    if match is None:
        return None
    number = int(match[1] + match[2])
    return number if -_INT64 <= number < _INT64 else None


def local_path(base_path: str) -> str:
    """The folder that a base path names; `file://` is the one scheme that works here."""
    return base_path.removeprefix("file://").rstrip("/") or "/"


def list_versions(name: str, base_path: str) -> dict[int, str]:
    """Every version under a base path, with the path of its folder.

    Raises:
        BasePathError: with the reason, when the folder can't be read.
    """
    try:
        children = sorted(os.listdir(local_path(base_path)))
    except FileNotFoundError:
        raise BasePathError(
            f"Could not find base path {base_path} for servable {name} with error "
            f"NOT_FOUND: {base_path} not found"
        ) from None
    except (OSError, ValueError) as error:
        # A ValueError is a path that no file system has, such as one with a NUL in it.
        reason = error.strerror if isinstance(error, OSError) else error
        raise BasePathError(f"{base_path}; {reason}") from None
    found: dict[int, str] = {}
    for child in children:
        number = parse_version_name(child)
        if number is None:
            continue
        if number in found:
            log.warning(
                f"Duplicate version directories detected. Version {number} will be loaded from "
                f"{child}, {os.path.basename(found[number])} will be ignored."
            )
        found[number] = os.path.join(local_path(base_path), child)
    return found


def _specific(name: str, wanted: list[int], found: dict[int, str]) -> list[int]:
    if not wanted:
        log.warning(f"No specific versions requested for servable {name}.")
    for number in wanted:
        if number not in found:
            log.warning(
                f"Version {number} of servable {name}, which was requested to be served as a "
                "'specific' version in the servable's version policy, was not found in the file "
                "system"
            )
    return [number for number in wanted if number in found]


def aspired_versions(name: str, base_path: str, policy: Any) -> dict[int, str]:
    """The versions that a model's policy wants now, with their paths.

    Args:
        name: The model.
        base_path: Where its versions lie.
        policy: A ServableVersionPolicy; unset means the latest one.

    Raises:
        BasePathError: the base path can't be listed.
    """
    found = list_versions(name, base_path)
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific":
        chosen = _specific(name, list(policy.specific.versions), found)
    elif choice == "all":
        chosen = list(found)
    else:
        chosen = sorted(found, reverse=True)[: policy.latest.num_versions or 1]
    if not chosen and (choice != "specific" or policy.specific.versions):
        log.warning(
            f"No versions of servable {name} found under base path {base_path}. Did you forget to "
            "name your leaf directory as a number (eg. '/1/')?"
        )
    return {number: found[number] for number in chosen}
