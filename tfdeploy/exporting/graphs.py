"""TF1 graphs as servables: checkpoints, frozen graphs, and SavedModels whose tensors are named.

Each becomes a SavedModel in a temporary folder first, and is loaded from there like any other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.pruning import prune
from tfdeploy.exporting.recipe import DEFAULT, METHODS, Loading
from tfdeploy.exporting.saved_models import from_saved_model
from tfdeploy.exporting.servables import Servable
from tfdeploy.exporting.sessions import config_proto, runs
from tfdeploy.exporting.tensor_names import Named, find_tensors, ops_needed
from tfdeploy.exporting.writing import edit
from tfdeploy.files import copy_tree
from tfdeploy.savedmodel import MANIFEST

_FILLS_TABLE = ("InitializeTable", "LookupTableImport")
_FILLS_TABLE_FROM_FILE = "InitializeTableFromText"


@dataclass(frozen=True)
class _Source:
    """A graph in a session of its own, and the tensors that make it a servable."""

    session: Any
    named: Named


@dataclass(frozen=True)
class _Needs:
    """What the named outputs need besides ops: ``main_op`` runs after the variables are there.

    It fills tables, from ``assets`` (tensors that hold paths), and variables that no checkpoint
    holds.
    """

    variables: list[Any]
    assets: list[Any]
    main_op: Any


def open_checkpoint(tf: Any, meta: Path, loading: Loading) -> Servable:
    """What TF1's Saver wrote, as the signature ``serving_default``.

    Args:
        tf: TensorFlow.
        meta: the .meta file.
        loading: names the tensors, and configures the session.

    Raises:
        TfdeployError: TFD102 when the names don't fit.
        Exception: what TensorFlow says of a checkpoint that it can't restore.
    """
    v1 = tf.compat.v1
    session = _session(tf, loading)
    with session.graph.as_default():
        saver = v1.train.import_meta_graph(str(meta), clear_devices=True)
        named = find_tensors(session.graph, loading, str(meta))
        # A graph without variables has no saver.
        if saver is not None:
            saver.restore(session, str(meta).removesuffix(".meta"))
        return _saved_first(tf, _Source(session, named))


def open_frozen_graph(tf: Any, file: Path, loading: Loading) -> Servable:
    """A GraphDef in a file, as the signature ``serving_default``.

    Raises:
        TfdeployError: TFD102 when the file holds no graph, or the names don't fit.
    """
    from google.protobuf.message import DecodeError

    try:
        graph_def = tf.compat.v1.GraphDef.FromString(file.read_bytes())
    except DecodeError:
        graph_def = tf.compat.v1.GraphDef()
    if not graph_def.node:
        raise TfdeployError(
            "TFD102",
            f"{file} holds no graph.",
            where=str(file),
            hint="a frozen graph is a GraphDef in binary form; of a SavedModel, give the folder.",
        )
    for node in graph_def.node:
        node.device = ""
    session = _session(tf, loading)
    with session.graph.as_default():
        tf.import_graph_def(graph_def, name="")
        source = _Source(session, find_tensors(session.graph, loading, str(file)))
        return _saved_first(tf, source)


def open_with_names(tf: Any, folder: Path, loading: Loading) -> Servable:
    """A TF1 SavedModel whose ``serving_default`` is made of tensors that ``loading`` names.

    Its other signatures stay.

    Raises:
        TfdeployError: TFD102 when the names don't fit, or TF2 wrote the model.
    """
    session = _session(tf, loading)
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        if meta.object_graph_def.nodes:
            raise TfdeployError(
                "TFD102",
                "Tensors can be named in a TF1 graph alone, and TF2 wrote this SavedModel.",
                where=str(folder),
                hint="give the names that its signatures' inputs and outputs have, without ':0'.",
            )
        named = find_tensors(session.graph, loading, str(folder))
        signature = _signature(tf, named)

    def fill(scratch: Path) -> None:
        copy_tree(folder, scratch)
        _set_default(scratch, signature)

    return _loaded(tf, _Source(session, named), fill)


def _session(tf: Any, loading: Loading) -> Any:
    return tf.compat.v1.Session(graph=tf.Graph(), config=config_proto(tf, loading.session))


def _saved_first(tf: Any, source: _Source) -> Servable:
    needs = _needs(tf, source)
    if needs.main_op is not None:
        source.session.run(needs.main_op)

    def fill(scratch: Path) -> None:
        _save(tf, source, needs, scratch)
        edit(scratch, prune)

    return _loaded(tf, source, fill)


def _loaded(tf: Any, source: _Source, fill: Callable[[Path], None]) -> Servable:
    """The servable of a SavedModel that ``fill`` writes; the source's session is its reference."""
    room = tempfile.TemporaryDirectory(prefix="tfdeploy-graph-", ignore_cleanup_errors=True)
    folder = Path(room.name) / "saved_model"
    fill(folder)
    servable = from_saved_model(tf, folder)
    named = source.named
    reference = runs(
        tf,
        lambda: source.session,
        {alias: tensor.name for alias, tensor in named.inputs.items()},
        {alias: tensor.name for alias, tensor in named.outputs.items()},
    )
    default = replace(servable.functions[DEFAULT], reference=reference)
    functions = {**servable.functions, DEFAULT: default}
    return replace(servable, functions=functions, owner=(servable.owner, source, room))


def _save(tf: Any, source: _Source, needs: _Needs, folder: Path) -> None:
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    builder.add_meta_graph_and_variables(
        source.session,
        ["serve"],
        signature_def_map={DEFAULT: _signature(tf, source.named)},
        assets_collection=needs.assets or None,
        main_op=needs.main_op,
        saver=v1.train.Saver(needs.variables, sharded=True, allow_empty=True),
    )
    builder.save()


def _needs(tf: Any, source: _Source) -> _Needs:
    """A frozen graph has no collections, so tables and their files are found by their ops."""
    v1 = tf.compat.v1
    named = source.named
    needed = {one.op for one in (*named.inputs.values(), *named.outputs.values())}
    needed = set(ops_needed(needed))
    fills = [
        op
        for op in source.session.graph.get_operations()
        if op.type.startswith(_FILLS_TABLE) and op.inputs[0].op in needed
    ]
    initializers = [*fills, *(one.initializer for one in v1.local_variables() if one.op in needed)]
    files = [op.inputs[1] for op in fills if op.type.startswith(_FILLS_TABLE_FROM_FILE)]
    return _Needs(
        [one for one in v1.global_variables() if one.op in needed],
        list({one.name: one for one in files if one.op.type == "Const"}.values()),
        tf.group(*initializers) if initializers else None,
    )


def _signature(tf: Any, named: Named) -> Any:
    info = tf.compat.v1.saved_model.build_tensor_info
    return tf.compat.v1.saved_model.build_signature_def(
        {alias: info(tensor) for alias, tensor in named.inputs.items()},
        {alias: info(tensor) for alias, tensor in named.outputs.items()},
        METHODS["predict"],
    )


def _set_default(folder: Path, signature: Any) -> None:
    # Their requests are those of the signature that is no more.
    for stale in (folder / MANIFEST, folder / "assets.extra" / "tf_serving_warmup_requests"):
        stale.unlink(missing_ok=True)
    _make_binary(folder)

    def change(model: Any) -> None:
        for meta in model.meta_graphs:
            if list(meta.meta_info_def.tags) == ["serve"]:
                meta.signature_def[DEFAULT].CopyFrom(signature)

    edit(folder, change)


def _make_binary(folder: Path) -> None:
    """What the text form says, as saved_model.pb, unless there is one."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    text = folder / "saved_model.pbtxt"
    if not (folder / "saved_model.pb").exists():
        model = text_format.Parse(text.read_text("utf-8"), saved_model_pb2.SavedModel())
        (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    text.unlink(missing_ok=True)
