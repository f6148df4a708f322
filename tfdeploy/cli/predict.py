"""predict: a request made from the model's own signature."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    StackArgument,
    StacksDir,
    choose,
    examples,
    load,
    seconds,
)
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfdeploy.client.request import Given, Request
    from tfdeploy.savedmodel import Signature
    from tfdeploy.stack import StackFile


@app.command(
    **examples(
        "tfdeploy predict vision digits --image seven.png",
        "echo '[[1.0, 2.0]]' | tfdeploy predict vision scores - --label stable --json",
    )
)
def predict(
    stack: StackArgument,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The name that clients call.")],
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A JSON file, a .npy array, or - for JSON on stdin."),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="An encoded image; one row each.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="A string; one row each.")
    ] = None,
    input_alias: Annotated[
        str | None, typer.Option("--input", help="The input it goes to, when several fit.")
    ] = None,
    signature: Annotated[
        str | None, typer.Option("--signature", help="Default: serving_default.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", help="A version; default: the highest that serves.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="A label in place of a version.")
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Send columns (inputs) in place of rows (instances).")
    ] = False,
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="Needed when several serve the model.")
    ] = None,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print the equivalent curl line; send nothing.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", parser=seconds)] = 60.0,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Ask a model, and print its answer."""
    from tfdeploy.client.answer import table
    from tfdeploy.client.predict import predict as send
    from tfdeploy.client.request import Given

    found = load(stack, stacks_dir)
    rest_url = address_of(found, model, service, runtime)
    given = Given(
        images=image or (),
        texts=text or (),
        file=file,
        stdin_text=sys.stdin.read() if file == "-" else "",
        input_alias=input_alias,
        signature_name=signature,
    )
    signatures = signatures_of(rest_url, model, version, label, timeout)
    request = _request(signatures, given, columns)
    if curl:
        output.print_line(_curl(rest_url, model, request, version, label))
        return
    answer = send(
        rest_url, model, request.body, version=version, label=label, timeout_seconds=timeout
    )
    if as_json:
        output.print_json(dict(answer.document))
        return
    header, *rows = table(answer.document, request.signature)
    output.print_table(header, rows)
    output.note(f"{model} answered in {answer.elapsed_seconds * 1000:.1f} ms")


def address_of(file: "StackFile", model: str, service: str | None, runtime: str | None) -> str:
    """The REST address of the service that has the model."""
    from tfdeploy.stack.edit import service_of

    try:
        name = service_of(file, model, service)
    except TfdeployError as error:
        # In a request it is the model that is unknown, not an edit that is wrong.
        code = "TFD501" if "There is no model" in error.message else error.code
        raise TfdeployError(code, error.message, where=error.where, hint=error.hint) from error
    found = choose(file, runtime).runtime.look(name)
    if not found.rest_url:
        raise TfdeployError(
            "TFD408",
            f"Service '{name}' isn't up ({found.state}).",
            where=file.where("services", name),
            hint=f"`tfdeploy up {file.folder.name}` starts it.",
        )
    return found.rest_url


def _request(signatures: "Mapping[str, Signature]", given: "Given", columns: bool) -> "Request":
    from tfdeploy.client.columns import in_columns
    from tfdeploy.client.request import build_request

    request = build_request(signatures, given)
    return in_columns(request) if columns else request


def signatures_of(
    rest_url: str, model: str, version: int | None, label: str | None, timeout: float
) -> "Mapping[str, Signature]":
    """The signatures of a loaded version.

    Raises:
        TfdeployError: TFD502 where that version isn't loaded, TFD504 when nobody answered.
    """
    from tfdeploy.client.status import Unreachable, get_metadata

    try:
        return get_metadata(rest_url, model, version=version, label=label, timeout_seconds=timeout)
    except Unreachable as error:
        raise error.told() from error


def _curl(
    rest_url: str, model: str, request: "Request", version: int | None, label: str | None
) -> str:
    """The curl line; a body that is too long for a line goes to a file that the line names."""
    from tempfile import NamedTemporaryFile

    from tfdeploy.client.predict import INLINE_CHARACTERS, curl_line

    body_file = "-"
    if len(request.json()) > INLINE_CHARACTERS:
        with NamedTemporaryFile(
            "w", prefix=f"tfdeploy-{model}-", suffix=".json", delete=False, encoding="utf-8"
        ) as file:
            file.write(request.json())
        body_file = file.name
    return curl_line(
        rest_url, model, request.body, version=version, label=label, body_file=body_file
    )
