"""What a server's log says, where no other code stands for it: `tfdeploy logs --explain`.

Paths are of github.com/tensorflow/serving below tensorflow_serving/; `#NNN` are its issues.
"""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

LOG_ENTRIES: dict[str, Entry] = {
    "TFD490": Entry(
        Exit.DEPLOY,
        "The server ended at its start",
        "It read its flags and files, refused something, and ended with 255 before any port was "
        "open. The reason is its own.",
        "Whatever Server::BuildAndStart returns is printed as `Failed to start server. Error:` on "
        "stdout (model_servers/main.cc), which is written when the server ends.",
        "Mend what it names, and start it again.",
    ),
    "TFD491": Entry(
        Exit.RUNTIME,
        "The server uses instructions that the processor hasn't",
        "It ends at once with `Illegal instruction`, exit code 132.",
        "Releases are built with -mavx and -msse4.2 (.bazelrc). Old processors, virtual machines "
        "with a made-up CPU, and emulation on arm64 lack AVX (#1342, #1471, #1948).",
        "Give the virtual machine the host's CPU, take another machine, or run the embedded "
        "server; the apt package tensorflow-model-server-universal is built without AVX.",
    ),
    "TFD492": Entry(
        Exit.RUNTIME,
        "The server's program doesn't fit the system",
        "A shared library isn't there, or the C library is older than the one that the program "
        "was built with. Or the image has no such program at all: it isn't a model server's.",
        "The binary is linked on Ubuntu 20.04 or 22.04 (tools/docker/Dockerfile.devel) and loads "
        "the system's own libraries (#2012).",
        "Run it from its image, or on a system no older than the one it was built on. Where the "
        "program isn't there, name an image that holds tensorflow_model_server in `image:`.",
    ),
    "TFD493": Entry(
        Exit.DEPLOY,
        "There wasn't enough memory, or the server was killed",
        "The server got SIGKILL (exit code 137), or an allocation failed and it aborted. Every "
        "model of it is gone until it has started again. Docker knows whether a kill was for the "
        "container's own limit (State.OOMKilled), and the message says which it was.",
        "A server holds all versions that it serves, and loads a new one before it unloads the "
        "old (core/availability_preserving_policy.cc; #2017). It asks nobody whether there is "
        "room: its own estimate has no limit (servables/tensorflow/util.cc). Large batches take "
        "more on top (#1685, #2065).",
        "Raise `resources.memory` to two versions and a batch, serve fewer models from one "
        "service, or use `strategy: recreate` behind a gateway. A kill that wasn't for the limit "
        "was the host's kernel (`dmesg | grep -i oom` on the host names the process), a stop whose "
        "grace period was over, or somebody's `docker kill`.",
    ),
    "TFD494": Entry(
        Exit.DEPLOY,
        "The server crashed",
        "It ended by a signal of its own: 134 is an abort after a failed check, 135 a bus error, "
        "139 a segmentation fault. The embedded server says the Python error instead.",
        "Known ways: batching numbers that are refused too late (batching/batching_session.cc), a "
        "taken gRPC port with enable_grpc_healthcheck_service (model_servers/server.cc), version "
        "folders that are written while they are read, MPS (#1326), and oneDNN in some releases "
        "(#2085, #2171).",
        "`tfdeploy lint` names the first kind. Try the next release, or TF_ENABLE_ONEDNN_OPTS=0.",
    ),
    "TFD495": Entry(
        Exit.RUNTIME,
        "CUDA's libraries are missing or don't match",
        "The server runs on the CPU, or its first convolution fails.",
        "TensorFlow opens CUDA's and cuDNN's libraries when it starts (xla/tsl/platform/default/"
        "dso_loader.cc), and wants the cuDNN it was built with or a newer one of the same major "
        "version (xla/stream_executor/cuda/cuda_dnn.cc). The -gpu images hold what they need.",
        "Take the release's -gpu image. In an image of your own, install the versions that "
        "TensorFlow's table of tested builds names, and no others.",
    ),
    "TFD496": Entry(
        Exit.RUNTIME,
        "The GPU's driver answers with an error",
        "CUDA reports something else than a missing device or missing memory, and the server runs "
        "on the CPU or fails its requests.",
        "The driver's library and the kernel's module must be of one version; after an update "
        "they aren't until a reboot (xla/stream_executor/cuda/cuda_diagnostics.cc). A GPU that "
        "fell off the bus answers like this, too: dmesg then shows Xid errors.",
        "See whether nvidia-smi works on the host and in a container; reboot after an update.",
    ),
    "TFD497": Entry(
        Exit.NO,
        "Two version folders have one number",
        "One of them is served, the other is ignored with a warning.",
        "Names are read as numbers, so `1` and `001` are one version; of two, the last in "
        "alphabetical order wins (sources/storage_path/file_system_storage_path_source.cc).",
        "Keep one of them.",
    ),
    "TFD498": Entry(
        Exit.RUNTIME,
        "The store of the models can't be reached",
        "A base path such as gs://bucket/model can't be listed: the bucket doesn't exist, the "
        "container has no network to it, or there are no credentials. No port opens meanwhile.",
        "To the server it is a base path that isn't there, and one such ends each round of "
        "looking for versions (sources/storage_path/file_system_storage_path_source.cc).",
        "Mount a key file and name it with GOOGLE_APPLICATION_CREDENTIALS, or keep the models on "
        "a disk.",
    ),
    "TFD499": Entry(
        Exit.RUNTIME,
        "The server has too many files open",
        "Connections are refused, and versions aren't found any more.",
        "Each connection takes a file descriptor, and so does each file of a model while it is "
        "read; the limit is the container's (bitnami/bitnami-docker-tensorflow-serving#13).",
        "Raise `ulimits: nofile` of the container, and let clients keep their connections.",
    ),
    "TFD520": Entry(
        Exit.REQUEST,
        "A gRPC message is larger than its reader takes",
        "The request or the answer fails with RESOURCE_EXHAUSTED.",
        "gRPC's clients take messages of 4 MiB unless told otherwise; the server takes 2 GiB "
        "(model_servers/server.cc).",
        "Set grpc.max_receive_message_length and grpc.max_send_message_length on the client's "
        "channel, send encoded images instead of arrays, or smaller batches.",
    ),
}
