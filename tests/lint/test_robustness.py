"""Whatever people wrote, lint and import end with findings or an error of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfdeploy.errors import TfdeployError
from tfdeploy.importing import import_setup
from tfdeploy.lint import lint_setup, read_command_line, read_setup
from tfdeploy.lint.textproto import TextProtoError, parse_tree

HERE = Path(__file__).parent
FILES = [
    path
    for folder in (HERE / "broken", HERE / "healthy")
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.name != "index.yaml"
]
COMPOSE = [path for path in FILES if path.suffix in (".yml", ".yaml")]
ODD: list[Any] = [None, "", "x", 0, -1, 1.5, True, [], [None], [[]], {}, {"x": None}, [{"x": 1}]]
SMALL = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def look(path: Path) -> None:
    """Lint and import a file; errors of tfdeploy's own are answers, too."""
    with contextlib.suppress(TfdeployError):
        setup = read_setup(path)
        lint_setup(setup)
        import_setup(setup, name="s", stacks_dir=path.parent / "stacks")


def replaced(data: Any, odd: Any) -> Iterator[Any]:
    """The document with one value after the other replaced."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield {**data, key: odd}
            yield from ({**data, key: inner} for inner in replaced(value, odd))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield [*data[:index], odd, *data[index + 1 :]]
            for inner in replaced(value, odd):
                yield [*data[:index], inner, *data[index + 1 :]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_a_file_that_is_cut_short_anywhere(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    for end in range(0, len(text), max(1, len(text) // 25)):
        (tmp_path / path.name).write_text(text[:end])
        look(tmp_path / path.name)


@pytest.mark.parametrize(
    "name", ["whole_gpu.yml", "port_twice.yml", "curl_health_check.yml", "cpu_limit.yml"]
)
def test_a_compose_file_with_a_value_of_another_kind(name: str, tmp_path: Path) -> None:
    data = yaml.safe_load((HERE / "broken" / name).read_text())
    for odd in ODD:
        for number, changed in enumerate(replaced(data, odd)):
            path = tmp_path / f"{number}.yml"
            path.write_text(yaml.safe_dump(changed))
            look(path)


@SMALL
@given(st.text(alphabet="{}[]<>:,;\"'\\ab1.-# \n/"))
def test_a_text_proto_of_any_signs(text: str) -> None:
    with contextlib.suppress(TextProtoError):
        parse_tree(text)


@SMALL
@given(st.text(alphabet="-=:pve \"'$({})\\\n#/.0ab"))
def test_a_command_of_any_signs(text: str) -> None:
    with contextlib.suppress(TfdeployError):
        lint_setup(read_command_line(f"docker run {text} tensorflow/serving {text}"))
