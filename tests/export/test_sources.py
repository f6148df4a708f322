"""module:function, SavedModel folders, base paths; and everything that is none of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.recipe import Loading
from tfdeploy.exporting.sources import PythonObject, SavedModelFolder, find_source
from tfdeploy.exporting.tensorflow_import import import_tensorflow

Refusal = Callable[[str, Path], TfdeployError]

MODULES = """
import keras
import tensorflow as tf

ROW = tf.TensorSpec([None, 2], tf.float32, name="row")


class Doubler(tf.Module):
    def __init__(self):
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[ROW])
    def __call__(self, row):
        return {"doubled": row * self.factor}

    @tf.function(input_signature=[ROW])
    def halve(self, row):
        return {"halved": row / self.factor}

    @tf.function
    def helper(self, row):
        return row


class Chosen(Doubler):
    def __init__(self):
        super().__init__()
        self.signatures = {"serving_default": self.halve}


class Holder(tf.Module):
    def __init__(self):
        self.model = keras.Sequential([
            keras.layers.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")
        ])

    @tf.function(input_signature=[ROW])
    def predict(self, row):
        return {"total": self.model(row)}


class Unnamed(tf.Module):
    @tf.function(input_signature=[ROW])
    def one(self, row):
        return {"row": row}

    @tf.function(input_signature=[ROW])
    def two(self, row):
        return {"row": row}


class Open(tf.Module):
    def __init__(self):
        self.signatures = {"serving_default": tf.function(lambda x: x)}


WORD = tf.TensorSpec([None], tf.string, name="word")


class Table(tf.Module):
    @tf.function(input_signature=[WORD])
    def __call__(self, word):
        return {"id": looked_up(word)}


def looked_up(word):
    return TABLE.lookup(word)


KEYS = tf.lookup.KeyValueTensorInitializer(["red", "blue"], tf.constant([1, 2], tf.int64))
TABLE = tf.lookup.StaticHashTable(KEYS, -1)
SCALE = tf.Variable(3.0)


@tf.function(input_signature=[WORD])
def look_up(word):
    return {"id": looked_up(word)}


def closed_over():
    table = tf.lookup.StaticHashTable(KEYS, -1)

    @tf.function(input_signature=[WORD])
    def serve(word):
        return {"id": table.lookup(word)}

    return serve


@tf.function(input_signature=[ROW])
def scaled(row):
    return row * SCALE


concrete = scaled.get_concrete_function()


def returned():
    factor = tf.Variable(5.0)
    return tf.function(lambda row: {"times": row * factor}, input_signature=[ROW])


@tf.function
def unsigned(row):
    return row


def plain(row, gain, bias=0):
    return row * gain


doubler = Doubler()
nothing = tf.Module


def keras_model():
    return keras.Sequential([keras.layers.Input((2,), name="x"), keras.layers.Dense(1, name="y")])


def number():
    return 7


def fails():
    raise RuntimeError("the weights aren't there")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_models.py").write_text(MODULES)
    (tmp_path / "broken_models.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refusal(publish: Callable[..., Any]) -> Refusal:
    def refuse(source: str, to: Path) -> TfdeployError:
        with pytest.raises(TfdeployError) as caught:
            publish(source, to / "models", verify=False)
        assert not (to / "models" / "m").exists()
        assert caught.value.hint
        return caught.value

    return refuse


def test_a_module_serves_its_functions_with_an_input_signature(
    publish: Callable[..., Any], here: Path, answer: Callable[..., Any]
) -> None:
    for source in ("own_models:Doubler", "own_models:doubler"):
        exported = publish(source, here, verify=False)
        assert set(exported.saved_model.signatures) == {"serving_default", "halve"}
        found = answer(exported.path, row=[[1.0, 2.0]])
        assert found["doubled"].tolist() == [[2.0, 4.0]]
    assert exported.version == 2


def test_signatures_of_a_module_are_its_own_choice(publish: Callable[..., Any], here: Path) -> None:
    exported = publish("own_models:Chosen", here, verify=False)
    (signature,) = exported.saved_model.signatures.values()
    assert set(signature.outputs) == {"halved"}


def test_a_module_that_holds_a_keras_model_brings_its_variables(
    publish: Callable[..., Any], here: Path, answer: Callable[..., Any]
) -> None:
    said: list[str] = []
    exported = publish("own_models:Holder", here, report=said.append)
    assert answer(exported.path, row=[[1.0, 2.0]])["total"].tolist() == [[3.0]]
    assert any("serving_default answers" in line for line in said)


def test_a_function_that_returns_a_keras_model(publish: Callable[..., Any], here: Path) -> None:
    exported = publish("own_models:keras_model", here, verify=False)
    (signature,) = exported.saved_model.signatures.values()
    assert (set(signature.inputs), set(signature.outputs)) == ({"x"}, {"y"})


@pytest.mark.parametrize(
    ("source", "output", "factor"),
    [("scaled", "output_0", 3), ("concrete", "output_0", 3), ("returned", "times", 5)],
)
def test_a_function_with_an_input_signature(
    publish: Callable[..., Any],
    here: Path,
    answer: Callable[..., Any],
    source: str,
    output: str,
    factor: float,
) -> None:
    exported = publish(f"own_models:{source}", here, verify=False)
    (signature,) = exported.saved_model.signatures.values()
    assert (signature.name, set(signature.inputs)) == ("serving_default", {"row"})
    found = answer(exported.path, row=[[1.0, 2.0]])
    assert found[output].tolist() == [[factor, 2 * factor]]


@pytest.mark.parametrize("source", ["look_up", "closed_over", "Table"])
def test_tables_that_a_function_finds_anywhere_come_along(
    publish: Callable[..., Any], here: Path, answer: Callable[..., Any], source: str
) -> None:
    exported = publish(f"own_models:{source}", here, verify=False)
    assert answer(exported.path, word=["blue", "black"])["id"].tolist() == [2, -1]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("own_models:absent", "TFD101", "has no 'absent'"),
        ("no_such_module:f", "TFD101", "can't be imported"),
        ("own_models.py:Doubler", "TFD101", "can't be imported"),
        ("broken_models:f", "TFD101", "a_package_that_is_not_there"),
        ("own_models:number", "TFD102", "gives a int"),
        ("own_models:Unnamed", "TFD102", "one, two"),
        ("own_models:nothing", "TFD102", "no function that can be served"),
        ("own_models:Open", "TFD102", "doesn't say what it takes"),
        ("own_models:unsigned", "TFD102", "doesn't say what it takes"),
        ("own_models:plain", "TFD102", "needs row, gain, and doesn't say"),
        ("own_models:fails", "TFD103", "the weights aren't there"),
        ("absent.keras", "TFD101", "There is no absent.keras"),
        ("own_models.py", "TFD102", "no model file"),
    ],
)
def test_what_cant_be_exported(
    refusal: Refusal, here: Path, source: str, code: str, words: str
) -> None:
    error = refusal(source, here)
    assert error.code == code
    assert words in error.message


def test_the_line_that_failed_is_named(refusal: Refusal, here: Path) -> None:
    line = MODULES.splitlines().index('    raise RuntimeError("the weights aren\'t there")') + 1
    assert refusal("own_models:fails", here).where == f"{here / 'own_models.py'}, line {line}"


def test_of_a_base_path_the_highest_version_is_taken(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    for number in ("9", "10"):
        publish(digits_folder, tmp_path, version=int(number), verify=False)
    found = find_source(str(tmp_path / "m"))
    assert found == SavedModelFolder(tmp_path / "m" / "10")
    exported = publish(tmp_path / "m", tmp_path, verify=False)
    assert exported.version == 11
    files = sorted(path.relative_to(exported.path) for path in exported.path.rglob("*"))
    assert files == sorted(path.relative_to(digits_folder) for path in digits_folder.rglob("*"))


def test_a_copy_shares_nothing_with_its_source(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    exported = publish(digits_folder, tmp_path, verify=False)
    copy, original = exported.path / "saved_model.pb", digits_folder / "saved_model.pb"
    assert copy.read_bytes() == original.read_bytes()
    assert copy.stat().st_ino != original.stat().st_ino


def test_folders_that_are_no_saved_model(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal(str(tmp_path / "empty"), tmp_path).code == "TFD113"
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "saved_model.pb").write_bytes(b"\x12\xff")
    assert refusal(str(tmp_path / "bad"), tmp_path).code == "TFD111"


def test_a_python_source_is_recognised() -> None:
    assert find_source("a.b:C.d") == PythonObject("a.b", "C.d")


def test_without_tensorflow() -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named '{name}'")

    with pytest.raises(TfdeployError) as caught:
        import_tensorflow(missing)
    assert caught.value.code == "TFD106"
    assert caught.value.hint == "pip install 'tfdeploy-serving[export]'"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("own_models.py:Doubler", "leave .py out: own_models:Doubler."),
        ("src/own.py:make", "leave .py out: own:make, and run it in src."),
        (
            "absent.keras",
            "give a .keras or .h5 file, a SavedModel folder, a TF1 checkpoint (.meta), a frozen "
            "graph (.pb), or module:function.",
        ),
    ],
)
def test_a_python_file_in_a_modules_place_is_told(here: Path, source: str, hint: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        find_source(source).open(import_tensorflow(), Loading())
    assert (caught.value.code, caught.value.hint) == ("TFD101", hint)
