"""GPU memory shares: what a box has, what services need, and which device takes what. Pure."""

from tfdeploy.gpu.fractions import Share, check_shares

__all__ = ["Share", "check_shares"]
