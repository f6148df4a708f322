"""What must change, and why? Pure: decides, never touches the world."""

from tfdeploy.plan.checking import Checks
from tfdeploy.plan.make import make_plan
from tfdeploy.plan.observed import ObservedService, ObservedStack, ObservedVersion
from tfdeploy.plan.steps import (
    CheckAnswers,
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
    "CheckAnswers",
    "Checks",
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
    "make_plan",
    "transition_config",
]
