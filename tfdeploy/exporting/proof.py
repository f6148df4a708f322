"""Prove that a SavedModel serves, in a fresh process that loads it as the server does."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.tensorflow_import import QUIET
from tfdeploy.files import save_text

# What the two processes agree on: the file that names the folder, and exit codes.
FOLDER_FILE = "folder"
NO_TENSORFLOW = 106
OUT_OF_TIME = 124
_ALIEN_VARIABLE = "Could not find variable"


@dataclass(frozen=True)
class Answer:
    """What one signature did: ``serves``, ``fails``, or ``unproven``, and why."""

    signature: str
    verdict: str
    message: str


@dataclass(frozen=True)
class Proof:
    """What the fresh process found; ``load_error`` is empty when the model could be loaded."""

    load_error: str
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """One line for the parent process."""
        answers = [[one.signature, one.verdict, one.message] for one in self.answers]
        found = {"load_error": self.load_error, "answers": answers, "notes": list(self.notes)}
        return json.dumps({"proof": found})

    @classmethod
    def from_json(cls, line: str) -> Proof | None:
        """Read ``to_json``'s line; None for any other."""
        try:
            found = json.loads(line)["proof"]
        except (ValueError, TypeError, KeyError):
            return None
        answers = tuple(Answer(*one) for one in found["answers"])
        return cls(found["load_error"], answers, tuple(found["notes"]))


class FreshProcess:
    """A process that imports TensorFlow while the model is still being written.

    That import takes as long as many an export. The process waits until ``prove`` names a folder,
    and ends when its waiting room goes or we do.
    """

    def __init__(self, room: Path) -> None:
        self._room = room
        self._done: processes.Finished | None = None
        # A daemon: an export that failed mustn't wait for an import that nobody needs.
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start it, unless it runs already."""
        if self._thread.ident is None:
            self._thread.start()

    def prove(self, folder: Path, source: str, report: Callable[[str], None]) -> None:
        """Load ``folder`` in the fresh process, call every signature, report what came out.

        A call that fails because its made-up values don't suit the model proves nothing: that is
        reported, and refuses no model.

        Raises:
            TfdeployError: TFD104 with TensorFlow's own words when the model can't be loaded, or a
                signature fails whatever its values; TFD106 without TensorFlow.
        """
        self.start()
        save_text(self._room / FOLDER_FILE, str(folder))
        self._thread.join()
        assert self._done is not None
        _judge(_read(self._done, source), source, report)

    def _run(self) -> None:
        self._done = processes.run(
            processes.python_argv("tfdeploy.exporting.verify", str(self._room), str(os.getpid())),
            # Not on the GPU: the memory of one that serves is taken.
            environment={**QUIET, "CUDA_VISIBLE_DEVICES": "-1"},
        )


@contextlib.contextmanager
def fresh_process() -> Iterator[FreshProcess]:
    """A process to prove one model in; whatever happens, it ends with the body."""
    with tempfile.TemporaryDirectory(prefix="tfdeploy-proof-") as room:
        yield FreshProcess(Path(room))


def _judge(proof: Proof, source: str, report: Callable[[str], None]) -> None:
    if proof.load_error:
        raise _refused("The server can't run this model", proof.load_error, source)
    raise_all(
        _refused(f"The signature '{one.signature}' fails", one.message, source)
        for one in proof.answers
        if one.verdict == "fails"
    )
    for answer in proof.answers:
        report(_sentence(answer))
    for note in proof.notes:
        report(note)


def _read(done: processes.Finished, source: str) -> Proof:
    if done.exit_code == NO_TENSORFLOW:
        raise TfdeployError(
            "TFD106",
            "Proving that a model serves needs TensorFlow.",
            where=done.last_line,
            hint="pip install 'tfdeploy-serving[export]'",
        )
    proofs = [proof for line in done.stdout.splitlines() if (proof := Proof.from_json(line))]
    if proofs:
        return proofs[-1]
    why = f"it ended with exit code {done.exit_code}: {done.last_line or 'no message'}"
    if done.exit_code == OUT_OF_TIME:
        why = "no answer within 15 minutes"
    raise _refused("The process that tried the model brought no answer", why, source)


def _sentence(answer: Answer) -> str:
    if answer.verdict == "serves":
        return f"in a fresh process, {answer.signature} answers {answer.message}"
    return f"{answer.signature} isn't proven: made-up values don't suit it ({answer.message})"


def _refused(what: str, why: str, source: str) -> TfdeployError:
    hint = "the version wasn't published; mend the model, or pass --no-verify to publish it so."
    if _ALIEN_VARIABLE in why:
        hint = (
            "a Keras 3 model must not be saved with tf.saved_model.save: save it as a .keras "
            "file, and export that."
        )
    return TfdeployError("TFD104", f"{what}: {why.rstrip('.')}.", where=source, hint=hint)
