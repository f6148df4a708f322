"""What must change, and why? Pure: decides, never touches the world."""

from tfdeploy.plan.beside import (
    DrainOld,
    RecreateGateway,
    ReloadGateway,
    StartBeside,
    StartGateway,
    StopGateway,
    StopOther,
    SwitchService,
)
from tfdeploy.plan.checking import Checks
from tfdeploy.plan.health import Health, VersionHealth, compare_health
from tfdeploy.plan.make import make_plan
from tfdeploy.plan.memory import check_change, crowded_services
from tfdeploy.plan.observed import ObservedGateway, ObservedService, ObservedStack, ObservedVersion
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
    "DrainOld",
    "DrainService",
    "Health",
    "ObservedGateway",
    "ObservedService",
    "ObservedStack",
    "ObservedVersion",
    "Plan",
    "RecreateGateway",
    "RecreateService",
    "Reload",
    "ReloadGateway",
    "StartBeside",
    "StartGateway",
    "StartService",
    "Step",
    "StopGateway",
    "StopOther",
    "StopService",
    "SwitchService",
    "VersionHealth",
    "WaitAvailable",
    "WriteFiles",
    "check_change",
    "compare_health",
    "crowded_services",
    "make_plan",
    "transition_config",
]
