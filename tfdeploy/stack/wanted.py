"""Which versions a model's policy asks for, given what lies on disk. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfdeploy.stack.schema import Latest, Specific, VersionPolicy

Wanted = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Service → model → version numbers, ascending."""


def wanted_versions(policy: VersionPolicy, on_disk: Iterable[int]) -> tuple[int, ...]:
    """The versions that the server will load, ascending.

    Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
    """
    numbers = sorted(set(on_disk))
    if isinstance(policy, Latest):
        return tuple(numbers[-policy.latest :])
    if isinstance(policy, Specific):
        return tuple(number for number in numbers if number in policy.specific)
    return tuple(numbers)
