"""Folder names are read as version numbers, and policies choose among them."""

from pathlib import Path

import pytest

from tfdeploy import wire
from tfdeploy.server.version_folders import (
    BasePathError,
    aspired_versions,
    list_versions,
    parse_version_name,
)

pytestmark = pytest.mark.timeout(10)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1", 1),
        ("007", 7),
        ("+3", 3),
        ("-1", -1),
        (" 5 ", 5),
        ("00000000000000000000012", 12),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("1.5", None),
        ("v1", None),
        ("1_0", None),
        ("0x1", None),
        ("", None),
        ("-", None),
        ("٣", None),
    ],
)
def test_names(name: str, number: int | None) -> None:
    assert parse_version_name(name) == number


def policy(text: str = "") -> object:
    return wire.parse_text(wire.ServableVersionPolicy, text)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", [3]),
        ("latest {}", [3]),
        ("latest { num_versions: 2 }", [3, 2]),
        ("all {}", [1, 2, 3]),
        ("specific { versions: [1, 9] }", [1]),
        ("specific {}", []),
    ],
)
def test_policies(tmp_path: Path, text: str, chosen: list[int]) -> None:
    for number in ("1", "2", "3", "draft"):
        (tmp_path / number).mkdir()
    versions = aspired_versions("m", str(tmp_path), policy(text))
    assert sorted(versions) == sorted(chosen)


def test_last_of_two_names_for_one_number_wins(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "007").mkdir()
    assert list_versions("m", str(tmp_path)) == {7: str(tmp_path / "7")}


def test_a_plain_file_counts_as_a_version(tmp_path: Path) -> None:
    (tmp_path / "9").write_text("")
    assert list(list_versions("m", f"file://{tmp_path}/")) == [9]


def test_missing_base_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BasePathError, match="for servable m with error"):
        list_versions("m", str(tmp_path / "nope"))


def test_base_path_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(BasePathError) as caught:
        list_versions("m", str(tmp_path / "plain"))
    assert str(caught.value) == f"{tmp_path}/plain; Not a directory"
