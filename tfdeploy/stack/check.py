"""What is wrong with a stack beyond its single fields, and with its models on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu import Share, check_shares
from tfdeploy.savedmodel import VersionFolder, check_base_path, list_versions, read_saved_model
from tfdeploy.stack.checks import wrong_checks
from tfdeploy.stack.door import check_gateway
from tfdeploy.stack.file import FILE_NAME, StackFile
from tfdeploy.stack.flags import check_flag, clashing_flags
from tfdeploy.stack.gpus import cpu_only_images
from tfdeploy.stack.schema import Specific
from tfdeploy.stack.wanted import Wanted, wanted_versions


def check_stack(file: StackFile) -> list[TfdeployError]:
    """Every problem that the stack file alone shows: images, flags, ports, GPU shares."""
    return [*check_alone(file), *_same_name(file), *check_gateway(file)]


def check_alone(file: StackFile) -> list[TfdeployError]:
    """As ``check_stack``, without a look at the stacks and files beside it."""
    return [*_images(file), *_flags(file), *_ports(file), *_gpus(file)]


Coming = Mapping[tuple[str, str], Sequence[VersionFolder]]
"""(service, model) → versions that will be published when everything else is fine."""


def check_models(
    file: StackFile,
    coming: Coming | None = None,
    look: Callable[[Path], list[TfdeployError]] = check_base_path,
) -> list[TfdeployError]:
    """Every problem of the models on disk: base paths, versions, labels, batching.

    Args:
        file: the stack.
        coming: versions that aren't there yet.
        look: finds the problems of one base path. It reads every graph below it, so each path is
            looked at once, however many services serve it.
    """
    coming, look_once = coming or {}, cache(look)
    errors = [*_nothing_to_serve(file), *wrong_checks(file)]
    for name, service in file.stack.services.items():
        for model in service.models:
            base_path = file.base_path(name, model)
            more = coming.get((name, model), ())
            found = [] if more and not base_path.exists() else look_once(base_path)
            errors += [_at(file, error, name, model) for error in found]
            if not found:
                versions = _versions(base_path, more)
                errors += _policy_and_labels(file, name, model, versions)
                errors += _batchable(file, name, model, versions[-1])
    return errors


def _versions(base_path: Path, more: Sequence[VersionFolder]) -> list[VersionFolder]:
    there = {one.number: one for one in list_versions(base_path)} if base_path.exists() else {}
    there |= {one.number: one for one in more}
    return [there[number] for number in sorted(there)]


def resolve_wanted(file: StackFile) -> Wanted:
    """Which version numbers each model should serve, from its policy and the disk."""
    return {
        name: {
            model: wanted_versions(
                served.versions, (one.number for one in list_versions(file.base_path(name, model)))
            )
            for model, served in service.models.items()
        }
        for name, service in file.stack.services.items()
    }


def _at(file: StackFile, error: TfdeployError, service: str, model: str) -> TfdeployError:
    """A problem on disk, with the line of the stack file that leads there."""
    where = f"{error.where} ({file.where('services', service, 'models', model)})"
    return TfdeployError(error.code, error.message, where=where, hint=error.hint)


def _nothing_to_serve(file: StackFile) -> Iterator[TfdeployError]:
    for name, service in file.stack.services.items():
        if not service.models:
            yield TfdeployError(
                "TFD217",
                f"Service '{name}' has no models; a server without any never opens its ports.",
                where=file.where("services", name, "models"),
                hint=f"`tfdeploy add-model {file.folder.name} NAME --service {name}` adds one.",
            )
    if not file.stack.services:
        yield TfdeployError(
            "TFD217",
            "The stack has no services.",
            where=file.where("services"),
            hint="add one, as `tfdeploy new NAME` writes it; `tfdeploy down` stops what runs.",
        )


def _images(file: StackFile) -> Iterator[TfdeployError]:
    images: dict[tuple[str, ...], str] = {("image",): file.stack.image} | {
        ("services", name, "image"): service.image
        for name, service in file.stack.services.items()
        if service.image
    }
    if file.stack.gateway is not None:
        images["gateway", "image"] = file.stack.gateway.image
    for key, image in images.items():
        tag = re.fullmatch(r"(?:[^/]+/)*[^/:@]+(?::([^/:@]+))?(@sha256:[0-9a-f]{64})?", image)
        if tag is None or (tag[2] is None and (tag[1] or "latest").startswith("latest")):
            yield TfdeployError(
                "TFD206",
                f"The image '{image}' isn't pinned to a version.",
                where=file.where(*key),
                hint="name a version (tensorflow/serving:2.20.0) or a digest (NAME@sha256:...).",
            )


def _flags(file: StackFile) -> Iterator[TfdeployError]:
    for name, service in file.stack.services.items():
        for flag, value in service.flags.items():
            wrong = check_flag(flag, value, file.stack.image_of(name))
            if wrong:
                where = file.where("services", name, "flags", flag)
                yield TfdeployError("TFD204", wrong[0], where=where, hint=wrong[1])
        clash = clashing_flags(service.flags)
        if clash:
            where = file.where("services", name, "flags")
            yield TfdeployError("TFD204", clash[0], where=where, hint=clash[1])


def _ports(file: StackFile) -> Iterator[TfdeployError]:
    taken: dict[int, str] = {}
    if file.stack.gateway is not None and file.stack.gateway.publish[1]:
        taken[file.stack.gateway.publish[1]] = "the gateway"
    for name, service in file.stack.services.items():
        for kind in ("rest", "grpc"):
            port = getattr(service.publish, kind)[1]
            if port and port in taken:
                yield TfdeployError(
                    "TFD212",
                    f"Port {port} is published twice: by {taken[port]} and by {name}.{kind}.",
                    where=file.where("services", name, "publish", kind),
                    hint="give one of them another port, or leave it out to get a free one.",
                )
            taken.setdefault(port, f"{name}.{kind}")


def _gpus(file: StackFile) -> list[TfdeployError]:
    """What the shares alone show, and what the inventory added to it where there is one."""
    summed = check_shares(_shares(file))
    more = file.gpus.problems if file.gpus else ()
    # A sum above 1 says the same as what doesn't fit on the device, and says it shorter.
    told = [error for error in more if not (summed and error.code == "TFD307")]
    return [*summed, *told, *cpu_only_images(file)]


def _shares(file: StackFile) -> dict[str, Share]:
    return {
        name: Share(
            str(service.gpu.device),
            service.gpu.memory_fraction,
            file.where("services", name, "gpu", "memory_fraction"),
        )
        for name, service in file.stack.services.items()
        if service.gpu and service.gpu.is_settled and service.gpu.memory_fraction
    }


def _same_name(file: StackFile) -> Iterator[TfdeployError]:
    for other in sorted(file.folder.parent.glob(f"*/{FILE_NAME}")):
        if other.parent.resolve() != file.folder.resolve() and _name_of(other) == file.stack.stack:
            yield TfdeployError(
                "TFD207",
                f"Another stack is named '{file.stack.stack}', too.",
                where=f"{file.where('stack')} and {other}",
                hint="give one of them another name in its `stack:` line.",
            )


def _name_of(path: Path) -> str:
    """The name in another stack's file, which may be broken in every other way."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
    return name_in(text)


def name_in(text: str) -> str:
    """The name in a stack file's text, which may be broken in every other way."""
    match = re.search(r"^stack:\s*['\"]?([^\s'\"#]+)", text, re.MULTILINE)
    return match[1] if match else ""


def _policy_and_labels(
    file: StackFile, service: str, model: str, versions: Sequence[VersionFolder]
) -> Iterator[TfdeployError]:
    served = file.stack.services[service].models[model]
    on_disk = [one.number for one in versions]
    wanted = wanted_versions(served.versions, on_disk)
    there = f"versions on disk: {', '.join(map(str, on_disk))}"
    key = ("services", service, "models", model)
    if isinstance(served.versions, Specific):
        for number in sorted(set(served.versions.specific) - set(on_disk)):
            yield TfdeployError(
                "TFD113",
                f"Version {number} of model '{model}' isn't on disk.",
                where=file.where(*key, "versions"),
                hint=f"{there}.",
            )
    for label, number in served.labels.items():
        if number not in wanted:
            why = "isn't served by the version policy" if number in on_disk else "isn't on disk"
            yield TfdeployError(
                "TFD205",
                f"Label '{label}' of model '{model}' points at version {number}, which {why}.",
                where=file.where(*key, "labels", label),
                hint=f"{there}; served: {', '.join(map(str, wanted)) or 'none'}; "
                f"`tfdeploy add-model {file.folder.name} {model} --drop-label {label}` takes the "
                "label away.",
            )


def _batchable(
    file: StackFile, service: str, model: str, version: VersionFolder
) -> Iterator[TfdeployError]:
    """With batching on, every request to a signature with a fixed first dimension fails."""
    if file.stack.services[service].batching is None:
        return
    # A chunked model is read by the server alone.
    names = ("saved_model.pb", "saved_model.pbtxt")
    if not any((version.path / name).is_file() for name in names):
        return
    for signature in read_saved_model(version.path).signatures.values():
        if signature.inputs and not signature.batchable:
            yield TfdeployError(
                "TFD214",
                f"Signature '{signature.name}' of model '{model}' can't be batched: "
                f"{signature.why_not_batchable}.",
                where=file.where("services", service, "batching"),
                hint="serve the model in a service without `batching:`, or export it with a "
                "free first dimension.",
            )
