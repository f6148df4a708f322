"""Errors of labels and versions that move, and of the gate before they do."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

VERSION_ENTRIES: dict[str, Entry] = {
    "TFD230": Entry(
        Exit.USAGE,
        "A check's file can't be read",
        "`checks:` of a model names requests, and what they should be answered, in place or as "
        "files. A file holds one JSON document: a request as `tfdeploy predict` takes it, or an "
        "answer as `tfdeploy predict --json` prints it.",
    ),
    "TFD231": Entry(
        Exit.USAGE,
        "That version can't be moved to",
        "A label moves to a version that lies on disk, under the model's base path; "
        "`tfdeploy versions STACK MODEL` lists them. A version that a label points at isn't "
        "dropped: the label moves away first.",
    ),
    "TFD232": Entry(
        Exit.USAGE,
        "There is nothing to go back to",
        "`rollback` goes to the version that the label pointed at before; where no change of it is "
        "written down, to the next lower version on disk. There is neither.",
    ),
    "TFD430": Entry(
        Exit.DEPLOY,
        "A version doesn't answer as it should",
        "Before a label moves to a version, that version serves beside the old one and is asked: "
        "the requests under `checks:` of the model in the stack file, or else the samples that its "
        "export recorded. An answer lacked an output, had another shape, held NaN or infinity, or "
        "differed from what was expected by more than the tolerance. The label stayed where it "
        "was, and what served before serves on.",
    ),
    "TFD431": Entry(
        Exit.DEPLOY,
        "Clients would break with the new version",
        "The signatures of the version that a label moves to lack something that clients of the "
        "version before rely on: an output that is gone, a new input, another type or shape. The "
        "label stayed where it was. Where that is meant, give the new contract a label or a name "
        "of its own, or move the label with --no-checks.",
    ),
    "TFD432": Entry(
        Exit.DEPLOY,
        "The number of that version is burned",
        "The running server tried to load this version, failed, and doesn't try a number again "
        "while the model stays in its config (tensorflow_serving/core/"
        "aspired_versions_manager.cc), whatever lies in its folder now. Publish the mended model "
        "under the next number. A restart of the service, or a model that leaves the config and "
        "comes back, tries the number again; meanwhile the model doesn't answer.",
    ),
}
