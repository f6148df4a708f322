"""What names of models and files mean, for all who take them from a user."""

from __future__ import annotations

# A model's name is a part of its REST address, and a folder's name.
MODEL_NAME = r"(?!\.+\Z)[A-Za-z0-9_.-]+"
MODEL_NAME_RULE = "letters, digits, _ . and -, not dots alone"
KERAS_FILES = (".keras", ".h5", ".hdf5")
