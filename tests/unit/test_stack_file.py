"""A stack file is read whole, or every problem in it is told with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from tfdeploy.errors import TfdeployError
from tfdeploy.render import bundled_folder
from tfdeploy.stack import Stack, StackFile, find_stack, load_stack, parse_stack
from tfdeploy.stack.schema import Latest, Specific, parse_bytes

PATH = Path("stacks/s/stack.yaml")
REFERENCE = bundled_folder() / "stack.reference.yaml"


def errors_of(text: str) -> list[TfdeployError]:
    with pytest.raises(TfdeployError) as caught:
        parse_stack(text, PATH)
    return caught.value.all()


def service(block: str) -> str:
    """A stack file whose service `a` starts in line 4."""
    return f"stack: s\nservices:\n  a:\n{block}"


def blocks(block: BaseModel) -> Iterator[BaseModel]:
    yield block
    for name in type(block).model_fields:
        value = getattr(block, name)
        for inner in value.values() if isinstance(value, dict) else [value]:
            if isinstance(inner, BaseModel):
                yield from blocks(inner)


# --- what is right ---


def test_the_reference_sets_every_field_of_every_block() -> None:
    written: dict[type[BaseModel], set[str]] = {}
    for block in blocks(load_stack(REFERENCE).stack):
        written.setdefault(type(block), set()).update(block.model_fields_set)
    for kind, fields in written.items():
        if kind is not Latest:
            assert fields == set(kind.model_fields), kind
    assert len(written) == 11


def test_the_reference_says_what_its_comments_say() -> None:
    stack = load_stack(REFERENCE).stack
    one = stack.services["classifier"]
    assert one.models["resnet"].versions == Latest(latest=1)
    assert one.models["digits"].versions == Specific(specific=[3, 4])
    assert one.models["digits"].labels == {"stable": 3, "canary": 4}
    assert (one.publish.rest, one.publish.grpc) == (("127.0.0.1", 8501), ("127.0.0.1", 8500))
    assert one.resources.memory == 4 * 2**30
    assert one.flags == {"rest_api_timeout_in_ms": 60000, "enable_model_warmup": True}


def test_a_stack_needs_a_name_only() -> None:
    stack = parse_stack("stack: s\n", PATH).stack
    assert (stack.services, stack.models_dir, stack.runtime) == ({}, "../../models", None)


@pytest.mark.parametrize("empty", ["", " {}", " null", " ~"])
@pytest.mark.parametrize("field", ["models", "publish", "resources", "environment", "flags"])
def test_a_block_with_nothing_behind_it_is_the_default(field: str, empty: str) -> None:
    one = parse_stack(service(f"    {field}:{empty}\n"), PATH).stack.services["a"]
    assert getattr(one, field) == type(one)().__getattribute__(field)


def test_batching_with_nothing_behind_it_asks_for_the_servers_defaults() -> None:
    batching = parse_stack(service("    batching:\n"), PATH).stack.services["a"].batching
    assert batching is not None
    assert (batching.max_batch_size, batching.max_enqueued_batches) == (1000, 10)
    assert parse_stack(service("    user: x\n"), PATH).stack.services["a"].batching is None


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("{latest: 2}", Latest(latest=2)),
        ("all", "all"),
        ("{specific: [4, 3]}", Specific(specific=[4, 3])),
        ("{specific: [0]}", Specific(specific=[0])),
    ],
)
def test_version_policies(written: str, policy: object) -> None:
    text = service(f"    models: {{m: {{versions: {written}}}}}\n")
    assert parse_stack(text, PATH).stack.services["a"].models["m"].versions == policy


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("8501", ("127.0.0.1", 8501)),
        ('"8501"', ("127.0.0.1", 8501)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ('"::1:9000"', ("::1", 9000)),
        ("0", ("127.0.0.1", 0)),
    ],
)
def test_ports_are_published_on_this_host_alone_unless_an_address_is_written(
    written: str, read: tuple[str, int]
) -> None:
    text = service(f"    publish: {{rest: {written}}}\n")
    assert parse_stack(text, PATH).stack.services["a"].publish.rest == read


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("1.5GiB", 3 * 2**29), ("2 GB", 2 * 10**9), ("4gib", 2**32), (7, 7), ("1B", 1)],
)
def test_sizes_have_units(text: str | int, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("name", ["on", "123", "int", "null"])
def test_names_that_yaml_reads_otherwise_work_in_quotes(name: str) -> None:
    text = f'stack: "{name}"\nservices: {{"{name}": {{models: {{"{name}": {{}}}}}}}}\n'
    assert list(parse_stack(text, PATH).stack.services) == [name]


# --- what is wrong ---

WRONG = [
    ("", 1, "the whole file", "mapping"),
    ("- a\n", 1, "the whole file", "mapping"),
    ("services: {}\n", 1, "stack", "missing"),
    ("stack: Vision\n", 1, "stack", "lower-case"),
    ("stack: 3\n", 1, "stack", "string"),
    ("stack: s\nimage: 2.2\n", 2, "image", "string"),
    ("stack: s\nmodels_dir: [x]\n", 2, "models_dir", "string"),
    ("stack: s\nruntime: swarm\n", 2, "runtime", "'docker' or 'process'"),
    ("stack: s\nservices: [a]\n", 2, "services", "block"),
    ("stack: s\nservices:\n  A_b: {}\n", 3, "services.A_b", "DNS name"),
    ("stack: s\nservices:\n  a-: {}\n", 3, "services.a-", "DNS name"),
    ("stack: s\nservices:\n  1: {}\n", 3, "services.1", "string"),
    ("stack: s\nservices:\n  a: 5\n", 3, "services.a", "block"),
    ("stack: s\nservices:\n  int:\n    image: 3\n", 4, "services.int.image", "string"),
    (service("    image: [x]\n"), 4, "services.a.image", "string"),
    (service("    models: [m]\n"), 4, "services.a.models", "block"),
    (service("    models: {m/n: {}}\n"), 4, "services.a.models.m/n", "letters"),
    (service("    models: {..: {}}\n"), 4, "services.a.models...", "dots alone"),
    (service("    models: {m: x}\n"), 4, "services.a.models.m", "block"),
    (service("    models:\n      m: {path: /x}\n"), 5, "services.a.models.m.path", "relative"),
    (service("    models:\n      m: {path: a/../b}\n"), 5, "services.a.models.m.path", "below"),
    (service("    models: {m: {versions: 3}}\n"), 4, "services.a.models.m.versions", "latest: N"),
    (
        service("    models: {m: {versions: {latest: 0}}}\n"),
        4,
        "services.a.models.m.versions.latest",
        "greater than 0",
    ),
    (
        service("    models: {m: {versions: {latest: 5000000000}}}\n"),
        4,
        "services.a.models.m.versions.latest",
        "less than",
    ),
    (
        service("    models: {m: {versions: {specific: []}}}\n"),
        4,
        "services.a.models.m.versions.specific",
        "at least 1",
    ),
    (
        service("    models: {m: {versions: {specific: [1, -1]}}}\n"),
        4,
        "services.a.models.m.versions.specific.1",
        "greater than or equal",
    ),
    (
        service("    models: {m: {labels: {a-b: 1}}}\n"),
        4,
        "services.a.models.m.labels.a-b",
        "letters",
    ),
    (
        service("    models: {m: {labels: {a: true}}}\n"),
        4,
        "services.a.models.m.labels.a",
        "integer",
    ),
    (service("    gpu: {device: 0}\n"), 4, "services.a.gpu", "memory_fraction: 0.4, memory: 6GiB"),
    (
        service("    gpu:\n      memory_fraction: 1.2\n"),
        5,
        "services.a.gpu.memory_fraction",
        "less than or equal to 1",
    ),
    (
        service("    gpu: {memory_fraction: 0}\n"),
        4,
        "services.a.gpu.memory_fraction",
        "greater than 0",
    ),
    (service("    gpu: {memory_fraction: .nan}\n"), 4, "services.a.gpu.memory_fraction", "1"),
    (service("    gpu: {memory_fraction: true}\n"), 4, "services.a.gpu.memory_fraction", "number"),
    (
        service("    gpu: {device: '', memory_fraction: 1}\n"),
        4,
        "services.a.gpu.device",
        "UUID",
    ),
    (service("    gpu: {device: -1, memory_fraction: 1}\n"), 4, "services.a.gpu.device", "index"),
    (
        service("    batching: {max_batch_size: true}\n"),
        4,
        "services.a.batching.max_batch_size",
        "integer",
    ),
    (
        service("    batching: {batch_timeout_micros: -1}\n"),
        4,
        "services.a.batching.batch_timeout_micros",
        "greater than or equal to 0",
    ),
    *(
        (service(f"    batching: {{{name}: 0}}\n"), 4, f"services.a.batching.{name}", "greater")
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads")
    ),
    (
        service("    batching: {allowed_batch_sizes: [8, 4], max_batch_size: 4}\n"),
        4,
        "services.a.batching",
        "must rise",
    ),
    (
        service("    batching: {allowed_batch_sizes: [8]}\n"),
        4,
        "services.a.batching",
        "end with max_batch_size (1000)",
    ),
    (
        service("    batching: {max_execution_batch_size: 4}\n"),
        4,
        "services.a.batching",
        "needs enable_large_batch_splitting",
    ),
    (
        service(
            "    batching:\n      enable_large_batch_splitting: true\n"
            "      max_batch_size: 4\n      max_execution_batch_size: 8\n"
        ),
        4,
        "services.a.batching",
        "crashes",
    ),
    *(
        (service(f"    publish: {{rest: {value}}}\n"), 4, "services.a.publish.rest", "host port")
        for value in ("70000", "true", "x", "127.0.0.1", "null", "8501.5", "-1")
    ),
    (service("    publish: 8501\n"), 4, "services.a.publish", "block"),
    *(
        (service(f"    resources: {{cpus: {value}}}\n"), 4, "services.a.resources.cpus", "number")
        for value in ("many", ".inf")
    ),
    (service("    resources: {cpus: 0}\n"), 4, "services.a.resources.cpus", "greater than 0"),
    *(
        (
            service(f"    resources: {{memory: {value}}}\n"),
            4,
            "services.a.resources.memory",
            words,
        )
        for value, words in (
            ("4 bananas", "4GiB"),
            ("true", "4GiB"),
            ("0", "greater than 0"),
            ("9" * 400, "less than"),
        )
    ),
    (service("    user: 1000\n"), 4, "services.a.user", "string"),
    (service("    environment: {A: 1}\n"), 4, "services.a.environment.A", "string"),
    (service("    flags: {a: [1]}\n"), 4, "services.a.flags.a", "a number or a text"),
    (service("    flags: {a: null}\n"), 4, "services.a.flags.a", "true, false"),
]


@pytest.mark.parametrize(("text", "line", "key", "words"), WRONG)
def test_a_wrong_field_is_told_with_its_line_and_path(
    text: str, line: int, key: str, words: str
) -> None:
    (error,) = errors_of(text)
    assert error.code == "TFD203"
    assert error.where == f"{PATH}:{line}: {key}"
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("stack: s\nmodel_dir: x\n", "models_dir"),
        ("stack: s\nservice: {}\n", "services"),
        (service("    model: {}\n"), "models"),
        (service("    batchin: {}\n"), "batching"),
        (service("    models: {m: {version: all}}\n"), "versions"),
        (service("    models: {m: {label: {}}}\n"), "labels"),
        (service("    gpu: {memory_fracton: 0.4, memory_fraction: 1}\n"), "memory_fraction"),
        (service("    batching: {max_batchsize: 3}\n"), "max_batch_size"),
        (service("    publish: {resst: 8501}\n"), "rest"),
        (service("    resources: {cpu: 2}\n"), "cpus"),
    ],
)
def test_an_unknown_field_gets_the_nearest_known_one(text: str, near: str) -> None:
    (error,) = errors_of(text)
    assert (error.code, error.hint) == ("TFD203", f"did you mean '{near}'?")


def test_a_field_like_no_other_gets_the_list() -> None:
    (error,) = errors_of("stack: s\nxyz: 1\n")
    hint = "known here: stack, image, models_dir, runtime, gateway, placement, services."
    assert error.hint == hint


def test_all_problems_are_told_at_once_in_one_error() -> None:
    found = errors_of("stack: S\nimages: x\nservices:\n  a:\n    gpu: {}\n    publish: {rest: x}\n")
    assert sorted(error.where.split(":")[1] for error in found) == ["1", "2", "5", "6"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("stack: s\nstack: t\n", "2: stack"),
        (service("    models:\n      m: {}\n      m: {}\n"), "6: services.a.models.m"),
        (service("    models: {m: {}, m: {}}\n"), "4: services.a.models.m"),
    ],
)
def test_a_key_that_stands_twice_is_told_at_its_second_line(text: str, where: str) -> None:
    (error,) = errors_of(text)
    assert (error.code, error.where) == ("TFD203", f"{PATH}:{where}")
    assert "stands twice" in error.message


def test_a_doubled_key_and_a_wrong_field_are_both_told() -> None:
    assert len(errors_of("stack: s\nstack: t\nimage: 3\n")) == 2


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("stack: [\n", ":2:1"),
        ("stack: s\n  image: x\n", ":2:8"),
        ("stack: s\n\tx: y\n", ":2:1"),
        ('stack: "s\n', ":2:1"),
        ("stack: s\n---\nstack: t\n", ":2:1"),
        ("? [a]\n: b\n", ":1:3"),
        ("a: *b\n", ":1:4"),
    ],
)
def test_a_syntax_error_has_line_and_column(text: str, at: str) -> None:
    (error,) = errors_of(text)
    assert (error.code, error.where) == ("TFD202", f"{PATH}{at}")


@pytest.mark.parametrize(
    "text",
    [
        "stack: \x00",
        "stack: \ud800",
        "stack: 2001-99-99",
        "stack: 0x_",
        "stack: !!int x",
        "stack: !!bool x",
        "stack: !!timestamp x",
        "stack: !!python/object:os.system x",
        "stack: " + "9" * 5000,
        "[" * 3_000 + "]" * 3_000,
    ],
)
def test_values_that_yaml_cant_read_are_no_crash(text: str) -> None:
    (error,) = errors_of(text)
    assert error.code == "TFD202"


@pytest.mark.parametrize("text", ["&a [*a]", "stack: &a {b: *a}", "&a\n? b\n: *a\n"])
def test_a_file_that_holds_itself_is_refused(text: str) -> None:
    assert {error.code for error in errors_of(text)} == {"TFD203"}


def test_aliases_that_double_a_thousand_times_take_no_time() -> None:
    doubling = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert len(errors_of("stack: s\na0: &a0 x\n" + doubling)) == 60


def test_anchors_and_merge_keys_are_yaml_like_any_other() -> None:
    text = "stack: s\nservices:\n  a: &a {models: {m: {}}}\n  b: {<<: *a, user: x}\n"
    assert list(parse_stack(text, PATH).stack.services["b"].models) == ["m"]


texts = st.text(
    alphabet=st.sampled_from(list("stack: services\n{}[]-&*!|>'\"#,?0x1.")), max_size=60
)


@given(
    st.one_of(st.text(max_size=80), texts, texts.map(lambda rest: f"stack: s\nservices: {rest}"))
)
@example("stack: s\nservices: {a: {gpu: {memory_fraction: 1e999}}}")
@example("stack: s\nservices: {a: {models: {m: {labels: {~: 1}}}}}")
def test_any_text_is_a_stack_or_an_error_of_ours(text: str) -> None:
    try:
        assert isinstance(parse_stack(text, PATH).stack, Stack)
    except TfdeployError as error:
        assert {one.code for one in error.all()} <= {"TFD202", "TFD203"}


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(["models", "gpu", "batching", "publish", "resources", "flags"]), yaml_values)
def test_any_value_in_a_block_is_read_or_refused(field: str, value: object) -> None:
    import yaml

    text = yaml.safe_dump({"stack": "s", "services": {"a": {field: value}}})
    try:
        parse_stack(text, PATH)
    except TfdeployError as error:
        assert all(one.where.startswith(f"{PATH}:") for one in error.all())


# --- files ---


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_and_a_byte_order_mark_do_no_harm(
    tmp_path: Path, mark: bytes, end: bytes
) -> None:
    lines = [b"stack: s", b"services:", b"  a:", b"    models:", b"      m: {}", b""]
    path = write(tmp_path / "stack.yaml", mark + end.join(lines))
    file = load_stack(path)
    assert list(file.stack.services["a"].models) == ["m"]
    assert file.where("services", "a", "models", "m") == f"{path}:5: services.a.models.m"
    assert file.text.encode() == path.read_bytes()


@pytest.mark.parametrize("data", [b"stack: \xff", "stack: s".encode("utf-16")])
def test_a_file_that_isnt_utf8_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TfdeployError, match="isn't UTF-8 text") as caught:
        load_stack(write(tmp_path / "stack.yaml", data))
    assert (caught.value.code, caught.value.where) == ("TFD202", f"{tmp_path}/stack.yaml:1")


def test_a_folder_in_a_stack_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "vision" / "stack.yaml").mkdir(parents=True)
    for asked, message in (("vision", "is a folder"), ("visoin", "There is no stack")):
        with pytest.raises(TfdeployError, match=message) as caught:
            find_stack(asked, tmp_path)
        assert caught.value.code == "TFD201"
        assert "did you mean" not in caught.value.hint


def test_inside_its_folder_a_stack_is_a_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "stacks" / "vision" / "stack.yaml", b"stack: vision\n")
    (path.parent / "deeper").mkdir()
    for folder, asked in ((path.parent, "."), (path.parent, "./"), (path.parent / "deeper", "..")):
        monkeypatch.chdir(folder)
        found = find_stack(asked, Path("stacks"))
        assert found.samefile(path)
        assert found.parent.name == "vision"


def test_a_stack_is_found_by_name_folder_or_file(tmp_path: Path) -> None:
    path = write(tmp_path / "stacks" / "vision" / "stack.yaml", b"stack: vision\n")
    for name in ("vision", str(path.parent), str(path), f"{path.parent}/"):
        assert find_stack(name, tmp_path / "stacks").samefile(path)


def test_a_missing_stack_names_the_nearest_or_all(tmp_path: Path) -> None:
    for name in ("vision", "text"):
        write(tmp_path / name / "stack.yaml", b"")
    for asked, words in (("visoin", "did you mean 'vision'?"), ("q", "stacks here: text, vision")):
        with pytest.raises(TfdeployError) as caught:
            find_stack(asked, tmp_path)
        assert caught.value.code == "TFD201"
        assert words in caught.value.hint
    with pytest.raises(TfdeployError) as caught:
        find_stack("a", tmp_path / "absent")
    assert caught.value.hint == "`tfdeploy new a` makes one."


def test_the_models_root_is_relative_to_the_stack_file(tmp_path: Path) -> None:
    file = load_stack(write(tmp_path / "stacks/s/stack.yaml", service("").encode() + b"    {}\n"))
    assert isinstance(file, StackFile)
    assert file.models_root == tmp_path / "models"
