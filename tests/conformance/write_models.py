"""`write_models.py FOLDER`: the models of `data/make_models.py`, without tensorflow-serving-api.

That package is only needed there for the warm-up records, which are written here with the
project's own messages.
"""

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

from tfdeploy import wire

_DATA = Path(__file__).parent / "data"
_STEPS = (
    *("half_plus", "multi", "classify_regress", "strings", "image", "dtypes", "shapes"),
    *("special", "batch", "mlp", "no_default", "defaults", "tags", "broken"),
)


def _predict_log(model: str, alias: str, values: list[float]) -> bytes:
    log = wire.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    tensor = request.inputs[alias]
    tensor.dtype = wire.DataType.DT_FLOAT
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.float_val.extend(values)
    serialized: bytes = log.SerializeToString()
    return serialized


def _warm(tf: Any, folder: Path) -> None:
    for name, alias, values in (("warm", "x", [1.0, 2.0]), ("warm_bad", "nope", [1.0])):
        version = folder / name / "1"
        shutil.copytree(folder / "half_plus_two" / "1", version)
        (version / "assets.extra").mkdir()
        path = version / "assets.extra" / "tf_serving_warmup_requests"
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(_predict_log(name, alias, values))


def main(folder: Path) -> None:
    """Write all models."""
    folder.mkdir(parents=True)
    script = runpy.run_path(str(_DATA / "make_models.py"))
    for step in _STEPS:
        script[step](str(folder))
    _warm(script["tf"], folder)
    for leftover in folder.rglob("fingerprint.pb"):
        leftover.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
