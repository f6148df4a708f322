"""What lies on disk: SavedModels and their numbered versions, read without TensorFlow."""

from tfdeploy.savedmodel.contract import Change, contract_changes, signature_changes
from tfdeploy.savedmodel.defects import DEFECT_KINDS, Defect, Limits, find_defects
from tfdeploy.savedmodel.explaining import explain_names
from tfdeploy.savedmodel.manifest import MANIFEST, manifest_answer, manifest_samples, read_manifest
from tfdeploy.savedmodel.reading import is_saved_model, read_saved_model, size_bytes
from tfdeploy.savedmodel.signatures import SavedModel, Signature, TensorInfo
from tfdeploy.savedmodel.versions import (
    VersionFolder,
    check_base_path,
    ignored_folders,
    list_versions,
    next_version,
    parse_version,
)
from tfdeploy.savedmodel.warmup import WARMUP_FILE, Warmup, read_warmup
from tfdeploy.savedmodel.weights import weights_bytes

__all__ = [
    "DEFECT_KINDS",
    "MANIFEST",
    "WARMUP_FILE",
    "Change",
    "Defect",
    "Limits",
    "SavedModel",
    "Signature",
    "TensorInfo",
    "VersionFolder",
    "Warmup",
    "check_base_path",
    "contract_changes",
    "explain_names",
    "find_defects",
    "ignored_folders",
    "is_saved_model",
    "list_versions",
    "manifest_answer",
    "manifest_samples",
    "next_version",
    "parse_version",
    "read_manifest",
    "read_saved_model",
    "read_warmup",
    "signature_changes",
    "size_bytes",
    "weights_bytes",
]
