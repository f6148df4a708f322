"""export, inspect: models as they lie on disk."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples
from tfdeploy.errors import SeveralErrors, TfdeployError, raise_all

if TYPE_CHECKING:
    from tfdeploy.exporting import ImageFront
    from tfdeploy.savedmodel import SavedModel, TensorInfo


@app.command(
    **examples(
        "tfdeploy export digits.keras --name digits --to models/ --image --scale 1/255",
        "tfdeploy export my_package.train:model --name digits --to models/ --version 7",
    )
)
def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .keras file, a SavedModel folder, or module:function that returns a model.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="The model's name.")],
    to: Annotated[
        Path, typer.Option("--to", help="The folder of all models; NAME/VERSION goes below it.")
    ] = Path("models"),
    version: Annotated[
        int | None, typer.Option("--version", help="The version's number; default: next free.")
    ] = None,
    image: Annotated[
        bool,
        typer.Option(
            "--image", help="Take encoded images (PNG, JPEG): decode, resize, rescale in the graph."
        ),
    ] = False,
    input_alias: Annotated[
        str | None,
        typer.Option("--image-input", help="The image input's name; default: image_bytes."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option("--image-size", metavar="HxW", help="Default: as the model's input says."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", help="1, 3 or 4; default: as the model says.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option("--scale", help="Pixels (0 to 255) are multiplied by it: 1/255. Default: 1."),
    ] = None,
    offset: Annotated[
        float | None, typer.Option("--offset", help="Added after --scale; default: 0.")
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(
            "--resize", help="The resize method: bilinear (default), nearest, bicubic ..."
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Prove in a fresh process that it serves.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Export a trained model, and prove that it serves."""
    from tfdeploy.exporting import export as export_model

    front_options = {
        "--image-input": input_alias,
        "--image-size": image_size,
        "--channels": channels,
        "--scale": scale,
        "--offset": offset,
        "--resize": resize,
    }
    front = _image_front(image, {k: v for k, v in front_options.items() if v is not None})
    done = export_model(
        source, name=name, to=to, version=version, image=front, verify=verify, report=output.note
    )
    if as_json:
        output.print_json({"version": done.version, **_as_data(done.saved_model)})
        return
    took = output.seconds(done.seconds)
    output.print_line(f"published {done.path} in {took}")
    _show_signatures(done.saved_model)
    output.print_line(f"next: tfdeploy add-model STACK {name}")


def _image_front(image: bool, given: dict[str, Any]) -> "ImageFront | None":
    """The front that the options ask for: ImageFront knows the defaults of those left out."""
    from tfdeploy.exporting import ImageFront

    if not image and given:
        raise TfdeployError(
            "TFD216",
            f"{', '.join(given)}: without --image there is no image front.",
            where="tfdeploy export",
            hint="add --image, or leave them out.",
        )
    if not image:
        return None
    fields = {"--image-input": "alias", "--offset": "offset", "--resize": "method"}
    fields["--channels"] = "channels"
    values = {fields[option]: value for option, value in given.items() if option in fields}
    if "--image-size" in given:
        values["height"], values["width"] = _size(given["--image-size"])
    if "--scale" in given:
        values["scale"] = _ratio(given["--scale"])
    return ImageFront(**values)


def _size(text: str) -> tuple[int, int]:
    """``224x224`` to height and width, in pixels."""
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise _unreadable("--image-size", text, "write HEIGHTxWIDTH, such as 224x224.")
    return int(height), int(width)


def _ratio(text: str) -> float:
    """``1/255`` or ``0.0039`` to a number."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / (float(below) if slash else 1.0)
    except (ValueError, ZeroDivisionError) as error:
        raise _unreadable(
            "--scale", text, "write a number or a fraction, such as 1/255."
        ) from error


def _unreadable(option: str, text: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD216", f"'{text}' can't be read.", where=option, hint=hint)


@app.command(
    **examples("tfdeploy inspect models/digits", "tfdeploy inspect models/digits/3 --json")
)
def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A base path, or one version's folder.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show a model's versions, signatures and size.

    Reads saved_model.pb without TensorFlow: dtypes, shapes, and the TensorFlow that wrote it.
    """
    from tfdeploy.savedmodel import ignored_folders

    found, errors = _read_versions(path)
    ignored = [str(one) for one in ignored_folders(path)]
    broken = SeveralErrors(errors) if errors else None
    if as_json:
        data = [{"version": number, **_as_data(model)} for number, model in found]
        document = {"path": str(path), "versions": data, "ignored": ignored}
        told = {"errors": output.errors_as_data(broken)} if broken else {}
        output.print_json({**document, **told})
    else:
        for number, model in found:
            output.print_line(f"version {number}: {_summary(model)}")
        _show_signatures(found[-1][1])
        for name in ignored:
            output.note(f"ignored by the server: {name} (a version is a whole number)")
    if broken:
        # With --json they are in the one document already.
        raise typer.Exit(output.show_error(broken, as_json=False))


def _read_versions(path: Path) -> "tuple[list[tuple[str, SavedModel]], list[TfdeployError]]":
    """The versions that can be read, and what is wrong with the others; raises without any."""
    from tfdeploy.savedmodel import check_base_path, is_saved_model, list_versions, read_saved_model

    if is_saved_model(path):
        return [(path.name, read_saved_model(path))], []
    found: list[tuple[str, SavedModel]] = []
    unread: list[TfdeployError] = []
    problems = check_base_path(path)
    for version in list_versions(path):
        try:
            found.append((str(version.number), read_saved_model(version.path)))
        except TfdeployError as error:
            unread.append(error)
        except OSError:
            # It stands among the problems of the base path.
            continue
    if not found:
        raise_all(problems or unread)
    return found, problems or unread


def _summary(model: "SavedModel") -> str:
    writer = model.tensorflow_version or "an unknown version"
    return f"{output.size(model.size_bytes)}, written by TensorFlow {writer}, {model.path}"


def _show_signatures(model: "SavedModel") -> None:
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


def _as_data(model: "SavedModel") -> dict[str, Any]:
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
