"""Where to listen; the original knows only "everywhere" and has no flag for it."""

from __future__ import annotations

import os

LISTEN_ADDRESS = "TFDEPLOY_LISTEN_ADDRESS"


def listen_address() -> str | None:
    """The IPv4 address that the environment names; None for all interfaces.

    It is no flag, so that the command line stays one that the original takes.
    """
    return os.environ.get(LISTEN_ADDRESS) or None
