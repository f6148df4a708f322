"""Strings in, and the very ids that Keras' own layer gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import Recipe, SignatureRecipe
from tfdeploy.exporting.fronts import TextFront

TEXTS = [
    "The quick, brown fox; it's JUMPING!",
    "  many\tspaces \n here  ",
    "",
    "ÄRGER und Straße — naïve CAFÉ",
    "a b c d e f g h i j k l m n",
    "[UNK] (the) fox-hole #1 @you 100% ^_^ {x} | ~ ` \\ \"quoted\" 'single'",
    "日本語 the текст ТЕКСТ",
]
CORPUS = [
    "the quick brown fox its jumping",
    "Ärger und Straße naïve cafÉ",
    "日本語 текст a b c foxhole",
]


def file_of(folder: Path, *tokens: str) -> Path:
    path = folder / "vocabulary.txt"
    path.write_text("".join(f"{one}\n" for one in tokens), encoding="utf-8")
    return path


def ids(tf: Any, front: TextFront, texts: list[str], length: int | None = None) -> list[list[int]]:
    """What a model of ids gets, the same eagerly and in a graph."""
    fitted = front.fit(tf, {"ids": tf.TensorSpec([None, length], tf.int64)})
    given = {front.alias: tf.constant(texts)}
    eager = fitted.make(given)["ids"].numpy()
    graph = tf.function(fitted.make).get_concrete_function(fitted.inputs)
    assert graph(**given)["ids"].numpy().tolist() == eager.tolist()
    return list(eager.tolist())


@pytest.mark.parametrize("length", [6, None])
@pytest.mark.parametrize("split", ["whitespace", "characters"])
def test_the_ids_are_those_of_keras(
    tf: Any, keras: Any, tmp_path: Path, split: str, length: int | None
) -> None:
    layer = keras.layers.TextVectorization(
        standardize="lower_and_strip_punctuation",
        split=split.removesuffix("s"),
        output_sequence_length=length,
    )
    layer.adapt(CORPUS)
    front = TextFront(file_of(tmp_path, *layer.get_vocabulary()), split=split)
    found = ids(tf, front, TEXTS, length)
    assert found == layer(tf.constant(TEXTS)).numpy().tolist()
    assert {0, 1} < {one for row in found for one in row}


def test_a_vocabulary_without_its_special_tokens(tf: Any, keras: Any, tmp_path: Path) -> None:
    layer = keras.layers.TextVectorization(output_sequence_length=5)
    layer.adapt(CORPUS)
    tokens = layer.get_vocabulary(include_special_tokens=False)
    front = TextFront(file_of(tmp_path, *tokens), first_id=2)
    assert ids(tf, front, TEXTS, 5) == layer(tf.constant(TEXTS)).numpy().tolist()


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({}, "The end", [2, 1, 0]),
        ({"lower": False}, "The the", [1, 2, 0]),
        ({"strip_punctuation": False}, "the, the", [1, 2, 0]),
        ({"lower": False, "strip_punctuation": False}, "The, END", [1, 4, 0]),
        ({"unicode": True}, "ÄRGER", [3, 0, 0]),
        ({}, "ÄRGER", [1, 0, 0]),
        ({"padding": "the"}, "the", [2, 2, 2]),
        ({"unknown": "the"}, "what", [2, 0, 0]),
        ({"unknown_id": 9}, "what", [9, 0, 0]),
        ({"first_id": 10}, "the what", [12, 11, 10]),
        ({}, "the the the the", [2, 2, 2]),
    ],
)
def test_the_options(
    tf: Any, tmp_path: Path, options: dict[str, Any], text: str, expected: list[int]
) -> None:
    path = file_of(tmp_path, "[PAD]", "[UNK]", "the", "ärger", "END")
    assert ids(tf, TextFront(path, length=3, **options), [text]) == [expected]


def test_a_file_of_windows_without_a_last_line_end(tf: Any, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"\r\n[UNK]\r\nthe\r\nend")
    assert ids(tf, TextFront(path), ["the end is"]) == [[2, 3, 1]]


def test_the_vocabulary_is_an_asset_and_the_file_isnt_needed_any_more(
    publish: Callable[..., Any], keras: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    given = keras.Input((4,), dtype="int32", name="ids")
    same = keras.layers.Identity(name="seen")(given)
    keras.Model(given, same).save(tmp_path / "same.keras")
    path = file_of(tmp_path, "", "[UNK]", "the", "end")
    front = TextFront(path, alias="sentence")
    exported = publish(tmp_path / "same.keras", tmp_path, image=front, verify=False)
    path.unlink()
    assert [one.name for one in (exported.path / "assets").iterdir()] == ["vocabulary.txt"]
    moved = exported.path.rename(tmp_path / "elsewhere")
    assert str(exported.saved_model.signatures["serving_default"].inputs["sentence"]) == (
        "sentence: string[?]"
    )
    found = answer(moved, sentence=["The end.", "nobody knows the end of it"])["seen"]
    assert found.dtype == np.int32
    assert found.tolist() == [[2, 3, 0, 0], [1, 1, 2, 3]]


@pytest.mark.parametrize(
    ("specs", "options", "words"),
    [
        ({"ids": ([None, 4, 4], "int64")}, {}, "no texts' ids"),
        ({"ids": ([None, 4], "string")}, {}, "no texts' ids"),
        ({"ids": ([None, 4], "int64")}, {"length": 5}, "a length of 5"),
        ({"ids": ([None, 4], "int64")}, {"into": "words"}, "no input 'words'"),
        ({"a": ([None, 4], "int64"), "b": ([None, 4], "int32")}, {}, "2 inputs"),
    ],
)
def test_models_that_dont_suit(
    tf: Any, tmp_path: Path, specs: Any, options: dict[str, Any], words: str
) -> None:
    front = TextFront(file_of(tmp_path, "[UNK]", "the"), **options)
    with pytest.raises(TfdeployError, match=words) as caught:
        front.fit(tf, {name: tf.TensorSpec(*one) for name, one in specs.items()})
    assert caught.value.code == "TFD116"


def test_of_several_inputs_the_one_of_whole_numbers_is_made(tf: Any, tmp_path: Path) -> None:
    front = TextFront(file_of(tmp_path, "[UNK]", "the"))
    specs = {"gain": tf.TensorSpec([None, 4]), "ids": tf.TensorSpec([None, 4], tf.int32)}
    assert front.fit(tf, specs).fills == ("ids",)
    # What Keras makes of an Input without a dtype.
    assert front.fit(tf, {"ids": tf.TensorSpec([None, 4])}).fills == ("ids",)


def test_a_model_with_its_own_vocabulary_needs_no_front(
    publish: Callable[..., Any], tf: Any, keras: Any, tmp_path: Path, answer: Callable[..., Any]
) -> None:
    layer = keras.layers.TextVectorization(output_sequence_length=4)
    layer.adapt(CORPUS)
    text = keras.Input((), dtype="string", name="text")
    numbers = keras.layers.Embedding(layer.vocabulary_size(), 3)(layer(text))
    model = keras.Model(text, keras.layers.GlobalAveragePooling1D(name="mean")(numbers))
    model.save(tmp_path / "own.keras")
    exported = publish(tmp_path / "own.keras", tmp_path, verify=False)
    expected = model(tf.constant(TEXTS)).numpy()
    found = answer(exported.path, text=TEXTS)["mean"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_vocabulary_that_is_larger_than_the_model_is_refused(
    keras: Any, publish: Callable[..., Any], tmp_path: Path
) -> None:
    words = keras.Input((4,), dtype="int64", name="ids")
    model = keras.Model(words, keras.layers.Embedding(5, 2, name="vectors")(words))
    model.save(tmp_path / "small.keras")
    vocabulary = tmp_path / "large.txt"
    vocabulary.write_text("\n[UNK]\n" + "\n".join("abcdefghi") + "\n")
    wanted = {"serving_default": SignatureRecipe(fronts=(TextFront(vocabulary),))}
    with pytest.raises(TfdeployError) as caught:
        publish("", tmp_path, recipe=Recipe(str(tmp_path / "small.keras"), wanted))
    assert caught.value.code == "TFD104"
    assert "ids that the model doesn't know" in caught.value.hint
    assert not (tmp_path / "m").exists()
