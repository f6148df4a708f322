"""The bare loop: the embedded server's session calls in one process and thread, no protocol.

``python -m benchmarks.serving.bare MODELS_FOLDER MODEL...`` loads the models, then answers each
line ``CASE SECONDS`` of its stdin with one line of JSON. A run takes a numpy array and gives one.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.cases import HEAVY, Case, load_cases
from benchmarks.serving.figures import percentile
from tfdeploy.server.engine import create_engine
from tfdeploy.server.flags import Flags
from tfdeploy.server.session_config import session_config
from tfdeploy.server.signature import DEFAULT_SIGNATURE, read_signatures
from tfdeploy.server.tensor import Tensor


@dataclass
class Loop:
    """One loaded model and how its default signature is called."""

    session: Any
    signature: Any

    def call(self, case: Case) -> Any:
        """A function that runs the case once and returns the output's array."""
        port = self.signature.inputs[case.alias]
        feeds = [[Tensor(port.dtype, case.values())]]
        fetches = (self.signature.outputs[case.output].tensor_name,)
        # As the server does: short runs in the calling thread, long ones on TensorFlow's.
        inline = case.name != HEAVY
        run = self.session.prepare((port.tensor_name,), fetches).run
        return lambda: run(feeds, inline, 0)[0].array


def load(folder: Path) -> Loop:
    session = create_engine("capi").load(
        str(folder), ("serve",), session_config(Flags()).SerializeToString()
    )
    _, signatures = read_signatures(session.meta_graph)
    return Loop(session, signatures[DEFAULT_SIGNATURE])


def measure(call: Any, seconds: float) -> dict[str, Any]:
    latencies = []
    began, used = time.perf_counter(), time.process_time()
    until, now = began + seconds, began
    while now < until:
        call()
        before, now = now, time.perf_counter()
        latencies.append(now - before)
    used = time.process_time() - used
    latencies.sort()
    return {
        "requests": len(latencies),
        "seconds": now - began,
        "p50_us": percentile(latencies, 0.5) * 1e6,
        "p99_us": percentile(latencies, 0.99) * 1e6,
        "cpu_seconds": used,
    }


def main() -> None:
    """Answer the lines of stdin."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    cases = load_cases(folder)
    loops = {name: load(folder / name / "1") for name in names}
    print("ready", flush=True)
    for line in sys.stdin:
        name, seconds = line.split()
        case = cases[name]
        call = loops[case.model].call(case)
        case.check(call())
        print(json.dumps(measure(call, float(seconds))), flush=True)


if __name__ == "__main__":
    main()
