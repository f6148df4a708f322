"""The images of a stack, and the ports that it publishes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from tfdeploy.doctor.checks.needs import needs_images, needs_stack, processor, stack_of
from tfdeploy.doctor.facts import Facts, Image
from tfdeploy.doctor.finding import Check, Hit

DAY_SECONDS = 86400
OLD_DAYS = 730
"""A release of the server every few months; after two years its libraries have known holes."""

# End of standard support: ubuntu.com/about/release-cycle.
END_OF_LIFE = {
    "ubuntu 16.04": "2021-04-30",
    "ubuntu 18.04": "2023-05-31",
    "ubuntu 20.04": "2025-05-31",
    "ubuntu 22.04": "2027-04-30",
}


# What `up` does where nothing says that Docker is meant, and TensorFlow is there.
_FALLS_BACK = "`tfdeploy up` starts processes in place of containers."


def _none_at_hand(facts: Facts) -> str:
    why_not = needs_images(facts)
    at_hand = not why_not and any(one.local for one in stack_of(facts).images)
    return why_not or ("" if at_hand else "no image of the stack is on this machine")


def _cant_be_pulled(facts: Facts) -> Iterator[Hit]:
    falls_back = not facts.runtime and facts.host.tensorflow is not None
    for image in stack_of(facts).images:
        if not image.local and image.why_not:
            yield Hit(
                f"The image {image.name} isn't on this machine and can't be pulled.",
                "check the name and the way to its registry; or make a local image with `tfdeploy "
                "image build`, and name it in the stack file's `image:`.",
                where=image.why_not,
                causes=_FALLS_BACK if falls_back else "",
                severity="warning" if falls_back else None,
            )


def _there(facts: Facts) -> str:
    far = [one.name for one in stack_of(facts).images if not one.local]
    return f"to be pulled: {', '.join(far)}" if far else "all on this machine"


def _for_another_processor(facts: Facts) -> Iterator[Hit]:
    engine = processor(facts.docker)
    for image in stack_of(facts).images:
        built_for = processor(image)
        if built_for and engine and built_for != engine:
            yield Hit(
                f"The image {image.name} is for {built_for}, and Docker runs on {engine}.",
                "`tfdeploy image build` makes an image for this processor; name it in the stack "
                "file's `image:`.",
                where=", ".join(image.services),
            )


def _old(facts: Facts) -> Iterator[Hit]:
    for image in stack_of(facts).images:
        end = END_OF_LIFE.get(image.base)
        if end and facts.host.clock > datetime.fromisoformat(f"{end}T00:00+00:00").timestamp():
            yield Hit(
                f"The image {image.name} stands on {image.base}, whose support ended on {end}.",
                "take a newer release of the server; or put the server on a newer base.",
                where=", ".join(image.services),
            )
        elif (age := _age_days(image, facts)) is not None and age > OLD_DAYS:
            yield Hit(
                f"The image {image.name} was made {age // 30} months ago.",
                "take a newer release of the server; or build the image anew.",
                where=", ".join(image.services),
            )


def _age_days(image: Image, facts: Facts) -> int | None:
    if image.created is None:
        return None
    return max(0, int((facts.host.clock - image.created) // DAY_SECONDS))


def _ages(facts: Facts) -> str:
    return "; ".join(
        f"{one.name}: {_age_days(one, facts)} days"
        + (f" ({datetime.fromtimestamp(one.created, UTC):%Y-%m-%d})" if one.created else "")
        + (f", {one.base}" if one.base else "")
        for one in stack_of(facts).images
        if one.created is not None
    )


def _taken(facts: Facts) -> Iterator[Hit]:
    for port in stack_of(facts).ports:
        if port.ours:
            continue
        if port.state == "taken":
            by = f" by {port.by}" if port.by else ""
            yield Hit(
                f"Port {port.port} is in use{by}, and service '{port.service}' publishes it.",
                "stop the other program, or publish another port (leave it out for a free one).",
                where=port.where,
            )
        elif port.state == "elsewhere":
            yield Hit(
                f"This machine has no address {port.address}, where service '{port.service}' "
                f"publishes port {port.port}.",
                "publish on 127.0.0.1, on 0.0.0.0, or on an address that `ip address` shows.",
                where=port.where,
            )


def _forbidden(facts: Facts) -> Iterator[Hit]:
    as_this_user = not facts.on_docker or facts.docker.rootless
    for port in stack_of(facts).ports:
        if port.state == "forbidden" and as_this_user:
            yield Hit(
                f"This user may not listen on port {port.port}, which service '{port.service}' "
                "publishes.",
                f"publish a port from 1024 on, or `sysctl net.ipv4.ip_unprivileged_port_start="
                f"{port.port}`.",
                where=port.where,
            )


def _ports_unknown(facts: Facts) -> str:
    why_not = needs_stack(facts)
    if why_not or not stack_of(facts).ports:
        return why_not
    elsewhere = facts.on_docker and facts.docker.remote
    return "the Docker engine is another machine's" if elsewhere else ""


def _ports(facts: Facts) -> str:
    named = [str(one.port) for one in stack_of(facts).ports]
    return f"nobody else has {', '.join(named)}" if named else "none is named"


IMAGE_CHECKS = (
    Check(
        "images at hand",
        "images",
        ("TFD402",),
        "`tfdeploy up` refuses the stack.",
        _cant_be_pulled,
        unless=needs_images,
        tell=_there,
    ),
    Check(
        "images' processor",
        "images",
        ("TFD296",),
        "the server runs in emulation, many times slower, or ends at its start.",
        _for_another_processor,
        unless=_none_at_hand,
    ),
    Check(
        "images' age",
        "images",
        ("TFD465",),
        "holes that are known stay open.",
        _old,
        unless=_none_at_hand,
        tell=_ages,
        severity="warning",
    ),
)
PORT_CHECKS = (
    Check(
        "published ports",
        "ports",
        ("TFD403",),
        "`tfdeploy up` refuses the stack.",
        _taken,
        unless=_ports_unknown,
        tell=_ports,
    ),
    Check(
        "leave to publish",
        "ports",
        ("TFD477",),
        "the service can't start: permission denied.",
        _forbidden,
        unless=_ports_unknown,
    ),
)
