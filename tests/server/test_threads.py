"""How many threads an op gets."""

import os
from pathlib import Path

import pytest

from tfdeploy import wire
from tfdeploy.server.threads import _MOST_SMALL_BYTES, OWN_POOLS, config_for, is_small

pytestmark = pytest.mark.timeout(10)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a small model."""
    folder = tmp_path / "1"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"MatMul Relu")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(bytes(1000))
    return folder


def threads(config: bytes, path: Path, workers: int = 1) -> int:
    found: int = wire.ConfigProto.FromString(
        config_for(config, str(path), workers)
    ).intra_op_parallelism_threads
    return found


@pytest.fixture
def own_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN_POOLS, "1")


def test_small_is_few_weights_and_light_ops(model: Path) -> None:
    assert is_small(str(model))
    (model / "variables" / "more").write_bytes(bytes(_MOST_SMALL_BYTES))
    assert not is_small(str(model))


@pytest.mark.parametrize("op", [b"Conv2D", b"BatchMatMulV2", b"Einsum", b"StatelessWhile"])
def test_heavy_ops_are_not_small(model: Path, op: bytes) -> None:
    (model / "saved_model.pb").write_bytes(b"MatMul " + op)
    assert not is_small(str(model))


def test_a_folder_without_a_graph_is_not_small(tmp_path: Path) -> None:
    assert not is_small(str(tmp_path))


def test_weights_behind_a_link_count(model: Path, tmp_path: Path) -> None:
    (model / "variables").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "more").write_bytes(bytes(_MOST_SMALL_BYTES))
    (model / "variables").symlink_to(tmp_path / "elsewhere")
    assert not is_small(str(model))


def test_a_link_to_nowhere_is_no_error(model: Path) -> None:
    (model / "assets.extra").symlink_to(model / "nowhere")
    (model / "note").symlink_to(model / "nothing")
    (model / "loop").symlink_to(model)
    assert is_small(str(model))


@pytest.mark.usefixtures("own_pools")
def test_small_models_get_one_thread_and_others_a_worker_s_share(model: Path) -> None:
    assert threads(b"", model) == 1
    (model / "variables" / "more").write_bytes(bytes(_MOST_SMALL_BYTES))
    assert threads(b"", model) == 0
    assert threads(b"", model, workers=2) == max(1, (os.cpu_count() or 1) // 2)
    assert threads(b"", model, workers=10_000) == 1


@pytest.mark.usefixtures("own_pools")
def test_what_a_user_said_counts(model: Path) -> None:
    config = wire.ConfigProto(intra_op_parallelism_threads=7).SerializeToString()
    assert threads(config, model) == 7


@pytest.mark.parametrize("value", [None, "0"])
def test_one_pool_for_all_is_left_alone(
    model: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(OWN_POOLS, raising=False)
    else:
        monkeypatch.setenv(OWN_POOLS, value)
    assert threads(b"", model) == 0
