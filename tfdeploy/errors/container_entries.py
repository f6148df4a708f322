"""What `tfdeploy lint` finds in how containers are run."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

CONTAINER_ENTRIES: dict[str, Entry] = {
    "TFD287": Entry(
        Exit.NO,
        "A config file is mounted alone",
        "Changes on the host aren't seen in the container.",
        "A mount of a file holds its inode. Editors and atomic writers put a new file in its "
        "place, and the container keeps the old one (moby/moby#15793, docker/for-win#12775).",
        "Mount the folder that holds the file.",
    ),
    "TFD288": Entry(
        Exit.NO,
        "A health check calls a program that the image lacks",
        "The container is never healthy, and what waits for it never starts.",
        "The CPU image is Ubuntu with certificates and the server: no curl, wget, nc or Python; "
        "the GPU image has curl (tools/docker/Dockerfile, Dockerfile.gpu; #1754, #2219).",
        "Use bash, which both have: `exec 3<>/dev/tcp/127.0.0.1/8501`, and look for AVAILABLE in "
        "the answer.",
    ),
    "TFD289": Entry(
        Exit.NO,
        "A health check asks the wrong question",
        "A page that the server doesn't have, a wrong port, HEAD, TLS, a shell without /dev/tcp, "
        "or no time to start.",
        "There is no health page and no list of models: /v1/models alone is 400, all but /v1/ is "
        "404 (model_servers/http_rest_api_handler.cc; #671). The ports open when every model is "
        "loaded. /bin/sh of the image is dash, which has no /dev/tcp.",
        "Ask for /v1/models/NAME with GET, look for AVAILABLE, and set a start_period.",
    ),
    "TFD290": Entry(
        Exit.NO,
        "The whole GPU is taken",
        "The first model that is loaded takes all memory of the device that is free.",
        "per_process_gpu_memory_fraction is 0 by default, which TensorFlow reads as: everything "
        "(core/common_runtime/gpu/gpu_device.cc; #1929, #249, #675).",
        "Give --per_process_gpu_memory_fraction, or TF_FORCE_GPU_ALLOW_GROWTH=true, which never "
        "gives back what it took.",
    ),
    "TFD291": Entry(
        Exit.NO,
        "The GPU and the server don't come together",
        "A GPU image without a device, a CPU image with one, a reservation without capabilities, "
        "or every device of the machine for one server.",
        "Compose wants `capabilities: [gpu]`. Without a device the server falls back to the CPU "
        "with a line in its log (#987). With several, TensorFlow takes memory on each "
        "(#779, tensorflow/tensorflow#19640).",
        'Take the tag\'s -gpu twin, and reserve one device: `device_ids: ["0"]`, '
        "`capabilities: [gpu]`.",
    ),
    "TFD292": Entry(
        Exit.NO,
        "A session or growth setting without effect",
        "TF_FORCE_GPU_ALLOW_GROWTH with another value than true or false, or fields of the "
        "session file that flags overwrite.",
        "The variable is compared with `true` and `false` (core/common_runtime/gpu/"
        "gpu_bfc_allocator.cc). The server writes the fraction and both thread counts over the "
        "file's, even where the flags aren't given (model_servers/server.cc).",
        "Write `true`; give the flags.",
    ),
    "TFD293": Entry(
        Exit.NO,
        "The model isn't mounted where the server looks",
        "The container runs, and its ports never open.",
        "The image looks in /models/$MODEL_NAME, and MODEL_NAME is `model` where it isn't set "
        "(tools/docker/Dockerfile). No versions under a base path is a warning, once a second, "
        "for ever (#1419, #1448, #1831).",
        "Let the mount's target, MODEL_NAME and base_path say the same.",
    ),
    "TFD294": Entry(
        Exit.NO,
        "A port is published where nobody listens",
        "Connections are refused or reset.",
        "The image listens on 8500 (gRPC) and 8501 (REST). Where the entry point is replaced, "
        "rest_api_port is 0, which means no REST (model_servers/server.h).",
        "Publish the ports that the server has, or give --rest_api_port=8501.",
    ),
    "TFD295": Entry(
        Exit.NO,
        "The container doesn't stop when it is asked to",
        "Every stop takes the whole grace period and ends with SIGKILL.",
        "The entry point is a bash script without exec; as process 1 it drops SIGTERM, and the "
        "server has no handler either (tools/docker/Dockerfile; #1853, #356).",
        "`init: true` in Compose, --init for docker run, or `stop_signal: SIGKILL`.",
    ),
    "TFD296": Entry(
        Exit.NO,
        "There is no such image",
        "It can't be pulled, or doesn't run on this processor.",
        "Releases of the server don't follow TensorFlow's patch numbers: there is no 2.15.0, "
        "2.16.0 or 2.16.2 (#1961, #2136). All are for linux/amd64 (#1948, #1816).",
        "Name a release that exists; on arm64 emulate, or use `tfdeploy image build`.",
    ),
    "TFD297": Entry(
        Exit.NO,
        "A service doesn't wait for the models",
        "It starts beside the server, and its first requests are refused.",
        "`depends_on` with a name alone waits for the container's start. The server's ports open "
        "when every model is loaded, minutes later for large ones (model_servers/server.cc).",
        "Give the server a health check, and write `condition: service_healthy`.",
    ),
    "TFD298": Entry(
        Exit.NO,
        "A CPU limit that the server doesn't know",
        "It starts as many threads as the machine has cores, and is throttled.",
        "TensorFlow counts the cores that it may be scheduled on; a quota isn't among what it sees "
        "(#1618, #1345).",
        "Give --tensorflow_session_parallelism with the limit, or a cpuset.",
    ),
    "TFD299": Entry(
        Exit.NO,
        "A changed config file isn't noticed",
        "A model that is added to the file isn't served until a restart.",
        "model_config_file_poll_wait_seconds is 0 by default: the file is read once "
        "(model_servers/server.h; #1794, #765, #1274).",
        "Give --model_config_file_poll_wait_seconds=10, or reload over gRPC.",
    ),
}
