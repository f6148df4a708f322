"""export: a trained model becomes a version on disk."""

from pathlib import Path
from typing import Annotated

import typer

from tfdeploy.cli import output, recipes
from tfdeploy.cli.app import app
from tfdeploy.cli.options import DEFAULT_STACKS, AsJson, ServerBinary, StacksDir, examples
from tfdeploy.cli.signatures import model_as_data, show_signatures

Text = str | None
Many = list[str] | None


def _option(name: str, help_text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(name, metavar=metavar, help=help_text)
    return found


@app.command(
    **examples(
        "tfdeploy export digits.keras --name digits --image --scale 1/255",
        "tfdeploy export ckpt/model.meta --name old --input x=input_1:0 --output y=softmax:0",
    )
)
def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A Keras file, a SavedModel folder, a TF1 checkpoint (.meta), a frozen graph "
            "(.pb), module:function, or an export file (.yaml) that names one of these.",
        ),
    ],
    name: Annotated[Text, _option("--name", "The model's name; an export file may say it.")] = None,
    to: Annotated[
        Path, _option("--to", "The folder of all models; NAME/VERSION goes below it.")
    ] = Path("models"),
    version: Annotated[
        int | None, _option("--version", "The version's number; default: next free.")
    ] = None,
    tag: Annotated[Many, _option("--tag", "A word for people, kept in tfdeploy.json.")] = None,
    image: Annotated[
        bool,
        _option("--image", "Take encoded images (PNG, JPEG, BMP, GIF): decode, resize, rescale."),
    ] = False,
    image_input: Annotated[
        Text, _option("--image-input", "The image input's name; default: image_bytes.")
    ] = None,
    image_size: Annotated[
        Text, _option("--image-size", "Default: as the model's input says.", "HxW")
    ] = None,
    channels: Annotated[
        int | None, _option("--channels", "1, 3 or 4; default: as the model says.")
    ] = None,
    preset: Annotated[
        Text, _option("--preset", "Scale as this network of keras.applications: mobilenet_v2 ...")
    ] = None,
    scale: Annotated[
        Text, _option("--scale", "Pixels (0 to 255) are multiplied by it: 1/255. Default: 1.")
    ] = None,
    offset: Annotated[float | None, _option("--offset", "Added after --scale; default: 0.")] = None,
    mean: Annotated[
        Text, _option("--mean", "Taken off after --scale; one, or one a channel: 0.5,0.4,0.4.")
    ] = None,
    std: Annotated[Text, _option("--std", "Divided by, after --mean; as --mean.")] = None,
    resize: Annotated[
        Text, _option("--resize", "The resize method: bilinear (default), nearest, bicubic ...")
    ] = None,
    keep_aspect: Annotated[
        Text, _option("--keep-aspect", "Don't stretch: pad what is missing, or crop.", "pad|crop")
    ] = None,
    image_shape: Annotated[
        bool, _option("--image-shape", "Take [height, width, channels] beside the bytes.")
    ] = False,
    raw_pixels: Annotated[
        bool, _option("--raw-pixels", "The bytes are pixels, not an encoded image.")
    ] = False,
    text: Annotated[
        Path | None, _option("--text", "Take texts: its words' ids by this file.", "VOCABULARY")
    ] = None,
    text_input: Annotated[
        Text, _option("--text-input", "The text input's name; default: text.")
    ] = None,
    text_split: Annotated[
        Text, _option("--text-split", "Words or letters.", "whitespace|characters")
    ] = None,
    map_function: Annotated[
        Text, _option("--map", "A function of yours for each item of a batch.", "MODULE:FUNCTION")
    ] = None,
    map_input: Annotated[
        Many, _option("--map-input", "An input of --map: NAME=DTYPE[SHAPE].", "NAME=SPEC")
    ] = None,
    into: Annotated[
        Text, _option("--into", "The model's input that --image or --text makes.")
    ] = None,
    front_as: Annotated[
        Text, _option("--front-as", "The signature of --image, --text or --map.", "SIGNATURE")
    ] = None,
    raw_as: Annotated[
        Text, _option("--raw-as", "Keep the model's own inputs as this signature.", "SIGNATURE")
    ] = None,
    inputs: Annotated[
        Many, _option("--input", "NAME=TENSOR of a graph, or NAME=the model's.", "NAME=TENSOR")
    ] = None,
    outputs: Annotated[
        Many, _option("--output", "As --input; outputs not named are left out.", "NAME=TENSOR")
    ] = None,
    allow_growth: Annotated[
        bool, _option("--allow-growth", "A TF1 session takes GPU memory as it needs it.")
    ] = False,
    soft_placement: Annotated[
        bool, _option("--soft-placement", "A TF1 session runs on the CPU what the GPU can't.")
    ] = False,
    gpu_memory_fraction: Annotated[
        float, _option("--gpu-memory-fraction", "A TF1 session's share of the GPU's memory.")
    ] = 0.0,
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", help="Prove in a fresh process that it serves."),
    ] = True,
    samples: Annotated[
        Path | None,
        _option("--samples", "Requests to prove it with: a REST body, rows in 'instances'."),
    ] = None,
    tolerance: Annotated[
        float | None,
        _option("--tolerance", "How far answers may be from the source's; default: 1e-4."),
    ] = None,
    allow: Annotated[
        Many, _option("--allow", "Publish in spite of this kind of defect.", "KIND")
    ] = None,
    allow_contract_change: Annotated[
        bool, _option("--allow-contract-change", "Publish although today's clients would break.")
    ] = False,
    clear_devices: Annotated[
        bool, _option("--clear-devices", "Take hard placements (/device:GPU:0) off the graph.")
    ] = False,
    warm_up: Annotated[
        bool, typer.Option("--warm-up/--no-warm-up", help="Write warm-up requests.")
    ] = True,
    as_text: Annotated[
        bool, _option("--as-text", "Write saved_model.pbtxt in place of saved_model.pb.")
    ] = False,
    validate_with: Annotated[
        Text,
        _option("--validate-with", "Ask a server set up as this service.", "STACK/SERVICE"),
    ] = None,
    server_binary: ServerBinary = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Export a trained model, and prove that it serves."""
    from tfdeploy.cli.validate import validator
    from tfdeploy.exporting import Options
    from tfdeploy.exporting import export as export_model

    given = recipes.Given(
        image=recipes.left_out(
            image=image or None,
            alias=image_input,
            size=image_size,
            channels=channels,
            preset=preset,
            scale=scale,
            offset=offset,
            mean=mean,
            std=std,
            resize=resize,
            keep_aspect=keep_aspect,
            with_shape=image_shape or None,
            raw=raw_pixels or None,
        ),
        text=recipes.left_out(vocabulary=text, alias=text_input, split=text_split),
        map=recipes.left_out(function=map_function, inputs=map_input),
        into=into,
        front_as=front_as,
        raw_as=raw_as,
        inputs=recipes.pairs("--input", inputs),
        outputs=recipes.pairs("--output", outputs),
        session=(allow_growth, soft_placement, gpu_memory_fraction),
        samples=samples,
        tags=tuple(tag or ()),
    )
    recipe, model_name = recipes.recipe(source, name, given)
    options = Options(
        version=version,
        verify=verify,
        as_text=as_text,
        clear_devices=clear_devices,
        warm_up=warm_up,
        allow=recipes.known_kinds(allow or []),
        allow_contract_change=allow_contract_change,
        tolerance=tolerance,
        validate=validator(validate_with, server_binary, stacks_dir),
    )
    done = export_model(recipe, name=model_name, to=to, options=options, report=output.note)
    if as_json:
        output.print_json({"version": done.version, **model_as_data(done.saved_model)})
        return
    output.print_line(f"published {done.path} in {output.seconds(done.seconds)}")
    show_signatures(done.saved_model)
    output.print_line(f"next: tfdeploy add-model STACK {model_name}")
