"""lint: what is wrong with a set-up, tfdeploy's own or anybody's."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import DEFAULT_STACKS, AsJson, StacksDir, examples
from tfdeploy.errors import Exit, TfdeployError

if TYPE_CHECKING:
    from tfdeploy.lint import Finding, Setup


@app.command(
    **examples(
        "tfdeploy lint docker-compose.yml",
        "tfdeploy lint --command 'docker run -p 8501:8501 -v /m:/models tensorflow/serving'",
    )
)
def lint(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Files, folders, or stacks by name."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option("--command", metavar="LINE", help="A `docker run ...` line instead."),
    ] = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with a set-up: a stack, or anybody's own files.

    Knows Compose files, `docker run` lines, Dockerfiles, and the server's config files: models,
    batching, monitoring, session, TLS. Starts nothing. Exit code 1 when something was found.
    """
    from tfdeploy.lint import lint_setup

    setup = read(paths or [], command, stacks_dir)
    findings = lint_setup(setup)
    if as_json:
        output.print_json(_document(setup, findings))
    else:
        _show(setup, findings)
    if findings:
        raise typer.Exit(Exit.NO)


def read(paths: list[str], command: str | None, stacks_dir: Path) -> "Setup":
    """The set-up that the arguments mean.

    Raises:
        TfdeployError: TFD216 without any, or with both; TFD201; TFD250; TFD251.
    """
    from tfdeploy.lint import read_command_line, read_setup

    if command is not None and not paths:
        return read_command_line(command)
    if command is not None or not paths:
        what = "Paths and --command exclude each other." if paths else "Nothing was given to read."
        hint = "give files, folders or a stack's name, or a line with --command."
        raise TfdeployError("TFD216", what, where="tfdeploy lint", hint=hint)
    return read_setup(*(_path(one, stacks_dir) for one in paths))


def _path(given: str, stacks_dir: Path) -> Path:
    """A path as it is, or the stack of that name.

    Raises:
        TfdeployError: TFD250 where there is neither.
    """
    from tfdeploy.stack import find_stack

    path = Path(given)
    if path.exists() or "/" in given or path.suffix:
        return path
    try:
        return find_stack(given, stacks_dir)
    except TfdeployError as error:
        if error.code != "TFD201" or (stacks_dir / given).exists():
            raise
        raise TfdeployError(
            "TFD250",
            f"There is no file or folder '{given}', and no stack of that name.",
            where=str(path.absolute()),
            hint=error.hint if "did you mean" in error.hint else "check the path.",
        ) from error


def _show(setup: "Setup", findings: "list[Finding]") -> None:
    for one in findings:
        output.print_line(f"{one.place}: {one.severity} {one.code}: {one.message}")
        output.print_line(f"  causes: {one.cause}")
        output.print_line(f"  fix:    {one.fix}")
    output.print_line(f"{_summary(findings)} in {_counted(len(setup.files), 'file')}")
    if findings:
        gravest = min(findings, key=lambda one: one.severity)
        output.note(f"`tfdeploy explain {gravest.code}` tells the whole story of that one.")


def _summary(findings: "list[Finding]") -> str:
    if not findings:
        return "nothing found"
    errors = sum(one.severity == "error" for one in findings)
    counts = [(errors, "error"), (len(findings) - errors, "warning")]
    return ", ".join(_counted(number, word) for number, word in counts if number)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _document(setup: "Setup", findings: "list[Finding]") -> dict[str, Any]:
    errors = sum(one.severity == "error" for one in findings)
    return {
        "files": [str(path) for path in setup.files],
        "errors": errors,
        "warnings": len(findings) - errors,
        "findings": [one.as_data() for one in findings],
    }
