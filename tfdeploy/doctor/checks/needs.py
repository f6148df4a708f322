"""Why a check can't be made, in words: what several checks need."""

from __future__ import annotations

from tfdeploy.doctor.facts import Docker, Facts, Image, Stack

NO_STACK = "no stack was given"


def needs_docker(facts: Facts) -> str:
    """Docker is what services run on."""
    return "" if facts.on_docker else "services run as processes here"


def needs_engine(facts: Facts) -> str:
    """An engine answers."""
    why_not = needs_docker(facts)
    return why_not or ("" if facts.docker.answers else "no Docker engine answers")


def needs_stack(facts: Facts) -> str:
    """A stack was given, and its file can be read."""
    if facts.stack is None:
        return NO_STACK
    return "" if facts.stack.readable else "the stack file is wrong"


def needs_images(facts: Facts) -> str:
    """The images of a stack were looked for."""
    return needs_stack(facts) or needs_engine(facts)


def stack_of(facts: Facts) -> Stack:
    """The stack, which `needs_stack` has seen."""
    assert facts.stack is not None
    return facts.stack


def on_one_machine(facts: Facts) -> str:
    """What was found of this machine holds for the services, too."""
    elsewhere = facts.on_docker and facts.docker.remote
    return "the Docker engine is another machine's" if elsewhere else ""


def processor(docker: Docker | Image) -> str:
    """An architecture by the name that Docker's images have for it."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv8": "arm64"}
    return names.get(docker.architecture.lower(), docker.architecture.lower())
