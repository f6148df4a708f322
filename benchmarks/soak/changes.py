"""What changes under the load: versions come and go, labels move, the config is rewritten.

Two threads: one owns the config file and the models whose versions depend on it, the other the
folders of models that serve their latest version. Each change is noted in the timeline before it is
made, and once more when the server was seen to have made it.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc

from soak.configs import Config, refused_configs
from soak.observation import Observation
from soak.publishing import VersionFolders
from soak.server import CONFIG_POLL_SECONDS, Operator
from soak.timeline import Timeline
from tfdeploy.wire import State

FIRST_VERSIONS = {"line": 2, "mlp": 1, "words": 1, "kinds": 1, "guest": 1}
_PATIENCE_SECONDS = 60.0
# A poll that read the old file just before it was replaced may apply it after a reload over gRPC.
_RACE_SECONDS = 2.0 * CONFIG_POLL_SECONDS + 0.3


class NeverCame(Exception):
    """A change was not seen to happen."""


class _Stopped(Exception):
    pass


class World:
    """What both changing threads share."""

    def __init__(self, templates: Path, models: Path, timeline: Timeline, settle: float) -> None:
        """Publish the first versions.

        Args:
            templates: Where `models.py` wrote.
            models: The root of all base paths.
            timeline: Where every change is noted.
            settle: Seconds in which several worker processes may differ about what is there.
        """
        self.timeline = timeline
        self.settle = settle
        self.counts: Counter[str] = Counter()
        self.folders = {
            name: VersionFolders(templates / ("line" if name == "guest" else name), models / name)
            for name in FIRST_VERSIONS
        }
        self.folders["line"].publish(1)
        for name, version in FIRST_VERSIONS.items():
            self.folders[name].publish(version)

    def begin(self) -> None:
        """Note what serves once the server is ready."""
        now = time.monotonic()
        for name, version in [*FIRST_VERSIONS.items(), ("line", 1)]:
            if name == "guest":
                continue
            if version == FIRST_VERSIONS[name]:
                self._begin(f"{name}@", 0, now)
            self._begin(name, version, now)
        self._begin("line@stable", 1, now)
        self._begin("line@canary", 2, now)

    def _begin(self, name: str, version: int, now: float) -> None:
        self.timeline.may_begin(name, version, now)
        self.timeline.has_begun(name, version, now)


class Changer:
    """One thread that makes one kind of change after the other."""

    def __init__(self, name: str, world: World, operator: Operator, seed: int) -> None:
        self.world = world
        self.timeline = world.timeline
        self.operator = operator
        self.random = random.Random(seed)
        self.failures: list[Observation] = []
        self.steps: dict[Callable[[], None], float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start changing things."""
        self._thread.start()

    def stop(self) -> None:
        """Make no more changes; returns when the thread has ended."""
        self._stopping.set()
        self._thread.join()

    def note(self, what: str) -> None:
        """Count one change."""
        self.world.counts[what] += 1

    def pause(self, seconds: float) -> None:
        """Wait, or end the thread when it is told to stop."""
        if self._stopping.wait(seconds):
            raise _Stopped

    def complain(self, what: str, text: str) -> None:
        """Note a failure of the server."""
        self.failures.append(Observation(what, "wrong", note=text))

    def wait_available(self, model: str, version: int) -> None:
        """Wait until a version is AVAILABLE, and note that it must answer from now on."""
        self._wait(model, version, lambda state, _: state == State.AVAILABLE)
        self.pause(self.world.settle)
        self.timeline.has_begun(model, version, time.monotonic())

    def wait_ended(self, model: str, version: int) -> None:
        """Wait until a version has ended, and note that it must not answer any more."""
        self._wait(model, version, lambda state, _: state == State.END)
        self.pause(self.world.settle)
        self.timeline.has_ended(model, version, time.monotonic())

    def wait_failed(self, model: str, version: int) -> None:
        """Wait until a version has ended with an error."""
        self._wait(model, version, lambda state, error: state == State.END and error != 0)

    def _wait(self, model: str, version: int, arrived: Callable[[int, int], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        states: dict[int, tuple[int, int]] = {}
        while time.monotonic() < deadline:
            try:
                states = self.operator.states(model)
            except grpc.RpcError as error:
                self.failures.append(Observation("change", "lost", note=f"status: {error!r}"))
            if version in states and arrived(*states[version]):
                return
            self.pause(0.05)
        newest = {number: states[number] for number in sorted(states)[-4:]}
        raise NeverCame(f"version {version} of {model}; states are {newest}")

    def _work(self) -> None:
        try:
            while True:
                step = self.random.choices(list(self.steps), list(self.steps.values()))[0]
                step()
                self.pause(self.random.uniform(0.2, 1.5))
        except _Stopped:
            return
        except Exception:
            self.complain("change", traceback.format_exc())


class FolderChanger(Changer):
    """Changes the folders of models that serve their latest version."""

    def __init__(self, world: World, operator: Operator, seed: int) -> None:
        super().__init__("folders", world, operator, seed)
        self._newest = {"mlp": FIRST_VERSIONS["mlp"], "kinds": FIRST_VERSIONS["kinds"]}
        self._serving = dict(self._newest)
        self.steps = {self._advance: 6, self._roll_back: 2, self._break: 1}

    def _next(self) -> tuple[str, int, int]:
        model = self.random.choice(list(self._newest))
        self._newest[model] += 1
        return model, self._serving[model], self._newest[model]

    def _advance(self) -> None:
        """A new version replaces the old one, whose folder then goes."""
        model, old, new = self._next()
        self._replace(model, old, new)
        self.world.folders[model].remove(old, self.random.random() < 0.5)
        self.note("new versions")

    def _roll_back(self) -> None:
        """The newest version's folder goes, and the one before it serves again."""
        model, old, new = self._next()
        self._replace(model, old, new)
        self.pause(self.random.uniform(0.1, 1.5))
        self.timeline.may_begin(model, old, time.monotonic())
        self.timeline.may_end(model, new, time.monotonic())
        self.world.folders[model].remove(new, self.random.random() < 0.5)
        self.wait_available(model, old)
        self.wait_ended(model, new)
        self._serving[model] = old
        self.note("versions rolled back")

    def _break(self) -> None:
        """A version that can't be loaded: the old one goes on."""
        model, _, new = self._next()
        self.world.folders[model].publish_broken(new)
        self.wait_failed(model, new)
        self.world.folders[model].remove(new, self.random.random() < 0.5)
        self.note("broken versions")

    def _replace(self, model: str, old: int, new: int) -> None:
        self.timeline.may_begin(model, new, time.monotonic())
        self.timeline.may_end(model, old, time.monotonic())
        self.world.folders[model].publish(new)
        self.wait_available(model, new)
        self.wait_ended(model, old)
        self._serving[model] = new


class ConfigChanger(Changer):
    """Rewrites the config file, and reloads over gRPC."""

    def __init__(
        self, world: World, operator: Operator, seed: int, config: Config, file: Path
    ) -> None:
        super().__init__("config", world, operator, seed)
        self._config = config
        self._file = file
        self._labels = dict(config.labels)
        self.steps = {
            self._advance_line: 4,
            self._switch_guest: 3,
            self._advance_words: 4,
            self._spoil_file: 1,
            self._reload_refused: 2,
        }

    def _apply(self) -> None:
        """Write the config, sometimes also send it, and wait out the poll that it races with."""
        self._config.save(self._file)
        self.note("configs written")
        if self.random.random() < 0.5:
            code = self.operator.reload(self._config.message())
            self.note("reloads")
            if code != "OK":
                self.complain("reload", f"{code} for a good config:\n{self._config.message()}")
        self.pause(_RACE_SECONDS)

    def _move_labels(self, **labels: int) -> None:
        moved = {name: version for name, version in labels.items() if self._labels[name] != version}
        now = time.monotonic()
        for label, version in moved.items():
            self.timeline.may_begin(f"line@{label}", version, now)
        self._config.labels.update(moved)
        self._apply()
        self.pause(self.world.settle)
        now = time.monotonic()
        for label, version in moved.items():
            # One stay ends where the next begins: a label is never without a version.
            self.timeline.may_end(f"line@{label}", self._labels[label], now)
            self.timeline.has_ended(f"line@{label}", self._labels[label], now)
            self.timeline.has_begun(f"line@{label}", version, now)
        self._labels.update(moved)

    def _advance_line(self) -> None:
        """A new version of the model with labels, in the order in which no label is ever empty."""
        old, middle, new = self._config.line, self._config.line + 1, self._config.line + 2
        self._move_labels(stable=middle, canary=middle)
        self.timeline.may_begin("line", new, time.monotonic())
        self.timeline.may_end("line", old, time.monotonic())
        self.world.folders["line"].publish(new)
        self.wait_available("line", new)
        self.wait_ended("line", old)
        self.world.folders["line"].remove(old, self.random.random() < 0.5)
        self._move_labels(canary=new)
        self._config.line = middle
        self.note("new versions")
        self.note("labels moved")

    def _switch_guest(self) -> None:
        """A model joins or leaves."""
        version = FIRST_VERSIONS["guest"]
        self._config.guest = not self._config.guest
        if self._config.guest:
            self.timeline.may_begin("guest", version, time.monotonic())
            self.timeline.may_begin("guest@", 0, time.monotonic())
            self._apply()
            self.wait_available("guest", version)
            self.timeline.has_begun("guest@", 0, time.monotonic())
        else:
            self.timeline.may_end("guest", version, time.monotonic())
            self.timeline.may_end("guest@", 0, time.monotonic())
            self._apply()
            self.wait_ended("guest", version)
            self.timeline.has_ended("guest@", 0, time.monotonic())
        self.note("models added or removed")

    def _advance_words(self) -> None:
        """The version that the config names changes."""
        old, new = self._config.words, self._config.words + 1
        self.world.folders["words"].publish(new)
        self.timeline.may_begin("words", new, time.monotonic())
        self.timeline.may_end("words", old, time.monotonic())
        self._config.words = new
        self._apply()
        self.wait_available("words", new)
        self.wait_ended("words", old)
        self.world.folders["words"].remove(old, self.random.random() < 0.5)
        self.note("new versions")

    def _spoil_file(self) -> None:
        """A config file that can't be read, or is gone: everything goes on as it was."""
        if self.random.random() < 0.5:
            self._file.unlink()
        else:
            self._config.save_spoiled(self._file)
        self.pause(_RACE_SECONDS)
        self._config.save(self._file)
        self.pause(_RACE_SECONDS)
        self.note("spoiled config files")

    def _reload_refused(self) -> None:
        """Reloads that must be refused and leave everything as it was."""
        for name, (message, wanted) in refused_configs(self._config).items():
            code = self.operator.reload(message)
            self.note("refused reloads")
            if code != wanted:
                self.complain("reload", f"{code}, not {wanted}, for {name}")
