"""TF1's checkpoints and frozen graphs, and SavedModels whose tensors are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import Recipe, SignatureRecipe
from tfdeploy.exporting.recipe import Loading, Session
from tfdeploy.exporting.sessions import config_proto
from tfdeploy.exporting.sources import (
    Checkpoint,
    FrozenGraph,
    NamedTensors,
    SavedModelFolder,
    find_source,
    takes_tensor_names,
)

Publish = Callable[..., Any]
Answer = Callable[..., dict[str, Any]]

WEIGHTS = np.asarray([[1.0, -1.0], [2.0, 0.5], [0.0, 3.0]], np.float32)
ROWS = np.asarray([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]], np.float32)
TOTALS = ROWS @ WEIGHTS * 8
NAMES = Loading({"row": "inputs/row:0", "keep": "keep"}, {"total": "total"})
WORDS = Loading({"word": "word"}, {"id": "id"})


def build(tf: Any, *, use_resource: bool, vocabulary: Path) -> None:
    """A training graph: a model, and around it all that only its training needs."""
    v1 = tf.compat.v1
    with tf.name_scope("inputs"):
        row = v1.placeholder(tf.float32, [None, 3], name="row")
        v1.placeholder_with_default(True, [], name="training")
    keep = v1.placeholder(tf.float32, [], name="keep")
    weights = v1.get_variable("weights", initializer=WEIGHTS, use_resource=use_resource)
    product = v1.nn.dropout(row @ weights, rate=1 - keep)
    # Three rounds of doubling, by the loops and by the switches of TF1's graphs.
    _, doubled = v1.while_loop(
        lambda count, _: count < 3, lambda count, one: (count + 1, one * 2), [0, product]
    )
    total = tf.identity(doubled, name="total")
    tf.split(total, 2, axis=1, name="parts")
    loss = v1.py_func(lambda one: one, [tf.reduce_sum(total**2)], tf.float32, name="python_loss")
    v1.summary.scalar("loss", loss)
    v1.train.AdamOptimizer().minimize(tf.reduce_sum(total**2))
    words = v1.placeholder(tf.string, [None], name="word")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )
    tf.identity(table.lookup(words), name="id")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("words") / "words.txt"
    file.write_text("red\ngreen\nblue\n")
    return file


@pytest.fixture(scope="module", params=[False, True], ids=["reference", "resource"])
def checkpoint(
    tf: Any, request: Any, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The .meta file; variables of both kinds that TF1 has."""
    return saved_checkpoint(
        tf, tmp_path_factory.mktemp("trained"), vocabulary, use_resource=request.param
    )


def saved_checkpoint(tf: Any, folder: Path, vocabulary: Path, *, use_resource: bool) -> Path:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        build(tf, use_resource=use_resource, vocabulary=vocabulary)
        session.run(v1.global_variables_initializer())
        prefix = v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)
    return Path(f"{prefix}.meta")


@pytest.fixture(scope="module")
def frozen(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GraphDef with constants for weights, bound to a GPU, and a table that must be filled."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        with tf.device("/device:GPU:0"):
            row = v1.placeholder(tf.float32, [None, 3], name="row")
            tf.multiply(row @ tf.constant(WEIGHTS), 8.0, name="scope/total")
        words = v1.placeholder(tf.string, [None], name="word")
        keys = tf.lookup.KeyValueTensorInitializer(["red", "blue"], tf.constant([1, 2], tf.int64))
        tf.identity(tf.lookup.StaticHashTable(keys, -1).lookup(words), name="id")
    file = tmp_path_factory.mktemp("frozen") / "frozen.pb"
    file.write_bytes(graph.as_graph_def().SerializeToString())
    return file


@pytest.fixture(scope="module")
def two_signatures(tf: Any, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel of TF1 with assets, whose signatures aren't what anybody wants."""
    v1 = tf.compat.v1
    folder = tmp_path_factory.mktemp("tf1") / "model"
    with tf.Graph().as_default() as graph, v1.Session() as session:
        build(tf, use_resource=False, vocabulary=vocabulary)
        session.run(v1.global_variables_initializer())
        tensor = graph.get_tensor_by_name
        words, ids = tensor("word:0"), tensor("id:0")
        predict = v1.saved_model.predict_signature_def
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "words": predict({"word": words}, {"id": ids}),
                "serving_default": predict({"word": words}, {"id": ids}),
            },
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    return folder


def exported(publish: Publish, source: Path, to: Path, loading: Loading, **recipe: Any) -> Any:
    wanted = Recipe(str(source), loading=loading, **recipe)
    return publish(source, to, recipe=wanted, verify=False)


def refusal(tf: Any, source: Path | str, loading: Loading) -> TfdeployError:
    with pytest.raises(TfdeployError) as caught:
        find_source(str(source), loading).open(tf, loading)
    assert caught.value.code == "TFD102"
    return caught.value


def test_a_checkpoint_serves_what_was_named(
    publish: Publish, answer: Answer, checkpoint: Path, tmp_path: Path
) -> None:
    exported_ = exported(publish, checkpoint, tmp_path, NAMES)
    (signature,) = exported_.saved_model.signatures.values()
    assert {one.alias: one.shape for one in signature.inputs.values()} == {
        "row": (None, 3),
        "keep": (),
    }
    found = answer(exported_.path, row=ROWS, keep=1.0)
    np.testing.assert_allclose(found["total"], TOTALS)
    # Training alone needs these, and no server has the first.
    assert {"PyFunc", "ResourceApplyAdam", "ApplyAdam", "ScalarSummary"}.isdisjoint(
        exported_.saved_model.ops
    )


def test_a_checkpoint_is_proven_against_its_own_session(
    publish: Publish, vocabulary: Path, tf: Any, tmp_path: Path
) -> None:
    meta = saved_checkpoint(tf, tmp_path, vocabulary, use_resource=False)
    said: list[str] = []
    recipe = Recipe(str(meta), loading=WORDS)
    publish(meta, tmp_path, recipe=recipe, report=said.append)
    assert any("as the source does" in line for line in said)


def test_tables_and_their_files_come_along(
    publish: Publish, answer: Answer, tf: Any, tmp_path: Path
) -> None:
    vocabulary = tmp_path / "mine.txt"
    vocabulary.write_text("red\ngreen\nblue\n")
    meta = saved_checkpoint(tf, tmp_path, vocabulary, use_resource=True)
    copied = exported(publish, meta, tmp_path, WORDS)
    renamed = {"serving_default": SignatureRecipe(inputs={"colour": "word"})}
    made_anew = exported(publish, meta, tmp_path / "anew", WORDS, signatures=renamed)
    vocabulary.unlink()
    for path, alias in ((copied.path, "word"), (made_anew.path, "colour")):
        found = answer(path, **{alias: ["blue", "black"]})
        assert found["id"].tolist() == [2, -1]
        assert (path / "assets" / "mine.txt").is_file()


def test_other_names_than_the_loaded_ones(
    publish: Publish, answer: Answer, checkpoint: Path, tmp_path: Path
) -> None:
    renamed = {"serving_default": SignatureRecipe(inputs={"features": "row"})}
    path = exported(publish, checkpoint, tmp_path, NAMES, signatures=renamed).path
    found = answer(path, features=ROWS, keep=1.0)
    np.testing.assert_allclose(found["total"], TOTALS)


def test_the_reference_is_a_session_on_the_source(tf: Any, checkpoint: Path) -> None:
    servable = find_source(str(checkpoint), NAMES).open(tf, NAMES)
    function = servable.functions["serving_default"]
    values = {"row": tf.constant(ROWS), "keep": tf.constant(1.0)}
    for one in (function.reference, function.call):
        np.testing.assert_allclose(one(values)["total"], TOTALS)
    assert servable.saved is not None
    folder = servable.saved
    del servable, function, one
    assert not folder.exists()


def test_a_frozen_graph(publish: Publish, answer: Answer, frozen: Path, tmp_path: Path) -> None:
    loading = Loading({"row": "row:0", "word": "word"}, {"total": "scope/total:0", "id": "id"})
    said: list[str] = []
    recipe = Recipe(str(frozen), loading=loading)
    path = publish(frozen, tmp_path, recipe=recipe, report=said.append).path
    found = answer(path, row=ROWS, word=["red", "green"])
    np.testing.assert_allclose(found["total"], TOTALS)
    assert found["id"].tolist() == [1, -1]
    assert any("as the source does" in line for line in said)


def test_a_saved_model_of_tf1_gets_the_signature_that_was_named(
    publish: Publish, answer: Answer, two_signatures: Path, tmp_path: Path
) -> None:
    assert find_source(str(two_signatures), NAMES) == NamedTensors(two_signatures)
    for signatures, alias in (
        ({}, "row"),
        (
            {"serving_default": SignatureRecipe(inputs={"x": "row"}), "words": SignatureRecipe()},
            "x",
        ),
    ):
        made = exported(publish, two_signatures, tmp_path / alias, NAMES, signatures=signatures)
        assert set(made.saved_model.signatures) == {"serving_default", "words"}
        found = answer(made.path, **{alias: ROWS, "keep": 1.0})
        np.testing.assert_allclose(found["total"], TOTALS)
        assert answer(made.path, "words", word=["green"])["id"].tolist() == [1]


def test_the_text_form_of_a_saved_model_takes_names_too(
    publish: Publish, answer: Answer, two_signatures: Path, tmp_path: Path
) -> None:
    text_form = publish(two_signatures, tmp_path, name="text", as_text=True, verify=False).path
    assert not (text_form / "saved_model.pb").exists()
    path = exported(publish, text_form, tmp_path, NAMES).path
    np.testing.assert_allclose(answer(path, row=ROWS, keep=1.0)["total"], TOTALS)


def test_a_saved_model_of_tf2_has_names_of_its_own(tf: Any, digits_folder: Path) -> None:
    error = refusal(tf, digits_folder, NAMES)
    assert "TF2 wrote this SavedModel" in error.message
    assert "without ':0'" in error.hint


@pytest.mark.parametrize(
    ("loading", "message", "hint"),
    [
        (
            Loading(),
            "which tensors are its inputs and outputs",
            "name them: --input row=inputs/row:0 --input training=inputs/training:0 "
            "--input keep=keep:0 --input word=word:0 --output ",
        ),
        (Loading({"row": "inputs/row"}), "which tensors are its outputs", "name them: --output "),
        (
            Loading({"row": "input/row:0"}, {"total": "total"}),
            "has no tensor 'input/row:0'",
            "did you mean inputs/row:0 (float32 [?, 3])",
        ),
        (
            Loading({"row": "row"}, {"total": "total"}),
            "has no tensor 'row'",
            "did you mean inputs/row:0 (float32 [?, 3])",
        ),
        (
            Loading({"row": "inputs/row"}, {"part": "parts"}),
            "'parts' has 2 outputs",
            "name one: parts:0 (float32 [?, 1]), parts:1 (float32 [?, 1]).",
        ),
        (
            Loading({"row": "inputs/row"}, {"part": "parts:2"}),
            "The op 'parts' has no output '2'",
            "name one: parts:0",
        ),
        (
            Loading({"row": "inputs/row"}, {"part": "init_all_tables"}),
            "has no tensor 'init_all_tables'",
            "it has ",
        ),
        (
            Loading({"row": "inputs/row"}, {"part": "Adam"}),
            "the op NoOp gives nothing",
            "name one of the tensors",
        ),
        (
            Loading({"row": "inputs/row"}, {"total": "total"}),
            "need the placeholder keep:0 (float32 []), which is no input",
            "add --input keep=keep:0",
        ),
    ],
)
def test_names_that_dont_fit(
    tf: Any, trained: Path, loading: Loading, message: str, hint: str
) -> None:
    error = refusal(tf, trained, loading)
    assert message in error.message
    assert error.hint.startswith(hint)


@pytest.fixture(scope="module")
def trained(tf: Any, vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("once")
    return saved_checkpoint(tf, folder, vocabulary, use_resource=True)


def test_the_hint_tells_what_each_one_is(tf: Any, trained: Path) -> None:
    hint = refusal(tf, trained, Loading()).hint
    assert "placeholders: inputs/row:0 (float32 [?, 3]), inputs/training:0 (bool [])" in hint
    outputs = hint.partition("likely outputs: ")[2]
    for one in ("parts:0 (float32 [?, 1])", "id:0 (int64 [?])"):
        assert one in outputs
    assert "save/" not in hint


def test_a_checkpoint_is_found_by_any_of_its_names(trained: Path) -> None:
    prefix = trained.with_name("model.ckpt-7")
    for text in (
        trained,
        prefix,
        trained.parent,
        trained.with_name("model.ckpt-7.index"),
        trained.with_name("model.ckpt-7.data-00000-of-00001"),
    ):
        assert find_source(str(text)) == Checkpoint(trained)
        assert takes_tensor_names(str(text))


def test_a_folder_of_checkpoints_that_was_moved(trained: Path, tmp_path: Path) -> None:
    for file in trained.parent.glob("model.ckpt-7.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/gone/model.ckpt-7"\n')
    assert find_source(str(tmp_path)) == Checkpoint(tmp_path / "model.ckpt-7.meta")


def test_checkpoints_that_lack_something(tf: Any, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "model.meta").write_bytes(trained.read_bytes())
    with pytest.raises(TfdeployError) as caught:
        find_source(str(tmp_path / "model.meta"))
    assert caught.value.code == "TFD101"
    assert "there is no model.index" in caught.value.message
    tf.train.Checkpoint(one=tf.Variable(1.0)).save(str(tmp_path / "weights"))
    for text in (tmp_path, tmp_path / "weights-1", tmp_path / "weights-1.index"):
        with pytest.raises(TfdeployError) as caught:
            find_source(str(text))
        assert caught.value.code == "TFD102"
        assert "module:function" in caught.value.hint
    (tmp_path / "checkpoint").write_text("")
    with pytest.raises(TfdeployError, match="names no checkpoint"):
        find_source(str(tmp_path))


def test_what_a_pb_file_is(tf: Any, two_signatures: Path, frozen: Path, tmp_path: Path) -> None:
    assert find_source(str(frozen)) == FrozenGraph(frozen)
    assert takes_tensor_names(str(frozen))
    for file in (two_signatures / "saved_model.pb", two_signatures):
        assert find_source(str(file)) == SavedModelFolder(two_signatures)
        assert not takes_tensor_names(str(file))
    for name, data in (("empty.pb", b""), ("text.pb", b"no graph at all")):
        (tmp_path / name).write_bytes(data)
        error = refusal(tf, tmp_path / name, NAMES)
        assert "holds no graph" in error.message


def test_the_session_is_configured_as_asked(tf: Any) -> None:
    proto = config_proto(
        tf, Session(allow_growth=True, soft_placement=True, gpu_memory_fraction=0.4)
    )
    assert proto.allow_soft_placement
    assert proto.gpu_options.allow_growth
    assert proto.gpu_options.per_process_gpu_memory_fraction == pytest.approx(0.4)
    proto = config_proto(tf, Session())
    assert not proto.allow_soft_placement
    assert not proto.gpu_options.allow_growth
    assert not proto.gpu_options.per_process_gpu_memory_fraction


def test_only_graphs_have_tensors_to_name(digits_file: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        find_source(str(digits_file), NAMES)
    assert caught.value.code == "TFD102"
    assert not takes_tensor_names(str(digits_file))
