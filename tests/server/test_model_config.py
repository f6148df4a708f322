"""The model config file is validated with the real server's texts."""

from pathlib import Path
from typing import Any

import pytest

from tfdeploy import wire
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.model_config import (
    PLATFORM,
    supported_platforms,
    updated_labels,
    validate_model_config_list,
)
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(10)
GOOD = "config { name: 'm' base_path: '/m' model_platform: 'tensorflow' }"


def config_list(text: str) -> Any:
    return wire.parse_text(wire.ModelConfigList, text)


@pytest.mark.parametrize("path", ["/m", "file:///m", "gs://bucket/m", "s3://bucket/m"])
def test_paths_that_are_absolute(path: str) -> None:
    validate_model_config_list(config_list(GOOD.replace("/m", path)), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + GOOD, "Illegal to list model m multiple times in config list"),
        (
            "config { name: 'm' base_path: 'x' model_platform: 'tensorflow' }",
            "Expected model m to have an absolute path or URI; got base_path()=x",
        ),
        (
            "config { name: 'm' base_path: '/m' }",
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            "config { name: 'm' base_path: '/m' model_platform: 'tensorflow' model_type: OTHER }",
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            "config { name: 'm' base_path: '/m' model_type: OTHER }",
            "ModelServerConfig::model_type choice 2 not supported.",
        ),
        (
            "config { name: 'm' base_path: '/m' model_platform: 'caffe' }",
            "Model m requests unsupported platform caffe",
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ServingError) as caught:
        validate_model_config_list(config_list(text), {})
        supported_platforms(config_list(text), PLATFORM)
    assert str(caught.value) == f"INVALID_ARGUMENT: {message}"


def test_first_model_with_a_wrong_platform_is_named() -> None:
    models = config_list(GOOD.replace("tensorflow", "caffe") + "config { name: 'n' }")
    with pytest.raises(ServingError, match="Model m requests unsupported platform caffe"):
        supported_platforms(models, PLATFORM)


def test_platforms_of_new_models_come_after_labels() -> None:
    validate_model_config_list(config_list("config { name: 'm' base_path: '/m' }"), {"n": "x"})


def test_platform_may_not_change() -> None:
    with pytest.raises(ServingError, match="For model m platform was caffe"):
        validate_model_config_list(config_list(GOOD), {"m": "caffe"})


def labelled(version: int) -> Any:
    entry = f"version_labels {{ key: 'stable' value: {version} }} }}"
    return config_list(GOOD.removesuffix("}") + entry)


def test_label_needs_an_available_version() -> None:
    assert updated_labels(labelled(1), {}, lambda *_: True, False) == {"m": {"stable": 1}}
    with pytest.raises(ServingError, match="Request to assign label to version 1 of model m"):
        updated_labels(labelled(1), {}, lambda *_: False, False)


def test_new_label_may_wait_with_the_flag_but_not_move() -> None:
    unavailable = lambda *_: False  # noqa: E731
    assert updated_labels(labelled(9), {}, unavailable, True) == {"m": {"stable": 9}}
    assert updated_labels(labelled(9), {"m": {"stable": 9}}, unavailable, True)
    with pytest.raises(ServingError, match="not currently available"):
        updated_labels(labelled(9), {"m": {"stable": 1}}, unavailable, True)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "NOT_FOUND: {path}; No such file or directory"),
        ("", "INVALID_ARGUMENT: {path}; Invalid argument"),
        ("model_config_list {", "INVALID_ARGUMENT: Invalid protobuf file: '{path}'"),
        ("nope: 1", "INVALID_ARGUMENT: Invalid protobuf file: '{path}'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: str | None, error: str) -> None:
    path = tmp_path / "models.config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ServingError) as caught:
        load_text_proto(str(path), wire.ModelServerConfig, "tensorflow.serving.ModelServerConfig")
    assert str(caught.value) == error.format(path=path)
