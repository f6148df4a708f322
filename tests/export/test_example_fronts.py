"""Serialized tf.Examples in, a tensor for each of the model's inputs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.fronts import ExampleFront


def example(tf: Any, **features: list[Any]) -> bytes:
    """Serialized; floats, whole numbers or bytes by feature."""
    message = tf.train.Example()
    for name, values in features.items():
        kinds = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
        getattr(message.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return bytes(message.SerializeToString())


@pytest.fixture(scope="module")
def mixed(publish: Callable[..., Any], tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model of floats, whole numbers, a switch and words, behind a front."""

    class Mixed(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2, 2], tf.float64, name="floats"),
                tf.TensorSpec([None], tf.int32, name="count"),
                tf.TensorSpec([None, 1], tf.bool, name="on"),
                tf.TensorSpec([None, 2], tf.string, name="words"),
            ]
        )
        def serve(self, floats: Any, count: Any, on: Any, words: Any) -> Any:
            return {
                "sum": tf.reduce_sum(floats, axis=[1, 2]),
                "next": count + 1,
                "off": tf.logical_not(on),
                "joined": tf.strings.reduce_join(words, axis=1, separator=" "),
            }

    folder = tmp_path_factory.mktemp("examples")
    module = Mixed()
    tf.saved_model.save(module, str(folder / "source"), signatures=module.serve)
    front = ExampleFront("examples")
    return Path(publish(folder / "source", folder, image=front, verify=False).path)


def test_floats_whole_numbers_and_words(mixed: Path, tf: Any, answer: Callable[..., Any]) -> None:
    rows = [
        example(tf, floats=[0.5, 1.0, 1.5, 2.0], count=[7], on=[1], words=[b"a", b"b"]),
        example(tf, floats=[1.0, 0.0, 0.0, 0.0], count=[-1], on=[0], words=[b"c", b"\xff"]),
    ]
    found = answer(mixed, examples=rows)
    assert found["sum"].tolist() == [5.0, 1.0]
    assert found["next"].tolist() == [8, 0]
    assert found["off"].tolist() == [[False], [True]]
    assert found["joined"].tolist() == [b"a b", b"c \xff"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"count": None}, r"Feature: count \(data type: int64\) is required"),
        ({"floats": [1.0]}, r"Key: floats"),
        ({"words": [1, 2]}, r"Key: words.*[Dd]ata types don't match"),
    ],
)
def test_a_feature_that_is_missing_or_wrong(
    mixed: Path, tf: Any, answer: Callable[..., Any], changed: dict[str, Any], words: str
) -> None:
    whole = {"floats": [0.5] * 4, "count": [7], "on": [1], "words": [b"a", b"b"]}
    features = {name: one for name, one in {**whole, **changed}.items() if one is not None}
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        answer(mixed, examples=[example(tf, **features)])


@pytest.mark.parametrize("shape", [[None, None], None])
def test_an_input_of_a_free_size_is_no_feature(tf: Any, shape: Any) -> None:
    with pytest.raises(TfdeployError, match="needs every size") as caught:
        ExampleFront().fit(tf, {"x": tf.TensorSpec(shape)})
    assert caught.value.code == "TFD116"
