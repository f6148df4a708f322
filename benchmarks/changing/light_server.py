"""A server that only tells its state: what `plan` and an `up` with nothing to do ask for.

Takes the flags of `tensorflow_model_server`, reads the model config, and answers status and
metadata over REST as the real one does, every wanted version AVAILABLE. It holds no model, so a
hundred of them fit into the memory of a few real ones.
"""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

_PATH = re.compile(r"/v1/models/([^/:]+)(?:/labels/([^/:]+))?(/metadata)?$")
Models = dict[str, tuple[list[int], dict[str, int]]]


def read_models(text: str) -> Models:
    """Model → its versions and its labels, out of a models.config as tfdeploy renders it."""
    from tfdeploy import wire

    config = wire.parse_text(wire.ModelServerConfig, text)
    return {
        model.name: (_versions(model), dict(model.version_labels))
        for model in config.model_config_list.config
    }


def _versions(model: Any) -> list[int]:
    there = sorted(int(p.name) for p in Path(model.base_path).iterdir() if p.name.isdigit())
    policy = model.model_version_policy
    wanted = list(policy.specific.versions)
    return wanted or there[-(policy.latest.num_versions or 1) :]


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    models: ClassVar[Models] = {}

    def do_GET(self) -> None:
        """Status, or the metadata of a label."""
        found = _PATH.match(self.path)
        if found is None or found[1] not in self.models:
            self._send(404, {"error": f"Could not find any versions of model {self.path}"})
            return
        versions, labels = self.models[found[1]]
        if found[2] is None:
            status = {"error_code": "OK", "error_message": ""}
            states = [
                {"version": str(number), "state": "AVAILABLE", "status": status}
                for number in versions
            ]
            self._send(200, {"model_version_status": states})
        else:
            spec = {"name": found[1], "signature_name": "", "version": str(labels[found[2]])}
            self._send(200, {"model_spec": spec, "metadata": {}})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def main() -> None:
    """Serve until a signal."""
    flags = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:] if "=" in word)
    Handler.models = read_models(Path(flags["model_config_file"]).read_text("utf-8"))
    ThreadingHTTPServer(("127.0.0.1", int(flags["rest_api_port"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
