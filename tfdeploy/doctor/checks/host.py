"""The machine itself: processor, Python, memory, limits, clock, proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from tfdeploy.doctor.checks.needs import on_one_machine
from tfdeploy.doctor.facts import Facts
from tfdeploy.doctor.finding import Check, Hit
from tfdeploy.gpu.proof import size

X86 = ("x86_64", "amd64")
LEAST_OPEN_FILES = 1024
# Before this was written; a clock that says less has lost its battery, or was never set.
BEFORE_US = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
LOCAL = ("localhost", "127.0.0.1")

_HTTP_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy")


def _features_unknown(facts: Facts) -> str:
    if facts.server_binary and not facts.on_docker:
        return "the stack has a server of its own"
    on_another = on_one_machine(facts)
    if on_another or facts.host.architecture.lower() not in X86:
        return on_another
    return "" if facts.host.cpu_flags is not None else "this system doesn't list its features"


def _lacks_avx(facts: Facts) -> Iterator[Hit]:
    host = facts.host
    if host.architecture.lower() in X86 and "avx" not in (host.cpu_flags or ()):
        yield Hit(
            "This processor has no AVX, or this virtual machine doesn't show it.",
            "give the virtual machine the host's processor (`cpu: host` in QEMU, libvirt and "
            "Proxmox); on a processor without it take the apt package "
            "tensorflow-model-server-universal with --server-binary.",
        )


def _processor(facts: Facts) -> str:
    best = [one for one in ("avx512f", "avx2", "avx") if one in (facts.host.cpu_flags or ())]
    return facts.host.architecture + (f" with {best[0].upper()}" if best else "")


def _no_tensorflow(facts: Facts) -> Iterator[Hit]:
    if not facts.on_docker and facts.host.tensorflow is None and not facts.server_binary:
        yield Hit(
            "The embedded server needs TensorFlow, which isn't installed.",
            "`pip install 'tfdeploy-serving[server]'` on Python 3.11, 3.12 or 3.13.",
            where=f"Python {facts.host.python}",
        )


def _python(facts: Facts) -> str:
    tensorflow = facts.host.tensorflow
    return f"Python {facts.host.python}, " + (
        f"TensorFlow {tensorflow}" if tensorflow else "no TensorFlow, which only export needs here"
    )


def _strict_overcommit(facts: Facts) -> Iterator[Hit]:
    host = facts.host
    limit = host.commit_limit_bytes
    if host.overcommit == 2 and limit is not None and limit < host.memory_bytes:
        yield Hit(
            f"vm.overcommit_memory is 2, and all processes together may reserve {size(limit)} of "
            f"{size(host.memory_bytes)}.",
            "`sysctl vm.overcommit_memory=0`, or raise vm.overcommit_ratio.",
        )


def _memory(facts: Facts) -> str:
    host = facts.host
    return f"{size(host.memory_bytes)}, swap {size(host.swap_bytes)}"


def _few_files(facts: Facts) -> Iterator[Hit]:
    limit = facts.host.open_files
    if limit is not None and limit < LEAST_OPEN_FILES:
        yield Hit(
            f"A process may have {limit} files open.",
            "`ulimit -n 65536` in the shell that runs `tfdeploy up`, or `nofile` in "
            "/etc/security/limits.conf.",
        )


def _containers_have_their_own(facts: Facts) -> str:
    return "containers have limits of their own" if facts.on_docker else ""


def _wrong_clock(facts: Facts) -> Iterator[Hit]:
    if facts.host.clock < BEFORE_US:
        now = datetime.fromtimestamp(facts.host.clock, UTC)
        yield Hit(
            f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC.",
            "`timedatectl set-ntp true`, or set the clock by hand.",
        )


def _proxy_for_localhost(facts: Facts) -> Iterator[Hit]:
    host = facts.host
    named = [name for name in _HTTP_PROXIES if name in host.proxies]
    spared = {one.strip() for one in re.split(r"[,\s]+", host.no_proxy)}
    missing = [one for one in LOCAL if one not in spared and "*" not in spared]
    if named and missing:
        yield Hit(
            f"{named[0]} names the proxy {host.proxies[named[0]]}, and no_proxy doesn't name "
            f"{' and '.join(missing)}.",
            f"`export no_proxy={','.join([*filter(None, sorted(spared)), *missing])} "
            'NO_PROXY="$no_proxy"`.',
            where=named[0],
        )


HOST_CHECKS = (
    Check(
        "processor",
        "host",
        ("TFD460",),
        "TensorFlow and tensorflow/serving end with SIGILL (exit code 132) at their start.",
        _lacks_avx,
        unless=_features_unknown,
        tell=_processor,
    ),
    Check(
        "Python and TensorFlow",
        "host",
        ("TFD405",),
        "`tfdeploy up --runtime process` refuses the stack.",
        _no_tensorflow,
        tell=_python,
    ),
    Check(
        "memory",
        "host",
        ("TFD469",),
        "loads fail with std::bad_alloc while memory is free.",
        _strict_overcommit,
        unless=on_one_machine,
        tell=_memory,
        severity="warning",
    ),
    Check(
        "open files",
        "host",
        ("TFD470",),
        "a server refuses connections once it has that many, models' files and sockets together.",
        _few_files,
        unless=_containers_have_their_own,
        severity="warning",
    ),
    Check(
        "clock",
        "host",
        ("TFD462",),
        "certificates aren't valid yet, so that no image is pulled; ages in `status` and the "
        "journal are wrong.",
        _wrong_clock,
    ),
    Check(
        "proxies",
        "host",
        ("TFD474",),
        "requests to a service on this machine go to the proxy, which answers 403 or 503.",
        _proxy_for_localhost,
        severity="warning",
    ),
)
