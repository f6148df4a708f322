"""What becomes of each part of a set-up: taken, or named with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tfdeploy.errors import TfdeployError
from tfdeploy.importing import Imported, checked, compare, import_setup
from tfdeploy.lint import read_command_line, read_setup
from tfdeploy.render import Templates, render_stack

HEAD = "    image: tensorflow/serving:2.20.0\n    volumes: ['./models:/models']\n"


def imported(folder: Path, text: str, **options: Any) -> Imported:
    path = folder / "compose.yaml"
    path.write_text(text)
    return take(path, folder, **options)


def take(path: Path, folder: Path, **options: Any) -> Imported:
    return import_setup(read_setup(path), name="s", stacks_dir=folder / "stacks", **options)


def service(one: Imported, name: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(one.text)["services"][name]
    return found


def told(one: Imported) -> dict[str, str]:
    return {leftover.what: leftover.kind for leftover in one.leftovers}


EVERY_KEY = """\
name: shop
services:
  a:
    image: tensorflow/serving:2.20.0
    volumes: ['./models:/models', './notes:/notes', 'cache:/root/.cache']
    environment: {MODEL_NAME: m, LEVEL: '1', REST_API_TIMEOUT_IN_MS: '9', SECRET: $SECRET}
    command:
      - --rest_api_port=9001
      - --num_load_threads=2
      - --grpc_channel_argument=x=1
      - --ssl_config_file=/models/ssl.cfg
      - --tensorflow_inter_op_parallelism 3
    ports: ['81:9001', '82:8500', '83:7000']
    cpus: '1.5'
    mem_limit: 512m
    user: '1:1'
    restart: always
    stop_grace_period: 1m
    networks: [x]
    depends_on: [b]
    labels: {a: b}
    ulimits: {memlock: -1}
    shm_size: 1gb
    env_file: .env
    hostname: a
    logging: {driver: local}
    healthcheck: {test: [CMD, 'true']}
    deploy: {replicas: 2, resources: {limits: {pids: 5}}}
  b: {image: redis}
networks: {x: {}}
volumes: {cache: {}}
"""


def test_every_key_is_taken_or_named(tmp_path: Path) -> None:
    one = imported(tmp_path, EVERY_KEY)
    assert service(one) == {
        "models": {"m": {}},
        "publish": {"rest": "0.0.0.0:81", "grpc": "0.0.0.0:82"},
        "resources": {"cpus": 1.5, "memory": "512MiB"},
        "user": "1:1",
        "environment": {"LEVEL": "1"},
        "flags": {
            "num_load_threads": 2,
            "tensorflow_inter_op_parallelism": 3,
            "rest_api_timeout_in_ms": 9,
        },
    }
    assert told(one) == {
        "--rest_api_port=9001": "replaced",
        "--grpc_channel_argument=x=1": "dropped",
        "--ssl_config_file=/models/ssl.cfg": "dropped",
        "SECRET=$SECRET": "dropped",
        "port 83:7000": "dropped",
        "the mount ./notes:/notes": "dropped",
        "the mount cache:/root/.cache": "dropped",
        "a: restart": "replaced",
        "a: stop_grace_period": "replaced",
        "a: networks": "replaced",
        "a: healthcheck": "replaced",
        "a: env_file": "replaced",
        "a: depends_on": "dropped",
        "a: labels": "dropped",
        "a: ulimits": "dropped",
        "a: shm_size": "dropped",
        "a: hostname": "dropped",
        "a: logging": "dropped",
        "a: deploy.replicas": "dropped",
        "a: deploy.resources.limits.pids": "dropped",
        "service b": "dropped",
        "networks": "dropped",
        "volumes": "dropped",
    }
    places = {leftover.what: leftover.place.line for leftover in one.leftovers}
    assert (places["a: hostname"], places["service b"], places["volumes"]) == (25, 29, 31)


def test_models_of_several_folders_get_their_common_root(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: tensorflow/serving:2.20.0\n"
        "    command: --model_config_file=/c/models.config\n"
        "    volumes: ['./x/one:/m/one', './x/y/two:/m/zwei', './c:/c']\n"
    )
    (tmp_path / "c").mkdir()
    (tmp_path / "c/models.config").write_text(
        "model_config_list {\n"
        ' config { name: "one" base_path: "/m/one" model_version_policy { latest { } } }\n'
        ' config { name: "two" base_path: "/m/zwei" model_version_policy { all { } }\n'
        '   version_labels { key: "a b" value: 1 } version_labels { key: "ok" value: 2 } }\n'
        ' config { name: "two" base_path: "/m/zwei" }\n'
        ' config { name: "far" base_path: "gs://bucket/far" logging_config { } }\n'
        "}\n"
    )
    one = imported(tmp_path, text)
    assert yaml.safe_load(one.text)["models_dir"] == "../../x"
    assert service(one)["models"] == {
        "one": {},
        "two": {"path": "y/two", "versions": "all", "labels": {"ok": 2}},
    }
    assert set(told(one)) == {
        "label 'a b'",
        "model 'two' of a, the second of that name",
        "model 'far' of a",
        "logging_config of 'far'",
    }


def test_a_gpu_without_a_limit_gets_a_share_and_two_share_it(tmp_path: Path) -> None:
    gpu = "    gpus: all\n    environment: {MODEL_NAME: m}\n"
    one = imported(tmp_path, f"services:\n  a:\n{HEAD}{gpu}")
    assert service(one)["gpu"] == {"device": 0, "memory_fraction": 0.9}
    assert told(one) == {"the whole GPU for a": "replaced", "the other GPUs of a": "replaced"}
    two = imported(tmp_path, f"services:\n  a:\n{HEAD}{gpu}  b:\n{HEAD}{gpu}")
    shares = [service(two, name)["gpu"]["memory_fraction"] for name in "ab"]
    assert shares == [0.45, 0.45]
    assert "image: tensorflow/serving:2.20.0\n" in two.text
    assert checked(two).stack.image_of("a") == "tensorflow/serving:2.20.0-gpu"


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("tensorflow/serving", "tensorflow/serving:2.20.0"),
        ("tensorflow/serving:latest-gpu", "tensorflow/serving:2.20.0-gpu"),
        ("tensorflow/serving:2.5.1", "tensorflow/serving:2.5.1"),
        ("tensorflow/serving:${TAG}", "tensorflow/serving:2.20.0"),
        ("example.com:5/tf-serving:9", "example.com:5/tf-serving:9"),
    ],
)
def test_the_image_is_pinned(tmp_path: Path, image: str, pinned: str) -> None:
    text = HEAD.replace("tensorflow/serving:2.20.0", image)
    one = imported(tmp_path, f"services:\n  a:\n{text}")
    assert yaml.safe_load(one.text)["image"] == pinned
    assert bool(told(one)) is (image != pinned)


def test_two_docker_run_lines_become_two_services(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text(
        'M="$(pwd)/models"\n'
        "docker run -d --name first --network web -p 8501:8501 -v $M:/models -e MODEL_NAME=a "
        "tensorflow/serving:2.20.0 --enable_batching\n"
        "docker run -d --privileged -p 8502:8501 -v $M/b:/models/b -e MODEL_NAME=b "
        "tensorflow/serving:2.19.1\n"
    )
    one = take(script, tmp_path)
    services = yaml.safe_load(one.text)["services"]
    assert services == {
        "first": {
            "image": "tensorflow/serving:2.20.0",
            "models": {"a": {}},
            "batching": {},
            "publish": {"rest": "0.0.0.0:8501"},
        },
        "server2": {
            "image": "tensorflow/serving:2.19.1",
            "models": {"b": {}},
            "publish": {"rest": "0.0.0.0:8502"},
        },
    }
    assert told(one) == {"--name": "replaced", "--network": "replaced", "--privileged": "dropped"}
    alone = take(script, tmp_path, only=["first"])
    assert list(yaml.safe_load(alone.text)["services"]) == ["first"]
    with pytest.raises(TfdeployError) as caught:
        take(script, tmp_path, only=["third"])
    assert (caught.value.code, "first" in caught.value.hint) == ("TFD208", True)


def test_names_become_dns_names_and_stay_apart(tmp_path: Path) -> None:
    text = "services:\n" + "".join(f"  {name}:\n{HEAD}" for name in ("A_b", "a-b", "'-'"))
    assert list(yaml.safe_load(imported(tmp_path, text).text)["services"]) == [
        "a-b",
        "a-b-2",
        "serving",
    ]


def test_config_files_alone_are_one_server(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "m" base_path: "/models/team/m" } }'
    )
    (tmp_path / "batching.config").write_text("max_batch_size { value: 0007 }")
    one = take(tmp_path, tmp_path, models_dir=tmp_path / "here")
    assert yaml.safe_load(one.text)["models_dir"] == "../../here"
    assert service(one, "serving") == {"models": {"m": {}}, "batching": {"max_batch_size": 7}}


def test_what_was_there_stands_beside_what_is_rendered(tmp_path: Path) -> None:
    one = imported(tmp_path, f"services:\n  a:\n{HEAD}    command: [--num_load_threads=2]\n")
    file = checked(one)
    diff = compare(one, file, render_stack(file, templates=Templates())).splitlines()
    assert " flag --num_load_threads=2" in diff
    assert f" model model from {tmp_path}/models/model, latest 1" in diff
    assert "+flag --max_num_load_retries=1" in diff
    assert not [line for line in diff[2:] if line.startswith("-")]


def test_what_a_stack_refuses_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/b.config").write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    command = "    command: --enable_batching=true --batching_parameters_file=/c/b.config\n"
    text = HEAD.replace("./models:/models'", "./models:/models', './c:/c'")
    one = imported(tmp_path, f"services:\n  a:\n{text}{command}")
    with pytest.raises(TfdeployError) as caught:
        checked(one)
    assert caught.value.code == "TFD254"
    assert "allowed_batch_sizes must rise" in caught.value.message
    assert caught.value.where == "services.a.batching"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("docker run tensorflow/serving", "TFD253"),
        ("docker run -v data:/models tensorflow/serving", "TFD253"),
        ("docker run -v /a:/models tensorflow/serving --model_config_file=/models/c", "TFD253"),
        (
            "docker run -v /a/x:/models/model tensorflow/serving; "
            "docker run -v /b/x:/models/model tensorflow/serving",
            "TFD254",
        ),
    ],
)
def test_what_cant_become_a_stack(tmp_path: Path, line: str, code: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        import_setup(read_command_line(line), name="s", stacks_dir=tmp_path)
    assert caught.value.code == code
