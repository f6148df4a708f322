"""One change of a stack at a time, written down: the lock, and the journal with its way back.

``read_journal(folder)`` gives a stack's `Journal`; ``journal.newest_first`` are its entries, each
with the command, who gave it and when, the plan and its causes, the result, and the stack before
and after: its file, and what each service served. ``label_before`` finds where a label pointed,
``versions_needed_by_undo`` what must stay on disk.
"""

from tfdeploy.journal.entry import Entry, Result, Served, State, served_by
from tfdeploy.journal.folder import JOURNAL_DIR, Damaged, Journal, Writer, read_journal
from tfdeploy.journal.lock import Holder, changing
from tfdeploy.journal.needed import label_before, versions_needed_by_undo

__all__ = [
    "JOURNAL_DIR",
    "Damaged",
    "Entry",
    "Holder",
    "Journal",
    "Result",
    "Served",
    "State",
    "Writer",
    "changing",
    "label_before",
    "read_journal",
    "served_by",
    "versions_needed_by_undo",
]
