"""What becomes of pixels before a network sees them: scale, mean and standard deviation."""

from __future__ import annotations

from typing import Any, NamedTuple


class Normalization(NamedTuple):
    """``(pixel / divisor - mean) / std``, with red, green and blue put in reverse before.

    ``mean`` and ``std`` are one number, or one for each channel (after the reversal).
    """

    divisor: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    reversed: bool = False

    @property
    def numbers(self) -> int:
        """How many numbers the longer of ``mean`` and ``std`` has."""
        return max(len(self.mean), len(self.std))


# Constants of keras.applications.imagenet_utils.preprocess_input and its three modes.
_TF = Normalization(127.5, (1.0,))
_TORCH = Normalization(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE = Normalization(1.0, (103.939, 116.779, 123.68), reversed=True)
_INSIDE = Normalization()  # The network has a layer that does it.

PRESETS: dict[str, Normalization] = {
    "convnext": _INSIDE,
    "densenet": _TORCH,
    "efficientnet": _INSIDE,
    "efficientnet_v2": _INSIDE,
    "inception_resnet_v2": _TF,
    "inception_v3": _TF,
    "mobilenet": _TF,
    "mobilenet_v2": _TF,
    "mobilenet_v3": _INSIDE,
    "nasnet": _TF,
    "regnet": _INSIDE,
    "resnet": _CAFFE,
    "resnet50": _CAFFE,
    "resnet_rs": _INSIDE,
    "resnet_v2": _TF,
    "vgg16": _CAFFE,
    "vgg19": _CAFFE,
    "xception": _TF,
}


def normalized(tf: Any, pixels: Any, by: Normalization) -> Any:
    """Pixels, float32 [..., channels], as a network wants them; the shape stays."""
    if by.reversed:
        pixels = tf.reverse(pixels, axis=[-1])
    # What changes nothing stays out of the graph.
    if by.divisor != 1.0:
        pixels = pixels / by.divisor
    if any(by.mean):
        pixels = pixels - tf.constant(by.mean, tf.float32)
    if any(one != 1.0 for one in by.std):
        pixels = pixels / tf.constant(by.std, tf.float32)
    return pixels
