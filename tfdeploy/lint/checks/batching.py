"""Findings in a batching file.

Facts: tensorflow_serving/batching/batching_session.cc and TensorFlow's
shared_batch_scheduler.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from tfdeploy.lint.configs import ConfigFile
from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.textproto import Message

DEFAULT_BATCH_SIZE = 1000
# A lone request waits as long as this before it runs.
_LONG_MICROS = 500_000


def wrapped_number(tree: Message, name: str) -> int | None:
    """A wrapped number, or one whose wrapper was forgotten."""
    wrapped = [one.text("value") or "0" for one in tree.messages(name)]
    text = wrapped[-1] if wrapped else tree.text(name)
    return int(text) if text is not None and text.lstrip("-").isdecimal() else None


def _line(file: ConfigFile, name: str) -> int:
    return file.tree.line_of(name) if file.tree else 1


def _allowed_sizes(file: ConfigFile) -> Iterator[Hit]:
    if file.tree is None:
        return
    sizes = [int(o.text) for o in file.tree.scalars("allowed_batch_sizes") if o.text.isdecimal()]
    most = wrapped_number(file.tree, "max_batch_size")
    place = file.at(_line(file, "allowed_batch_sizes"))
    if sizes and sizes[-1] != (most or DEFAULT_BATCH_SIZE):
        given = f"max_batch_size, {most}" if most else "max_batch_size, 1000 where it isn't given"
        message = f"allowed_batch_sizes ends with {sizes[-1]}, not with {given}."
        yield Hit(place, message, f"add {most or DEFAULT_BATCH_SIZE} as the last one.")
    if sizes != sorted(set(sizes)):
        message = f"allowed_batch_sizes doesn't rise: {', '.join(map(str, sizes))}."
        cause = "batches are padded to the first size that fits, which may be the largest."
        yield Hit(place, message, "sort them.", cause)


def _crashes(file: ConfigFile) -> Iterator[Hit]:
    if file.tree is None:
        return
    most = wrapped_number(file.tree, "max_batch_size")
    execution = wrapped_number(file.tree, "max_execution_batch_size")
    split = any(one.text("value") == "true" for one in _splitting(file.tree))
    if most == 0:
        yield _crash(file, "max_batch_size", "max_batch_size is 0.", "give at least 1.")
    if (wrapped_number(file.tree, "batch_timeout_micros") or 0) < 0:
        message = "batch_timeout_micros is below 0."
        yield _crash(file, "batch_timeout_micros", message, "give 0 or more.")
    if execution is not None and execution > (most or DEFAULT_BATCH_SIZE):
        message = f"max_execution_batch_size, {execution}, is above max_batch_size."
        yield _crash(file, "max_execution_batch_size", message, "lower it to max_batch_size.")
    if split and wrapped_number(file.tree, "max_enqueued_batches") == 0:
        message = "max_enqueued_batches is 0 while large batches are split."
        yield _crash(file, "max_enqueued_batches", message, "give at least 1.")
    if wrapped_number(file.tree, "num_batch_threads") == 0:
        place = file.at(_line(file, "num_batch_threads"))
        fix = "give at least 1, or leave it out for one thread a core."
        yield Hit(place, "num_batch_threads is 0.", fix, "the server ends at its start.")
    if split and most is None:
        message = "enable_large_batch_splitting is given without max_batch_size."
        cause = "the execution size becomes 0, and every request is answered with 503."
        place = file.at(_line(file, "enable_large_batch_splitting"))
        yield Hit(place, message, "add max_batch_size { value: ... }.", cause)


def _splitting(tree: Message) -> Iterator[Message]:
    return tree.messages("enable_large_batch_splitting")


def _crash(file: ConfigFile, name: str, message: str, fix: str) -> Hit:
    return Hit(file.at(_line(file, name)), message, fix)


def _long_wait(file: ConfigFile) -> Iterator[Hit]:
    wait = wrapped_number(file.tree, "batch_timeout_micros") if file.tree else None
    if wait is not None and wait >= _LONG_MICROS:
        message = f"batch_timeout_micros is {wait}: {wait / 1e6:g} seconds."
        fix = "start with 1000 to 10000, or 0, and measure; the unit is microseconds."
        yield Hit(file.at(_line(file, "batch_timeout_micros")), message, fix)


BATCHING_CHECKS: tuple[Check[ConfigFile], ...] = (
    Check(
        "TFD283",
        "error",
        "every load fails; the server tries for minutes and then ends.",
        _allowed_sizes,
    ),
    Check("TFD284", "error", "the server crashes (SIGSEGV) when it loads a model.", _crashes),
    Check(
        "TFD285", "warning", "a request that comes alone waits that long for others.", _long_wait
    ),
)
