"""image build: a local server image, for machines that can't pull tensorflow/serving."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples
from tfdeploy.errors import TfdeployError

image_app = typer.Typer(help="The local server image.", rich_markup_mode=None)
app.add_typer(image_app, name="image")


@image_app.command(
    **examples(
        "tfdeploy image build --gateway",
        "tfdeploy image build --tag registry.example/tfdeploy-server:1 "
        "--build-arg PIP_INDEX_URL=https://pypi.example/simple",
    )
)
def build(
    tag: Annotated[
        str | None, typer.Option(metavar="NAME:TAG", help="The image's name; default: by version.")
    ] = None,
    base_image: Annotated[
        str | None,
        typer.Option(metavar="NAME:TAG", help="An image with Python 3.11 or newer, pip and bash."),
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="The gateway's image (nginx), not the server's.")
    ] = False,
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="For the build; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build an image whose tensorflow_model_server is the embedded server, or one with nginx."""
    from tfdeploy.runtimes.image import (
        DEFAULT_BASE_IMAGE,
        build_image,
        default_gateway_tag,
        default_tag,
        host_build_args,
    )

    name = tag or (default_gateway_tag() if gateway else default_tag())
    base = base_image or DEFAULT_BASE_IMAGE
    arguments = {**host_build_args(os.environ), **parse_build_args(build_arg or [])}
    build_image(name, base, arguments, output.note, gateway=gateway)
    if as_json:
        output.print_json({"image": name, "base_image": base, "build_args": sorted(arguments)})
        return
    output.print_line(f"built {name}")
    block = "gateway: {image: " + name + "}" if gateway else f"image: {name}"
    output.print_line(f"next: write `{block}` into the stack file, then tfdeploy up STACK")


def parse_build_args(words: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` words as a mapping; a value may hold more `=`.

    Raises:
        TfdeployError: TFD216.
    """
    arguments = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise TfdeployError(
                "TFD216",
                f"'{word}' isn't KEY=VALUE.",
                where="--build-arg",
                hint="for example --build-arg PIP_INDEX_URL=https://pypi.example/simple.",
            )
        arguments[key] = value
    return arguments
