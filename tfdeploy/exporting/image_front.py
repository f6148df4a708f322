"""The image front: bytes of an encoded image in, what the model wants out.

Without it clients decode, resize and rescale on their own, and the smallest difference to the
training costs accuracy without an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfdeploy.errors import TfdeployError

_METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")


@dataclass(frozen=True)
class ImageFront:
    """How an encoded image (PNG, JPEG, BMP, or a GIF's first frame) becomes a model's input.

    ``pixel * scale + offset`` is what the model gets, from pixels of 0 to 255 that were resized
    without anti-aliasing, as Keras does it in ``image_dataset_from_directory``. Height and width
    (pixels) and channels (1, 3 or 4) come from the model where they are left out.
    """

    alias: str = "image_bytes"
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    scale: float = 1.0
    offset: float = 0.0
    method: str = "bilinear"

    def __post_init__(self) -> None:
        """Refuse what can't work before anything is loaded.

        The server's REST API takes and gives base64 for a tensor whose alias ends in ``_bytes``
        (TensorFlow Serving, util/json_tensor.cc).

        Raises:
            TfdeployError: TFD116.
        """
        if not self.alias.isidentifier() or not self.alias.endswith("_bytes"):
            raise _wrong(
                f"The image input can't be called '{self.alias}': it carries bytes.",
                "choose a name of letters and digits that ends in `_bytes`, such as image_bytes.",
            )
        if self.method not in _METHODS:
            raise _wrong(
                f"There is no resize method '{self.method}'.",
                f"choose one of {', '.join(_METHODS)}.",
            )
        if self.channels not in (None, 1, 3, 4):
            raise _wrong(
                f"An image can't be decoded to {self.channels} channels.", "choose 1, 3 or 4."
            )


@dataclass(frozen=True)
class ImageShape:
    """What the model takes per image; without ``channel_axis`` it takes [height, width]."""

    height: int
    width: int
    channels: int
    channel_axis: bool


def fit(front: ImageFront, shape: tuple[int | None, ...] | None) -> ImageShape:
    """The size that images are brought to, for a model input of ``shape`` with its batch.

    Raises:
        TfdeployError: TFD116 when the input is no [batch, height, width] or [batch, height,
            width, channels], leaves a size open, or contradicts the front.
    """
    if shape is None or len(shape) not in (3, 4):
        raise _wrong(
            f"The model's input has the shape {_written(shape)}, which is no image.",
            "the image front fits [?, height, width] and [?, height, width, channels].",
        )
    height = _agreed("height", front.height, shape[1], shape)
    width = _agreed("width", front.width, shape[2], shape)
    if len(shape) == 3:
        return ImageShape(height, width, _agreed("channels", front.channels, 1, shape), False)
    channels = 3 if front.channels is None and shape[3] is None else front.channels
    channels = _agreed("channels", channels, shape[3], shape)
    if channels not in (1, 3, 4):
        raise _wrong(
            f"The model's input has the shape {_written(shape)}, and no image has {channels} "
            "channels.",
            "the image front puts the channels last: 1, 3 or 4.",
        )
    return ImageShape(height, width, channels, True)


def _agreed(what: str, asked: int | None, given: int | None, shape: tuple[int | None, ...]) -> int:
    if asked is None and given is None:
        raise _wrong(
            f"The model's input has the shape {_written(shape)}, which leaves the {what} open.",
            f"say which {what} images are brought to.",
        )
    if asked is not None and given is not None and asked != given:
        raise _wrong(
            f"The image front asks for {what} = {asked}, and the model's input has the shape "
            f"{_written(shape)}.",
            f"leave the {what} out: it comes from the model.",
        )
    return asked if asked is not None else given or 0


def pixels_of(tf: Any, front: ImageFront, size: ImageShape, dtype: Any) -> Any:
    """The function of one encoded image (a string scalar) to one model input."""

    def pixels(encoded: Any) -> Any:
        image = tf.io.decode_image(encoded, channels=size.channels, expand_animations=False)
        image.set_shape([None, None, size.channels])
        image = tf.image.resize(image, [size.height, size.width], method=front.method)
        image = tf.cast(image, tf.float32) * front.scale + front.offset
        if not size.channel_axis:
            image = tf.squeeze(image, axis=-1)
        # A cast alone would cut 254.9999 down to 254.
        image = image if dtype.is_floating else tf.round(image)
        return tf.saturate_cast(image, dtype)

    return pixels


def put_before(tf: Any, front: ImageFront, function: Any) -> Any:
    """A concrete function of image bytes, shape [batch], in front of a model's own.

    Raises:
        TfdeployError: TFD116 when the model has another number of inputs than one, or its input
            is no image.
    """
    positional, named = function.structured_input_signature
    specs = tf.nest.flatten((positional, named))
    if len(specs) != 1:
        raise _wrong(
            f"The model has {len(specs)} inputs, and the image front fills one.",
            "leave the image front out, or export a model with one image input.",
        )
    spec = specs[0]
    rank = spec.shape.rank
    size = fit(front, None if rank is None else tuple(spec.shape))
    pixels = pixels_of(tf, front, size, spec.dtype)
    result = tf.TensorSpec(spec.shape[1:].merge_with(_dims(size)), spec.dtype)

    def serve(**inputs: Any) -> Any:
        images = tf.map_fn(pixels, inputs[front.alias], fn_output_signature=result)
        return function(**{next(iter(named)): images}) if named else function(images)

    bytes_in = tf.TensorSpec([spec.shape[0]], tf.string, name=front.alias)
    return tf.function(serve, autograph=False).get_concrete_function(**{front.alias: bytes_in})


def _dims(size: ImageShape) -> list[int]:
    dims = [size.height, size.width]
    return [*dims, size.channels] if size.channel_axis else dims


def _written(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "[...]"
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"


def _wrong(message: str, hint: str) -> TfdeployError:
    return TfdeployError("TFD116", message, where="--image", hint=hint)
