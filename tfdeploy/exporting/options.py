"""How an export is published and proven."""

from __future__ import annotations

from dataclasses import dataclass

from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asked import Validate


@dataclass(frozen=True)
class Options:
    """Everything that isn't about what the model says.

    ``version`` is the next free number unless given. ``allow`` are kinds of defects
    (``savedmodel.find_defects``) that are let through. ``tolerance`` is how far, relatively, the
    exported model's floats may be from the source's; None takes that of the dtype. ``validate``
    gets the finished folder and the requests it was proven with, before it is published.
    """

    version: int | None = None
    verify: bool = True
    as_text: bool = False
    clear_devices: bool = False
    warm_up: bool = True
    allow: frozenset[str] = frozenset()
    allow_contract_change: bool = False
    tolerance: float | None = None
    validate: Validate | None = None

    def __post_init__(self) -> None:
        """Refuse what can't go together.

        Raises:
            TfdeployError: TFD216.
        """
        if self.validate is not None and not self.verify:
            raise TfdeployError(
                "TFD216",
                "A server is asked what the model was proven with, and --no-verify proves nothing.",
                where="--no-verify",
                hint="leave one of them out.",
            )
