"""Write the pages that are made from the code: ``python -m docs.generate [--check]``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tfdeploy.errors import CATALOGUE, Entry
from tfdeploy.render import bundled_folder

HERE = Path(__file__).parent
NOTE = "<!-- Written by `make docs`; edits here are lost. -->\n\n"


def fields(text: str) -> Iterator[tuple[str, str, str]]:
    """(path, value, comment) of every key of the commented reference file."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip()[1:].strip())
        elif match := re.match(r"( *(?:- )?)([\w-]+):(?: (.*))?$", line):
            indent = len(match[1])
            path = [(i, key) for i, key in path if i < indent] + [(indent, match[2])]
            yield ".".join(key for _, key in path), match[3] or "", " ".join(comment)
            comment = []
        else:
            comment = []


def stack_file() -> str:
    """docs/stack-file.md, from templates/stack.reference.yaml."""
    text = (bundled_folder() / "stack.reference.yaml").read_text(encoding="utf-8")
    rows = []
    for path, value, comment in fields(text):
        path = path.replace("services.classifier", "services.NAME")
        path = re.sub(r"models\.(resnet|digits)", "models.MODEL", path)
        if comment:
            example = f"`{value}`" if value else ""
            rows.append(f"| `{path}` | {example} | {comment.replace('|', chr(92) + '|')} |")
    head = "# The stack file\n\n`stacks/NAME/stack.yaml` says what is wanted. Every field:\n\n"
    table = "| field | example | meaning |\n|---|---|---|\n" + "\n".join(rows)
    whole = "\n\n## All of it in one file\n\n`tfdeploy new NAME --full` writes this:\n\n"
    return f"{NOTE}{head}{table}{whole}```yaml\n{text}```\n"


def errors() -> str:
    """docs/errors.md, from the catalogue."""
    head = (
        "# Errors\n\nEvery error is three lines on stderr: what is wrong with a code, where, and "
        "a hint.\nWith `--json` the same stands in the one document on stdout. "
        "`tfdeploy explain CODE` prints these pages.\n\n"
        "| exit code | meaning |\n|---|---|\n"
        "| 0 | done, or nothing to do |\n"
        "| 1 | ran well, and the answer is no |\n"
        "| 2 | what you gave is wrong |\n"
        "| 3 | a model can't be exported or loaded |\n"
        "| 4 | the runtime isn't there |\n"
        "| 5 | deploying failed; what ran before still runs |\n"
        "| 6 | the server refused a request |\n"
        "| 70 | a bug in tfdeploy |\n"
        "| 130 | ^C |\n"
    )
    parts = [
        f"\n## {code}: {entry.title}\n\nExit code {int(entry.exit_code)}. {entry.story}\n"
        + "".join(f"\n*{head}:* {text}\n" for head, text in _more(entry) if text)
        for code, entry in CATALOGUE.items()
    ]
    return NOTE + head + "".join(parts)


def _more(entry: Entry) -> tuple[tuple[str, str], ...]:
    return (("Why", entry.why), ("Fix", entry.fix))


def commands() -> str:
    """docs/commands.md, from every command's --help."""
    import typer

    from tfdeploy.cli.app import app

    root = typer.main.get_command(app)
    parts = ["# Commands\n"]
    for words, command in _walk(root, ("tfdeploy",)):
        context = type(root).context_class(command, info_name=" ".join(words))
        context.terminal_width = context.max_content_width = 98
        parts.append(f"\n## {' '.join(words)}\n\n```\n{command.get_help(context).rstrip()}\n```\n")
    return NOTE + "".join(parts)


def _walk(command: object, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, child in inner.items():
        yield from _walk(child, (*words, name))


def doctor_checks() -> str:
    """docs/doctor-checks.md, from the table of checks."""
    from tfdeploy.doctor import CHECKS

    head = (
        "# What doctor looks at\n\n"
        "`tfdeploy doctor` makes these checks; those of images, ports, permissions and the stack, "
        "and the last two of GPUs,\nwhere a stack is given ([doctor.md](doctor.md)).\n\n"
        "| group | what is looked at | finds | which causes | `--fix` |\n|---|---|---|---|---|\n"
    )
    rows = [
        f"| {one.group} | {one.name} | {_links(one.codes)} | {one.causes} | "
        f"{'yes' if one.mends else ''} |\n"
        for one in CHECKS
    ]
    return NOTE + head + "".join(rows)


def _links(codes: tuple[str, ...]) -> str:
    return ", ".join(f"[{code}](errors.md)" for code in codes) or "what `up` refuses"


PAGES = {
    "stack-file.md": stack_file,
    "errors.md": errors,
    "commands.md": commands,
    "doctor-checks.md": doctor_checks,
}


def main() -> int:
    """Write the pages; with --check only say which are old, and exit 1."""
    old = [name for name, make in PAGES.items() if make() != _read(HERE / name)]
    if "--check" in sys.argv:
        print(f"old: {', '.join(old)}; run `make docs`" if old else "the pages are up to date")
        return 1 if old else 0
    for name in old:
        (HERE / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
