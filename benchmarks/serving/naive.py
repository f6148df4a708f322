"""The server that one writes in an afternoon: Starlette on uvicorn, the model called as Python.

``python -m benchmarks.serving.naive PORT MODELS_FOLDER MODEL...``

It is written as well as such servers are: orjson both ways, the call in Starlette's thread pool so
that the event loop stays free, uvloop and httptools where they are installed, no access log. It
answers right requests only.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import orjson
import tensorflow as tf
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Model:
    """A SavedModel's default signature, as ``tf.saved_model.load`` gives it."""

    def __init__(self, folder: Path) -> None:
        self._loaded = tf.saved_model.load(str(folder))
        self._call = self._loaded.signatures["serving_default"]
        ((self._alias, self._spec),) = self._call.structured_input_signature[1].items()

    def predict(self, body: bytes) -> bytes:
        """One request's JSON to its reply's."""
        rows: list[Any] = orjson.loads(body)["instances"]
        if self._spec.dtype == tf.string:
            rows = [base64.b64decode(row["b64"]) for row in rows]
        outputs = self._call(**{self._alias: tf.constant(rows, self._spec.dtype)})
        (answer,) = outputs.values()
        return orjson.dumps({"predictions": answer.numpy()}, option=orjson.OPT_SERIALIZE_NUMPY)


def make_app(models: dict[str, Model]) -> Starlette:
    async def predict(request: Request) -> Response:
        model = models[request.path_params["name"]]
        answer = await run_in_threadpool(model.predict, await request.body())
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/v1/models/{name}:predict", predict, methods=["POST"])])


def main() -> None:
    """Serve until a signal."""
    port, folder, *names = sys.argv[1:]
    models = {name: Model(Path(folder) / name / "1") for name in names}
    uvicorn.run(
        make_app(models), host="127.0.0.1", port=int(port), log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main()
