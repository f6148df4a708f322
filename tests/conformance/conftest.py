"""Fixtures of the conformance suite, and the way for its modules to find each other."""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from recordings import DATA, cases
from replaying import Replayer


@pytest.fixture(scope="session")
def recorded_models(request: pytest.FixtureRequest) -> Path:
    """The models that the cases were recorded with, made once and kept in pytest's cache folder."""
    script = Path(__file__).parent / "write_models.py"
    version = str(zlib.crc32((DATA / "make_models.py").read_bytes() + script.read_bytes()))
    folder = Path(request.config.cache.mkdir("conformance_models")) / version  # type: ignore[union-attr]
    if not folder.exists():
        draft = folder.with_name(f"{version}.{os.getpid()}")
        subprocess.run(
            [sys.executable, str(script), str(draft)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        try:
            draft.rename(folder)
        except OSError:  # another process of this run was faster
            shutil.rmtree(draft)
    return folder


@pytest.fixture(scope="session")
def replayer(recorded_models: Path, request: pytest.FixtureRequest) -> Iterator[Replayer]:
    """Runs every selected case in the background."""
    wanted = [item.callspec.params["case_id"] for item in request.session.items
              if "case_id" in getattr(getattr(item, "callspec", None), "params", {})]  # fmt: skip
    replayer = Replayer(recorded_models, [cases()[name] for name in wanted])
    yield replayer
    replayer.close()
