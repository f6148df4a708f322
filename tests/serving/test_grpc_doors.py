"""The ways into gRPC: TLS, client certificates, a UNIX socket, and the health service behind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tfdeploy import wire

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates"),
]
CALL_SECONDS = 30


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._openssl("req", "-x509", "-days", "1", "-subj", f"/CN={name}", *self._new_key(name))
        self.certificate = (folder / f"{name}.pem").read_text()

    def issue(self, name: str) -> tuple[str, str]:
        """Key and certificate of `localhost`, as PEM texts."""
        request, extensions = self._folder / f"{name}.csr", self._folder / "extensions"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", "-subj", f"/CN={name}", *self._new_key(name)[:-1], str(request))
        self._openssl(
            *("x509", "-req", "-days", "1", "-in", str(request), "-extfile", str(extensions)),
            *("-CA", self._path(f"{self._name}.pem"), "-CAkey", self._path(f"{self._name}.key")),
            *("-CAcreateserial", "-out", self._path(f"{name}.pem")),
        )
        return (self._folder / f"{name}.key").read_text(), (
            self._folder / f"{name}.pem"
        ).read_text()

    def _new_key(self, name: str) -> list[str]:
        key, out = self._path(f"{name}.key"), self._path(f"{name}.pem")
        return ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", out]

    def _path(self, name: str) -> str:
        return str(self._folder / name)

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "good")


def ssl_config(folder: Path, key: str, certificate: str, **more: Any) -> str:
    config = wire.SSLConfig(server_key=key, server_cert=certificate, **more)
    path = folder / "ssl.config"
    path.write_text(wire.render_text(config))
    return f"--ssl_config_file={path}"


def ask_status(channel: grpc.Channel) -> Any:
    method = channel.unary_unary(
        wire.GET_MODEL_STATUS,
        wire.GetModelStatusRequest.SerializeToString,
        wire.GetModelStatusResponse.FromString,
    )
    request = wire.GetModelStatusRequest()
    request.model_spec.name = "half"
    return method(request, timeout=CALL_SECONDS, wait_for_ready=False).model_version_status


def secure_channel(port: int, root: str, pair: tuple[str, str] | None = None) -> grpc.Channel:
    key, chain = (pair[0].encode(), pair[1].encode()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(root.encode(), key, chain)
    return grpc.secure_channel(f"localhost:{port}", credentials)


def test_tls_with_the_servers_certificate(
    serve: Any, half_versions: Path, tmp_path: Path, authority: Authority
) -> None:
    flag = ssl_config(tmp_path, *authority.issue("server"))
    server = serve("--model_name=half", f"--model_base_path={half_versions}", flag)
    with secure_channel(server.grpc_port, authority.certificate) as channel:
        assert [status.version for status in ask_status(channel)] == [3]
    with (
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        pytest.raises(grpc.RpcError),
    ):
        ask_status(channel)


def test_clients_show_a_certificate_of_the_custom_authority(
    serve: Any, half_versions: Path, tmp_path: Path, authority: Authority
) -> None:
    stranger = Authority(tmp_path, "stranger")
    pair = authority.issue("server")
    flag = ssl_config(tmp_path, *pair, custom_ca=authority.certificate, client_verify=True)
    server = serve("--model_name=half", f"--model_base_path={half_versions}", flag)
    root = authority.certificate
    with secure_channel(server.grpc_port, root, authority.issue("client")) as channel:
        assert ask_status(channel)
    for refused in (None, stranger.issue("intruder")):
        with secure_channel(server.grpc_port, root, refused) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                ask_status(channel)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_unix_socket_beside_the_port(serve: Any, half_versions: Path, tmp_path: Path) -> None:
    path = tmp_path / "grpc.sock"
    server = serve(
        "--model_name=half", f"--model_base_path={half_versions}", f"--grpc_socket_path={path}"
    )
    assert f"Running gRPC ModelServer at UNIX socket {path} ..." in server.log_text
    for target in (f"unix:{path}", f"127.0.0.1:{server.grpc_port}"):
        with grpc.insecure_channel(target) as channel:
            assert ask_status(channel)


def test_health_can_be_watched(serve: Any, half_versions: Path) -> None:
    server = serve(
        "--model_name=half",
        f"--model_base_path={half_versions}",
        "--enable_grpc_healthcheck_service",
    )
    states = health_pb2.HealthCheckResponse
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service, expected in (
            ("", states.SERVING),
            ("PredictionService", states.SERVING),
            ("nobody", states.SERVICE_UNKNOWN),
        ):
            request = health_pb2.HealthCheckRequest(service=service)
            watching = stub.Watch(request, timeout=CALL_SECONDS)
            assert next(watching).status == expected
            assert watching.is_active()
            watching.cancel()


def test_without_the_flag_there_is_no_health_service(serve: Any, half_versions: Path) -> None:
    server = serve("--model_name=half", f"--model_base_path={half_versions}")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        watching = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS
        )
        with pytest.raises(grpc.RpcError) as caught:
            next(watching)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
