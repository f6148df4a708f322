"""The table of server flags: the server's own, and what a stack file may set of it."""

from __future__ import annotations

import pytest

from tfdeploy.render import IN_CONTAINER, server_flags
from tfdeploy.server.flags import FIELDS, parse_flags
from tfdeploy.stack.flags import FLAGS, check_flag, format_flag
from tfdeploy.stack.schema import Batching, GpuShare, Resources, Service

IMAGE = "tensorflow/serving:2.20.0"
OWN_OF_TFDEPLOY = {"drain_seconds", "engine", "join_requests", "workers"}
FULL = Service(
    batching=Batching(), gpu=GpuShare(memory_fraction=0.4), resources=Resources(cpus=2.0)
)
EXAMPLES: dict[str, bool | int | str] = {"bool": True, "int": 2, "string": "x"}


def test_both_tables_have_the_same_48_names_and_types() -> None:
    servers = {name: field.metadata["kind"] for name, field in FIELDS.items()}
    short = {"int32": "int", "int64": "int"}
    expected = {n: short.get(k, k) for n, k in servers.items() if n not in OWN_OF_TFDEPLOY}
    assert {name: flag.type for name, flag in FLAGS.items()} == expected
    assert len(FLAGS) == 48


@pytest.mark.parametrize("name", [name for name, flag in FLAGS.items() if not flag.instead])
def test_a_flag_that_may_be_set_reaches_the_server(name: str) -> None:
    value = EXAMPLES[FLAGS[name].type]
    assert check_flag(name, value, IMAGE) is None
    words = server_flags(Service(flags={name: value}), IN_CONTAINER)
    flags, unknown = parse_flags(words)
    assert unknown == []
    assert getattr(flags, name) == value


@pytest.mark.parametrize("name", [name for name, flag in FLAGS.items() if flag.instead])
def test_a_flag_that_is_rendered_elsewhere_is_refused_with_the_field_to_use(name: str) -> None:
    problem = check_flag(name, True, IMAGE)
    assert problem == (f"The flag '{name}' can't be set here.", f"{FLAGS[name].instead}.")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("enable_batchin", "enable_batching"),
        ("--rest-api-num-threads", "rest_api_num_threads"),
        ("gpu_memory_fraction", "per_process_gpu_memory_fraction"),
        ("per_process_gpu_memory", "per_process_gpu_memory_fraction"),
        ("intra_op_parallelism", "tensorflow_intra_op_parallelism"),
        ("Enable_Profiler", "enable_profiler"),
    ],
)
def test_a_typo_gets_the_nearest_flag(name: str, near: str) -> None:
    problem = check_flag(name, 1, IMAGE)
    assert problem is not None
    assert problem[0] == f"The server has no flag '{name}'."
    assert problem[1].startswith(f"did you mean '{near}'?")
    assert FLAGS[near].instead in problem[1]


def test_a_flag_like_no_other_leads_to_the_servers_help() -> None:
    problem = check_flag("zzz", 1, IMAGE)
    assert problem is not None
    assert "--help" in problem[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable_profiler", 1),
        ("enable_profiler", "true"),
        ("num_load_threads", True),
        ("num_load_threads", "4"),
        ("num_load_threads", 4.5),
        ("saved_model_tags", 1),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    problem = check_flag(name, value, IMAGE)
    assert problem is not None
    assert f"type {FLAGS[name].type}, not {value!r}" in problem[0]


@pytest.mark.parametrize(
    "name", [n for n, flag in FLAGS.items() if flag.type == "int" and not flag.instead]
)
def test_numbers_have_the_bits_that_the_server_gives_them(name: str) -> None:
    wide = FIELDS[name].metadata["kind"] == "int64"
    assert check_flag(name, 2**31 - 1, IMAGE) is None
    assert (check_flag(name, 2**31, IMAGE) is None) is wide


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rest_api_num_threads", 1),
        ("rest_api_num_threads", 0),
        ("file_system_poll_wait_seconds", 0),
        ("file_system_poll_wait_seconds", -1),
    ],
)
def test_a_value_that_makes_the_server_hang_is_refused(name: str, value: int) -> None:
    problem = check_flag(name, value, IMAGE)
    assert problem is not None
    assert "hangs" in problem[0]


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        ("tensorflow/serving:2.14.1", True),
        ("tensorflow/serving:2.14.1-gpu", True),
        ("tensorflow/serving:2.15.1", False),
        ("tensorflow/serving:2.20.0-gpu", False),
        ("mine:1", False),
        ("tensorflow/serving@sha256:" + "0" * 64, False),
    ],
)
def test_a_flag_is_refused_for_an_official_image_that_is_too_old(image: str, refused: bool) -> None:
    problem = check_flag("enable_grpc_healthcheck_service", True, image)
    assert (problem is not None) is refused


@pytest.mark.parametrize(
    ("value", "word"),
    [(True, "--x=true"), (False, "--x=false"), (3, "--x=3"), (0.4, "--x=0.4"), ("a b", "--x=a b")],
)
def test_flags_are_written_in_the_one_form_that_the_server_reads(
    value: bool | int | float | str, word: str
) -> None:
    assert format_flag("x", value) == word


def test_every_rendered_flag_is_known_to_the_server_and_owned() -> None:
    words = server_flags(FULL, IN_CONTAINER)
    flags, unknown = parse_flags(words)
    assert unknown == []
    assert flags.per_process_gpu_memory_fraction == 0.4
    assert flags.tensorflow_session_parallelism == 2
    assert (flags.port, flags.rest_api_port) == (8500, 8501)
    assert flags.batching_parameters_file == "/config/batching.config"


def test_batching_flags_come_together_or_not_at_all() -> None:
    words = server_flags(Service(), IN_CONTAINER)
    assert not any("batching" in word or "gpu" in word for word in words)
    assert "--allow_version_labels_for_unavailable_models=true" in words


def test_flags_of_the_user_win_over_defaults() -> None:
    service = Service(
        flags={"max_num_load_retries": 0, "tensorflow_intra_op_parallelism": 1},
        resources=Resources(cpus=4.0),
    )
    words = server_flags(service, IN_CONTAINER)
    assert [word for word in words if "retries" in word] == ["--max_num_load_retries=0"]
    assert not any("session_parallelism" in word for word in words)


@pytest.mark.parametrize(("cpus", "threads"), [(0.2, 1), (1.4, 1), (6.0, 6)])
def test_thread_pools_follow_the_cpu_limit(cpus: float, threads: int) -> None:
    words = server_flags(Service(resources=Resources(cpus=cpus)), IN_CONTAINER)
    assert f"--tensorflow_session_parallelism={threads}" in words
