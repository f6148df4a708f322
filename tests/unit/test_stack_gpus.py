"""Shares that take an inventory: settled where there is one, told where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_stack_check import savedmodel
from tfdeploy.gpu.inventory import Inventory, ModelProfile, load_inventory
from tfdeploy.plan import (
    ObservedService,
    ObservedStack,
    ObservedVersion,
    RecreateService,
    Reload,
    StartBeside,
    check_change,
    crowded_services,
    make_plan,
)
from tfdeploy.render import Templates, render_stack
from tfdeploy.runtimes.gpus import settled
from tfdeploy.savedmodel import weights_bytes
from tfdeploy.stack import StackFile, check_stack, parse_stack, resolve_wanted, settle_gpus

BOXES = Path(__file__).parents[1] / "inventories"
MIB = 2**20


def box(name: str = "two_24gib") -> Inventory:
    return load_inventory(BOXES / f"{name}.json")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Model m in versions 1 and 2, of 100 MiB each."""
    for number in ("1", "2"):
        folder = tmp_path / "models" / "m" / number
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(savedmodel(-1))
        with (folder / "variables" / "variables.data-00000-of-00001").open("wb") as file:
            file.truncate(100 * MIB)
    return tmp_path


def stack(root: Path, *services: str, top: str = "") -> StackFile:
    lines = "".join(f"  {chr(97 + n)}: {one}\n" for n, one in enumerate(services))
    path = root / "stacks" / "s" / "stack.yaml"
    return parse_stack(f"stack: s\n{top}services:\n{lines}", path)


def found(file: StackFile) -> list[str]:
    return [error.code for error in check_stack(file)]


def test_weights_are_the_sizes_of_variables_and_graph(root: Path) -> None:
    (root / "models/m/1/assets").mkdir()
    (root / "models/m/1/assets/words").write_text("not weights")
    graph = len(savedmodel(-1))
    assert weights_bytes(root / "models/m/1") == 100 * MIB + graph
    assert weights_bytes(root / "nowhere") == 0


def test_a_stack_without_gpus_is_left_alone(root: Path) -> None:
    file = stack(root, "{models: {m: {}}}")
    assert settle_gpus(file, None) is file


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        ("auto", "device: auto"),
        ("{device: auto, memory_fraction: 0.4}", "device: auto"),
        ("{memory: 6GiB}", "memory:"),
        ("{memory: auto}", "memory:"),
        ("{memory_fraction: 0.4, replicas: per-gpu}", "replicas: per-gpu"),
    ],
)
def test_without_an_inventory_what_needs_one_is_told(root: Path, gpu: str, words: str) -> None:
    file = stack(root, f"{{models: {{m: {{}}}}, gpu: {gpu}}}")
    (error,) = check_stack(settle_gpus(file, None))
    assert (error.code, f"`{words}`" in error.message) == ("TFD305", True)
    assert "gpus.json" in error.hint


def test_a_fraction_on_a_device_needs_no_inventory(root: Path) -> None:
    file = stack(root, "{models: {m: {}}, gpu: {device: 0, memory_fraction: 0.4}}")
    assert found(settle_gpus(file, None)) == []


def test_what_is_settled_renders_as_if_it_had_been_written(root: Path) -> None:
    file = stack(root, "{models: {m: {}}, gpu: {device: auto, memory: 6GiB}}")
    after = settle_gpus(file, box())
    service = after.stack.services["a"]
    assert service.gpu is not None
    assert (service.gpu.device, service.gpu.memory_fraction) == ("0", 0.2533)
    flags = render_stack(after, templates=Templates()).services["a"].flags
    assert "--per_process_gpu_memory_fraction=0.2533" in flags


def test_a_fraction_and_a_device_stay_as_they_were_written(root: Path) -> None:
    uuid = box().devices[0].uuid
    gpu = f"{{device: {uuid}, memory_fraction: 0.4}}"
    file = stack(root, f"{{models: {{m: {{}}}}, gpu: {gpu}}}")
    assert settle_gpus(file, box()).stack.services == file.stack.services


def test_ports_of_copies_are_counted_up_and_free_ones_stay_free(root: Path) -> None:
    copied = "{models: {m: {}}, gpu: {memory: 1GiB, replicas: per-gpu}, publish: {rest: 8501}}"
    services = settle_gpus(stack(root, copied), box()).stack.services
    assert list(services) == ["a-gpu0", "a-gpu1"]
    assert [one.publish.rest[1] for one in services.values()] == [8501, 8502]
    assert [one.publish.grpc[1] for one in services.values()] == [0, 0]


def test_counted_up_ports_that_meet_another_are_told(root: Path) -> None:
    copied = "{models: {m: {}}, gpu: {memory: 1GiB, replicas: per-gpu}, publish: {rest: 8501}}"
    file = stack(root, copied, "{models: {m: {}}, publish: {rest: 8502}}")
    assert found(settle_gpus(file, box())) == ["TFD212"]


def test_a_sum_above_one_is_told_once(root: Path) -> None:
    half = "{models: {m: {}}, gpu: {device: 0, memory_fraction: 0.6}}"
    assert found(settle_gpus(stack(root, half, half), box())) == ["TFD301"]


def test_an_image_for_the_cpu_is_told(root: Path) -> None:
    gpu = "gpu: {memory_fraction: 0.4}"
    image = "image: tensorflow/serving:2.20.0"
    assert found(stack(root, f"{{{image}, models: {{m: {{}}}}, {gpu}}}")) == ["TFD319"]
    allowed = "gpu: {memory_fraction: 0.4, required: false}"
    assert found(stack(root, f"{{{image}, models: {{m: {{}}}}, {allowed}}}")) == []


def test_an_old_driver_is_told_with_the_line_of_the_service(root: Path) -> None:
    old = box().model_copy(update={"driver": "470.82.01"})
    file = stack(root, "{models: {m: {}}, gpu: {memory_fraction: 0.4}}")
    (error,) = check_stack(settle_gpus(file, old))
    assert (error.code, "services.a.image" in error.where) == ("TFD313", True)


def test_a_profile_counts_for_auto(root: Path) -> None:
    profile = ModelProfile(weights_bytes=150 * MIB, activation_bytes={1: MIB, 128: 3000 * MIB})
    inventory = box().model_copy(update={"profiles": {"m": profile}})
    plain = "{models: {m: {}}, gpu: auto}"
    batched = "{models: {m: {}}, gpu: auto, batching: {max_batch_size: 1}}"
    settled_ = settle_gpus(stack(root, plain, batched), inventory)
    assert settled_.gpus is not None
    wide, narrow = (one.share_bytes // MIB for one in settled_.gpus.placed)
    assert (3300 <= wide < 3330, 301 <= narrow < 340) == (True, True)


# --- where the inventory comes from ---


def test_the_file_beside_the_stack_comes_before_that_of_all_stacks(root: Path) -> None:
    file = stack(root, "{models: {m: {}}, gpu: {memory: 6GiB}}")
    (root / "stacks" / "s").mkdir(parents=True)
    (root / "stacks" / "gpus.json").write_text((BOXES / "one_8gib.json").read_text())

    def fraction() -> float | None:
        gpu = settled(file).stack.services["a"].gpu
        return gpu.memory_fraction if gpu else None

    assert fraction() == 0.7708
    (root / "stacks" / "s" / "gpus.json").write_text((BOXES / "two_24gib.json").read_text())
    assert fraction() == 0.2533


# --- changes ---


def change(root: Path, gpu: str, available: tuple[int, ...]) -> list[str]:
    file = settle_gpus(stack(root, f"{{models: {{m: {{}}}}, gpu: {gpu}}}"), box())
    crowded = crowded_services(file, resolve_wanted(file), serving(available))
    return [error.code for error in check_change(file, [Reload("why", "a", "")], crowded)]


def serving(available: tuple[int, ...], **known: str) -> ObservedStack:
    versions = {"m": tuple(ObservedVersion(number, "AVAILABLE") for number in available)}
    now = ObservedService("a", "running", versions=versions, **known)
    return ObservedStack({}, {"a": now})


def test_a_change_that_needs_more_than_the_share_is_refused(root: Path) -> None:
    small, enough = "{memory: 150MiB, activations: 0B}", "{memory: 250MiB, activations: 0B}"
    assert change(root, small, (1,)) == ["TFD310"]
    assert change(root, enough, (1,)) == []


def test_a_change_that_loads_nothing_is_never_refused(root: Path) -> None:
    assert change(root, "{memory: 150MiB, activations: 0B}", (1, 2)) == []


def test_assumed_activations_refuse_no_change(root: Path) -> None:
    assert change(root, "{memory: 250MiB}", (1,)) == []
    assert change(root, "{memory: 250MiB, activations: 100MiB}", (1,)) == ["TFD310"]


@pytest.mark.parametrize(("strategy", "kind"), [("recreate", RecreateService), ("beside", Reload)])
def test_a_server_that_is_too_small_for_two_versions_is_stopped_first_where_it_may(
    root: Path, strategy: str, kind: type
) -> None:
    pinned = "models: {m: {versions: {specific: [2]}}}"
    gpu = "gpu: {device: 0, memory: 150MiB, activations: 0B}"
    file = settle_gpus(stack(root, f"{{{pinned}, strategy: {strategy}, {gpu}}}"), box())
    rendered, wanted = render_stack(file, templates=Templates()), resolve_wanted(file)
    now = serving((1,), server_hash=rendered.services["a"].server_hash)
    crowded = crowded_services(file, wanted, now)
    plan = make_plan(file.stack, rendered, wanted, now, "docker", crowded=crowded)
    assert kind in {type(step) for step in plan.steps}
    refused = [error.code for error in check_change(file, plan.steps, crowded)]
    assert refused == ([] if strategy == "recreate" else ["TFD310"])


@pytest.mark.parametrize(("fraction", "codes"), [(0.6, ["TFD443"]), (0.4, [])])
def test_a_second_server_beside_the_first_needs_its_share_again(
    root: Path, fraction: float, codes: list[str]
) -> None:
    gpu = f"gpu: {{device: 0, memory_fraction: {fraction}}}"
    file = settle_gpus(stack(root, f"{{models: {{m: {{}}}}, {gpu}}}"), box())
    found = check_change(file, [StartBeside("why", "a")], {})
    assert [error.code for error in found] == codes
