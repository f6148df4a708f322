"""What is wrong with a machine and a stack on it, why it matters, and how to mend it.

``gather`` looks and gives `Facts`; ``examine(facts, CHECKS)`` decides, and touches nothing;
``mend`` does what is safe.
"""

from tfdeploy.doctor.checks import CHECKS
from tfdeploy.doctor.checks.needs import NO_STACK
from tfdeploy.doctor.facts import Facts, load_facts, save_facts
from tfdeploy.doctor.finding import Check, Finding, Outcome, examine
from tfdeploy.doctor.gather import gather
from tfdeploy.doctor.mend import Repair, mend

__all__ = [
    "CHECKS",
    "NO_STACK",
    "Check",
    "Facts",
    "Finding",
    "Outcome",
    "Repair",
    "examine",
    "gather",
    "load_facts",
    "mend",
    "save_facts",
]
