"""Names, methods and numbers of signatures: what the user chose, and serving_default always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.export import made
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import Exported, ImageFront, Recipe, SignatureRecipe

Export = Callable[[Mapping[str, SignatureRecipe]], Exported]
PIXELS = np.random.default_rng(5).random((3, 8, 8, 1), np.float32)


@pytest.fixture(scope="module")
def pictures(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tf2_saved_model(tf, "pictures", tmp_path_factory.mktemp("source"))


@pytest.fixture
def export(publish: Callable[..., Any], pictures: Path, tmp_path: Path) -> Export:
    def run(signatures: Mapping[str, SignatureRecipe]) -> Exported:
        recipe = Recipe(str(pictures), signatures)
        done: Exported = publish(pictures, tmp_path, recipe=recipe, verify=False)
        return done

    return run


def examples(tf: Any, pixels: np.ndarray) -> list[bytes]:
    def one(values: np.ndarray) -> bytes:
        floats = tf.train.FloatList(value=values.ravel())
        features = tf.train.Features(feature={"pixels": tf.train.Feature(float_list=floats)})
        return bytes(tf.train.Example(features=features).SerializeToString())

    return [one(values) for values in pixels]


def test_names_of_the_users_choice(export: Export, answer: Callable[..., Any]) -> None:
    renamed = SignatureRecipe(inputs={"photo": "pixels"}, outputs={"classes": "scores"})
    done = export({"top": renamed})
    assert set(done.saved_model.signatures) == {"top", "serving_default"}
    found = answer(done.path, "top", photo=PIXELS)
    np.testing.assert_allclose(found["classes"], made.scores(PIXELS), rtol=1e-5)
    raw = answer(done.path, "serving_default", pixels=PIXELS)
    np.testing.assert_allclose(raw["scores"], made.scores(PIXELS), rtol=1e-5)


def test_names_that_python_doesnt_take(export: Export, answer: Callable[..., Any]) -> None:
    inputs, outputs = {"my-photo": "pixels"}, {"class/scores": "scores"}
    done = export({"odd": SignatureRecipe(inputs=inputs, outputs=outputs)})
    signature = done.saved_model.signatures["odd"]
    assert (list(signature.inputs), list(signature.outputs)) == (["my-photo"], ["class/scores"])
    found = answer(done.path, "odd", **{"my-photo": PIXELS})
    np.testing.assert_allclose(found["class/scores"], made.scores(PIXELS), rtol=1e-5)


def test_several_services_at_once_beside_the_raw_one(
    tf: Any, export: Export, answer: Callable[..., Any]
) -> None:
    done = export(
        {
            "serving_default": SignatureRecipe(fronts=(ImageFront(scale=1 / 255),)),
            "raw": SignatureRecipe(),
            "labels": SignatureRecipe(method="classify", labels=("ant", "bee", "cat")),
        }
    )
    assert set(done.saved_model.signatures) == {"serving_default", "raw", "labels"}
    assert all(one.batchable for one in done.saved_model.signatures.values())
    raw = answer(done.path, "raw", pixels=PIXELS)
    np.testing.assert_allclose(raw["scores"], made.scores(PIXELS), rtol=1e-5)
    signature = done.saved_model.signatures["labels"]
    assert signature.method_name == "tensorflow/serving/classify"
    assert list(signature.inputs) == ["inputs"]
    found = answer(done.path, "labels", inputs=examples(tf, PIXELS))
    np.testing.assert_allclose(found["scores"], made.scores(PIXELS), rtol=1e-5)
    assert found["classes"].tolist() == [[b"ant", b"bee", b"cat"]] * 3


def test_a_regress_signature_gives_one_number_a_row(
    tf: Any, publish: Callable[..., Any], tmp_path: Path, answer: Callable[..., Any]
) -> None:
    class Sum(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, "pixels")])
        def __call__(self, pixels: Any) -> Any:
            return {"sum": tf.reduce_sum(pixels, [1, 2]), "mean": tf.reduce_mean(pixels, [1, 2])}

    made_sum = Sum()
    tf.saved_model.save(made_sum, str(tmp_path / "sum"), signatures=made_sum.__call__)
    wanted = {"total": SignatureRecipe(method="regress", outputs={"outputs": "sum"})}
    recipe = Recipe(str(tmp_path / "sum"), wanted)
    done = publish("", tmp_path, recipe=recipe, verify=False)
    signature = done.saved_model.signatures["total"]
    assert signature.method_name == "tensorflow/serving/regress"
    assert signature.outputs["outputs"].shape == (None,)
    found = answer(done.path, "total", inputs=examples(tf, PIXELS))
    np.testing.assert_allclose(found["outputs"], PIXELS.sum((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("wanted", "words", "hint"),
    [
        (SignatureRecipe(of="absent"), "no signature 'absent'", "serving_default"),
        (SignatureRecipe(inputs={"photo": "pixel"}), "no input 'pixel'", "did you mean 'pixels'"),
        (SignatureRecipe(outputs={"s": "score"}), "no output 'score'", "did you mean 'scores'"),
        (SignatureRecipe(method="regress"), "one number a row", "outputs: NAME"),
        (SignatureRecipe(method="classify", labels=("a", "b")), "2 labels for 3 scores", "one"),
    ],
)
def test_what_the_source_doesnt_have(
    export: Export, tmp_path: Path, wanted: SignatureRecipe, words: str, hint: str
) -> None:
    with pytest.raises(TfdeployError) as caught:
        export({"mine": wanted})
    assert caught.value.code == "TFD116"
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert not (tmp_path / "m").exists()


def save_signatures(tf: Any, folder: Path, *names: str) -> Path:
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.float32, name="x")
    functions = {name: tf.function(lambda x: {"y": x + 1}, [spec]) for name in names}
    tf.saved_model.save(module, str(folder), signatures=functions)
    return folder


def test_serving_default_always_exists(
    tf: Any, publish: Callable[..., Any], tmp_path: Path, answer: Callable[..., Any]
) -> None:
    source = save_signatures(tf, tmp_path / "source", "embed", "predict")
    done = publish(source, tmp_path, verify=False)
    assert set(done.saved_model.signatures) == {"embed", "predict", "serving_default"}
    assert answer(done.path, x=[1.0])["y"].tolist() == [2.0]


def test_which_one_is_the_default_is_asked_where_nobody_can_say(
    tf: Any, publish: Callable[..., Any], tmp_path: Path
) -> None:
    source = save_signatures(tf, tmp_path / "source", "embed", "rank")
    with pytest.raises(TfdeployError) as caught:
        publish(source, tmp_path, verify=False)
    assert caught.value.code == "TFD116"
    assert "embed, rank" in caught.value.hint
    recipe = Recipe(str(source), {"serving_default": SignatureRecipe(of="rank")})
    done = publish(source, tmp_path, recipe=recipe, verify=False)
    assert set(done.saved_model.signatures) == {"serving_default"}
