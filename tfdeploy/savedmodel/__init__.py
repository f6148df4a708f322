"""What lies on disk: SavedModels and their numbered versions, read without TensorFlow."""

from tfdeploy.savedmodel.reading import is_saved_model, read_saved_model
from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo
from tfdeploy.savedmodel.versions import (
    VersionFolder,
    check_base_path,
    ignored_folders,
    list_versions,
    next_version,
    parse_version,
)

__all__ = [
    "SavedModel",
    "Signature",
    "TensorInfo",
    "VersionFolder",
    "check_base_path",
    "ignored_folders",
    "is_saved_model",
    "list_versions",
    "next_version",
    "parse_version",
    "read_saved_model",
]
