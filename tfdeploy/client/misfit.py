"""TFD503: the input doesn't fit the signature, with the names and forms that would."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import Signature, TensorInfo

DEFAULT_SIGNATURE = "serving_default"


def misfit(message: str, *, where: str, hint: str = "") -> TfdeployError:
    """TFD503; without a hint of its own it points at ``tfdeploy inspect``."""
    fallback = "`tfdeploy inspect` shows the inputs with their types and shapes."
    return TfdeployError("TFD503", message, where=where, hint=hint or fallback)


def described(tensors: Iterable[TensorInfo]) -> str:
    """``x: float32[?, 3], key: string[?]``, for a message."""
    return ", ".join(str(tensor) for tensor in tensors) or "nothing"


def nearest(word: str, names: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or nothing when no name is near."""
    found = difflib.get_close_matches(word, list(names), n=1, cutoff=0.5)
    return f" Did you mean '{found[0]}'?" if found else ""


def choose_signature(signatures: Mapping[str, Signature], name: str | None) -> Signature:
    """The signature of that name; without one the default, or the only one there is.

    Raises:
        TfdeployError: TFD503 with the real names.
    """
    if name is None:
        name = DEFAULT_SIGNATURE
        if name not in signatures and len(signatures) == 1:
            name = next(iter(signatures))
    if name in signatures:
        return signatures[name]
    raise misfit(
        f"The model has no signature '{name}'.{nearest(name, signatures)}",
        where=f"its signatures: {', '.join(sorted(signatures)) or 'none'}",
        hint="choose one with --signature NAME.",
    )


def check_aliases(given: Iterable[str], signature: Signature, place: str) -> None:
    """Every input is there and nothing else.

    The server refuses unknown names in rows, and silently ignores them in columns
    (util/json_tensor.cc), where they are most likely a typo: both are refused here.

    Raises:
        TfdeployError: TFD503 with the real aliases.
    """
    names = list(given)
    for name in names:
        if name not in signature.inputs:
            raise misfit(
                f"'{name}' isn't an input.{nearest(name, signature.inputs)}",
                where=place,
                hint=f"the inputs are {described(signature.inputs.values())}.",
            )
    missing = [info for alias, info in signature.inputs.items() if alias not in names]
    if missing:
        raise misfit(
            f"The request leaves out {described(missing)}.",
            where=place,
            hint=f"a row has every input: {row_skeleton(signature)}",
        )


def row_skeleton(signature: Signature) -> str:
    """The form of a request in rows, with dots for the values."""
    pairs = ", ".join(f'"{alias}": ...' for alias in signature.inputs)
    return f'{{"instances": [{{{pairs}}}]}}'
