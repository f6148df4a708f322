"""What servers write to their logs, and what it means: one table for every command. Pure."""

from tfdeploy.serverlog.gpulog import GpuLog, read_gpu_log
from tfdeploy.serverlog.reading import Finding, Reading, read_log
from tfdeploy.serverlog.reasons import Cause, Ending, cause_of, why_ended, why_failed

__all__ = [
    "Cause",
    "Ending",
    "Finding",
    "GpuLog",
    "Reading",
    "cause_of",
    "read_gpu_log",
    "read_log",
    "why_ended",
    "why_failed",
]
