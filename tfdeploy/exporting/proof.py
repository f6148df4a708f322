"""Prove that a SavedModel serves, in a fresh process that loads it as the server does."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfdeploy import processes
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asked import Asked
from tfdeploy.exporting.comparison import TOLERANCES, tolerance_of
from tfdeploy.exporting.findings import Proof, Question, Task, load_value, save_value
from tfdeploy.exporting.judging import check_defects, judge, notes_on, refused
from tfdeploy.exporting.options import Options
from tfdeploy.exporting.recipe import Recipe
from tfdeploy.exporting.reference import questions_for
from tfdeploy.exporting.samples import Rows
from tfdeploy.exporting.servables import Servable
from tfdeploy.exporting.tensorflow_import import QUIET
from tfdeploy.files import save_text
from tfdeploy.savedmodel import read_saved_model

# What the two processes agree on: files in the waiting room, and exit codes.
FOLDER_FILE = "folder"
TASK_FILE = "task"
PROOF_FILE = "proof"
NO_TENSORFLOW = 106
OUT_OF_TIME = 124
# A manifest is read by eye, and by every `tfdeploy inspect`.
_SAMPLE_CHARACTERS = 20_000
_SAMPLE_VALUES = 5_000

Report = Callable[[str], None]


@dataclass(frozen=True)
class Proven:
    """What a model was proven with, by signature, and what was said of it on the way."""

    asked: Mapping[str, Asked] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def samples(self) -> dict[str, list[object]]:
        """One row for each signature, where its JSON is short enough for a manifest."""
        found: dict[str, list[object]] = {}
        for name, one in self.asked.items():
            # To write a row of an image and throw it away would take half a second.
            is_long = isinstance(one.rows, Rows) and one.rows.values_in_a_row > _SAMPLE_VALUES
            if one.rows and not is_long and len(json.dumps(one.rows[0])) <= _SAMPLE_CHARACTERS:
                found[name] = [one.rows[0]]
        return found

    @property
    def answers(self) -> dict[str, dict[str, object]]:
        """What the samples were answered, by output, with how far floats may be from it."""
        found: dict[str, dict[str, object]] = {}
        for name in self.samples:
            one = self.asked[name]
            rows = Rows(one.expected)
            # Of a long answer, and of one by chance, only the form can be checked later.
            if not rows or rows.values_in_a_row > _SAMPLE_VALUES:
                continue
            outputs = {alias: [value] for alias, value in rows[0].items()}
            if len(json.dumps(outputs)) <= _SAMPLE_CHARACTERS:
                found[name] = {"outputs": outputs, "tolerance": one.tolerance}
        return found


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

    def prove(
        self,
        folder: Path,
        servable: Servable | None,
        recipe: Recipe,
        options: Options,
        name: str,
        report: Report,
    ) -> Proven:
        """Call every signature in the fresh process, and compare with what the source answers.

        Where ``servable`` is None, a SavedModel was copied, and there is nothing to compare it
        with. Warm-up requests are written into ``folder`` and replayed. A call that fails because
        its made-up values don't suit the model proves nothing: that is reported, and refuses no
        model.

        Raises:
            TfdeployError: TFD104 with TensorFlow's own words when the model can't be loaded, a
                signature fails whatever its values or answers otherwise than the source, or the
                warm-up requests fail; TFD106 without TensorFlow; TFD118 for each defect of a kind
                that ``options`` doesn't allow; TFD503 and TFD505 for samples that don't fit.
        """
        self.start()
        # It loads the model while the source is asked here.
        save_text(self._room / FOLDER_FILE, str(folder))
        model = read_saved_model(folder)
        known = check_defects(model, options.allow, recipe.source)
        questions = questions_for(servable, recipe, model)
        task = Task(questions, name, options.warm_up, options.tolerance)
        save_value(self._room / TASK_FILE, task)
        self._thread.join()
        assert self._done is not None
        proof = _read(self._room, self._done, recipe.source)
        judge(proof, known, options.allow, recipe.source)
        notes = notes_on(proof, known)
        for note in notes:
            report(note)
        asked = _asked(questions, proof, options.tolerance)
        if any(defect.kind == "random" for defect in known):
            asked = {key: _unanswered(one, questions[key]) for key, one in asked.items()}
        return Proven(asked, notes)

    def _run(self) -> None:
        self._done = processes.run(
            processes.python_argv("tfdeploy.exporting.verify", str(self._room), str(os.getpid())),
            # Not on the GPU: the memory of one that serves is taken.
            environment={**QUIET, "CUDA_VISIBLE_DEVICES": "-1"},
        )


@contextlib.contextmanager
def fresh_process() -> Iterator[FreshProcess]:
    """A process to prove one model in; whatever happens, it ends with the body."""
    with tempfile.TemporaryDirectory(prefix="tfdeploy-proof-", ignore_cleanup_errors=True) as room:
        yield FreshProcess(Path(room))


def _read(room: Path, done: processes.Finished, source: str) -> Proof:
    if done.exit_code == NO_TENSORFLOW:
        raise TfdeployError(
            "TFD106",
            "Proving that a model serves needs TensorFlow.",
            where=done.last_line,
            hint="pip install 'tfdeploy-serving[export]'",
        )
    if (room / PROOF_FILE).exists():
        proof: Proof = load_value(room / PROOF_FILE)
        return proof
    why = f"it ended with exit code {done.exit_code}: {done.last_line or 'no message'}"
    if done.exit_code == OUT_OF_TIME:
        why = "no answer within 15 minutes"
    raise refused("The process that tried the model brought no answer", why, source)


def _asked(
    questions: Mapping[str, Question], proof: Proof, tolerance: float | None
) -> dict[str, Asked]:
    """What another server can be asked over REST: rows, and the answer to all of them."""
    found = {}
    for answer in proof.answers:
        question = questions.get(answer.signature, Question())
        values = answer.values if question.values is None else question.values
        expected = answer.outputs if question.answer is None else question.answer
        rows = Rows(values or {})
        if not rows or expected is None:
            continue
        if any(array.shape[:1] != (len(rows),) for array in expected.values()):
            continue
        expected = {} if answer.is_random else expected
        allowed = answer.tolerance or tolerance_of(expected, tolerance) or TOLERANCES["float32"]
        found[answer.signature] = Asked(rows, expected, allowed)
    return found


def _unanswered(asked: Asked, question: Question) -> Asked:
    """Without an answer that nobody has compared: another server may give another by chance."""
    return asked if question.answer is not None else replace(asked, expected={})
