"""lint and explain as users run them."""

from __future__ import annotations

from tests.conftest import Cli

COMPOSE = """\
services:
  serving:
    image: tensorflow/serving:2.20.0
    init: true
    environment: {MODEL_NAME: m}
    volumes: ["./models:/models"]
    command: [%s]
"""


def test_findings_have_a_place_a_cause_and_a_fix_and_end_with_1(cli: Cli) -> None:
    (cli.cwd / "compose.yaml").write_text(COMPOSE % '"--port 9000"')
    ran = cli("lint", "compose.yaml")
    assert ran.exit_code == 1
    first, causes, fix, summary = ran.stdout.splitlines()
    assert first.startswith("compose.yaml:7: error TFD256: '--port 9000' is written with a space")
    assert causes.strip().startswith("causes: ")
    assert fix.strip() == "fix:    write --port=9000."
    assert summary == "1 error in 1 file"
    assert "tfdeploy explain TFD256" in ran.stderr
    document = cli("lint", "compose.yaml", "--json").document
    assert (document["errors"], document["warnings"]) == (1, 0)
    assert document["findings"][0]["line"] == 7


def test_a_healthy_set_up_ends_with_0(cli: Cli) -> None:
    (cli.cwd / "compose.yaml").write_text(COMPOSE % "")
    assert cli("lint", ".").succeeded().stdout == "nothing found in 1 file\n"
    document = cli("lint", ".", "--json").succeeded().document
    assert document == {"files": ["compose.yaml"], "errors": 0, "warnings": 0, "findings": []}


def test_a_command_line_and_a_stack_by_its_name(cli: Cli) -> None:
    line = "docker run -p 8501:8501 -v models/m:/models/m -e MODEL_NAME=m tensorflow/serving:2.20.0"
    ran = cli("lint", "--command", line, "--json")
    assert [one["code"] for one in ran.document["findings"]] == ["TFD270"]
    cli("new", "vision").succeeded()
    assert cli("lint", "vision").succeeded().stdout == "nothing found in 1 file\n"


def test_what_cant_be_linted_is_refused(cli: Cli) -> None:
    for words, code in (
        ((), "TFD216"),
        (("a.yml",), "TFD250"),
        (("nothing",), "TFD250"),
        ((".",), "TFD251"),
        (("--command", "ls"), "TFD251"),
        ((".", "--command", "ls"), "TFD216"),
    ):
        ran = cli("lint", *words)
        assert (ran.exit_code, ran.stdout, code in ran.stderr) == (2, "", True), words
        assert cli("lint", *words, "--json").document["errors"][0]["code"] == code


def test_a_name_that_is_neither_a_path_nor_a_stack_says_so(cli: Cli) -> None:
    for command in ("lint", "import"):
        told = cli(command, "nosuch").stderr
        assert "There is no file or folder 'nosuch', and no stack of that name." in told
    cli("new", "vision").succeeded()
    assert "did you mean 'vision'?" in cli("lint", "visoin").stderr


def test_what_cant_be_imported_is_refused(cli: Cli) -> None:
    (cli.cwd / "compose.yaml").write_text(
        "services: {a: {image: 'tensorflow/serving:2.20.0', volumes: ['data:/models']}}\n"
    )
    ran = cli("import", "compose.yaml")
    assert (ran.exit_code, "TFD253" in ran.stderr) == (2, True)
    assert "its base path /models/model isn't in a folder of this host" in ran.stderr
    apart = "docker run -v /a/b:/models/m -v /c/models.d:/c tensorflow/serving --model_name=m"
    assert cli("import", "--command", f"{apart} --model_base_path=/models/m").exit_code == 0
    two = (
        f"{apart} --model_base_path=/models/m; docker run -v /c/d:/models/model tensorflow/serving"
    )
    ran = cli("import", "--command", two, "--name", "other")
    assert (ran.exit_code, "TFD254" in ran.stderr) == (2, True)


def test_an_empty_code_is_none(cli: Cli) -> None:
    ran = cli("explain", "")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "There is no error code ''." in ran.stderr


def test_a_code_is_explained_with_its_why_and_its_fix(cli: Cli) -> None:
    told = cli("explain", "tfd256").succeeded().stdout
    assert "\nWhy: TensorFlow's parser" in told
    assert "\nFix: Write `--name=value`." in told
    document = cli("explain", "TFD256", "--json").succeeded().document["TFD256"]
    assert document["exit_code"] == 1
    assert document["why"].endswith(".")
