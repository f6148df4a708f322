"""One stack: its file, its memory, what was left behind."""

from __future__ import annotations

from collections.abc import Iterator

from tfdeploy.doctor.checks.needs import NO_STACK, needs_engine, needs_stack, stack_of
from tfdeploy.doctor.facts import Facts
from tfdeploy.doctor.finding import Check, Hit, Mend
from tfdeploy.gpu.proof import size

# What holds for a note: see journal/lock.py.
_NOTE_CAUSES = (
    "nothing is refused for it, as the lock itself ended with that command; who reads the note is "
    "told of a command that is gone."
)
_LEFT = {
    "note": "a command that is gone still stands as the holder of the stack",
    "half written": "a killed command left a half written file",
    "scratch": "a killed command left a half copied model",
    "half removed": "a killed command left a half deleted model",
}


def _in_the_file(facts: Facts) -> Iterator[Hit]:
    for one in stack_of(facts).problems:
        yield Hit(
            one.message,
            one.fix,
            where=one.where,
            code=one.code,
            causes=one.causes,
            severity=one.severity,
        )


def _given(facts: Facts) -> str:
    return "" if facts.stack else NO_STACK


def _too_much_memory(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    there = _memory(facts)
    limits = sum(stack.limits.values())
    if not there:
        return
    if limits > there:
        yield Hit(
            f"The services may take {size(limits)} together, and there are {size(there)}.",
            "lower `resources.memory` of services that need less.",
            where=", ".join(f"{name}: {size(limit)}" for name, limit in stack.limits.items()),
        )
    elif stack.models_bytes > there:
        yield Hit(
            f"The models have {size(stack.models_bytes)} of files, and there are {size(there)} of "
            "memory.",
            "serve fewer versions, or run the stack on a larger machine.",
        )


def _memory(facts: Facts) -> int:
    """What services may take together: Docker Desktop's is that of its virtual machine."""
    docker = facts.docker
    return docker.memory_bytes if facts.on_docker and docker.answers else facts.host.memory_bytes


def _memory_tells(facts: Facts) -> str:
    stack = stack_of(facts)
    limits = f", limits {size(sum(stack.limits.values()))}" if stack.limits else ""
    return f"models {size(stack.models_bytes)}{limits} of {size(_memory(facts))}"


def _no_nginx(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    if stack.no_nginx:
        yield Hit(
            "The stack has a gateway, and there is no nginx for it that is new enough.",
            "`pip install 'tfdeploy-serving[gateway]'` brings one; or name one in "
            "TFDEPLOY_NGINX; or use the docker runtime.",
            where=stack.no_nginx,
        )


def _no_gateway(facts: Facts) -> str:
    why_not = needs_stack(facts) or ("" if stack_of(facts).gateway else "it has no gateway")
    return why_not or ("it is a container" if facts.on_docker else "")


def _engine_elsewhere(facts: Facts) -> Iterator[Hit]:
    if facts.on_docker and facts.docker.remote:
        yield Hit(
            "The Docker engine is another machine's, and the stack's folders are mounted from "
            "that machine, not from here.",
            "run tfdeploy there; or keep models_dir and the stack at the same paths on both.",
            where=facts.docker.where,
        )


def _from_the_future(facts: Facts) -> Iterator[Hit]:
    future = stack_of(facts).future
    if future:
        others = len(future) - 1
        more = f" and {others} {'other' if others == 1 else 'others'}" if others else ""
        yield Hit(
            f"{future[0]}{more} {'were' if others else 'was'} written at a time to come.",
            f"set the clock, then `touch` {'them' if others else 'it'}.",
            where=future[0],
        )


def _left_behind(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    for one in stack.leftovers:
        by = f" ({one.by})" if one.by else ""
        yield Hit(
            f"{_LEFT[one.kind][:1].upper()}{_LEFT[one.kind][1:]}{by}: {one.path}.",
            f"`tfdeploy doctor {stack.name} --fix` removes it.",
            where=one.path,
            causes=_NOTE_CAUSES if one.kind == "note" else "",
            mend=Mend("remove", one.path),
        )


def _busy(facts: Facts) -> str:
    why_not = needs_stack(facts)
    changing = stack_of(facts).changing if not why_not else ""
    return why_not or (f"the stack is being changed by {changing}" if changing else "")


def _cut_short(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    for one in stack.cut_short:
        yield Hit(
            f"The change `{one}` was cut short, and nothing has finished or undone it.",
            f"`tfdeploy up {stack.name}` goes on to what the stack file wants, `tfdeploy undo "
            f"{stack.name}` goes back.",
        )


def _strays(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    for one in stack.strays:
        state = "runs" if one.running else "lies there"
        yield Hit(
            f"Container {one.container} {state} for service '{one.service}', which the stack file "
            "doesn't have.",
            f"`tfdeploy up {stack.name}` removes it.",
            where=one.container,
        )


def _dead(facts: Facts) -> Iterator[Hit]:
    stack = stack_of(facts)
    for one in stack.services:
        if one.state in ("absent", "exited"):
            why = f": {one.detail}" if one.detail else ""
            yield Hit(
                f"Service '{one.name}' was brought up, and it isn't running{why.rstrip('.')}.",
                f"`tfdeploy status {stack.name}` tells more, `tfdeploy up {stack.name}` starts it.",
                where=one.where,
            )


def _services_unknown(facts: Facts) -> str:
    why_not = _busy(facts) or (needs_engine(facts) if facts.on_docker else "")
    return why_not or ("" if stack_of(facts).services else "none is known to have been brought up")


def _services(facts: Facts) -> str:
    return "; ".join(f"{one.name}: {one.state}" for one in stack_of(facts).services)


def _containers_unknown(facts: Facts) -> str:
    return needs_stack(facts) or needs_engine(facts)


STACK_CHECKS = (
    Check(
        "stack file and models",
        "stack",
        (),
        "`tfdeploy up` refuses the stack.",
        _in_the_file,
        unless=_given,
    ),
    Check(
        "memory for the models",
        "stack",
        ("TFD468",),
        "the kernel kills a server when all of them are at work.",
        _too_much_memory,
        unless=needs_stack,
        tell=_memory_tells,
        severity="warning",
    ),
    Check(
        "nginx for the gateway",
        "stack",
        ("TFD440",),
        "`tfdeploy up` refuses the stack.",
        _no_nginx,
        unless=_no_gateway,
    ),
    Check(
        "the engine's machine",
        "stack",
        ("TFD476",),
        "mounts are empty or refused, and no model is found.",
        _engine_elsewhere,
        unless=_containers_unknown,
        severity="warning",
    ),
    Check(
        "times of files",
        "stack",
        ("TFD463",),
        "a clock was or is wrong: what sorts by time takes the wrong one for the newest.",
        _from_the_future,
        unless=needs_stack,
        severity="warning",
    ),
    Check(
        "leftovers",
        "stack",
        ("TFD471",),
        "disk is taken for what nothing reads.",
        _left_behind,
        unless=_busy,
        severity="warning",
        mends=True,
    ),
    Check(
        "unfinished changes",
        "stack",
        ("TFD473",),
        "what runs may be half old and half new.",
        _cut_short,
        unless=_busy,
    ),
    Check(
        "services",
        "stack",
        ("TFD479",),
        "requests to it are refused.",
        _dead,
        unless=_services_unknown,
        tell=_services,
    ),
    Check(
        "containers",
        "stack",
        ("TFD472",),
        "memory and ports are taken for a service that nobody wants any more.",
        _strays,
        unless=_containers_unknown,
        severity="warning",
    ),
)
