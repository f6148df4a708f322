"""What an export is to do, as values: from the command line, or from an export file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfdeploy.exporting.fronts import Front

DEFAULT = "serving_default"
# tensorflow/core/../signature_constants.h; what a signature may be called with.
METHODS = {
    "predict": "tensorflow/serving/predict",
    "classify": "tensorflow/serving/classify",
    "regress": "tensorflow/serving/regress",
}


@dataclass(frozen=True)
class SignatureRecipe:
    """One signature of the exported model, made from one of the source's own.

    ``of`` is the source's signature (default: the one of the same name, else serving_default).
    ``inputs`` and ``outputs`` rename: alias to the source's name; outputs that aren't named are
    left out, where any is. ``fronts`` come before the renamed inputs. ``method`` is one of
    ``METHODS``; None keeps the source's. ``labels`` are a classify signature's classes, in order.
    """

    of: str | None = None
    fronts: tuple[Front, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """How a TF1 session is configured while a checkpoint or a frozen graph is loaded.

    The fields of tf.compat.v1.ConfigProto: gpu_options.allow_growth, allow_soft_placement and
    gpu_options.per_process_gpu_memory_fraction (of 1.0; 0 leaves it to TensorFlow).
    """

    allow_growth: bool = False
    soft_placement: bool = False
    gpu_memory_fraction: float = 0.0


@dataclass(frozen=True)
class Loading:
    """How a source is loaded, and the tensors of graphs that have no signatures of their own.

    ``inputs`` and ``outputs`` name tensors (``input_1:0``) of a checkpoint or a frozen graph.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    session: Session = field(default_factory=Session)


@dataclass(frozen=True)
class Recipe:
    """A whole export: which source, how loaded, with which signatures.

    Without ``signatures`` the source's own are exported as they are. With some, exactly these are,
    and ``serving_default`` as the source has it unless it is one of them. ``samples`` are rows of
    requests by signature, as in a REST request's ``instances``. ``tags`` are words for people.
    """

    source: str
    signatures: Mapping[str, SignatureRecipe] = field(default_factory=dict)
    loading: Loading = field(default_factory=Loading)
    samples: Mapping[str, list[object]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    # Relative paths of an export file (vocabularies, samples, the source) start here.
    folder: Path = Path()
