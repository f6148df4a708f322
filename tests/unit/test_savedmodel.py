"""What lies on disk, read from bytes that are made by hand: no TensorFlow, no protobuf."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.savedmodel_bytes import (
    BFLOAT16,
    DOUBLE,
    FLOAT,
    block,
    entry,
    meta_graph,
    number,
    saved,
    signature,
    tensor,
    varint,
)
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import (
    SavedModel,
    TensorInfo,
    check_base_path,
    ignored_folders,
    list_versions,
    next_version,
    parse_version,
    read_saved_model,
)
from tfdeploy.savedmodel.wire import Message, WireError


def read(folder: Path, data: bytes) -> SavedModel:
    return read_saved_model(saved(folder, data))


def refusal(folder: Path, data: bytes | None = None, tag: str = "serve") -> TfdeployError:
    if data is not None:
        saved(folder, data)
    with pytest.raises(TfdeployError) as caught:
        read_saved_model(folder, tag)
    assert caught.value.hint and caught.value.where
    return caught.value


def codes(base_path: Path) -> list[str]:
    return [error.code for error in check_base_path(base_path)]


# --- what a SavedModel says ---


def test_signatures_are_read_without_the_init_op(tmp_path: Path) -> None:
    init = signature({}, {"__saved_model_init_op": tensor("NoOp", 0, None)})
    model = read(tmp_path, meta_graph({"__saved_model_init_op": init, "serving_default": DOUBLE}))
    assert list(model.signatures) == ["serving_default"]
    found = model.signatures["serving_default"]
    assert found.inputs == {"x": TensorInfo("x", "x:0", "float32", (None, 4))}
    assert found.outputs["y"].shape == (None, 2)
    assert found.method_name == "tensorflow/serving/predict"
    assert (model.tags, model.tensorflow_version) == (("serve",), "2.21.0")


@pytest.mark.parametrize(
    ("dims", "shape"),
    [([-1, 224, 3], (None, 224, 3)), ([], ()), (None, None), ([0], (0,)), ([2**40], (2**40,))],
)
def test_shapes(
    tmp_path: Path, dims: list[int] | None, shape: tuple[int | None, ...] | None
) -> None:
    call = signature({"x": tensor("x:0", BFLOAT16, dims)}, {})
    model = read(tmp_path, meta_graph({"f": call}))
    assert model.signatures["f"].inputs["x"].shape == shape
    assert model.signatures["f"].inputs["x"].dtype == "bfloat16"


def test_a_sparse_input_goes_by_the_name_of_its_values(tmp_path: Path) -> None:
    sparse = block(4, block(1, "values:0")) + number(2, FLOAT)
    model = read(tmp_path, meta_graph({"f": signature({"x": sparse}, {})}))
    assert model.signatures["f"].inputs["x"] == TensorInfo("x", "values:0", "float32", None)


def test_the_graph_with_the_very_tags_counts(tmp_path: Path) -> None:
    gpu = meta_graph({"on_gpu": DOUBLE}, tags=("gpu", "serve"))
    train = meta_graph({"train": DOUBLE}, tags=("train",))
    model = read(tmp_path, gpu + train + meta_graph({"right": DOUBLE}))
    assert list(model.signatures) == ["right"]
    error = refusal(tmp_path, gpu + train)
    assert error.code == "TFD111"
    assert "{gpu serve}, {train}" in error.message


def test_unknown_fields_and_types_do_no_harm(tmp_path: Path) -> None:
    strange = number(99, 5) + block(98, b"x") + varint(97 << 3 | 1) + b"8 bytes!"
    strange += varint(96 << 3 | 5) + b"four"
    call = signature({"x": tensor("x:0", 77, [-1])}, {})
    model = read(tmp_path, strange + meta_graph({"f": call}) + strange)
    assert model.signatures["f"].inputs["x"].dtype == "dtype 77"


def test_size_is_that_of_the_whole_folder(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "variables.index").write_bytes(b"i" * 10)
    (tmp_path / "variables" / "variables.data-00000-of-00001").write_bytes(b"d" * 1000)
    pb = (tmp_path / "saved_model.pb").stat().st_size
    assert read_saved_model(tmp_path).size_bytes == pb + 1010


def test_a_graph_of_200_mb_is_stepped_over(tmp_path: Path) -> None:
    graph = 200 * 2**20
    head = block(1, block(4, "serve"))
    tail = entry(5, "serving_default", DOUBLE)
    size = len(head) + len(tail) + 1 + len(varint(graph)) + graph
    with (tmp_path / "saved_model.pb").open("wb") as file:
        file.write(varint(2 << 3 | 2) + varint(size) + head + varint(2 << 3 | 2) + varint(graph))
        file.seek(graph, 1)
        file.write(tail)
    started = time.process_time()
    assert list(read_saved_model(tmp_path).signatures) == ["serving_default"]
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("dims", "why"),
    [
        (([-1], [-1, 2]), ""),
        (([8], [-1]), "input 'x' has a first dimension of 8"),
        (([-1], []), "output 'y' is a scalar"),
        ((None, [-1]), "input 'x' has no known shape"),
    ],
)
def test_batchable(tmp_path: Path, dims: tuple[list[int], list[int]], why: str) -> None:
    call = signature({"x": tensor("x:0", FLOAT, dims[0])}, {"y": tensor("y:0", FLOAT, dims[1])})
    found = read(tmp_path, meta_graph({"f": call})).signatures["f"]
    assert found.why_not_batchable == why
    assert found.batchable is (why == "")


def test_tensors_read_well() -> None:
    assert str(TensorInfo("x", "x:0", "float32", (None, 28, 28))) == "x: float32[?, 28, 28]"
    assert str(TensorInfo("x", "x:0", "string", None)) == "x: string of any shape"


# --- what is no SavedModel ---


def test_every_truncation_is_told(tmp_path: Path) -> None:
    whole = number(1, 1) + meta_graph({"serving_default": DOUBLE}, graph=b"g" * 300)
    for length in range(len(whole)):
        assert refusal(tmp_path, whole[:length]).code == "TFD111", length


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_crash(tmp_path_factory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("random")
    assert refusal(folder, data).code == "TFD111"


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused(tmp_path_factory, at: int, byte: int) -> None:
    data = bytearray(meta_graph({"serving_default": DOUBLE}))
    data[at % len(data)] = byte
    folder = saved(tmp_path_factory.mktemp("flipped"), bytes(data))
    try:
        read_saved_model(folder)
    except TfdeployError as error:
        assert error.code == "TFD111"


def test_a_number_that_never_ends() -> None:
    with pytest.raises(WireError, match="never ends"):
        Message(b"\xff" * 20, 0, 20).integer(1)


def test_missing_files_and_other_kinds(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent").code == "TFD110"
    assert refusal(tmp_path).code == "TFD110"
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1")
    assert refusal(tmp_path).code == "TFD111"
    (tmp_path / "file").write_text("x")
    assert "is a file" in refusal(tmp_path / "file").message


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (["variables.index"], "variables.data-00000-of-00001"),
        (["variables.data-00000-of-00001"], "variables.index"),
        (["variables.index", "variables.data-00000-of-00002"], "variables.data-00001-of-00002"),
    ],
)
def test_half_copied_variables(tmp_path: Path, there: list[str], missing: str) -> None:
    saved(tmp_path)
    (tmp_path / "variables").mkdir()
    for name in there:
        (tmp_path / "variables" / name).write_bytes(b"x")
    assert refusal(tmp_path).where.endswith(missing)


# --- versions ---


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("1", 1),
        ("00042", 42),
        ("+7", 7),
        ("-3", -3),
        (" 5\t", 5),
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("0" * 5000 + "1", 1),
        ("9" * 5000, None),
        *((name, None) for name in ("", "v1", "1.0", "1_", "0x1", "1 2", "- 1", "+-1", "٣", "²")),
        (".tmp-5-abcd", None),
        ("\xa05", None),
    ],
)
def test_names_are_numbers_as_the_server_takes_them(name: str, version: int | None) -> None:
    assert parse_version(name) == version


@given(st.integers(-(2**65), 2**65))
def test_every_int64_is_a_version(value: int) -> None:
    assert parse_version(str(value)) == (value if -(2**63) <= value < 2**63 else None)


def test_versions_ascend_as_numbers_and_scratch_folders_are_passed_over(tmp_path: Path) -> None:
    for name in ("10", "9", "v3", ".tmp-11-x", "11.partial"):
        (tmp_path / name).mkdir()
    assert [version.number for version in list_versions(tmp_path)] == [9, 10]
    assert next_version(tmp_path) == 11


def test_of_two_names_for_one_number_the_last_wins(tmp_path: Path) -> None:
    for name in ("1", "001", "+1"):
        (tmp_path / name).mkdir()
    assert [version.path.name for version in list_versions(tmp_path)] == ["1"]


def test_no_base_path_no_versions(tmp_path: Path) -> None:
    assert list_versions(tmp_path / "absent") == []
    assert ignored_folders(tmp_path / "absent") == []
    assert next_version(tmp_path / "absent") == 1
    (tmp_path / "-3").mkdir()
    assert next_version(tmp_path) == 1


# --- base paths ---


def test_a_good_base_path_has_no_problems(tmp_path: Path) -> None:
    saved(tmp_path / "1")
    saved(tmp_path / "old")
    assert check_base_path(tmp_path) == []
    assert ignored_folders(tmp_path) == [tmp_path / "old"]


def test_a_chunked_savedmodel_is_the_servers_business(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.cpb").write_bytes(b"")
    assert check_base_path(tmp_path) == []
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"")
    assert codes(tmp_path) == ["TFD111"]


def test_missing_and_empty_base_paths(tmp_path: Path) -> None:
    assert codes(tmp_path / "absent") == ["TFD112"]
    (tmp_path / "file").write_text("")
    assert codes(tmp_path / "file") == ["TFD112"]
    (tmp_path / "empty").mkdir()
    assert codes(tmp_path / "empty") == ["TFD113"]


def test_a_folder_of_models_is_no_model(tmp_path: Path) -> None:
    saved(tmp_path / "resnet" / "1")
    (error,) = check_base_path(tmp_path)
    assert error.code == "TFD113"
    assert str(tmp_path / "resnet") in error.hint


def test_near_misses_are_each_told_with_the_command(tmp_path: Path) -> None:
    saved(tmp_path / "v1")
    saved(tmp_path / "2.0")
    errors = check_base_path(tmp_path)
    assert [error.code for error in errors] == ["TFD114", "TFD114"]
    assert f"mv {tmp_path / 'v1'} {tmp_path / '1'}" in errors[1].hint


@pytest.mark.parametrize("names", [("one", "two"), ("v7", "m7")])
def test_two_folders_arent_to_be_moved_to_one_path(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in (*names, "v3"):
        saved(tmp_path / name)
    hints = [error.hint for error in check_base_path(tmp_path)]
    assert [hint for hint in hints if "mv " in hint] == [
        f"rename it: `mv {tmp_path / 'v3'} {tmp_path / '3'}`."
    ]
    assert len(hints) == 3


def test_one_level_too_deep(tmp_path: Path) -> None:
    version = saved(tmp_path / "resnet" / "3")
    (version / "variables").mkdir()
    for path in (version, version / "variables"):
        (error,) = check_base_path(path)
        assert error.code == "TFD115"
        assert error.hint == f"give {tmp_path / 'resnet'} instead."


def test_a_bare_savedmodel_wants_a_number(tmp_path: Path) -> None:
    (error,) = check_base_path(saved(tmp_path / "export"))
    assert error.code == "TFD115"
    assert "tfdeploy export" in error.hint


def test_every_broken_version_is_told_at_once(tmp_path: Path) -> None:
    saved(tmp_path / "1", b"\x12\xff")
    (tmp_path / "2").mkdir()
    (tmp_path / "3").write_text("a file named as a number")
    saved(tmp_path / "4")
    errors = check_base_path(tmp_path)
    assert [error.code for error in errors] == ["TFD111", "TFD110", "TFD110"]
    assert errors[0].where == str(tmp_path / "1" / "saved_model.pb")
