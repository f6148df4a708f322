"""Ops by what they mean for serving.

Names are TensorFlow's own registrations; what ``tensorflow_model_server`` has linked stands in its
model_servers/BUILD, SUPPORTED_TENSORFLOW_OPS: TensorFlow's core, TensorFlow Text and the
inference ops of Decision Forests.
"""

from __future__ import annotations

PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})

READING_OPS = frozenset(
    {
        *("ReadFile", "WriteFile", "MatchingFiles", "MatchingFilesDataset"),
        *("WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2"),
        *("TFRecordReader", "TFRecordReaderV2", "FixedLengthRecordReader"),
        *("FixedLengthRecordReaderV2", "TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2"),
        *("FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "CSVDataset", "CSVDatasetV2"),
        *("SqlDataset", "LMDBDataset", "LMDBReader", "CreateSummaryFileWriter"),
    }
)

# Those with a state of their own: the stateless ones answer alike for one seed.
RANDOM_OPS = frozenset(
    {
        *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal"),
        *("ParameterizedTruncatedNormal", "Multinomial", "RandomGamma", "RandomPoisson"),
        *("RandomPoissonV2", "RandomShuffle", "RandomCrop", "RngReadAndSkip"),
        *("StatefulUniform", "StatefulUniformInt", "StatefulUniformFullInt"),
        *("StatefulStandardNormal", "StatefulStandardNormalV2", "StatefulTruncatedNormal"),
        *("StatefulRandomBinomial", "AllCandidateSampler", "FixedUnigramCandidateSampler"),
        *("LearnedUnigramCandidateSampler", "LogUniformCandidateSampler"),
        *("ThreadUnsafeUnigramCandidateSampler", "UniformCandidateSampler"),
    }
)

# A name in a namespace belongs to a library outside of TensorFlow's core.
_LINKED_NAMESPACES = frozenset({"TFText"})
_TENSORRT = (
    "TRTEngineOp",
    "CreateTRTResourceHandle",
    "InitializeTRTResource",
    "GetCalibrationDataOp",
)
_HOROVOD = "Horovod"


def why_not_linked(op: str) -> str:
    """Why the server lacks that op, in words; empty where it has it, or can't be judged by name."""
    namespace, is_spaced, _ = op.partition(">")
    if is_spaced and namespace not in _LINKED_NAMESPACES:
        return f"the library {namespace} isn't linked with it"
    if op in _TENSORRT:
        return "TensorRT isn't linked with it"
    if op.startswith(_HOROVOD):
        return "Horovod isn't linked with it"
    # Registered everywhere, and run by TPUs alone.
    return "it runs on TPUs alone" if "TPU" in op or op.startswith("Tpu") else ""


def is_initializer(node: str) -> bool:
    """Whether that node gives a TF1 variable its first value, which no request asks for."""
    return "nitializer/" in node
