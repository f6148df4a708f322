"""Findings in monitoring, session and TLS files.

Facts: tensorflow_serving/model_servers/server.cc (BuildAndStart), config/ssl_config.proto,
model_servers/http_server.cc.
"""

from __future__ import annotations

from collections.abc import Iterator

from tfdeploy.lint.configs import ConfigFile
from tfdeploy.lint.finding import Check, Hit

_OVERWRITTEN = {
    "intra_op_parallelism_threads": "tensorflow_intra_op_parallelism",
    "inter_op_parallelism_threads": "tensorflow_inter_op_parallelism",
}


def _metrics_off(file: ConfigFile) -> Iterator[Hit]:
    if file.tree is None:
        return
    blocks = list(file.tree.messages("prometheus_config"))
    if not blocks:
        yield Hit(file.at(1), "The file has no prometheus_config.", _METRICS)
    for block in blocks:
        path = block.text("path")
        if block.text("enable") not in ("true", "True", "t", "1"):
            yield Hit(file.at(block.line_of("enable")), "Metrics aren't switched on.", _METRICS)
        if path is not None and not path.startswith("/"):
            message = f"The path '{path}' of the metrics has no slash in front."
            yield Hit(file.at(block.line_of("path")), message, f'write path: "/{path}".')
        elif path is not None and path.startswith("/v1/"):
            message = f"The path '{path}' of the metrics lies among those of the models."
            cause = "a request of that name for a model gets the metrics instead."
            fix = 'write path: "/monitoring/prometheus/metrics".'
            yield Hit(file.at(block.line_of("path")), message, fix, cause)


_METRICS = 'write prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }.'


def _overwritten(file: ConfigFile) -> Iterator[Hit]:
    if file.tree is None:
        return
    for name, flag in _OVERWRITTEN.items():
        if next(file.tree.all(name), None) is not None:
            message = f"{name} in this file is overwritten by the flag --{flag}, given or not."
            yield Hit(file.at(file.tree.line_of(name)), message, f"give --{flag} instead.")
    for options in file.tree.messages("gpu_options"):
        if next(options.all("per_process_gpu_memory_fraction"), None) is not None:
            message = "per_process_gpu_memory_fraction in this file is overwritten by the flag."
            fix = "give --per_process_gpu_memory_fraction instead."
            line = options.line_of("per_process_gpu_memory_fraction")
            yield Hit(file.at(line), message, fix)


def _not_pem(file: ConfigFile) -> Iterator[Hit]:
    for name in ("server_key", "server_cert", "custom_ca"):
        text = file.tree.text(name) if file.tree else None
        if text is not None and "-----BEGIN" not in text:
            message = f"{name} holds '{text[:40]}', not the text of a PEM file."
            fix = "put the file's contents there, its line ends written as \\n."
            yield Hit(file.at(file.tree.line_of(name)), message, fix)  # type: ignore[union-attr]


OTHER_CHECKS: dict[str, tuple[Check[ConfigFile], ...]] = {
    "monitoring": (Check("TFD286", "error", "the path answers with 404.", _metrics_off),),
    "session": (Check("TFD292", "error", "it is without effect.", _overwritten),),
    "ssl": (Check("TFD281", "error", "the server aborts at its start.", _not_pem),),
}
