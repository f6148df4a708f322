"""Findings in health checks.

Facts: tensorflow_serving/tools/docker/Dockerfile and Dockerfile.gpu (what the images hold),
model_servers/http_rest_api_handler.cc (what REST answers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.server import Server

_PROGRAMS = ("curl", "wget", "nc", "netcat", "python", "python3", "grpc_health_probe", "http")
_BASH = (
    '["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8501 && printf \'GET /v1/models/NAME '
    "HTTP/1.0\\\\r\\\\n\\\\r\\\\n' >&3 && grep -q AVAILABLE <&3\"]"
)


def _text(server: Server) -> str:
    return " ".join(server.health.words) if server.health else ""


def _no_program(server: Server) -> Iterator[Hit]:
    if server.health is None or not server.official or "build" in server.raw:
        return
    there = {"curl"} if "gpu" in server.tag or server.form == "dockerfile" else set()
    if server.form == "dockerfile":
        there |= set(_PROGRAMS)
    for name in _PROGRAMS:
        if name not in there and re.search(rf"(?:^|[\s;&|/\"'])(?:{name})\s", _text(server) + " "):
            message = f"The health check calls {name}, which the image doesn't have."
            yield Hit(server.health.place, message, f"use bash: test: {_BASH}.")
            return


def _wrong_question(server: Server) -> Iterator[Hit]:
    health = server.health
    if health is None:
        return
    text = _text(server)
    yield from _url(server, text)
    if health.in_shell and "/dev/tcp" in text and "bash" not in text:
        message = "The check's shell is dash, which has no /dev/tcp."
        yield Hit(health.place, message, 'call bash by its name: ["CMD", "bash", "-c", ...].')


def _url(server: Server, text: str) -> Iterator[Hit]:
    assert server.health is not None
    match = re.search(r"(https?)://[^/\s:'\"]+(?::(\d+))?(/[^\s'\"|;)]*)?", text)
    if match is None:
        return
    scheme, port, path = match[1], match[2], match[3] or "/"
    place, rest = server.health.place, server.rest_port
    name = re.fullmatch(r"/v1/models/([^/:]+)(/.*)?", path)
    if scheme == "https":
        yield Hit(place, "The check speaks TLS, and REST has none.", "write http://.")
    elif port and rest is not None and int(port) != rest and server.start_known:
        yield Hit(place, f"The check asks port {port}; REST is on {rest}.", f"ask port {rest}.")
    elif "--spider" in text or re.search(r"curl\s.*(-I|--head)\b", text):
        yield Hit(place, "The check sends HEAD, which is answered with 400.", "send GET.")
    elif name is None and not _is_metrics(server, path):
        message = f"The server has no page {path} for a health check."
        yield Hit(place, message, "ask for /v1/models/NAME, and for AVAILABLE in the answer.")
    elif name is not None:
        yield from _unknown_model(server, name[1])


def _is_metrics(server: Server, path: str) -> bool:
    return server.flag("monitoring_config_file") is not None and not path.startswith("/v1")


def _unknown_model(server: Server, name: str) -> Iterator[Hit]:
    config, named = server.configs.get("model_config_file"), server.served_by_flags
    served = (
        [named[0]] if named else [one.text("name") for one in config.models()] if config else []
    )
    if served and name not in served and "$" not in name and server.health:
        message = f"The check asks for model '{name}'; served: {', '.join(map(str, served))}."
        yield Hit(server.health.place, message, f"ask for /v1/models/{served[0]}.")


def _impatient(server: Server) -> Iterator[Hit]:
    if server.health and not server.health.start_period and server.form != "docker run":
        message = "The health check leaves the models no time to load."
        yield Hit(server.health.place, message, "add start_period: 300s.")


HEALTH_CHECKS: tuple[Check[Server], ...] = (
    Check("TFD288", "error", "the container is never healthy.", _no_program),
    Check("TFD289", "error", "the container is never healthy.", _wrong_question),
    Check(
        "TFD289",
        "warning",
        "the ports stay closed until every model is loaded, and the container turns unhealthy.",
        _impatient,
    ),
)
