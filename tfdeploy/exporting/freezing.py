"""TF1 graphs whose variables TF2 can't carry over, with the variables' values as constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Reference variables: a function that TF2 makes of their graph runs here, and is saved without
# their values ("Attempting to use uninitialized value" on the server).
REFERENCE_OPS = frozenset({"Variable", "VariableV2"})
_INIT_OP = "__saved_model_init_op"
_MAIN_OPS = ("saved_model_main_op", "legacy_init_op")


def freeze(tf: Any, folder: Path, to: Path) -> None:
    """Write the TF1 SavedModel in ``folder`` to ``to``, every variable a constant.

    Its signatures, methods, tables and assets stay. A graph of 2 GiB and more can't be written
    (protobuf), so neither can a model whose variables take that.
    """
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.load(session, ["serve"], str(folder))
        init = _init_op(meta)
        kept = {
            tensor.name.partition(":")[0]
            for signature in meta.signature_def.values()
            for tensor in [*signature.inputs.values(), *signature.outputs.values()]
            if tensor.name
        }
        assets = _assets(meta, folder)
        kept |= {name for name, _ in assets} | ({init} if init else set())
        frozen = v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), sorted(kept)
        )
    for node in frozen.node:
        for name, path in assets:
            if node.name == name:
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(path))
    with tf.Graph().as_default() as graph, v1.Session() as session:
        tf.import_graph_def(frozen, name="")
        for name, _ in assets:
            graph.add_to_collection(
                v1.GraphKeys.ASSET_FILEPATHS, graph.get_tensor_by_name(f"{name}:0")
            )
        builder = v1.saved_model.Builder(str(to))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={k: s for k, s in meta.signature_def.items() if k != _INIT_OP},
            main_op=graph.get_operation_by_name(init) if init else None,
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS) or None,
        )
        builder.save()


def _init_op(meta: Any) -> str | None:
    """The op that fills the tables."""
    if _INIT_OP in meta.signature_def:
        (tensor,) = meta.signature_def[_INIT_OP].outputs.values()
        return str(tensor.name).partition(":")[0]
    for collection in _MAIN_OPS:
        if names := meta.collection_def[collection].node_list.value:
            return str(names[0]).partition(":")[0]
    return None


def _assets(meta: Any, folder: Path) -> list[tuple[str, str]]:
    """The op that holds an asset's path, and where the asset lies."""
    from tensorflow.core.protobuf import meta_graph_pb2

    found = []
    for packed in meta.collection_def["saved_model_assets"].any_list.value:
        asset = meta_graph_pb2.AssetFileDef()
        packed.Unpack(asset)
        name = asset.tensor_info.name.partition(":")[0]
        found.append((name, str(folder / "assets" / asset.filename)))
    return found
