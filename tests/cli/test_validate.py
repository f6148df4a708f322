"""--validate-with and --server-binary: real servers, gone again when they have answered."""

from __future__ import annotations

import base64
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from tfdeploy import wire
from tfdeploy.cli.validate import validator
from tfdeploy.errors import TfdeployError
from tfdeploy.exporting.asked import Asked

HALF = {"serving_default": Asked([{"x": 2.0}, {"x": 4.0}, {"x": 8.0}], {"y": [2, 3, 5.0]}, 1e-4)}
STACK = """\
stack: s
runtime: process
services:
  one:
    models: {other: {}}
    publish: {rest: 1}
    batching: {max_batch_size: 2, batch_timeout_micros: 0, max_enqueued_batches: 8}
    flags: {tensorflow_intra_op_parallelism: 1}
"""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where throw-away stacks go; nothing may be left there, nor run from there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    processes = list(psutil.process_iter(["cmdline"]))
    left = [one for one in processes if str(tmp_path) in " ".join(one.info["cmdline"] or [])]
    for one in left:
        one.kill()
    assert (left, list(folder.iterdir())) == ([], [])


@pytest.fixture
def binary(tmp_path: Path) -> str:
    return program(tmp_path, f'exec {sys.executable} -m tfdeploy.server "$@"')


def program(folder: Path, line: str) -> str:
    path = folder / "tensorflow_model_server"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def validate(
    folder: Path,
    asked: Mapping[str, Asked],
    *,
    like: str | None = None,
    binary: str | None = None,
    stacks: Path = Path("stacks"),
) -> list[str]:
    notes: list[str] = []
    check = validator(like, binary, stacks, notes.append)
    assert check is not None
    check(folder, "Half.plus", asked)
    return notes


def stacks(folder: Path, text: str = STACK) -> Path:
    path = folder / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path.parent.parent


def test_nothing_is_asked_where_nobody_wants_it(tmp_path: Path) -> None:
    assert validator(None, None, tmp_path) is None


def test_a_server_binary_is_asked_and_gone(half_versions: Path, binary: str) -> None:
    before = sorted((p, p.stat().st_size) for p in half_versions.rglob("*"))
    notes = validate(half_versions / "1", HALF, binary=binary)
    assert notes[-1] == f"{binary} answers as the model was proven: serving_default"
    assert sorted((p, p.stat().st_size) for p in half_versions.rglob("*")) == before


def test_other_answers_are_refused_for_each_protocol(half_versions: Path, binary: str) -> None:
    wrong = Asked(HALF["serving_default"].rows, {"y": np.array([2, 3.5, 6.0])}, 1e-4)
    shape = Asked(HALF["serving_default"].rows, {"y": np.array([2.0]), "z": np.array([1])}, 1e-4)
    with pytest.raises(TfdeployError) as refused:
        validate(half_versions / "1", {"serving_default": wrong}, binary=binary)
    rest, grpc = refused.value.all()
    assert (rest.code, grpc.code) == ("TFD104", "TFD104")
    assert rest.message == (
        "Over REST, signature 'serving_default' answers otherwise: output 'y' is 5 and not 6 at "
        "[2], 1 off (tolerance 0.0001); 2 of 3 values differ."
    )
    assert grpc.message == rest.message.replace("REST", "gRPC")
    with pytest.raises(TfdeployError) as refused:
        validate(half_versions / "1", {"serving_default": shape}, binary=binary)
    what = [error.message.partition("otherwise: ")[2] for error in refused.value.all()]
    assert what == ["output 'y' has the shape [3], not [1].", "output 'z' isn't in the answer."] * 2


def test_a_request_that_is_refused_says_why(half_versions: Path, binary: str) -> None:
    asked = {"serving_default": Asked([{"x": "two"}], {"y": np.array([2.0])}, 1e-4)}
    with pytest.raises(TfdeployError) as refused:
        validate(half_versions / "1", asked, binary=binary)
    rest, grpc = refused.value.all()
    assert "Over REST, signature 'serving_default' is refused: " in rest.message
    assert "Over gRPC, signature 'serving_default' is refused: " in grpc.message


def test_a_service_is_copied_without_its_models_and_ports(
    tmp_path: Path, half_versions: Path
) -> None:
    folder = stacks(tmp_path)
    before = sorted(folder.rglob("*"))
    # Three rows go in two requests, as the service takes no more than two at once.
    notes = validate(half_versions / "2", _plus_one(HALF), like="s/one", stacks=folder)
    assert notes[-1] == "s/one answers as the model was proven: serving_default"
    assert sorted(folder.rglob("*")) == before


def test_a_binary_stands_in_for_the_services_own_server(
    tmp_path: Path, half_versions: Path, binary: str
) -> None:
    folder = stacks(tmp_path, STACK.replace("process", "docker"))
    version, asked = half_versions / "2", _plus_one(HALF)
    notes = validate(version, asked, like="s/one", binary=binary, stacks=folder)
    assert notes[0] == f"bringing up a server as s/one with {binary} is, to ask it (process)"


def _plus_one(asked: Mapping[str, Asked]) -> dict[str, Asked]:
    return {
        name: Asked(one.rows, {a: np.array(v) + 1 for a, v in one.expected.items()}, one.tolerance)
        for name, one in asked.items()
    }


@pytest.mark.parametrize(
    ("like", "code", "hint"),
    [
        ("s", "TFD216", "STACK/SERVICE"),
        ("s/", "TFD216", "STACK/SERVICE"),
        ("/one", "TFD216", "STACK/SERVICE"),
        ("t/one", "TFD201", "stacks here: s"),
        ("s/two", "TFD208", "services of the stack: one"),
    ],
)
def test_words_that_name_no_service(tmp_path: Path, like: str, code: str, hint: str) -> None:
    with pytest.raises(TfdeployError) as wrong:
        validator(like, None, stacks(tmp_path))
    assert wrong.value.code == code
    assert hint in wrong.value.hint


def test_a_binary_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as wrong:
        validator(None, str(tmp_path / "nope"), tmp_path)
    assert wrong.value.code == "TFD405"


def test_what_is_wrong_with_the_service_is_told_of_its_own_file(
    tmp_path: Path, half_versions: Path
) -> None:
    folder = stacks(tmp_path, STACK.replace("tensorflow_intra_op", "tensorflow_intro_op"))
    with pytest.raises(TfdeployError) as wrong:
        validate(half_versions / "1", HALF, like="s/one", stacks=folder)
    assert wrong.value.code == "TFD204"
    assert wrong.value.where.startswith(f"{folder}/s/stack.yaml:8: services.one.flags.")


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path, half_versions: Path) -> None:
    dies = program(tmp_path, "echo 'E no licence for it' >&2; exit 3")
    with pytest.raises(TfdeployError) as wrong:
        validate(half_versions / "1", HALF, binary=dies)
    assert wrong.value.code == "TFD410"
    assert "no licence for it" in wrong.value.message + wrong.value.where


def test_an_interrupt_takes_the_server_down(
    tmp_path: Path, half_versions: Path, scratch: Path
) -> None:
    stays = program(tmp_path, f"touch {tmp_path}/started; while :; do sleep 0.1; done")
    code = (
        "import sys; from pathlib import Path; from tfdeploy.cli.validate import validator\n"
        "validator(None, sys.argv[1], Path())(Path(sys.argv[2]), 'half', {})\n"
    )
    argv = [sys.executable, "-c", code, stays, str(half_versions / "1")]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    child = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    # The wait begins when the server has been started, and its start has been noted.
    for line in child.stderr:
        if "LOADING" in line:
            break
    end = time.monotonic() + 30
    while not (tmp_path / "started").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    rest = child.stderr.read()
    assert child.wait(timeout=60) != 0
    assert rest.rstrip().endswith("KeyboardInterrupt")


MANY = """
import sys
import tensorflow as tf

tf1 = tf.compat.v1
with tf.Graph().as_default(), tf1.Session() as session:
    x = tf1.placeholder(tf.float32, [None, 2])
    text = tf1.placeholder(tf.string, [None])
    data = tf1.placeholder(tf.string, [None])
    half = tf1.placeholder(tf.float16, [None])
    brain = tf1.placeholder(tf.bfloat16, [None])
    whole = tf1.placeholder(tf.float32, [2])
    flag = tf1.placeholder(tf.bool, [None])
    big = tf1.placeholder(tf.uint64, [None])
    serialized = tf1.placeholder(tf.string, [None])
    a = tf.io.parse_example(serialized, {"a": tf.io.FixedLenFeature([1], tf.float32)})["a"]
    labels = tf.broadcast_to(tf.constant(["no", "yes"]), [tf.shape(a)[0], 2])
    signatures = {
        "serving_default": ({"x": x}, {"twice": x * 2, "ids": tf.cast(x, tf.int64)}, "predict"),
        "texts": (
            {"text": text, "data_bytes": data},
            {"shouted": tf.strings.upper(text), "joined_bytes": data + data},
            "predict",
        ),
        "half": ({"x": half}, {"y": half / 3}, "predict"),
        "brain": ({"x": brain}, {"y": brain * 3}, "predict"),
        "whole": ({"x": whole}, {"sum": tf.reduce_sum(whole)}, "predict"),
        "kinds": ({"flag": flag, "big": big}, {"not": ~flag, "same": tf.identity(big)}, "predict"),
        "classes": ({"inputs": serialized}, {"classes": labels, "scores": tf.concat([1 - a, a], 1)},
            "classify"),
        "number": ({"inputs": serialized}, {"outputs": a[:, 0] * 4}, "regress"),
    }
    builder = tf1.saved_model.Builder(sys.argv[1])
    info = lambda tensors: {k: tf1.saved_model.build_tensor_info(v) for k, v in tensors.items()}
    builder.add_meta_graph_and_variables(
        session,
        ["serve"],
        signature_def_map={
            name: tf1.saved_model.build_signature_def(
                info(i), info(o), f"tensorflow/serving/{method}"
            )
            for name, (i, o, method) in signatures.items()
        },
    )
    builder.save()
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a signature of each kind."""
    folder = tmp_path_factory.mktemp("made") / "many"
    words = [sys.executable, "-c", MANY, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def asked_of_many() -> dict[str, Asked]:
    example = wire.Example()
    example.features.feature["a"].float_list.value.append(0.75)
    serialized = {"b64": base64.b64encode(example.SerializeToString()).decode()}
    third = np.array([1 / 3, 2 / 3], np.float16)
    return {
        "serving_default": Asked(
            [{"x": [1.5, 2.5]}, {"x": [-3.0, 0.0]}],
            {
                "twice": np.array([[3, 5], [-6, 0]], np.float32),
                "ids": np.array([[1, 2], [-3, 0]], np.int64),
            },
            1e-6,
        ),
        "texts": Asked(
            [
                {"text": "grün", "data_bytes": {"b64": "/wA="}},
                {"text": "b", "data_bytes": {"b64": ""}},
            ],
            {
                "shouted": np.array(["GRüN".encode(), b"B"], object),
                "joined_bytes": np.array([b"\xff\0\xff\0", b""], object),
            },
            0.0,
        ),
        "half": Asked([{"x": 1.0}, {"x": 2.0}], {"y": third}, 1e-3),
        "brain": Asked([{"x": 1.0}, {"x": 0.5}], {"y": np.array([3, 1.5], np.float32)}, 1e-2),
        "whole": Asked([{"x": [1.0, 2.0]}], {"sum": np.array(3.0, np.float32)}, 1e-6),
        "kinds": Asked(
            [{"flag": True, "big": 2**64 - 1}, {"flag": False, "big": 0}],
            {"not": np.array([False, True]), "same": np.array([2**64 - 1, 0], np.uint64)},
            0.0,
        ),
        "classes": Asked(
            [{"a": 0.25}, {"inputs": serialized}],
            {
                "classes": np.array([[b"no", b"yes"], [b"no", b"yes"]], object),
                "scores": np.array([[0.75, 0.25], [0.25, 0.75]], np.float32),
            },
            1e-6,
        ),
        "number": Asked([{"inputs": serialized}], {"outputs": np.array([3.0], np.float32)}, 1e-6),
    }


def test_every_kind_of_signature_is_asked(many: Path, binary: str) -> None:
    notes = validate(many, asked_of_many(), binary=binary)
    assert notes[1:-1] == [
        "signature 'half' isn't asked over REST, which has no float16 for 'x'",
        "signature 'brain' isn't asked over REST, which has no bfloat16 for 'x'",
    ]


def test_every_kind_of_difference_is_found(many: Path, binary: str) -> None:
    asked = asked_of_many()
    other = {
        ("serving_default", "ids"): np.array([[1, 2], [-3, 1]]),
        ("texts", "shouted"): np.array(["GRüN".encode(), b"C"], object),
        ("texts", "joined_bytes"): np.array([b"\xff\0\xff\0", b"?"], object),
        ("half", "y"): np.array([1 / 3, np.nan], np.float16),
        ("brain", "y"): np.array([3, 2], np.float32),
        ("whole", "sum"): np.array(4.0, np.float32),
        ("kinds", "not"): np.array([False, False]),
        ("kinds", "same"): np.array([2**64 - 2, 0], np.uint64),
        ("classes", "classes"): np.array([[b"no", b"yes"], [b"no", b"maybe"]], object),
        ("classes", "scores"): np.array([[0.75, 0.25], [0.25, 0.5]], np.float32),
        ("number", "outputs"): np.array([2.0], np.float32),
    }
    for (signature, alias), values in other.items():
        one = asked[signature]
        asked[signature] = Asked(one.rows, {**one.expected, alias: values}, one.tolerance)
    with pytest.raises(TfdeployError) as refused:
        validate(many, asked, binary=binary)
    told = [error.message for error in refused.value.all()]
    for signature, alias in other:
        protocols = ["gRPC"] if signature in ("half", "brain") else ["REST", "gRPC"]
        for protocol in protocols:
            start = f"Over {protocol}, signature '{signature}' answers otherwise: output '{alias}' "
            assert len([one for one in told if one.startswith(start)]) == 1
    assert len(told) == 2 * len(other) - 2


def test_a_signature_that_a_batching_service_cannot_take(tmp_path: Path, many: Path) -> None:
    folder = stacks(tmp_path)
    with pytest.raises(TfdeployError) as wrong:
        validate(many, asked_of_many(), like="s/one", stacks=folder)
    assert wrong.value.code == "TFD214"
    assert wrong.value.where == f"{folder}/s/stack.yaml:7: services.one.batching"
