"""inspect: what a model is, from its files alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import AsJson, examples
from tfdeploy.cli.signatures import model_as_data, show_signatures
from tfdeploy.errors import Exit, SeveralErrors, TfdeployError, raise_all

if TYPE_CHECKING:
    from tfdeploy.savedmodel import Change, SavedModel

_MAKERS = (("tensorflow", "TensorFlow"), ("keras", "Keras"), ("tf_keras", "tf_keras"))


@app.command(
    **examples(
        "tfdeploy inspect models/digits --diff 3 4",
        "tfdeploy inspect models/digits/3 --sample curl",
    )
)
def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A base path, or one version's folder.")
    ],
    diff: Annotated[
        tuple[int, int] | None,
        typer.Option(
            "--diff",
            metavar="OLD NEW",
            help="What changes for clients between two versions; exit code 1 if it breaks any.",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample",
            metavar="FORM",
            help="Print a ready request instead: row, column, curl, python or grpc.",
        ),
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option("--signature", help="The one that --sample asks; default: serving_default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a model's versions, signatures and size, and what may keep it from serving.

    Reads the files without TensorFlow, and runs nothing.
    """
    _check_options(diff, sample, signature)
    if diff is not None:
        raise typer.Exit(_show_diff(path, *diff, as_json=as_json))
    found, errors = _read_versions(path)
    if sample is not None:
        _show_sample(path, *found[-1], sample, signature, as_json=as_json)
        return
    broken = SeveralErrors(errors) if errors else None
    if as_json:
        told = {"errors": output.errors_as_data(broken)} if broken else {}
        output.print_json({**_document(path, found), **told})
    else:
        _show(path, found)
    if broken:
        # With --json they are in the one document already.
        raise typer.Exit(output.show_error(broken, as_json=False))


def _check_options(diff: tuple[int, int] | None, sample: str | None, signature: str | None) -> None:
    if diff is not None and sample is not None:
        what, hint = "--diff and --sample ask for two different things.", "give one of them."
    elif signature is not None and sample is None:
        what, hint = "--signature is without effect here.", "give --sample FORM too."
    else:
        return
    raise TfdeployError("TFD216", what, where="tfdeploy inspect", hint=hint)


def _read_versions(path: Path) -> "tuple[list[tuple[str, SavedModel]], list[TfdeployError]]":
    """The versions that can be read, and what is wrong with the others; raises without any."""
    from tfdeploy.savedmodel import check_base_path, is_saved_model, list_versions, read_saved_model

    if is_saved_model(path):
        return [(path.resolve().name, read_saved_model(path))], []
    found: list[tuple[str, SavedModel]] = []
    unread: list[TfdeployError] = []
    problems = check_base_path(path)
    for version in list_versions(path):
        try:
            found.append((str(version.number), read_saved_model(version.path)))
        except TfdeployError as error:
            unread.append(error)
        except OSError:
            # It stands among the problems of the base path.
            continue
    if not found:
        raise_all(problems or unread)
    return found, problems or unread


# --- everything that is known ---


def _show(path: Path, found: "list[tuple[str, SavedModel]]") -> None:
    from tfdeploy.savedmodel import explain_names, find_defects

    for number, model in found:
        output.print_line(f"version {number}: {_summary(model)}")
    newest = found[-1][1]
    for line in _facts(newest):
        output.print_line(line)
    show_signatures(newest)
    for sentence in [*explain_names(path), *_contract_notes(path, found)]:
        output.note(f"note: {sentence}")
    for sentence in _notes(newest):
        output.note(f"note: {sentence}")
    for defect in find_defects(newest):
        what = f"signature {defect.signature}: {defect.message}" if defect.signature else ""
        output.note(f"{defect.severity} {defect.kind}: {what or defect.message}")
        output.note(f"  hint: {defect.hint}")


def _summary(model: "SavedModel") -> str:
    writer = model.tensorflow_version or "an unknown version"
    sizes = f"{output.size(model.size_bytes)}, {output.size(model.memory_bytes)} of memory to load"
    return f"{sizes}, written by TensorFlow {writer}, {model.path}"


def _facts(model: "SavedModel") -> list[str]:
    """What the newest version says of itself, beside its signatures."""
    manifest = model.manifest or {}
    facts = [
        f"{name}: {_text(manifest[name])}"
        for name in ("source", "created", "git", "tags")
        if manifest.get(name)
    ]
    if manifest.get("tensorflow") or manifest.get("keras"):
        made = [f"{name} {manifest[key]}" for key, name in _MAKERS if manifest.get(key)]
        facts.append(f"exported with {', '.join(made)}")
    if model.warmup_records:
        facts.append(f"warm-up requests: {model.warmup_records}")
    return facts


def _text(value: Any) -> str:
    """A manifest's value on one line: a broken one is shown as it is."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return " ".join(str(value).split())


def _notes(model: "SavedModel") -> list[str]:
    from tfdeploy.savedmodel import WARMUP_FILE, read_manifest, read_warmup

    notes: list[str] = []
    if model.manifest is None:
        read_manifest(model.path, notes.append)
    if problem := read_warmup(model.path).problem:
        notes.append(f"{model.path / WARMUP_FILE}: {problem}; the server won't load the model.")
    return notes


def _contract_notes(path: Path, found: "list[tuple[str, SavedModel]]") -> list[str]:
    return [
        f"version {new} changes the contract of {old}: {_counted(changes)}; "
        f"`tfdeploy inspect {path} --diff {old} {new}` shows them."
        for old, new, changes in _neighbours(found)
    ]


def _neighbours(
    found: "list[tuple[str, SavedModel]]",
) -> "list[tuple[str, str, list[Change]]]":
    """Neighbouring versions whose contract with clients differs."""
    from itertools import pairwise

    from tfdeploy.savedmodel import contract_changes

    compared = [(a, b, contract_changes(old, new)) for (a, old), (b, new) in pairwise(found)]
    return [(old, new, changes) for old, new, changes in compared if changes]


def _counted(changes: "Sequence[Change]") -> str:
    breaking = sum(change.breaking for change in changes)
    return f"{breaking} breaking, {len(changes) - breaking} compatible"


def _document(path: Path, found: "list[tuple[str, SavedModel]]") -> dict[str, Any]:
    from tfdeploy.savedmodel import explain_names, ignored_folders

    return {
        "path": str(path),
        "versions": [{"version": number, **_version_as_data(model)} for number, model in found],
        "ignored": [str(one) for one in ignored_folders(path)],
        "names": explain_names(path),
        "contract_changes": [
            {"before": old, "after": new, **_changes_as_data(changes)}
            for old, new, changes in _neighbours(found)
        ],
    }


def _version_as_data(model: "SavedModel") -> dict[str, Any]:
    from tfdeploy.savedmodel import find_defects

    return {
        **model_as_data(model),
        "memory_bytes": model.memory_bytes,
        "ops": list(model.ops),
        "warmup_records": model.warmup_records,
        "manifest": model.manifest,
        "defects": [vars(defect) for defect in find_defects(model)],
        "notes": _notes(model),
    }


# --- one question ---


def _show_diff(path: Path, old: int, new: int, *, as_json: bool) -> Exit:
    from tfdeploy.savedmodel import contract_changes

    before, after = _read_version(path, old), _read_version(path, new)
    changes = contract_changes(before, after)
    if as_json:
        document = {"path": str(path), "before": old, "after": new}
        output.print_json({**document, **_changes_as_data(changes)})
    else:
        for change in changes:
            weight = "breaking" if change.breaking else "compatible"
            output.print_line(f"{weight}: signature {change.signature}: {change.what}")
        summary = _counted(changes) if changes else "none"
        output.print_line(f"changes for clients from version {old} to {new}: {summary}")
    return Exit.NO if any(change.breaking for change in changes) else Exit.OK


def _read_version(path: Path, number: int) -> "SavedModel":
    from tfdeploy.savedmodel import check_base_path, list_versions, read_saved_model

    versions = {version.number: version.path for version in list_versions(path)}
    if number in versions:
        return read_saved_model(versions[number])
    if not versions:
        raise_all(check_base_path(path))
    raise TfdeployError(
        "TFD110",
        f"{path} has no version {number}.",
        where=str(path),
        hint=f"versions there: {', '.join(map(str, versions)) or 'none'}.",
    )


def _changes_as_data(changes: "Sequence[Change]") -> dict[str, Any]:
    return {
        "breaking": any(change.breaking for change in changes),
        "changes": [vars(change) for change in changes],
    }


def _show_sample(
    path: Path,
    number: str,
    model: "SavedModel",
    form: str,
    signature: str | None,
    *,
    as_json: bool,
) -> None:
    from tfdeploy.client.sample import made_up_rows, render_sample
    from tfdeploy.savedmodel import manifest_samples

    name = signature or "serving_default"
    if name not in model.signatures:
        raise TfdeployError(
            "TFD216",
            f"{model.path} has no signature '{name}'.",
            where="--signature" if signature else "tfdeploy inspect --sample",
            hint=f"choose with --signature: {', '.join(model.signatures) or 'there is none'}.",
        )
    chosen = model.signatures[name]
    rows = manifest_samples(model.manifest, name) or made_up_rows(chosen)
    text = render_sample(form, model=_model_name(path, model), signature=chosen, rows=rows)
    if as_json:
        document = {"path": str(model.path), "version": number, "signature": name}
        output.print_json({**document, "form": form, "sample": text})
    else:
        output.print_line(text.rstrip("\n"))


def _model_name(path: Path, model: "SavedModel") -> str:
    """The name of the base path, which is what the server calls the model unless told otherwise."""
    folder = path.resolve()
    return folder.parent.name if folder == model.path.resolve() else folder.name
