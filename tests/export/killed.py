"""``python killed.py SOURCE TO ROUNDS``: kill as many exports at random moments.

One process imports TensorFlow and forks before TensorFlow does anything, so that a round takes
what an export takes and no more. Prints a line of JSON: how long a whole export took, and for
each round when it was killed, whether it had ended before, and what lay in the base path.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tfdeploy.exporting import Options, Recipe, export
from tfdeploy.exporting.tensorflow_import import import_tensorflow


def forked(work: Callable[[], None]) -> int:
    """The process id of a child that does ``work``."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    return pid


def main(source: str, to: Path, rounds: int) -> None:
    import_tensorflow()

    def run() -> None:
        options = Options(verify=False)
        export(Recipe(source), name="m", to=to, options=options, report=lambda _: None)

    def seconds_of_one() -> float:
        began = time.monotonic()
        _, status = os.waitpid(forked(run), 0)
        assert status == 0, "the export that nobody kills failed"
        return time.monotonic() - began

    # On a busy machine one may take twice as long as the next.
    whole = min(seconds_of_one() for _ in range(3))
    moments = random.Random(2026)
    found = []
    for _ in range(rounds):
        seconds = moments.random() * whole
        pid = forked(run)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        names = sorted(path.name for path in (to / "m").iterdir())
        found.append({"seconds": seconds, "ended": status == 0, "names": names})
    print(json.dumps({"whole": whole, "rounds": found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
