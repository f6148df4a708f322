"""A real engine, a real image, and stacks that are always taken down again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfdeploy.runtimes.containers import host_address
from tfdeploy.runtimes.docker import compose_error, engine_error, image_error
from tfdeploy.runtimes.engine import connect, project_containers
from tfdeploy.runtimes.image import DEFAULT_BASE_IMAGE

SERVER_IMAGE = "tfdeploy-server:test"
OTHER_IMAGE = "tfdeploy-server:test-other"
GATEWAY_IMAGE = "tfdeploy-gateway:test"
BASE_IMAGE = os.environ.get("TFDEPLOY_TEST_BASE_IMAGE")


def tfdeploy(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line, run as a user would."""
    environment = {**os.environ, **options.pop("environment", {})}
    argv = [sys.executable, "-m", "tfdeploy", *words]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=300, env=environment, check=False, **options
    )


@dataclass
class Box:
    """One stack in a folder of its own, and ways to look at what became of it."""

    root: Path
    name: str
    client: Any
    models: Path

    @property
    def folder(self) -> Path:
        return self.root / "stacks" / "one"

    def write(self, services: Mapping[str, Any], **more: Any) -> None:
        stack = {"stack": self.name, "image": SERVER_IMAGE, **more, "services": dict(services)}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stack.yaml").write_text(yaml.safe_dump(stack, sort_keys=False))

    def edit(self, change: Callable[[Any], None]) -> None:
        path = self.folder / "stack.yaml"
        stack = yaml.safe_load(path.read_text())
        change(stack)
        path.write_text(yaml.safe_dump(stack, sort_keys=False))

    def give(self, model: str, *versions: int) -> Path:
        """Copy versions into the models folder, each by one rename as a publisher would."""
        base = self.root / "models" / model
        base.mkdir(parents=True, exist_ok=True)
        for version in versions:
            shutil.copytree(self.models / str(version), base / f"tmp{version}")
            (base / f"tmp{version}").rename(base / str(version))
        return base

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command, *rest = words
        return tfdeploy(command, "one", *rest, cwd=self.root, **options)

    def ok(self, *words: str, **options: Any) -> str:
        done = self.run(*words, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def interrupt(self, *words: str, at: str) -> int:
        """Run a command and press ^C soon after it has printed a line."""
        argv = [sys.executable, "-m", "tfdeploy", *words]
        with subprocess.Popen(
            argv, cwd=self.root, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if at in line:
                    # Into the middle of what the line announces.
                    time.sleep(0.2)
                    os.killpg(child.pid, signal.SIGINT)
                    break
            child.stdout.read()
            return child.wait(timeout=120)

    def containers(self) -> dict[str, Any]:
        found = project_containers(self.client, self.name)
        return {one.labels["com.docker.compose.service"]: one for one in found}

    def inspect(self, service: str = "serving") -> dict[str, Any]:
        return dict(self.containers()[service].attrs)

    def ask(self, model: str, x: float, service: str = "serving") -> float:
        address = host_address(self.inspect(service), 8501)
        url = f"http://{address}/v1/models/{model}:predict"
        body = json.dumps({"instances": [x]}).encode()
        with urllib.request.urlopen(url, body, timeout=10) as reply:
            return float(json.load(reply)["predictions"][0])

    def remove(self) -> None:
        """By the engine alone: what is tested may be what is broken."""
        for container in project_containers(self.client, self.name):
            container.remove(force=True)
        for network in self.client.networks.list(names=[self.name]):
            network.remove()
        project = {"label": f"com.docker.compose.project={self.name}"}
        for volume in self.client.volumes.list(filters=project):
            volume.remove(force=True)


def wait_until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.2)


def give_up(reason: str) -> None:
    """No engine is a reason to skip on a laptop; in CI it would hide that nothing ran."""
    if os.environ.get("CI") == "true" or BASE_IMAGE:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the Docker engine."""
    error = engine_error() or compose_error()
    if error:
        give_up(f"{error.message} {error.where}")
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def server_image(engine: Any) -> str:
    """The image that `tfdeploy image build` makes."""
    base = BASE_IMAGE or DEFAULT_BASE_IMAGE
    error = image_error(base)
    if error:
        give_up(f"{error.message} {error.where}")
    built = tfdeploy("image", "build", "--tag", SERVER_IMAGE, "--base-image", base)
    assert built.returncode == 0, built.stdout + built.stderr
    assert SERVER_IMAGE in built.stdout
    return SERVER_IMAGE


@pytest.fixture(scope="session")
def gateway_image(engine: Any) -> str:
    """The image that `tfdeploy image build --gateway` makes."""
    base = BASE_IMAGE or DEFAULT_BASE_IMAGE
    built = tfdeploy("image", "build", "--gateway", "--tag", GATEWAY_IMAGE, "--base-image", base)
    assert built.returncode == 0, built.stdout + built.stderr
    return GATEWAY_IMAGE


@pytest.fixture(scope="session")
def other_image(engine: Any, server_image: str) -> str:
    """The server's image under another name."""
    engine.images.get(server_image).tag(OTHER_IMAGE)
    return OTHER_IMAGE


Boxes = Callable[[], AbstractContextManager[Box]]


@pytest.fixture(scope="session")
def boxes(
    engine: Any, server_image: str, half_versions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Boxes:
    """Make stacks, each with a name and a folder of its own."""

    @contextmanager
    def make() -> Iterator[Box]:
        name = f"tfde2e-{secrets.token_hex(4)}"
        box = Box(tmp_path_factory.mktemp(name), name, engine, half_versions)
        try:
            yield box
        finally:
            box.remove()

    return make


@pytest.fixture
def box(boxes: Boxes) -> Iterator[Box]:
    """A stack of one test's own: one service with version 1 of the model `half`."""
    with boxes() as made:
        made.give("half", 1)
        made.write({"serving": {"models": {"half": {}}}})
        yield made


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait until something holds."""
    return wait_until
