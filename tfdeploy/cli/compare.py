"""compare: the same requests to two versions of a model."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import (
    DEFAULT_STACKS,
    AsJson,
    RuntimeOption,
    StackArgument,
    StacksDir,
    examples,
    load,
    seconds,
)
from tfdeploy.errors import Exit, TfdeployError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tfdeploy.client.side_by_side import Case, Comparison, Send, Side
    from tfdeploy.savedmodel import Signature
    from tfdeploy.stack import StackFile


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"'{text}' is no tolerance: a number from 0 on.")
    return number


@app.command(
    **examples(
        "tfdeploy compare vision digits 3 4 --tolerance 0.01",
        "tfdeploy compare vision digits 3 4 --requests requests.jsonl --json",
    )
)
def compare(
    stack: StackArgument,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The name that clients call.")],
    old: Annotated[int, typer.Argument(metavar="OLD", min=0, help="The version to hold against.")],
    new: Annotated[int, typer.Argument(metavar="NEW", min=0, help="The version to judge.")],
    requests: Annotated[
        str | None,
        typer.Option(
            "--requests",
            metavar="FILE",
            help="One JSON document as `predict` takes, or one on each line; - for standard "
            "input. Default: the samples that `export` recorded.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="NUMBER",
            parser=_tolerance,
            help="How far a float may be off: absolutely below 1, relatively above. Whole numbers "
            "and texts have to be the same. Default: how far is only shown.",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="How often all requests are sent.")
    ] = 3,
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="Needed when several serve the model.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", parser=seconds)] = 60.0,
    runtime: RuntimeOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Send the same requests to two versions that serve, and show how their answers differ.

    Exit code 1 when a value is beyond --tolerance, an output has another form or is missing, or
    a request has no answer.
    """
    from tfdeploy.cli.predict import address_of
    from tfdeploy.client.side_by_side import compare_versions

    file = load(stack, stacks_dir)
    rest_url = address_of(file, model, service, runtime)
    _check_both_serve(file, rest_url, model, (old, new))
    signatures = _signatures(rest_url, model, old, new, timeout)
    cases = _cases(file, model, service, requests, (old, new), signatures[0])
    send = _sender(rest_url, model, timeout)
    with _progress(as_json, rounds * len(cases)) as tell:
        found = compare_versions(
            cases, (old, new), signatures, send, tolerance=tolerance, rounds=rounds, tell=tell
        )
    if as_json:
        output.print_json({"stack": file.stack.stack, "model": model, **_data(found, tolerance)})
    else:
        _show(found, model, tolerance)
    if not found.acceptable:
        raise typer.Exit(Exit.NO)


def _sender(rest_url: str, model: str, timeout: float) -> "Send":
    from tfdeploy.client.predict import predict

    return lambda version, body: predict(
        rest_url, model, body, version=version, timeout_seconds=timeout
    )


def _check_both_serve(
    file: "StackFile", rest_url: str, model: str, versions: tuple[int, int]
) -> None:
    from tfdeploy.client.status import Unreachable, get_status

    try:
        serving = sorted(one.version for one in get_status(rest_url, model) if one.available)
    except Unreachable as error:
        raise error.told() from error
    lacking = [number for number in versions if number not in serving]
    if lacking:
        numbers = " and ".join(map(str, lacking))
        there = ", ".join(map(str, serving)) or "none"
        raise TfdeployError(
            "TFD510",
            f"Version {numbers} of '{model}' doesn't serve.",
            where=f"{rest_url}/v1/models/{model}: available: {there}",
            hint=f"`tfdeploy canary {file.folder.name} {model} {lacking[-1]}` serves it beside "
            "the one that serves now.",
        )


def _signatures(
    rest_url: str, model: str, old: int, new: int, timeout: float
) -> "tuple[Mapping[str, Signature], Mapping[str, Signature]]":
    from tfdeploy.cli.predict import signatures_of

    return (
        signatures_of(rest_url, model, old, None, timeout),
        signatures_of(rest_url, model, new, None, timeout),
    )


def _cases(
    file: "StackFile",
    model: str,
    service: str | None,
    requests: str | None,
    versions: tuple[int, int],
    signatures: "Mapping[str, Signature]",
) -> "list[Case]":
    from tfdeploy.client.side_by_side import read_cases

    if requests is not None:
        text = sys.stdin.read() if requests == "-" else ""
        return read_cases(Path(requests), signatures, text)
    from tfdeploy.stack.edit import service_of

    base_path = file.base_path(service_of(file, model, service), model)
    for version in versions:
        found = _samples(base_path / str(version), signatures)
        if found:
            return found
    raise TfdeployError(
        "TFD511",
        f"No samples are recorded with version {versions[0]} or {versions[1]} of '{model}'.",
        where=str(base_path),
        hint="give requests: --requests FILE, with a JSON document as `tfdeploy predict` takes, "
        "or one on each line.",
    )


def _samples(folder: Path, signatures: "Mapping[str, Signature]") -> "list[Case]":
    from tfdeploy.client.side_by_side import sample_cases
    from tfdeploy.savedmodel.manifest import manifest_samples, read_manifest

    manifest = read_manifest(folder, output.note)
    return [
        case
        for name, signature in signatures.items()
        if _is_predict(signature)
        for case in sample_cases(
            manifest_samples(manifest, name), signature, f"sample of version {folder.name}, {name}"
        )
    ]


def _is_predict(signature: "Signature") -> bool:
    """Whether `:predict` takes it: classify and regress have requests of their own."""
    return not signature.method_name.endswith(("/classify", "/regress"))


@contextmanager
def _progress(as_json: bool, total: int) -> Iterator[Callable[[int], None]]:
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("asking") as status:
        yield lambda done: status.update(f"{done} of {total} requests sent to both")


def _data(found: "Comparison", tolerance: float | None) -> dict[str, Any]:
    return {
        "acceptable": found.acceptable,
        "tolerance": tolerance,
        "requests": found.requests,
        "compared": found.compared,
        "outputs": [one.as_data() for one in found.outputs],
        "old": found.old.as_data(),
        "new": found.new.as_data(),
    }


def _show(found: "Comparison", model: str, tolerance: float | None) -> None:
    from tfdeploy.client.side_by_side import refusals

    old, new = found.old.version, found.new.version
    verdict = _verdict(found, tolerance)
    output.print_line(f"{model} {old} and {new}, {found.requests} requests: {verdict}")
    output.print_line()
    header = ["OUTPUT", "VALUES", "UNEQUAL", "LARGEST", "MEAN", "OTHER CLASS", ""]
    output.print_table(header, [_row(one) for one in found.outputs])
    for line in [*refusals(found.old), *refusals(found.new)]:
        output.print_line(line)
    output.print_line()
    times = [
        (f"{model} {side.version}", len(side.seconds), *_times(side))
        for side in (found.old, found.new)
    ]
    output.print_table(["VERSION", "MEASURED", "MEDIAN", "P99"], times)


def _verdict(found: "Comparison", tolerance: float | None) -> str:
    if not found.acceptable:
        within = "" if tolerance is None else f" within {tolerance:g}"
        return f"NOT the same{within}"
    if all(one.same for one in found.outputs):
        return "the same answers"
    return "answers of the same form" if tolerance is None else f"the same within {tolerance:g}"


def _row(one: Any) -> tuple[object, ...]:
    classes = f"{one.other_class} of {one.rows}" if one.rows else "-"
    if one.form:
        return one.output, "-", "-", "-", "-", "-", one.form
    beyond = f"{one.beyond} beyond the tolerance; " if one.beyond else ""
    remark = "" if one.same else beyond + str(one)
    return (
        one.output,
        one.values,
        one.unequal,
        f"{one.largest:.3g}",
        f"{one.mean:.3g}",
        classes,
        remark,
    )


def _times(side: "Side") -> tuple[str, str]:
    found = side.median_seconds, side.quantile_seconds(0.99)
    return tuple("-" if one is None else f"{one * 1000:.2f} ms" for one in found)  # type: ignore[return-value]
