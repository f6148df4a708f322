"""The Prometheus page has the series of the recorded one after the same requests.

`data/metrics.txt` says which these were. Of TensorFlow's own hundreds of metrics this server feeds
a few, and prints no others; those of TensorFlow Serving and of SavedModel loading are complete.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from recordings import DATA
from server_process import ServerProcess

pytestmark = pytest.mark.timeout(240)

COMPLETE = (":tensorflow:serving:", ":tensorflow:cc:")
PREDICTION = "tensorflow.serving.PredictionService"
CONFIG = """model_config_list {
  config { name: "half_plus_two" base_path: "{MODELS}/half_plus_two" model_platform: "tensorflow"
           model_version_policy { all {} } }
  config { name: "cr" base_path: "{MODELS}/cr" model_platform: "tensorflow" }
}
"""
FILES = {"models.config": CONFIG, "monitoring.config": "prometheus_config { enable: true }\n"}
FLAGS = (
    "--model_config_file={WORK}/models.config",
    "--monitoring_config_file={WORK}/monitoring.config",
)
BATCHING = {False: (), True: ("--enable_batching",)}


class Page(NamedTuple):
    """A page in parts: metrics with their kinds, and series with labels as printed."""

    kinds: dict[str, str]
    series: dict[tuple[str, str], str]

    def shortened(self) -> "Page":
        """Keep the first bucket of every histogram and the last one, like the recording."""
        kept: dict[tuple[str, str], str] = {}
        seen = set()
        for (name, labels), value in self.series.items():
            histogram, limit, _ = labels.partition('le="')
            if limit and '"+Inf"' not in labels:
                if (name, histogram) in seen:
                    continue
                seen.add((name, histogram))
            kept[name, labels] = value
        return Page(self.kinds, kept)

    def only(self, *prefixes: str) -> "Page":
        """Keep the metrics whose names start so."""
        kinds = {name: kind for name, kind in self.kinds.items() if name.startswith(prefixes)}
        return Page(
            kinds, {k: value for k, value in self.series.items() if k[0].startswith(prefixes)}
        )


def parse(text: str) -> Page:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
    lines = re.findall(r"^([\w:]+)\{(.*)\} (\S+)$", text, re.MULTILINE)
    return Page(kinds, {(name, labels): value for name, labels, value in lines})


@functools.cache
def recording() -> list[str]:
    """The page without batching, the one with it, the REST and the gRPC traffic."""
    parts = re.split(
        r"^##### (?!of every).*\n", (DATA / "metrics.txt").read_text(), flags=re.MULTILINE
    )
    assert len(parts) == 5
    return parts[1:]


def rest_steps() -> Iterator[dict[str, Any]]:
    for line in recording()[2].splitlines():
        method, path, body = line.removeprefix("# ").split(" ", 2)
        request: dict[str, Any] = {"method": method, "path": f"/v1/models/{path}"}
        yield {"rest": {**request, "body": json.loads(body)} if body else request}


def grpc_steps() -> Iterator[dict[str, Any]]:
    examples = [{"features": {"feature": {"x": {"float_list": {"value": [1.0]}}}}}]
    floats = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "3"}]}, "float_val": [1, 2, 3]}
    fields: dict[str, dict[str, Any]] = {
        "Predict": {"inputs": {"x": floats}},
        "Classify": {"input": {"example_list": {"examples": examples}}},
        "Regress": {"input": {"example_list": {"examples": examples}}},
        "GetModelMetadata": {"metadata_field": ["signature_def"]},
        "GetModelStatus": {},
    }
    for line in recording()[3].splitlines():
        method, model = line.removeprefix("# ").split()
        spec = {"name": model, **({"signature_name": "cls"} if method == "Classify" else {})}
        service = "tensorflow.serving.ModelService" if method == "GetModelStatus" else PREDICTION
        request = {"model_spec": spec, **fields[method]}
        yield {"grpc": {"service": service, "method": method, "json": request}}


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batching"])
def pages(
    request: pytest.FixtureRequest,
    recorded_models: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Page, Page]]:
    """The recorded page and this server's."""
    flags = (*FLAGS, *BATCHING[request.param])
    work = tmp_path_factory.mktemp("metrics")
    server = ServerProcess(work, recorded_models, flags, {"files": FILES})
    try:
        # Asking for the models' states would be counted.
        assert server.wait_ready([]), server.output()
        for step in (*rest_steps(), *grpc_steps()):
            server.send(step)
        page = server.send({"rest": {"method": "GET", "path": "/monitoring/prometheus/metrics"}})
        yield parse(recording()[int(request.param)]), parse(page["body"])
    finally:
        server.close()


def test_kinds(pages: tuple[Page, Page]) -> None:
    recorded, own = pages
    assert own.only(*COMPLETE).kinds == recorded.only(*COMPLETE).kinds
    assert own.kinds.items() <= recorded.kinds.items()


def test_series_labels_and_buckets(pages: tuple[Page, Page]) -> None:
    recorded, own = pages
    shortened = own.shortened()
    assert shortened.only(*COMPLETE).series.keys() == recorded.only(*COMPLETE).series.keys()
    of_tensorflow = tuple(own.only(":tensorflow:core:").kinds)
    assert (
        shortened.only(*of_tensorflow).series.keys() == recorded.only(*of_tensorflow).series.keys()
    )


def test_counts(pages: tuple[Page, Page]) -> None:
    recorded, own = pages
    exact = {key: value for key, value in recorded.series.items() if value != "{N}"}
    assert len(exact) > 5
    assert {key: own.series.get(key) for key in exact} == exact


def test_every_histogram_holds_something(pages: tuple[Page, Page]) -> None:
    counts = {key: value for key, value in pages[1].series.items() if key[0].endswith("_count")}
    histograms = {key: value for key, value in counts.items() if key[0][:-6] in pages[1].kinds}
    assert histograms
    assert all(int(value) > 0 for value in histograms.values())
