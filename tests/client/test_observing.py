"""All services of a stack are asked at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tfdeploy.plan import ObservedService
from tfdeploy.runtimes.observing import models_configs, with_models_of_all

CONFIG = 'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" } }'
STATUS = {"model_version_status": [{"version": "3", "state": "AVAILABLE", "status": {}}]}


@contextmanager
def serving(all_there: threading.Barrier) -> Iterator[str]:
    """The address of a server that answers once every other one has been asked, too."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            all_there.wait()
            body = json.dumps(STATUS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        all_there.abort()
        server.shutdown()
        server.server_close()


def test_no_service_waits_for_the_answer_of_another() -> None:
    names = [f"s{number}" for number in range(12)]
    all_there = threading.Barrier(len(names))
    with ExitStack() as stack:
        services = [
            ObservedService(name, "running", rest_url=stack.enter_context(serving(all_there)))
            for name in names
        ]
        seen = with_models_of_all(services, dict.fromkeys(names, CONFIG))
    assert list(seen) == names
    assert {name: one.available("m") for name, one in seen.items()} == {n: {3} for n in names}


def test_a_stack_without_services_is_asked_nothing() -> None:
    assert with_models_of_all([], {}) == {}


def test_a_service_has_the_models_config_of_its_own_folder() -> None:
    files = {"compose.yaml": "c", "a/models.config": "m", "a/monitoring.config": "x"}
    assert models_configs(files) == {"a": "m"}
