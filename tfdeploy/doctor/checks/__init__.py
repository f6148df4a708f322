"""One small function for each thing that is looked at, and the table that names them all."""

from tfdeploy.doctor.checks.docker import DOCKER_CHECKS
from tfdeploy.doctor.checks.gpus import GPU_CHECKS
from tfdeploy.doctor.checks.host import HOST_CHECKS
from tfdeploy.doctor.checks.images import IMAGE_CHECKS, PORT_CHECKS
from tfdeploy.doctor.checks.stacks import STACK_CHECKS
from tfdeploy.doctor.checks.storage import DISK_CHECKS, PERMISSION_CHECKS

CHECKS = (
    *HOST_CHECKS,
    *DOCKER_CHECKS,
    *GPU_CHECKS,
    *IMAGE_CHECKS,
    *PORT_CHECKS,
    *DISK_CHECKS,
    *PERMISSION_CHECKS,
    *STACK_CHECKS,
)

__all__ = ["CHECKS"]
