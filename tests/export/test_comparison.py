"""Which answers are the same, and what is said of those that aren't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.comparison import differences, tolerance_of, unlike_signature, within
from tfdeploy.exporting.samples import Rows, arrays_of
from tfdeploy.savedmodel import Signature, TensorInfo

BASE = np.asarray([[1.0, 2.0], [100.0, 0.0]], np.float32)


def words(*values: bytes) -> Any:
    return np.asarray(values, dtype=object)


def changed(place: tuple[int, int], value: float) -> Any:
    found = BASE.copy()
    found[place] = value
    return found


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BASE * np.float32(1.00005), BASE),
        (changed((1, 1), 5e-4), BASE),
        (changed((0, 0), np.nan), changed((0, 0), np.nan)),
        (changed((0, 0), np.inf), changed((0, 0), np.inf)),
        (np.asarray([3, 4]), np.asarray([3, 4])),
        (words(b"a", b"\xff"), words(b"a", b"\xff")),
        (np.float32(2.0) * np.ones(()), np.float32(2.0) * np.ones(())),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)),
    ],
    ids=["digits", "near zero", "nan", "infinity", "whole", "bytes", "scalar", "nothing"],
)
def test_the_same(found: Any, expected: Any) -> None:
    assert differences({"y": found}, {"y": expected}) == []


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        (changed((0, 1), 2.3), BASE, "y differs by up to 0.3 at [0, 1]"),
        (changed((0, 1), np.nan), BASE, "y is nan, and 2 in the source at [0, 1]"),
        (BASE, changed((1, 0), np.inf), "y is 100, and inf in the source at [1, 0]"),
        (changed((0, 0), -np.inf), changed((0, 0), np.inf), "y is -inf, and inf in the source"),
        (BASE.astype(np.float64), BASE, "y is float64, and float32 in the source"),
        (BASE[:1], BASE, "y has the shape [1, 2], and [2, 2] in the source"),
        (np.asarray([3, 4]), np.asarray([3, 5]), "y is 4, and 5 in the source at [1]"),
        (words(b"a"), words(b"b"), "y is b'a', and b'b' in the source at [0]"),
        (np.asarray([True]), np.asarray([False]), "y is True, and False in the source at [0]"),
    ],
    ids=["far", "nan", "infinite", "sign", "dtype", "shape", "whole", "bytes", "bool"],
)
def test_differences_in_words(found: Any, expected: Any, said: str) -> None:
    (what,) = differences({"y": found}, {"y": expected})
    assert what.startswith(said)


def test_an_output_that_isnt_there() -> None:
    assert differences({"z": BASE}, {"y": BASE}) == ["y isn't there"]


def test_the_tolerance_is_the_dtypes_or_the_users() -> None:
    half = BASE.astype(np.float16)
    assert differences({"y": half * np.float16(1.005)}, {"y": half}) == []
    assert differences({"y": BASE * np.float32(1.005)}, {"y": BASE}, 0.01) == []
    assert differences({"y": np.asarray([1])}, {"y": np.asarray([2])}, 10.0)
    assert tolerance_of({"y": BASE, "n": np.asarray([1])}, None) == 1e-4
    assert within(tolerance_of({"n": np.asarray([1])}, 0.5)) == "exactly"
    assert within(tolerance_of({"y": BASE}, 0.5)) == "within 0.5"


def test_what_a_signature_says_of_its_outputs() -> None:
    declared = {"y": TensorInfo("y", "y:0", "float32", (None, 2))}
    assert list(unlike_signature({"y": BASE}, declared)) == []
    (said,) = unlike_signature({"y": BASE[:, :1]}, declared)
    assert said == "the signature says [?, 2] of y, and it is [2, 1]"
    (said,) = unlike_signature({"y": BASE.astype(int)}, declared)
    assert said == "the signature says float32 of y, and it is int64"


def tensor(alias: str, dtype: str, *shape: int | None) -> TensorInfo:
    return TensorInfo(alias, f"{alias}:0", dtype, shape)


def signature(*inputs: TensorInfo) -> Signature:
    outputs = {"y": tensor("y", "float32", None)}
    return Signature("f", {one.alias: one for one in inputs}, outputs, "")


PIXELS = tensor("pixels", "float32", None, 2)
PICTURE = tensor("picture_bytes", "string", None)


def test_rows_become_arrays_and_rows_again(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"\x89PNG")
    rows = [
        {"picture_bytes": {"file": "one.png"}, "pixels": [0.5, 1]},
        {"picture_bytes": {"b64": "AAE="}, "pixels": [0, 0.25]},
    ]
    arrays = arrays_of(rows, signature(PICTURE, PIXELS), tmp_path)
    # Repeated, because a batch of three is tried.
    assert arrays["picture_bytes"].tolist() == [b"\x89PNG", b"\x00\x01", b"\x89PNG"]
    assert arrays["pixels"].dtype == np.float32
    back = Rows(arrays)
    assert back[0] == {"picture_bytes": {"b64": "iVBORw=="}, "pixels": [0.5, 1.0]}
    assert list(back[1:]) == [{"picture_bytes": {"b64": "AAE="}, "pixels": [0.0, 0.25]}, back[0]]
    assert back.values_in_a_row == 3
    assert arrays_of(back, signature(PICTURE, PIXELS), tmp_path)["pixels"].shape == (3, 2)


def test_a_row_of_one_input_may_be_its_value(tmp_path: Path) -> None:
    assert arrays_of([[1, 2]], signature(PIXELS), tmp_path)["pixels"].shape == (3, 2)
    found = arrays_of([{"b64": "AAE="}, "text"], signature(PICTURE), tmp_path)
    assert found["picture_bytes"].tolist() == [b"\x00\x01", b"text", b"\x00\x01"]
    fixed = signature(tensor("x", "int64", 1, 2))
    assert arrays_of([[1, 2], [3, 4]], fixed, tmp_path)["x"].tolist() == [[1, 2]]
    text = signature(tensor("text", "string", None))
    assert Rows(arrays_of(["Grüße"], text, tmp_path))[0] == {"text": "Grüße"}


@pytest.mark.parametrize(
    ("inputs", "rows", "message"),
    [
        ([PIXELS], [], "there are no rows"),
        ([PIXELS], [[1, 2, 3]], "pixels has the shape [3] in one row"),
        ([PIXELS], [["a", "b"]], "pixels has to be float32"),
        ([PIXELS], [[1, [2]]], "pixels isn't as long in every part"),
        ([PIXELS], [{"pixel": [1, 2]}], "it has values for pixel"),
        ([PIXELS, PICTURE], [[1, 2]], "it must name its values: pixels, picture_bytes"),
        ([PICTURE], [{"b64": "?"}], "its base64 can't be read"),
        ([PICTURE], [3], "has to stand for bytes"),
        ([tensor("n", "int32", None)], [0.5], "n has to be int32"),
        ([tensor("n", "uint8", None)], [256], "n has a number that uint8 can't hold"),
        ([tensor("x", "float32", None, None)], [[1.0], [1.0, 2.0]], "a batch holds rows of one"),
    ],
)
def test_rows_that_dont_fit(
    inputs: list[TensorInfo], rows: list[object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TfdeployError) as caught:
        arrays_of(rows, signature(*inputs), tmp_path)
    assert caught.value.code == "TFD503"
    assert message in caught.value.message


def test_a_sample_file_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        arrays_of([{"file": "gone.png"}], signature(PICTURE), tmp_path)
    assert caught.value.code == "TFD505"
    assert caught.value.where == str(tmp_path / "gone.png")


def test_a_scalar_is_no_row(tmp_path: Path) -> None:
    found = arrays_of([5], signature(tensor("n", "int32")), tmp_path)
    assert found["n"].shape == ()
    assert len(Rows(found)) == 0
