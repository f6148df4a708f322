"""The commands, registered; each module's imports are light."""

from typing import Annotated

import typer

from tfdeploy import __version__

app = typer.Typer(
    name="tfdeploy",
    help="Trained TensorFlow models to running tensorflow_model_server services.",
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


# Registered in the order of a model's way to its first prediction, which is that of --help.
# isort: off
from tfdeploy.cli import stacks  # noqa: E402
from tfdeploy.cli import export  # noqa: E402
from tfdeploy.cli import inspect  # noqa: E402
from tfdeploy.cli import edit  # noqa: E402
from tfdeploy.cli import deploy  # noqa: E402
from tfdeploy.cli import versions  # noqa: E402
from tfdeploy.cli import moves  # noqa: E402
from tfdeploy.cli import history  # noqa: E402
from tfdeploy.cli import undo  # noqa: E402
from tfdeploy.cli import watch  # noqa: E402
from tfdeploy.cli import logs  # noqa: E402
from tfdeploy.cli import wait  # noqa: E402
from tfdeploy.cli import prune  # noqa: E402
from tfdeploy.cli import predict  # noqa: E402
from tfdeploy.cli import compare  # noqa: E402
from tfdeploy.cli import gpu  # noqa: E402
from tfdeploy.cli import image  # noqa: E402
from tfdeploy.cli import doctor  # noqa: E402
from tfdeploy.cli import lint  # noqa: E402
from tfdeploy.cli import importing  # noqa: E402
from tfdeploy.cli import extras  # noqa: E402
# isort: on

__all__ = [
    "app",
    "compare",
    "deploy",
    "doctor",
    "edit",
    "export",
    "extras",
    "gpu",
    "history",
    "image",
    "importing",
    "inspect",
    "lint",
    "logs",
    "moves",
    "predict",
    "prune",
    "stacks",
    "undo",
    "versions",
    "wait",
    "watch",
]
