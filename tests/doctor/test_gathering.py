"""What is read of a machine: from texts as Linux and Docker have them, and from folders."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tfdeploy.doctor.facts import Docker, Facts, Host, Leftover, load_facts
from tfdeploy.doctor.gather import disks, gather
from tfdeploy.doctor.gather.docker import from_info
from tfdeploy.doctor.gather.host import cpu_flags, gather_host, proxies
from tfdeploy.doctor.gather.running import brought_up, local_image, ports
from tfdeploy.doctor.gather.stack import (
    closed_models,
    gather_stack,
    leftovers,
    load_settled,
)
from tfdeploy.errors import TfdeployError
from tfdeploy.journal.lock import who_changes
from tfdeploy.plan import ObservedService, ObservedStack
from tfdeploy.plan.observed import ObservedGateway
from tfdeploy.runtimes.server_program import embedded_server
from tfdeploy.stack import StackFile, parse_stack

CPUINFO = """\
processor\t: 0
model name\t: Common KVM processor
flags\t\t: fpu vme sse sse2 ssse3 cx16 sse4_2 x2apic hypervisor
"""


def test_the_features_of_a_processor() -> None:
    assert cpu_flags(CPUINFO) == ["sse4_2"]
    assert cpu_flags(CPUINFO.replace("hypervisor", "avx avx2")) == ["sse4_2", "avx", "avx2"]
    assert cpu_flags("processor: 0\nFeatures: fp asimd\n") is None


def test_a_proxy_is_kept_without_its_password() -> None:
    given = {
        "http_proxy": "http://ann:secret@proxy.example:3128/",
        "HTTPS_PROXY": "proxy.example:3129",
        "no_proxy": "localhost",
        "all_proxy": "",
    }
    found = proxies(given)
    assert found == {"http_proxy": "proxy.example:3128", "HTTPS_PROXY": "proxy.example:3129"}
    assert "secret" not in json.dumps(found)


def test_a_host_by_its_proc_and_sys(tmp_path: Path) -> None:
    for name, text in {
        "proc/cpuinfo": CPUINFO,
        "proc/meminfo": "MemTotal: 16000 kB\nCommitLimit:  8000 kB\n",
        "proc/sys/vm/overcommit_memory": "2\n",
        "sys/fs/selinux/enforce": "1",
        "sys/fs/cgroup/memory.max": "1000000000\n",
        "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
        "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
        # The card's sound.
        "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
        "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    host = gather_host({}, tmp_path)
    assert host.cpu_flags == ["sse4_2"]
    assert (host.overcommit, host.commit_limit_bytes) == (2, 8000 * 1024)
    assert (host.selinux, host.nvidia_cards) == ("enforcing", 1)
    assert host.memory_bytes == 1_000_000_000


def test_a_host_that_has_none_of_it(tmp_path: Path) -> None:
    host = gather_host({}, tmp_path)
    assert (host.cpu_flags, host.overcommit, host.selinux, host.nvidia_cards) == (
        None,
        None,
        "",
        None,
    )


INFO = {
    "ServerVersion": "28.1.1",
    "OperatingSystem": "Ubuntu 24.04.2 LTS",
    "Architecture": "x86_64",
    "Driver": "overlay2",
    "DockerRootDir": "/var/lib/docker",
    "MemTotal": 16 * 2**30,
    "Runtimes": {"runc": {}, "nvidia": {}},
    "SecurityOptions": ["name=seccomp,profile=builtin"],
    "SystemTime": "1970-01-01T00:01:40.123456789Z",
}


def test_an_engine_by_what_it_says() -> None:
    found = from_info(INFO, 90.0, remote=False)
    assert (found["version"], found["ahead_seconds"]) == ("28.1.1", 10.1)
    assert (found["rootless"], found["maps_users"], found["confines"]) == (False, False, False)
    assert found["runtimes"] == ["nvidia", "runc"]
    devices = [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"Source": "other", "ID": "x"}]
    more = {"SecurityOptions": ["name=rootless", "name=selinux"], "DiscoveredDevices": devices}
    found = from_info({**INFO, **more}, 90.0, remote=False)
    assert (found["rootless"], found["maps_users"], found["confines"]) == (True, True, True)
    assert found["cdi_devices"] == ["nvidia.com/gpu=0"]
    found = from_info({"SystemTime": "nonsense"}, 90.0, remote=True)
    assert (found["version"], found["ahead_seconds"], found["remote"]) == ("", None, True)


def test_an_image_by_what_it_says() -> None:
    marks = {
        "org.opencontainers.image.ref.name": "ubuntu",
        "org.opencontainers.image.version": "22.04",
    }
    attributes = {
        "Architecture": "amd64",
        "Created": "2025-09-01T00:00:00.5Z",
        "Config": {"Labels": marks},
    }
    image = local_image("i", ["s"], attributes)
    assert (image.base, image.architecture) == ("ubuntu 22.04", "amd64")
    assert image.created == pytest.approx(1756684800.5)
    # A build that is the same byte for byte says nothing of its age.
    bare = local_image("i", ["s"], {"Created": "1970-01-01T00:00:00Z", "Config": {"Labels": None}})
    assert (bare.created, bare.base) == (None, "")


TEXT = "stack: s\nmodels_dir: ../../models\nservices: {one: {models: {half: {}}}}\n"


@pytest.fixture
def file(tmp_path: Path) -> StackFile:
    """A stack whose model has one version, of which nothing can be read."""
    path = tmp_path / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    version = tmp_path / "models" / "half" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"not one")
    found, errors = load_settled(path)
    assert found is not None
    assert errors == []
    return found


def written(path: Path, seconds_ago: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (time.time() - seconds_ago,) * 2)
    return path


def aged(folder: Path) -> Path:
    """A folder that nothing was written to for two hours."""
    folder.mkdir(exist_ok=True)
    os.utime(folder, (time.time() - 7200,) * 2)
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def kinds(file: StackFile) -> list[str]:
    return [one.kind for one in leftovers(file)]


def test_what_killed_commands_leave_is_found(file: StackFile) -> None:
    assert kinds(file) == []
    base = file.models_root / "half"
    note = written(file.folder / ".run" / "holder.json", 10)
    beside = written(file.folder / "rendered" / ".compose.yaml.abcd1234", 100)
    scratch = aged(base / ".tmp-2-xyz")
    gone = aged(base / ".gone-1-xyz")
    assert list(leftovers(file)) == [
        Leftover(kind="note", path=str(note)),
        Leftover(kind="half written", path=str(beside)),
        Leftover(kind="scratch", path=str(scratch)),
        Leftover(kind="half removed", path=str(gone)),
    ]


def test_what_may_be_at_work_is_no_leftover(file: StackFile) -> None:
    base = file.models_root / "half"
    written(file.folder / "rendered" / ".compose.yaml.abcd1234", 1)
    written(file.folder / "rendered" / ".hidden", 1000)
    aged(base / ".tmp-2-xyz")
    (base / ".gone-1-xyz").mkdir()
    with held(base / ".tmp-2-xyz"):
        assert kinds(file) == []
    assert kinds(file) == ["scratch"]


def test_a_scratch_folder_that_something_else_fills_is_no_leftover(file: StackFile) -> None:
    """rsync and the like hold no lock: the newest file tells, however deep it lies."""
    scratch = file.models_root / "half" / ".tmp-2-xyz"
    written(scratch / "variables" / "old", 7200)
    part = written(scratch / "variables" / "part", 10)
    aged(scratch / "variables")
    aged(scratch)
    assert kinds(file) == []
    written(part, 7200)
    aged(scratch / "variables")
    (scratch / "link").symlink_to(written(file.folder / "elsewhere", 1))
    os.utime(scratch / "link", (time.time() - 7200,) * 2, follow_symlinks=False)
    aged(scratch)
    assert kinds(file) == ["scratch"]


def test_a_link_is_as_old_as_itself(file: StackFile) -> None:
    link = file.models_root / "half" / ".gone-1-xyz"
    link.symlink_to(aged(file.models_root / "elsewhere"))
    assert kinds(file) == []


def test_a_stack_that_is_being_changed_has_leftovers_that_arent_known(file: StackFile) -> None:
    written(file.folder / ".run" / "holder.json", 10)
    assert who_changes(file.folder) == ""
    with held(file.folder):
        busy = gather_stack(file.path, file, [])
    assert busy.changing == "what a killed command had started"
    assert busy.leftovers == []
    assert gather_stack(file.path, file, []).leftovers != []


def test_a_model_that_is_closed_is_told_with_its_owner(file: StackFile) -> None:
    version = file.models_root / "half" / "1"
    assert closed_models(file) == []
    (version / "saved_model.pb").chmod(0o000)
    (closed,) = closed_models(file)
    assert (closed.folder, closed.own) == (str(version.parent), True)


def test_files_from_the_future_and_problems_of_the_file(file: StackFile) -> None:
    model = file.models_root / "half" / "1" / "saved_model.pb"
    os.utime(model, (time.time() + 4000,) * 2)
    found = gather_stack(file.path, file, [])
    assert found.future == [str(model)]
    assert [one.code for one in found.problems] == ["TFD111"]
    # The file on disk and the line that leads there, as `up` says it.
    assert found.problems[0].where == (f"{model} ({file.path}:3: services.one.models.half)")
    assert found.models_bytes == len(b"not one")
    file.path.write_text("stack: [\n")
    broken, errors = load_settled(file.path)
    assert (broken, [one.code for one in errors]) == (None, ["TFD202"])
    found = gather_stack(file.path, broken, errors)
    assert (found.readable, [one.code for one in found.problems]) == (False, ["TFD202"])


def test_a_machine_whose_engine_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    facts = gather(None, "", {})
    assert facts.docker.answers is False
    assert facts.docker.why_not == "Docker isn't running."
    assert facts.host.memory_bytes > 0
    assert facts.stack is None


def test_a_file_of_facts_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text('{"host": {"system": 5, "clock": 1.8e9}, "shoes": 1}')
    with pytest.raises(TfdeployError) as caught:
        load_facts(path)
    assert [one.code for one in caught.value.all()] == ["TFD489", "TFD489"]
    assert "host.system" in caught.value.all()[0].message
    with pytest.raises(TfdeployError) as missing:
        load_facts(tmp_path / "none.json")
    assert missing.value.code == "TFD489"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "host"),
        ('{"host": {}}', "host.clock"),
        ('{"host": {"clock": -1e15}}', "host.clock"),
        ('{"host": {"clock": NaN}}', "host.clock"),
        ('{"host": {"clock": 1e11}}', "host.clock"),
        ('{"host": {"clock": 1e18}}', "host.clock"),
        (
            '{"host": {"clock": 1.8e9, "memory_bytes": 1000000000000000000000000000000}}',
            "host.memory_bytes",
        ),
        ('{"host": {"clock": 1.8e9}, "docker": {"ahead_seconds": 1e300}}', "docker.ahead_seconds"),
        (
            '{"host": {"clock": 1.8e9}, "docker": {"ahead_seconds": -Infinity}}',
            "docker.ahead_seconds",
        ),
    ],
)
def test_facts_that_no_machine_has(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(TfdeployError) as caught:
        load_facts(path)
    (error,) = caught.value.all()
    assert error.code == "TFD489"
    assert f" {field}: " in error.message


def test_a_neighbour_that_cant_be_read_is_no_problem_of_this_stack(file: StackFile) -> None:
    before = gather_stack(file.path, file, []).problems
    (file.folder.parent / "other" / "stack.yaml").mkdir(parents=True)
    assert gather_stack(file.path, file, []).problems == before


def test_dockers_disk_is_left_out_where_nothing_runs_on_it(file: StackFile) -> None:
    docker = Docker(answers=True, root=str(file.models_root))
    host = Host(clock=1.8e9)
    uses = {
        runtime: [use for disk in disks(file, facts, None) for use in disk.uses]
        for runtime in ("docker", "process")
        for facts in [Facts(runtime=runtime, host=host, docker=docker)]
    }
    assert uses == {
        "docker": ["models_dir", "stack", "Docker"],
        "process": ["models_dir", "stack"],
    }


def test_a_stack_is_missed_where_it_was_brought_up_and_nowhere_else(file: StackFile) -> None:
    now = ObservedStack({}, {"one": ObservedService("one", "exited", detail="killed")})
    assert brought_up(file, now, on_docker=False) == []
    memory = {"runtime": "process", "server": [], "stack": "s", "templates": None}
    path = written(file.folder / ".run" / "runtime.json", 10)
    path.write_text(json.dumps(memory))
    assert brought_up(file, now, on_docker=True) == []
    assert brought_up(file, None, on_docker=False) == []
    (one,) = brought_up(file, now, on_docker=False)
    assert (one.name, one.state, one.detail) == ("one", "exited", "killed")
    assert one.where == f"{file.path}:3: services.one"


def test_a_gateway_is_a_service_too(file: StackFile) -> None:
    path = written(file.folder / ".run" / "runtime.json", 10)
    path.write_text('{"runtime": "docker", "server": [], "stack": "s", "templates": null}')
    behind = parse_stack(f"{TEXT}gateway: {{}}\n", file.path)
    states = [
        [one.state for one in brought_up(stack, ObservedStack({}, {}, gateway), on_docker=True)]
        for stack in (file, behind)
        for gateway in (ObservedGateway(), ObservedGateway("exited"))
    ]
    assert states == [[], [], [], ["exited"]]


def test_a_port_is_looked_at_where_its_server_would_listen(file: StackFile) -> None:
    with socket.create_server(("127.0.0.9", 0)) as other:
        port = other.getsockname()[1]
        text = TEXT.replace("half: {}}", f"half: {{}}}}, publish: {{rest: {port}}}")
        stack = parse_stack(text, file.path)
        servers = (embedded_server(), ("/usr/bin/tensorflow_model_server",), ())
        found = [one.state for server in servers for one in ports(stack, None, server, None)]
    assert found == ["free", "taken", "free"]
