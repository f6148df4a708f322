"""Real TensorFlow, small models, and a way to ask a published version as the server would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.exporting import Exported, export
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.savedmodel import read_saved_model

Answer = Callable[..., dict[str, Any]]
Publish = Callable[..., Exported]


@pytest.fixture(scope="session")
def publish() -> Publish:
    """Export as the model ``m``."""

    def run(source: Path | str, to: Path, **options: Any) -> Exported:
        options = {"name": "m", "report": lambda _: None, **options}
        return export(str(source), to=to, **options)

    return run


@pytest.fixture(scope="session")
def tf() -> Any:
    return import_tensorflow()


@pytest.fixture(scope="session")
def keras(tf: Any) -> Any:
    return tf.keras


@pytest.fixture(scope="session")
def digits(keras: Any) -> Any:
    """A model of 8 x 8 pictures of digits, with names of its author's choice."""
    keras.utils.set_random_seed(7)
    pixels = keras.Input((8, 8, 1), name="pixels")
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(pixels)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.Dropout(0.5)(keras.layers.Flatten()(hidden))
    return keras.Model(pixels, keras.layers.Dense(10, activation="softmax", name="scores")(hidden))


@pytest.fixture(scope="session")
def digits_file(digits: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "digits.keras"
    digits.save(path)
    return path


@pytest.fixture(scope="session")
def digits_folder(
    publish: Publish, digits_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A published version 1, not proven."""
    to = tmp_path_factory.mktemp("published")
    return publish(digits_file, to, verify=False).path


@pytest.fixture(scope="session")
def answer(tf: Any) -> Answer:
    """Load a version folder into a TF1 session, feed by tensor name: as the server does."""

    def ask(folder: Path, signature: str = "serving_default", **values: Any) -> dict[str, Any]:
        found = read_saved_model(folder).signatures[signature]
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            feeds = {found.inputs[key].tensor_name: value for key, value in values.items()}
            names = {key: one.tensor_name for key, one in found.outputs.items()}
            return dict(session.run(names, feeds))

    return ask
