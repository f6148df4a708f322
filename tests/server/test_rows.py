"""What the analysis proves of signatures, and that it's true."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.savedmodel_bytes import DOUBLE, block, entry, node, signature, tensor
from tfdeploy import wire
from tfdeploy.savedmodel.reading import find_graph, open_model
from tfdeploy.server.rows import independent_signatures
from tfdeploy.server.rows.graph import LARGEST_GRAPH_BYTES
from tfdeploy.server.rows.sizes import BATCH, Size, Unproven, fresh, product

HERE = Path(__file__).parent
KERAS = ("mlp", "cnn", "text", "attention", "mobilenet")
INIT = "__saved_model_init_op"

pytestmark = pytest.mark.timeout(540)


def run(script: str, *words: str) -> None:
    argv = [sys.executable, str(HERE / script), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("rows")
    run("rows_models.py", str(folder))
    return folder


@pytest.fixture(scope="module")
def random_graphs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    pytest.importorskip("tensorflow")
    path = tmp_path_factory.mktemp("random") / "graphs.jsonl"
    run("rows_random.py", str(path), "120", "0")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def meta_graph(folder: Path) -> bytes:
    """The MetaGraphDef, as an engine hands it over."""
    with open_model(folder) as (file, message):
        found = find_graph(message, file, "serve")
        return bytes(found.buffer[found.start : found.end])


def names(graph: bytes) -> set[str]:
    return set(wire.MetaGraphDef.FromString(graph).signature_def) - {INIT}


def test_independent_rows_are_proven(models: Path) -> None:
    graph = meta_graph(models / "proven")
    assert names(graph) - independent_signatures(graph) == set()


def test_dependent_rows_are_not(models: Path) -> None:
    graph = meta_graph(models / "refused")
    assert len(names(graph)) > 30
    assert independent_signatures(graph) == set()


@pytest.mark.parametrize("name", KERAS)
def test_keras_models_are_proven(models: Path, name: str) -> None:
    assert independent_signatures(meta_graph(models / name)) == {"serve", "serving_default"}


def test_graphs_of_tensorflow_1(models: Path) -> None:
    assert independent_signatures(meta_graph(models / "old")) == {"layer"}


def test_what_is_proven_holds_in_random_graphs(random_graphs: list[dict[str, Any]]) -> None:
    wrong, proven, caught = [], 0, 0
    for one in random_graphs:
        found = independent_signatures(base64.b64decode(one["meta_graph"]))
        holds = one["outcome"] in ("same", "fails")
        if found and not holds:
            wrong.append((one["seed"], one["made"], one["outcome"]))
        proven += bool(found) and one["outcome"] == "same"
        caught += not found and not holds
    assert wrong == []
    # The grammar is worth something only if it makes plenty of both.
    assert min(proven, caught) > len(random_graphs) // 5


def test_it_imports_no_tensorflow() -> None:
    code = "import sys, tfdeploy.server.rows; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def one_op(op: str, attributes: bytes = b"") -> bytes:
    """A MetaGraphDef: y = op(input), where `input` has a batch of four columns."""
    port = {"x": tensor("input:0", 1, [-1, 4])}, {"y": tensor("y:0", 1, [-1, 4])}
    nodes = block(1, block(1, "input") + block(2, "Placeholder")) + node("y", op, "", attributes)
    return block(2, nodes) + entry(5, "s", signature(*port))


def test_a_graph_made_by_hand() -> None:
    assert independent_signatures(one_op("Relu")) == {"s"}


@pytest.mark.parametrize("op", ["Unheard", "PyFunc", "RandomShuffle", "Placeholder"])
def test_an_op_without_a_rule_proves_nothing(op: str) -> None:
    assert independent_signatures(one_op(op)) == set()


def test_an_attribute_of_the_callers_proves_nothing() -> None:
    size = entry(5, "size", block(9, "N"))
    assert independent_signatures(one_op("LRN", size)) == set()


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xff", b"\x12\x03abc", entry(5, "s", DOUBLE), bytes(LARGEST_GRAPH_BYTES + 1)],
)
def test_what_is_no_graph_proves_nothing(data: bytes) -> None:
    assert independent_signatures(data) == set()


def test_a_graph_too_large_is_left_alone() -> None:
    ballast = block(9, bytes(LARGEST_GRAPH_BYTES))
    assert independent_signatures(one_op("Relu") + ballast) == set()


def test_a_loop_ends_the_walk() -> None:
    port = {"x": tensor("x:0", 1, [-1])}, {"y": tensor("input:0", 1, [-1])}
    graph = block(2, node("input", "Relu"))
    assert independent_signatures(graph + entry(5, "s", signature(*port))) == set()


def test_sizes_divide_exactly_or_not_at_all() -> None:
    time = fresh()
    flat = product([BATCH, time, Size(6)])
    assert flat.over(Size(6)) == BATCH.times(time)
    assert flat.over(product([time, Size(3)])) == BATCH.times(Size(2))
    assert flat.over(Size(4)) is None
    assert flat.over(fresh()) is None
    assert flat.over(Size(0)) is None


def test_sizes_do_not_outgrow_tensorflows() -> None:
    with pytest.raises(Unproven):
        product([Size(1 << 20), Size(1 << 20)])
