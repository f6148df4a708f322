"""The REST skin over the hub.

Source: tensorflow_serving/model_servers/http_server.cc (RestApiRequestDispatcher,
ProcessPrometheusRequest) and http_rest_api_handler.cc.
"""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from tfdeploy.server import log
from tfdeploy.server.http_message import Request, Response, html_page
from tfdeploy.server.hub import Hub, Target
from tfdeploy.server.inference import classify, read_examples, regress
from tfdeploy.server.json_arrays import read_numeric_body
from tfdeploy.server.json_examples import (
    read_examples_body,
    render_classifications,
    render_regressions,
)
from tfdeploy.server.json_output import render_columns, render_error, render_rows
from tfdeploy.server.json_predict import Body, read_body
from tfdeploy.server.metrics import render
from tfdeploy.server.predict_body import (
    PredictBody,
    in_thread_if_large,
    parse_slowly,
    read_quickly,
    read_slowly,
)
from tfdeploy.server.rest_routes import BadVersion, is_rest_path, parse_route
from tfdeploy.server.signature import Signature
from tfdeploy.server.status import as_serving_error, invalid
from tfdeploy.server.status_reply import status_response
from tfdeploy.server.tensor import Tensor
from tfdeploy.wire import Code

_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)
_SCHEME = re.compile("https?://")
_EMPTY_HTML = "text/html; charset=ISO-8859-1"


@dataclass(frozen=True)
class RestOptions:
    """What flags say about the REST API.

    Attributes:
        timeout_ms: Time limit of one run; 0 is none.
        cors: Add the CORS headers.
        metrics_path: Where the Prometheus page is, or None.
    """

    timeout_ms: int = 0
    cors: bool = False
    metrics_path: str | None = None


class RestApi:
    """Answers requests; never raises."""

    def __init__(self, hub: Hub, options: RestOptions) -> None:
        self._hub = hub
        self._options = options
        self._actions = {
            "status": self._status,
            "metadata": self._metadata,
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
        }

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        started = time.perf_counter()
        model = api = ""
        try:
            if self._is_metrics(request.path):
                return await self._metrics(request.path)
            if not is_rest_path(request.path):
                return html_page(404)
            if request.method == "OPTIONS":
                response = _preflight(request)
            else:
                route = parse_route(request.method, request.path)
                model = route.target.model
                api = route.action if request.method == "POST" else ""
                response = await self._actions[route.action](route.target, request)
        except Exception as problem:
            response = self._failed(model, problem)
        else:
            meter = self._hub.metrics.request(model, api, "REST")
            if response.status == 200:
                meter.ok((time.perf_counter() - started) * 1e6)
            else:
                meter.failed(Code.FAILED_PRECONDITION.name)  # a preflight from nowhere
        if self._options.cors:
            response.headers = _CORS
        return response

    def _is_metrics(self, path: str) -> bool:
        expected = self._options.metrics_path
        return expected is not None and path.partition("?")[0] == expected

    def _failed(self, model: str, problem: Exception) -> Response:
        error = as_serving_error(problem)
        if error is not problem:
            log.error(f"Request failed unexpectedly: {problem!r}")
        self._hub.metrics.request(model, "", "REST").failed(error.code.name)
        if isinstance(error, BadVersion):
            return Response(error.http_status)
        return Response(error.http_status, render_error(error.message))

    async def _metrics(self, path: str) -> Response:
        expected = self._options.metrics_path
        if path != expected:
            text = f"Unexpected path: {path}. Should be {expected}"
            return Response(400, text.encode("utf-8", "surrogateescape"), "text/plain")
        return Response(200, render(await self._hub.snapshot()).encode(), "text/plain")

    async def _status(self, target: Target, _request: Request) -> Response:
        # A label is ignored here, as in the original: all versions are returned.
        reply = status_response(await self._hub.statuses(target.model, target.version))
        return Response(200, (_proto_json(reply) + "\n").encode())

    async def _metadata(self, target: Target, _request: Request) -> Response:
        with self._hub.using(target) as servable:
            spec = {"name": servable.name, "version": str(servable.version), "signature_name": ""}
            definitions = _proto_json(servable.signature_defs)
        shown = json.dumps(spec, indent=1, ensure_ascii=False)
        text = (
            f'{{\n"model_spec":{shown}\n,\n"metadata": {{"signature_def": {definitions}\n}}\n}}\n'
        )
        return Response(200, text.encode("utf-8", "surrogateescape"))

    async def _predict(self, target: Target, request: Request) -> Response:
        raw = request.body
        body: PredictBody | None = read_numeric_body(raw)
        if body is None:
            body = await parse_slowly(raw)
        servable = self._hub.take(target)
        try:
            signature = _find_signature(servable.signatures, body.signature_name)
            read = read_quickly(body, signature)
            parsed = body if isinstance(body, Body) else None
            body = None  # it holds the parser's memory
            inputs, is_row_format = read or await read_slowly(raw, parsed, signature)
            outputs = await self._hub.predict(
                servable, signature, inputs, signature.all_outputs, self._options.timeout_ms
            )
        finally:
            servable.give_back()
        render_outputs = render_rows if is_row_format else render_columns
        return Response(200, render_outputs(signature.all_outputs, outputs))

    async def _classify(self, target: Target, request: Request) -> Response:
        raw = request.body
        body, examples = await in_thread_if_large(raw, lambda: _read_examples_body(raw))
        with self._hub.using(target) as servable:
            result = await classify(
                self._hub, servable, body.signature_name, examples, self._options.timeout_ms
            )
        return Response(200, render_classifications(result))

    async def _regress(self, target: Target, request: Request) -> Response:
        raw = request.body
        body, examples = await in_thread_if_large(raw, lambda: _read_examples_body(raw))
        with self._hub.using(target) as servable:
            result = await regress(
                self._hub, servable, body.signature_name, examples, self._options.timeout_ms
            )
        return Response(200, render_regressions(result))


def _read_examples_body(raw: bytes) -> tuple[Body, Tensor]:
    body = read_body(raw, last_inside=True)
    return body, read_examples(read_examples_body(body))


def _find_signature(signatures: dict[str, Signature], name: str) -> Signature:
    signature = signatures.get(name)
    if signature is None:
        invalid(f'Serving signature name: "{name}" not found in signature def')
    return signature


def _proto_json(message: Any) -> str:
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        indent=1,
        ensure_ascii=False,
    )


def _preflight(request: Request) -> Response:
    # Only a scheme is looked for, and anywhere in it (http_rest_api_util.cc).
    allowed = _SCHEME.search(request.headers.get("origin", "")) is not None
    return Response(200 if allowed else 400, b"", _EMPTY_HTML)
