"""Bytes of a picture in, and the very numbers that the model was trained with."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import ImageFront
from tfdeploy.exporting.fronts.presets import PRESETS


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres and no anti-aliasing, in plain Python."""
    rows, columns = pixels.shape[:2]
    out = np.zeros((height, width), np.float64)
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            dv, du = v - top, u - left
            out[y, x] = (
                pixels[top, left] * (1 - dv) * (1 - du)
                + pixels[top, right] * (1 - dv) * du
                + pixels[bottom, left] * dv * (1 - du)
                + pixels[bottom, right] * dv * du
            )
    return out


def test_the_front_does_what_plain_python_does(
    publish: Callable[..., Any],
    digits: Any,
    digits_file: Path,
    tmp_path: Path,
    answer: Callable[..., Any],
) -> None:
    front = ImageFront(scale=1 / 127.5, offset=-1.0)
    exported = publish(digits_file, tmp_path, image=front)
    (signature,) = exported.saved_model.signatures.values()
    assert str(signature.inputs["image_bytes"]) == "image_bytes: string[?]"
    assert signature.batchable
    random = np.random.default_rng(3)
    pictures = [random.integers(0, 256, size, dtype=np.uint8) for size in ((8, 8), (31, 17))]
    batch = np.stack([resized(one, 8, 8) / 127.5 - 1.0 for one in pictures])[..., None]
    expected = digits(batch.astype(np.float32), training=False).numpy()
    found = answer(exported.path, image_bytes=[encoded(one) for one in pictures])["scores"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_front_before_a_saved_model_that_takes_rgb_of_any_size(
    publish: Callable[..., Any], tf: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    class Mean(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="rgb")])
        def serve(self, rgb: Any) -> Any:
            return {"mean": tf.reduce_mean(tf.cast(rgb, tf.float32), axis=[1, 2])}

    module = Mean()
    tf.saved_model.save(module, str(tmp_path / "source"), signatures=module.serve)
    with pytest.raises(TfdeployError, match="leaves the height open"):
        publish(tmp_path / "source", tmp_path, image=ImageFront(), verify=False)
    front = ImageFront(alias="photo_bytes", height=5, width=6)
    exported = publish(tmp_path / "source", tmp_path, image=front, verify=False)
    red = np.full((9, 9, 3), (255, 0, 7), np.uint8)
    grey = np.full((4, 4), 9, np.uint8)
    jpeg = encoded(np.full((16, 16, 3), 50, np.uint8), "JPEG")
    found = answer(exported.path, photo_bytes=[encoded(red), encoded(grey), jpeg])["mean"]
    assert found[0].tolist() == [255.0, 0.0, 7.0]
    assert found[1].tolist() == [9.0, 9.0, 9.0]
    np.testing.assert_allclose(found[2], 50.0, atol=1)


def test_a_model_with_two_inputs_takes_no_front(
    publish: Callable[..., Any], tf: Any, tmp_path: Path
) -> None:
    class Two(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8], name=name) for name in "ab"])
        def serve(self, a: Any, b: Any) -> Any:
            return {"c": a + b}

    module = Two()
    tf.saved_model.save(module, str(tmp_path / "source"), signatures=module.serve)
    with pytest.raises(TfdeployError, match="2 inputs") as caught:
        publish(tmp_path / "source", tmp_path, image=ImageFront(), verify=False)
    assert caught.value.code == "TFD116"


def preprocessed(data: bytes, size: int, scale: float, offset: float) -> np.ndarray:
    """Decoded by Pillow, and resized and scaled in numpy's float64."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return bilinear(pixels, size, size) * scale + offset


def bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """As ``resized``, for whole arrays."""
    rows, columns = pixels.shape[:2]
    v = np.clip((np.arange(height) + 0.5) * rows / height - 0.5, 0, rows - 1)
    u = np.clip((np.arange(width) + 0.5) * columns / width - 0.5, 0, columns - 1)
    top, left = v.astype(int), u.astype(int)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    dv, du = (v - top)[:, None, None], (u - left)[None, :, None]
    upper = pixels[top][:, left] * (1 - du) + pixels[top][:, right] * du
    lower = pixels[bottom][:, left] * (1 - du) + pixels[bottom][:, right] * du
    return np.asarray(upper * (1 - dv) + lower * dv)


def test_a_hundred_images_of_differing_sizes_in_one_request(
    publish: Callable[..., Any], keras: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    """Stated: within 0.001 of a pixel's 255 of plain Python, JPEGs too."""
    given = keras.Input((24, 24, 3), name="rgb")
    keras.Model(given, keras.layers.Identity(name="seen")(given)).save(tmp_path / "same.keras")
    random = np.random.default_rng(11)
    requests = []
    for index in range(100):
        height, width = random.integers(5, 121, 2)
        coarse = random.integers(0, 256, (random.integers(2, 9), random.integers(2, 9), 3))
        picture = Image.fromarray(coarse.astype(np.uint8)).resize((int(width), int(height)), 3)
        kind = ("JPEG", "PNG", "BMP")[index % 3]
        requests.append(encoded(np.asarray(picture), kind))
    scale, offset = 1 / 127.5, -1.0
    front = ImageFront(scale=scale, offset=offset)
    exported = publish(tmp_path / "same.keras", tmp_path, image=front, verify=False)
    found = answer(exported.path, image_bytes=requests)["seen"]
    expected = np.stack([preprocessed(one, 24, scale, offset) for one in requests])
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.001 * scale)


def made(
    tf: Any, front: ImageFront, shape: list[int | None], *given: Any, dtype: str = "float32"
) -> Any:
    """What a model of one input gets, eagerly and in a graph."""
    fitted = front.fit(tf, {"x": tf.TensorSpec(shape, dtype)})
    tensors = {
        alias: tf.constant(value, spec.dtype)
        for (alias, spec), value in zip(fitted.inputs.items(), given, strict=True)
    }
    eager = fitted.make(tensors)["x"].numpy()
    graph = tf.function(fitted.make).get_concrete_function(fitted.inputs)
    np.testing.assert_allclose(graph(**tensors)["x"].numpy(), eager, atol=2e-4)
    return eager


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_those_of_keras(tf: Any, preset: str) -> None:
    try:
        module = importlib.import_module(f"keras.applications.{preset}")
    except ImportError:
        module = importlib.import_module(f"tf_keras.applications.{preset}")
    pixels = np.random.default_rng(5).integers(0, 256, (2, 6, 7, 3), dtype=np.uint8)
    expected = module.preprocess_input(pixels.astype(np.float32))
    front = ImageFront(preset=preset)
    found = made(tf, front, [None, 6, 7, 3], [encoded(one) for one in pixels])
    np.testing.assert_array_equal(found, expected)


def test_every_network_of_keras_has_its_preset(keras: Any) -> None:
    applications = keras.applications
    networks = {
        name
        for name in dir(applications)
        if hasattr(getattr(applications, name), "preprocess_input") and name != "imagenet_utils"
    }
    assert len(networks) > 10
    assert networks <= set(PRESETS)


def test_mean_and_std(tf: Any) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    front = ImageFront(scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(2.0, 3.0, 4.0))
    found = made(tf, front, [None, 4, 4, 3], [encoded(pixels)])[0]
    expected = (pixels / 255 - [0.1, 0.2, 0.3]) / [2.0, 3.0, 4.0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    found = made(tf, ImageFront(mean=100.0, std=2.0), [None, 4, 4, 3], [encoded(pixels)])[0]
    np.testing.assert_allclose(found, (pixels - 100.0) / 2)


@pytest.mark.parametrize("method", ["bilinear", "nearest", "bicubic", "area"])
@pytest.mark.parametrize("shape", [(9, 30, 3), (40, 7, 3), (8, 10, 3), (5, 5, 3)])
def test_the_aspect_is_kept_as_tensorflow_and_keras_keep_it(
    tf: Any, keras: Any, shape: tuple[int, ...], method: str
) -> None:
    pixels = np.random.default_rng(8).integers(0, 256, shape, dtype=np.uint8)
    floats = pixels.astype(np.float32)
    model = [None, 8, 10, 3]
    padded = made(tf, ImageFront(keep_aspect="pad", method=method), model, [encoded(pixels)])[0]
    expected = tf.image.resize_with_pad(floats, 8, 10, method=method)
    np.testing.assert_allclose(padded, expected, atol=1e-3)
    if method == "area":
        return
    cropped = made(tf, ImageFront(keep_aspect="crop", method=method), model, [encoded(pixels)])[0]
    smart = keras.preprocessing.image.smart_resize(floats, (8, 10), interpolation=method)
    np.testing.assert_allclose(cropped, smart, atol=1e-3)


def test_what_is_padded_has_the_value_asked_for(tf: Any) -> None:
    front = ImageFront(keep_aspect="pad", pad_value=7.0, scale=2.0)
    white = encoded(np.full((2, 8, 3), 255, np.uint8))
    found = made(tf, front, [None, 4, 8, 3], [white])[0]
    assert np.unique(found[[0, 3]]).tolist() == [14.0]
    np.testing.assert_allclose(found[1:3], 510.0, rtol=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_kind_becomes_every_number_of_channels(tf: Any, kind: str, channels: int) -> None:
    grey = np.full((6, 6, 3), 120, np.uint8)
    found = made(tf, ImageFront(), [None, 6, 6, channels], [encoded(grey, kind)])
    np.testing.assert_allclose(found[..., : min(channels, 3)], 120.0, atol=1)
    if channels == 4:
        assert np.unique(found[..., 3]).tolist() == [255.0]


def test_of_a_gif_the_first_frame_is_taken(tf: Any) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("black", "white")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert made(tf, ImageFront(), [None, 4, 4, 3], [file.getvalue()]).max() == 0.0


def test_several_images_a_row(tf: Any) -> None:
    random = np.random.default_rng(9)
    rows = [[random.integers(0, 256, (4, 5, 3), dtype=np.uint8) for _ in range(3)] for _ in "ab"]
    data = [[encoded(one) for one in row] for row in rows]
    for shape in ([None, 3, 4, 5, 3], [None, None, 4, 5, 3]):
        np.testing.assert_array_equal(made(tf, ImageFront(), shape, data), np.array(rows))
    fitted = ImageFront(with_shape=True).fit(tf, {"x": tf.TensorSpec([None, 3, 4, 5, 3])})
    assert [tuple(one.shape) for one in fitted.inputs.values()] == [(None, 3), (None, 3, 3)]
    shapes = [[[4, 5, 3]] * 3] * 2
    front = ImageFront(with_shape=True)
    found = made(tf, front, [None, 3, 4, 5, 3], data, shapes)
    np.testing.assert_array_equal(found, np.array(rows))


def test_no_image_at_all_is_an_empty_batch(tf: Any) -> None:
    assert made(tf, ImageFront(), [None, 4, 5, 3], []).shape == (0, 4, 5, 3)


def test_whole_numbers_are_rounded_and_saturated(tf: Any) -> None:
    pixels = np.array([[0, 100, 200]], np.uint8)
    found = made(tf, ImageFront(scale=1.276), [None, 1, 3], [encoded(pixels)], dtype="uint8")
    assert found.tolist() == [[[0, 128, 255]]]
    found = made(tf, ImageFront(offset=-128.0), [None, 1, 3], [encoded(pixels)], dtype="int8")
    assert found.tolist() == [[[-128, -28, 72]]]


@pytest.mark.parametrize(
    ("front", "dtype", "words"),
    [
        (ImageFront(), "string", "holds no pixels"),
        (ImageFront(preset="vgg16"), "uint8", "makes fractions"),
        (ImageFront(mean=(1.0, 2.0)), "float32", "has 2 numbers, and the model takes 3 channels"),
        (ImageFront(preset="densenet", channels=3), "float32", None),
    ],
)
def test_models_that_dont_suit(tf: Any, front: ImageFront, dtype: str, words: str | None) -> None:
    specs = {"x": tf.TensorSpec([None, 4, 4, 3], dtype)}
    if words is None:
        assert front.fit(tf, specs).fills == ("x",)
        return
    with pytest.raises(TfdeployError, match=words) as caught:
        front.fit(tf, specs)
    assert caught.value.code == "TFD116"


@pytest.fixture(scope="module")
def with_shapes(publish: Callable[..., Any], keras: Any, tmp_path_factory: Any) -> dict[str, Path]:
    """A model that gives back what it gets, behind a front that takes shapes, too."""
    folder = tmp_path_factory.mktemp("shapes")
    given = keras.Input((4, 5, 3), name="rgb")
    keras.Model(given, keras.layers.Identity(name="seen")(given)).save(folder / "same.keras")
    fronts = {"encoded": ImageFront(with_shape=True), "raw": ImageFront(with_shape=True, raw=True)}
    return {
        name: publish(folder / "same.keras", folder, name=name, image=front, verify=False).path
        for name, front in fronts.items()
    }


@pytest.mark.parametrize("kind", ["encoded", "raw"])
def test_a_shape_beside_the_bytes(
    with_shapes: dict[str, Path], tf: Any, answer: Callable[..., Any], kind: str
) -> None:
    random = np.random.default_rng(12)
    pictures = [random.integers(0, 256, size, dtype=np.uint8) for size in ((4, 5, 3), (9, 2, 3))]
    data = [one.tobytes() if kind == "raw" else encoded(one) for one in pictures]
    shapes = [one.shape for one in pictures]
    found = answer(with_shapes[kind], image_bytes=data, image_shape=shapes)["seen"]
    np.testing.assert_array_equal(found[0], pictures[0])
    np.testing.assert_allclose(found[1], bilinear(pictures[1], 4, 5), atol=1e-3)
    wrong = [(4, 5, 3), (9, 3, 3)]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="image_bytes and image_shape disagree"
    ):
        answer(with_shapes[kind], image_bytes=data, image_shape=wrong)


def test_raw_pixels_of_other_channels(
    with_shapes: dict[str, Path], tf: Any, answer: Callable[..., Any]
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="it takes 3 channels"):
        answer(with_shapes["raw"], image_bytes=[bytes(20)], image_shape=[(4, 5, 1)])


def test_bytes_that_are_no_image(
    digits_file: Path, publish: Callable[..., Any], tf: Any, tmp_path: Path, answer: Any
) -> None:
    exported = publish(digits_file, tmp_path, image=ImageFront(), verify=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"[Uu]nknown image"):
        answer(exported.path, image_bytes=[b"no image"])
