"""gpu list, gpu plan, gpu profile: devices, and what runs on which."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfdeploy.cli import output
from tfdeploy.cli.app import app
from tfdeploy.cli.options import DEFAULT_STACKS, AsJson, StackArgument, StacksDir, examples
from tfdeploy.errors import TfdeployError, raise_all

if TYPE_CHECKING:
    from tfdeploy.gpu.inventory import Device, Inventory, Unit
    from tfdeploy.runtimes.gpu_profile import ProfileRun

gpu_app = typer.Typer(help="GPUs, and the shares of them.", rich_markup_mode=None)
app.add_typer(gpu_app, name="gpu")

InventoryOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", metavar="FILE", help="The devices of another box, as `gpu list` wrote them."
    ),
]


@gpu_app.command(
    "list",
    **examples("tfdeploy gpu list", "tfdeploy gpu list --write stacks/gpus.json   # on the box"),
)
def list_gpus(
    inventory: InventoryOption = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the inventory in a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the GPUs: memory, driver, processes, MIG instances, and what Docker reaches.

    What was measured on a device is kept when an inventory is written over.
    """
    from tfdeploy.gpu.inventory import Inventory, save_inventory

    try:
        found = _inventory(inventory)
    except TfdeployError as error:
        if error.code != "TFD304" or write is not None:
            raise
        found = Inventory()
        output.note(f"{error.message}\nwhere: {error.where}\nhint:  {error.hint}")
    if write is not None:
        save_inventory(write, _with_measured(found, write))
        output.note(f"wrote {write}")
    if as_json:
        output.print_json(found.model_dump(mode="json"))
    elif found.devices:
        _show(found)


def _inventory(given: Path | None) -> "Inventory":
    from tfdeploy.gpu.inventory import load_inventory
    from tfdeploy.runtimes.gpus import docker_reach
    from tfdeploy.runtimes.nvml import take_inventory

    if given is not None:
        return load_inventory(given)
    return take_inventory().model_copy(update={"docker": docker_reach()})


def _with_measured(found: "Inventory", path: Path) -> "Inventory":
    from tfdeploy.gpu.inventory import keep_measured, load_inventory

    return keep_measured(found, load_inventory(path)) if path.exists() else found


def _show(found: "Inventory") -> None:
    output.print_line(f"driver {found.driver}, CUDA up to {found.cuda}; {_docker(found)}")
    output.print_line()
    header = ["GPU", "NAME", "MEMORY", "FREE", "CAPABILITY", "CONTEXT", "PROCESSES"]
    output.print_table(header, [row for device in found.devices for row in _rows(device)])
    for model, profile in found.profiles.items():
        output.print_line(
            f"measured: {model}, weights {output.size(profile.weights_bytes)}, activations "
            + ", ".join(f"{output.size(v)} at {k}" for k, v in profile.activation_bytes.items())
        )


def _docker(found: "Inventory") -> str:
    if found.docker is None:
        return "no Docker engine answers"
    has_runtime = "nvidia" in found.docker.runtimes
    cdi = [one for one in found.docker.cdi_devices if one.startswith("nvidia.com/gpu")]
    if has_runtime or cdi:
        ways = ["the nvidia runtime"] if has_runtime else []
        ways += [f"{len(cdi)} CDI devices"] if cdi else []
        return f"Docker reaches GPUs through {' and '.join(ways)}"
    return "Docker has no nvidia runtime and no CDI devices"


def _rows(device: "Device") -> list[tuple[object, ...]]:
    context = "assumed" if device.context_bytes is None else output.size(device.context_bytes)
    programs = ", ".join(
        f"{Path(one.name).name or 'pid'} {one.pid} ({output.size(one.memory_bytes)})"
        for one in device.processes
    )
    rows: list[tuple[object, ...]] = [
        (
            device.index,
            f"{device.name} (MIG on)" if device.mig_enabled else device.name,
            output.size(device.memory_total_bytes),
            output.size(device.memory_free_bytes),
            device.compute_capability or "-",
            context,
            programs or "-",
        )
    ]
    for number, one in enumerate(device.mig):
        total, free = output.size(one.memory_total_bytes), output.size(one.memory_free_bytes)
        rows.append(
            (f"{device.index}:{number}", f"{one.profile} {one.uuid}", total, free, "", "", "")
        )
    return rows


@gpu_app.command(
    **examples("tfdeploy gpu plan vision", "tfdeploy gpu plan vision --inventory box.json --json")
)
def plan(
    stack: StackArgument,
    inventory: InventoryOption = None,
    stacks_dir: StacksDir = DEFAULT_STACKS,
    as_json: AsJson = False,
) -> None:
    """Draw the devices with the shares of a stack's services.

    The devices are those of --inventory, of gpus.json beside the stack file or in the stacks
    folder, or of this machine. Refuses, with a proof, what can't be placed.
    """
    from tfdeploy.gpu.drawing import draw_plan, plan_as_data
    from tfdeploy.runtimes.gpus import find_inventory
    from tfdeploy.stack import check_stack, find_stack, has_gpus, load_stack, settle_gpus

    file = load_stack(find_stack(stack, stacks_dir))
    if not has_gpus(file):
        output.note("no service of the stack asks for a GPU; each runs with none visible")
        if as_json:
            output.print_json({"stack": file.stack.stack, "devices": [], "warnings": []})
        return
    file = settle_gpus(file, find_inventory(file, inventory))
    shares = file.gpus
    assert shares is not None
    problems = [error for error in check_stack(file) if _is_of_gpus(error)]
    # A device that must hold too much is worth a look, half a plan isn't.
    if not as_json and {error.code for error in problems} <= {"TFD301", "TFD307", "TFD309"}:
        drawn = draw_plan(shares, stack=file.stack.stack, unicode=_takes_unicode())
        (output.note if problems else output.print_line)(drawn)
    raise_all(problems)
    if as_json:
        warnings = [one for error in shares.warnings for one in output.errors_as_data(error)]
        data: dict[str, Any] = {"stack": file.stack.stack, **plan_as_data(shares)}
        output.print_json({**data, "warnings": warnings})
        return
    for warning in shares.warnings:
        output.print_line()
        output.print_line(output.format_warning(warning))


def _is_of_gpus(error: TfdeployError) -> bool:
    from tfdeploy.errors.gpu_entries import GPU_ENTRIES

    return error.code in ("TFD301", "TFD302", *GPU_ENTRIES)


def _takes_unicode() -> bool:
    """A terminal whose encoding has block characters; a file or a pipe gets letters."""
    import sys

    encoding = (getattr(sys.stdout, "encoding", "") or "").lower()
    return sys.stdout.isatty() and encoding.replace("-", "") == "utf8"


@gpu_app.command(
    **examples(
        "tfdeploy gpu profile models/resnet --write stacks/gpus.json",
        "tfdeploy gpu profile models/resnet --device 1 --batches 1,16,64",
    )
)
def profile(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A base path, or the folder of one version.")
    ],
    device: Annotated[
        str, typer.Option(metavar="INDEX|UUID", help="The device to measure on.")
    ] = "0",
    batches: Annotated[
        str, typer.Option(metavar="N,N,...", help="How many rows to run at once.")
    ] = "1,8,32",
    name: Annotated[
        str | None, typer.Option(help="The model's name in stack files; default: the base path's.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what was measured in an inventory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model's weights and activations on a GPU of this machine.

    The model is loaded with TensorFlow in a process of its own and run with made-up requests.
    With --write, `memory: auto` and `gpu plan` go by what was measured.
    """
    from tfdeploy.gpu.inventory import save_inventory
    from tfdeploy.runtimes.gpu_profile import profile_model
    from tfdeploy.runtimes.nvml import take_inventory

    sizes = _batches(batches)
    found = take_inventory()
    folder, version = _version(model)
    called = name or (folder.resolve().parent if version is not None else folder.resolve()).name
    unit, free = _device(found, device)
    output.note(f"measuring {folder} on GPU {unit.id} ({unit.name}), rows: {batches}")
    run = profile_model(folder, version, unit, free, sizes)
    if write is not None:
        save_inventory(write, _with_profile(found, write, called, unit.index, run))
        output.note(f"wrote {write}")
    if as_json:
        data = {"model": called, **run.profile.model_dump(mode="json")}
        output.print_json({**data, "context_bytes": run.context_bytes, "refused": run.refused})
        return
    output.print_line(f"{called}: weights {output.size(run.profile.weights_bytes)}")
    rows = [(n, output.size(value)) for n, value in run.profile.activation_bytes.items()]
    rows += [(n, f"refused: {why}") for n, why in run.refused.items()]
    output.print_table(["ROWS", "ACTIVATIONS"], rows)
    context = "not told by NVML" if run.context_bytes is None else output.size(run.context_bytes)
    output.print_line(f"context of a process: {context}")


def _batches(text: str) -> list[int]:
    from tfdeploy.gpu.profiling import parse_batches

    try:
        return parse_batches(text)
    except ValueError:
        raise TfdeployError(
            "TFD216",
            f"'{text}' is no list of numbers above 0.",
            where="--batches",
            hint="for example --batches 1,8,32.",
        ) from None


def _version(model: Path) -> tuple[Path, int | None]:
    """The folder to load: that of a version, or the highest version of a base path."""
    from tfdeploy.savedmodel import check_base_path, is_saved_model, list_versions, parse_version

    if is_saved_model(model):
        return model, parse_version(model.resolve().name)
    raise_all(check_base_path(model))
    newest = list_versions(model)[-1]
    return newest.path, newest.number


def _device(found: "Inventory", device: str) -> "tuple[Unit, int]":
    from tfdeploy.gpu.inventory import find_unit, units

    known = units(found)
    unit = find_unit(known, device)
    if unit is None:
        raise TfdeployError(
            "TFD306",
            f"There is no GPU {device} here.",
            where="--device",
            hint=f"devices: {', '.join(one.id for one in known)}.",
        )
    free = {card.uuid: card.memory_free_bytes for card in found.devices}
    free |= {part.uuid: part.memory_free_bytes for card in found.devices for part in card.mig}
    return unit, free[unit.uuid]


def _with_profile(
    found: "Inventory", path: Path, name: str, index: int, run: "ProfileRun"
) -> "Inventory":
    """The inventory of this machine, or the one that the file holds, with what was measured."""
    kept = _with_measured(found, path)
    devices = [
        card.model_copy(update={"context_bytes": run.context_bytes})
        if card.index == index and run.context_bytes is not None
        else card
        for card in kept.devices
    ]
    profiles = {**kept.profiles, name: run.profile}
    return kept.model_copy(update={"devices": devices, "profiles": profiles})
