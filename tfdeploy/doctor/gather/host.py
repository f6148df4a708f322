"""What this machine is: asked of Python, /proc and /sys. Decides nothing."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tfdeploy.doctor.facts import Host, SeLinux

FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f")
PROXIES = tuple(
    name
    for kind in ("http", "https", "all", "grpc")
    for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")
)
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tensorflow-intel")
_NVIDIA = "0x10de"


def gather_host(environment: Mapping[str, str], root: Path = Path("/")) -> Host:
    """The host as it is now; ``root`` is where /proc and /sys lie."""
    import psutil

    memory = _memory_lines(root)
    return Host(
        system=platform.system(),
        architecture=platform.machine(),
        cpu_flags=cpu_flags(_text(root / "proc/cpuinfo")),
        python=platform.python_version(),
        tensorflow=_tensorflow(),
        memory_bytes=_limit(root) or psutil.virtual_memory().total,
        swap_bytes=psutil.swap_memory().total,
        overcommit=_number(root / "proc/sys/vm/overcommit_memory"),
        commit_limit_bytes=memory.get("CommitLimit"),
        open_files=_open_files(),
        # Some boards without a battery start before 1970.
        clock=max(0.0, time.time()),
        selinux=_selinux(root),
        proxies=proxies(environment),
        no_proxy=environment.get("no_proxy") or environment.get("NO_PROXY") or "",
        nvidia_cards=_nvidia_cards(root),
    )


def cpu_flags(cpuinfo: str) -> list[str] | None:
    """The features that matter, from the text of /proc/cpuinfo; None where it lists none."""
    line = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return [one for one in FEATURES if one in line[1].split()] if line else None


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Variable → host and port of the proxy, without a name and a password."""
    found = {}
    for name in PROXIES:
        value = environment.get(name, "")
        if value:
            at = urlsplit(value if "://" in value else f"//{value}").netloc.rpartition("@")[2]
            found[name] = at or "?"
    return found


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _memory_lines(root: Path) -> dict[str, int]:
    found = re.findall(r"^(\w+):\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return {name: int(size) * 1024 for name, size in found}


def _limit(root: Path) -> int | None:
    """The memory that a container around us may take, as cgroup v2 says it, or v1."""
    import psutil

    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _number(root / "sys/fs/cgroup" / name)
        # Without a limit v1 says nearly 2**63.
        if limit is not None and limit < psutil.virtual_memory().total:
            return limit
    return None


def _tensorflow() -> str | None:
    for name in _DISTRIBUTIONS:
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _open_files() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _selinux(root: Path) -> SeLinux:
    match _text(root / "sys/fs/selinux/enforce").strip():
        case "1":
            return "enforcing"
        case "0":
            return "permissive"
    return ""


def _nvidia_cards(root: Path) -> int | None:
    devices = root / "sys/bus/pci/devices"
    if not devices.is_dir():
        return None
    # Class 0x03: display devices; a card's sound is another device of the same maker.
    return sum(
        _text(one / "vendor").strip() == _NVIDIA and _text(one / "class").startswith("0x03")
        for one in devices.iterdir()
    )
