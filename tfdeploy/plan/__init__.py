"""What must change, and why? Pure: decides, never touches the world."""

from tfdeploy.plan.make import make_plan
from tfdeploy.plan.memory import check_change
from tfdeploy.plan.observed import ObservedService, ObservedStack, ObservedVersion
from tfdeploy.plan.steps import (
    Plan,
    RecreateService,
    Reload,
    StartService,
    Step,
    StopService,
    WaitAvailable,
    WriteFiles,
)
from tfdeploy.plan.transition import transition_config

__all__ = [
    "ObservedService",
    "ObservedStack",
    "ObservedVersion",
    "Plan",
    "RecreateService",
    "Reload",
    "StartService",
    "Step",
    "StopService",
    "WaitAvailable",
    "WriteFiles",
    "check_change",
    "make_plan",
    "transition_config",
]
