"""Bytes to pixels, and pixels to another size: ops for one image each."""

from __future__ import annotations

from typing import Any

METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")
KEEP_ASPECT = ("pad", "crop")


def decoded(tf: Any, encoded: Any, channels: int) -> Any:
    """Pixels, uint8 [height, width, channels], of one JPEG, PNG, BMP, or a GIF's first frame.

    A JPEG is decoded with the accurate integer transform, as Pillow and most others do it:
    decode_image takes the fast one, whose pixels are up to 6 of 255 off.
    """
    image = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: _jpeg(tf, encoded, channels),
        lambda: _other(tf, encoded, channels),
    )
    image.set_shape([None, None, channels])
    return image


def _jpeg(tf: Any, encoded: Any, channels: int) -> Any:
    colours = min(channels, 3)
    image = tf.io.decode_jpeg(encoded, channels=colours, dct_method="INTEGER_ACCURATE")
    return _with_channels(tf, image, channels)


def _other(tf: Any, encoded: Any, channels: int) -> Any:
    if channels == 3:
        return tf.io.decode_image(encoded, channels=3, expand_animations=False)
    # decode_image makes no grey of a BMP or a GIF, and no fourth channel of a GIF.
    return tf.cond(
        tf.equal(tf.strings.substr(encoded, 0, 4), b"\x89PNG"),
        lambda: tf.io.decode_png(encoded, channels=channels),
        lambda: _with_channels(
            tf, tf.io.decode_image(encoded, channels=3, expand_animations=False), channels
        ),
    )


def _with_channels(tf: Any, image: Any, channels: int) -> Any:
    """Grey, or the same colours with an alpha of 255, of an image of three channels."""
    if channels == 4:
        return tf.concat([image, tf.fill(tf.shape(image[..., :1]), tf.constant(255, tf.uint8))], 2)
    if channels == 1 and image.shape[-1] != 1:
        image.set_shape([None, None, 3])
        return tf.image.rgb_to_grayscale(image)
    return image


def checked_shape(tf: Any, image: Any, shape: Any, aliases: str) -> Any:
    """The image, if it has the height, width and channels that the request says it has."""
    message = (
        f"{aliases} disagree: of the numbers below, x is the image's height, width and channels, "
        "and y what the request says"
    )
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(image), shape, message)]):
        return tf.identity(image)


def raw_pixels(tf: Any, data: Any, shape: Any, channels: int, aliases: str) -> Any:
    """Pixels, uint8 [height, width, channels], of bytes that are just these, row by row."""
    pixels = tf.io.decode_raw(data, tf.uint8)
    deep = tf.debugging.assert_equal(
        shape[2], channels, f"{aliases} don't suit the model: it takes {channels} channels"
    )
    message = f"{aliases} disagree: height * width * channels must be the number of bytes"
    full = tf.debugging.assert_equal(tf.reduce_prod(shape), tf.size(pixels), message)
    with tf.control_dependencies([deep, full]):
        image = tf.reshape(pixels, shape)
    image.set_shape([None, None, channels])
    return image


def resized(
    tf: Any, image: Any, size: tuple[int, int], method: str, keep: str | None, pad_value: float
) -> Any:
    """An image of ``size`` (height, width), float32, without anti-aliasing.

    ``keep="pad"`` fits the longer side and pads both ends of the other with ``pad_value``, as
    tf.image.resize_with_pad does with 0; ``keep="crop"`` cuts the centre out to the aspect that
    is wanted, and fits that, as keras.utils.image_dataset_from_directory does with
    crop_to_aspect_ratio; None stretches.
    """
    image = tf.cast(image, tf.float32)
    if keep == "pad":
        return tf.image.resize_with_pad(image - pad_value, *size, method=method) + pad_value
    if keep == "crop":
        image = _centre(tf, image, *size)
    return tf.image.resize(image, size, method=method)


def _centre(tf: Any, image: Any, height: int, width: int) -> Any:
    rows, columns = tf.unstack(tf.shape(image)[:2])
    tall = tf.clip_by_value(columns * height // width, 1, rows)
    wide = tf.clip_by_value(rows * width // height, 1, columns)
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return image[top : top + tall, left : left + wide]
