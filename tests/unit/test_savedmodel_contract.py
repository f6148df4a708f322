"""What clients notice of a new version, and what breaks them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.savedmodel import Change, SavedModel, Signature, TensorInfo, contract_changes

Shape = tuple[int | None, ...] | None
BATCH = (None, 4)


def info(alias: str, dtype: str = "float32", shape: Shape = BATCH) -> TensorInfo:
    return TensorInfo(alias, f"{alias}:0", dtype, shape)


def model(*signatures: Signature) -> SavedModel:
    by_name = {one.name: one for one in signatures}
    return SavedModel(Path("1"), ("serve",), "2.21.0", by_name, 0)


def call(
    inputs: list[TensorInfo], outputs: list[TensorInfo], name: str = "f", method: str = "predict"
) -> Signature:
    ins, outs = {one.alias: one for one in inputs}, {one.alias: one for one in outputs}
    return Signature(name, ins, outs, f"tensorflow/serving/{method}")


def changed(old: Signature, new: Signature) -> list[tuple[str, bool]]:
    return [(one.what, one.breaking) for one in contract_changes(model(old), model(new))]


X, Y = info("x"), info("y")
PLAIN = call([X], [Y])


def test_the_same_is_no_change_whatever_the_tensors_are_called_inside() -> None:
    other = TensorInfo("x", "other:0", "float32", BATCH)
    assert changed(PLAIN, call([other], [Y])) == []


def test_signatures_come_and_go() -> None:
    before, after = model(PLAIN), model(call([X], [Y], "g"))
    assert contract_changes(before, after) == [
        Change("f", "signature 'f' is gone", True),
        Change("g", "signature 'g' is new", False),
    ]


def test_a_method() -> None:
    what = "the method was tensorflow/serving/predict and is tensorflow/serving/classify"
    assert changed(PLAIN, call([X], [Y], method="classify")) == [(what, True)]


def test_renames() -> None:
    assert changed(PLAIN, call([info("z")], [Y])) == [("input 'x' is renamed to 'z'", True)]
    assert changed(PLAIN, call([X], [info("z")])) == [("output 'y' is renamed to 'z'", True)]


def test_what_may_be_either_is_no_rename() -> None:
    before = call([info("a"), info("b")], [Y])
    after = call([info("c"), info("d")], [Y])
    assert [what for what, _ in changed(before, after)] == [
        "input 'a: float32[?, 4]' is gone",
        "input 'b: float32[?, 4]' is gone",
        "input 'c: float32[?, 4]' is new",
        "input 'd: float32[?, 4]' is new",
    ]


def test_more_and_fewer_tensors() -> None:
    two = info("two", "int64")
    assert changed(PLAIN, call([X, two], [Y])) == [("input 'two: int64[?, 4]' is new", True)]
    assert changed(call([X, two], [Y]), PLAIN) == [("input 'two: int64[?, 4]' is gone", True)]
    assert changed(call([X], [Y, two]), PLAIN) == [("output 'two: int64[?, 4]' is gone", True)]


def test_another_output_is_compatible_but_for_the_second() -> None:
    two, three = info("two"), info("three")
    assert changed(call([X], [Y, two]), call([X], [Y, two, three])) == [
        ("output 'three: float32[?, 4]' is new", False)
    ]
    ((what, breaking),) = changed(PLAIN, call([X], [Y, two]))
    assert breaking and "REST answers with objects" in what


def test_types() -> None:
    assert changed(PLAIN, call([info("x", "float64")], [info("y", "int32")])) == [
        ("input 'x' was float32 and is float64", True),
        ("output 'y' was float32 and is int32", True),
    ]


@pytest.mark.parametrize(
    ("before", "after", "breaks_input", "breaks_output"),
    [
        ((None, 4), (None, None), False, True),
        ((None, None), (None, 4), True, False),
        ((None, 4), (None, 5), True, True),
        ((None, 4), (None, 4, 1), True, True),
        ((None, 4), None, False, True),
        (None, (None, 4), True, False),
        ((4, None), (None, 4), True, True),
    ],
)
def test_shapes(before: Shape, after: Shape, breaks_input: bool, breaks_output: bool) -> None:
    old, new = info("x", shape=before), info("x", shape=after)
    ((what, breaking),) = changed(call([old], [Y]), call([new], [Y]))
    assert breaking is breaks_input
    assert what == f"input 'x' had shape {old.dims} and has {new.dims}"
    ((_, breaking),) = changed(call([X], [old]), call([X], [new]))
    assert breaking is breaks_output
