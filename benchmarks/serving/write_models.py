"""Write the models and what they answer: ``python -m benchmarks.serving.write_models FOLDER``.

It runs as a child process, because it is the only part that imports TensorFlow, and once: weights
and inputs come from fixed seeds. ``cases.json`` is written last and holds the rows of each request
and the answer that TensorFlow itself gives.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

PIXELS, CLASSES, HIDDEN = 784, 10, 128
SIDE, PICTURE = 224, (240, 320)


def save(folder: Path, name: str, root: Any, function: Any, spec: Any) -> Any:
    """Write version 1 with one signature, and return the function that it runs."""
    traced = tf.function(function, input_signature=[spec])
    tf.saved_model.save(root, str(folder / name / "1"), signatures=traced)
    return traced


def half_plus_two(folder: Path) -> list[dict[str, Any]]:
    root = tf.Module()
    root.slope, root.offset = tf.Variable(0.5), tf.Variable(2.0)

    def halve(x: Any) -> dict[str, Any]:
        return {"y": root.slope * x + root.offset}

    name, rows = "half_plus_two", [1.0, 2.0, 5.0]
    traced = save(folder, name, root, halve, tf.TensorSpec([None], tf.float32, name="x"))
    return [case(name, name, ("x", "y"), rows, traced(tf.constant(rows))["y"])]


def mlp(folder: Path) -> list[dict[str, Any]]:
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Input((PIXELS,)),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    root = tf.Module()
    root.variables_ = [one.value for one in network.variables]

    def classify(pixels: Any) -> dict[str, Any]:
        return {"scores": network(pixels, training=False)}

    spec = tf.TensorSpec([None, PIXELS], tf.float32, name="pixels")
    traced = save(folder, "mlp", root, classify, spec)
    rows = np.random.default_rng(7).random((32, PIXELS)).round(4).tolist()
    ports = ("pixels", "scores")
    return [
        case(name, "mlp", ports, rows[:count], traced(tf.constant(rows[:count]))["scores"])
        for name, count in (("mlp", 1), ("mlp_32_rows", 32))
    ]


def mobilenet(folder: Path) -> list[dict[str, Any]]:
    network = keras.applications.MobileNetV2(weights=None, classifier_activation=None)
    keep_signal(network)
    root = tf.Module()
    root.variables_ = [one.value for one in network.variables]

    def decode(data: Any) -> Any:
        image = tf.io.decode_jpeg(data, channels=3)
        return tf.image.resize(tf.cast(image, tf.float32), (SIDE, SIDE)) / 127.5 - 1.0

    def classify(image_bytes: Any) -> dict[str, Any]:
        images = tf.map_fn(decode, image_bytes, fn_output_signature=tf.float32)
        return {"scores": network(images, training=False)}

    spec = tf.TensorSpec([None], tf.string, name="image_bytes")
    traced = save(folder, "mobilenet", root, classify, spec)
    data = picture()
    answer = traced(tf.constant([data]))["scores"]
    rows = [{"b64": base64.b64encode(data).decode()}]
    return [case("mobilenet", "mobilenet", ("image_bytes", "scores"), rows, answer)]


def keep_signal(network: Any) -> None:
    """Weights as He draws them; Keras' own let a picture fade to nothing over 50 layers."""
    random = np.random.default_rng(7)
    for layer in network.layers:
        if "kernel" in [variable.name for variable in layer.weights]:
            shape = layer.kernel.shape
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            fan_in = np.prod(shape[:2]) if is_depthwise else np.prod(shape[:-1])
            layer.kernel.assign(random.normal(0, np.sqrt(2 / fan_in), shape))


def picture() -> bytes:
    """A JPEG with smooth parts and noise, of the size that a photo of these dimensions has."""
    height, width = PICTURE
    across, down = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 9, height))
    waves = [np.sin(across), np.cos(down), np.sin(across + down)]
    noise = np.random.default_rng(7).normal(0, 12, (height, width, 3))
    pixels = (np.stack(waves, axis=-1) * 100 + 128 + noise).clip(0, 255).astype(np.uint8)
    data: bytes = tf.io.encode_jpeg(pixels, quality=85).numpy()
    return data


def case(name: str, model: str, ports: tuple[str, str], rows: Any, answer: Any) -> dict[str, Any]:
    return {
        "name": name,
        "model": model,
        "alias": ports[0],
        "output": ports[1],
        "rows": rows,
        "expected": answer.numpy().tolist(),
    }


def main() -> None:
    """Write everything below the folder that the command line names."""
    folder = Path(sys.argv[1])
    keras.utils.set_random_seed(7)
    cases = [*half_plus_two(folder), *mlp(folder), *mobilenet(folder)]
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")


if __name__ == "__main__":
    main()
