"""The gate: a version that serves beside the old one is asked before requests move to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfdeploy.client.differences import (
    Difference,
    answer_arrays,
    find_differences,
    is_batched,
    not_finite,
)
from tfdeploy.client.documents import read_document
from tfdeploy.client.misfit import DEFAULT_SIGNATURE
from tfdeploy.client.predict import predict
from tfdeploy.client.rest import Unreachable
from tfdeploy.client.status import get_metadata
from tfdeploy.errors import TfdeployError
from tfdeploy.plan import CheckAnswers
from tfdeploy.savedmodel import Signature, signature_changes
from tfdeploy.serverlog import cause_of
from tfdeploy.stack.checks import CheckRequest

# The first request is the slowest; a --timeout below it is the limit.
ANSWER_SECONDS = 120.0

Signatures = Mapping[str, Signature]


def check_answers(step: CheckAnswers, rest_url: str, timeout_seconds: float) -> None:
    """Ask a version what the step says, over REST, and compare.

    Its signatures must keep what those of the version before promised. Every request is answered
    with all outputs of the signature, of its types and shapes, with finite numbers; and with the
    expected values, where there are any.

    Args:
        step: what to ask.
        rest_url: where the service answers.
        timeout_seconds: the longest that one answer may take.

    Raises:
        TfdeployError: TFD430 for an answer that isn't as it should be, with the largest
            difference; TFD431 where clients of the version before would break.
    """
    if step.skipped or (step.before is None and not step.requests):
        return
    gate = _Gate(step, rest_url, min(timeout_seconds, ANSWER_SECONDS))
    signatures = gate.signatures(step.version)
    if step.before is not None:
        gate.compare_signatures(gate.signatures(step.before), signatures)
    for request in step.requests:
        gate.ask(request, signatures)


class _Gate:
    def __init__(self, step: CheckAnswers, rest_url: str, seconds: float) -> None:
        self._step = step
        self._rest_url = rest_url
        self._seconds = seconds
        self._url = f"{rest_url}/v1/models/{step.model}/versions/{step.version}"

    def signatures(self, version: int) -> Signatures:
        """What the server says of a version."""
        try:
            return get_metadata(
                self._rest_url, self._step.model, version=version, timeout_seconds=self._seconds
            )
        except Unreachable as error:
            raise self._failed(f"nobody answers: {error.reason}", str(error)) from error
        except TfdeployError as error:
            what = f"the signatures of {version} can't be read: {error.message}"
            raise self._failed(what, error.where) from error

    def compare_signatures(self, before: Signatures, after: Signatures) -> None:
        """What clients of the version before rely on must hold."""
        step = self._step
        for change in signature_changes(before, after):
            if change.breaking:
                raise TfdeployError(
                    "TFD431",
                    f"Clients of {step.model} {step.before} would break with {step.version}: "
                    f"{change.what}; {step.before} serves on.",
                    where=f"signature '{change.signature}' on service '{step.service}'",
                    hint="export it with the names, types and shapes that clients know; "
                    "--no-checks moves their requests all the same.",
                )

    def ask(self, request: CheckRequest, signatures: Signatures) -> None:
        """One request, and its answer compared."""
        signature, answer = self._answer(request, signatures)
        try:
            found = answer_arrays(answer, signature)
        except ValueError as error:
            raise self._failed(f"{request.name}: {error}") from error
        wrong = [*_out_of_form(found, signature)]
        if request.expected is not None:
            wrong += self._unexpected(found, request, signature)
        if wrong:
            # What isn't there, or is of another form, says more than any distance.
            worst = max(wrong, key=lambda one: (bool(one.form), one.largest))
            off = f" (tolerance {request.tolerance:g})" if worst.beyond else ""
            raise self._failed(f"{request.name}: output {worst}{off}")
        # What is expected may be infinite; what nobody expects is not.
        known = _expected(request, signature) if request.expected is not None else {}
        for alias in not_finite(found):
            if alias not in known:
                raise self._failed(f"{request.name}: output '{alias}' isn't finite everywhere")

    def _answer(
        self, request: CheckRequest, signatures: Signatures
    ) -> tuple[Signature, Mapping[str, object]]:
        try:
            signature, body = read_document(request.document, signatures, request.signature)
            if signature.name != DEFAULT_SIGNATURE:
                body = {"signature_name": signature.name, **body}
            reply = predict(
                self._rest_url,
                self._step.model,
                body,
                version=self._step.version,
                timeout_seconds=self._seconds,
            )
        except TfdeployError as error:
            raise self._failed(f"{request.name} fails: {error.message}", error.where) from error
        return signature, reply.document

    def _unexpected(
        self, found: Mapping[str, Any], request: CheckRequest, signature: Signature
    ) -> list[Difference]:
        try:
            expected = _expected(request, signature)
        except ValueError as error:
            what = f"what {request.name} expects isn't an answer of '{signature.name}': {error}"
            raise self._failed(what) from error
        compared = {alias: array for alias, array in found.items() if alias in expected}
        return [
            one
            for one in find_differences(
                compared, expected, tolerance=request.tolerance, batched=is_batched(signature)
            )
            if not one.acceptable
        ]

    def _failed(self, what: str, where: str = "") -> TfdeployError:
        step = self._step
        serves = "" if step.before is None else f"; {step.before} serves on"
        cause = cause_of(what)
        publish = f"{cause.hint} Or" if cause.hint else "publish a version that does, or"
        return TfdeployError(
            "TFD430",
            cause.explain(
                f"{step.model} {step.version} doesn't answer as it should, "
                f"{what.rstrip('.')}{serves}."
            ),
            where=where or f"{self._url}:predict",
            hint=f"{publish} correct what is expected (`checks:` in the stack file); --no-checks "
            "moves requests all the same.",
        )


def _expected(request: CheckRequest, signature: Signature) -> dict[str, Any]:
    """An answer as the server writes it, or values by output, or of the only one, as arrays."""
    value = request.expected
    if isinstance(value, Mapping) and value.keys() & {"predictions", "outputs"}:
        return answer_arrays(value, signature)
    if isinstance(value, Mapping):
        if unknown := value.keys() - signature.outputs.keys():
            raise ValueError(f"there is no output {', '.join(map(str, sorted(unknown)))}")
        if len(signature.outputs) == 1:
            (value,) = value.values()
    return answer_arrays({"outputs": value}, signature)


def _out_of_form(found: Mapping[str, Any], signature: Signature) -> list[Difference]:
    """Outputs that are missing, or of another shape than the signature says."""
    wrong = []
    for alias, info in signature.outputs.items():
        if alias not in found:
            wrong.append(Difference(alias, "is missing"))
        elif info.shape is not None and not _fits(found[alias].shape, info.shape):
            shape = list(found[alias].shape)
            wrong.append(Difference(alias, f"has the shape {shape}, and the signature {info.dims}"))
    return wrong


def _fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    return len(shape) == len(declared) and all(
        want is None or size == want for size, want in zip(shape, declared, strict=True)
    )
