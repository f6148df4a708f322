"""A version is asked before a label moves to it, over HTTP; every way in which it may not pass."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tfdeploy.apply.gate import check_answers
from tfdeploy.errors import TfdeployError
from tfdeploy.plan import CheckAnswers
from tfdeploy.stack.checks import CheckRequest

OUTPUTS = {"y": "DT_FLOAT", "name": "DT_STRING"}
GOOD = {"predictions": [{"y": 1.5, "name": "cat"}, {"y": 2.5, "name": "dog"}]}
ASKED = CheckRequest("checks.0", None, [1.0, 2.0])
Replies = Mapping[str, object]
Asking = Callable[..., str]


def metadata(**outputs: str) -> dict[str, Any]:
    def tensor(dtype: str) -> dict[str, Any]:
        return {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1"}]}, "name": "t:0"}

    signature = {
        "inputs": {"x": tensor("DT_FLOAT")},
        "outputs": {alias: tensor(dtype) for alias, dtype in outputs.items()},
        "method_name": "tensorflow/serving/predict",
    }
    found = {"signature_def": {"serving_default": signature}}
    return {"metadata": {"signature_def": found}}


@pytest.fixture
def asking() -> Iterator[Asking]:
    """Ask a server that answers so, and get the error's code and message; empty without one."""
    replies: dict[str, object] = {}
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            paths.append(self.path)
            found = replies.get(self.path.removeprefix("/v1/models/m/versions/"))
            data = json.dumps({"error": "no such thing"} if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            """Tests stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(
        answer: object, request: CheckRequest | None = ASKED, before: int | None = None, **more: Any
    ) -> str:
        replies.update({"4/metadata": metadata(**OUTPUTS), "4:predict": answer, **more})
        requests = (request,) if request else ()
        step = CheckAnswers("c", "a", "m", 4, before, requests)
        try:
            check_answers(step, f"http://127.0.0.1:{server.server_port}", 5.0)
        except TfdeployError as error:
            return f"{error.code} {error.message}"
        return ""

    yield ask
    server.shutdown()
    server.server_close()


def expecting(expected: object, tolerance: float = 0.1) -> CheckRequest:
    return CheckRequest("checks.0", None, [1.0, 2.0], expected, tolerance)


def row(y: object, name: str = "cat") -> dict[str, object]:
    return {"y": y, "name": name}


@pytest.mark.parametrize(
    "expected",
    [
        None,
        GOOD,
        {"y": [1.5, 2.5]},
        {"y": [1, 2.75], "name": ["cat", "dog"]},
        {"outputs": {"y": [1.5, 2.5], "name": ["cat", "dog"]}},
    ],
)
def test_an_answer_that_is_as_expected_passes(asking: Asking, expected: object) -> None:
    assert asking(GOOD, expecting(expected, 0.5)) == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"predictions": [{"y": 1.5}]}, "a row of the answer has no 'name'"),
        ({"predictions": [row("text")]}, "could not convert"),
        ({"predictions": [row([1.5])]}, "output 'y' has the shape [1, 1], and the signature [?]"),
        ({"predictions": [row(1.0), row(float("nan"))]}, "output 'y' isn't finite everywhere"),
        ({"predictions": [row(float("inf"))]}, "output 'y' isn't finite everywhere"),
        ({"something": 1}, "the answer"),
        (None, "checks.0 fails: no such thing"),
    ],
)
def test_an_answer_of_another_form_does_not_pass(asking: Asking, answer: object, said: str) -> None:
    found = asking(answer)
    assert found.startswith("TFD430 m 4 doesn't answer as it should, checks.0")
    assert said in found


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"y": [1.5, 3.5]}, "'y' differs by up to 1 at [1] (3.5 and 2.5) (tolerance 0.1)"),
        ({"y": [9.0, 2.5], "name": ["cow", "dog"]}, "'y' differs by up to 7.5 at [0]"),
        ({"name": ["cat", "cow"]}, "'name' differs at [1] (cow and dog)"),
        ({"y": [1.5]}, "'y' had the shape [1] and has [2]"),
        ({"z": [1.5]}, "there is no output z"),
        ({"y": ["a", "b"]}, "what checks.0 expects isn't an answer"),
        ([1.5, 2.5], "what checks.0 expects isn't an answer"),
    ],
)
def test_a_difference_is_told_with_its_place_and_size(
    asking: Asking, expected: object, said: str
) -> None:
    found = asking(GOOD, expecting(expected))
    assert found.startswith("TFD430")
    assert said in found


def test_nan_that_is_expected_passes(asking: Asking) -> None:
    answer = {"predictions": [row(float("nan"))]}
    assert asking(answer, expecting({"y": [float("nan")]})) == ""


def test_clients_of_the_version_before_would_break(asking: Asking) -> None:
    more = {"3/metadata": metadata(**OUTPUTS, score="DT_FLOAT")}
    found = asking(GOOD, None, before=3, **more)
    assert found == (
        "TFD431 Clients of m 3 would break with 4: output 'score: float32[?]' is gone; 3 serves on."
    )


def test_what_more_is_promised_breaks_nobody(asking: Asking) -> None:
    assert asking(GOOD, before=3, **{"3/metadata": metadata(**OUTPUTS)}) == ""


def test_a_request_that_doesnt_fit_does_not_pass(asking: Asking) -> None:
    found = asking(GOOD, CheckRequest("checks.0", None, ["text"]))
    assert found.startswith("TFD430")
    assert "checks.0 fails" in found


def test_a_server_that_is_gone_does_not_pass() -> None:
    step = CheckAnswers("c", "a", "m", 4, 3, (ASKED,))
    with pytest.raises(TfdeployError) as caught:
        check_answers(step, "http://127.0.0.1:1", 5.0)
    assert caught.value.code == "TFD430"
    assert "nobody answers" in caught.value.message


@pytest.mark.parametrize(
    "step",
    [
        CheckAnswers("c", "a", "m", 4, 3, (ASKED,), skipped="--no-checks was given"),
        CheckAnswers("c", "a", "m", 4),
    ],
)
def test_what_is_skipped_or_has_nothing_to_ask_sends_nothing(step: CheckAnswers) -> None:
    check_answers(step, "http://127.0.0.1:1", 5.0)
