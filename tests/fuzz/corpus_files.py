"""The corpus: inputs that once reached something new, and those that once broke something.

Files named `regression-...` are kept by hand; the others were chosen by libFuzzer's merge.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"
TARGETS: Final = {
    "json": "tests.fuzz.json_target",
    "http": "tests.fuzz.http_target",
    "textproto": "tests.fuzz.text_target",
    "flags": "tests.fuzz.flags_target",
    "tensorproto": "tests.fuzz.tensor_target",
}

Check = Callable[[bytes], None]


def inputs(target: str) -> list[Path]:
    """The files of one target, in a fixed order."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())
