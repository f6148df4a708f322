"""``python -m tfdeploy.exporting.verify ROOM PARENT``: try a SavedModel as the server runs it.

A program of its own, because a process that has built or loaded the model before hides what is
missing from the files. It waits in the folder ROOM until a file there names the version folder,
and prints one line of JSON (``Proof``).
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.made_up import requests_for
from tfdeploy.exporting.proof import FOLDER_FILE, NO_TENSORFLOW, OUT_OF_TIME, Answer, Proof
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.savedmodel import SavedModel, Signature, read_saved_model

# Ops that call back into the Python process that made them.
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
# The server has these ops linked in and TensorFlow's pip package hasn't (model_servers/BUILD,
# SUPPORTED_TENSORFLOW_OPS: TF Text and the inference of Decision Forests).
_SERVER_OPS = re.compile(r"Op type not registered '(TFText>|Sentencepiece|SimpleML)")
# We try it on the CPU, and the server may have the GPU that a graph is pinned to.
_OTHER_DEVICE = re.compile("Cannot assign a device")
# Long enough for a large model on a slow disk; a call that takes longer serves nobody.
_LIMIT_SECONDS = 900.0
_PACKAGES_WITH_SERVER_OPS = ("tensorflow_text", "tensorflow_decision_forests")


def main(room: Path, parent: int) -> int:
    """Write the proof to standard output; say with the exit code why there is none."""
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
    sys.stdout.write(f"\n{verify(tf, folder).to_json()}\n")
    return 0


def wait_for_folder(room: Path, parent: int) -> Path | None:
    """The folder to try; None when nobody waits for the answer any more."""
    while room.is_dir() and os.getppid() == parent:
        # It appears under its name when it is whole.
        if (room / FOLDER_FILE).exists():
            return Path((room / FOLDER_FILE).read_text(encoding="utf-8"))
        time.sleep(0.02)
    return None


def verify(tf: Any, folder: Path) -> Proof:
    """Load a version folder into a session with the tag ``serve`` and call every signature."""
    model = read_saved_model(folder)
    # The server places no op elsewhere than asked either; a session of ours would by default.
    config = tf.compat.v1.ConfigProto(allow_soft_placement=False)
    with tf.compat.v1.Session(graph=tf.Graph(), config=config) as session:
        try:
            graph = _load(tf, session, folder)
        except Exception as error:
            return _unloadable(model, str(error))
        if found := sorted(_PYTHON_OPS & _ops(graph)):
            why = f"it calls back into Python ({', '.join(found)}), and the server has no Python"
            return Proof(why, (), ())
        answers = tuple(_try(tf, session, one) for one in model.signatures.values())
        return Proof("", answers, tuple(_notes(graph)))


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
    if not _SERVER_OPS.search(message) and not _OTHER_DEVICE.search(message):
        return Proof(first_sentence(message), (), ())
    why = first_sentence(message)
    answers = tuple(Answer(name, "unproven", why) for name in model.signatures)
    return Proof("", answers, ())


def _ops(graph: Any) -> set[str]:
    nodes = {node.op for node in graph.graph_def.node}
    library = graph.graph_def.library.function
    return nodes | {node.op for function in library for node in function.node_def}


def _try(tf: Any, session: Any, signature: Signature) -> Answer:
    failure = Answer(signature.name, "unproven", "no values were found that it takes")
    for attempt, values in enumerate(requests_for(signature, rows=1)):
        try:
            _call(session, signature, values)
        except tf.errors.OpError as error:
            verdict = "unproven" if _blames_values(tf, error, signature) else "fails"
            failure = Answer(signature.name, verdict, first_sentence(error.message))
        except (TypeError, ValueError) as error:
            failure = Answer(signature.name, "unproven", first_sentence(str(error)))
        else:
            return Answer(signature.name, "serves", _rows(tf, session, signature, attempt))
        if failure.verdict == "fails":
            break
    return failure


def _rows(tf: Any, session: Any, signature: Signature, attempt: int) -> str:
    """How many rows it answers at once; the values are those that one row was answered with."""
    if not signature.batchable:
        return f"requests, but can't be batched: {signature.why_not_batchable}"
    values = next(itertools.islice(requests_for(signature, rows=3), attempt, None))
    try:
        outputs = _call(session, signature, values)
    except (tf.errors.OpError, TypeError, ValueError) as error:
        return f"1 row, but must not be batched: 3 rows fail ({first_sentence(str(error))})"
    rows = {len(output) if getattr(output, "ndim", 0) else 1 for output in outputs}
    if rows - {3}:
        return f"1 row, but must not be batched: 3 rows come back as {min(rows - {3})}"
    return "1 row and 3 rows"


def _call(session: Any, signature: Signature, values: Any) -> list[Any]:
    feeds = {signature.inputs[alias].tensor_name: value for alias, value in values.items()}
    fetches = [one.tensor_name for one in signature.outputs.values() if one.tensor_name]
    return list(session.run(fetches, feeds))


def _blames_values(tf: Any, error: Any, signature: Signature) -> bool:
    """Whether other values might have been answered.

    A file that isn't there is the fault of a made-up path only where there is a text to be one.
    """
    if isinstance(error, tf.errors.NotFoundError):
        texts = any(one.dtype == "string" for one in signature.inputs.values())
        return texts and not re.search(r"Could not find variable|Resource ", error.message)
    kinds = (
        tf.errors.InvalidArgumentError,
        tf.errors.OutOfRangeError,
        tf.errors.ResourceExhaustedError,
    )
    return isinstance(error, kinds)


def _notes(graph: Any) -> Iterator[str]:
    if any(one.attr["_XlaMustCompile"].b for one in graph.graph_def.library.function):
        yield (
            "a function is marked jit_compile=True: the server runs it only with the flag "
            "xla_cpu_compilation_enabled or xla_gpu_compilation_enabled"
        )


def first_sentence(message: str) -> str:
    """What TensorFlow says first, without its headings, stack traces and names of nodes."""
    plain = re.sub(r"(?s)^Restoring from checkpoint failed.*?Original error:", "", message)
    plain = re.sub(r"^Graph execution error:\s*", "", plain.strip())
    plain = re.sub(r"(?s)^Detected at node.*?\nNode: [^\n]*\n", "", plain)
    plain = re.sub(r"(?s)^.*?root error\(s\) found\.\s*\(0\)\s*[\w ]+:\s*", "", plain)
    line = next((one.strip() for one in plain.splitlines() if one.strip()), "no message")
    line = re.split(r"\[\[|(?<=[.!?])\s+(?=[A-Z])", line)[0].strip()
    return line[:300].rstrip(".,;: ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
