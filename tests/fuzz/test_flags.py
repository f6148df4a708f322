"""The command line, against a model that asks C's own sscanf."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.flags_target import Refused, check_words, model
from tests.fuzz.profile import bounded
from tfdeploy.server.flags import FIELDS, BadFlagValue, parse_flags
from tfdeploy.server.session_config import session_config

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "sscanf"), reason="the model asks libc"),
]

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
_NUMBERS = st.integers(-(2**64), 2**64).map(str) | st.floats().map(str)
_VALUES = (
    _TEXT
    | _NUMBERS
    | st.text(" \t\v\x1f\xa0+-_.0123456789eEinfa٣９", max_size=8)
    | st.sampled_from(["true", "TRUE", "0", "1", "yes", "", "=", "a=1", "1_0", "1.", ".5", "1e"])
)
_WORDS = st.one_of(
    st.builds(lambda name, value: f"--{name}={value}", st.sampled_from(sorted(FIELDS)), _VALUES),
    st.builds(lambda name: f"--{name}", st.sampled_from(sorted(FIELDS))),
    st.builds(lambda name: f"-{name}=1", st.sampled_from(sorted(FIELDS))),
    st.sampled_from(["--", "-", "", "--help", "--=", "--=1", "--port"]),
    _TEXT,
)


@bounded(400)
@given(st.lists(_WORDS, max_size=4))
def test_any_words_give_flags_or_a_bad_value(words: list[str]) -> None:
    check_words(words)


@pytest.mark.parametrize("text", ["1_0", "\xa05", "\x1f5", "٣", "", "+", "."])
def test_numbers_that_only_python_reads(text: str) -> None:
    for name in ("port", "load_retry_interval_micros", "per_process_gpu_memory_fraction"):
        with pytest.raises(BadFlagValue):
            parse_flags([f"--{name}={text}"])
        with pytest.raises(Refused):
            model([f"--{name}={text}"])


@pytest.mark.parametrize(
    ("number", "stored"), [(2**31, -(2**31)), (99999999999, 1215752191), (7, 7)]
)
def test_parallelism_is_cast_as_the_original_does(number: int, stored: int) -> None:
    flags, _ = parse_flags([f"--tensorflow_intra_op_parallelism={number}"])
    assert session_config(flags).intra_op_parallelism_threads == stored
