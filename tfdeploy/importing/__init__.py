"""Somebody's set-up → a stack, with everything named that found no place in it. Writes nothing."""

from tfdeploy.importing.comparison import compare
from tfdeploy.importing.imported import Imported, Leftover
from tfdeploy.importing.setup import import_setup

__all__ = ["Imported", "Leftover", "compare", "import_setup"]
