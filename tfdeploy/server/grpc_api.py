"""The gRPC skin over the hub, on grpcio with messages decoded here.

Source: tensorflow_serving/model_servers/{prediction_service_impl,model_service_impl}.cc and
server.cc (the health service).
"""

import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from tfdeploy import wire
from tfdeploy.server import log
from tfdeploy.server.health import Watches, check
from tfdeploy.server.hub import Hub, Target
from tfdeploy.server.inference import (
    classify,
    multi_inference,
    prepare_classify,
    prepare_regress,
    read_examples,
    regress,
)
from tfdeploy.server.metrics import first_value
from tfdeploy.server.pending import as_future
from tfdeploy.server.predict_request import find_signature, read_inputs, read_output_filter
from tfdeploy.server.servable import Servable
from tfdeploy.server.signature import DEFAULT_SIGNATURE
from tfdeploy.server.status import ServingError, as_serving_error, invalid
from tfdeploy.server.status_reply import status_response
from tfdeploy.server.tensor_proto import write_tensor_proto
from tfdeploy.wire import Code

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_COUNTED: Final = frozenset(("Predict", "Classify", "Regress"))
_MOST_MILLISECONDS: Final = 2**31 - 1

Method = Callable[[Any, int], Coroutine[Any, Any, Any]]


def read_model_spec(request: Any) -> Target:
    """Which version a request's model_spec asks for.

    Raises:
        ServingError: INVALID_ARGUMENT, there is no model_spec, or no name in it.
    """
    if not request.HasField("model_spec"):
        invalid("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        invalid("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    return Target(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )


def fill_model_spec(spec: Any, servable: Servable, signature_name: str = "") -> None:
    """Say in a reply which version answered."""
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature_name


async def _refuse(_requests: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")


# Streaming, because a streaming call can be anything on the wire; grpcio's own answer has a text.
_UNKNOWN_METHOD: Final = grpc.stream_stream_rpc_method_handler(_refuse)


class GrpcApi:
    """A grpc.GenericRpcHandler. Answers calls by their path; a client only ever sees a status."""

    def __init__(self, hub: Hub, tensor_content: bool, health: bool) -> None:
        self._hub = hub
        self._tensor_content = tensor_content
        self.watches = Watches()
        methods: dict[str, tuple[Any, Method]] = {
            wire.PREDICT: (wire.PredictRequest, self._predict),
            wire.CLASSIFY: (wire.ClassificationRequest, self._classify),
            wire.REGRESS: (wire.RegressionRequest, self._regress),
            wire.MULTI_INFERENCE: (wire.MultiInferenceRequest, self._multi_inference),
            wire.GET_MODEL_METADATA: (wire.GetModelMetadataRequest, self._metadata),
            wire.GET_MODEL_STATUS: (wire.GetModelStatusRequest, self._status),
            wire.RELOAD_CONFIG: (wire.ReloadConfigRequest, self._reload),
        }
        if health:
            methods[wire.HEALTH_CHECK] = (wire.HealthCheckRequest, self._health)
        self._handlers = {
            path: grpc.unary_unary_rpc_method_handler(self._handler(path, cls, method))
            for path, (cls, method) in methods.items()
        }
        if health:
            watch = grpc.unary_stream_rpc_method_handler(self.watches.watch)
            self._handlers[wire.HEALTH_WATCH] = watch

    def service(self, handler_call_details: Any) -> Any:
        """See grpc.GenericRpcHandler."""
        return self._handlers.get(handler_call_details.method, _UNKNOWN_METHOD)

    def _handler(self, path: str, cls: Any, method: Method) -> Any:
        name = path.rpartition("/")[2]

        async def answer(raw: bytes, context: Any) -> bytes:
            started = time.perf_counter()
            model = ""
            try:
                request = _decode(cls, raw)
                model = request.model_spec.name if name in _COUNTED else ""
                reply = await as_future(method(request, _timeout_ms(context)))
                encoded: bytes = reply.SerializeToString()
            except Exception as problem:
                code, details = self._failed(name, model, problem)
            else:
                if name in _COUNTED:
                    microseconds = (time.perf_counter() - started) * 1e6
                    self._hub.metrics.request(model, name, "GRPC").ok(microseconds)
                return encoded
            await context.abort(_CODES[code], details)
            raise AssertionError("abort returns never")

        return answer

    def _failed(self, name: str, model: str, problem: Exception) -> tuple[Code, str]:
        error = as_serving_error(problem)
        if error is not problem:
            log.error(f"{name} failed unexpectedly: {problem!r}")
        if name in _COUNTED:
            self._hub.metrics.request(model, name, "GRPC").failed(error.code.name)
        return error.code, error.grpc_details

    async def _predict(self, request: Any, timeout_ms: int) -> Any:
        servable = self._hub.take(read_model_spec(request))
        try:
            signature = find_signature(servable, request.model_spec.signature_name)
            inputs = read_inputs(request, signature)
            chosen = read_output_filter(request, signature)
            outputs = await self._hub.predict(servable, signature, inputs, chosen, timeout_ms)
        finally:
            servable.give_back()
        reply = wire.PredictResponse()
        fill_model_spec(reply.model_spec, servable, signature.name)
        for alias, tensor in zip(chosen, outputs, strict=True):
            write_tensor_proto(tensor, reply.outputs[alias], self._tensor_content)
        return reply

    async def _classify(self, request: Any, timeout_ms: int) -> Any:
        with self._hub.using(read_model_spec(request)) as servable:
            name = request.model_spec.signature_name
            prepare_classify(self._hub, servable, name)
            examples = read_examples(request.input)
            result = await classify(self._hub, servable, name, examples, timeout_ms)
            reply = wire.ClassificationResponse(result=result)
            fill_model_spec(reply.model_spec, servable, name or DEFAULT_SIGNATURE)
        return reply

    async def _regress(self, request: Any, timeout_ms: int) -> Any:
        with self._hub.using(read_model_spec(request)) as servable:
            name = request.model_spec.signature_name
            prepare_regress(self._hub, servable, name)
            examples = read_examples(request.input)
            result = await regress(self._hub, servable, name, examples, timeout_ms)
            reply = wire.RegressionResponse(result=result)
            fill_model_spec(reply.model_spec, servable, name or DEFAULT_SIGNATURE)
        return reply

    async def _multi_inference(self, request: Any, timeout_ms: int) -> Any:
        if not request.tasks or not request.tasks[0].HasField("model_spec"):
            invalid("ModelSpec has no name specified.")
        # The first task's version answers for all, as in the original.
        with self._hub.using(read_model_spec(request.tasks[0])) as servable:
            reply = await multi_inference(self._hub, servable, request, timeout_ms)
            for entry in reply.results:
                entry.model_spec.version.value = servable.version
        return reply

    async def _metadata(self, request: Any, _timeout_ms: int) -> Any:
        if not request.HasField("model_spec"):
            invalid("Missing ModelSpec")
        if not request.metadata_field:
            invalid("GetModelMetadataRequest must specify at least one metadata_field")
        reply = wire.GetModelMetadataResponse()
        for field in request.metadata_field:
            if field != "signature_def":
                invalid(f"Metadata field {field} is not supported")
            with self._hub.using(read_model_spec(request)) as servable:
                fill_model_spec(reply.model_spec, servable)
                entry = reply.metadata["signature_def"]
                entry.type_url = wire.SIGNATURE_DEF_MAP_URL
                entry.value = servable.signature_defs.SerializeToString()
        return reply

    async def _status(self, request: Any, _timeout_ms: int) -> Any:
        if not request.HasField("model_spec"):
            invalid("Missing ModelSpec")
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        return status_response(await self._hub.statuses(spec.name, version))

    async def _reload(self, request: Any, _timeout_ms: int) -> Any:
        before = await self._hub.snapshot() if request.metric_names else {}
        await self._hub.reload(request.config)
        after = await self._hub.snapshot() if request.metric_names else {}
        reply = wire.ReloadConfigResponse()
        reply.status.SetInParent()
        for name in dict.fromkeys(request.metric_names):
            increase = first_value(after, name) - first_value(before, name)
            reply.metric.add(name=name, int64_value_increase=increase)
        return reply

    async def _health(self, request: Any, _timeout_ms: int) -> Any:
        return check(request)


def _decode(cls: Any, raw: bytes) -> Any:
    try:
        return cls.FromString(raw)
    except DecodeError:
        raise ServingError(Code.INTERNAL, "Failed to parse the request message.") from None


def _timeout_ms(context: Any) -> int:
    remaining = context.time_remaining()
    if remaining is None:
        return 0
    return max(1, min(int(remaining * 1000), _MOST_MILLISECONDS))
