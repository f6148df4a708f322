"""A version appears whole or not at all, under a number that nobody had."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting import ImageFront, Recipe, SignatureRecipe
from tfdeploy.exporting.verify import wait_for_folder
from tfdeploy.savedmodel import check_base_path, list_versions, read_manifest, read_saved_model

KILLED = """
import os, signal, sys
from pathlib import Path
from tfdeploy.exporting import Options, Recipe, export

def report(message):
    if message.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

options = Options(verify=sys.argv[4] == "verify")
export(Recipe(sys.argv[1]), name="m", to=Path(sys.argv[2]), options=options, report=report)
"""


def numbers(base_path: Path) -> list[int]:
    return [version.number for version in list_versions(base_path)]


def test_versions_count_up_and_are_open_to_every_reader(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    mask = os.umask(0o077)
    try:
        for expected in (1, 2):
            exported = publish(digits_folder, tmp_path, verify=False)
            assert exported.version == expected
    finally:
        os.umask(mask)
    for path in [exported.path, *exported.path.rglob("*")]:
        assert path.stat().st_mode & 0o444 == 0o444
    assert publish(digits_folder, tmp_path, version=40, verify=False).version == 40
    assert publish(digits_folder, tmp_path, verify=False).version == 41
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "2", "40", "41"]


def test_a_version_is_never_overwritten(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "m" / "007").mkdir(parents=True)
    with pytest.raises(TfdeployError) as caught:
        publish(digits_folder, tmp_path, version=7, verify=False)
    assert caught.value.code == "TFD105"
    assert caught.value.where.endswith("007")
    assert list((tmp_path / "m" / "007").iterdir()) == []


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_numbers_that_are_no_version(
    publish: Callable[..., Any], version: int, tmp_path: Path
) -> None:
    with pytest.raises(TfdeployError) as caught:
        publish("absent", tmp_path, version=version)
    assert caught.value.code == "TFD216"


@pytest.mark.parametrize("name", ["", "a/b", "a:b", ".hidden", "..", "a b", "a+b", "modèle", "a\n"])
def test_names_that_are_no_address(publish: Callable[..., Any], name: str, tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        publish("absent", tmp_path, name=name)
    assert caught.value.code == "TFD216"


def test_who_comes_second_gets_the_next_number(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    def somebody_is_faster(message: str) -> None:
        if message == "publishing":
            for number in ("1", "2"):
                (tmp_path / "m" / number).mkdir()
                (tmp_path / "m" / number / "theirs").touch()

    exported = publish(digits_folder, tmp_path, verify=False, report=somebody_is_faster)
    assert exported.version == 3
    assert (tmp_path / "m" / "1" / "theirs").exists()


def test_eight_at_once_get_eight_numbers(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    def run(_: int) -> int:
        return int(publish(digits_folder, tmp_path, verify=False).version)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(run, range(8))) == list(range(1, 9))
    assert check_base_path(tmp_path / "m") == []


def test_who_asked_for_a_number_and_comes_second_is_refused(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    def somebody_is_faster(message: str) -> None:
        if message == "publishing":
            (tmp_path / "m" / "5").mkdir()

    with pytest.raises(TfdeployError) as caught:
        publish(digits_folder, tmp_path, version=5, verify=False, report=somebody_is_faster)
    assert caught.value.code == "TFD105"
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["5"]


def test_a_change_of_contract_is_told_and_refused(
    publish: Callable[..., Any], digits_file: Path, digits_folder: Path, tmp_path: Path
) -> None:
    publish(digits_folder, tmp_path, verify=False)
    with pytest.raises(TfdeployError) as caught:
        publish(digits_file, tmp_path, image=ImageFront(), verify=False)
    assert {one.code for one in caught.value.all()} == {"TFD117"}
    assert "image_bytes" in " ".join(one.message for one in caught.value.all())
    assert "--allow-contract-change" in caught.value.all()[0].hint
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["1"]
    said: list[str] = []
    done = publish(
        digits_file,
        tmp_path,
        image=ImageFront(),
        verify=False,
        allow_contract_change=True,
        report=said.append,
    )
    assert done.version == 2
    assert any(line.startswith("since version 1: ") and "image_bytes" in line for line in said)


def test_one_more_signature_is_no_change_of_contract(
    publish: Callable[..., Any], digits_file: Path, digits_folder: Path, tmp_path: Path
) -> None:
    publish(digits_folder, tmp_path, verify=False)
    wanted = {"pictures": SignatureRecipe(fronts=(ImageFront(),))}
    recipe = Recipe(str(digits_file), wanted)
    done = publish(digits_file, tmp_path, recipe=recipe, verify=False)
    assert set(done.saved_model.signatures) == {"pictures", "serving_default"}
    assert list(done.saved_model.signatures["serving_default"].inputs) == ["pixels"]


def test_where_a_version_came_from_lies_beside_it(
    publish: Callable[..., Any], digits_file: Path, tmp_path: Path
) -> None:
    recipe = Recipe(str(digits_file), tags=("champion",))
    path = publish(digits_file, tmp_path, recipe=recipe, verify=False).path
    found = read_manifest(path)
    assert found is not None
    assert found["source"] == str(digits_file)
    assert found["source_sha256"] == hashlib.sha256(digits_file.read_bytes()).hexdigest()
    assert found["tags"] == ["champion"]
    assert found["signatures"]["serving_default"]["inputs"] == ["pixels: float32[?, 8, 8, 1]"]
    assert "Conv2D" in found["ops"] and found["tensorflow"] and found["keras"]


def test_a_text_form_is_written_and_served(
    publish: Callable[..., Any],
    digits: Any,
    digits_file: Path,
    tmp_path: Path,
    answer: Callable[..., Any],
) -> None:
    path = publish(digits_file, tmp_path, as_text=True, verify=False).path
    assert (path / "saved_model.pbtxt").is_file() and not (path / "saved_model.pb").exists()
    pixels = np.random.default_rng(1).random((2, 8, 8, 1), np.float32)
    expected = digits(pixels, training=False).numpy()
    np.testing.assert_allclose(answer(path, pixels=pixels)["scores"], expected, rtol=1e-5)


def test_an_interrupt_leaves_nothing(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    def interrupt(message: str) -> None:
        if message == "publishing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(digits_folder, tmp_path, verify=False, report=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "verify"),
    [("copying", "no"), ("publishing", "no"), ("trying", "verify")],
)
def test_kill_9_leaves_no_half_version(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path, moment: str, verify: str
) -> None:
    arguments = [str(digits_folder), str(tmp_path), moment, verify]
    done = processes.run([sys.executable, "-c", KILLED, *arguments])
    assert done.exit_code == -signal.SIGKILL
    assert numbers(tmp_path / "m") == []
    assert [error.code for error in check_base_path(tmp_path / "m")] == ["TFD113"]
    assert publish(digits_folder, tmp_path, verify=False).version == 1
    assert check_base_path(tmp_path / "m") == []


def test_killed_at_twenty_random_moments_no_version_is_half_there(
    publish: Callable[..., Any], digits_file: Path, tmp_path: Path
) -> None:
    words = [str(digits_file), str(tmp_path), "20"]
    done = processes.run([sys.executable, str(Path(__file__).parent / "killed.py"), *words])
    assert done.exit_code == 0, done.stderr[-2000:]
    rounds = json.loads(done.stdout.splitlines()[-1])["rounds"]
    killed = [one for one in rounds if not one["ended"]]
    # Some were killed while files were being written, not all before or after it.
    assert len(killed) >= 5, rounds
    assert [name for name in rounds[-1]["names"] if name.startswith(".tmp-")], rounds
    for version in list_versions(tmp_path / "m"):
        read_saved_model(version.path)
        assert (version.path / "variables" / "variables.index").is_file()
    assert check_base_path(tmp_path / "m") == []
    highest = list_versions(tmp_path / "m")[-1].number
    assert publish(digits_file, tmp_path).version == highest + 1


def test_a_scratch_folder_of_old_is_pointed_out(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "m" / ".tmp-1-old", tmp_path / "m" / ".tmp-1-new"
    for path in (old, new):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    said: list[str] = []
    publish(digits_folder, tmp_path, verify=False, report=said.append)
    assert [line for line in said if "cut short" in line] == [
        f"{old} is left from an export that was cut short; delete it"
    ]


def test_a_source_that_cant_be_copied(
    publish: Callable[..., Any], digits_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(digits_folder, tmp_path / "source")
    (tmp_path / "source" / "assets").mkdir(exist_ok=True)
    (tmp_path / "source" / "assets" / "words.txt").symlink_to(tmp_path / "absent")
    with pytest.raises(TfdeployError, match="No such file") as caught:
        publish(tmp_path / "source", tmp_path, verify=False)
    assert caught.value.code == "TFD211"
    assert not (tmp_path / "m").exists()


def test_a_light_import() -> None:
    code = (
        "import sys, tfdeploy.savedmodel, tfdeploy.exporting\n"
        "heavy = {'tensorflow', 'google.protobuf', 'numpy', 'keras'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = processes.run([sys.executable, "-c", code])
    assert done.exit_code == 0, done.stderr


def test_the_trying_process_waits_for_nobody_who_is_gone(tmp_path: Path) -> None:
    parent = os.getppid()
    assert wait_for_folder(tmp_path, parent + 1) is None
    assert wait_for_folder(tmp_path / "gone", parent) is None
    (tmp_path / "folder").write_text("/models/m/1")
    assert wait_for_folder(tmp_path, parent) == Path("/models/m/1")
