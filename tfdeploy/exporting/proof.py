"""Prove that a SavedModel serves, in a fresh process that loads it as the server does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.tensorflow_import import QUIET

# Long enough for a large model on a slow disk; a call that takes longer serves nobody.
_TIMEOUT_SECONDS = 900.0
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
        found = {
            "load_error": self.load_error,
            "answers": answers,
            "notes": list(self.notes),
        }
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


def prove(folder: Path, source: str, report: Callable[[str], None]) -> None:
    """Load ``folder`` in a fresh process, call every signature, and report what came out.

    A call that fails because its made-up values don't suit the model proves nothing: that is
    reported, and refuses no model.

    Raises:
        TfdeployError: TFD104 with TensorFlow's own words when the model can't be loaded, or a
            signature fails whatever its values; TFD106 without TensorFlow.
    """
    proof = _proof(folder, source)
    if proof.load_error:
        raise _refused(
            "The model can't be loaded as the server loads it", proof.load_error, source
        )
    raise_all(
        _refused(f"The signature '{one.signature}' fails", one.message, source)
        for one in proof.answers
        if one.verdict == "fails"
    )
    for answer in proof.answers:
        report(_sentence(answer))
    for note in proof.notes:
        report(note)


def _proof(folder: Path, source: str) -> Proof:
    done = processes.run(
        processes.python_argv("tfdeploy.exporting.verify", str(folder)),
        timeout_seconds=_TIMEOUT_SECONDS,
        # Not on the GPU: the memory of one that serves is taken.
        environment={**QUIET, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    if done.exit_code == 106:
        where = done.last_line
        hint = "pip install 'tfdeploy-serving[export]'"
        raise TfdeployError(
            "TFD106",
            "Proving that a model serves needs TensorFlow.",
            where=where,
            hint=hint,
        )
    proofs = [
        proof for line in done.stdout.splitlines() if (proof := Proof.from_json(line))
    ]
    if proofs:
        return proofs[-1]
    what = "The process that tried the model ended"
    raise _refused(what, f"exit code {done.exit_code}, {done.last_line}", source)


def _sentence(answer: Answer) -> str:
    if answer.verdict == "serves":
        return f"{answer.signature} answers {answer.message} in a fresh process"
    return f"{answer.signature} isn't proven: made-up values don't suit it ({answer.message})"


def _refused(what: str, why: str, source: str) -> TfdeployError:
    hint = "the version wasn't published; mend the model, or pass --no-verify to publish it so."
    if _ALIEN_VARIABLE in why:
        hint = (
            "a Keras 3 model must not be saved with tf.saved_model.save: save it as a .keras "
            "file, and export that."
        )
    return TfdeployError(
        "TFD104", f"{what}: {why.rstrip('.')}.", where=source, hint=hint
    )
