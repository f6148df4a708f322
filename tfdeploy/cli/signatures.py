"""Signatures as tables and as data, for every command that shows a model."""

from typing import TYPE_CHECKING, Any

from tfdeploy.cli import output

if TYPE_CHECKING:
    from tfdeploy.savedmodel import SavedModel, TensorInfo


def show_signatures(model: "SavedModel") -> None:
    """A line and a table for each signature, on stdout."""
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


def _shape(info: "TensorInfo") -> str:
    if info.shape is None:
        return "unknown rank"
    return f"[{', '.join('?' if size is None else str(size) for size in info.shape)}]"


def model_as_data(model: "SavedModel") -> dict[str, Any]:
    """What --json says of a model: sizes in bytes, shapes with null for a free dimension."""

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
