"""From what services ask for and what a box has to devices and fractions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.gpu.drawing import draw_plan, plan_as_data
from tfdeploy.gpu.images import GPU_IMAGES, check_image, gpu_image, lacks_gpu
from tfdeploy.gpu.inventory import (
    DEFAULT_CONTEXT_BYTES,
    GIB,
    MIB,
    Inventory,
    ModelProfile,
    find_unit,
    keep_measured,
    load_inventory,
    parse_inventory,
    save_inventory,
    units,
)
from tfdeploy.gpu.need import ASSUMED_ACTIVATION_BYTES, Need, activations, need_of
from tfdeploy.gpu.shares import SharePlan, Wish, plan_shares

BOXES = Path(__file__).parents[1] / "inventories"


def box(name: str) -> Inventory:
    return load_inventory(BOXES / f"{name}.json")


def codes(plan: SharePlan) -> list[str]:
    return [error.code for error in plan.problems]


def warned(plan: SharePlan) -> list[str]:
    return [error.code for error in plan.warnings]


# --- inventories ---


@pytest.mark.parametrize("path", sorted(BOXES.glob("*.json")), ids=lambda path: path.stem)
def test_an_inventory_is_written_as_it_was_read(path: Path, tmp_path: Path) -> None:
    found = load_inventory(path)
    save_inventory(tmp_path / "gpus.json", found)
    assert load_inventory(tmp_path / "gpus.json") == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the whole file"),
        ("[]", "the whole file"),
        ('{"format": 2}', "format"),
        ('{"devices": [{"index": 0, "uuid": "GPU-1", "name": "x"}]}', "memory_total_bytes"),
        ('{"devics": []}', "devics"),
    ],
)
def test_a_broken_inventory_is_told_with_its_field(text: str, words: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        parse_inventory(text, Path("gpus.json"))
    assert caught.value.code == "TFD303"
    assert words in caught.value.message


def test_an_inventory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        load_inventory(tmp_path / "none.json")
    assert caught.value.code == "TFD303"


def test_what_was_measured_outlives_a_fresh_inventory() -> None:
    taken = box("two_24gib")
    measured = taken.devices[1].model_copy(update={"context_bytes": 300 * MIB})
    profile = ModelProfile(weights_bytes=1, activation_bytes={1: 2})
    earlier = taken.model_copy(
        update={"devices": [measured, taken.devices[0]], "profiles": {"m": profile}}
    )
    kept = keep_measured(taken, earlier)
    assert [one.context_bytes for one in kept.devices] == [None, 300 * MIB]
    assert kept.profiles == {"m": profile}


def test_a_card_that_is_cut_up_is_its_instances() -> None:
    known = units(box("mig"))
    assert [one.id[:4] for one in known] == ["MIG-"] * 4 + ["1"]
    assert find_unit(known, "0") is None
    assert find_unit(known, "0:1") == known[1]
    assert find_unit(known, "0:9") is None
    assert find_unit(known, "1") == known[4]


def test_a_device_is_found_by_index_uuid_and_the_beginning_of_one() -> None:
    known = units(box("two_24gib"))
    assert find_unit(known, "1") == known[1]
    assert find_unit(known, known[1].uuid) == known[1]
    assert find_unit(known, "GPU-a94d3e86") == known[1]
    assert find_unit(known, "GPU-") is None
    assert find_unit(known, "2") is None


def test_programs_see_the_total_without_what_the_driver_keeps() -> None:
    (one,) = units(box("one_8gib"))
    assert one.total_bytes == (8192 - 221) * MIB


# --- needs ---


def test_a_change_counts_the_largest_version_once_more() -> None:
    need = need_of({"a": [10, 30], "b": [20]}, {}, stated=5, rows=None)
    assert need == Need(60, 30, 5, "stated")
    assert (need.steady_bytes, need.peak_bytes) == (65, 95)


def test_activations_are_measured_where_every_model_was_and_assumed_else() -> None:
    profile = ModelProfile(weights_bytes=50, activation_bytes={1: 7, 8: 40})
    assert need_of({"a": [10]}, {"a": profile}, stated=None, rows=8) == Need(50, 50, 40, "measured")
    both = need_of({"a": [10], "b": [10]}, {"a": profile}, stated=None, rows=1)
    assert both.activations_are == "assumed"
    assert both.activation_bytes == 7 + ASSUMED_ACTIVATION_BYTES


@pytest.mark.parametrize(("rows", "expected"), [(1, 7), (2, 40), (8, 40), (16, 80), (None, 40)])
def test_activations_go_by_the_batch_above(rows: int | None, expected: int) -> None:
    profile = ModelProfile(weights_bytes=0, activation_bytes={8: 40, 1: 7})
    assert activations(profile, rows) == expected


# --- shares ---


def test_the_plain_case_of_two_halves_fits_on_a_small_card() -> None:
    wishes = [Wish(name, "0", fraction=0.4) for name in ("a", "b")]
    plan = plan_shares(wishes, box("one_8gib"))
    assert (codes(plan), [one.fraction for one in plan.placed]) == ([], [0.4, 0.4])


def test_contexts_and_the_reserve_count() -> None:
    plan = plan_shares([Wish(n, "0", fraction=0.5) for n in "ab"], box("one_8gib"))
    (error,) = plan.problems
    assert error.code == "TFD307"
    assert "3.9 GiB (a) + 3.9 GiB (b), 2 contexts of 512 MiB (assumed)" in error.message


def test_a_measured_context_takes_the_place_of_the_assumed_one() -> None:
    inventory = box("one_8gib")
    card = inventory.devices[0].model_copy(update={"context_bytes": 200 * MIB})
    measured = inventory.model_copy(update={"devices": [card]})
    wishes = [Wish(name, "0", fraction=0.42) for name in ("a", "b")]
    assert codes(plan_shares(wishes, inventory)) == ["TFD307"]
    plan = plan_shares(wishes, measured)
    assert (codes(plan), DEFAULT_CONTEXT_BYTES) == ([], 512 * MIB)


def test_a_size_is_another_fraction_on_another_card() -> None:
    for name, fraction in (("one_8gib", 0.7708), ("eight_80gib", 0.0756)):
        (placed,) = plan_shares([Wish("a", None, memory_bytes=6 * GIB)], box(name)).placed
        assert placed.fraction == fraction


def test_auto_takes_weights_a_change_and_activations() -> None:
    need = Need(1 * GIB, 1 * GIB, 1 * GIB, "stated")
    inventory = box("two_24gib")
    (rolling,) = plan_shares([Wish("a", need=need)], inventory).placed
    (replaced,) = plan_shares([Wish("a", need=need, replaces=True)], inventory).placed
    assert 3 * GIB <= rolling.share_bytes < 3.01 * GIB
    assert 2 * GIB <= replaced.share_bytes < 2.01 * GIB


def test_a_device_that_is_not_there_is_told_with_those_that_are() -> None:
    (error,) = plan_shares([Wish("a", "7", fraction=0.1)], box("two_24gib")).problems
    assert (error.code, error.hint.split(";")[0]) == ("TFD306", "devices: 0, 1")


def test_nothing_to_tell_a_share_from_is_told() -> None:
    assert codes(plan_shares([Wish("a")], box("two_24gib"))) == ["TFD315"]


def test_weights_larger_than_the_share_are_refused_and_activations_warned_of() -> None:
    def planned(weights: int, activation: int) -> SharePlan:
        need = Need(weights * GIB, 0, activation * GIB, "assumed")
        return plan_shares([Wish("a", "0", memory_bytes=4 * GIB, need=need)], box("two_24gib"))

    assert codes(planned(5, 0)) == ["TFD309"]
    assert (codes(planned(3, 2)), warned(planned(3, 2))) == ([], ["TFD309"])
    assert (codes(planned(3, 1)), warned(planned(3, 1))) == ([], [])


def test_a_change_that_does_not_fit_is_warned_of_and_recreate_is_named() -> None:
    need = Need(3 * GIB, 3 * GIB, 0, "stated")
    wish = Wish("a", "0", memory_bytes=4 * GIB, need=need)
    (warning,) = plan_shares([wish], box("two_24gib")).warnings
    assert (warning.code, "strategy: recreate" in warning.hint) == ("TFD310", True)
    quiet = Wish("a", "0", memory_bytes=4 * GIB, need=need, replaces=True)
    assert plan_shares([quiet], box("two_24gib")).warnings == ()


def test_growth_and_foreign_programs_are_warned_of() -> None:
    plan = plan_shares([Wish("a", "0", fraction=0.9, growth=True)], box("one_8gib"))
    assert warned(plan) == ["TFD312", "TFD311"]
    assert warned(plan_shares([Wish("a", "0", fraction=0.5)], box("one_8gib"))) == []


def test_spreading_takes_both_cards_where_packing_takes_one() -> None:
    wishes = [Wish(name, memory_bytes=4 * GIB) for name in "abcd"]
    packed = plan_shares(wishes, box("two_24gib"), "pack")
    even = plan_shares(wishes, box("two_24gib"), "spread")
    assert [len(packed.on(unit)) for unit in packed.units] == [4, 0]
    assert [len(even.on(unit)) for unit in even.units] == [2, 2]


def test_a_second_server_beside_the_first_needs_room_for_both() -> None:
    plan = plan_shares(
        [Wish("a", "0", fraction=0.6), Wish("b", "1", fraction=0.3)], box("two_24gib")
    )
    assert (plan.fits_beside("a"), plan.fits_beside("b")) == (False, True)


def test_services_go_onto_mig_instances_that_are_large_enough() -> None:
    wishes = [Wish(str(gib), memory_bytes=gib * GIB) for gib in (75, 36, 17, 8, 8)]
    wishes[-1] = Wish("8b", memory_bytes=8 * GIB)
    plan = plan_shares(wishes, box("mig"))
    assert codes(plan) == []
    assert len({one.unit.id for one in plan.placed}) == 5


# --- images ---


def test_an_image_without_gpu_support_is_known() -> None:
    assert lacks_gpu("tensorflow/serving:2.20.0")
    assert lacks_gpu("docker.io/tensorflow/serving:2.19.1-mkl")
    for image in ("tensorflow/serving:2.20.0-gpu", "mine:1", "x/tensorflow/serving:2.20.0"):
        assert not lacks_gpu(image)


@pytest.mark.parametrize(
    ("image", "driver", "capability", "expected"),
    [
        ("tensorflow/serving:2.20.0-gpu", "550.54.15", "8.6", []),
        ("tensorflow/serving:2.20.0-gpu", "470.82", "8.6", ["TFD313"]),
        ("tensorflow/serving:2.14.1-gpu", "470.82", "8.6", []),
        ("tensorflow/serving:2.19.1-gpu", "580.65", "12.0", ["TFD314"]),
        ("tensorflow/serving:2.19.1-gpu", "550.54", "5.2", ["TFD314"]),
        ("tensorflow/serving:2.19.1-gpu", "", None, []),
        ("mine:1", "390.1", "3.5", []),
    ],
)
def test_image_driver_and_card_are_checked(
    image: str, driver: str, capability: str | None, expected: list[str]
) -> None:
    device = box("two_24gib").devices[0].model_copy(update={"compute_capability": capability})
    (unit,) = units(Inventory(devices=[device]))
    assert [error.code for error in check_image(image, unit, driver, "here")] == expected


def test_every_release_of_the_table_is_found() -> None:
    for release, known in GPU_IMAGES.items():
        assert gpu_image(f"tensorflow/serving:{release}.0-gpu") is known


# --- drawings ---


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("name", ["one_8gib", "two_24gib", "eight_80gib", "mig"])
def test_every_bar_is_as_long_as_every_other(name: str, unicode: bool) -> None:
    wishes = [Wish(f"s{n}", memory_bytes=(n + 1) * GIB // 2) for n in range(3)]
    text = draw_plan(plan_shares(wishes, box(name)), stack="s", unicode=unicode)
    bars = [line for line in text.splitlines() if line.startswith("  [")]
    assert {len(bar) for bar in bars} == {2 + 64 + 2}
    assert text.isascii() is not unicode


def test_the_data_say_what_the_drawing_says() -> None:
    plan = plan_shares([Wish("a", "0", fraction=0.4)], box("one_8gib"))
    data = json.loads(json.dumps(plan_as_data(plan)))
    (device,) = data["devices"]
    assert device["services"][0]["memory_fraction"] == 0.4
    held = device["services"][0]["share_bytes"] + device["context_bytes"] + device["reserve_bytes"]
    assert held + device["free_bytes"] == device["memory_total_bytes"]
