"""Every defect that a proof looks for, in a model that has it: refused, or let through if asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import Recipe
from tfdeploy.exporting.findings import Task
from tfdeploy.exporting.judging import check_defects
from tfdeploy.exporting.options import Options
from tfdeploy.exporting.proof import fresh_process
from tfdeploy.exporting.servables import Function, Servable
from tfdeploy.exporting.verify import verify
from tfdeploy.exporting.writing import edit, write
from tfdeploy.savedmodel import WARMUP_FILE, Limits, read_saved_model

Publish = Callable[..., Any]


def python_function(tf: Any) -> Any:
    return lambda x: {"y": tf.py_function(lambda one: one * 2.0, [x], tf.float32)}


def doubled(tf: Any) -> Any:
    return lambda x: {"y": tf.math.softplus(x)}


def pinned(tf: Any) -> Any:
    # TensorFlow may run a function elsewhere all the same; a graph of TF1 it doesn't (test_proofs).
    def call(x: Any) -> Any:
        with tf.device("/device:GPU:0"):
            return {"y": x * 2.0}

    return call


def compiled(tf: Any) -> Any:
    return lambda x: {"y": tf.function(lambda one: one * 2.0, jit_compile=True)(x)}


def half(tf: Any) -> Any:
    return lambda x: {"y": tf.cast(x, tf.float16)}


def png(tf: Any) -> Any:
    def encoded(x: Any) -> Any:
        return tf.io.encode_png(tf.cast(tf.fill([2, 2, 1], x), tf.uint8))

    return lambda x: {"picture": tf.map_fn(encoded, x, fn_output_signature=tf.string)}


def rename_op(folder: Path) -> None:
    """To one that TensorFlow doesn't have, as of a library that isn't loaded."""

    def change(model: Any) -> None:
        graph = model.meta_graphs[0]
        bodies = [graph.graph_def.node, *(one.node_def for one in graph.graph_def.library.function)]
        for node in (node for body in bodies for node in body if node.op == "Softplus"):
            node.op = "AcmeSoftplus"

    edit(folder, change)


def save(tf: Any, make: Callable[[Any], Any], folder: Path, batch: int | None = None) -> Path:
    """A SavedModel of one function of ``x``, by TensorFlow's own save."""
    spec = tf.TensorSpec([batch], tf.float32, name="x")
    module = tf.Module()
    module.call = tf.function(make(tf), input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder), signatures=module.call.get_concrete_function())
    return folder


@dataclass(frozen=True)
class Case:
    """A model with a defect of a kind, and what is said of it.

    ``told`` is what is said when the kind is allowed; None where the proof has nothing to add.
    """

    make: Callable[[Any], Any]
    kind: str
    message: str
    told: str | None = None
    change: Callable[[Path], None] = lambda folder: None


CASES = {
    "a Python function": Case(
        python_function,
        "python-op",
        "calls back into the Python process that made it",
        "serving_default isn't proven: it calls back into Python",
    ),
    "an op of nobody's": Case(
        doubled,
        "custom-op",
        "TensorFlow has no op AcmeSoftplus",
        "serving_default isn't proven: TensorFlow has no op AcmeSoftplus",
        rename_op,
    ),
    "a GPU and no other": Case(
        pinned,
        "gpu-placement",
        "/device:GPU:0",
    ),
    "jit_compile=True": Case(
        compiled,
        "jit-compile",
        "jit_compile=True",
        "in a fresh process, serving_default answers 1 row and 3 rows",
    ),
    "half-precision": Case(
        half,
        "half-output",
        "Output 'y' is float16, which the REST API can't write",
    ),
    "bytes under a name for text": Case(
        png,
        "bytes-alias",
        "Output 'picture' holds bytes that are no UTF-8",
        "in a fresh process, serving_default answers 1 row and 3 rows",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_defect_is_refused_and_let_through_where_its_kind_is_allowed(
    publish: Publish, tf: Any, tmp_path: Path, case: Case
) -> None:
    source = save(tf, case.make, tmp_path / "source")
    case.change(source)
    with pytest.raises(TfdeployError) as caught:
        publish(source, tmp_path / "models")
    assert caught.value.code == "TFD118"
    assert case.message in caught.value.message
    assert f"--allow {case.kind}" in caught.value.hint
    assert not (tmp_path / "models" / "m").exists()

    said: list[str] = []
    allow = frozenset({case.kind})
    if case.told is None:
        assert case.kind in {one.kind for one in check_defects(read_saved_model(source), allow, "")}
        return
    exported = publish(source, tmp_path / "models", allow=allow, report=said.append)
    assert exported.version == 1
    assert any(line.startswith(case.told) for line in said)
    (note,) = (line for line in said if line.startswith("allowed: "))
    assert case.message in note


def test_a_fixed_batch_is_told(publish: Publish, tf: Any, tmp_path: Path) -> None:
    source = save(tf, doubled, tmp_path / "source", batch=2)
    said: list[str] = []
    assert publish(source, tmp_path / "models", report=said.append).version == 1
    why = "input 'x' has a first dimension of 2"
    assert f"serving_default: Its requests can't be batched: {why}. [fixed-batch]" in said
    (answer,) = (line for line in said if line.startswith("in a fresh process"))
    assert answer.endswith(f"requests, but can't be batched: {why}")


def test_sizes_over_a_limit(tf: Any, tmp_path: Path) -> None:
    model = read_saved_model(save(tf, doubled, tmp_path / "1"))
    with pytest.raises(TfdeployError, match=r"saved_model\.pb has") as caught:
        check_defects(model, frozenset(), "here", Limits(model=1000))
    assert caught.value.code == "TFD118"
    told = check_defects(model, frozenset({"size"}), "here", Limits(model=1000, message=3))
    assert [one.severity for one in told if one.kind == "size"] == ["refuse", "warn", "warn"]


def wrong_numbers(tf: Any, scale: float) -> Servable:
    """The source multiplies by ``scale`` what the export only doubles, all but one column."""
    spec = tf.TensorSpec([None, 4], tf.float32, name="x")
    factors = tf.constant([2.0, 2.0, scale, 2.0])
    function = Function(
        {"x": spec}, lambda tensors: {"y": tensors["x"] * 2.0}, lambda t: {"y": t["x"] * factors}
    )
    return Servable({"serving_default": function}, None)


def test_other_numbers_than_the_sources_are_refused(tf: Any, tmp_path: Path) -> None:
    servable = wrong_numbers(tf, 2.001)
    write(tf, servable, tmp_path / "1")
    said: list[str] = []
    with pytest.raises(TfdeployError) as caught, fresh_process() as process:
        process.prove(tmp_path / "1", servable, Recipe("s"), Options(), "m", said.append)
    assert caught.value.code == "TFD104"
    start = "The signature 'serving_default' answers differently from the source model: "
    assert caught.value.message.startswith(f"{start}y differs by up to 0.0")
    assert caught.value.message.endswith("at [0, 2].")
    with fresh_process() as process:
        loose = Options(tolerance=1e-2)
        proven = process.prove(tmp_path / "1", servable, Recipe("s"), loose, "m", said.append)
    one = "in a fresh process, serving_default answers 1 row and 3 rows as the source does"
    assert said == proven.notes == [f"{one} (within 0.01)"]
    asked = proven.asked["serving_default"]
    assert (len(asked.rows), asked.tolerance) == (3, 0.01)
    assert asked.expected["y"].shape == (3, 4)


def test_a_random_model_isnt_compared(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None], tf.float32, name="x")

    def noisy(tensors: Any) -> Any:
        return {"y": tensors["x"] + tf.random.uniform(tf.shape(tensors["x"]))}

    servable = Servable({"serving_default": Function({"x": spec}, noisy, noisy)}, None)
    write(tf, servable, tmp_path / "1")
    said: list[str] = []
    with fresh_process() as process:
        proven = process.prove(tmp_path / "1", servable, Recipe("s"), Options(), "m", said.append)
    assert said[0].endswith("not compared with the source: its answers differ from call to call")
    assert said[1].endswith("[random]")
    assert proven.asked["serving_default"].expected == {}


@pytest.mark.parametrize("contents", [b"", b"no TFRecord at all"], ids=["empty", "broken"])
def test_a_broken_warm_up_file_is_refused(tf: Any, tmp_path: Path, contents: bytes) -> None:
    folder = save(tf, doubled, tmp_path / "1")
    (folder / WARMUP_FILE).parent.mkdir()
    (folder / WARMUP_FILE).write_bytes(contents)
    proof = verify(tf, folder, lambda: Task(model="m", warm_up=True))
    assert bool(proof.warm_up_error) == bool(contents)
    assert (folder / WARMUP_FILE).read_bytes() == contents
