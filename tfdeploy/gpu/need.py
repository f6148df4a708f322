"""How much of a device a service needs: weights, activations, and a version change. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tfdeploy.gpu.inventory import MIB, ModelProfile

ASSUMED_ACTIVATION_BYTES = 512 * MIB
"""For a model that wasn't profiled, and a service that states nothing. An assumption."""

Origin = Literal["stated", "measured", "assumed"]


@dataclass(frozen=True)
class Need:
    """What the models of one service take inside its share.

    ``weights_bytes`` is of all versions that serve together, ``change_bytes`` what comes on top
    while a new version loads: the server loads the new one before it unloads the old
    (tensorflow_serving/core/availability_preserving_policy.cc), and both lie in one pool.
    """

    weights_bytes: int
    change_bytes: int
    activation_bytes: int
    activations_are: Origin

    @property
    def steady_bytes(self) -> int:
        """While nothing changes."""
        return self.weights_bytes + self.activation_bytes

    @property
    def peak_bytes(self) -> int:
        """While a version changes."""
        return self.steady_bytes + self.change_bytes


def need_of(
    models: Mapping[str, Sequence[int]],
    profiles: Mapping[str, ModelProfile],
    *,
    stated: int | None,
    rows: int | None,
) -> Need:
    """The need of one service.

    Args:
        models: model → the weights of each version that serves, in bytes.
        profiles: what was measured, by model; its weights replace those from disk.
        stated: activations in bytes as the stack file states them.
        rows: the most rows of a batch; None for whatever the profile measured.
    """
    weights = {name: _weights(sizes, profiles.get(name)) for name, sizes in models.items()}
    change = max((max(sizes, default=0) for sizes in weights.values()), default=0)
    total = sum(sum(sizes) for sizes in weights.values())
    if stated is not None:
        return Need(total, change, stated, "stated")
    measured = [activations(profiles[name], rows) for name in models if name in profiles]
    unknown = len(models) - len(measured)
    origin: Origin = "assumed" if unknown else "measured"
    return Need(total, change, sum(measured) + unknown * ASSUMED_ACTIVATION_BYTES, origin)


def _weights(sizes: Sequence[int], profile: ModelProfile | None) -> list[int]:
    return [max(size, profile.weights_bytes) if profile else size for size in sizes]


def activations(profile: ModelProfile, rows: int | None) -> int:
    """What a model takes beside its weights for a batch of so many rows, in bytes.

    The measured batch above it counts; beyond the largest one memory grows with the rows.
    """
    sizes = sorted(profile.activation_bytes)
    if not sizes:
        return ASSUMED_ACTIVATION_BYTES
    above = [size for size in sizes if rows is not None and size >= rows]
    if above:
        return profile.activation_bytes[above[0]]
    largest = profile.activation_bytes[sizes[-1]]
    return largest if rows is None else -(-largest * rows // sizes[-1])
