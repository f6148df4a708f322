"""A gRPC client that judges each answer by its content."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np

from soak import answers
from soak.answers import WrongAnswer
from soak.http_connection import PATIENCE_SECONDS
from soak.observation import Observation
from soak.timeline import Question
from tfdeploy import wire
from tfdeploy.wire import DataType

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
_DTYPES = {np.dtype(np.float32): DataType.DT_FLOAT, np.dtype(np.int32): DataType.DT_INT32}
_SHOWN_BYTES = 200
Check = Callable[[Any], int]


def fill_numbers(proto: Any, values: Any, packed: bool) -> None:
    """Write an array of float32 into a TensorProto, as bytes or as a list of values."""
    proto.dtype = _DTYPES[values.dtype]
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    if packed:
        proto.tensor_content = values.tobytes()
    else:
        proto.float_val.extend(values.ravel().tolist())


def read_numbers(proto: Any) -> Any:
    """The array in a TensorProto of float32 or int32."""
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype not in (DataType.DT_FLOAT, DataType.DT_INT32):
        raise WrongAnswer(f"dtype is {proto.dtype}")
    is_float = proto.dtype == DataType.DT_FLOAT
    if proto.tensor_content:
        dtype = np.float32 if is_float else np.int32
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    return np.asarray(proto.float_val if is_float else proto.int_val).reshape(shape)


def fill_question(spec: Any, question: Question) -> None:
    """Write which version is asked for into a ModelSpec."""
    spec.name = question.model
    if question.how == "label":
        spec.version_label = question.what
    elif question.how == "version":
        spec.version.value = int(question.what)


class GrpcClient:
    """One channel, opened anew from time to time."""

    def __init__(self, port: int, weights: Any, seed: int) -> None:
        self.port = port
        self.weights = weights
        self.random = random.Random(seed)
        self.channel: Any = self.open_channel()
        self._seen: dict[str, int] = {}

    def open_channel(self) -> Any:
        """A connection of its own."""
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", OPTIONS)

    def renew(self) -> None:
        """Close the channel and open another."""
        self.channel.close()
        self.channel = self.open_channel()

    def question(self, model: str) -> Question:
        """Ask for the latest version, sometimes for a label or a number that was seen lately."""
        dice = self.random.random()
        if model == "line" and dice < 0.4:
            return Question(model, "label", self.random.choice(["stable", "canary"]))
        if dice < 0.6 and model in self._seen:
            number = max(self._seen[model] + self.random.choice([-1, 0, 0, 1]), 1)
            return Question(model, "version", str(number))
        return Question(model)

    def ask(
        self,
        kind: str,
        method: str,
        question: Question,
        request: Any,
        reply_class: Any,
        check: Check,
    ) -> Observation:
        """Make a well-formed call. `check` returns the version that answered."""
        raw = request.SerializeToString()
        sent = raw[:_SHOWN_BYTES]
        started = time.monotonic()
        try:
            answer = self.channel.unary_unary(method)(raw, timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            return _failed(kind, question, started, error, sent)
        times = (started, time.monotonic())
        try:
            version = check(reply_class.FromString(answer))
        except (WrongAnswer, ValueError, KeyError, TypeError) as problem:
            return Observation(kind, "wrong", question, *times, (), repr(problem), sent)
        self._seen[question.model] = version
        return Observation(kind, "answered", question, *times, (version,), sent=sent)

    def ask_in_vain(self, kind: str, method: str, raw: bytes, wanted: str) -> Observation:
        """Make a call that must be refused with one code."""
        started = time.monotonic()
        code, details = "OK", ""
        try:
            self.channel.unary_unary(method)(raw, timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code().name, str(error.details())
        times = (started, time.monotonic())
        if code == wanted:
            return Observation(kind, "refused", None, *times)
        note = f"{code}, not {wanted}: {details[:200]}"
        outcome = "lost" if code == "UNAVAILABLE" else "wrong"
        return Observation(kind, outcome, None, *times, (), note, raw[:_SHOWN_BYTES])

    def line_request(self, question: Question, count: int) -> tuple[Any, Check]:
        """A Predict request to the line."""
        x = np.random.default_rng(self.random.randrange(2**31)).integers(0, 4096, count)
        request = wire.PredictRequest()
        fill_question(request.model_spec, question)
        fill_numbers(request.inputs["x"], x.astype(np.float32), self.random.random() < 0.5)

        def check(reply: Any) -> int:
            version = answers.line_version(x, read_numbers(reply.outputs["y"]))
            return said_version(reply, version)

        return request, check


def said_version(reply: Any, version: int) -> int:
    """The version that an answer's content tells, which its model_spec must name, too.

    Raises:
        WrongAnswer: it names another.
    """
    if reply.model_spec.version.value != version:
        raise WrongAnswer(f"version {version} says it is {reply.model_spec.version.value}")
    return version


def _failed(kind: str, question: Question, started: float, error: Any, sent: bytes) -> Observation:
    times = (started, time.monotonic())
    code, details = error.code().name, str(error.details())
    if code == "NOT_FOUND" and "Servable not found" in details:
        return Observation(kind, "absent", question, *times, sent=sent)
    return Observation(kind, "lost", question, *times, (), f"{code}: {details[:200]}", sent)
