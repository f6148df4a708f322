"""Somebody's set-up → a stack, with everything named that found no place in it. Writes nothing."""

from tfdeploy.importing.comparison import compare
from tfdeploy.importing.imported import Imported, Leftover
from tfdeploy.importing.setup import checked, import_setup

__all__ = ["Imported", "Leftover", "checked", "compare", "import_setup"]
