"""Findings in how a container is run: image, ports, signals, limits.

Facts: tensorflow_serving/tools/docker/Dockerfile and its entry point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfdeploy.lint.finding import Check, Hit
from tfdeploy.lint.server import Server

# The tags of the releases since 2.12; the patch numbers aren't TensorFlow's.
RELEASES = {
    (2, 12): {0, 1, 2}, (2, 13): {0, 1}, (2, 14): {0, 1}, (2, 15): {1}, (2, 16): {1},
    (2, 17): {0, 1}, (2, 18): {0, 1}, (2, 19): {0, 1}, (2, 20): {0},
}  # fmt: skip
_SUFFIXES = ("", "-gpu", "-mkl", "-devel", "-devel-gpu", "-devel-mkl")


def _unpinned(server: Server) -> Iterator[Hit]:
    image = server.image
    if image is None or "@" in image.text or "$" in image.text:
        return
    moving = server.tag == "" or re.match(r"latest|nightly", server.tag)
    if moving and not server.raw.get("build"):
        suffix = "-gpu" if "gpu" in server.tag else ""
        name = image.text.removesuffix(f":{server.tag}")
        fix = f"name a release: {name}:2.20.0{suffix}." if server.official else "name a version."
        yield Hit(image.place, f"The image '{image.text}' isn't pinned to a version.", fix)


def _no_such_image(server: Server) -> Iterator[Hit]:
    if server.image is None or not server.official:
        return
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(-[\w-]+)?", server.tag)
    if match:
        known = RELEASES.get((int(match[1]), int(match[2])))
        patch = int(match[3]) if match[3] else None
        if known is not None and patch not in known:
            there = ", ".join(f"{match[1]}.{match[2]}.{one}" for one in sorted(known))
            message = f"There is no release {server.tag} of TensorFlow Serving."
            yield Hit(server.image.place, message, f"releases of {match[1]}.{match[2]}: {there}.")
        elif (match[4] or "") not in _SUFFIXES:
            message = f"There is no image with the ending '{match[4]}'."
            yield Hit(server.image.place, message, "take -gpu, -mkl, -devel, or none.")
    if server.platform and "arm" in server.platform.text:
        message = f"The official image has no build for {server.platform.text}."
        fix = "write platform: linux/amd64 (emulated), or build one: `tfdeploy image build`."
        yield Hit(server.platform.place, message, fix)


def _nobody_listens(server: Server) -> Iterator[Hit]:
    grpc, rest = server.grpc_port, server.rest_port
    if server.host_network or grpc is None or rest is None or not server.start_known:
        return
    for port in server.ports:
        if port.inside is not None and port.inside not in {grpc, rest} - {0}:
            listens = f"gRPC on {grpc}, REST on {rest}" if rest else f"gRPC on {grpc}, REST nowhere"
            message = f"Port {port.inside} is published, and the server listens elsewhere: "
            fix = f"publish {rest or grpc}."
            if not rest and port.inside == 8501:
                fix = "add --rest_api_port=8501."
            yield Hit(port.place, f"{message}{listens}.", fix)


def _stops_late(server: Server) -> Iterator[Hit]:
    in_container = server.form in ("compose", "docker run") and server.entry != "other"
    if not server.lasting or server.init or not in_container or not server.start_known:
        return
    signal = str(server.raw.get("stop_signal", ""))
    grace = re.fullmatch(r"([0-3])s|\d+ms", str(server.raw.get("stop_grace_period", "")))
    if "KILL" not in signal and signal != "9" and not grace:
        init = "add `init: true`." if server.form == "compose" else "add --init to docker run."
        message = f"'{server.name}' ignores the signal to stop: nothing in it handles SIGTERM."
        yield Hit(server.place, message, init)


def _threads(server: Server) -> Iterator[Hit]:
    given = [one.name for one in server.flags if re.match(r"tensorflow_.*_parallelism", one.name)]
    pinned = server.raw.get("cpuset")
    if server.cpus and not given and not pinned and not server.tag.endswith("-mkl"):
        number = re.fullmatch(r"\d+(\.\d+)?", server.cpus.text)
        wanted = max(1, round(float(server.cpus.text))) if number else "CPUS"
        message = f"The limit of {server.cpus.text} CPUs is unknown to the server."
        fix = f"add --tensorflow_session_parallelism={wanted}."
        yield Hit(server.cpus.place, message, fix)


CONTAINER_CHECKS: tuple[Check[Server], ...] = (
    Check("TFD206", "warning", "tomorrow it is another server.", _unpinned),
    Check("TFD296", "error", "the image can't be pulled, or doesn't run here.", _no_such_image),
    Check("TFD294", "error", "connections to that port are refused or reset.", _nobody_listens),
    Check(
        "TFD295",
        "warning",
        "every stop and restart takes the whole grace period (10 s) and ends with SIGKILL.",
        _stops_late,
    ),
    Check(
        "TFD298",
        "warning",
        "it starts a thread for every core of the machine, is throttled, and answers late.",
        _threads,
    ),
)
