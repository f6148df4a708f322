"""Do it: walk a plan on a runtime, and take back what failed."""

from tfdeploy.apply.reporter import Reporter
from tfdeploy.apply.walk import apply_plan

__all__ = ["Reporter", "apply_plan"]
