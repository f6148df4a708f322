"""Plans of GPU shares for four kinds of box, word for word, and refusals with their proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.conftest import Compare
from tfdeploy.gpu.drawing import draw_plan
from tfdeploy.gpu.inventory import load_inventory
from tfdeploy.stack import StackFile, check_stack, parse_stack, settle_gpus

HERE = Path(__file__).parent
BOXES = HERE.parent / "inventories"
WEIGHTS_MIB = {"resnet": 98, "bert": 420, "digits": 2, "llm": 7000}

TWELVE = "".join(
    f"  {name}: {{models: {{bert: {{}}}}, gpu: {{device: auto, memory: {size}GiB}}}}\n"
    for name, size in zip(
        ("ads", "bids", "cars", "docs", "eyes", "faces", "goods", "hands", "ids", "jobs"),
        (7, 6, 5, 4, 3, 3, 2, 2, 1, 1),
        strict=True,
    )
) + (
    "  keys: {models: {resnet: {}}, gpu: auto}\n"
    "  logos: {models: {digits: {}}, gpu: {device: auto, memory: auto, activations: 1GiB}}\n"
)
TWO_AT_TWO_FIFTHS = """\
  first: {models: {resnet: {}}, gpu: {device: 0, memory_fraction: 0.4}}
  second: {models: {bert: {}}, gpu: {device: 0, memory_fraction: 0.4}}
"""
STACKS = {
    "one_8gib": TWO_AT_TWO_FIFTHS,
    "two_24gib": TWELVE,
    "eight_80gib": """\
  chat: {models: {llm: {}}, gpu: {device: auto, memory: 60GiB}}
  search: {models: {bert: {}}, gpu: {memory: 8GiB, replicas: per-gpu}}
  grown: {models: {digits: {}}, gpu: {device: 7, memory_fraction: 0.25, growth: true}}
  rest: {models: {resnet: {}}, gpu: auto}
""",
    "mig": """\
  chat: {models: {llm: {}}, gpu: {device: "0:0", memory: auto, activations: 4GiB}}
  search: {models: {bert: {}}, gpu: {device: auto, memory: 15GiB}}
  small: {models: {digits: {}}, gpu: {device: auto, memory: 8GiB}}
  large: {models: {resnet: {}}, gpu: {device: 1, memory_fraction: 0.9}}
""",
}
IMPOSSIBLE = {
    "one_service": ("one_8gib", "  a: {models: {llm: {}}, gpu: auto}\n"),
    "all_together": ("two_24gib", TWELVE + TWELVE.replace("  ", "  more-")),
    "pairwise": (
        "two_24gib",
        "".join(
            f"  {name}: {{models: {{bert: {{}}}}, gpu: {{device: auto, memory: 12GiB}}}}\n"
            for name in "abc"
        ),
    ),
    "searched": (
        "two_24gib",
        "".join(
            f"  {name}: {{models: {{bert: {{}}}}, gpu: {{device: auto, memory: 8GiB}}}}\n"
            for name in "abcde"
        ),
    ),
    "overfull": ("one_8gib", TWO_AT_TWO_FIFTHS.replace("0.4", "0.5")),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of known weights; the files are holes."""
    folder = tmp_path_factory.mktemp("models")
    for name, mib in WEIGHTS_MIB.items():
        path = folder / name / "1" / "variables" / "variables.data-00000-of-00001"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            file.truncate(mib * 2**20)
    return folder


def settled(box: str, services: str, models: Path) -> StackFile:
    text = f"stack: {box.replace('_', '-')}\nmodels_dir: {models}\nservices:\n{services}"
    file = parse_stack(text, Path("/somewhere/stacks/s/stack.yaml"))
    return settle_gpus(file, load_inventory(BOXES / f"{box}.json"))


@pytest.mark.parametrize("box", sorted(STACKS))
def test_plans_read_as_the_golden_ones(box: str, models: Path, golden: Compare) -> None:
    file = settled(box, STACKS[box], models)
    assert check_stack(file) == []
    assert file.gpus is not None
    warnings = "".join(f"\nwarning: {one}  [{one.code}]\n" for one in file.gpus.warnings)
    drawn = draw_plan(file.gpus, stack=file.stack.stack, unicode=False)
    golden(f"gpu_plans/{box}.txt", f"{drawn}\n{warnings}")


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE))
def test_what_is_impossible_is_refused_with_the_golden_proof(
    name: str, models: Path, golden: Compare
) -> None:
    box, services = IMPOSSIBLE[name]
    (error,) = check_stack(settled(box, services, models))
    golden(f"gpu_plans/refused_{name}.txt", f"{error}  [{error.code}]\nhint: {error.hint}\n")


def test_twelve_services_are_packed_on_two_cards(models: Path) -> None:
    file = settled("two_24gib", TWELVE, models)
    assert file.gpus is not None
    assert len(file.gpus.placed) == 12
    assert all(file.gpus.free_bytes(unit) >= 0 for unit in file.gpus.units)
    assert all(one.gpu and one.gpu.is_settled for one in file.stack.services.values())


def test_one_server_on_each_card_behind_one_name(models: Path) -> None:
    services = settled("eight_80gib", STACKS["eight_80gib"], models).stack.services
    copies = [one for name, one in services.items() if name.startswith("search-gpu")]
    assert [one.gpu.device for one in copies if one.gpu] == [str(n) for n in range(8)]
    assert all(one.aliases == ["search"] for one in copies)
