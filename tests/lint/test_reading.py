"""How files become servers: words and their lines, mounts, ports, what is read, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdeploy.errors import TfdeployError
from tfdeploy.lint import Server, lint_setup, read_command_line, read_setup
from tfdeploy.lint.commands import short_mount
from tfdeploy.lint.finding import Place, Word
from tfdeploy.lint.shell import read_commands
from tfdeploy.lint.textproto import Message, TextProtoError, parse_tree

HERE = Path(__file__).parent
FILE = Path("run.sh")


def words(text: str) -> list[list[tuple[str, int]]]:
    return [[(w.text, w.place.line) for w in command] for command in read_commands(text, FILE)]


def command(line: str) -> Server:
    (server,) = read_command_line(line).servers
    return server


def compose(folder: Path, text: str) -> Server:
    (folder / "compose.yaml").write_text(text)
    (server,) = read_setup(folder / "compose.yaml").servers
    return server


def test_shell_words_keep_their_lines() -> None:
    text = '# note\na \'b c\' \\\n  "d $X" # e\nX=1; f $X "${X}2" && g|h\n'
    assert words(text) == [
        [("a", 2), ("b c", 2), ("d $X", 3)],
        [("f", 4), ("1", 4), ("12", 4)],
        [("g", 4)],
        [("h", 4)],
    ]


@pytest.mark.parametrize("end", ["\\", "`", "^"])
def test_lines_are_continued_as_three_shells_do(end: str) -> None:
    assert words(f"a {end}\n  b\n") == [[("a", 1), ("b", 2)]]


def test_what_a_shell_would_run_stays_one_word() -> None:
    assert words('a "$(pwd)/x y" $(echo b c)/d') == [
        [("a", 1), ("$(pwd)/x y", 1), ("$(echo b c)/d", 1)]
    ]


@pytest.mark.parametrize("text", ['"', "'", "$(", "${", "\\", '"\\', "a\\\n", "`\n"])
def test_a_script_that_is_cut_short_can_be_read(text: str) -> None:
    assert isinstance(read_commands(text, FILE), list)


def test_a_text_proto_knows_its_lines() -> None:
    tree = parse_tree("a: 1\nb {\n  c: 'x' \"y\"\n  d: [1, 2]; e <f: -1.5>\n}\n# end")
    b = next(tree.messages("b"))
    assert (tree.text("a"), b.line, b.text("c"), b.line_of("d")) == ("1", 2, "xy", 4)
    assert [one.text for one in b.scalars("d")] == ["1", "2"]
    assert next(b.messages("e")).text("f") == "-1.5"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a {\n b {", 2), ("a 1", 1), ("a: 1\n}", 2), ("a: [1\n", 1), ("\n@", 2), ("a:", 1), ("a", 1)],
)
def test_where_a_text_proto_ends_to_be_one(text: str, line: int) -> None:
    with pytest.raises(TextProtoError) as caught:
        parse_tree(text)
    assert caught.value.line == line


def test_a_text_proto_nested_without_end_is_refused() -> None:
    with pytest.raises(TextProtoError, match="too deep"):
        parse_tree("a {" * 10_000)
    assert parse_tree("a {" * 20 + "}" * 20) == Message(1, parse_tree("a {" * 20 + "}" * 20).fields)


@pytest.mark.parametrize(
    ("text", "source", "target", "kind"),
    [
        ("./m:/models", "./m", "/models", "bind"),
        ("/m:/models:ro", "/m", "/models", "bind"),
        ("models:/models", "models", "/models", "volume"),
        (r"C:\tf\models:/models", r"C:\tf\models", "/models", "bind"),
        ("C:/tf/models:/models:ro", "C:/tf/models", "/models", "bind"),
        ("$(pwd)/m:/models/m", "$(pwd)/m", "/models/m", "bind"),
        ("${HOME:-/root}/m:/models", "${HOME:-/root}/m", "/models", "bind"),
        ("$PWD:/models", "$PWD", "/models", "bind"),
        ("~/m:/models:ro,z", "~/m", "/models", "bind"),
    ],
)
def test_mounts_in_short(text: str, source: str, target: str, kind: str) -> None:
    mount = short_mount(Word(text, Place(FILE, 1)), Path("here"))
    assert mount is not None
    assert (mount.source, mount.target, mount.kind) == (source, target, kind)


def test_a_docker_run_line_says_all_that_it_says() -> None:
    server = command(
        "sudo docker run -dit --name tfs --init --gpus=1 -p8501:8501 -p 127.0.0.1:9000:8500/tcp "
        "--mount type=bind,src=/m,dst=/models,readonly --cpus 2 -e MODEL_NAME=a --user=1:1 "
        "example.com:5000/tensorflow-serving:3 --enable_batching --num_load_threads=2 >log 2>&1"
    )
    assert (server.name, server.init, server.lasting) == ("tfs", True, True)
    assert server.image is not None
    assert server.image.text == "example.com:5000/tensorflow-serving:3"
    assert (server.tag, server.official) == ("3", False)
    assert [(p.address, p.host, p.inside) for p in server.ports] == [
        ("", 8501, 8501),
        ("127.0.0.1", 9000, 8500),
    ]
    assert server.host_path("/models/a/1") == Path("/m/a/1")
    assert server.on("enable_batching")
    assert server.value("num_load_threads") == "2"
    assert server.served_by_flags == ("a", "/models/a", Place(Path("--command"), 1))
    assert server.gpus is not None
    assert server.gpus.count == 1


def test_a_bool_flag_with_a_space_is_true_whatever_stands_behind_it() -> None:
    server = command("tensorflow_model_server --enable_batching false --port 9000")
    assert server.on("enable_batching")
    assert server.grpc_port == 8500


def test_compose_in_its_several_forms(tmp_path: Path) -> None:
    server = compose(
        tmp_path,
        "services:\n"
        "  a:\n"
        "    image: tensorflow/serving:${TAG:-2.20.0}\n"
        "    command: |\n"
        "      --model_config_file=/c/models.config\n"
        "      --monitoring_config_file=/c/$$x.config\n"
        "    volumes:\n"
        "      - {type: bind, source: ./c, target: /c}\n"
        "    ports:\n"
        "      - {target: 8501, published: '81'}\n"
        "      - 9000-9001:8500-8501\n",
    )
    assert server.image is not None
    assert server.image.text == "tensorflow/serving:2.20.0"
    lines = [(one.name, one.value, one.place.line) for one in server.flags]
    assert lines == [
        ("model_config_file", "/c/models.config", 5),
        ("monitoring_config_file", "/c/$x.config", 6),
    ]
    assert [(p.host, p.inside) for p in server.ports] == [(81, 8501), (9000, 8500), (9001, 8501)]
    assert server.host_path("/c/models.config") == tmp_path / "c" / "models.config"


def test_a_file_is_read_once_whoever_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    config = 'model_config_list { config { name: "a" base_path: "/m/a" model_platform: "t" } }'
    (tmp_path / "config" / "models.config").write_text(config)
    services = "".join(
        f"  s{n}:\n    image: tensorflow/serving:2.20.0\n    volumes: ['./config:/c', './m:/m']\n"
        "    command: ['--model_config_file=/c/models.config']\n"
        for n in range(5)
    )
    (tmp_path / "compose.yaml").write_text(f"services:\n{services}")
    for name in ("one", "two", "three"):
        (tmp_path / "stacks" / name).mkdir(parents=True)
        (tmp_path / "stacks" / name / "stack.yaml").write_text(f"stack: {name}\nservices: {{}}\n")
    setup = read_setup(tmp_path, tmp_path / "config" / "models.config", tmp_path / "compose.yaml")
    assert lint_setup(setup)
    assert len(setup.sources.reads) == len(set(setup.sources.reads)) == 5


def test_a_config_file_alone_is_judged_by_the_compose_file_beside_it() -> None:
    models = HERE / "healthy" / "with_config" / "config" / "models.config"
    assert lint_setup(read_setup(models)) == []


def test_models_are_looked_at_only_where_there_are_some(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: tensorflow/serving:2.20.0\n    init: true\n"
        "    environment: {MODEL_NAME: half}\n    volumes: ['./models:/models']\n"
    )
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / "models").mkdir()
    assert lint_setup(read_setup(tmp_path)) == []
    (tmp_path / "models" / "other" / "1").mkdir(parents=True)
    assert [one.code for one in lint_setup(read_setup(tmp_path))] == ["TFD112"]
    (tmp_path / "models" / "half" / "v1").mkdir(parents=True)
    assert "TFD113" in [one.code for one in lint_setup(read_setup(tmp_path))]


def test_two_stacks_of_one_name_and_a_broken_one(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        text = "stack: same\nimage: tensorflow/serving\nservices: {}\n"
        (tmp_path / folder / "stack.yaml").write_text(text)
    found = lint_setup(read_setup(tmp_path))
    assert [(one.place.path.parent.name, one.place.line, one.code) for one in found] == [
        ("a", 1, "TFD207"),
        ("a", 2, "TFD206"),
        ("b", 1, "TFD207"),
        ("b", 2, "TFD206"),
    ]
    (tmp_path / "a" / "stack.yaml").write_text("stack: same\nservices: {x: {modells: {}}}\n")
    first = lint_setup(read_setup(tmp_path / "a"))[0]
    assert (first.code, first.place.line, first.fix) == ("TFD203", 2, "did you mean 'models'?")


def test_a_neighbour_that_cant_be_read_is_no_finding_of_another_stack(tmp_path: Path) -> None:
    (tmp_path / "bad" / "stack.yaml").mkdir(parents=True)
    (tmp_path / "good").mkdir()
    text = "stack: good\nservices: {one: {models: {half: {}}}}\n"
    (tmp_path / "good" / "stack.yaml").write_text(text)
    assert lint_setup(read_setup(tmp_path / "good")) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"\xff\xfe\x00", "TFD251"), (b"hello: there\n", "TFD251"), (b"", "TFD251")],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(content)
    with pytest.raises(TfdeployError) as caught:
        read_setup(path)
    assert caught.value.code == code


def test_a_path_that_isnt_there_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(TfdeployError) as caught:
        read_setup(tmp_path / "no.yml")
    assert caught.value.code == "TFD250"
    with pytest.raises(TfdeployError) as caught:
        read_setup(tmp_path)
    assert caught.value.code == "TFD251"
    with pytest.raises(TfdeployError) as caught:
        read_command_line("docker run nginx")
    assert caught.value.code == "TFD251"


def test_one_unreadable_file_of_a_folder_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "tabs.yml").write_text("services:\n  tf_serving:\n\timage: x\n")
    (tmp_path / "models.config").write_text("model_config_list { }")
    found = lint_setup(read_setup(tmp_path))
    assert {one.code for one in found} == {"TFD250", "TFD252", "TFD280"}
    (tabs,) = [one for one in found if one.code == "TFD252"]
    assert (tabs.place.path.name, tabs.place.line) == ("tabs.yml", 3)
