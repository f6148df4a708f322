"""What is wrong with a stack as a whole: images, flags, ports, GPU shares, names, models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.savedmodel import check_base_path
from tfdeploy.stack import (
    StackFile,
    check_models,
    check_stack,
    load_stack,
    parse_stack,
    resolve_wanted,
)
from tfdeploy.stack.arguments import parse_labels, parse_versions
from tfdeploy.stack.schema import Latest, Specific, VersionPolicy
from tfdeploy.stack.wanted import wanted_versions

PATH = Path("nowhere/stacks/s/stack.yaml")
DIGEST = "@sha256:" + "0" * 64


def savedmodel(first: int) -> bytes:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    size = bytes([8, first]) if first > 0 else b"\x08" + b"\xff" * 9 + b"\x01"
    tensor = field(1, b"x:0") + b"\x10\x01" + field(3, field(2, size))
    entry = field(1, b"x") + field(2, tensor)
    signature = field(1, b"serving_default") + field(2, field(1, entry) + field(2, entry))
    return field(2, field(1, field(4, b"serve")) + field(5, signature))


def found(text: str) -> list[TfdeployError]:
    return check_stack(parse_stack(text, PATH))


def code_and_where(error: TfdeployError) -> tuple[str, str]:
    return error.code, error.where.removeprefix(f"{PATH}:")


def on_disk(
    folder: Path, block: str, versions: tuple[int, ...] = (1, 2, 3), first: int = -1
) -> StackFile:
    """A stack whose service `a` has the model `m` on disk."""
    for number in versions:
        path = folder / "models" / "m" / str(number) / "saved_model.pb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(savedmodel(first))
    path = folder / "stacks" / "s" / "stack.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"stack: s\nservices:\n  a:\n{block}")
    return load_stack(path)


def test_a_base_path_that_many_services_serve_is_looked_at_once(tmp_path: Path) -> None:
    looked_at: list[Path] = []

    def look(base_path: Path) -> list[TfdeployError]:
        looked_at.append(base_path)
        return check_base_path(base_path)

    file = on_disk(tmp_path, "    models: {m: {}}\n", versions=())
    (tmp_path / "models/m").mkdir(parents=True)
    services = "".join(f"  s{number}: {{models: {{m: {{}}}}}}\n" for number in range(20))
    file = parse_stack(f"stack: s\nservices:\n{services}", file.path)
    errors = check_models(file, look=look)
    assert looked_at == [tmp_path / "models/m"]
    # Each of them is told, with its own line.
    assert len({error.where for error in errors}) == 20


# --- images ---


@pytest.mark.parametrize(
    "image",
    [
        "tensorflow/serving:2.20.0",
        "tensorflow/serving:2.20.0-gpu",
        "localhost:5000/team/server:1",
        f"tensorflow/serving{DIGEST}",
        f"a/b:2{DIGEST}",
        "tfdeploy-server:dev",
    ],
)
def test_a_tag_or_a_digest_pins_an_image(image: str) -> None:
    assert found(f"stack: s\nimage: '{image}'\n") == []


@pytest.mark.parametrize(
    "image",
    ["tensorflow/serving", "a:latest", "a:latest-gpu", "localhost:5000/a", "a@sha256:12", "a:b:c"],
)
def test_an_image_that_changes_by_itself_is_refused_where_it_stands(image: str) -> None:
    text = f"stack: s\nimage: '{image}'\nservices:\n  a:\n    image: '{image}'\n"
    assert [code_and_where(error) for error in found(text)] == [
        ("TFD206", "2: image"),
        ("TFD206", "5: services.a.image"),
    ]


@pytest.mark.parametrize(
    ("image", "own", "used"),
    [
        ("a:1", "", "a:1-gpu"),
        ("a:1-gpu", "", "a:1-gpu"),
        ("a:1", "b:2", "b:2"),
        (f"a{DIGEST}", "", f"a{DIGEST}"),
    ],
)
def test_a_service_with_a_gpu_gets_the_gpu_twin_of_the_image(
    image: str, own: str, used: str
) -> None:
    line = f"    image: {own}\n" if own else ""
    block = f"    gpu: {{memory_fraction: 1}}\n{line}"
    stack = parse_stack(f"stack: s\nimage: '{image}'\nservices:\n  a:\n{block}", PATH).stack
    assert stack.image_of("a") == used


# --- flags, ports, shares, names ---


def test_a_wrong_flag_is_told_at_its_line() -> None:
    text = "stack: s\nservices:\n  a:\n    flags:\n      enable_batchin: true\n      port: 1\n"
    assert [code_and_where(error) for error in found(text)] == [
        ("TFD204", "5: services.a.flags.enable_batchin"),
        ("TFD204", "6: services.a.flags.port"),
    ]


@pytest.mark.parametrize(
    ("services", "where"),
    [
        ("{a: {publish: {rest: 80, grpc: 80}}}", "2: services.a.publish.grpc"),
        ("{a: {publish: {rest: 80}}, b: {publish: {grpc: 80}}}", "2: services.b.publish.grpc"),
        ("{a: {publish: {rest: 80}}, b: {publish: {rest: 80}}}", "2: services.b.publish.rest"),
    ],
)
def test_a_port_is_published_once(services: str, where: str) -> None:
    (error,) = found(f"stack: s\nservices: {services}\n")
    assert code_and_where(error) == ("TFD212", where)


def test_any_number_of_services_may_take_free_ports() -> None:
    assert found("stack: s\nservices: {a: {}, b: {publish: {rest: 0, grpc: 0}}}\n") == []


def test_the_shares_of_one_gpu_are_told_with_their_sum() -> None:
    share = "{gpu: {memory_fraction: 0.6}}"
    (error,) = found(f"stack: s\nservices:\n  a: {share}\n  b: {share}\n")
    assert code_and_where(error) == ("TFD301", "4: services.b.gpu.memory_fraction")
    assert "add up to 1.2: 0.6 (a) + 0.6 (b)" in error.message


def test_index_and_text_of_a_device_are_one_device() -> None:
    text = "stack: s\nservices:\n  a: {gpu: {device: '0', memory_fraction: 1}}\n"
    assert len(found(text + "  b: {gpu: {device: 0, memory_fraction: 0.1}}\n")) == 1
    assert found(text + "  b: {gpu: {device: 1, memory_fraction: 1}}\n") == []


@pytest.mark.parametrize("line", ["stack: s", "stack: 's'  # mine", "\ufeffstack: s"])
def test_two_stacks_of_one_name_are_told(tmp_path: Path, line: str) -> None:
    file = on_disk(tmp_path, "    {}\n")
    other = tmp_path / "stacks" / "t" / "stack.yaml"
    other.parent.mkdir()
    other.write_text(f"# x\n{line}\nbroken: [\n" if line[0] == "s" else line, encoding="utf-8")
    (error,) = check_stack(file)
    assert error.code == "TFD207"
    assert str(other) in error.where
    other.write_bytes(b"\xff")
    assert check_stack(file) == []


# --- models on disk ---


def test_a_good_model_has_no_problems(tmp_path: Path) -> None:
    assert check_models(on_disk(tmp_path, "    models: {m: {}}\n    batching:\n")) == []


def test_a_service_without_models_is_told(tmp_path: Path) -> None:
    (error,) = check_models(on_disk(tmp_path, "    {}\n"))
    assert error.code == "TFD217"
    assert "add-model s NAME --service a" in error.hint


def test_a_missing_base_path_leads_to_the_line_of_the_model(tmp_path: Path) -> None:
    file = on_disk(tmp_path, "    models:\n      m: {}\n      n: {path: far/away}\n")
    (error,) = check_models(file)
    assert error.code == "TFD112"
    assert error.where == f"{tmp_path}/models/far/away ({file.path}:6: services.a.models.n)"


@pytest.mark.parametrize(
    ("policy", "labels", "told"),
    [
        ("all", "{a: 1, b: 3}", []),
        ("{latest: 2}", "{a: 2}", []),
        ("{latest: 1}", "{a: 2}", ["TFD205"]),
        ("{specific: [1]}", "{a: 2}", ["TFD205"]),
        ("all", "{a: 7, b: 8, c: 1}", ["TFD205", "TFD205"]),
        ("{specific: [1, 9]}", "{}", ["TFD113"]),
        ("{specific: [9]}", "{a: 9}", ["TFD113", "TFD205"]),
    ],
)
def test_labels_point_at_versions_that_are_there_and_served(
    tmp_path: Path, policy: str, labels: str, told: list[str]
) -> None:
    block = f"    models: {{m: {{versions: {policy}, labels: {labels}}}}}\n"
    errors = check_models(on_disk(tmp_path, block))
    assert [error.code for error in errors] == told
    assert all("versions on disk: 1, 2, 3" in error.hint for error in errors)


def test_a_signature_with_a_fixed_first_dimension_cant_be_batched(tmp_path: Path) -> None:
    block = "    models: {m: {}}\n"
    assert check_models(on_disk(tmp_path, block, first=8)) == []
    (error,) = check_models(on_disk(tmp_path, f"{block}    batching: {{}}\n", first=8))
    assert error.code == "TFD214"
    assert "first dimension of 8" in error.message


def test_a_chunked_savedmodel_is_left_to_the_server_with_batching_too(tmp_path: Path) -> None:
    file = on_disk(tmp_path, "    models: {m: {}}\n    batching:\n", versions=(1,))
    (tmp_path / "models/m/1/saved_model.pb").rename(tmp_path / "models/m/1/saved_model.cpb")
    assert check_models(file) == []


# --- wanted versions ---


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), (10,)),
        (Latest(latest=2), (9, 10)),
        (Latest(latest=99), (2, 9, 10)),
        ("all", (2, 9, 10)),
        (Specific(specific=[10, 2, 2, 5]), (2, 10)),
    ],
)
def test_a_policy_picks_from_what_is_on_disk(
    policy: VersionPolicy, wanted: tuple[int, ...]
) -> None:
    assert wanted_versions(policy, [10, 2, 9, 2]) == wanted
    assert wanted_versions(policy, []) == ()


def test_wanted_versions_of_a_whole_stack(tmp_path: Path) -> None:
    file = on_disk(tmp_path, "    models: {m: {versions: {latest: 2}}, x: {path: m}, y: {}}\n")
    assert resolve_wanted(file) == {"a": {"m": (2, 3), "x": (3,), "y": ()}}


# --- the same on the command line ---


def test_labels_and_versions_on_the_command_line() -> None:
    assert parse_labels(["stable=3", "canary=04"]) == {"stable": 3, "canary": 4}
    assert parse_versions(None) is None
    assert parse_versions("all") == "all"
    assert parse_versions("latest") == Latest(latest=1)
    assert parse_versions("latest:2") == Latest(latest=2)
    assert parse_versions("3,4") == Specific(specific=[3, 4])


@pytest.mark.parametrize("word", ["", "x", "a=", "=3", "a=x", "a-b=3", "a=-1", "a=" + "9" * 5000])
def test_a_label_that_cant_be_read_is_an_error_of_ours(word: str) -> None:
    refused(lambda: parse_labels([word]))


@pytest.mark.parametrize(
    "word", ["", "x", "latest:0", "latest:x", "3,", "3, 4", "-1", "9" * 19, "latest:" + "9" * 30]
)
def test_versions_that_cant_be_read_are_an_error_of_ours(word: str) -> None:
    refused(lambda: parse_versions(word))


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(TfdeployError) as caught:
        call()
    assert caught.value.code == "TFD216"


def test_a_stack_without_services_is_told(tmp_path: Path) -> None:
    (error,) = check_models(parse_stack("stack: s\n", tmp_path / "stacks/s/stack.yaml"))
    assert error.code == "TFD217"


@pytest.mark.parametrize(
    "flags",
    [
        "{tensorflow_session_parallelism: 1, tensorflow_intra_op_parallelism: 1, "
        "tensorflow_inter_op_parallelism: 1}",
        "{use_alts_credentials: true, ssl_config_file: /x}",
    ],
)
def test_flags_that_end_the_server_together_are_told(tmp_path: Path, flags: str) -> None:
    text = f"stack: s\nservices: {{a: {{flags: {flags}}}}}\n"
    (error,) = check_stack(parse_stack(text, tmp_path / "stacks/s/stack.yaml"))
    assert (error.code, "ends at its start" in error.message) == ("TFD204", True)
