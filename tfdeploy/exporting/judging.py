"""What refuses a model, and what is said of one that is let through."""

from __future__ import annotations

from collections.abc import Iterator

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.exporting.findings import Answer, Proof
from tfdeploy.savedmodel import Defect, Limits, SavedModel, find_defects

_ALIEN_VARIABLE = "Could not find variable"
_DIFFERS = "answers differently from the source model"
_LIMITS = Limits()


def check_defects(
    model: SavedModel, allow: frozenset[str], source: str, limits: Limits = _LIMITS
) -> list[Defect]:
    """What shows without running the model, for whoever lets it through.

    Args:
        model: as ``read_saved_model`` gives it.
        allow: kinds of defects that are let through.
        source: what was exported, for the errors.
        limits: sizes from which on something is told.

    Raises:
        TfdeployError: TFD118 for each defect that isn't allowed.
    """
    found = find_defects(model, limits)
    _refuse(found, allow, source)
    return found


def _refuse(defects: list[Defect], allow: frozenset[str], source: str) -> None:
    raise_all(
        TfdeployError(
            "TFD118",
            defect.message,
            where=f"{source}, signature {defect.signature}" if defect.signature else source,
            hint=f"{defect.hint.rstrip('.')}; or publish it so: --allow {defect.kind}.",
        )
        for defect in defects
        if defect.severity == "refuse" and defect.kind not in allow
    )


def judge(proof: Proof, known: list[Defect], allow: frozenset[str], source: str) -> None:
    """Refuse a model that doesn't serve.

    Args:
        proof: what the fresh process found.
        known: what ``check_defects`` found, and so let through.
        allow: kinds of defects that are let through.
        source: what was exported, for the errors.

    Raises:
        TfdeployError: TFD104 when it can't be loaded, a signature fails or differs, or its
            warm-up requests fail; TFD118 for each defect that isn't allowed.
    """
    if proof.load_error:
        raise refused("The server can't run this model", proof.load_error, source)
    raise_all(
        refused(_failure(one), one.message, source)
        for one in proof.answers
        if one.verdict in ("fails", "differs")
    )
    if proof.warm_up_error:
        what = "The warm-up requests would keep the server from loading the model"
        raise refused(what, proof.warm_up_error, source)
    kinds = {defect.kind for defect in known if defect.severity == "refuse"}
    found = [defect for defect in proof.defects if defect.kind not in kinds]
    _refuse(found, allow, source)


def _failure(answer: Answer) -> str:
    if answer.verdict == "differs":
        return f"The signature '{answer.signature}' {_DIFFERS}"
    return f"The signature '{answer.signature}' fails"


def notes_on(proof: Proof, known: list[Defect]) -> list[str]:
    """What is told of a model that wasn't refused, a sentence each.

    Args:
        proof: what the fresh process found.
        known: what ``check_defects`` found.
    """
    said = [_sentence(one) for one in proof.answers] + list(proof.notes)
    return said + [_note(defect) for defect in _told(known, proof.defects)]


def _sentence(answer: Answer) -> str:
    if answer.verdict == "serves":
        return f"in a fresh process, {answer.signature} answers {answer.message}"
    return f"{answer.signature} isn't proven: {answer.message}"


def _told(known: list[Defect], found: tuple[Defect, ...]) -> Iterator[Defect]:
    """Each defect once: what running the model has shown says more than a warning before."""
    shown = {(defect.kind, defect.signature) for defect in found}
    refused = {defect.kind for defect in known if defect.severity == "refuse"}
    for one in known:
        if one.severity == "refuse" or (one.kind, one.signature) not in shown:
            yield one
    yield from (one for one in found if one.kind not in refused)


def _note(defect: Defect) -> str:
    start = f"{defect.signature}: " if defect.signature else ""
    allowed = "allowed: " if defect.severity == "refuse" else ""
    return f"{allowed}{start}{defect.message} [{defect.kind}]"


def refused(what: str, why: str, source: str) -> TfdeployError:
    """The error TFD104, with a hint at what is behind it."""
    hint = "the version wasn't published; mend the model, or pass --no-verify to publish it so."
    if what.endswith(_DIFFERS):
        hint = (
            "the version wasn't published; where the model's precision allows that much, pass "
            "--tolerance NUMBER."
        )
    if _ALIEN_VARIABLE in why:
        hint = (
            "a Keras 3 model must not be saved with tf.saved_model.save: save it as a .keras "
            "file, and export that."
        )
    return TfdeployError("TFD104", f"{what}: {why.rstrip('.')}.", where=source, hint=hint)
