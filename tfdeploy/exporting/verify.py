"""``python -m tfdeploy.exporting.verify ROOM PARENT``: try a SavedModel as the server runs it.

A program of its own, because a process that has built or loaded the model before hides what is
missing from the files. It waits in the folder ROOM until a file there names the version folder,
loads it, waits for what it shall ask (``Task``), and leaves a ``Proof`` there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.findings import (
    Answer,
    Proof,
    Task,
    first_sentence,
    load_value,
    save_value,
)
from tfdeploy.exporting.proof import (
    FOLDER_FILE,
    NO_TENSORFLOW,
    OUT_OF_TIME,
    PROOF_FILE,
    TASK_FILE,
)
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.exporting.trying import PinnedElsewhere, Trial
from tfdeploy.exporting.warmup import BrokenWarmup, replay, write_requests
from tfdeploy.savedmodel import WARMUP_FILE, Defect, SavedModel, read_saved_model
from tfdeploy.savedmodel.ops import PYTHON_OPS

# The server has these ops linked in and TensorFlow's pip package hasn't (model_servers/BUILD,
# SUPPORTED_TENSORFLOW_OPS: TF Text and the inference of Decision Forests).
_SERVER_OPS = re.compile(r"Op type not registered '(TFText>|Sentencepiece|SimpleML)")
_UNKNOWN_OP = re.compile(r"Op type not registered '([^']+)'")
# Long enough for a large model on a slow disk; a call that takes longer serves nobody.
_LIMIT_SECONDS = 900.0
_PACKAGES_WITH_SERVER_OPS = ("tensorflow_text", "tensorflow_decision_forests")


def main(room: Path, parent: int) -> int:
    """Leave the proof in the room; say with the exit code why there is none."""
    try:
        tf = import_tensorflow()
    except TfdeployError as error:
        sys.stderr.write(f"{error.where}\n")
        return NO_TENSORFLOW
    folder = wait_for_folder(room, parent)
    if folder is None:
        return 0
    limit = threading.Timer(_LIMIT_SECONDS, lambda: os._exit(OUT_OF_TIME))
    limit.daemon = True
    limit.start()
    proof = verify(tf, folder, lambda: _wait_for_task(room, parent))
    if room.is_dir():
        save_value(room / PROOF_FILE, proof)
    return 0


def wait_for_folder(room: Path, parent: int) -> Path | None:
    """The folder to try; None when nobody waits for the answer any more."""
    file = room / FOLDER_FILE
    return Path(file.read_text(encoding="utf-8")) if _appears(file, parent) else None


def _wait_for_task(room: Path, parent: int) -> Task | None:
    file = room / TASK_FILE
    task: Task | None = load_value(file) if _appears(file, parent) else None
    return task


def _appears(file: Path, parent: int) -> bool:
    """Whether the parent left the file; it appears under its name when it is whole."""
    while file.parent.is_dir() and os.getppid() == parent:
        if file.exists():
            return True
        time.sleep(0.02)
    return False


def verify(tf: Any, folder: Path, wait_for_task: Callable[[], Task | None] = Task) -> Proof:
    """Load a version folder into a session with the tag ``serve`` and call every signature.

    Then the warm-up requests are written, where the task says so and the folder has none, and
    replayed. ``wait_for_task`` is called after the load, and gives None when nobody waits any more.
    """
    model = read_saved_model(folder)
    # The server places no op elsewhere than asked either; a session of ours would by default.
    config = tf.compat.v1.ConfigProto(allow_soft_placement=False)
    with tf.compat.v1.Session(graph=tf.Graph(), config=config) as session:
        try:
            graph = _load(tf, session, folder)
        except Exception as error:
            return _unloadable(model, str(error))
        if python := sorted(PYTHON_OPS & {node.op for node in _nodes(graph)}):
            return _calls_python(model, python)
        task = wait_for_task()
        if task is None:
            return Proof("nobody waits for it")
        return _tried(tf, model, task, Trial(tf, session, task, is_half=_is_half(tf, graph)))


def _tried(tf: Any, model: SavedModel, task: Task, trial: Trial) -> Proof:
    notes, warm_up_error = [], ""
    try:
        answers = tuple(trial.answer(one) for one in model.signatures.values())
        if all(answer.verdict in ("serves", "unproven") for answer in answers):
            notes = list(_warm_up(tf, model, task, answers, trial))
    except PinnedElsewhere as error:
        return _pinned(model, str(error))
    except BrokenWarmup as error:
        warm_up_error = str(error)
    return Proof("", answers, (*trial.notes, *notes), tuple(trial.defects), warm_up_error)


def _warm_up(
    tf: Any, model: SavedModel, task: Task, answers: tuple[Answer, ...], trial: Trial
) -> Iterator[str]:
    file = model.path / WARMUP_FILE
    if task.warm_up and not file.exists():
        yield from write_requests(tf, model, task.model, answers)
    if file.exists():
        yield from replay(tf, model, trial.call)


def _load(tf: Any, session: Any, folder: Path) -> Any:
    try:
        return tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    except Exception as error:
        if not _SERVER_OPS.search(str(error)):
            raise
        for package in _PACKAGES_WITH_SERVER_OPS:
            if importlib.util.find_spec(package):
                importlib.import_module(package)
        return tf.compat.v1.saved_model.load(session, ["serve"], str(folder))


def _unloadable(model: SavedModel, message: str) -> Proof:
    why = first_sentence(message)
    if _SERVER_OPS.search(message):
        return Proof("", _unproven(model, f"TensorFlow here lacks an op of it ({why})"))
    if match := _UNKNOWN_OP.search(message):
        defect = Defect(
            "custom-op",
            "refuse",
            f"TensorFlow has no op {match[1]}, and neither has the server.",
            "write that part in TensorFlow's own ops, or build a server with it linked.",
        )
        return Proof("", _unproven(model, f"TensorFlow has no op {match[1]}"), (), (defect,))
    if PinnedElsewhere.is_said_by(message):
        return _pinned(model, why)
    return Proof(why)


def _pinned(model: SavedModel, why: str) -> Proof:
    # We try it on the CPU, and the server may have the GPU that a graph is pinned to.
    defect = Defect(
        "gpu-placement",
        "refuse",
        f"A part of the graph is placed on a device that isn't everywhere: {why}.",
        "leave out tf.device when you export, or pass --clear-devices.",
    )
    return Proof("", _unproven(model, f"its device isn't here ({why})"), (), (defect,))


def _calls_python(model: SavedModel, ops: list[str]) -> Proof:
    defect = Defect(
        "python-op",
        "refuse",
        f"It calls back into Python ({', '.join(ops)}), and the server has no Python.",
        "write that part in TensorFlow ops, in place of tf.py_function.",
    )
    return Proof("", _unproven(model, "it calls back into Python"), (), (defect,))


def _unproven(model: SavedModel, why: str) -> tuple[Answer, ...]:
    return tuple(Answer(name, "unproven", why) for name in model.signatures)


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.graph_def.node
    for function in graph.graph_def.library.function:
        yield from function.node_def


def _is_half(tf: Any, graph: Any) -> bool:
    """Whether a part of it computes in half precision, as mixed precision does."""
    halves = {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}
    return any("T" in node.attr and node.attr["T"].type in halves for node in _nodes(graph))


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stderr.flush()
    # All is written, and TensorFlow takes most of a second to tidy up after itself.
    os._exit(code)
