"""How models of the one platform, `tensorflow`, are loaded: from flags, or from a platform config.

Sources: tensorflow_serving/model_servers/server.cc (BuildAndStart), config/platform_config.proto,
servables/tensorflow/{session_bundle_config.proto,saved_model_bundle_factory.cc}. With a platform
config file the flags about batching, sessions, tags and warm-up are ignored without a word.
"""

from typing import Any, Final, NamedTuple

from tfdeploy import wire
from tfdeploy.server.batching import validate_batching_parameters
from tfdeploy.server.config_files import load_text_proto
from tfdeploy.server.flags import Flags
from tfdeploy.server.model_config import PLATFORM
from tfdeploy.server.session_config import apply_mixed_precision, session_config
from tfdeploy.server.status import invalid

_DEFAULT_TAG: Final = "serve"
_ADAPTER: Final = "tensorflow.serving.SavedModelBundleSourceAdapterConfig"


class Platform(NamedTuple):
    """What a SessionBundleConfig says.

    Attributes:
        name: What a model has to name as its platform.
        tags: The MetaGraph's tag set.
        session_config: A serialized ConfigProto.
        batching: BatchingParameters for every model, or None.
        per_model_batching: Take them from the version's folder instead.
        warms_up: Replay warm-up requests.
        warmup_iterations: How many times each of them is sent.
    """

    name: str
    tags: tuple[str, ...]
    session_config: bytes
    batching: Any
    per_model_batching: bool
    warms_up: bool
    warmup_iterations: int


def platform_from_flags(flags: Flags) -> Platform:
    """The platform that the flags describe.

    Raises:
        ServingError: flags contradict each other, or a file that they name is wrong.
    """
    bundle = wire.SessionBundleConfig()
    batching = _batching_parameters(flags)
    if batching is not None:
        bundle.batching_parameters.CopyFrom(batching)
        bundle.enable_per_model_batching_params = flags.enable_per_model_batching_parameters
    bundle.session_config.CopyFrom(session_config(flags))
    if flags.saved_model_tags:
        bundle.saved_model_tags.extend(flags.saved_model_tags.split(","))
    bundle.enable_model_warmup = flags.enable_model_warmup
    if flags.num_request_iterations_for_warmup > 0:
        iterations = bundle.model_warmup_options.num_request_iterations
        iterations.value = flags.num_request_iterations_for_warmup
    bundle.mixed_precision = flags.mixed_precision
    return _platform(PLATFORM, bundle)


def platform_from_file(path: str) -> Platform:
    """The platform in a PlatformConfigMap file.

    Without an entry for `tensorflow` the first of the others is all there is, so models that name
    `tensorflow` ask for a platform that is not there.

    Raises:
        ServingError: the file is wrong.
    """
    found = load_text_proto(
        path, wire.PlatformConfigMap, "tensorflow.serving.PlatformConfigMap"
    ).platform_configs
    if not found:
        return _platform("", wire.SessionBundleConfig())
    name = PLATFORM if PLATFORM in found else min(found)
    packed = found[name].source_adapter_config
    adapter = wire.message_class(_ADAPTER)()
    if not packed.Unpack(adapter):
        _refuse_adapter(packed.type_url)
    return _platform(name, adapter.legacy_config)


def read_platform(flags: Flags) -> Platform:
    """The platform that this command line asks for; see the two functions above."""
    if flags.platform_config_file:
        return platform_from_file(flags.platform_config_file)
    return platform_from_flags(flags)


def check_thread_pool_factory(path: str) -> None:
    """Read a ThreadPoolFactoryConfig, of which the original knows no factory either.

    Source: tensorflow_serving/util/class_registration.h (CreateFromAny).

    Raises:
        ServingError: always; only the text depends on the file.
    """
    config = load_text_proto(
        path, wire.ThreadPoolFactoryConfig, "tensorflow.serving.ThreadPoolFactoryConfig"
    )
    _refuse_adapter(config.thread_pool_factory_config.type_url)


def _refuse_adapter(type_url: str) -> None:
    name = type_url.rpartition("/")[2]
    if "/" not in type_url or not name:
        invalid(f"Supplied config's type_url could not be parsed: {type_url}")
    invalid(f"Couldn't find factory for config proto message type {name}")


def _batching_parameters(flags: Flags) -> Any:
    if not flags.enable_batching:
        if flags.batching_parameters_file:
            invalid(
                "server_options.batching_parameters_file is set without setting "
                "server_options.enable_batching to true."
            )
        return None
    if not flags.batching_parameters_file:
        return wire.BatchingParameters()
    return load_text_proto(
        flags.batching_parameters_file,
        wire.BatchingParameters,
        "tensorflow.serving.BatchingParameters",
    )


def _platform(name: str, bundle: Any) -> Platform:
    batching = None
    if bundle.HasField("batching_parameters"):
        batching = bundle.batching_parameters
        validate_batching_parameters(batching)
    config = bundle.session_config
    apply_mixed_precision(config, bundle.mixed_precision)
    options = bundle.model_warmup_options
    iterations = options.num_request_iterations.value
    return Platform(
        name=name,
        tags=tuple(dict.fromkeys(bundle.saved_model_tags)) or (_DEFAULT_TAG,),
        session_config=config.SerializeToString(),
        batching=batching,
        per_model_batching=bundle.enable_per_model_batching_params,
        warms_up=bundle.enable_model_warmup,
        warmup_iterations=iterations if options.HasField("num_request_iterations") else 1,
    )
