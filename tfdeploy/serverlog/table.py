"""All lines that are known, in the order in which they are looked for."""

from __future__ import annotations

from tfdeploy.serverlog.config_lines import FILE_LINES, FLAG_LINES
from tfdeploy.serverlog.gpu_lines import FALLBACK_LINES, USE_LINES
from tfdeploy.serverlog.harmless_lines import HARMLESS_LINES
from tfdeploy.serverlog.known import Known, Tells
from tfdeploy.serverlog.model_lines import LOAD_LINES, PATH_LINES
from tfdeploy.serverlog.program_lines import PORT_LINES, PROGRAM_LINES
from tfdeploy.serverlog.request_lines import REQUEST_LINES

_SERVABLE = r"\{name: (?P<model>[^{}]*?) version: (?P<version>-?\d+)\}"
_LOAD = (
    "It can't be loaded: {why}",
    "mend the model and publish it under a higher number; `tfdeploy inspect` shows what its "
    "folder holds.",
)

# Lines that say who failed and pass on why. What is known of the reason stands in TABLE; the
# code and the words of these count where the reason is none that is known.
CARRIERS = (
    Known(
        rf"Servable:? {_SERVABLE} cannot be loaded: (?P<why>.+)",
        "TFD410",
        *_LOAD,
        "core/aspired_versions_manager.cc",
        Tells.LOAD,
    ),
    Known(
        rf"(?:Loading servable|Reserving resources for servable): {_SERVABLE} failed: (?P<why>.+)",
        "TFD410",
        *_LOAD,
        "util/retrier.cc",
        Tells.TRY,
    ),
    Known(
        rf"Encountered an error for servable version {_SERVABLE}: (?P<why>.+)",
        "TFD410",
        *_LOAD,
        "core/loader_harness.cc",
        Tells.TRY,
    ),
    Known(
        rf"{_SERVABLE} due to error: (?P<why>.+?)(?:\}}, \}}.*)?$",
        "TFD410",
        *_LOAD,
        "core/servable_state_monitor.cc, of what Server::BuildAndStart returns",
        Tells.START,
    ),
    Known(
        r"Failed to start server\. Error: (?P<why>.+)",
        "TFD490",
        "The server ended at its start: {why}",
        "mend what it says, and start it again.",
        "model_servers/main.cc",
        Tells.START,
    ),
    Known(
        r"(?:Failed to read ModelServerConfig file|"
        r"PollFilesystemAndReloadConfig failed to ReloadConfig): (?P<why>.+)",
        "TFD411",
        "The server doesn't take its changed config, and goes on with the one before: {why}",
        "mend the models.config; the server reads it again by itself.",
        "model_servers/server.cc",
        Tells.CONFIG,
    ),
    Known(
        r"The REST API stays closed: (?P<why>.+)",
        "TFD273",
        "REST stays closed, and gRPC goes on: {why}",
        "mend the file of --monitoring_config_file.",
        "tfdeploy/server/serving.py; the real server does it without a word",
        Tells.REST,
    ),
)

# What never matters stands first: some of it has the words of what does.
TABLE = (
    *HARMLESS_LINES,
    *FLAG_LINES,
    *FILE_LINES,
    *PATH_LINES,
    *LOAD_LINES,
    *USE_LINES,
    *FALLBACK_LINES,
    *REQUEST_LINES,
    *PORT_LINES,
    *PROGRAM_LINES,
)
