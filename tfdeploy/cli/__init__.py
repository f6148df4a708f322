"""The command line: parse, call, print. Heavy imports live inside the command bodies."""

from tfdeploy.cli.main import main

__all__ = ["main"]
