"""What is asked of a server: a model, one request in both protocols, and the right answer."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfdeploy import processes, wire

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".bench"
NAMES = ("half_plus_two", "mlp", "mlp_32_rows", "mobilenet")
HEAVY = "mobilenet"
# Kernels differ between builds of TensorFlow in the last digits, and REST replies are rounded.
TOLERANCE = 1e-3


class WrongAnswer(Exception):
    """A server answered something else than TensorFlow did when the models were written."""


@dataclass(frozen=True)
class Case:
    """One request to one model.

    Attributes:
        name: One of `NAMES`.
        model: The model that is asked.
        alias: The input's name.
        output: The output's name.
        rows: The instances, as REST takes them.
        expected: The answer.
    """

    name: str
    model: str
    alias: str
    output: str
    rows: list[Any]
    expected: list[Any]

    @property
    def path(self) -> str:
        """Where REST takes the request."""
        return f"/v1/models/{self.model}:predict"

    @functools.cached_property
    def rest_request(self) -> bytes:
        """The body of a REST request."""
        return json.dumps({"instances": self.rows}).encode()

    @functools.cached_property
    def grpc_request(self) -> bytes:
        """A PredictRequest."""
        request = wire.PredictRequest()
        request.model_spec.name = self.model
        values = self.values()
        _fill(request.inputs[self.alias], values)
        serialized: bytes = request.SerializeToString(deterministic=True)
        return serialized

    @functools.cached_property
    def grpc_reply(self) -> bytes:
        """The PredictResponse that a right server gives."""
        reply = wire.PredictResponse()
        reply.model_spec.name = self.model
        _fill(reply.outputs[self.output], np.asarray(self.expected, np.float32))
        serialized: bytes = reply.SerializeToString(deterministic=True)
        return serialized

    def values(self) -> Any:
        """The input as an array; JPEGs are objects of bytes."""
        if isinstance(self.rows[0], dict):
            return np.array([base64.b64decode(row["b64"]) for row in self.rows], object)
        return np.asarray(self.rows, np.float32)

    def check_rest(self, body: bytes) -> None:
        """See `check`; ``body`` is a REST reply."""
        try:
            self.check(np.asarray(json.loads(body)["predictions"], np.float32))
        except (ValueError, KeyError, TypeError):
            raise WrongAnswer(f"{self.name}: {body[:200]!r}") from None

    def check_grpc(self, body: bytes) -> None:
        """See `check`; ``body`` is a PredictResponse."""
        proto = wire.PredictResponse.FromString(body).outputs[self.output]
        shape = [dim.size for dim in proto.tensor_shape.dim]
        flat = np.frombuffer(proto.tensor_content, np.float32)
        self.check((flat if flat.size else np.asarray(proto.float_val)).reshape(shape))

    def check(self, answer: Any) -> None:
        """Compare an answer with the expected one.

        Raises:
            WrongAnswer: it differs by more than a thousandth of the largest number.
        """
        expected = np.asarray(self.expected, np.float32)
        allowed = TOLERANCE * float(np.abs(expected).max())
        if answer.shape != expected.shape or not np.allclose(answer, expected, 0, allowed):
            raise WrongAnswer(f"{self.name}: {answer.ravel()[:5]}, not {expected.ravel()[:5]}")


def _fill(proto: Any, values: Any) -> None:
    for size in values.shape:
        proto.tensor_shape.dim.add().size = size
    if values.dtype == object:
        proto.dtype = wire.DataType.DT_STRING
        proto.string_val.extend(values.ravel().tolist())
    else:
        proto.dtype = wire.DataType.DT_FLOAT
        proto.tensor_content = values.tobytes()


def models_folder() -> Path:
    """The folder with the models, written by a child process when it isn't there yet.

    The folder is named after the source of what writes it, so that a change writes it anew.
    """
    source = Path(__file__).with_name("write_models.py")
    folder = CACHE / hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    if not (folder / "cases.json").exists():
        print("writing the models ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        argv = processes.python_argv("benchmarks.serving.write_models", str(folder))
        done = processes.run(argv, environment=environment(), cwd=ROOT)
        if done.exit_code:
            sys.exit(f"the models can't be written: {done.stderr[-2000:]}")
    return folder


def load_cases(folder: Path) -> dict[str, Case]:
    """All cases by name, from what `write_models` wrote."""
    read = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    return {fields["name"]: Case(**fields) for fields in read}


def environment() -> dict[str, str]:
    """What child processes get: this copy of the project, loopback only, no GPU, no chatter."""
    return {
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TFDEPLOY_LISTEN_ADDRESS": "127.0.0.1",
    }
