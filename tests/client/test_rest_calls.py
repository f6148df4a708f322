"""REST calls against a small HTTP server on this host, and against nobody."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tfdeploy.client import Unreachable
from tfdeploy.client.predict import predict
from tfdeploy.client.status import get_metadata, get_status
from tfdeploy.errors import TfdeployError

STATUS = {
    "model_version_status": [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
}
BODY = {"instances": [1.0]}


class Server:
    """Answers every request with the same status and bytes, and keeps what was asked."""

    def __init__(self, status: int, data: bytes, delay_seconds: float) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                asked.append((self.command, self.path, self.rfile.read(length)))
                time.sleep(delay_seconds)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                """Tests stay quiet."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    """The client of the slow test has gone."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


Answering = Callable[..., Server]


@pytest.fixture
def answering() -> Iterator[Answering]:
    servers = []

    def start(document: object, status: int = 200, delay_seconds: float = 0.0) -> Server:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        server = Server(status, data, delay_seconds)
        threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """One connection is answered with these bytes and closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_status_of_a_loaded_model(answering: Answering) -> None:
    server = answering(STATUS)
    (version,) = get_status(server.url, "a/b")
    assert version.available
    assert server.asked == [("GET", "/v1/models/a%2Fb", b"")]


def test_an_unknown_model_has_no_versions(answering: Answering) -> None:
    error = {"error": "Could not find any versions of model m"}
    assert get_status(answering(error, 404).url, "m") == []


def test_another_programs_404_is_no_unknown_model(answering: Answering) -> None:
    with pytest.raises(TfdeployError) as caught:
        get_status(answering(b"<html>Not Found</html>", 404).url, "m")
    assert caught.value.code == "TFD506"


def test_a_refused_status_carries_the_servers_message(answering: Answering) -> None:
    with pytest.raises(TfdeployError) as caught:
        get_status(answering({"error": "Malformed request: GET /x"}, 400).url, "m")
    assert (caught.value.code, caught.value.message) == ("TFD502", "Malformed request: GET /x")


def test_metadata_honours_the_label(answering: Answering) -> None:
    server = answering({"metadata": {"signature_def": {"signature_def": {}}}})
    assert get_metadata(server.url, "m", label="stable") == {}
    assert server.asked[0][1] == "/v1/models/m/labels/stable/metadata"


def test_metadata_of_a_model_that_is_not_loaded(answering: Answering) -> None:
    error = {"error": "Servable not found for request: Specific(m, 9)"}
    with pytest.raises(TfdeployError) as caught:
        get_metadata(answering(error, 404).url, "m", version=9)
    assert (caught.value.code, caught.value.message) == ("TFD502", error["error"])


@pytest.mark.parametrize("call", [get_status, get_metadata])
def test_nobody_listening_is_unreachable(call: Callable[[str, str], object], nobody: str) -> None:
    with pytest.raises(Unreachable) as caught:
        call(nobody, "m")
    assert caught.value.reason == "connection refused"
    assert caught.value.address.startswith(nobody)
    assert not caught.value.timed_out


def test_a_slow_status_is_told_apart(answering: Answering) -> None:
    server = answering(STATUS, delay_seconds=0.3)
    with pytest.raises(Unreachable) as caught:
        get_status(server.url, "m", timeout_seconds=0.1)
    assert caught.value.timed_out
    assert caught.value.reason == "no answer within 0.1 s"


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"\0\0"]
)
def test_a_broken_connection_is_unreachable(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(Unreachable):
        get_status(url, "m")


@pytest.mark.parametrize("url", ["ftp://h:1", "http://h:port", "http://", "http://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        get_status(url, "m")
    assert caught.value.code == "TFD216"


def test_a_prediction_is_parsed_and_kept_as_it_came(answering: Answering) -> None:
    text = b'{\n    "predictions": [NaN, -Infinity, 1.0\n    ]\n}'
    server = answering(text)
    response = predict(server.url, "m", BODY, version=3)
    assert str(response.document["predictions"]) == "[nan, -inf, 1.0]"
    assert response.text == text.decode()
    assert response.elapsed_seconds > 0
    assert server.asked == [("POST", "/v1/models/m/versions/3:predict", b'{"instances": [1.0]}')]


def test_raw_bytes_in_a_string_output_do_not_break_the_reply(answering: Answering) -> None:
    response = predict(answering(b'{"predictions": ["\xff"]}').url, "m", BODY)
    assert response.document == {"predictions": ["�"]}


@pytest.mark.parametrize("status", [400, 404, 429, 500, 501, 503, 504])
def test_a_refusal_carries_status_and_message(answering: Answering, status: int) -> None:
    server = answering({"error": "no such thing"}, status)
    with pytest.raises(TfdeployError) as caught:
        predict(server.url, "m", BODY, label="stable")
    assert (caught.value.code, caught.value.message) == ("TFD502", "no such thing")
    assert caught.value.where == f"{server.url}/v1/models/m/labels/stable:predict: HTTP {status}"


def test_a_refusal_that_is_no_json(answering: Answering) -> None:
    with pytest.raises(TfdeployError) as caught:
        predict(answering(b"<h1>Bad gateway</h1>", 502).url, "m", BODY)
    assert (caught.value.code, caught.value.message) == ("TFD502", "<h1>Bad gateway</h1>")


def test_a_redirect_is_not_followed(answering: Answering) -> None:
    with pytest.raises(TfdeployError) as caught:
        predict(answering(b"moved", 302).url, "m", BODY)
    assert caught.value.where.endswith("HTTP 302")


def test_a_reply_that_is_no_json(answering: Answering) -> None:
    with pytest.raises(TfdeployError) as caught:
        predict(answering(b"hello").url, "m", BODY)
    assert caught.value.code == "TFD506"


def test_no_answer_to_a_prediction(answering: Answering, nobody: str) -> None:
    with pytest.raises(TfdeployError) as refused:
        predict(nobody, "m", BODY)
    assert refused.value.code == "TFD504"
    assert "connection refused" in refused.value.message
    slow = answering({}, delay_seconds=0.3)
    with pytest.raises(TfdeployError) as late:
        predict(slow.url, "m", BODY, timeout_seconds=0.1)
    assert (late.value.code, "--timeout" in late.value.hint) == ("TFD504", True)


def test_a_proxy_in_the_environment_is_not_asked(
    answering: Answering, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", nobody)
    monkeypatch.setenv("no_proxy", "")
    assert get_status(answering(STATUS).url, "m")
