"""Bytes of a picture in, and the very numbers that the model was trained with."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import ImageFront
from tfdeploy.exporting.image_front import ImageShape, fit


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


@pytest.mark.parametrize(
    ("front", "shape", "expected"),
    [
        (ImageFront(), (None, 28, 28), ImageShape(28, 28, 1, False)),
        (ImageFront(), (None, 28, 30, 1), ImageShape(28, 30, 1, True)),
        (ImageFront(), (8, 28, 30, 4), ImageShape(28, 30, 4, True)),
        (ImageFront(height=9, width=8), (None, None, None, None), ImageShape(9, 8, 3, True)),
        (ImageFront(height=28), (None, 28, 28, 3), ImageShape(28, 28, 3, True)),
    ],
)
def test_sizes_come_from_the_model(front: ImageFront, shape: Any, expected: ImageShape) -> None:
    assert fit(front, shape) == expected


@pytest.mark.parametrize(
    ("front", "shape", "words"),
    [
        (ImageFront(), (None, 784), r"\[\?, 784\], which is no image"),
        (ImageFront(), None, r"\[\.\.\.\]"),
        (ImageFront(), (None, 3, 224, 224), "no image has 224 channels"),
        (ImageFront(height=32), (None, 28, 28), "height = 32"),
        (ImageFront(channels=3), (None, 28, 28), "channels = 3"),
        (ImageFront(height=9), (None, None, None, 3), "leaves the width open"),
    ],
)
def test_shapes_that_are_no_image(front: ImageFront, shape: Any, words: str) -> None:
    with pytest.raises(TfdeployError, match=words) as caught:
        fit(front, shape)
    assert caught.value.code == "TFD116"


@pytest.mark.parametrize(
    "options", [{"alias": "image"}, {"alias": "a b_bytes"}, {"method": "cubic"}, {"channels": 2}]
)
def test_fronts_that_cant_be(options: dict[str, Any]) -> None:
    with pytest.raises(TfdeployError) as caught:
        ImageFront(**options)
    assert caught.value.code == "TFD116"


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
