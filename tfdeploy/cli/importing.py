"""import: somebody's set-up as a stack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.lint import read
from tfdeploy.cli.options import DEFAULT_STACKS, AsJson, examples
from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from tfdeploy.importing import Imported


Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH...", help="A Compose file, a script, a models.config, or their folder."
    ),
]
Line = Annotated[
    str | None,
    typer.Option("--command", metavar="LINE", help="A `docker run ...` line instead."),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="STACK", help="Default: the folder's name.")
]
Into = Annotated[
    Path,
    typer.Option(
        "--into",
        "--stacks-dir",
        metavar="STACKS",
        envvar="TFDEPLOY_STACKS_DIR",
        help="The folder of all stacks.",
    ),
]
ModelsDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where the models lie, for a models.config that no Compose file names."
    ),
]
Services = Annotated[
    list[str] | None,
    typer.Option("--service", "-s", help="Take this server only; may be given several times."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the stack file; write nothing.")]


@app.command(
    "import",
    **examples(
        "tfdeploy import docker-compose.yml --name vision",
        "tfdeploy import --command 'docker run -v /m:/models -e MODEL_NAME=m tensorflow/serving'",
    ),
)
def import_(
    paths: Paths = None,
    command: Line = None,
    name: Name = None,
    into: Into = DEFAULT_STACKS,
    models_dir: ModelsDir = None,
    service: Services = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a stack that says what a Compose file, a `docker run` or a models.config says.

    What has no place in a stack is listed, and what is rendered is shown beside what was there.
    The set-up's own files stay as they are.
    """
    from tfdeploy.files import save_text
    from tfdeploy.importing import checked, compare, import_setup
    from tfdeploy.render import Templates, render_stack
    from tfdeploy.stack import check_stack

    setup = read(paths or [], command, into)
    imported = import_setup(
        setup, name=name, stacks_dir=into, models_dir=models_dir, only=service or ()
    )
    _refuse_existing(imported.path, dry_run)
    file = checked(imported)
    diff = compare(imported, file, render_stack(file, templates=Templates()))
    problems = check_stack(file)
    if not dry_run:
        save_text(imported.path, imported.text)
    if as_json:
        output.print_json(_document(imported, diff, problems, dry_run))
    else:
        _show(imported, diff, dry_run)
    for problem in problems:
        output.note(output.format_error(problem))
    if problems:
        output.note("note: `tfdeploy up` refuses the stack until that is mended.")


def _refuse_existing(path: Path, dry_run: bool) -> None:
    if path.exists() and not dry_run:
        raise TfdeployError(
            "TFD213",
            f"The stack '{path.parent.name}' exists already.",
            where=str(path),
            hint="choose another name with --name, or look at it with --dry-run.",
        )


def _show(imported: "Imported", diff: str, dry_run: bool) -> None:
    output.print_line(imported.text.rstrip() if dry_run else f"wrote {imported.path}")
    for kind, title in (("dropped", "not taken over"), ("replaced", "done in another way")):
        listed = [one for one in imported.leftovers if one.kind == kind]
        if listed:
            output.print_line(f"\n{title}:")
        for one in listed:
            output.print_line(f"  {one.place}: {one.what}: {one.why}")
    output.print_line(f"\nwhat was there, and what is rendered:\n{diff}")
    if not dry_run:
        # Both at once would ask for the same ports.
        output.print_line(f"\nnext: stop what runs of it, then: tfdeploy up {imported.name}")


def _document(
    imported: "Imported", diff: str, problems: list[TfdeployError], dry_run: bool
) -> dict[str, Any]:
    return {
        "stack": imported.name,
        "stack_file": str(imported.path),
        "written": not dry_run,
        "text": imported.text,
        "leftovers": [one.as_data() for one in imported.leftovers],
        "diff": diff,
        "problems": [one for error in problems for one in output.errors_as_data(error)],
    }
