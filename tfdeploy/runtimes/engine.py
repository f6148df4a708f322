"""The Docker engine through its SDK: whether it answers, and what it has. Changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from tfdeploy.errors import TfdeployError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.errors import APIError
    from docker.models.containers import Container

LABEL_PROJECT = "com.docker.compose.project"
LABEL_SERVICE = "com.docker.compose.service"
LABEL_WORKING_DIR = "com.docker.compose.project.working_dir"
LABEL_ONE_OFF = "com.docker.compose.oneoff"

QUICK_SECONDS = 5
REGISTRY_SECONDS = 10
CALL_SECONDS = 60


def connect(timeout_seconds: int = CALL_SECONDS) -> DockerClient:
    """A client of the engine that the `docker` command would use.

    Raises:
        TfdeployError: TFD401.
    """
    with asking():
        return _client(timeout_seconds)


@contextmanager
def asking() -> Iterator[None]:
    """Turn what the SDK raises in the body into TFD401; TFD413 where the engine answered."""
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise _answered(error) from error
    # The SDK lets errors of the connection itself through as they are: OSErrors.
    except (DockerException, OSError) as error:
        denied = "Permission denied" in str(error)
        message = "Docker can't be used by this user." if denied else "Docker isn't running."
        raise _no_engine(message, str(error)) from error


def engine_error() -> TfdeployError | None:
    """TFD401 when no engine answers, else None."""
    try:
        connect(QUICK_SECONDS).close()
    except TfdeployError as error:
        return error
    return None


def image_error(image: str) -> TfdeployError | None:
    """None when the image is local or its registry knows it; else TFD402, or TFD401."""
    from docker.errors import DockerException, ImageNotFound

    try:
        client = connect(REGISTRY_SECONDS)
    except TfdeployError as error:
        return error
    with closing(client):
        try:
            client.images.get(image)
        except ImageNotFound:
            pass
        except (DockerException, OSError) as error:
            return _no_image(image, error)
        else:
            return None
        try:
            client.images.get_registry_data(image)
        except (DockerException, OSError) as error:
            return _no_image(image, error)
    return None


def is_local(client: DockerClient, image: str) -> bool:
    """Whether the engine has an image and need not pull it."""
    return image_attributes(client, image) is not None


def project_containers(
    client: DockerClient, project: str, service: str | None = None
) -> list[Container]:
    """Every container that Compose made for a project, running or not; the newest last.

    Args:
        client: of the engine.
        project: the Compose project.
        service: those of this service alone. The SDK asks the engine once more for each container
            that it finds.
    """
    labels = [f"{LABEL_PROJECT}={project}", f"{LABEL_ONE_OFF}=False"]
    if service is not None:
        labels.append(f"{LABEL_SERVICE}={service}")
    with asking():
        found: list[Container] = client.containers.list(
            all=True, filters={"label": labels}, ignore_removed=True
        )
    return sorted(found, key=lambda container: str(container.attrs.get("Created", "")))


def usage(client: DockerClient, container: Container) -> dict[str, Any]:
    """What a container uses at this moment, as ``GET /containers/ID/stats`` tells it."""
    with asking():
        # Without one-shot the engine measures for a second or two.
        found: dict[str, Any] = client.api.stats(str(container.id), stream=False, one_shot=True)
    return found


def network_exists(client: DockerClient, project: str) -> bool:
    """Whether Compose has a network for the project."""
    with asking():
        return bool(client.networks.list(filters={"label": f"{LABEL_PROJECT}={project}"}))


def published_ports(client: DockerClient) -> dict[int, str]:
    """Host port → the name of the running container that has it."""
    with asking():
        # One request; the SDK's own list asks the engine again for each container.
        found = client.api.containers()
    return {
        int(port["PublicPort"]): str(one["Names"][0]).lstrip("/")
        for one in found
        for port in one.get("Ports") or []
        if port.get("PublicPort") and one.get("Names")
    }


def image_attributes(client: DockerClient, image: str) -> dict[str, Any] | None:
    """What `docker image inspect` tells; None where the engine hasn't the image."""
    from docker.errors import ImageNotFound

    with asking():
        try:
            found: dict[str, Any] = client.images.get(image).attrs
        except ImageNotFound:
            return None
    return found


def is_elsewhere(address: str) -> bool:
    """Whether an engine is another machine's: reached over a network.

    Args:
        address: as DOCKER_HOST has it, where empty is this machine's, or the SDK.
    """
    local = r"$|unix:|npipe:|http\+docker://local|(tcp|https?)://(localhost|127\.0\.0\.1|\[::1\])"
    return re.match(local, address) is None


def maps_users(client: DockerClient) -> bool:
    """Whether root in a container is somebody else on this host, so that modes tell nothing."""
    with asking():
        return info_maps_users(client.info())


def info_maps_users(info: Mapping[str, Any]) -> bool:
    """`maps_users`, from what the engine has told already."""
    options = " ".join(info.get("SecurityOptions") or [])
    mapped = "name=rootless" in options or "name=userns" in options
    return mapped or "Docker Desktop" in str(info.get("OperatingSystem"))


def _client(timeout_seconds: int) -> DockerClient:
    import docker
    from docker.context import ContextAPI
    from docker.errors import DockerException

    if os.environ.get("DOCKER_HOST"):
        return docker.from_env(timeout=timeout_seconds)
    # The SDK looks at DOCKER_HOST alone; the command, and Compose with it, at contexts, too.
    name = os.environ.get("DOCKER_CONTEXT")
    context = ContextAPI.get_context(name)
    if context is None:
        raise DockerException(f"there is no context {name or 'of that name'}")
    if context.Name == "default":
        return docker.from_env(timeout=timeout_seconds)
    return docker.DockerClient(
        base_url=context.Host, tls=context.TLSConfig or False, timeout=timeout_seconds
    )


def _answered(error: APIError) -> TfdeployError:
    """What an engine that lives says, such as 404 for a container that has just gone."""
    said = str(error.explanation or error).strip().rstrip(".")
    # A proxy, or Docker Desktop, in front of an engine that doesn't run.
    if error.status_code in (502, 503, 504):
        return _no_engine("Docker isn't running.", said)
    return TfdeployError(
        "TFD413",
        f"Docker answered: {said}.",
        where=_host(),
        hint="run the command again; it goes by what there is then.",
    )


def _host() -> str:
    return os.environ.get("DOCKER_HOST") or "the engine that `docker context show` names"


def _no_engine(message: str, said: str) -> TfdeployError:
    # "Error while fetching ...: ('Connection aborted.', FileNotFoundError(2, 'No such file'))"
    reasons = re.findall(r"\w*Error\(\d+, [\"']([^\"']+)[\"']\)", said)
    todo = "add yourself to the group `docker`" if "user" in message else "start Docker"
    return TfdeployError(
        "TFD401",
        message,
        where=f"{_host()}: {reasons[-1] if reasons else said}",
        hint=f"{todo}, or use `--runtime process`, which needs no Docker.",
    )


def _no_image(image: str, error: Exception) -> TfdeployError:
    said = str(getattr(error, "explanation", None) or error)
    return TfdeployError(
        "TFD402",
        f"The image {image} isn't on this machine and can't be pulled.",
        where=f"{image}: {said}",
        hint="check the name and the way to its registry; or make a local image with `tfdeploy "
        "image build`, and name it in the stack file's `image:`.",
    )
