"""What `tfdeploy lint` finds in set-ups, and what `tfdeploy import` refuses.

Paths in the sources are of github.com/tensorflow/serving; `#NNN` are its issues.
"""

from __future__ import annotations

from tfdeploy.errors.container_entries import CONTAINER_ENTRIES
from tfdeploy.errors.entries import Entry, Exit

SETUP_ENTRIES: dict[str, Entry] = {
    "TFD250": Entry(
        Exit.USAGE,
        "A path can't be read",
        "`tfdeploy lint` and `tfdeploy import` read files and folders; that one doesn't exist or "
        "is closed to you.",
    ),
    "TFD251": Entry(
        Exit.USAGE,
        "That is nothing of a model server's",
        "A file is recognised by its contents: a stack, a Compose file with a model server in it, "
        "a models.config, a batching, monitoring, session or TLS file, a Dockerfile on "
        "tensorflow/serving, or a script with `docker run` or `tensorflow_model_server`.",
    ),
    "TFD252": Entry(
        Exit.USAGE,
        "The Compose file isn't valid YAML",
        "The line and column say where reading stopped; the mistake is there or just before it.",
    ),
    "TFD253": Entry(
        Exit.USAGE,
        "There is nothing to import",
        "`tfdeploy import` looks for model servers: services of a Compose file, `docker run` "
        "lines, or a models.config. None was found, or none serves a model from a folder of this "
        "host.",
    ),
    "TFD254": Entry(
        Exit.USAGE,
        "The set-up can't become one stack",
        "A stack has one models_dir, mounted in every service, so that adding a model needs no "
        "restart. Base paths that have no folder in common but the root can't be under one. What a "
        "stack file refuses, such as batching numbers that crash the server, isn't taken over "
        "either.",
        fix="Move the models under one folder (symbolic links out of it aren't seen in a "
        "container), or import the services one by one.",
    ),
    "TFD255": Entry(
        Exit.NO,
        "The server has no such flag",
        "The flag is silently without effect.",
        "At an unknown argument main() prints `unknown argument:` with the first one and a usage "
        "text, and starts all the same (model_servers/main.cc; #1413). Nothing else says so.",
        "Write the flag that was meant; the finding names the nearest of the 48 real ones.",
    ),
    "TFD256": Entry(
        Exit.NO,
        "A flag and its value are apart",
        "`--name value` is two unknown arguments to the server, and the flag is without effect. A "
        "bool flag is worse: `--enable_batching false` switches it on.",
        "TensorFlow's parser (tsl/util/command_line_flags.cc) takes `--name=value` alone. In a "
        "list of Compose, `- --port 8500` is one word with a space in it, and the same.",
        "Write `--name=value`.",
    ),
    "TFD257": Entry(
        Exit.NO,
        "The fraction of GPU memory is misspelt",
        "The server takes the whole GPU, as if nothing had been written.",
        "There is one spelling, `per_process_gpu_memory_fraction`; others, such as "
        "`gpu_memory_fraction`, are unknown arguments and ignored (model_servers/main.cc; #1929, "
        "#1127).",
        "Write `--per_process_gpu_memory_fraction=0.4`. Growth is no flag: set the environment "
        "variable TF_FORCE_GPU_ALLOW_GROWTH=true.",
    ),
    "TFD258": Entry(
        Exit.NO,
        "A word isn't in the form of a flag",
        "One dash, no dash, a colon, `--noNAME`, or a word that is no flag: the server ignores it.",
        "TensorFlow's parser (tsl/util/command_line_flags.cc) takes `--name=value` and, for bool "
        "flags, `--name`. The image's entry point starts the program itself, so "
        "`tensorflow_model_server` in `command:` is one more unknown argument.",
        "Write `--name=value`, and leave the program's name out.",
    ),
    "TFD259": Entry(
        Exit.NO,
        "A flag has a value that can't be read",
        "The server prints its usage and ends with 255.",
        "Of a flag that is known, a value that doesn't parse is an error: a percent sign, a unit, "
        "`yes`, or two flags without a space between them (tsl/util/command_line_flags.cc; #1668).",
        "Give a plain number, or true and false.",
    ),
    "TFD260": Entry(
        Exit.NO,
        "The image is older than the flag",
        "The older server ignores the flag silently.",
        "Flags came with releases: `enable_grpc_healthcheck_service` with 2.15.1, say. To the "
        "servers before, they are unknown arguments (model_servers/main.cc).",
        "Take a newer image, or leave the flag out.",
    ),
    "TFD261": Entry(
        Exit.NO,
        "Flags that end the server together",
        "Each flag is fine on its own.",
        "Server::BuildAndStart (model_servers/server.cc) refuses a batching file without "
        "enable_batching, the three kinds of parallelism at once, and TLS beside ALTS. The -mkl "
        "image's entry point sets two of the three already.",
        "Leave one of them out, or add --enable_batching=true.",
    ),
    "TFD262": Entry(
        Exit.NO,
        "A platform file switches flags off",
        "Batching, the GPU fraction, session settings, tags and warm-up given by flags are "
        "ignored.",
        "With platform_config_file set, Server::BuildAndStart takes the file's settings and never "
        "looks at those flags (model_servers/server.cc; #836).",
        "Leave the platform file out; flags say everything that most set-ups need.",
    ),
    "TFD263": Entry(
        Exit.NO,
        "REST and gRPC on one port",
        "gRPC gets the port; REST stays off.",
        "`server_options.http_port cannot be same as grpc_port` is logged, and the start goes on "
        "(model_servers/server.cc).",
        "Give two ports; by convention 8500 is gRPC and 8501 is REST.",
    ),
    "TFD264": Entry(
        Exit.NO,
        "A value with which the server hangs or lies",
        "rest_api_num_threads below 2, file_system_poll_wait_seconds below 1, or "
        "enable_serialization_as_tensor_content.",
        "The event loop of REST occupies one thread of its pool (util/net_http). Without polls a "
        "reload that adds a model waits for ever (#1519, #1295). Serialised tensors are read as "
        "zeros by the JSON writer (util/json_tensor.cc).",
        "Leave these flags out.",
    ),
    "TFD265": Entry(
        Exit.NO,
        "A flag is given twice",
        "The last one counts, without a word.",
        "TensorFlow's parser sets the value once for each occurrence "
        "(tsl/util/command_line_flags.cc).",
        "Keep one of them.",
    ),
    "TFD266": Entry(
        Exit.NO,
        "An option stands on the wrong side of the image",
        "What stands before the image is docker's, what stands behind it is the server's.",
        "`docker run [OPTIONS] IMAGE [FLAGS]`: docker refuses flags that it doesn't know (#1127), "
        "and the server ignores `-p` and the like, so that no port is published.",
        "Put -p, -v, -e, --name and --gpus before the image, and the server's flags behind it.",
    ),
    "TFD267": Entry(
        Exit.NO,
        "A flag is written as a key of the service",
        "Compose knows no such key and refuses the file.",
        "Flags of the server are words of its command line, not keys of a Compose service "
        "(#1358, docker/compose#6716).",
        "Write `command:` with a list: `- --per_process_gpu_memory_fraction=0.3`.",
    ),
    "TFD268": Entry(
        Exit.NO,
        "An environment variable that nothing reads",
        "The setting is without effect.",
        "The server reads no flags from the environment. The image's entry point reads MODEL_NAME "
        "and MODEL_BASE_PATH, and only as long as it isn't replaced "
        "(tools/docker/Dockerfile; #1165, #1076).",
        "Give the flag.",
    ),
    "TFD269": Entry(
        Exit.NO,
        "A model is named beside a config file",
        "The config file wins; the name and the path are ignored.",
        "With model_config_file set, model_name and model_base_path are never read "
        "(model_servers/server.cc; #1165).",
        "Put the model into the config file, or leave the file out.",
    ),
    "TFD270": Entry(
        Exit.NO,
        "A relative folder is taken for a volume",
        "`-v models/resnet:/models/resnet` names a volume, not the folder.",
        "A source without a slash, a dot or a tilde in front is a volume's name to Docker. A name "
        "with a slash in it is refused; one without is made as an empty volume.",
        'Write `-v "$PWD/models/resnet:/models/resnet"`, or `./models/resnet` in a Compose file.',
    ),
    "TFD271": Entry(
        Exit.NO,
        "A flag that needs another one",
        "Alone it is without effect.",
        "Metrics are served on the REST port (model_servers/http_server.cc; #462). Per-model "
        "batching files are read with enable_batching only (#1522). A poll needs a file. "
        "ssl_config_file is for gRPC: REST has no TLS (#1503).",
        "Add the flag that is missing; before REST, put a proxy that has TLS.",
    ),
    "TFD272": Entry(
        Exit.NO,
        "A config file isn't where the flag says",
        "The server ends: `NOT_FOUND: ...; No such file or directory`.",
        "The path of the flag is one inside the container, where only what is mounted exists "
        "(util/proto_util.h; #1705, #1448).",
        "Mount the folder that holds the file, and give the path as the container sees it.",
    ),
    "TFD273": Entry(
        Exit.NO,
        "The server can't parse the file",
        "It ends with `Invalid protobuf file`, or keeps its old config when it polls.",
        "Config files are protobuf text format (util/proto_util.h). An unknown field is an error, "
        "so JSON, YAML, and fields of other servers are, too.",
        "Mend the line; the finding names the fields that exist there.",
    ),
    "TFD274": Entry(
        Exit.NO,
        "The model's platform is missing or wrong",
        "The server ends at its start, and after a reload with such a model every further reload "
        "fails until a restart.",
        "`Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
        "ModelServerConfig::model_platform` (model_servers/server_core.cc). `tensorflow` is the "
        "only platform of the open-source server.",
        'Write `model_platform: "tensorflow"` for every model.',
    ),
    "TFD275": Entry(
        Exit.NO,
        "A base path is relative, or missing",
        "The server ends at its start.",
        "`Expected model ... to have an absolute path or URI` (model_servers/server_core.cc).",
        "Write the path as the server sees it: /models/NAME.",
    ),
    "TFD276": Entry(
        Exit.NO,
        "A base path of the host in a container's config",
        "The server never opens its ports, and one such path stops the discovery of versions for "
        "all models.",
        "The server sees the container's folders only. `Could not find base path` ends each round "
        "of polling at the first model that has none "
        "(sources/storage_path/file_system_storage_path_source.cc; #1705, #1693).",
        "Mount the folder, and write the path at which it is mounted.",
    ),
    "TFD277": Entry(
        Exit.NO,
        "A model's name doesn't work",
        "A name that is listed twice ends the server; one with a slash or a colon, or an empty "
        "one, can't be reached over REST.",
        "`Illegal to list model ... multiple times in config list` (model_servers/server_core.cc). "
        "REST's routes take `[^/:]+` for a name (model_servers/http_rest_api_handler.cc).",
        "Name each model once, with letters, digits, - and _; list versions in its policy.",
    ),
    "TFD278": Entry(
        Exit.NO,
        "A logging_config ends the server",
        "It loads every model and ends then.",
        "`No request-logger-creator provided.`: the open-source server has no log collector "
        "compiled in (core/server_request_logger.cc; #408, #1846, #2223).",
        "Leave logging_config out, and log requests at a proxy before the server.",
    ),
    "TFD279": Entry(
        Exit.NO,
        "Labels that can't work at the start",
        "With labels in its first config the server ends; a reload with a new version and a label "
        "on it fails.",
        "Labels are checked before anything is loaded: `Request to assign label to version ... "
        "which is not currently available for inference` (model_servers/server_core.cc; #1230, "
        "#1413, #1608).",
        "Give --allow_version_labels_for_unavailable_models=true. It helps for new labels only: "
        "to move one, load both versions first.",
    ),
    "TFD280": Entry(
        Exit.NO,
        "There is nothing to serve in the config",
        "An empty file ends the server; an empty list starts it with nothing to answer; "
        "`specific {}` makes it wait for ever.",
        "A file of no bytes can't be mapped into memory (util/proto_util.h). A server that starts "
        "empty may hang in a later reload (#1565).",
        "List at least one model.",
    ),
    "TFD281": Entry(
        Exit.NO,
        "A setting aborts the server",
        "It ends with 134 and a stack trace.",
        "custom_model_config is LOG(FATAL) without an own loader (model_servers/server_core.cc). "
        "server_key and server_cert of a TLS file hold the PEM text itself, not a path "
        "(config/ssl_config.proto).",
        "Leave custom_model_config out; put the PEM's text into the TLS file.",
    ),
    "TFD282": Entry(
        Exit.NO,
        "A value's wrapper is missing, or one too many",
        'The server ends: `Expected "{"`.',
        "Numbers of a batching file are wrapped messages, so that `not set` differs from 0; "
        "allowed_batch_sizes and pad_variable_length_inputs are plain "
        "(servables/tensorflow/session_bundle_config.proto).",
        "Write `max_batch_size { value: 128 }`, and `allowed_batch_sizes: 128`.",
    ),
    "TFD283": Entry(
        Exit.NO,
        "The allowed batch sizes don't fit",
        "Every load fails and is tried for minutes.",
        "`Last entry in allowed_batch_sizes must match max_batch_size` "
        "(batching/batching_session.cc); where that isn't given, it is 1000. Sizes that don't "
        "rise are taken as they are, and batches padded too far (#1529).",
        "Let the sizes rise, and end with max_batch_size.",
    ),
    "TFD284": Entry(
        Exit.NO,
        "Batching numbers that crash the server",
        "SIGSEGV (exit 139) when a model is loaded.",
        "A scheduler that refuses its options leaves a null pointer behind, which "
        "BatchingSession::Create follows (batching/batching_session.cc).",
        "max_batch_size and num_batch_threads of at least 1, a timeout of at least 0, "
        "max_execution_batch_size at most max_batch_size.",
    ),
    "TFD285": Entry(
        Exit.NO,
        "Batches wait very long",
        "A request that comes alone waits batch_timeout_micros before it runs.",
        "The unit is microseconds (servables/tensorflow/session_bundle_config.proto); written as "
        "if it were milliseconds, batching makes everything slower (#1312, #1440).",
        "Start with 1000 to 10000, or 0, and measure.",
    ),
    "TFD286": Entry(
        Exit.NO,
        "Metrics stay off",
        "The path answers with 404.",
        "`enable` is false where it isn't given (config/monitoring_config.proto; #462, #1863), and "
        "the path is compared with the request's from its first slash "
        "(model_servers/http_server.cc).",
        'Write `prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }`.',
    ),
    **CONTAINER_ENTRIES,
}
