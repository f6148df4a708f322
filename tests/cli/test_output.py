"""Where output can't go: a full disk, a reader that has gone, a stream that is closed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli

FULL = """\
error: Can't write to standard output: No space left on device.  [TFD211]
where: standard output
hint:  make room there, or send the output elsewhere.
"""


def shell(cli: Cli, line: str) -> tuple[int, str]:
    """Run ``line``, in which "$@" is the command; the exit code is the command's own."""
    done = subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}", "-", *cli.argv()],
        cwd=cli.cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["explain", "explain --json", "--help", "--version", "inspect m"])
def test_a_full_disk_is_one_error(cli: Cli, words: str) -> None:
    model = cli.cwd / "m" / "1"
    model.mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"\x12\x09\x0a\x07\x22\x05serve")
    assert shell(cli, f'"$@" {words} > /dev/full') == (2, FULL)


@pytest.mark.parametrize("words", ["explain", "explain --json", "--help"])
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_has_gone_is_no_error(cli: Cli, words: str, reader: str) -> None:
    assert shell(cli, f'"$@" {words} | {reader}') == (0, "")


@pytest.mark.parametrize("words", ["explain", "explain --json", "--help"])
def test_a_closed_stdout_is_no_error(cli: Cli, words: str) -> None:
    assert shell(cli, f'"$@" {words} >&-') == (0, "")


def test_a_closed_stderr_keeps_the_exit_code(cli: Cli) -> None:
    assert shell(cli, '"$@" explain TFD999 2>&-')[0] == 2
