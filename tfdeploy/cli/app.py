"""The commands, registered; each module's imports are light."""

from __future__ import annotations

from typing import Annotated

import typer

from tfdeploy import __version__

app = typer.Typer(
    name="tfdeploy",
    help="Trained TensorFlow models to running tensorflow_model_server services.",
    no_args_is_help=True,
    # Rich markup would import rich for every --help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tfdeploy {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Trained TensorFlow models to running tensorflow_model_server services."""


# Registered in the order of a model's way to its first prediction.
from tfdeploy.cli import (  # noqa: E402
    deploy,
    edit,
    extras,
    models,
    predict,
    stacks,
    watch,
)

__all__ = ["app", "deploy", "edit", "extras", "models", "predict", "stacks", "watch"]
