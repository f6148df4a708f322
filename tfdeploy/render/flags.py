"""server_flags(): the words that every server of tfdeploy is started with."""

from __future__ import annotations

from dataclasses import dataclass

from tfdeploy.stack.flags import format_flag
from tfdeploy.stack.schema import GRPC_PORT, REST_PORT, Service

CONFIG_POLL_SECONDS = 10

MODELS_CONFIG = "models.config"
BATCHING_CONFIG = "batching.config"
MONITORING_CONFIG = "monitoring.config"
HEALTHCHECK = "healthcheck.sh"


@dataclass(frozen=True)
class Place:
    """Where a server finds its files and on which ports it listens, as the server sees them."""

    models_root: str = "/models"
    config_dir: str = "/config"
    rest_port: int = REST_PORT
    grpc_port: int = GRPC_PORT


IN_CONTAINER = Place()


def server_flags(service: Service, place: Place) -> list[str]:
    """The flags of one service, ``--name=value`` each; the user's own come last and win.

    A broken model is retried once, a second later: with the server's defaults (5 retries, a
    minute apart) it keeps all other models of the server down for five minutes. Labels are
    checked before anything is loaded, so without the label flag no server with labels starts
    (tensorflow_serving/model_servers/server_core.cc).
    """
    values: dict[str, bool | int | float | str] = {
        "port": place.grpc_port,
        "rest_api_port": place.rest_port,
        "model_config_file": f"{place.config_dir}/{MODELS_CONFIG}",
        "model_config_file_poll_wait_seconds": CONFIG_POLL_SECONDS,
        "monitoring_config_file": f"{place.config_dir}/{MONITORING_CONFIG}",
        "allow_version_labels_for_unavailable_models": True,
        "max_num_load_retries": 1,
        "load_retry_interval_micros": 1_000_000,
    }
    if service.batching:
        values["enable_batching"] = True
        values["batching_parameters_file"] = f"{place.config_dir}/{BATCHING_CONFIG}"
    if service.gpu:
        # Without a fraction the server would take all that is free.
        assert service.gpu.memory_fraction is not None, "check_stack refuses unsettled shares"
        values["per_process_gpu_memory_fraction"] = service.gpu.memory_fraction
    values |= _threads(service)
    values |= service.flags
    return [format_flag(name, value) for name, value in values.items()]


CUDA_CACHE_DIR = "/var/tmp/cuda-cache"  # noqa: S108 - inside the container, on a volume
CUDA_CACHE_BYTES = 4 * 2**30


def server_environment(service: Service, *, in_container: bool) -> dict[str, str]:
    """The variables of one server; the user's own come last and win.

    Without a share no GPU is visible, whatever the engine or the shell hands out. Kernels that
    the driver compiles at the first start are kept: it takes minutes on cards that are newer than
    the image (tensorflow/serving#1663).
    """
    gpu = service.gpu
    own: dict[str, str] = {}
    if gpu is None:
        own["CUDA_VISIBLE_DEVICES"] = ""
    elif not in_container:
        # NVML's order, which `gpu list` shows; CUDA's own puts the fastest card first.
        own |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu.device)}
    if gpu and in_container:
        own["CUDA_CACHE_PATH"] = CUDA_CACHE_DIR
    if gpu:
        own["CUDA_CACHE_MAXSIZE"] = str(CUDA_CACHE_BYTES)
    if gpu and gpu.growth:
        own["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return {**own, **service.environment}


def _threads(service: Service) -> dict[str, int]:
    """Thread pools by the cpu limit: TensorFlow sees the machine's cores, not the limit."""
    own = {"tensorflow_session_parallelism", "tensorflow_intra_op_parallelism"}
    own.add("tensorflow_inter_op_parallelism")
    if service.resources.cpus is None or own & set(service.flags):
        return {}
    return {"tensorflow_session_parallelism": max(1, round(service.resources.cpus))}
