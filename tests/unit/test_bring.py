"""A model that lies elsewhere comes into the models root whole, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.stack.bring import bring_model, path_below

# saved_model.pb of a graph with the tag `serve` and no signatures.
GRAPH = b"\x12\x09\x0a\x07\x22\x05serve"


def saved(folder: Path, weights: bytes = b"w") -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(GRAPH)
    (folder / "variables" / "variables.index").write_bytes(b"i")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(weights)
    return folder


def brought(source: Path, base_path: Path) -> list[str]:
    versions = bring_model(source, base_path)
    assert all(version.path == base_path / str(version.number) for version in versions)
    assert not list(base_path.glob(".tmp*"))
    return [version.path.name for version in versions]


def refusal(source: Path, base_path: Path) -> TfdeployError:
    before = sorted(base_path.rglob("*"))
    with pytest.raises(TfdeployError) as caught:
        bring_model(source, base_path)
    assert sorted(base_path.rglob("*")) == before
    return caught.value


def test_every_version_of_a_base_path_comes(tmp_path: Path) -> None:
    for number in (3, 10):
        saved(tmp_path / "trained" / str(number))
    assert brought(tmp_path / "trained", tmp_path / "models" / "m") == ["3", "10"]
    weights = tmp_path / "models/m/10/variables/variables.data-00000-of-00001"
    assert weights.read_bytes() == b"w"


@pytest.mark.parametrize(
    ("name", "number"), [("7", "7"), ("export", "3"), ("v5", "3"), ("-4", "3")]
)
def test_a_bare_savedmodel_keeps_its_number_or_gets_the_next(
    tmp_path: Path, name: str, number: str
) -> None:
    saved(tmp_path / "m" / "2", b"other")
    assert brought(saved(tmp_path / name), tmp_path / "m") == [number]


def test_what_is_written_over_the_source_later_changes_nothing(tmp_path: Path) -> None:
    source = saved(tmp_path / "1")
    brought(source, tmp_path / "m")
    with (source / "variables" / "variables.index").open("r+b") as file:
        file.write(b"new")
    assert (tmp_path / "m" / "1" / "variables" / "variables.index").read_bytes() == b"i"


def test_the_source_keeps_its_modes(tmp_path: Path) -> None:
    source = saved(tmp_path / "1")
    (source / "saved_model.pb").chmod(0o600)
    brought(source, tmp_path / "m")
    assert (source / "saved_model.pb").stat().st_mode & 0o777 == 0o600


def test_what_is_brought_may_be_read_by_everybody(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        source = saved(tmp_path / "1")
        brought(source, tmp_path / "m")
    finally:
        os.umask(old)
    for path in [tmp_path / "m" / "1", *(tmp_path / "m" / "1").rglob("*")]:
        assert path.stat().st_mode & (0o555 if path.is_dir() else 0o444) in (0o555, 0o444)


def test_the_same_model_again_changes_nothing(tmp_path: Path) -> None:
    source = saved(tmp_path / "7")
    assert brought(source, tmp_path / "m") == ["7"]
    assert brought(source, tmp_path / "m") == []
    assert brought(saved(tmp_path / "export"), tmp_path / "m") == []
    assert brought(tmp_path / "m" / "7", tmp_path / "m") == []


def test_a_new_version_beside_known_ones_comes_alone(tmp_path: Path) -> None:
    saved(tmp_path / "trained" / "1")
    brought(tmp_path / "trained", tmp_path / "m")
    saved(tmp_path / "trained" / "2")
    assert brought(tmp_path / "trained", tmp_path / "m") == ["2"]


@pytest.mark.parametrize("weights", [b"longer", b"v"])
def test_a_number_that_another_model_has_is_refused_before_anything_comes(
    tmp_path: Path, weights: bytes
) -> None:
    """Weights trained anew often have the same graph and the same size."""
    saved(tmp_path / "m" / "2", weights)
    saved(tmp_path / "trained" / "1")
    saved(tmp_path / "trained" / "2")
    for source in (tmp_path / "trained", tmp_path / "trained" / "2"):
        error = refusal(source, tmp_path / "m")
        assert (error.code, error.where) == ("TFD105", str(tmp_path / "m" / "2"))


def test_weights_trained_anew_get_the_next_number(tmp_path: Path) -> None:
    assert brought(saved(tmp_path / "a" / "export", b"1"), tmp_path / "m") == ["1"]
    assert brought(saved(tmp_path / "b" / "export", b"2"), tmp_path / "m") == ["2"]


@pytest.mark.parametrize(
    ("made", "code"),
    [("nothing", "TFD110"), ("empty", "TFD113"), ("named", "TFD114"), ("broken", "TFD111")],
)
def test_what_is_no_model_is_refused(tmp_path: Path, made: str, code: str) -> None:
    source = tmp_path / "source"
    if made != "nothing":
        source.mkdir()
    if made == "named":
        saved(source / "v1")
    if made == "broken":
        (saved(source / "1") / "saved_model.pb").write_bytes(GRAPH[:4])
    assert refusal(source, tmp_path / "m").code == code


def test_a_broken_bare_savedmodel_is_refused(tmp_path: Path) -> None:
    source = saved(tmp_path / "export")
    (source / "variables" / "variables.index").unlink()
    assert refusal(source, tmp_path / "m").code == "TFD111"


def test_a_file_that_cant_be_copied_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    source = saved(tmp_path / "1")
    (source / "assets").symlink_to(tmp_path / "gone")
    error = refusal(source, tmp_path / "m")
    assert error.code == "TFD111"
    assert error.where == str(source / "assets")
    assert error.message.endswith(": No such file or directory.")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_is_full_isnt_the_models_fault(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: str, target: str, **_: object) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    monkeypatch.setattr(shutil, "copyfile", fail)
    error = refusal(saved(tmp_path / "1"), tmp_path / "m")
    assert (error.code, error.where) == ("TFD211", str(tmp_path / "m" / "1"))
    assert error.message.endswith(f": {os.strerror(number)}.")
    assert not (tmp_path / "m").exists()


def test_no_version_comes_when_one_cant(tmp_path: Path) -> None:
    saved(tmp_path / "trained" / "1")
    (saved(tmp_path / "trained" / "2") / "assets").symlink_to(tmp_path / "gone")
    assert refusal(tmp_path / "trained", tmp_path / "m").code == "TFD111"


def test_a_keras_file_is_to_be_exported_first(tmp_path: Path) -> None:
    (tmp_path / "reg.keras").write_bytes(b"")
    error = refusal(tmp_path / "reg.keras", tmp_path / "models" / "reg")
    command = f"tfdeploy export {tmp_path}/reg.keras --name reg --to {tmp_path}/models"
    assert (error.code, error.hint) == ("TFD110", f"export it first: `{command}`.")


def test_a_models_root_that_cant_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refusal(saved(tmp_path / "1"), tmp_path / "file" / "m")
    assert error.code == "TFD211"


def test_a_path_inside_the_models_root_is_named_by_its_own_path(tmp_path: Path) -> None:
    root = tmp_path / "models"
    (root / "far" / "m").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    assert path_below(root / "far" / "m", root) == "far/m"
    assert path_below(tmp_path / "link" / "far", root) == "far"
    assert path_below(root, root) is None
    assert path_below(tmp_path / "elsewhere", root) is None
    assert path_below(tmp_path / "models2", root) is None
