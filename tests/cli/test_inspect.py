"""tfdeploy inspect, as users run it, on models made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_startup import loaded
from tests.savedmodel_bytes import FLOAT, STRING, meta_graph, node, saved, signature, tensor
from tfdeploy.cli.main import run

Capture = pytest.CaptureFixture[str]
X, Y = tensor("x:0", FLOAT, [-1, 2]), tensor("y:0", FLOAT, [-1, 2])
MANIFEST = {
    "source": "digits.keras",
    "tensorflow": "2.21.0",
    "keras": "3.15.0",
    "git": "abc123-dirty",
    "tags": ["nightly", "good"],
    "samples": {"serving_default": [{"x": [7.0, 8.0]}]},
}


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Versions 1 and 2 are alike but for an output's type; 4 renames the input, with a PyFunc."""
    base_path = tmp_path / "digits"
    first = signature({"x": X}, {"y": Y})
    saved(base_path / "1", meta_graph({"serving_default": first}))
    saved(base_path / "2", meta_graph({"serving_default": first, "more": first}))
    text = signature({"z": X}, {"y": tensor("y:0", STRING, [-1])})
    graph = node("mine", "PyFunc")
    saved(base_path / "4", meta_graph({"serving_default": text}, graph=graph, ops=("PyFunc",)))
    return base_path


def test_versions_and_what_is_wrong(digits: Path, capsys: Capture) -> None:
    assert run(["inspect", str(digits)]) == 0
    out, err = capsys.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()[:3]] == [
        "version 1",
        "version 2",
        "version 4",
    ]
    assert "of memory to load" in out
    notes = err.splitlines()
    assert "note: The numbers have gaps (1, 2, 4), which is fine; the next is 5." in notes
    assert any("version 4 changes the contract of 2: 4 breaking, 0 com" in one for one in notes)
    assert any(one.startswith("refuse python-op: Node 'mine'") for one in notes)
    assert any(one.startswith("warn bytes-alias: signature serving_default:") for one in notes)


def test_all_of_it_as_one_document(digits: Path, capsys: Capture) -> None:
    (digits / "4" / "tfdeploy.json").write_text("{")
    assert run(["inspect", str(digits), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    newest = document["versions"][-1]
    assert newest["ops"] == ["PyFunc"]
    assert [one["kind"] for one in newest["defects"]] == ["python-op", "bytes-alias"]
    assert newest["memory_bytes"] == newest["size_bytes"] * 6 // 5
    assert (newest["warmup_records"], newest["manifest"]) == (0, None)
    assert "tfdeploy.json" in newest["notes"][0]
    assert [one["breaking"] for one in document["contract_changes"]] == [False, True]


def test_what_the_export_wrote(digits: Path, capsys: Capture) -> None:
    (digits / "4" / "tfdeploy.json").write_text(json.dumps(MANIFEST))
    assert run(["inspect", str(digits / "4")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == [
        "source: digits.keras",
        "git: abc123-dirty",
        "tags: nightly, good",
        "exported with TensorFlow 2.21.0, Keras 3.15.0",
    ]


def test_a_breaking_difference_is_a_no(digits: Path, capsys: Capture) -> None:
    assert run(["inspect", str(digits), "--diff", "2", "4"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "breaking: signature more: signature 'more' is gone",
        "breaking: signature serving_default: input 'x' is renamed to 'z'",
        "breaking: signature serving_default: output 'y' was float32 and is string",
        "breaking: signature serving_default: output 'y' had shape [?, 2] and has [?]",
        "changes for clients from version 2 to 4: 4 breaking, 0 compatible",
    ]


def test_a_compatible_difference_is_a_yes(digits: Path, capsys: Capture) -> None:
    assert run(["inspect", str(digits), "--diff", "1", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["before"], document["after"], document["breaking"]) == (1, 2, False)
    assert [one["signature"] for one in document["changes"]] == ["more"]
    assert run(["inspect", str(digits), "--diff", "1", "1"]) == 0
    assert capsys.readouterr().out == "changes for clients from version 1 to 1: none\n"


def test_a_version_that_isnt_there(digits: Path, capsys: Capture) -> None:
    assert run(["inspect", str(digits), "--diff", "1", "3"]) == 2
    err = capsys.readouterr().err
    assert "[TFD110]" in err and "versions there: 1, 2, 4" in err
    assert run(["inspect", str(digits / "absent"), "--diff", "1", "3"]) == 2
    assert "[TFD112]" in capsys.readouterr().err


def test_a_request_of_the_sample_in_the_manifest(digits: Path, capsys: Capture) -> None:
    (digits / "2" / "tfdeploy.json").write_text(json.dumps(MANIFEST))
    assert run(["inspect", str(digits / "2"), "--sample", "row"]) == 0
    assert json.loads(capsys.readouterr().out) == {"instances": [{"x": [7.0, 8.0]}]}
    assert run(["inspect", str(digits / "2"), "--sample", "column", "--signature", "more"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["signature_name"], body["inputs"]) == ("more", {"x": [[0.5, 0.5]]})


@pytest.mark.parametrize("form", ["row", "column", "curl", "python", "grpc"])
def test_a_request_in_each_form_names_the_model(digits: Path, form: str, capsys: Capture) -> None:
    assert run(["inspect", str(digits), "--sample", form]) == 0
    text = capsys.readouterr().out
    assert ("digits" in text) is (form in ("curl", "python", "grpc"))
    assert run(["inspect", str(digits / "4"), "--sample", form, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sample"] == text
    assert (document["version"], document["form"]) == ("4", form)


@pytest.mark.parametrize(
    "words",
    [
        ["--signature", "more"],
        ["--sample", "row", "--diff", "1", "2"],
        ["--sample", "row", "--signature", "gone"],
        ["--sample", "poem"],
    ],
)
def test_options_that_dont_go_together(digits: Path, words: list[str], capsys: Capture) -> None:
    assert run(["inspect", str(digits), *words]) == 2
    assert "[TFD216]" in capsys.readouterr().err


def test_a_binary_model_takes_nothing_heavy(digits: Path) -> None:
    heavy = {"tensorflow", "numpy", "google", "grpc", "pydantic", "rich"}
    assert not loaded(["inspect", str(digits)], digits) & heavy
    assert not loaded(["inspect", str(digits), "--json"], digits) & heavy
    assert not loaded(["inspect", str(digits), "--diff", "1", "2"], digits) & heavy
