"""How models are loaded, from flags and from a platform config file."""

from pathlib import Path

import pytest

from tfdeploy import wire
from tfdeploy.server.flags import Flags
from tfdeploy.server.model_config import supported_platforms
from tfdeploy.server.platform import (
    Platform,
    check_thread_pool_factory,
    platform_from_flags,
    read_platform,
)
from tfdeploy.server.status import ServingError

pytestmark = pytest.mark.timeout(10)
FILE = """platform_configs {
  key: "%s"
  value { source_adapter_config {
    [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] {
      legacy_config { %s }
    }
  } }
}
"""


def from_file(folder: Path, text: str, **flags: str) -> Platform:
    path = folder / "platform.config"
    path.write_text(text)
    return read_platform(Flags(platform_config_file=str(path), **flags))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("serve", ("serve",)),
        ("", ("serve",)),
        ("gpu,serve,gpu", ("gpu", "serve")),
        ("a,", ("a", "")),
    ],
)
def test_tags_of_the_flag(text: str, tags: tuple[str, ...]) -> None:
    assert platform_from_flags(Flags(saved_model_tags=text)).tags == tags


@pytest.mark.parametrize(("flag", "iterations"), [(0, 1), (-2, 1), (3, 3)])
def test_warm_up_iterations_of_the_flag(flag: int, iterations: int) -> None:
    platform = platform_from_flags(Flags(num_request_iterations_for_warmup=flag))
    assert (platform.warms_up, platform.warmup_iterations) == (True, iterations)


def test_per_model_batching_needs_batching() -> None:
    alone = platform_from_flags(Flags(enable_per_model_batching_parameters=True))
    assert (alone.batching, alone.per_model_batching) == (None, False)
    both = Flags(enable_batching=True, enable_per_model_batching_parameters=True)
    assert platform_from_flags(both).per_model_batching


def test_batching_file_needs_batching() -> None:
    with pytest.raises(ServingError, match="without setting server_options"):
        platform_from_flags(Flags(batching_parameters_file="/nowhere"))


def test_everything_comes_from_the_file(tmp_path: Path) -> None:
    inside = """
        session_config { gpu_options { allow_growth: true } intra_op_parallelism_threads: 5 }
        batching_parameters { max_batch_size { value: 8 } allowed_batch_sizes: [4, 8] }
        enable_per_model_batching_params: true
        saved_model_tags: ["gpu", "serve"]
        enable_model_warmup: true
        model_warmup_options { num_request_iterations { value: 0 } }
    """
    platform = from_file(tmp_path, FILE % ("tensorflow", inside))
    config = wire.ConfigProto.FromString(platform.session_config)
    assert config.gpu_options.allow_growth
    assert config.intra_op_parallelism_threads == 5
    assert platform.batching.max_batch_size.value == 8
    assert platform.per_model_batching
    assert platform.tags == ("gpu", "serve")
    assert (platform.warms_up, platform.warmup_iterations) == (True, 0)


def test_flags_that_the_file_overrides_are_ignored(tmp_path: Path) -> None:
    platform = from_file(
        tmp_path,
        FILE % ("tensorflow", ""),
        saved_model_tags="gpu",
        batching_parameters_file="/nowhere",
        tensorflow_session_config_file="/nowhere",
    )
    expected = Platform("tensorflow", ("serve",), b"", None, False, False, 1)
    assert platform == expected


@pytest.mark.parametrize("text", [FILE % ("other", ""), "# nothing\n"])
def test_without_an_entry_for_tensorflow_models_of_it_are_refused(
    tmp_path: Path, text: str
) -> None:
    platform = from_file(tmp_path, text)
    models = wire.parse_text(
        wire.ModelConfigList, "config { name: 'm' base_path: '/m' model_platform: 'tensorflow' }"
    )
    with pytest.raises(ServingError, match="Model m requests unsupported platform tensorflow"):
        supported_platforms(models, platform.name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "; Invalid argument"),
        ("platform_configs { key: 1 }", "Invalid protobuf file"),
        (FILE % ("tensorflow", "no_such_field: 1"), "Invalid protobuf file"),
        (FILE.replace("SavedModelBundle", "Unheard") % ("tensorflow", ""), "Invalid protobuf file"),
        ("platform_configs { key: 'tensorflow' }", "type_url could not be parsed: $"),
        (FILE % ("tensorflow", "batching_parameters { num_batch_threads { } }"), "positive; was 0"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        from_file(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "Supplied config's type_url could not be parsed: $"),
        ("thread_pool_factory_config { type_url: 'a/b.C' }", "config proto message type b.C"),
    ],
)
def test_no_thread_pool_factory_is_known(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pool.config"
    path.write_text(text)
    with pytest.raises(ServingError, match=message):
        check_thread_pool_factory(str(path))
