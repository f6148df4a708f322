"""explain: the whole story behind an error's code."""

from typing import Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples
from tfdeploy.errors import CATALOGUE, TfdeployError


@app.command(**examples("tfdeploy explain TFD401", "tfdeploy explain   # lists every code"))
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="Such as TFD401; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what an error code means, and what it ends with."""
    import difflib

    wanted = [code.upper()] if code else list(CATALOGUE)
    if wanted[0] not in CATALOGUE:
        near = difflib.get_close_matches(wanted[0], CATALOGUE, n=1)
        raise TfdeployError(
            "TFD216",
            f"There is no error code '{code}'.",
            where="tfdeploy explain",
            hint=f"did you mean {near[0]}?" if near else "`tfdeploy explain` lists every code.",
        )
    entries = {one: CATALOGUE[one] for one in wanted}
    if as_json:
        output.print_json(
            {
                one: {"title": e.title, "exit_code": int(e.exit_code), "story": e.story}
                for one, e in entries.items()
            }
        )
    elif code is None:
        rows = [(one, int(e.exit_code), e.title) for one, e in entries.items()]
        output.print_table(["CODE", "EXIT", "MEANING"], rows)
    else:
        entry = entries[wanted[0]]
        output.print_line(f"{wanted[0]}: {entry.title} (exit code {int(entry.exit_code)})")
        output.print_line()
        output.print_line(entry.story)
