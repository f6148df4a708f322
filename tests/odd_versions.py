"""Write versions of one model, some of them odd: ``python odd_versions.py FOLDER``.

1 and 2 answer y = 0.5 * x and twice = 2 * x; 3 has another y, 4 has no ``twice``, 5 answers NaN.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf

Answer = Callable[[Any], dict[str, Any]]
VERSIONS: dict[int, Answer] = {
    1: lambda x: {"y": 0.5 * x, "twice": 2.0 * x},
    2: lambda x: {"y": 0.5 * x + 1e-6, "twice": 2.0 * x},
    3: lambda x: {"y": 0.5 * x + 0.25, "twice": 2.0 * x},
    4: lambda x: {"y": 0.5 * x},
    5: lambda x: {"y": 0.5 * x, "twice": tf.math.log(-x)},
}


def save(folder: str, number: int, answer: Answer) -> None:
    module = tf.Module()
    module.f = tf.function(answer, input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    tf.saved_model.save(module, os.path.join(folder, str(number)), signatures=module.f)


if __name__ == "__main__":
    for number, answer in VERSIONS.items():
        save(sys.argv[1], number, answer)
