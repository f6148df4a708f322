"""What is wrong with a set-up: tfdeploy's own, or anybody's. Reads files, starts nothing."""

from tfdeploy.lint.finding import Check, Finding, Place, Word
from tfdeploy.lint.run import lint_setup
from tfdeploy.lint.server import Server
from tfdeploy.lint.setup import Setup, read_command_line, read_setup

__all__ = [
    "Check",
    "Finding",
    "Place",
    "Server",
    "Setup",
    "Word",
    "lint_setup",
    "read_command_line",
    "read_setup",
]
