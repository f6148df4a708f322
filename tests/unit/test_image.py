"""What goes into the build of the server image."""

from __future__ import annotations

import pytest

from tfdeploy.cli.image import parse_build_args
from tfdeploy.errors import TfdeployError
from tfdeploy.runtimes.image import (
    default_tag,
    host_build_args,
    image_build_context,
    server_requirements,
)

REQUIRES = [
    "typer>=0.20",
    "protobuf>=5.28",
    "grpcio>=1.66",
    "tensorflow<3,>=2.18; extra == 'server'",
    "numpy>=1.26; extra == 'server'",
    "uvloop>=0.20; (sys_platform != 'win32') and extra == 'server'",
    "tensorflow<3,>=2.18; extra == 'export'",
    "pytest; extra == 'dev'",
]


def test_the_image_gets_what_the_server_needs_and_nothing_of_the_rest() -> None:
    assert server_requirements("x86_64", REQUIRES) == [
        "grpcio>=1.66",
        "numpy>=1.26",
        "protobuf>=5.28",
        "tensorflow-cpu<3,>=2.18",
        "uvloop>=0.20",
    ]


def test_where_no_cpu_wheel_is_built_the_whole_one_is_taken() -> None:
    assert "tensorflow<3,>=2.18" in server_requirements("aarch64", REQUIRES)


def test_our_own_metadata_names_the_servers_requirements() -> None:
    found = server_requirements("x86_64")
    assert any(one.startswith("tensorflow-cpu") for one in found)
    assert any(one.startswith("grpcio") for one in found)
    assert not any(one.startswith(("typer", "docker", "pytest")) for one in found)


def test_the_context_holds_the_server_and_nothing_that_deploys() -> None:
    context = image_build_context(["numpy>=1.26"])
    assert {"Dockerfile", "tensorflow_model_server", "tfdeploy/__init__.py"} <= set(context)
    assert "tfdeploy/server/__main__.py" in context
    assert not [name for name in context if name.startswith(("tfdeploy/cli", "tfdeploy/runtimes"))]
    assert b"'numpy>=1.26'" in context["Dockerfile"]
    assert context["tensorflow_model_server"].startswith(b"#!/bin/sh\n")


def test_the_context_is_the_same_for_the_same_sources() -> None:
    assert image_build_context(["numpy"]) == image_build_context(["numpy"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://proxy.example:3128"),
        ("no_proxy", "localhost,.example"),
        ("PIP_INDEX_URL", "https://pypi.example/simple"),
        ("PIP_RETRIES", "2"),
    ],
)
def test_the_build_reaches_what_this_machine_reaches(name: str, value: str) -> None:
    assert host_build_args({name: value, "HOME": "/home/me"}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIP_INDEX_URL", "https://me:secret@pypi.example/simple"),
        ("PIP_INDEX_URL", "file:///srv/wheels"),
        ("PIP_EXTRA_INDEX_URL", "https://pypi.example/simple /srv/wheels"),
        ("PIP_INDEX_URL", ""),
        ("PIP_FIND_LINKS", "/srv/wheels"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ],
)
def test_secrets_and_paths_of_this_machine_stay_here(name: str, value: str) -> None:
    assert host_build_args({name: value}) == {}


def test_the_tag_is_pinned_to_our_version() -> None:
    name, _, version = default_tag().partition(":")
    assert name == "tfdeploy-server"
    assert version[0].isdigit()


def test_build_args_are_split_at_the_first_equals_sign() -> None:
    words = ["PIP_INDEX_URL=https://pypi.example/simple?a=b", "EMPTY="]
    assert parse_build_args(words) == {
        "PIP_INDEX_URL": "https://pypi.example/simple?a=b",
        "EMPTY": "",
    }


@pytest.mark.parametrize("word", ["NAME", "=value", ""])
def test_a_build_arg_without_name_or_value_is_refused(word: str) -> None:
    with pytest.raises(TfdeployError) as caught:
        parse_build_args([word])
    assert caught.value.code == "TFD216"
