"""`export --validate-with`: a container like the service's own is asked, and gone again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfdeploy.cli.validate import validator
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asked import Asked


def test_a_container_like_the_services_own_is_asked_and_gone(
    box: Any, half_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    batching = {"max_batch_size": 2, "max_enqueued_batches": 8}
    box.edit(lambda stack: stack.update(runtime="docker"))
    box.edit(lambda stack: stack["services"]["serving"].update(batching=batching))
    # As an export writes it: closed to others until it's published.
    folder = Path(shutil.copytree(half_versions / "3", box.root / "models" / "half" / ".tmp-3-x"))
    folder.chmod(0o700)
    notes: list[str] = []
    validate = validator("one/serving", None, box.root / "stacks", notes.append)
    assert validate is not None
    rows = [{"x": 2.0}, {"x": 4.0}, {"x": 8.0}]
    right = Asked(rows, {"y": np.array([4, 5, 7], np.float32)}, 1e-4)
    wrong = Asked(rows, {"y": np.array([4, 5, 8], np.float32)}, 1e-4)
    validate(folder, "half", {"serving_default": right})
    assert "(docker)" in notes[0]
    assert notes[-1] == "one/serving answers as the model was proven: serving_default"
    with pytest.raises(TfdeployError) as refused:
        validate(folder, "half", {"serving_default": wrong})
    assert [error.code for error in refused.value.all()] == ["TFD104", "TFD104"]
    assert not box.containers()
    left = box.client.containers.list(all=True, filters={"label": "com.docker.compose.project"})
    assert not [one.name for one in left if one.name.startswith("half-trial-")]
    assert not [one.name for one in box.client.networks.list() if "half-trial-" in one.name]
    assert not list(tmp_path.glob("tfdeploy-trial-*"))
