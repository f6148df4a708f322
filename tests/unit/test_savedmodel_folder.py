"""What lies beside and around a model: its ops, manifest, warm-up requests, text form and names."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from google.protobuf import text_format

from tests.savedmodel_bytes import DOUBLE, block, meta_graph, node, number, saved
from tfdeploy import wire
from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import (
    WARMUP_FILE,
    Warmup,
    check_base_path,
    explain_names,
    manifest_samples,
    read_manifest,
    read_saved_model,
    read_warmup,
)

# --- ops and memory ---


def test_ops_are_sorted_and_named_once(tmp_path: Path) -> None:
    saved(tmp_path, meta_graph({"f": DOUBLE}, ops=("MatMul", "Add", "MatMul")))
    assert read_saved_model(tmp_path).ops == ("Add", "MatMul")
    assert read_saved_model(saved(tmp_path / "none")).ops == ()


def test_the_server_reserves_a_fifth_more_than_the_files(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "words").write_bytes(b"w" * 1000)
    model = read_saved_model(tmp_path)
    assert model.memory_bytes == model.size_bytes * 6 // 5 > 1200


# --- the manifest ---


def test_a_manifest_is_read_with_the_model(tmp_path: Path) -> None:
    saved(tmp_path)
    assert read_saved_model(tmp_path).manifest is None
    (tmp_path / "tfdeploy.json").write_text('{"source": "digits.keras"}')
    assert read_saved_model(tmp_path).manifest == {"source": "digits.keras"}


@pytest.mark.parametrize("data", [b"{", b"[1]", b"\xff", b"", b"[" * 100_000])
def test_a_broken_manifest_is_a_note(tmp_path: Path, data: bytes) -> None:
    saved(tmp_path)
    (tmp_path / "tfdeploy.json").write_bytes(data)
    notes: list[str] = []
    assert read_manifest(tmp_path, notes.append) is None
    assert len(notes) == 1 and "tfdeploy.json" in notes[0]
    assert read_saved_model(tmp_path).manifest is None


def test_samples_are_taken_where_they_are_rows() -> None:
    rows = [{"x": [1.0, 2.0]}]
    assert manifest_samples({"samples": {"f": rows}}, "f") == rows
    for odd in (None, {}, {"samples": []}, {"samples": {"f": [1]}}, {"samples": {"g": rows}}):
        assert manifest_samples(odd, "f") == []


# --- warm-up requests ---


def record(data: bytes) -> bytes:
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


def warmup(folder: Path, data: bytes) -> Path:
    (folder / WARMUP_FILE).parent.mkdir(parents=True, exist_ok=True)
    (folder / WARMUP_FILE).write_bytes(data)
    return folder


def test_warm_up_requests_are_counted(tmp_path: Path) -> None:
    assert read_saved_model(saved(tmp_path)).warmup_records == 0
    warmup(tmp_path, record(b"one") + record(b"") + record(b"3" * 5000))
    assert read_saved_model(tmp_path).warmup_records == 3
    assert read_warmup(tmp_path).problem == ""


def test_files_that_the_server_wont_load(tmp_path: Path) -> None:
    whole = record(b"one") + record(b"two")
    for length in range(1, len(whole)):
        found = read_warmup(warmup(tmp_path, whole[:length]))
        complete = length == len(record(b"one"))
        assert (found.records, bool(found.problem)) == (length // 19, not complete), length
    assert read_warmup(warmup(tmp_path, b"")) == Warmup(0)
    assert read_warmup(warmup(tmp_path, record(b"") * 1000)).problem == ""
    assert "1001 records" in read_warmup(warmup(tmp_path, record(b"") * 1001)).problem


# --- text ---


def as_text(folder: Path, data: bytes) -> Path:
    """The model in text, with a graph as TensorFlow prints it."""
    model = wire.SavedModel.FromString(data)
    lines = text_format.MessageToString(model).splitlines()
    start = lines.index("meta_graphs {") + 1
    graph = ["  graph_def {", "    node {", '      name: "}"', "    }", "  }"]
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*lines[:start], *graph, *lines[start:], ""])
    (folder / "saved_model.pbtxt").write_text(text)
    return folder


def test_a_text_model_says_the_same(tmp_path: Path) -> None:
    data = number(1, 1) + meta_graph({"f": DOUBLE}, ops=("Add",))
    binary = read_saved_model(saved(tmp_path / "binary", data))
    text = read_saved_model(as_text(tmp_path / "text" / "1", data))
    assert text.signatures == binary.signatures
    assert (text.ops, text.tags, text.tensorflow_version) == (("Add",), ("serve",), "2.21.0")
    assert check_base_path(tmp_path / "text") == []


def test_text_laid_out_in_another_way(tmp_path: Path) -> None:
    words = "meta_graphs{graph_def{node{name:'a' op:'Add'}}meta_info_def{tags:'serve'}new_field:1}"
    (tmp_path / "saved_model.pbtxt").write_text(words)
    assert read_saved_model(tmp_path).tags == ("serve",)


def test_of_both_forms_the_binary_one_counts(tmp_path: Path) -> None:
    as_text(tmp_path, meta_graph({"text": DOUBLE}))
    saved(tmp_path, meta_graph({"binary": DOUBLE}, graph=node("a", "Add")))
    assert list(read_saved_model(tmp_path).signatures) == ["binary"]


@pytest.mark.parametrize("data", [b"", b"meta_graphs {", b"\xff", b"no model", block(1, "x")])
def test_text_that_is_no_model(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "saved_model.pbtxt").write_bytes(data)
    with pytest.raises(TfdeployError) as caught:
        read_saved_model(tmp_path)
    assert caught.value.code == "TFD111"
    assert caught.value.where == str(tmp_path / "saved_model.pbtxt")


# --- names ---


def explained(base_path: Path, *names: str) -> list[str]:
    for name in names:
        saved(base_path / name)
    return explain_names(base_path)


def test_plain_names_need_no_words(tmp_path: Path) -> None:
    assert explained(tmp_path, "1", "2", "3", ".tmp-4-x") == []
    assert explain_names(tmp_path / "absent") == []


def test_other_spellings_of_a_number(tmp_path: Path) -> None:
    assert explained(tmp_path, "+8", "007") == ["'+8' is version 8.", "'007' is version 7."]


def test_of_two_names_for_one_number_one_is_dropped(tmp_path: Path) -> None:
    (sentence,) = explained(tmp_path, "7", "007")
    assert sentence == (
        "'007' and '7' are both version 7: the server takes '7', the last in lexical order, and "
        "drops '007' with a warning."
    )


def test_gaps_are_fine(tmp_path: Path) -> None:
    there = "The numbers have gaps (1, 2, 5), which is fine; the next is 6."
    assert explained(tmp_path, "1", "2", "5") == [there]


def test_a_file_is_taken_for_a_version(tmp_path: Path) -> None:
    saved(tmp_path / "8")
    (tmp_path / "9").write_text("")
    (sentence,) = explain_names(tmp_path)
    assert sentence.startswith("'9' is no folder, but the server takes it for version 9")


def test_names_that_are_passed_over(tmp_path: Path) -> None:
    assert explained(tmp_path, "1", "v1", "1.0") == [
        "The server ignores '1.0': a version's name is a whole number.",
        "The server ignores 'v1': a version's name is a whole number.",
    ]


def test_numbers_below_one(tmp_path: Path) -> None:
    sentences = explained(tmp_path, "-3", "0", "1")
    assert sentences == [
        "Version -3 is loaded, but no REST request can name it.",
        "Version 0 is served as any other; the next export is version 1 or higher.",
    ]
