"""The model config of the mixed load, as it is at a moment, and some that must be refused."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfdeploy import wire


@dataclass
class Config:
    """What the server should serve.

    Attributes:
        models: The root of all base paths.
        line: The older of the two versions that the line serves.
        words: The version that is named for the words.
        guest: Whether the model that comes and goes is there.
        labels: Of the line.
    """

    models: Path
    line: int = 1
    words: int = 1
    guest: bool = False
    labels: dict[str, int] = field(default_factory=lambda: {"stable": 1, "canary": 2})

    def message(self) -> Any:
        """The ModelServerConfig."""
        config = wire.ModelServerConfig()
        names = ["line", "mlp", "words", "kinds", *(["guest"] if self.guest else [])]
        for name in names:
            path = str(self.models / name)
            model = config.model_config_list.config.add(
                name=name, base_path=path, model_platform="tensorflow"
            )
            if name == "line":
                model.model_version_policy.latest.num_versions = 2
                model.version_labels.update(self.labels)
            elif name == "words":
                model.model_version_policy.specific.versions.append(self.words)
        return config

    def save(self, file: Path) -> None:
        """Replace the config file in one step."""
        _replace(file, wire.render_text(self.message()))

    def save_spoiled(self, file: Path) -> None:
        """Replace the config file by one that ends in the middle."""
        text = wire.render_text(self.message())
        _replace(file, text[: len(text) // 2])


def refused_configs(config: Config) -> dict[str, tuple[Any, str]]:
    """Changes that a server must refuse: what they are → the config and the gRPC code."""
    twice, relative, platform, label = (config.message() for _ in range(4))
    twice.model_config_list.config.append(twice.model_config_list.config[0])
    relative.model_config_list.config[1].base_path = "somewhere/else"
    platform.model_config_list.config[1].model_platform = "other"
    label.model_config_list.config[0].version_labels["stable"] = 99_999_999
    return {
        "a name twice": (twice, "INVALID_ARGUMENT"),
        "a relative base path": (relative, "INVALID_ARGUMENT"),
        "another platform": (platform, "INVALID_ARGUMENT"),
        "a label moved to a version that isn't there": (label, "FAILED_PRECONDITION"),
        "no list": (wire.ModelServerConfig(), "INVALID_ARGUMENT"),
    }


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(file.name + ".draft")
    draft.write_text(text, "utf-8")
    os.replace(draft, file)
