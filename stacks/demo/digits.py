"""A small real classifier: scikit-learn's 1,797 handwritten digits, 8 by 8 pixels each.

``tfdeploy export stacks.demo.digits:model --name digits --image --scale 1/255`` trains and
exports it; ``python -m stacks.demo.digits FILE.png`` writes a digit that it hasn't seen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def pixels() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images as a PNG holds them (uint8, 0 to 255, shape [1797, 8, 8, 1]) and their digits."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    return images[..., None], digits.target


def split() -> Any:
    """Training images, held-out images, training digits, held-out digits."""
    images, targets = pixels()
    return train_test_split(images, targets, test_size=0.2, random_state=0, stratify=targets)


def model() -> Any:
    """A trained Keras model: pixels of 0 to 1 in, ten scores out."""
    import keras

    train, held_out, train_digits, held_out_digits = split()
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax", name="scores"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(train / 255, train_digits, epochs=40, batch_size=32, verbose=0)
    _, accuracy = network.evaluate(held_out / 255, held_out_digits, verbose=0)
    print(f"trained on {len(train)} digits; right on {accuracy:.1%} of {len(held_out)} others")
    return network


def write_png(path: Path, index: int = 0) -> int:
    """Write a held-out digit as a PNG file and return what it shows."""
    from PIL import Image

    _, held_out, _, digits = split()
    Image.fromarray(held_out[index, ..., 0]).save(path)
    return int(digits[index])


if __name__ == "__main__":
    print(write_png(Path(sys.argv[1])))
