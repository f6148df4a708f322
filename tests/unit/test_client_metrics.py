"""A server's metrics page: requests, failures, and quantiles from buckets."""

from __future__ import annotations

import pytest

from tfdeploy.client.metrics import Histogram, Requests, parse_requests

LATENCY = ":tensorflow:serving:request_latency"
PAGE = f"""\
# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{{model_name="half",status="OK"}} 7
:tensorflow:serving:request_count{{model_name="half",status="INVALID_ARGUMENT"}} 2
:tensorflow:serving:request_count{{model_name="half",status="NOT_FOUND"}} 1
:tensorflow:serving:request_count{{model_name="odd\\"na\\\\me\\n",status="NOT_FOUND"}} 3
# TYPE {LATENCY} histogram
{LATENCY}_bucket{{model_name="half",API="predict",entrypoint="REST",le="10"}} 1
{LATENCY}_bucket{{model_name="half",API="predict",entrypoint="REST",le="18"}} 3
{LATENCY}_bucket{{model_name="half",API="predict",entrypoint="REST",le="+Inf"}} 4
{LATENCY}_sum{{model_name="half",API="predict",entrypoint="REST"}} 99
{LATENCY}_count{{model_name="half",API="predict",entrypoint="REST"}} 4
{LATENCY}_bucket{{model_name="half",API="Predict",entrypoint="GRPC",le="18"}} 1
{LATENCY}_bucket{{model_name="half",API="Predict",entrypoint="GRPC",le="+Inf"}} 1
{LATENCY}_bucket{{model_name="half",API="",entrypoint="REST",le="+Inf"}} 50
# TYPE :tensorflow:core:graph_runs counter
:tensorflow:core:graph_runs{{}} 12
"""


def test_requests_of_every_way_are_added_and_questions_for_status_are_not() -> None:
    found = parse_requests(PAGE)
    assert found["half"].answered == 5
    assert found["half"].failed == 3
    assert found["half"].latency.at_most == {10: 1, 18: 4, float("inf"): 5}


def test_names_are_read_as_they_were_escaped() -> None:
    assert parse_requests(PAGE)['odd"na\\me\n'].failed == 3


@pytest.mark.parametrize(
    ("part", "value"), [(0.1, 5.0), (0.2, 10.0), (0.5, 14.0), (0.8, 18.0), (0.99, 18.0)]
)
def test_quantiles_are_spread_evenly_inside_a_bucket(part: float, value: float) -> None:
    histogram = Histogram({10: 2, 18: 8, float("inf"): 10})
    assert histogram.quantile(part) == pytest.approx(value)


def test_nothing_counted_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram({10: 0, float("inf"): 0}).quantile(0.5) is None
    assert parse_requests("<html>not found</html>") == {}


def test_the_time_since_an_earlier_look() -> None:
    earlier = Requests(1, Histogram({10: 5, float("inf"): 5}))
    later = Requests(3, Histogram({10: 5, 18: 7, float("inf"): 7}))
    window = later.since(earlier)
    assert (window.answered, window.failed) == (2, 2)
    assert window.latency.quantile(0.5) == pytest.approx(14.0)
    assert later.since(None) == later


def test_a_server_that_was_started_anew_counts_from_its_start() -> None:
    earlier = Requests(0, Histogram({float("inf"): 100}))
    later = Requests(0, Histogram({float("inf"): 3}))
    assert later.since(earlier) == later
