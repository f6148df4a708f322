"""One round of looking for versions: all base paths, or none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.server.catalog import Catalog
from tfdeploy.server.lifecycle import Lifecycle, RetryPolicy
from tfdeploy.server.source import Source

pytestmark = pytest.mark.timeout(10)


class Aspired(Lifecycle):
    """Notes what is aspired, in order."""

    def __init__(self) -> None:
        super().__init__(Catalog(), RetryPolicy(0, 0))
        self.calls: list[tuple[str, list[int]]] = []

    def aspire(self, name: str, wanted: Mapping[int, str], forget: bool = False) -> None:
        self.calls.append((name, sorted(wanted)))


def models(*places: tuple[str, Path]) -> list[Any]:
    return [wire.ModelConfig(name=name, base_path=str(path)) for name, path in places]


def look(*places: tuple[str, Path]) -> list[tuple[str, list[int]]]:
    lifecycle = Aspired()
    source = Source(lifecycle, 0)
    source.configure(models(*places), set())
    source.look()
    return lifecycle.calls


def test_models_are_aspired_by_name(tmp_path: Path) -> None:
    for version in ("b/1", "a/2"):
        (tmp_path / version).mkdir(parents=True)
    found = look(("b", tmp_path / "b"), ("a", tmp_path / "a"))
    assert found == [("a", [2]), ("b", [1])]


def test_a_missing_base_path_leaves_all_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a" / "1").mkdir(parents=True)
    assert look(("a", tmp_path / "a"), ("ghost", tmp_path / "ghost")) == []
