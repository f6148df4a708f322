"""``python -m tfdeploy.exporting.verify FOLDER``: try a SavedModel as the server would run it.

A program of its own, because a process that has built or loaded the model before hides what is
missing from the files. Prints one line of JSON (``Proof``).
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.made_up import requests_for
from tfdeploy.exporting.proof import Answer, Proof
from tfdeploy.exporting.tensorflow_import import import_tensorflow
from tfdeploy.savedmodel import SavedModel, Signature, read_saved_model

# Ops that call back into the Python process that made them.
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
# The server has these ops linked in and TensorFlow's pip package hasn't (model_servers/BUILD,
# SUPPORTED_TENSORFLOW_OPS: TF Text and the inference of Decision Forests).
_SERVER_OPS = re.compile(r"Op type not registered '(TFText>|Sentencepiece|SimpleML)")
_PACKAGES_WITH_SERVER_OPS = ("tensorflow_text", "tensorflow_decision_forests")


def main(folder: Path) -> int:
    """Write the proof to standard output; 106 stands for a missing TensorFlow."""
    try:
        tf = import_tensorflow()
    except TfdeployError as error:
        sys.stderr.write(f"{error.where}\n")
        return 106
    sys.stdout.write(f"\n{verify(tf, folder).to_json()}\n")
    return 0


def verify(tf: Any, folder: Path) -> Proof:
    """Load a version folder into a session with the tag ``serve`` and call every signature."""
    model = read_saved_model(folder)
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        try:
            graph = _load(tf, session, folder)
        except Exception as error:
            return _unloadable(model, first_sentence(str(error)))
        if found := sorted(_PYTHON_OPS & _ops(graph)):
            why = f"it calls back into Python ({', '.join(found)}), and the server has no Python"
            return Proof(why, (), ())
        answers = tuple(_try(tf, session, one) for one in model.signatures.values())
        return Proof("", answers, tuple(_notes(tf, session, model, graph)))


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
    if not _SERVER_OPS.search(message):
        return Proof(message, (), ())
    answers = tuple(Answer(name, "unproven", message) for name in model.signatures)
    return Proof("", answers, ())


def _ops(graph: Any) -> set[str]:
    nodes = {node.op for node in graph.graph_def.node}
    library = graph.graph_def.library.function
    return nodes | {node.op for function in library for node in function.node_def}


def _try(tf: Any, session: Any, signature: Signature) -> Answer:
    failure = Answer(signature.name, "unproven", "no values were found that it takes")
    for values in requests_for(signature, rows=1):
        try:
            _call(session, signature, values)
        except tf.errors.OpError as error:
            verdict = "unproven" if _blames_values(tf, error, signature) else "fails"
            failure = Answer(signature.name, verdict, first_sentence(error.message))
        except (TypeError, ValueError) as error:
            failure = Answer(signature.name, "unproven", first_sentence(str(error)))
        else:
            return Answer(signature.name, "serves", "one row")
        if failure.verdict == "fails":
            break
    return failure


def _call(session: Any, signature: Signature, values: Any) -> list[Any]:
    feeds = {
        signature.inputs[alias].tensor_name: value for alias, value in values.items()
    }
    fetches = [one.tensor_name for one in signature.outputs.values() if one.tensor_name]
    return list(session.run(fetches, feeds))


def _blames_values(tf: Any, error: Any, signature: Signature) -> bool:
    """Whether other values might have been answered.

    A file that isn't there is the fault of a made-up path only where there is a text to be one.
    """
    if isinstance(error, tf.errors.NotFoundError):
        texts = any(one.dtype == "string" for one in signature.inputs.values())
        return texts and not re.search(
            r"Could not find variable|Resource ", error.message
        )
    kinds = (
        tf.errors.InvalidArgumentError,
        tf.errors.OutOfRangeError,
        tf.errors.ResourceExhaustedError,
    )
    return isinstance(error, kinds)


def _notes(tf: Any, session: Any, model: SavedModel, graph: Any) -> Iterator[str]:
    for signature in model.signatures.values():
        if signature.batchable and (problem := _batch_problem(tf, session, signature)):
            yield f"{signature.name} must not be batched: {problem}"
    for function in graph.graph_def.library.function:
        if function.attr["_XlaMustCompile"].b:
            yield (
                "a function is marked jit_compile=True: the server runs it only with the flag "
                "xla_cpu_compilation_enabled or xla_gpu_compilation_enabled"
            )
            return


def _batch_problem(tf: Any, session: Any, signature: Signature) -> str:
    """What goes wrong with three rows where one row was answered; empty when nothing does."""
    for one, three in zip(
        requests_for(signature, 1), requests_for(signature, 3), strict=True
    ):
        try:
            _call(session, signature, one)
        except (tf.errors.OpError, TypeError, ValueError):
            continue
        try:
            outputs = _call(session, signature, three)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            return first_sentence(str(error))
        rows = {len(output) if getattr(output, "ndim", 0) else 0 for output in outputs}
        return "" if rows == {3} else f"it answers 3 rows with {min(rows)}"
    return ""


def first_sentence(message: str) -> str:
    """What TensorFlow says first, without counts of root errors and names of nodes."""
    plain = re.sub(
        r"(?s)^.*?root error\(s\) found\.\s*\(0\)\s*[\w ]+:\s*", "", message.strip()
    )
    line = next(
        (one.strip() for one in plain.splitlines() if one.strip()), "no message"
    )
    line = re.split(r"\[\[|(?<=[.!?])\s", line)[0].strip()
    return line[:300].rstrip(".,;: ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
