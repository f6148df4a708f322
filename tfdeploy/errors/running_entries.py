"""Stories of the errors of commands that look at what runs, wait for it, or clean up behind it."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

RUNNING_ENTRIES: dict[str, Entry] = {
    "TFD450": Entry(
        Exit.DEPLOY,
        "What is waited for can't come any more",
        "`tfdeploy wait` ends at once where waiting is in vain: the stack isn't up or a service "
        "ended, a version failed to load (the server never tries a number again that failed: "
        "tensorflow_serving/core/aspired_versions_manager.cc), the stack file doesn't want that "
        "version or label, or only `tfdeploy up` would bring it. While another command changes "
        "the stack, `wait` goes on.",
    ),
    "TFD451": Entry(
        Exit.DEPLOY,
        "What was waited for didn't come in time",
        "`--timeout SECONDS` waits longer. The message says what is still missing, and what the "
        "server's log says of it.",
    ),
    "TFD452": Entry(
        Exit.USAGE,
        "Nobody is there to confirm",
        "What is deleted doesn't come back, so `prune` asks first. Where it can't ask, in a "
        "script, `--yes` says that it was meant; `--dry-run` shows what would go.",
    ),
    "TFD453": Entry(
        Exit.USAGE,
        "It isn't known what another stack needs",
        "Stacks share the models folder. `prune` spares what any stack in the same stacks folder "
        "wants, serves, or needs for an undo; where one of them can't be read, nothing is deleted.",
    ),
    "TFD510": Entry(
        Exit.REQUEST,
        "Two versions can be compared only while both serve",
        "`tfdeploy canary STACK MODEL VERSION` serves old and new side by side; so does "
        "`tfdeploy add-model STACK MODEL --versions 3,4 --up`.",
    ),
    "TFD511": Entry(
        Exit.USAGE,
        "There are no requests to compare with",
        "`tfdeploy export` keeps sample requests beside the model, in tfdeploy.json. For a version "
        "that wasn't exported with samples, give a file: one JSON document as `tfdeploy predict` "
        "takes, or one on each line.",
    ),
}
