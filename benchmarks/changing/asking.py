"""Ways to ask a server: REST on a connection that is kept or a fresh one, gRPC on one channel."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Protocol

import grpc
import numpy as np
from soak.answers import line_version
from soak.grpc_client import OPTIONS, fill_numbers, fill_question, read_numbers, said_version
from soak.http_connection import PATIENCE_SECONDS, Connection, Lost, render_request
from soak.timeline import Question

from tfdeploy import wire


class Failed(Exception):
    """No answer, or an error as an answer."""


class Asker(Protocol):
    """One client. For one thread."""

    def ask(self, question: Question, x: list[float]) -> int:
        """The version that answered.

        Raises:
            Failed: nothing did.
            WrongAnswer: with numbers that no version gives.
        """

    def close(self) -> None:
        """Leave."""


def predict_path(question: Question) -> str:
    """The path of a predict request."""
    part = {
        "latest": "",
        "label": f"/labels/{question.what}",
        "version": f"/versions/{question.what}",
    }
    return f"/v1/models/{question.model}{part[question.how]}:predict"


class RestAsker:
    """REST; `keeps` its connection, or opens one for each request."""

    def __init__(self, port: int, keeps: bool) -> None:
        self._port = port
        self._keeps = keeps
        self._connection: Connection | None = None

    def ask(self, question: Question, x: list[float]) -> int:
        """See `Asker`."""
        body = json.dumps({"instances": x}).encode()
        headers = () if self._keeps else ("Connection: close",)
        request = render_request("POST", predict_path(question), body, headers)
        try:
            self._connection = self._connection or Connection(self._port)
            self._connection.send(request)
            reply = self._connection.read_reply()
        except Lost as problem:
            self.close()
            raise Failed(str(problem)) from problem
        if reply.closes or not self._keeps:
            self.close()
        if reply.status != 200:
            raise Failed(f"HTTP {reply.status}: {reply.body[:200]!r}")
        return line_version(x, json.loads(reply.body)["predictions"])

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None


class GrpcAsker:
    """gRPC, on a channel that others share."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._call: Any = channel.unary_unary(wire.PREDICT)

    def ask(self, question: Question, x: list[float]) -> int:
        """See `Asker`."""
        request = wire.PredictRequest()
        fill_question(request.model_spec, question)
        fill_numbers(request.inputs["x"], np.asarray(x, np.float32), True)
        try:
            answer = self._call(request.SerializeToString(), timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            raise Failed(f"{error.code().name}: {str(error.details())[:200]}") from error
        reply = wire.PredictResponse.FromString(answer)
        return said_version(reply, line_version(x, read_numbers(reply.outputs["y"])))

    def close(self) -> None:
        """The channel stays."""


def open_channel(port: int) -> grpc.Channel:
    """A channel to a port of this machine, with a connection of its own."""
    return grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS)
