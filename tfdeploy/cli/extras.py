"""explain: the whole story behind an error's code."""

from typing import Annotated

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples
from tfdeploy.errors import CATALOGUE, Entry, TfdeployError


@app.command(**examples("tfdeploy explain TFD401", "tfdeploy explain   # lists every code"))
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="Such as TFD401; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a code means, why the server behaves so, and how to mend it.

    Codes are those of errors, and of what `tfdeploy lint` and `tfdeploy logs --explain` find.
    """
    import difflib

    wanted = list(CATALOGUE) if code is None else [code.upper()]
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
        output.print_json({one: _as_data(entry) for one, entry in entries.items()})
    elif code is None:
        rows = [(one, int(e.exit_code), e.title) for one, e in entries.items()]
        output.print_table(["CODE", "EXIT", "MEANING"], rows)
    else:
        entry = entries[wanted[0]]
        output.print_line(f"{wanted[0]}: {entry.title} (exit code {int(entry.exit_code)})")
        for head, text in (("", entry.story), ("Why: ", entry.why), ("Fix: ", entry.fix)):
            if text:
                output.print_line(f"\n{head}{text}")


def _as_data(entry: Entry) -> dict[str, str | int]:
    told = {"why": entry.why, "fix": entry.fix}
    return {
        "title": entry.title,
        "exit_code": int(entry.exit_code),
        "story": entry.story,
        **{name: text for name, text in told.items() if text},
    }
