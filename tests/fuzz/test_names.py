"""Small readers of what comes from outside: URLs, folder names, warm-up files, gzip."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.profile import bounded
from tfdeploy.server.http_message import inflate
from tfdeploy.server.metrics import Metrics, render
from tfdeploy.server.rest_routes import parse_route
from tfdeploy.server.status import ServingError
from tfdeploy.server.version_folders import BasePathError, list_versions, parse_version_name
from tfdeploy.server.warmup import masked_checksum, read_records

pytestmark = pytest.mark.timeout(60)

_PARTS = (
    "/v1/models",
    "/m",
    "/versions/",
    "/labels/",
    ":predict",
    ":classify",
    "/metadata",
    "?",
    ":",
)
_URLS = st.lists(
    st.sampled_from((*_PARTS, "1", "99999999999999999999", "%ff", "%", "é", "\udcff", "/"))
)


@bounded(200)
@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    _URLS.map("".join) | st.text(max_size=20),
)
def test_any_url_is_a_route_or_refused(method: str, url: str) -> None:
    path = url.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    try:
        route = parse_route(method, path)
    except ServingError as error:
        assert error.http_status == 400
        return
    assert route.target.model
    assert route.target.version is None or 0 <= route.target.version < 2**63


def test_a_version_of_any_length_is_refused() -> None:
    with pytest.raises(ServingError):
        parse_route("GET", "/v1/models/m/versions/" + "9" * 5_000)


@bounded(300)
@given(st.text(max_size=8) | st.text("0123456789+- \t\v", max_size=24) | st.integers().map(str))
def test_any_folder_name_is_a_version_or_none(name: str) -> None:
    number = parse_version_name(name)
    assert number is None or number == int(name)
    if name.isascii() and name.isdigit():
        assert (number is None) == (int(name) >= 2**63)


def test_a_number_too_long_for_python_is_no_version() -> None:
    assert parse_version_name("9" * 5_000) is None
    assert parse_version_name("0" * 5_000 + "7") == 7


def test_a_path_that_no_file_system_has_is_a_missing_one() -> None:
    with pytest.raises(BasePathError, match="null byte"):
        list_versions("m", "/models/\0")


def record(data: bytes) -> bytes:
    """One TFRecord."""
    head = struct.pack("<Q", len(data))
    return head + masked_checksum(head) + data + masked_checksum(data)


@bounded(200)
@given(st.lists(st.binary(max_size=9), max_size=4), st.binary(max_size=30), st.integers(0, 60))
def test_records_are_read_until_the_file_breaks(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], rest: bytes, length: int
) -> None:
    file = Path(tmp_path_factory.getbasetemp(), "records")
    whole = b"".join(map(record, records))
    file.write_bytes((whole + rest)[:length])
    read: list[bytes] = []
    try:
        read.extend(read_records(str(file)))
    except ServingError as error:
        assert "TFRecord format" in error.message
    assert read[: len(records)] == records[: len(read)]
    file.write_bytes(whole)
    assert list(read_records(str(file))) == records


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 10**6])
def test_a_record_longer_than_its_file_is_not_asked_for(tmp_path: Path, size: int) -> None:
    head = struct.pack("<Q", size)
    (tmp_path / "records").write_bytes(head + masked_checksum(head) + b"data")
    with pytest.raises(ServingError, match="truncated record"):
        list(read_records(str(tmp_path / "records")))


@bounded(200)
@given(st.binary(max_size=60), st.integers(0, 90), st.binary(max_size=3))
def test_any_bytes_inflate_or_are_empty(data: bytes, length: int, other: bytes) -> None:
    packed = gzip.compress(data, mtime=0)
    assert inflate(packed) == data
    assert inflate(packed[:length] + other) in (b"", data)
    assert inflate(data) == b"" or data[:2] == b"\x1f\x8b"


def test_a_model_name_that_is_not_utf8_does_not_end_the_metrics_page() -> None:
    metrics = Metrics()
    model = parse_route("GET", "/v1/models/%ff").target.model
    metrics.request(model, "", "REST").failed("NOT_FOUND")
    metrics.request(model, "predict", "REST").ok(1.0)
    assert render(metrics.snapshot()).encode()
