"""One small function for each kind of finding, and the tables that name them all."""

from tfdeploy.lint.checks.batching import BATCHING_CHECKS
from tfdeploy.lint.checks.containers import CONTAINER_CHECKS
from tfdeploy.lint.checks.flags import FLAG_CHECKS
from tfdeploy.lint.checks.gpus import GPU_CHECKS
from tfdeploy.lint.checks.health import HEALTH_CHECKS
from tfdeploy.lint.checks.models import MODELS_CHECKS
from tfdeploy.lint.checks.mounts import MOUNT_CHECKS
from tfdeploy.lint.checks.others import OTHER_CHECKS
from tfdeploy.lint.checks.syntax import SYNTAX_CHECKS
from tfdeploy.lint.checks.together import TOGETHER_CHECKS

SERVER_CHECKS = (*FLAG_CHECKS, *CONTAINER_CHECKS, *MOUNT_CHECKS, *GPU_CHECKS, *HEALTH_CHECKS)
CONFIG_CHECKS = {
    "models": (*SYNTAX_CHECKS, *MODELS_CHECKS),
    "batching": (*SYNTAX_CHECKS, *BATCHING_CHECKS),
    "monitoring": (*SYNTAX_CHECKS, *OTHER_CHECKS["monitoring"]),
    "session": (*SYNTAX_CHECKS, *OTHER_CHECKS["session"]),
    "ssl": (*SYNTAX_CHECKS, *OTHER_CHECKS["ssl"]),
    "platform": SYNTAX_CHECKS,
}

__all__ = ["CONFIG_CHECKS", "SERVER_CHECKS", "TOGETHER_CHECKS"]
