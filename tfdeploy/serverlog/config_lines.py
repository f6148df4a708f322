"""Lines about flags and config files."""

from __future__ import annotations

from tfdeploy.serverlog.known import Known, Tells

_FILE_NEEDED = (
    r"(?:Failed to start server\. Error|Failed to read ModelServerConfig file"
    r"|The REST API stays closed): "
)
_LINT = "`tfdeploy lint` on the set-up names what was meant"

FLAG_LINES = (
    Known(
        r"unknown argument: (?P<flag>--\S*(?:gpu|memory_fraction|allow_growth)\S*)",
        "TFD257",
        "The server has no flag {flag}: it goes on without it, and takes the whole GPU.",
        "write --per_process_gpu_memory_fraction=0.4, or set TF_FORCE_GPU_ALLOW_GROWTH=true.",
        "model_servers/main.cc",
        Tells.FLAG,
    ),
    Known(
        r"unknown argument: (?P<flag>--[\w-]+(?:=.*)?)$",
        "TFD255",
        "The server has no flag {flag}, and goes on as if it weren't there.",
        f"spell it as the server does, or take it out; {_LINT}.",
        "model_servers/main.cc; only the first unknown one is named (#1413)",
        Tells.FLAG,
    ),
    Known(
        r"unknown argument: (?P<word>.+)",
        "TFD258",
        "The word {word} isn't in the form of a flag: it is ignored, and so is every other such.",
        f"write each flag as --name=value; {_LINT}.",
        "model_servers/main.cc",
        Tells.FLAG,
    ),
    Known(
        r"Couldn't interpret value (?P<value>.*) for flag (?P<flag>[\w-]+)",
        "TFD259",
        "The flag --{flag} can't take '{value}', so the server printed its usage and ended.",
        "give a plain number, or true or false.",
        "tsl/util/command_line_flags.cc",
        Tells.CONFIG,
    ),
    Known(
        r"Both server_options\.model_base_path and server_options\.model_config_file are empty",
        "TFD217",
        "The server was told of no model.",
        "give --model_base_path with the model's folder, or --model_config_file.",
        "model_servers/server.cc",
        Tells.START,
    ),
    Known(
        r"batching_parameters_file is set without setting server_options\.enable_batching",
        "TFD261",
        "There is a batching file, and batching is off.",
        "add --enable_batching=true, or leave --batching_parameters_file out.",
        "model_servers/server.cc",
        Tells.START,
    ),
    Known(
        r"Either configure server_options\.tensorflow_session_parallelism or",
        "TFD261",
        "Three flags say how many threads there are, which is one too many.",
        "leave --tensorflow_session_parallelism out (the -mkl image sets the other two itself).",
        "model_servers/server.cc",
        Tells.START,
    ),
    Known(
        r"Either use_alts_credentials must be false or ssl_config_file must be empty",
        "TFD261",
        "TLS and ALTS are both switched on.",
        "leave --use_alts_credentials out.",
        "model_servers/server.cc",
        Tells.START,
    ),
    Known(
        r"server_options\.http_port cannot be same as grpc_port",
        "TFD263",
        "REST and gRPC were given one port: gRPC has it, and REST stays off.",
        "give --rest_api_port another number than --port; by convention 8501 and 8500.",
        "model_servers/server.cc",
        Tells.REST,
    ),
    Known(
        r"Check failed: num_threads >= 1|--rest_api_num_threads must be positive",
        "TFD264",
        "The server was told to have no thread for REST, and aborts.",
        "leave --rest_api_num_threads out; it must be 2 at least.",
        "tsl/platform/threadpool.cc",
        Tells.START,
    ),
)

FILE_LINES = (
    Known(
        r"ParseProtoTextFile<SSLConfig>\(ssl_config_file, &ssl_config\) is OK \((?P<why>.+)\)",
        "TFD281",
        "The TLS file can't be read, and the server aborts.",
        "mend or mount the file of --ssl_config_file; it is a text proto with the PEM texts in it.",
        "model_servers/server.cc",
        Tells.CONFIG,
    ),
    Known(
        r"Invalid cert chain file|Unable to create secure server with credentials of type Ssl",
        "TFD281",
        "The TLS file holds no certificate and key that gRPC can use.",
        "put the PEM texts themselves into server_cert and server_key, not their paths.",
        "gRPC's ssl_transport_security.cc",
        Tells.CONFIG,
    ),
    Known(
        r'Error parsing text-format (?P<type>[\w.]+): (?P<at>\d+:\d+): Expected "\{", found',
        "TFD282",
        "At {at} (line:column) of the {type} text, a number stands where a wrapped one must.",
        "write it as `max_batch_size {{ value: 128 }}`.",
        "protobuf's text_format.cc; servables/tensorflow/session_bundle_config.proto",
        Tells.CONFIG,
    ),
    Known(
        r"Error parsing text-format tensorflow\.(?:SavedModel|MetaGraphDef|GraphDef): (?P<what>.+)",
        "TFD111",
        "The saved_model.pbtxt isn't one that this server's TensorFlow can read: {what}",
        "export the model as saved_model.pb, with a TensorFlow no newer than the server.",
        "protobuf's text_format.cc; emacski/tensorflow-serving-arm#1",
    ),
    Known(
        r"Error parsing text-format (?P<type>[\w.]+): (?P<at>\d+:\d+): (?P<what>.+)",
        "TFD273",
        "The {type} text is wrong at {at} (line:column): {what}",
        "mend that place; `tfdeploy lint` on the file names the fields that exist there.",
        "protobuf's text_format.cc, called by util/proto_util.h",
        Tells.CONFIG,
    ),
    Known(
        r"Invalid protobuf file: '(?P<file>[^']*)'",
        "TFD273",
        "The server can't parse {file}.",
        "mend it: the line `Error parsing text-format` just before says where.",
        "util/proto_util.h",
        Tells.START,
    ),
    Known(
        _FILE_NEEDED + r"NOT_FOUND: (?P<file>.+); No such file or directory",
        "TFD272",
        "The config file {file} isn't there.",
        "mount the folder that holds it, and give the path as the server sees it.",
        "util/proto_util.h",
        Tells.START,
    ),
    Known(
        _FILE_NEEDED + r"\w+: (?P<file>.+); Permission denied",
        "TFD215",
        "The server's user may not read the config file {file}.",
        "give it read permission, and search permission on the folders above.",
        "util/proto_util.h",
        Tells.START,
    ),
    Known(
        r"INVALID_ARGUMENT: (?P<file>/.+); Invalid argument",
        "TFD280",
        "The config file {file} is empty.",
        "list at least one model in it.",
        "util/proto_util.h: a file of no bytes can't be mapped",
        Tells.START,
    ),
    Known(
        r"Taking no action for empty config",
        "TFD280",
        "The server's config lists no model, so it has nothing to answer.",
        "list at least one model.",
        "model_servers/server_core.cc",
        Tells.HINT,
    ),
    Known(
        r"Illegal setting (?:neither|both) ModelServerConfig::model_type.*model name is "
        r"(?P<model>\S+)",
        "TFD274",
        "Its entry in the config must name one platform, and one alone.",
        'write model_platform: "tensorflow", and no model_type; then restart the server, which '
        "refuses every reload after such a one.",
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"Model (?P<model>\S+) requests unsupported platform (?P<platform>.+)",
        "TFD274",
        "The server has no platform '{platform}'.",
        'write model_platform: "tensorflow".',
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"Illegal to change a model's platform\. For model (?P<model>\S+) platform was",
        "TFD274",
        "Its platform can't change while it is served.",
        'write model_platform: "tensorflow" again.',
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"Expected model (?P<model>.+?) to have an absolute path or URI; "
        r"got base_path\(\)=(?P<path>.*)",
        "TFD275",
        "Its base path '{path}' isn't absolute.",
        "write the path as the server sees it, such as /models/NAME.",
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"Illegal to list model (?P<model>.+?) multiple times in config list",
        "TFD277",
        "It is listed twice in one config.",
        "list each name once; versions stand in the model's model_version_policy.",
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"No request-logger-creator provided",
        "TFD278",
        "The config has a logging_config, which the open-source server can't do.",
        "take logging_config out of the models.config.",
        "core/server_request_logger.cc; #408",
        Tells.START,
    ),
    Known(
        r"Request to assign label to version (?P<version>-?\d+) of model (?P<model>[^,]+), "
        r"which is not currently available",
        "TFD279",
        "A label points at this version, and it isn't loaded yet.",
        "give --allow_version_labels_for_unavailable_models=true for new labels; to move one, "
        "load both versions first.",
        "model_servers/server_core.cc; #1230",
        Tells.START,
    ),
    Known(
        r"ModelServer does not yet support custom model config",
        "TFD281",
        "The config holds custom_model_config, at which the server aborts.",
        "write a model_config_list.",
        "model_servers/server_core.cc",
        Tells.START,
    ),
    Known(
        r"Last entry in allowed_batch_sizes must match max_batch_size; "
        r"last entry was (?P<last>\d+); expected (?P<size>\d+)",
        "TFD283",
        "allowed_batch_sizes ends with {last}, and max_batch_size is {size}.",
        "let the sizes end with max_batch_size (1000 where it isn't given).",
        "batching/batching_session.cc",
        Tells.LOAD,
    ),
    Known(
        r"num_batch_threads must be positive",
        "TFD284",
        "The batching file gives no thread to run batches.",
        "write num_batch_threads {{ value: 4 }}, or leave it out.",
        "batching_util's shared_batch_scheduler.h",
        Tells.START,
    ),
    Known(
        r"No specific versions requested for servable (?P<model>.+?)\.?$",
        "TFD280",
        "Its version policy is `specific` and names no version, so the server waits for ever.",
        "name the versions, or leave the policy out.",
        "sources/storage_path/file_system_storage_path_source.cc",
        Tells.NONE_ASKED,
    ),
)
