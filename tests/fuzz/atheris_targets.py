"""Coverage-guided fuzzing: `python -m tests.fuzz.atheris_targets TARGET --seconds N --corpus DIR`.

Needs the optional dependencies `fuzz` (Linux only). What it finds new goes to DIR, which is made;
the inputs in tests/fuzz/corpus/TARGET are where it starts. An input that breaks something ends it:
the input is then in DIR's neighbour DIR.found, and libFuzzer's report on stderr.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

import atheris

from tests.fuzz.corpus_files import CORPUS, TARGETS, Check

_MODULE = "tests.fuzz.atheris_targets"
_INSTRUMENTED = ["tfdeploy", "google.protobuf.text_format", "json"]
_LONGEST_INPUT_BYTES = 8_192
_SLOWEST_INPUT_SECONDS = 20
_MEMORY_MIB = 2_048


def load_target(name: str) -> Check:
    """The target's check, with everything that it runs through instrumented."""
    with atheris.instrument_imports(include=_INSTRUMENTED):
        module = importlib.import_module(TARGETS[name])
    check: Check = module.check
    return check


def fuzz_argv(target: str, corpus: Path, seconds: int) -> list[str]:
    """libFuzzer's command line for a run of that many seconds."""
    found = Path(f"{corpus}.found")
    found.mkdir(parents=True, exist_ok=True)
    return [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/",
        f"-max_len={_LONGEST_INPUT_BYTES}",
        f"-timeout={_SLOWEST_INPUT_SECONDS}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        "-print_final_stats=1",
        str(corpus),
        str(CORPUS / target),
    ]


def merge_argv(target: str, corpus: Path) -> list[str]:
    """libFuzzer's command line that keeps the least inputs of DIR in tests/fuzz/corpus/TARGET."""
    return [
        "-set_cover_merge=1",
        "-use_counters=0",  # a line reached twice as often is no reason to keep a file
        f"-max_len={_LONGEST_INPUT_BYTES}",
        str(CORPUS / target),
        str(corpus),
    ]


def main(words: list[str]) -> None:
    """Run one target; libFuzzer ends the process with its own exit code, 0 when nothing broke."""
    parser = argparse.ArgumentParser(prog=_MODULE, description=__doc__, allow_abbrev=False)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="default: .fuzz/TARGET")
    parser.add_argument("--merge", action="store_true", help="shrink DIR into the kept corpus")
    options, own = parser.parse_known_args(words)
    corpus = options.corpus or Path(".fuzz", options.target)
    corpus.mkdir(parents=True, exist_ok=True)
    # Refusals are logged; a fuzzer makes millions of them.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    check = load_target(options.target)
    if own:
        argv = own
    elif options.merge:
        argv = merge_argv(options.target, corpus)
    else:
        argv = fuzz_argv(options.target, corpus, options.seconds)
    # To merge, libFuzzer starts itself again through a shell, with flags of its own behind this.
    itself = f"{sys.executable} -m {_MODULE} {options.target}"
    atheris.Setup([itself, *argv], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
