"""export, inspect: models as they lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples

if TYPE_CHECKING:
    from tfdeploy.savedmodel import SavedModel, TensorInfo


@app.command(
    **examples("tfdeploy inspect models/digits", "tfdeploy inspect models/digits/3 --json")
)
def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A base path, or one version's folder.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show versions, signatures with dtypes and shapes, size, and the TensorFlow that wrote it."""
    from tfdeploy.errors import raise_all
    from tfdeploy.savedmodel import check_base_path, ignored_folders, list_versions
    from tfdeploy.savedmodel import read_saved_model as read
    from tfdeploy.stack.bring import is_saved_model

    if is_saved_model(path):
        found = [(path.name, read(path))]
        ignored: list[str] = []
    else:
        raise_all(check_base_path(path))
        found = [(str(one.number), read(one.path)) for one in list_versions(path)]
        ignored = [str(one) for one in ignored_folders(path)]
    if as_json:
        data = [{"version": number, **_as_data(model)} for number, model in found]
        output.print_json({"path": str(path), "versions": data, "ignored": ignored})
        return
    for number, model in found[:-1]:
        output.print_line(f"version {number}: {_summary(model)}")
    number, model = found[-1]
    output.print_line(f"version {number}: {_summary(model)}")
    _show_signatures(model)
    for name in ignored:
        output.note(f"ignored by the server: {name} (a version is a whole number)")


def _summary(model: SavedModel) -> str:
    writer = model.tensorflow_version or "an unknown version"
    return f"{output.size(model.size_bytes)}, written by TensorFlow {writer}, {model.path}"


def _show_signatures(model: SavedModel) -> None:
    rows = []
    for signature in model.signatures.values():
        if signature.batchable:
            batchable = "batchable"
        else:
            batchable = f"not batchable: {signature.why_not_batchable}"
        output.print_line(f"signature {signature.name}: {signature.method_name}, {batchable}")
        rows = [(" in", info) for info in signature.inputs.values()]
        rows += [("out", info) for info in signature.outputs.values()]
        table = [(f"  {way}", i.alias, i.dtype, _shape(i), i.tensor_name) for way, i in rows]
        output.print_table(["", "ALIAS", "DTYPE", "SHAPE", "TENSOR"], table)


def _shape(info: TensorInfo) -> str:
    if info.shape is None:
        return "unknown rank"
    return f"[{', '.join('?' if size is None else str(size) for size in info.shape)}]"


def _as_data(model: SavedModel) -> dict[str, Any]:
    def tensors(infos: Any) -> dict[str, Any]:
        return {
            alias: {
                "dtype": info.dtype,
                "shape": None if info.shape is None else list(info.shape),
                "tensor": info.tensor_name,
            }
            for alias, info in infos.items()
        }

    return {
        "path": str(model.path),
        "size_bytes": model.size_bytes,
        "tensorflow_version": model.tensorflow_version,
        "tags": list(model.tags),
        "signatures": {
            name: {
                "method": signature.method_name,
                "batchable": signature.batchable,
                "inputs": tensors(signature.inputs),
                "outputs": tensors(signature.outputs),
            }
            for name, signature in model.signatures.items()
        },
    }
