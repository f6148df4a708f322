"""A stack as files: what they say, what moves a hash, and what an override may do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tfdeploy import wire
from tfdeploy.errors import TfdeployError
from tfdeploy.render import Place, RenderedStack, Templates, bundled_folder, render_stack
from tfdeploy.render.folder import read_files, template_lookup
from tfdeploy.render.starter import starter_text
from tfdeploy.stack import load_stack, parse_stack

TEMPLATES = Templates()
PATH = Path("/somewhere/stacks/s/stack.yaml")
REFERENCE = (bundled_folder() / "stack.reference.yaml").read_text()
SMALL = "stack: s\nservices:\n  a:\n    models: {m: {}}\n"
PLACES = {"a": Place("/m", "/c", 1, 2), "classifier": Place("/m", "/c", 1, 2)}


def rendered(text: str, templates: Templates | None = None, **options: Any) -> RenderedStack:
    file = parse_stack(text, PATH)
    return render_stack(file, templates=templates or TEMPLATES, **options)


def compose(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(rendered(text).files["compose.yaml"])
    return document


def hashes(text: str, **options: Any) -> tuple[str, str]:
    (one,) = rendered(text, **options).services.values()
    return one.server_hash, one.models_hash


def swapped(old: str, new: str) -> str:
    assert REFERENCE.count(old) == 1, old
    return REFERENCE.replace(old, new)


# --- every field is used ---


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stack: vision", "stack: text"),
        ("    image: tensorflow/serving:2.20.0-gpu", "    image: mine:1"),
        ("models_dir: ../../models", "models_dir: /srv/models"),
        ("  classifier:\n", "  other:\n"),
        ("      resnet: {}", "      vgg: {}"),
        ("path: digits", "path: far/digits"),
        ("versions: {specific: [3, 4]}\n", "versions: {specific: [3, 4, 5]}\n"),
        ("{stable: 3, canary: 4}", "{stable: 4, canary: 4}"),
        ("device: 0", "device: 1"),
        ("memory_fraction: 0.4", "memory_fraction: 0.5"),
        ("max_batch_size: 128", "max_batch_size: 129\n      # "),
        ("batch_timeout_micros: 1000", "batch_timeout_micros: 1001"),
        ("max_enqueued_batches: 64", "max_enqueued_batches: 65"),
        ("num_batch_threads: 6", "num_batch_threads: 7"),
        ("[32, 64, 128]", "[64, 128]"),
        ("pad_variable_length_inputs: false", "pad_variable_length_inputs: true"),
        (
            "enable_large_batch_splitting: true\n      # Default: max_batch_size.\n"
            "      max_execution_batch_size: 64",
            "enable_large_batch_splitting: false",
        ),
        ("max_execution_batch_size: 64", "max_execution_batch_size: 32"),
        ("rest: 8501", "rest: 8502"),
        ("grpc: 8500", "grpc: 8502"),
        ("cpus: 2", "cpus: 3"),
        ("memory: 4GiB", "memory: 5GiB"),
        ('"1000:1000"', '"1000:1001"'),
        ('TF_CPP_MIN_LOG_LEVEL: "1"', 'TF_CPP_MIN_LOG_LEVEL: "2"'),
        ("rest_api_timeout_in_ms: 60000", "rest_api_timeout_in_ms: 60001"),
    ],
)
def test_every_field_of_the_reference_reaches_a_file(old: str, new: str) -> None:
    text = REFERENCE
    if "max_batch_size: 129" in new:
        text = text.replace("[32, 64, 128]", "[32, 64, 129]")
    assert text.count(old) == 1, old
    assert rendered(text.replace(old, new)).files != rendered(REFERENCE).files


def test_the_stacks_image_is_used_where_a_service_has_none() -> None:
    text = REFERENCE.replace("    image: tensorflow/serving:2.20.0-gpu\n", "")
    assert rendered(text).services["classifier"].image == "tensorflow/serving:2.20.0-gpu"
    assert rendered(SMALL).services["a"].image == "tensorflow/serving:2.20.0"


# --- what the files say ---


def test_files_of_a_stack() -> None:
    files = rendered(SMALL).files
    assert list(files) == [
        "compose.yaml",
        "a/models.config",
        "a/monitoring.config",
        "a/healthcheck.sh",
    ]
    for text in files.values():
        first = text.splitlines()[0]
        assert (
            first
            == "# Rendered by tfdeploy from s/stack.yaml; edits here are lost at the next render."
        )
        assert text.endswith("\n")


def test_compose_says_what_a_service_needs() -> None:
    document = compose(REFERENCE)
    service = document["services"]["classifier_a"]
    assert document["name"] == document["networks"]["default"]["name"] == "vision"
    assert service["entrypoint"] == ["tensorflow_model_server"]
    assert service["init"] is True
    assert [port["published"] for port in service["ports"]] == ["8501", "8500"]
    assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}
    *binds, cache = service["volumes"]
    assert all(mount["read_only"] for mount in binds)
    assert cache == {"type": "volume", "source": "cuda-cache", "target": "/var/tmp"}
    assert document["volumes"] == {"cuda-cache": None}
    assert service["networks"] == {"default": {"aliases": ["digits-server"]}}
    assert service["volumes"][0]["source"] == "../../../models"
    assert service["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": str(4 * 2**30)}
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}
    assert "--per_process_gpu_memory_fraction=0.4" in service["command"]


def test_a_small_service_asks_for_nothing_more() -> None:
    service = compose(SMALL)["services"]["a"]
    assert not {"deploy", "user", "networks"} & set(service)
    assert service["environment"] == {"CUDA_VISIBLE_DEVICES": ""}
    assert not any("gpu" in word for word in service["command"])
    assert all("published" not in port for port in service["ports"])


@pytest.mark.parametrize("name", ["on", "no", "null", "1", "012", "1e3", "true"])
def test_names_that_yaml_reads_otherwise_stay_names(name: str) -> None:
    text = f'stack: "{name}"\nservices: {{"{name}": {{models: {{"{name}": {{}}}}}}}}\n'
    document = compose(text)
    assert (document["name"], list(document["services"])) == (name, [name])


@pytest.mark.parametrize("value", ["${HOME} $$", "a: b # c", "😀", '"', "\\", "\x7f\x85"])
def test_any_environment_reaches_the_server_as_it_was_written(value: str) -> None:
    written = yaml.safe_dump({"stack": "s", "services": {"a": {"environment": {"A": value}}}})
    said = compose(written)["services"]["a"]["environment"]["A"]
    assert said.replace("$$", "$") == value


@pytest.mark.parametrize("path", ['a"b', "a\\b", "ä/😀", "a b", "tab\there", "$x"])
def test_any_path_reaches_the_models_config(path: str) -> None:
    written = yaml.safe_dump(
        {"stack": "s", "services": {"a": {"models": {"m": {"path": path}}}}}, allow_unicode=True
    )
    text = rendered(written).services["a"].models_config
    (model,) = wire.parse_text(wire.ModelServerConfig, text).model_config_list.config
    assert model.base_path == f"/models/{path}"


def test_every_model_is_asked_for_its_health() -> None:
    text = SMALL.replace("{m: {}}", "{m: {}, n: {}}")
    script = rendered(text).files["a/healthcheck.sh"]
    assert script.count("/dev/tcp/127.0.0.1/8501") == 2
    assert "GET /v1/models/n HTTP/1.0" in script


@pytest.mark.parametrize(
    ("models_dir", "source"),
    [
        ("../../models", "../../../models"),
        ("/srv/models", "/srv/models"),
        ("models", "../models"),
        (".", ".."),
        ("..", "../.."),
        ("/srv/$x", "/srv/$$x"),
    ],
)
def test_the_models_root_is_named_from_the_compose_files_folder(
    models_dir: str, source: str
) -> None:
    document = compose(f"{SMALL}models_dir: {models_dir}\n")
    assert document["services"]["a"]["volumes"][0]["source"] == source


def test_a_server_on_this_host_has_its_own_places() -> None:
    one = rendered(SMALL, places=PLACES, server=["srv"])
    assert one.compose is None
    assert "--port=2" in one.services["a"].flags
    assert "--rest_api_port=1" in one.services["a"].flags
    assert "--model_config_file=/c/models.config" in one.services["a"].flags
    assert 'base_path: "/m/m"' in one.services["a"].models_config
    assert "a/healthcheck.sh" not in one.files


# --- hashes ---

SERVER = [
    ("    image: tensorflow/serving:2.20.0-gpu", "    image: mine:1"),
    ("rest: 8501", "rest: 8502"),
    ("device: 0", "device: 1"),
    ("memory_fraction: 0.4", "memory_fraction: 0.5"),
    ("batch_timeout_micros: 1000", "batch_timeout_micros: 1001"),
    ("models_dir: ../../models", "models_dir: /srv"),
    ("enable_model_warmup: true", "enable_model_warmup: false"),
    ('LOG_LEVEL: "1"', 'LOG_LEVEL: "2"'),
    ("cpus: 2", "cpus: 3"),
]
MODELS = [
    ("      resnet: {}", "      resnet: {}\n      vgg: {}"),
    ("path: digits", "path: other"),
    ("versions: {specific: [3, 4]}\n", "versions: all\n"),
    ("{stable: 3, canary: 4}", "{stable: 4}"),
]


@pytest.mark.parametrize("options", [{}, {"places": PLACES, "server": ["srv"]}])
@pytest.mark.parametrize(("old", "new"), SERVER)
def test_the_server_hash_moves_alone(old: str, new: str, options: Mapping[str, Any]) -> None:
    if options and "image" in old:
        return  # a process has no image
    before, after = hashes(REFERENCE, **options), hashes(swapped(old, new), **options)
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize("options", [{}, {"places": PLACES, "server": ["srv"]}])
@pytest.mark.parametrize(("old", "new"), MODELS)
def test_the_models_hash_moves_alone(old: str, new: str, options: Mapping[str, Any]) -> None:
    before, after = hashes(REFERENCE, **options), hashes(swapped(old, new), **options)
    assert before[0] == after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("options", [{}, {"places": PLACES, "server": ["srv"]}])
def test_comments_and_other_ways_to_write_the_same_move_no_hash(
    options: Mapping[str, Any],
) -> None:
    same = REFERENCE.replace("memory: 4GiB", "memory: 4096MiB").replace("# ", "#  ")
    assert hashes(same, **options) == hashes(REFERENCE, **options)


def test_a_process_hash_moves_with_its_command_and_not_with_free_ports() -> None:
    first = hashes(SMALL, places=PLACES, server=["srv"])
    assert hashes(SMALL, places=PLACES, server=["other"])[0] != first[0]
    assert hashes(SMALL, places={"a": Place("/m", "/c", 7, 8)}, server=["srv"]) == first


def test_the_hash_in_the_compose_file_is_the_services_own() -> None:
    one = rendered(SMALL)
    labels = yaml.safe_load(one.files["compose.yaml"])["services"]["a"]["labels"]
    assert labels == {
        "tfdeploy.stack": "s",
        "tfdeploy.service": "a",
        "tfdeploy.server-hash": one.services["a"].server_hash,
    }


# --- overrides ---


def override(folder: Path, text: str, name: str = "compose.yaml") -> Templates:
    (folder / f"{name}.j2").write_text(text)
    return Templates([folder])


EXTENDS = '{% extends "bundled/compose.yaml.j2" %}'


def test_an_override_may_change_one_block(tmp_path: Path) -> None:
    text = EXTENDS + "{% block hardening %}\n    privileged: true{% endblock %}"
    one = rendered(SMALL, override(tmp_path, text))
    service = yaml.safe_load(one.files["compose.yaml"])["services"]["a"]
    assert service["privileged"] is True
    assert "cap_drop" not in service
    assert one.services["a"].server_hash != rendered(SMALL).services["a"].server_hash


def test_a_comment_in_an_override_moves_no_hash(tmp_path: Path) -> None:
    text = EXTENDS + "{% block hardening %}{{ super() }}\n    # x{% endblock %}"
    one = rendered(SMALL, override(tmp_path, text))
    assert one.services["a"].server_hash == rendered(SMALL).services["a"].server_hash


NAME = "name: {{ stack | compose }}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% if %}", "can't be rendered"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ stack.nothing.more }}", "has no attribute"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ stack + 1 }}", "TypeError"),
        ('{% include "gone.j2" %}', "gone.j2"),
        ('{% extends "bundled/gone.j2" %}', "gone.j2"),
        ("a: [", "isn't valid YAML"),
        ("a: 2001-99-99", "isn't valid YAML"),
        ("", "the project's name differs"),
        ("- a", "the project's name differs"),
        ("name: other", "the project's name differs"),
        (NAME, "service 'a' is missing"),
        (NAME + "services: [a]", "isn't a mapping"),
        (NAME + "services: {a: x}", "service 'a' is missing"),
        (NAME + "services: {a: {image: 'evil:1'}}", "the image of 'a' differs"),
        (
            EXTENDS + "{% block service %}\n    image: 'other:1'{% endblock %}",
            "image of 'a' differs",
        ),
        (
            EXTENDS + "{% block service %}\n    image: {{ service.image }}\n    command: {{ word }}"
            "{% endblock %}",
            "undefined",
        ),
        (
            EXTENDS + "{% block service %}\n    image: {{ service.image }}\n    command: 3"
            "{% endblock %}",
            "lacks the flag --port=8500",
        ),
    ],
)
def test_an_override_that_fails_or_says_something_else_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(TfdeployError) as caught:
        rendered(SMALL, override(tmp_path, text))
    assert caught.value.code == "TFD209"
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models.config", "model_config_list {"),
        ("models.config", "model_config_list { config { name: 'm' base_path: '/models/m' } }"),
        (
            "models.config",
            '{% extends "bundled/models.config.j2" %}{% set models = models + models %}',
        ),
        ("batching.config", "max_batch_size { value: 1 }"),
        ("batching.config", "nonsense: 1"),
    ],
)
def test_an_override_of_a_config_must_say_what_the_stack_says(
    tmp_path: Path, name: str, text: str
) -> None:
    stack = SMALL.replace("{m: {}}", "{m: {versions: all}}") + "    batching:\n"
    with pytest.raises(TfdeployError) as caught:
        rendered(stack, override(tmp_path, text, name))
    assert (caught.value.code, caught.value.where.endswith(f"{name}.j2")) == ("TFD209", True)


def test_a_syntax_error_is_told_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        rendered(SMALL, override(tmp_path, "a\n{% if %}"))
    assert caught.value.where == f"{tmp_path}/compose.yaml.j2:2"


def test_templates_are_looked_up_given_first_then_the_stacks_own(tmp_path: Path) -> None:
    path = tmp_path / "stacks" / "s" / "stack.yaml"
    own, given = path.parent / "templates", tmp_path / "given"
    for folder in (own, given):
        folder.mkdir(parents=True)
        (folder / "monitoring.config.j2").write_text(f"# {folder.name}\n")
    path.write_text(SMALL)
    file = load_stack(path)
    assert template_lookup(file, None).render("monitoring.config") == "# templates\n"
    assert template_lookup(file, given).render("monitoring.config") == "# given\n"
    with pytest.raises(TfdeployError) as caught:
        template_lookup(file, tmp_path / "gone")
    assert caught.value.code == "TFD209"


@pytest.mark.parametrize("path", sorted(bundled_folder().glob("*.j2")), ids=lambda path: path.name)
def test_bundled_templates_use_nothing_that_they_arent_given(path: Path) -> None:
    name = path.name.removesuffix(".j2")
    assert jinja2.Environment().parse(path.read_text())
    if "{{" in path.read_text():
        with pytest.raises(TfdeployError, match="undefined"):
            Templates().render(name)


# --- the folder and the starter ---


def test_only_rendered_files_are_read_back(tmp_path: Path) -> None:
    names = ["compose.yaml", "a/models.config", "a/healthcheck.sh", "a/notes.txt", "other.yaml"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read_files(tmp_path) == {name: name for name in names[:3]}
    assert read_files(tmp_path / "gone") == {}


def test_a_starter_file_is_a_stack_with_one_empty_service() -> None:
    text = starter_text("vision", service="classifier", image="a:1", full=False)
    stack = parse_stack(text, PATH).stack
    assert (stack.stack, stack.image, list(stack.services)) == ("vision", "a:1", ["classifier"])


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("name", ["on", "123", "null", "1e3", "2001-99-99"])
def test_a_starter_file_quotes_names_that_yaml_reads_otherwise(name: str, full: bool) -> None:
    stack = parse_stack(starter_text(name, service=name, image=None, full=full), PATH).stack
    assert (stack.stack, list(stack.services)) == (name, [name])


def test_the_full_starter_is_the_reference_with_ones_own_names() -> None:
    assert starter_text("vision", service="classifier", image=None, full=True) == REFERENCE
    stack = parse_stack(starter_text("t", service="b", image="a:1", full=True), PATH).stack
    assert (stack.stack, stack.image, list(stack.services)) == ("t", "a:1", ["b"])


@pytest.mark.parametrize("full", [True, False])
def test_a_name_that_is_none_is_refused_as_a_wrong_field(full: bool) -> None:
    with pytest.raises(TfdeployError) as caught:
        parse_stack(starter_text(r"a\1", service="b", image=None, full=full), PATH)
    assert caught.value.code == "TFD203"
