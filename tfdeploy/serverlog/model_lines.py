"""Lines about base paths, versions, and models that don't load."""

from __future__ import annotations

from tfdeploy.serverlog.known import Known, Tells

_SOURCE = "sources/storage_path/file_system_storage_path_source.cc"
_COPY = (
    "publish it whole under the next number: copy it beside and rename it, as `tfdeploy export` "
    "does."
)

PATH_LINES = (
    Known(
        r"Could not find base path (?P<path>(?!file:)\w+://\S+) for servable (?P<model>\S+)",
        "TFD498",
        "The server can't look into {path}.",
        "see that the bucket exists, that the container reaches it, and that it has credentials.",
        _SOURCE,
        Tells.PATH,
    ),
    Known(
        r"Could not find base path (?P<path>.+?) for servable (?P<model>\S+?)"
        r"(?: with error .*)?$",
        "TFD112",
        "The server sees no folder {path}; no model's versions are looked for until it does.",
        "mount the folder there, or write the base path as the server sees it.",
        _SOURCE + "; #1705, #1693",
        Tells.PATH,
    ),
    Known(
        r"file-?system access error: (?P<path>.+); Permission denied",
        "TFD215",
        "The server's user may not look into {path}.",
        "give it read and search permission (chmod -R a+rX), or the label :z where SELinux is on.",
        _SOURCE + "; #1748",
        Tells.PATH,
    ),
    Known(
        r"file-?system access error: (?P<path>.+); Not a directory",
        "TFD112",
        "The base path {path} is a file.",
        "give the folder that holds the numbered versions.",
        _SOURCE,
        Tells.PATH,
    ),
    Known(
        r"No versions of servable (?P<model>.+?) found under base path (?P<path>.+?)"
        r"(?:\. Did you|\.?$)",
        "TFD113",
        "The folder {path} has no version: no subfolder whose name is a number.",
        "let the base path be the folder above the numbered one (/models/NAME/1 holds the model).",
        _SOURCE + "; #1419, #1448",
        Tells.VERSIONS,
    ),
    Known(
        r"Version (?P<version>-?\d+) of servable (?P<model>.+?), which was requested to be served "
        r"as a 'specific' version",
        "TFD113",
        "The config asks for this version, and its folder isn't there.",
        "publish it, or take it out of the version policy.",
        _SOURCE,
        Tells.HINT,
    ),
    Known(
        r"Duplicate version directories detected\. Version (?P<number>-?\d+) will be loaded from "
        r"(?P<taken>.+?), (?P<left>.+?) will be ignored",
        "TFD497",
        "The folders {taken} and {left} both mean version {number}; the first is served.",
        "delete or rename one of them.",
        _SOURCE,
    ),
    Known(
        r"All attempts to get a Google authentication bearer token failed",
        "TFD498",
        "There are no credentials for Google Cloud Storage.",
        "set GOOGLE_APPLICATION_CREDENTIALS to a mounted key file; a public bucket needs none.",
        "tsl/platform/cloud/google_auth_provider.cc",
        Tells.HINT,
    ),
)

LOAD_LINES = (
    Known(
        r"Specified file path does not appear to contain a SavedModel bundle",
        "TFD110",
        "The version's folder holds no saved_model.pb.",
        _COPY,
        "tensorflow/cc/saved_model/reader.cc",
        Tells.LOAD,
    ),
    Known(
        r"Session Bundle is deprecated and removed",
        "TFD110",
        "It is a session bundle, a format before SavedModel that no server reads any more.",
        "export it as a SavedModel.",
        "session_bundle/oss/session_bundle_util.cc",
        Tells.LOAD,
    ),
    Known(
        r"reserve resources to load servable .*?: (?P<path>/\S+); Not a directory",
        "TFD110",
        "The version {path} is a file, not a folder.",
        "keep files whose names are numbers out of the base path.",
        "core/basic_manager.cc",
        Tells.LOAD,
    ),
    Known(
        r"Can't parse (?P<file>\S+) as (?:binary|text) proto",
        "TFD111",
        "{file} is cut short, or is no SavedModel.",
        _COPY,
        "tensorflow/cc/saved_model/reader.cc",
        Tells.LOAD,
    ),
    Known(
        r"Could not find meta graph def matching supplied tags: \{ (?P<tags>[^}]*?) ?\}",
        "TFD111",
        "The SavedModel has no graph with just the tags '{tags}'.",
        "export it with the tag serve, which `tfdeploy export` does, or give --saved_model_tags.",
        "tensorflow/cc/saved_model/reader.cc",
        Tells.LOAD,
    ),
    Known(
        r"Read less bytes than requested|Read fewer bytes than requested",
        "TFD111",
        "A file of its variables is shorter than its index says: it was still being copied.",
        _COPY,
        "tensorflow/core/util/tensor_bundle; #631",
        Tells.LOAD,
    ),
    Known(
        r"Checksum does not match: stored|not an sstable \(bad magic number\)"
        r"|file is too short to be an sstable",
        "TFD111",
        "A file of its variables is damaged.",
        _COPY,
        "tensorflow/core/util/tensor_bundle, lib/io/table.cc; #1441",
        Tells.LOAD,
    ),
    Known(
        r"Op type not registered '(?P<op>\w*Py[Ff]unc\w*)'",
        "TFD118",
        "The model calls Python ({op}), which no server can.",
        "write that step in TensorFlow ops, or do it before the request.",
        "tensorflow/core/framework/op.cc; #992",
        Tells.LOAD,
    ),
    Known(
        r"Op type not registered '(?P<op>[^']+)'",
        "TFD118",
        "The server has no op '{op}': it is a custom one, or newer than the server.",
        "take a server no older than the TensorFlow that exported the model, or one with that op "
        "built in.",
        "tensorflow/core/framework/op.cc; #1155, #1167",
        Tells.LOAD,
    ),
    Known(
        r"NodeDef mentions attr '(?P<attr>[^']+)' not in Op<name=(?P<op>\w+)",
        "TFD118",
        "The model was exported with a newer TensorFlow than the server's: its {op} has '{attr}'.",
        "take a server no older than the TensorFlow that exported the model.",
        "tensorflow/core/framework/node_def_util.cc; #831, #1737",
        Tells.LOAD,
    ),
    Known(
        r"Cannot assign a device (?:for operation|to node) .*?(?:device:GPU|gpu):(?P<number>\d+)",
        "TFD118",
        "The model is pinned to GPU {number}, and the server has none of that number.",
        "export it again: `tfdeploy export` takes device names out; or give the server the GPU.",
        "tensorflow/core/common_runtime/placer.cc; #403, #477",
        Tells.LOAD,
    ),
    Known(
        r"Could not find variable (?P<variable>\S+?)\. This could mean that the variable",
        "TFD104",
        "The model's variables weren't restored: {variable} has no value.",
        "export it again with `tfdeploy export`, which asks it in a fresh process; or publish the "
        "variables, where their folder wasn't copied.",
        "tensorflow/core/kernels/resource_variable_ops.cc; #2250, keras-team/keras#20095",
        Tells.HINT,
    ),
    Known(
        r"Number of warmup records exceeds the maximum",
        "TFD118",
        "Its warm-up file has more than 1000 requests.",
        "write fewer; a few of each shape will do.",
        "servables/tensorflow/saved_model_warmup_util.cc",
        Tells.LOAD,
    ),
    Known(
        r"Please verify your warmup data is in TFRecord format",
        "TFD118",
        "Its warm-up file is no TFRecord file.",
        "write it anew, which `tfdeploy export` does, or delete it.",
        "servables/tensorflow/saved_model_warmup_util.cc",
        Tells.LOAD,
    ),
    Known(
        r"\{name: .*Signature input alias: (?P<alias>[^(]+)\(feed name: [^)]*\) not found in "
        r"request",
        "TFD118",
        "A warm-up request lacks the input '{alias}', and one that fails fails the load.",
        "write the warm-up file anew, which `tfdeploy export` does, or delete it.",
        "servables/tensorflow/predict_util.cc, run by saved_model_warmup.cc",
        Tells.LOAD,
    ),
    Known(
        r"(?P<path>/\S+); (?:No such file or directory|Permission denied)",
        "TFD111",
        "The server can't read {path}.",
        "see that it is there and readable for the server's user, then publish it under the next "
        "number.",
        "tsl/platform/default/posix_file_system.cc",
        Tells.HINT,
    ),
)
