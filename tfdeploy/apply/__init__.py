"""Do it: walk a plan on a runtime, and take back what failed."""

from tfdeploy.apply.reporter import Reporter, Silent
from tfdeploy.apply.walk import apply_plan

__all__ = ["Reporter", "Silent", "apply_plan"]
