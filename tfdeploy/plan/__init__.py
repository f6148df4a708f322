"""What must change, and why? Pure: decides, never touches the world."""

from tfdeploy.plan.checking import Checks
from tfdeploy.plan.health import Health, VersionHealth, compare_health
from tfdeploy.plan.make import make_plan
from tfdeploy.plan.observed import ObservedService, ObservedStack, ObservedVersion
from tfdeploy.plan.steps import (
    CheckAnswers,
    DrainService,
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
    "DrainService",
    "Health",
    "ObservedService",
    "ObservedStack",
    "ObservedVersion",
    "Plan",
    "RecreateService",
    "Reload",
    "StartService",
    "Step",
    "StopService",
    "VersionHealth",
    "WaitAvailable",
    "WriteFiles",
    "compare_health",
    "make_plan",
    "transition_config",
]
