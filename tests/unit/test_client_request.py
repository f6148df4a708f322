"""Requests built from images, texts and arrays."""

import base64
import json
from pathlib import Path

import pytest

from tfdeploy.client.request import Given, build_request
from tfdeploy.client.values import problem
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo

Shape = tuple[int | None, ...] | None
PNG = b"\x89PNG\r\n\x1a\n rest"
BATCH: Shape = (None,)


def signature(
    name: str = "serving_default", outputs: Shape = BATCH, **inputs: tuple[str, Shape]
) -> Signature:
    tensors = {alias: TensorInfo(alias, f"{alias}:0", *kind) for alias, kind in inputs.items()}
    result = {"y": TensorInfo("y", "y:0", "float32", outputs)}
    return Signature(name, tensors, result, "tensorflow/serving/predict")


def body(given: Given, *signatures: Signature) -> object:
    request = build_request({one.name: one for one in signatures}, given)
    assert json.loads(request.json()) == request.body
    return request.body


def refused(given: Given, *signatures: Signature, code: str = "TFD503") -> str:
    with pytest.raises(TfdeployError) as caught:
        build_request({one.name: one for one in signatures}, given)
    assert caught.value.code == code
    return f"{caught.value.message} @ {caught.value.where} # {caught.value.hint}"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    return path


def saved(folder: Path, values: object, dtype: str) -> str:
    numpy = pytest.importorskip("numpy")
    path = folder / "x.npy"
    numpy.save(path, numpy.array(values, dtype))
    return str(path)


B64 = {"b64": base64.b64encode(PNG).decode()}


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((None,), {"instances": [B64, B64]}),
        (None, {"instances": [B64, B64]}),
        ((None, 1), {"instances": [[B64], [B64]]}),
        ((None, None, 1), {"instances": [[[B64]], [[B64]]]}),
        ((2,), {"inputs": [B64, B64]}),
    ],
)
def test_images_become_rows_of_the_inputs_rank(image: Path, shape: Shape, wanted: object) -> None:
    given = Given(images=[image, image])
    assert body(given, signature(image_bytes=("string", shape))) == wanted


def test_one_image_for_a_scalar_goes_in_a_column(image: Path) -> None:
    assert body(Given(images=[image]), signature(x=("string", ()))) == {"inputs": B64}


def test_two_images_for_a_scalar_are_refused(image: Path) -> None:
    assert "list" in refused(Given(images=[image, image]), signature(x=("string", ())))


def test_an_image_for_an_input_of_fixed_length_is_refused(image: Path) -> None:
    message = refused(Given(images=[image]), signature(x=("string", (None, 2))))
    assert "instances[0] has 1 values, not 2" in message


def test_scalar_outputs_force_columns() -> None:
    one = signature(outputs=(), x=("string", BATCH))
    assert body(Given(texts=["a"]), one) == {"inputs": ["a"]}


def test_texts_become_rows() -> None:
    one = signature(text=("string", BATCH))
    assert body(Given(texts=["a", "ü"]), one) == {"instances": ["a", "ü"]}


def test_the_bytes_input_is_taken_for_an_image_but_more_are_needed(image: Path) -> None:
    one = signature(name_=("string", BATCH), image_bytes=("string", BATCH))
    message = refused(Given(images=[image]), one)
    assert "Besides 'image_bytes' the model takes name_: string[?]" in message
    assert '{"instances": [{"name_": ..., "image_bytes": ...}]}' in message


def test_several_candidates_are_named() -> None:
    one = signature(a=("string", BATCH), b=("string", BATCH))
    message = refused(Given(texts=["x"]), one)
    assert "Several inputs take a text: a, b." in message
    assert "--input ALIAS" in message


def test_several_image_inputs_are_named(image: Path) -> None:
    one = signature(a_bytes=("string", BATCH), b_bytes=("string", BATCH), c=("string", BATCH))
    assert "a_bytes, b_bytes." in refused(Given(images=[image]), one)


def test_the_chosen_input_must_exist_and_fit() -> None:
    one = signature(text=("string", BATCH), size=("float32", BATCH))
    assert "Did you mean 'text'?" in refused(Given(texts=["a"], input_alias="txt"), one)
    message = refused(Given(texts=["a"], input_alias="size"), one)
    assert "Input 'size' isn't one that takes a text." in message


def test_the_chosen_input_may_be_the_only_one() -> None:
    one = signature(text=("string", BATCH))
    assert body(Given(texts=["a"], input_alias="text"), one) == {"instances": ["a"]}


def test_a_model_without_a_string_input_takes_no_image(image: Path) -> None:
    message = refused(Given(images=[image]), signature(x=("float32", (None, 224, 224, 3))))
    assert "No input takes an image." in message
    assert "x: float32[?, 224, 224, 3]" in message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"hello", "is no image"),
        (b"RIFF....WEBP", "is a WebP file"),
        (b"%PDF-1.4", "is a PDF file"),
    ],
)
def test_a_file_that_is_no_image(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(data)
    one = signature(x=("string", BATCH))
    assert said in refused(Given(images=[path]), one, code="TFD505")


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff\xe0", b"GIF87a", b"GIF89a", b"BM6\0"])
def test_files_that_are_images(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(magic)
    assert body(Given(images=[path]), signature(x=("string", BATCH)))


@pytest.mark.parametrize("name", ["missing.png", "", "nul\0.png"])
def test_an_image_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    given = Given(images=[tmp_path / name])
    assert "Can't read" in refused(given, signature(x=("string", BATCH)), code="TFD505")


@pytest.mark.parametrize(
    ("dtype", "shape", "values", "wanted"),
    [
        ("float32", (None, 2), [[1, 2]], {"instances": [[1.0, 2.0]]}),
        ("float32", (None, 2), [1, 2], {"instances": [[1.0, 2.0]]}),
        ("float32", (), 3, {"inputs": 3.0}),
        ("float32", (2,), [1, 2], {"inputs": [1.0, 2.0]}),
        ("float32", None, 3, {"instances": [3.0]}),
        ("float32", None, [3], {"instances": [3.0]}),
        ("int64", BATCH, [1], {"instances": [1]}),
        ("bool", BATCH, [True], {"instances": [True]}),
    ],
)
def test_an_array_is_one_row_or_all_of_them(
    tmp_path: Path, dtype: str, shape: Shape, values: object, wanted: object
) -> None:
    given = Given(file=saved(tmp_path, values, dtype))
    assert body(given, signature(x=(dtype, shape))) == wanted


def test_integers_go_to_a_float_input(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [7], "uint8"))
    assert body(given, signature(x=("float32", BATCH))) == {"instances": [7]}


def test_nan_goes_out_as_a_bare_word(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [float("nan")], "float32"))
    request = build_request({"serving_default": signature(x=("float32", BATCH))}, given)
    assert request.json() == '{"instances": [NaN]}'


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ("float64", "int32", "'x' takes int32: the array is of type float64"),
        ("float32", "bool", "the array is of type float32"),
        ("complex64", "float32", "the array is of type complex64"),
        ("bool", "float32", "the array is of type bool"),
    ],
)
def test_an_array_of_another_type(tmp_path: Path, theirs: str, ours: str, said: str) -> None:
    given = Given(file=saved(tmp_path, [1], theirs))
    assert said in refused(given, signature(x=(ours, BATCH)))


def test_an_array_out_of_range(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [1, 300], "int64"))
    assert "instances[1]" in refused(given, signature(x=("int8", BATCH)))


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64", "bool"])
@pytest.mark.parametrize("theirs", ["bool", "uint64", "int64", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 1, -1, 200, 2**53, 1e300])
def test_an_array_is_judged_as_its_json_is(
    tmp_path: Path, dtype: str, theirs: str, value: float
) -> None:
    numpy = pytest.importorskip("numpy")
    with numpy.errstate(all="ignore"):
        array = numpy.array([value]).astype(theirs)
    path = tmp_path / "x.npy"
    numpy.save(path, array)
    signatures = {"serving_default": signature(x=(dtype, BATCH))}
    fits = problem(array.tolist()[0], dtype) is None
    try:
        build_request(signatures, Given(file=str(path)))
    except TfdeployError:
        assert not fits
    else:
        assert fits


def test_an_array_for_a_type_that_rest_cannot_carry(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [1], "float16"))
    assert "can't be sent over REST" in refused(given, signature(x=("float16", BATCH)))


def test_an_array_of_another_shape(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [[1, 2, 3]], "float32"))
    message = refused(given, signature(x=("float32", (None, 2))))
    assert "instances[0] has 3 values, not 2" in message
    assert "x: float32[?, 2]" in message


def test_an_array_without_rows(tmp_path: Path) -> None:
    given = Given(file=saved(tmp_path, [], "float32"))
    assert "no rows" in refused(given, signature(x=("float32", BATCH)))


def test_an_extended_float_is_no_json_number(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    if numpy.dtype("longdouble").itemsize > 8:
        given = Given(file=saved(tmp_path, [1], "longdouble"))
        assert "the array is of type" in refused(given, signature(x=("float32", BATCH)))


def test_a_broken_array_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for data in (b"", b"hello", b"\x93NUMPY\x01\x00"):
        path.write_bytes(data)
        given = Given(file=str(path))
        assert "x.npy" in refused(given, signature(x=("float32", BATCH)), code="TFD505")


def test_pickled_and_zipped_arrays_are_refused(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    numpy.save(tmp_path / "x.npy", numpy.array([{}], object), allow_pickle=True)
    numpy.savez(tmp_path / "y.npz", numpy.array([1.0]))
    for name in ("x.npy", "y.npz"):
        given = Given(file=str(tmp_path / name))
        assert refused(given, signature(x=("float32", BATCH)), code="TFD505")


@pytest.mark.parametrize(
    "given",
    [
        Given(),
        Given(images=[Path("a")], texts=["b"]),
        Given(texts=["b"], file="-"),
        Given(file="-", stdin_text="[1]", input_alias="x"),
    ],
)
def test_exactly_one_kind_of_input(given: Given) -> None:
    refused(given, signature(x=("string", BATCH)), code="TFD216")


def test_another_signature_is_named_in_the_body() -> None:
    given = Given(texts=["a"], signature_name="other")
    one = signature(name="other", x=("string", BATCH))
    wanted = {"signature_name": "other", "instances": ["a"]}
    assert body(given, one, signature(x=("float32", BATCH))) == wanted


def test_the_only_signature_is_the_default() -> None:
    one = signature(name="only", x=("string", BATCH))
    wanted = {"signature_name": "only", "instances": ["a"]}
    assert body(Given(texts=["a"]), one) == wanted


def test_an_unknown_signature_lists_the_real_ones() -> None:
    given = Given(texts=["a"], signature_name="servin_default")
    message = refused(given, signature(), signature(name="train"))
    assert "no signature 'servin_default'. Did you mean 'serving_default'?" in message
    assert "serving_default, train" in message


def test_two_signatures_without_a_default() -> None:
    message = refused(Given(texts=["a"]), signature(name="a"), signature(name="b"))
    assert "no signature 'serving_default'" in message
