"""gRPC calls: well-formed ones, such as must be refused, and such as are given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import grpc
import numpy as np

from soak import answers
from soak.answers import WrongAnswer
from soak.grpc_client import (
    GrpcClient,
    fill_numbers,
    fill_question,
    read_numbers,
    said_version,
)
from soak.models import FEATURES
from soak.observation import Observation
from soak.timeline import Question
from tfdeploy import wire
from tfdeploy.wire import DataType, State


def line(client: GrpcClient) -> list[Observation]:
    """Predict on the line, or on the model that comes and goes."""
    question = client.question(client.random.choice(["line", "line", "guest"]))
    request, check = client.line_request(question, client.random.randrange(1, 33))
    reply = wire.PredictResponse
    return [client.ask("grpc predict", wire.PREDICT, question, request, reply, check)]


def large(client: GrpcClient) -> list[Observation]:
    """Predict with 1 to 5 MB."""
    question = client.question("line")
    request, check = client.line_request(question, client.random.randrange(250_000, 1_250_000))
    reply = wire.PredictResponse
    return [client.ask("grpc large", wire.PREDICT, question, request, reply, check)]


def mlp(client: GrpcClient) -> list[Observation]:
    """Predict on the MLP, with an output_filter or without."""
    question = client.question("mlp")
    wanted = client.random.choice([[], ["version"], ["scores", "version"]])
    random = np.random.default_rng(client.random.randrange(2**31))
    features = random.normal(size=(client.random.choice([1, 4, 32]), FEATURES)).astype(np.float32)
    request = wire.PredictRequest(output_filter=wanted)
    fill_question(request.model_spec, question)
    fill_numbers(request.inputs["features"], features, client.random.random() < 0.5)

    def check(reply: Any) -> int:
        if sorted(reply.outputs) != sorted(wanted or ["scores", "version"]):
            raise WrongAnswer(f"outputs are {sorted(reply.outputs)}")
        if "scores" in reply.outputs:
            scores = read_numbers(reply.outputs["scores"])
            answers.check_scores(client.weights, features, scores)
        numbers = read_numbers(reply.outputs["version"])
        if numbers.shape != features.shape[:1] or len(set(numbers.tolist())) != 1:
            raise WrongAnswer(f"no one version: {numbers[:5]}")
        return said_version(reply, int(numbers[0]))

    reply = wire.PredictResponse
    return [client.ask("grpc filter", wire.PREDICT, question, request, reply, check)]


def words(client: GrpcClient) -> list[Observation]:
    """Predict on texts."""
    question = client.question("words")
    texts = [client.random.randbytes(client.random.randrange(0, 60)) for _ in range(3)]
    request = wire.PredictRequest()
    fill_question(request.model_spec, question)
    proto = request.inputs["text"]
    proto.dtype = DataType.DT_STRING
    proto.tensor_shape.dim.add(size=len(texts))
    proto.string_val.extend(texts)

    def check(reply: Any) -> int:
        said = list(reply.outputs["said_bytes"].string_val)
        return said_version(reply, answers.words_version(texts, said))

    reply = wire.PredictResponse
    return [client.ask("grpc words", wire.PREDICT, question, request, reply, check)]


def classify(client: GrpcClient) -> list[Observation]:
    """Classify."""
    question = client.question("kinds")
    x = [client.random.randrange(1000) / 4 for _ in range(client.random.randrange(1, 9))]
    request = wire.ClassificationRequest()
    fill_question(request.model_spec, question)
    for value in x:
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)

    def check(reply: Any) -> int:
        results = reply.result.classifications
        rows = [[(entry.label, entry.score) for entry in row.classes] for row in results]
        return said_version(reply, answers.kinds_version(x, rows))

    reply = wire.ClassificationResponse
    return [client.ask("grpc classify", wire.CLASSIFY, question, request, reply, check)]


def status(client: GrpcClient) -> list[Observation]:
    """GetModelStatus."""
    question = Question(client.random.choice(["line", "mlp", "words", "kinds"]))
    request = wire.GetModelStatusRequest()
    fill_question(request.model_spec, question)
    listed: set[int] = set()

    def check(reply: Any) -> int:
        entries = reply.model_version_status
        listed.update(e.version for e in entries if e.state == State.AVAILABLE)
        return 0

    reply = wire.GetModelStatusResponse
    seen = client.ask("grpc status", wire.GET_MODEL_STATUS, question, request, reply, check)
    if seen.outcome != "answered":
        return [seen]
    return [seen._replace(outcome="listed", versions=tuple(listed))]


def metadata(client: GrpcClient) -> list[Observation]:
    """GetModelMetadata."""
    question = client.question("mlp")
    request = wire.GetModelMetadataRequest(metadata_field=["signature_def"])
    fill_question(request.model_spec, question)

    def check(reply: Any) -> int:
        packed = wire.SignatureDefMap.FromString(reply.metadata["signature_def"].value)
        if "serving_default" not in packed.signature_def:
            raise WrongAnswer(f"signatures are {sorted(packed.signature_def)}")
        return int(reply.model_spec.version.value)

    method, reply = wire.GET_MODEL_METADATA, wire.GetModelMetadataResponse
    return [client.ask("grpc metadata", method, question, request, reply, check)]


def renew(client: GrpcClient) -> list[Observation]:
    """A call on a new channel."""
    client.renew()
    return line(client)


def _bad_calls(client: GrpcClient) -> list[tuple[str, bytes, str]]:
    good, _ = client.line_request(Question("line"), 3)
    changed: list[tuple[str, bytes, str]] = []
    for field, value, code in (
        ("name", "nobody", "NOT_FOUND"),
        ("signature_name", "none", "FAILED_PRECONDITION"),
        ("version_label", "none", "INVALID_ARGUMENT"),
    ):
        request = wire.PredictRequest.FromString(good.SerializeToString())
        setattr(request.model_spec, field, value)
        changed.append((wire.PREDICT, request.SerializeToString(), code))
    good.output_filter.append("none")
    changed.append((wire.PREDICT, good.SerializeToString(), "INVALID_ARGUMENT"))
    changed.append(("/tensorflow.serving.PredictionService/Explode", b"", "UNIMPLEMENTED"))
    return changed


def refused(client: GrpcClient) -> list[Observation]:
    """A call that asks for what isn't there."""
    method, raw, code = client.random.choice(_bad_calls(client))
    return [client.ask_in_vain("grpc refused", method, raw, code)]


def garbage(client: GrpcClient) -> list[Observation]:
    """A message that is none: some error, whatever it is, and no answer."""
    started = time.monotonic()
    try:
        client.channel.unary_unary(wire.PREDICT)(b"\xff" * 50, timeout=10)
        outcome = "wrong"
    except grpc.RpcError as error:
        outcome = "lost" if error.code().name == "UNAVAILABLE" else "refused"
    return [Observation("grpc garbage", outcome, None, started, time.monotonic())]


def give_up(client: GrpcClient) -> list[Observation]:
    """Cancel a call, let its deadline pass, or close the channel while it is under way."""
    dice = client.random
    request, _ = client.line_request(Question("line"), dice.choice([3, 3, 3, 300_000]))
    started = time.monotonic()
    channel = client.open_channel()
    timeout = dice.choice([0.0005, 0.005, 10.0])
    call = channel.unary_unary(wire.PREDICT).future(request.SerializeToString(), timeout=timeout)
    time.sleep(dice.choice([0, 0.001, 0.01]))
    if dice.random() < 0.5:
        call.cancel()
    channel.close()
    return [Observation("grpc give up", "left", None, started, time.monotonic())]


REQUESTS: Final[dict[Callable[[GrpcClient], list[Observation]], float]] = {
    line: 40, large: 0.5, mlp: 15, words: 8, classify: 10, status: 5, metadata: 3, renew: 1,
    refused: 5, garbage: 1, give_up: 3,
}  # fmt: skip
