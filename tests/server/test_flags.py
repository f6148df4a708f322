"""The command line is read as the real server reads it."""

import pytest

from tfdeploy.server.flags import (
    FIELDS,
    BadFlagValue,
    parse_flags,
    render_usage,
    unused_flags,
)

pytestmark = pytest.mark.timeout(10)
OWN_FLAGS = {"engine", "drain_seconds"}


def test_all_48_flags_are_known() -> None:
    assert len(FIELDS.keys() - OWN_FLAGS) == 48


def test_defaults_when_nothing_is_given() -> None:
    flags, unknown = parse_flags([])
    assert (flags.port, flags.rest_api_port, flags.model_name) == (8500, 0, "default")
    assert not unknown


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("--enable_batching", True),
        ("--enable_batching=true", True),
        ("--enable_batching=TRUE", True),
        ("--enable_batching=1", True),
        ("--enable_batching=False", False),
        ("--enable_batching=0", False),
    ],
)
def test_bool_forms(word: str, value: bool) -> None:
    assert parse_flags([word])[0].enable_batching is value


def test_last_of_repeated_flags_wins() -> None:
    assert parse_flags(["--port=1", "--port=2"])[0].port == 2


@pytest.mark.parametrize(
    "word",
    [
        "--enable_batching=maybe",
        "--enable_batching=",
        "--port=abc",
        "--port=1.5",
        "--port=",
        "--port=1_0",
        "--port=5 ",
        "--port=99999999999",
        "--per_process_gpu_memory_fraction=half",
    ],
)
def test_bad_value(word: str) -> None:
    with pytest.raises(BadFlagValue):
        parse_flags([word])


@pytest.mark.parametrize(
    "word",
    ["stray", "-port=1", "--nope=1", "--noenable_batching", "--model-name=x", "--port", "--help"],
)
def test_unknown_words_are_reported_and_skipped(word: str) -> None:
    flags, unknown = parse_flags([word, "--model_name=m"])
    assert unknown == [word]
    assert flags.model_name == "m"


def test_two_dashes_end_the_flags() -> None:
    flags, unknown = parse_flags(["--", "--port=1"])
    assert flags.port == 8500
    assert unknown == ["--port=1"]


def test_value_may_hold_an_equals_sign() -> None:
    assert parse_flags(["--grpc_channel_arguments=a=1"])[0].grpc_channel_arguments == "a=1"


def test_usage_names_every_flag() -> None:
    usage = render_usage("tensorflow_model_server")
    assert all(f"--{name}=" in usage for name in FIELDS)


def test_unused_flags_are_told_when_set() -> None:
    flags, _ = parse_flags(["--prefer_tflite_model=true", "--port=1"])
    assert unused_flags(flags).keys() == {"prefer_tflite_model"}
