"""Lines of programs that can't start, crash, or can't listen; and what exit codes mean."""

from __future__ import annotations

from tfdeploy.serverlog.known import Known, Tells

_ENTRY = "bash in the image's entry point, of the signal that ended the server"
_MEMORY = (
    "give the server more memory: a change of version takes two at once, and a large batch its own."
)
_CRASH = (
    "look at the lines before; see `tfdeploy lint` for batching numbers that crash, and try "
    "another image."
)
_PROCESSOR = (
    "give the virtual machine the host's CPU, or take a machine with AVX; on arm64 "
    "`tfdeploy image build` makes an image that runs."
)
_NO_AVX = "The server uses instructions (AVX) that this processor, or its emulation, hasn't."

PROGRAM_LINES = (
    Known(
        r"Illegal instruction",
        "TFD491",
        _NO_AVX,
        _PROCESSOR,
        _ENTRY + "; #1342, ageron/handson-ml3#130",
        Tells.CRASH,
    ),
    Known(
        r"error while loading shared libraries: (?P<library>[^:\s]+)",
        "TFD492",
        "The system has no {library}, so the program doesn't start.",
        "install it, or run the server from its image.",
        "glibc, elf/dl-load.c",
        Tells.CRASH,
    ),
    Known(
        r'exec:? "?(?P<program>[^\s":]+)"?(?: failed)?: (?:stat \S+: )?'
        r"(?:[Nn]o such file|executable file not found|not found)"
        r"|(?P<model_server>\w*tensorflow_model_server\w*): (?:command )?not found",
        "TFD492",
        "There is no program {program}{model_server} in the image: it isn't a model server's.",
        "write an `image:` that holds the server, such as tensorflow/serving; `docker run --rm "
        "--entrypoint ls IMAGE /usr/bin` shows what is in one.",
        "the container's runtime (moby/moby, opencontainers/runc), and krallin/tini's src/tini.c",
        Tells.CRASH,
    ),
    Known(
        r"version `(?P<symbol>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found",
        "TFD492",
        "The program was built for a newer system: {symbol} isn't here.",
        "run the server from its image, or on a newer system.",
        "glibc, elf/dl-version.c; #2012",
        Tells.CRASH,
    ),
    Known(
        r"exec format error",
        "TFD296",
        "The image is for another processor than this machine's.",
        "write `platform: linux/amd64` to have it emulated; `tfdeploy image build` makes one that "
        "fits.",
        "the kernel's ENOEXEC, said by the container's runtime; docker/compose#10213",
        Tells.CRASH,
    ),
    Known(
        r"instance of 'std::bad_alloc'",
        "TFD493",
        "The server asked for memory that there isn't, and aborted.",
        _MEMORY,
        "libstdc++; #2065, #1685",
        Tells.CRASH,
    ),
    Known(
        r"line \d+: +\d+ Killed",
        "TFD493",
        "The kernel killed the server: as a rule, for the memory that it took.",
        _MEMORY,
        _ENTRY,
        Tells.CRASH,
    ),
    Known(
        r"line \d+: +\d+ Bus error",
        "TFD494",
        "The server crashed on memory that isn't there: a file that got shorter while it was "
        "read, or a full /dev/shm.",
        "never write into a version that is served; give the container more shm_size.",
        _ENTRY,
        Tells.CRASH,
    ),
    Known(
        r"Segmentation fault",
        "TFD494",
        "The server crashed.",
        _CRASH,
        _ENTRY + "; #1326, #2171",
        Tells.CRASH,
    ),
    Known(
        r"^Check failed: (?P<what>.+)",
        "TFD494",
        "The server found itself in a state that can't be ({what}), and aborted.",
        _CRASH,
        "absl/log/check.h; #1206",
        Tells.CRASH,
    ),
    Known(
        r"ModuleNotFoundError: No module named '(?P<module>[^']+)'",
        "TFD405",
        "The embedded server lacks the package {module}.",
        "install the `server` extra: pip install 'tfdeploy-serving[server]'.",
        "Python",
        Tells.PYTHON,
    ),
    Known(
        r"Worker (?P<number>\d+) \(pid \d+\) ended with (?P<code>-?\d+)",
        "TFD494",
        "A worker of the embedded server ended with {code}; another one took its place.",
        "look at the lines before; memory that runs out ends one with -9.",
        "tfdeploy/server/supervisor.py",
    ),
    Known(
        r"^(?!grpc\.)(?P<error>[A-Za-z_.]+Error|KeyboardInterrupt)(?:: .*)?$",
        "TFD494",
        "A Python program, in a stack the embedded server, ended with {error}.",
        "look at the lines before it.",
        "Python",
        Tells.PYTHON,
    ),
)

PORT_LINES = (
    Known(
        r"No address added out of total \d+ resolved for '(?P<address>[^']+)'"
        r"|Failed to bind to address (?P<other>[^;]+)|^Port (?P<port>\d+) is taken",
        "TFD403",
        "The gRPC port can't be opened: another program has {address}{other}{port}.",
        "give --port another number, or end the other program.",
        "gRPC's chttp2_server.cc and its Python; tfdeploy/server/workers.py",
        Tells.CONFIG,
    ),
    Known(
        r"Servname not supported for ai_socktype",
        "TFD259",
        "The port isn't a number that a port can have.",
        "give --port a number from 1 to 65535.",
        "gRPC's chttp2_server.cc, of getaddrinfo",
        Tells.CONFIG,
    ),
    Known(
        r"Failed to BuildAndStart gRPC server",
        "TFD403",
        "The gRPC port can't be opened: it is taken, or the TLS file is wrong.",
        "see the lines before; give --port another number, or end the other program.",
        "model_servers/server.cc",
        Tells.START,
    ),
    Known(
        r"Failed to start HTTP Server at (?P<address>[^\s:]+:\d+)",
        "TFD403",
        "The REST port can't be opened ({address}): the server goes on with gRPC alone.",
        "give --rest_api_port another number, or end the other program.",
        "model_servers/server.cc",
        Tells.REST,
    ),
    Known(
        r"^.*Address already in use",
        "TFD403",
        "Another program has the port.",
        "give the server another port, or end the other program.",
        "the kernel's EADDRINUSE",
        Tells.ADDRESS,
    ),
    Known(
        r"Too many open files|A connection was closed: \d+ are open already",
        "TFD499",
        "The server has as many files and connections open as it may.",
        "raise the limit (`ulimits: nofile` in Compose), and see that clients keep connections.",
        "the kernel's EMFILE; bitnami/bitnami-docker-tensorflow-serving#13",
        Tells.HINT,
    ),
)

OUT_OF_MEMORY = Known(
    "",
    "TFD493",
    "Its models, a second version during a change and a batch must fit into the memory limit, for "
    "which the kernel killed it.",
    _MEMORY,
    "Docker's State.OOMKilled",
    Tells.KILLED,
)

# 128 and the signal's number; Docker says the same of a server that is its process 1.
ENDINGS = {
    132: Known("", "TFD491", _NO_AVX, _PROCESSOR, "SIGILL", Tells.CRASH),
    134: Known("", "TFD494", "The server aborted (SIGABRT).", _CRASH, "SIGABRT", Tells.CRASH),
    135: Known(
        "",
        "TFD494",
        "The server crashed on memory that isn't there (SIGBUS).",
        "never write into a version that is served; give the container more shm_size.",
        "SIGBUS",
        Tells.CRASH,
    ),
    137: Known(
        "",
        "TFD493",
        "The server was killed (SIGKILL), and not for its container's memory limit: by somebody, "
        "by a stop whose grace period was over, or by the kernel because the host had no memory "
        "left.",
        "see `dmesg | grep -i oom` on the host: where the kernel killed it, the host needs more "
        "memory; else somebody did.",
        "SIGKILL, and Docker's State.OOMKilled is false",
        Tells.CRASH,
    ),
    139: Known(
        "", "TFD494", "The server crashed (SIGSEGV).", _CRASH, "SIGSEGV; #1326", Tells.CRASH
    ),
}
