"""The command line is read as the real server reads it."""

import math

import pytest

from tfdeploy.server.flags import (
    FIELDS,
    BadFlagValue,
    parse_flags,
    render_usage,
    unused_flags,
)

pytestmark = pytest.mark.timeout(10)
OWN_FLAGS = {"drain_seconds", "engine", "join_requests", "workers"}


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
        ("--enable_batching=TrUe", True),
        ("--enable_batching=1", True),
        ("--enable_batching=False", False),
        ("--enable_batching=0", False),
    ],
)
def test_bool_forms(word: str, value: bool) -> None:
    assert parse_flags([word])[0].enable_batching is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        (" \t5\n", 5),
        ("+5", 5),
        ("-5", -5),
        ("-0", 0),
        ("010", 10),
        ("0" * 30 + "7", 7),
        ("2147483647", 2147483647),
        ("-2147483648", -2147483648),
    ],
)
def test_int32_forms(text: str, value: int) -> None:
    assert parse_flags([f"--port={text}"])[0].port == value


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_int64_limits(value: int) -> None:
    flags, _ = parse_flags([f"--load_retry_interval_micros={value}"])
    assert flags.load_retry_interval_micros == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" 0.5 ", 0.5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1.e5", 1e5),
        ("0x1p-1", 0.5),
        ("-0X.8", -0.5),
        ("0x10", 16.0),
        ("1e400", math.inf),
        ("-0x1p5000", -math.inf),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_float_forms(text: str, value: float) -> None:
    flags, _ = parse_flags([f"--per_process_gpu_memory_fraction={text}"])
    assert flags.per_process_gpu_memory_fraction == value


@pytest.mark.parametrize("text", ["nan", "-NaN", "nan()", "nan(a_1)"])
def test_float_may_be_no_number(text: str) -> None:
    flags, _ = parse_flags([f"--per_process_gpu_memory_fraction={text}"])
    assert math.isnan(flags.per_process_gpu_memory_fraction)


def test_last_of_repeated_flags_wins() -> None:
    assert parse_flags(["--port=1", "--port=2"])[0].port == 2


BAD_BOOLS = ("maybe", "", "yes", "on", "t", "01", " true")
BAD_INTS = ("abc", "1.5", "1e3", "", " ", "1_0", "0x10", "+-5", "- 5", "5 6", "٣", "99999999999")
BAD_FLOATS = ("half", "", "1f", "1e", "e5", ".", "+-1", "1,5", "1_0", "0x", "0x1p", "infin", "nan(")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("enable_batching", text) for text in BAD_BOOLS),
        *(("port", text) for text in (*BAD_INTS, "2147483648", "-2147483649")),
        *(("load_retry_interval_micros", text) for text in (*BAD_INTS[:-1], str(2**63))),
        *(("per_process_gpu_memory_fraction", text) for text in BAD_FLOATS),
    ],
)
def test_bad_value(name: str, text: str) -> None:
    with pytest.raises(BadFlagValue) as caught:
        parse_flags([f"--{name}={text}"])
    assert str(caught.value) == f"Couldn't interpret value {text} for flag {name}."


def test_every_bad_value_is_logged(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with pytest.raises(BadFlagValue):
        parse_flags(["--port=x", "--port=1", "--enable_batching=y"])
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in lines] == [
        "Couldn't interpret value x for flag port.",
        "Couldn't interpret value y for flag enable_batching.",
    ]


@pytest.mark.parametrize(
    "word",
    [
        *("stray", "", "-port=1", "---port=1", "--PORT=1", "--nope=1", "--port", "--port:1"),
        *("--noenable_batching", "--enable_batchingx", "--model-name=x", "--help", "--model_name"),
    ],
)
def test_unknown_words_are_reported_and_skipped(word: str) -> None:
    flags, unknown = parse_flags([word, "--model_name=m"])
    assert unknown == [word]
    assert flags.model_name == "m"


def test_two_dashes_end_the_flags() -> None:
    flags, unknown = parse_flags(["--", "--port=1"])
    assert flags.port == 8500
    assert unknown == ["--", "--port=1"]


def test_a_bool_takes_no_second_word() -> None:
    flags, unknown = parse_flags(["--enable_batching", "false"])
    assert flags.enable_batching
    assert unknown == ["false"]


@pytest.mark.parametrize(("text", "value"), [("", ""), (" a b ", " a b "), ("a=b", "a=b")])
def test_strings_are_taken_as_they_are(text: str, value: str) -> None:
    assert parse_flags([f"--model_name={text}"])[0].model_name == value


def test_usage_names_every_flag() -> None:
    usage = render_usage("tensorflow_model_server")
    assert all(f"\t--{name}=" in usage for name in FIELDS)


@pytest.mark.parametrize(
    "line",
    [
        "\t--port=8500                      \tint32\t",
        '\t--model_name="default"           \tstring\t',
        "\t--enable_model_warmup=true       \tbool\t",
        "\t--per_process_gpu_memory_fraction=0.000000\tfloat\t",
    ],
)
def test_usage_shows_default_and_type(line: str) -> None:
    assert line in render_usage("tensorflow_model_server")


def test_unused_flags_are_told_when_set() -> None:
    flags, _ = parse_flags(["--prefer_tflite_model=true", "--port=1"])
    assert unused_flags(flags).keys() == {"prefer_tflite_model"}
