"""Defects that show in the bytes of a model, each in a model made with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.savedmodel_bytes import (
    DOUBLE,
    FLOAT,
    STRING,
    block,
    meta_graph,
    node,
    number,
    saved,
    signature,
    tensor,
)
from tfdeploy.savedmodel import DEFECT_KINDS, Defect, Limits, find_defects, read_saved_model

HALF, COMPLEX, UINT16 = 19, 8, 17
MUST_COMPILE = block(5, block(1, "_XlaMustCompile") + block(2, number(5, 1)))
MAY_COMPILE = block(5, block(1, "_XlaMustCompile") + block(2, number(5, 0)))


def defects(folder: Path, model: bytes, limits: Limits | None = None) -> list[Defect]:
    found = find_defects(read_saved_model(saved(folder, model)), limits or Limits())
    assert all(defect.kind in DEFECT_KINDS and defect.hint for defect in found)
    return found


def in_graph(
    folder: Path, *nodes: bytes, ops: tuple[str, ...] = (), version: str = "2.21.0"
) -> list[Defect]:
    graph = b"".join(nodes)
    call = {"serving_default": DOUBLE}
    return defects(folder, meta_graph(call, graph=graph, ops=ops, version=version))


def kinds(found: list[Defect]) -> list[tuple[str, str]]:
    return [(defect.severity, defect.kind) for defect in found]


def test_a_sound_model_has_none(tmp_path: Path) -> None:
    ops = ("MatMul", "SentencepieceOp", "TFText>FastBertNormalize", "StatelessRandomUniformV2")
    nodes = [node(f"layer_{index}", op, "/device:CPU:0") for index, op in enumerate(ops)]
    assert in_graph(tmp_path, *nodes, ops=ops) == []


@pytest.mark.parametrize("op", ["PyFunc", "PyFuncStateless", "EagerPyFunc"])
def test_python_ops_are_named_with_their_node(tmp_path: Path, op: str) -> None:
    (defect,) = in_graph(tmp_path, node("mine/call", op), ops=("Add", op))
    assert (defect.severity, defect.kind) == ("refuse", "python-op")
    assert defect.message.startswith(f"Node 'mine/call' ({op}) calls back")


@pytest.mark.parametrize("length", [1, 9, 10, 11, 127, 128, 200, 300])
def test_nodes_with_names_of_any_length_are_named(tmp_path: Path, length: int) -> None:
    name = "n" * length
    (defect,) = in_graph(tmp_path, node("before", "Add"), node(name, "PyFunc"), ops=("PyFunc",))
    assert f"'{name}'" in defect.message


@pytest.mark.parametrize(
    ("device", "version"),
    [
        ("/device:GPU:0", "2.21.0"),
        ("/job:localhost/replica:0/task:0/device:GPU:1", "2.21.0"),
        ("/device:GPU:0", "1.15.0"),
        ("/gpu:0", "1.2.0"),
        ("/job:worker/gpu:12", ""),
    ],
)
def test_hard_placement_on_a_gpu(tmp_path: Path, device: str, version: str) -> None:
    nodes = [node("a", "MatMul", "/device:CPU:0"), node("b", "MatMul", device)]
    (defect,) = in_graph(tmp_path, *nodes, version=version)
    assert (defect.severity, defect.kind) == ("refuse", "gpu-placement")
    assert f"placed on {device} and" in defect.message


@pytest.mark.parametrize("text", ["/device:GPU:0", "see /device:GPU:0 for more", "GPU:0"])
def test_words_about_a_gpu_are_no_placement(tmp_path: Path, text: str) -> None:
    constant = node("words", "Const", attributes=block(5, block(1, "s") + block(2, block(2, text))))
    vocabulary = node("more", "Const", attributes=block(5, block(8, text)))
    assert in_graph(tmp_path, constant, vocabulary) == []


def test_what_another_graph_holds_is_of_no_matter(tmp_path: Path) -> None:
    train = meta_graph({}, tags=("train",), graph=node("b", "MatMul", "/device:GPU:0"))
    assert defects(tmp_path, train + meta_graph({"serving_default": DOUBLE}) + train) == []


def test_functions_that_must_be_compiled(tmp_path: Path) -> None:
    assert in_graph(tmp_path, node("f", "PartitionedCall", attributes=MAY_COMPILE)) == []
    (defect,) = in_graph(tmp_path, node("f", "PartitionedCall", attributes=MUST_COMPILE))
    assert (defect.severity, defect.kind) == ("refuse", "jit-compile")


@pytest.mark.parametrize(
    ("op", "why"),
    [
        ("Addons>BitmaskEmbedding", "the library Addons"),
        ("TRTEngineOp", "TensorRT"),
        ("HorovodAllreduce", "Horovod"),
        ("TPUReplicatedInput", "TPUs alone"),
    ],
)
def test_ops_that_the_server_lacks(tmp_path: Path, op: str, why: str) -> None:
    (defect,) = in_graph(tmp_path, ops=("Add", op))
    assert (defect.severity, defect.kind) == ("refuse", "custom-op")
    assert op in defect.message and why in defect.message


def test_files_and_chance_are_told(tmp_path: Path) -> None:
    nodes = [node("read", "ReadFile"), node("dropout/noise", "RandomUniform")]
    found = in_graph(tmp_path, *nodes, ops=("RandomUniform", "ReadFile"))
    assert sorted(kinds(found)) == [("warn", "random"), ("warn", "reads-files")]


def test_what_only_gives_variables_their_first_values_is_no_chance(tmp_path: Path) -> None:
    first = node("dense/kernel/Initializer/random_uniform/RandomUniform", "RandomUniform")
    assert in_graph(tmp_path, first, ops=("RandomUniform",)) == []
    found = in_graph(tmp_path, first, node("noise", "RandomUniform"), ops=("RandomUniform",))
    assert kinds(found) == [("warn", "random")]


@pytest.mark.parametrize("dtype", [HALF, COMPLEX, UINT16, 14])
def test_types_that_rest_lacks(tmp_path: Path, dtype: int) -> None:
    odd, plain = tensor("t:0", dtype, [-1, 2]), tensor("t:0", FLOAT, [-1, 2])
    out = defects(tmp_path, meta_graph({"f": signature({"x": plain}, {"y": odd})}))
    assert kinds(out) == [("refuse", "half-output")]
    assert (out[0].signature, "'y'" in out[0].message) == ("f", True)
    taken = defects(tmp_path, meta_graph({"f": signature({"x": odd}, {"y": plain})}))
    assert kinds(taken) == [("warn", "half-input")]


@pytest.mark.parametrize("dtype", [1, 2, 3, 4, 5, 6, 7, 9, 10, 22, 23])
def test_types_that_rest_has(tmp_path: Path, dtype: int) -> None:
    call = signature({"x": tensor("x:0", dtype, [-1])}, {"y_bytes": tensor("y:0", dtype, [-1])})
    assert defects(tmp_path, meta_graph({"f": call})) == []


def test_strings_that_go_out_as_text(tmp_path: Path) -> None:
    text = tensor("t:0", STRING, [-1])
    predict = signature({"x": text}, {"classes": text, "page_bytes": text})
    (defect,) = defects(tmp_path, meta_graph({"f": predict}))
    assert (defect.severity, defect.kind) == ("warn", "bytes-alias")
    assert "classes_bytes" in defect.hint
    classify = signature({"inputs": text}, {"classes": text}, method="classify")
    assert defects(tmp_path, meta_graph({"f": classify})) == []


def test_a_fixed_batch(tmp_path: Path) -> None:
    call = signature({"x": tensor("x:0", FLOAT, [8, 2])}, {"y": tensor("y:0", FLOAT, [-1])})
    (defect,) = defects(tmp_path, meta_graph({"f": call}))
    assert (defect.severity, defect.kind) == ("warn", "fixed-batch")
    assert "input 'x' has a first dimension of 8" in defect.message


def test_a_graph_that_protobuf_cant_read(tmp_path: Path) -> None:
    model = meta_graph({"serving_default": DOUBLE}, graph=node("a", "Add"))
    assert defects(tmp_path, model, Limits(model=len(model) + 1)) == []
    (defect,) = defects(tmp_path, model, Limits(model=len(model)))
    assert (defect.severity, defect.kind, defect.signature) == ("refuse", "size", "")


@pytest.mark.parametrize(
    ("dims", "bytes_"), [([-1, 10, 10], 400), ([2, 10, 10], 800), ([-1, -1, 100], 400)]
)
def test_rows_that_grpc_clients_dont_take(tmp_path: Path, dims: list[int], bytes_: int) -> None:
    plain = tensor("x:0", FLOAT, [-1])
    model = meta_graph({"f": signature({"x": plain}, {"y": tensor("y:0", FLOAT, dims)})})
    assert "size" not in {one.kind for one in defects(tmp_path, model, Limits(message=bytes_))}
    found = defects(tmp_path, model, Limits(message=bytes_ - 1))
    (defect,) = [one for one in found if one.kind == "size"]
    assert (defect.severity, defect.signature) == ("warn", "f")
    assert f"output 'y' has {bytes_} bytes" in defect.message


def test_refusals_come_first(tmp_path: Path) -> None:
    nodes = [node("read", "ReadFile"), node("call", "PyFunc")]
    assert kinds(in_graph(tmp_path, *nodes, ops=("ReadFile", "PyFunc"))) == [
        ("refuse", "python-op"),
        ("warn", "reads-files"),
    ]


def test_a_text_model_is_searched_too(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "saved_model.pbtxt").write_text("""saved_model_schema_version: 1
meta_graphs {
  meta_info_def {
    stripped_op_list {
      op {
        name: "EagerPyFunc"
      }
    }
    tags: "serve"
  }
  graph_def {
    node {
      name: "mine"
      op: "EagerPyFunc"
      device: "/job:localhost/device:GPU:0"
      attr {
        key: "_XlaMustCompile"
        value {
          b: true
        }
      }
    }
  }
}
""")
    found = find_defects(read_saved_model(folder))
    assert [defect.kind for defect in found] == ["gpu-placement", "jit-compile", "python-op"]
    assert "Node 'mine'" in found[2].message
