"""Every line of the table is recognised where it was really written, and nothing goes astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serverlog.lines import LINES
from tfdeploy.errors import CATALOGUE
from tfdeploy.serverlog import Ending, cause_of, read_gpu_log, read_log, why_ended, why_failed
from tfdeploy.serverlog.known import Known, Matters, Tells
from tfdeploy.serverlog.matching import MOST_CHARACTERS, match_line
from tfdeploy.serverlog.program_lines import ENDINGS, OUT_OF_MEMORY
from tfdeploy.serverlog.table import CARRIERS, TABLE

SAMPLES = [(code, line) for code, lines in LINES.items() for line in lines]
STARTS = ["CUDA_ERROR_", "failed call to cuInit: ", "{name: ", "unknown argument: --", "a.b.Error"]


@pytest.mark.parametrize(("code", "line"), SAMPLES)
def test_a_real_line_is_recognised_under_its_code(code: str, line: str) -> None:
    match = match_line(line)
    assert match is not None
    assert match.known.code == code
    assert match.means.endswith((".", "?", "!"))
    assert "{" not in match.fix.replace("{ value: ", "").replace("{{", "")


def test_every_entry_has_a_line_that_was_really_written() -> None:
    seen = [match.known for _, line in SAMPLES if (match := match_line(line))]
    missing = [known.pattern for known in (*TABLE, *CARRIERS) if known not in seen]
    assert missing == []


@pytest.mark.parametrize("known", [*TABLE, *CARRIERS, *ENDINGS.values(), OUT_OF_MEMORY])
def test_every_entry_says_what_to_do_under_a_code_that_is_explained(known: Known) -> None:
    assert known.source
    assert known.means
    if known.matters is Matters.NEVER:
        assert (known.code, known.fix, known.tells) == ("", "", Tells.NOTHING)
    else:
        assert known.code in CATALOGUE
        assert known.fix.endswith(".")


@pytest.mark.parametrize(
    ("line", "about", "says"),
    [
        (LINES["TFD112"][0], "hp", "no folder /m/does_not_exist;"),
        (LINES["TFD113"][0], "hp", "The folder /m/empty has no version"),
        (LINES["TFD113"][1], "hp 9", "its folder isn't there"),
        (LINES["TFD111"][1], "m 3", "/m/corrupt/1/saved_model.pb is cut short"),
        (LINES["TFD111"][2], "m 3", "just the tags 'gpu'"),
        (LINES["TFD259"][0], "", "The flag --rest_api_num_threads can't take '1.5'"),
        (LINES["TFD274"][2], "hp", "can't change while it is served"),
        (LINES["TFD403"][0], "", "another program has 0.0.0.0:8500."),
        (LINES["TFD410"][3], "m 3", "loaded: UNKNOWN: something that nobody has seen."),
        (LINES["TFD495"][0], "", "cuDNN 9.1.0 is loaded, and the server was built for 9.3.0."),
        (LINES["TFD311"][0], "", "hasn't 3.81G free"),
        (LINES["TFD314"][0], "", "compute capability 9.0:"),
        (LINES["TFD494"][2], "", "(c->in_use() &&"),
    ],
)
def test_the_meaning_names_what_the_line_names(line: str, about: str, says: str) -> None:
    match = match_line(line)
    assert match is not None
    assert match.about == about
    assert says in match.means


def test_one_failure_told_by_several_lines_is_one_finding() -> None:
    lines = [LINES["TFD111"][1], LINES["TFD110"][0], LINES["TFD111"][1].replace("m v", "n v")]
    reading = read_log(
        ["noise", *lines, "[evhttp_server.cc : 250] NET_LOG: Entering the event loop"]
    )
    first, second, third = reading.findings
    assert (first.code, first.count, first.about) == ("TFD111", 2, ["m 3", "n 3"])
    assert first.first and first.last
    assert (first.first.line, first.last.line) == (2, 4)
    assert (second.code, third.code, third.harmless) == ("TFD110", "", True)
    assert reading.lines == 5
    assert [one.code for one in reading.problems] == ["TFD111", "TFD110"]


@pytest.mark.parametrize(
    ("line", "stamp"),
    [
        ("2026-01-02 03:04:05.6: W x.cc:1] Segmentation fault", "2026-01-02 03:04:05"),
        ("serving-1  | 2026-01-02T03:04:05Z Segmentation fault", "2026-01-02 03:04:05"),
        ("E0000 00:00:1767323045.12 7 x.cc:1] Segmentation fault", "2026-01-02 03:04:05"),
        ("Segmentation fault", "line 1"),
    ],
)
def test_a_line_tells_when_it_came(line: str, stamp: str) -> None:
    (found,) = read_log([line]).findings
    assert str(found.first) == stamp


@pytest.mark.parametrize(
    ("line", "for_gpu", "for_cpu", "unknown"),
    [
        (LINES["TFD291"][1], False, True, False),
        (LINES["TFD291"][5], False, True, True),
        (LINES["TFD493"][0], False, False, False),
        (LINES[""][2], True, True, True),
    ],
)
def test_whether_a_line_matters_goes_by_what_the_service_asked_for(
    line: str, for_gpu: bool, for_cpu: bool, unknown: bool
) -> None:
    read = [read_log([line], wants).findings[0].harmless for wants in (True, False, None)]
    assert read == [for_gpu, for_cpu, unknown]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Ending(132), "TFD491"),
        (Ending(137), "TFD493"),
        (Ending(137, out_of_memory=True), "TFD493"),
        (Ending(139), "TFD494"),
        (Ending(255), None),
        (Ending(0), None),
        (Ending(), None),
    ],
)
def test_an_exit_code_is_a_finding_and_a_cause(ending: Ending, code: str | None) -> None:
    found = [one.code for one in read_log(["noise"], ending=ending).findings]
    assert found == ([code] if code else [])
    assert why_failed(["noise"], ending=ending).code == (code or "")


def test_a_line_that_tells_more_goes_before_an_exit_code_but_not_before_a_kill() -> None:
    failed = LINES["TFD111"][1]
    endings = (Ending(139), Ending(137, out_of_memory=True))
    codes = [why_failed([failed], ending=ending).code for ending in endings]
    assert codes == ["TFD111", "TFD493"]


def test_a_hint_names_the_code() -> None:
    cause = why_failed([LINES["TFD491"][0]])
    assert cause.hint.endswith("(`tfdeploy explain TFD491`).")
    assert cause.explain("It ended.").startswith("It ended. The server uses instructions")


@pytest.mark.parametrize("lines", [LINES["TFD410"], LINES["TFD490"], LINES["TFD411"]])
def test_a_reason_that_is_none_known_adds_nothing_to_the_servers_words(lines: list[str]) -> None:
    cause = why_failed(lines)
    assert cause.why
    assert (cause.means, cause.hint, cause.explain("x")) == ("", "", "x")
    assert not why_failed(["noise"])
    assert not cause_of("noise")
    assert not cause_of(LINES[""][2])


def test_an_answer_is_explained_though_it_tells_nothing_of_a_failed_start() -> None:
    assert cause_of(LINES["TFD214"][1]).code == "TFD214"
    assert not why_failed([LINES["TFD214"][1]])


@given(
    st.lists(
        st.text()
        | st.sampled_from([line for _, line in SAMPLES]).flatmap(
            lambda line: st.text().map(lambda more: more + line + more)
        )
    )
)
def test_any_text_is_read(lines: list[str]) -> None:
    reading = read_log(lines)
    assert reading.lines == len(lines)
    assert sum(one.count for one in reading.findings) <= len(lines)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("filling", ["a", "{name: ", "A.", " ", "/a; ", "Error", "device:GPU"])
def test_a_line_without_end_is_read_once_and_cut(start: str, filling: str) -> None:
    line = start + filling * 200_000
    found = read_log([line] * 3).findings
    assert all(one.count == 3 for one in found)
    assert len(found) <= 1
    assert all(len(one.means) < MOST_CHARACTERS for one in found)


LOADED = "I x.cc:1] Successfully loaded servable version {name: m version: 2}"
UP = "I x.cc:1] Running gRPC ModelServer at 0.0.0.0:8500 ..."
FAILED = LINES["TFD111"][1]
CRASHED = LINES["TFD494"][0]
NOT_STARTED = LINES["TFD410"][-1]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([FAILED], "TFD111"),
        ([LOADED, FAILED], "TFD111"),
        ([FAILED, LOADED], ""),
        ([LOADED, UP, FAILED], ""),
        ([FAILED, LOADED, UP, CRASHED], "TFD494"),
        ([LOADED, UP, FAILED, CRASHED], "TFD494"),
        ([LOADED, UP, CRASHED, FAILED, NOT_STARTED], "TFD111"),
        ([UP, *["noise"] * 5000], ""),
    ],
)
def test_why_a_server_ended_is_not_what_it_went_on_with(lines: list[str], code: str) -> None:
    assert why_ended(lines).code == code


def test_a_kill_that_was_not_for_memory_says_so_with_its_exit_code() -> None:
    (found,) = read_log([], ending=Ending(137)).findings
    assert "not for its container's memory limit" in found.means
    assert "dmesg" in found.fix
    assert (found.exit_code, found.as_data()["exit_code"]) == (137, 137)
    (found,) = read_log([], ending=Ending(137, out_of_memory=True)).findings
    assert "memory limit, for which the kernel killed it" in found.means


@pytest.mark.parametrize(
    ("runtime", "says", "leaves_out"),
    [
        ("docker", "--gpus device=0", "CUDA_VISIBLE_DEVICES"),
        ("process", "CUDA_VISIBLE_DEVICES", "container"),
        ("", "CUDA_VISIBLE_DEVICES", "give the container"),
    ],
)
def test_how_to_give_a_gpu_goes_by_where_the_server_runs(
    runtime: str, says: str, leaves_out: str
) -> None:
    lines = [LINES["TFD291"][1]]
    (found,) = read_log(lines, runtime=runtime).findings
    assert says in found.fix
    assert leaves_out not in f"{found.means} {found.fix}"
    assert read_gpu_log(lines, runtime).cause.fix == found.fix


def test_colours_do_not_hide_a_line() -> None:
    coloured = f"\x1b[1;31m2026-01-02 03:04:05.6: E x.cc:1]\x1b[0m {LINES['TFD259'][0]}\x1b[m"
    (found,) = read_log([coloured]).findings
    assert (found.code, str(found.first)) == ("TFD259", "2026-01-02 03:04:05")
    assert "\x1b" not in found.line


def test_a_finding_names_a_few_of_many_models() -> None:
    lines = [FAILED.replace("m v", f"m{number} v") for number in range(1030)]
    (found,) = read_log(lines).findings
    assert len(found.about) == 1030
    assert "m19 3 and 1,010 more: " in str(found)
