"""The image front: bytes of an encoded image in, what the model wants out.

Without it clients decode, resize and rescale on their own, and the smallest difference to the
training costs accuracy without an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfdeploy.exporting.fronts.front import Fitted, the_input
from tfdeploy.exporting.fronts.image_shapes import ImageShape, check_sizes, image_shape, wrong
from tfdeploy.exporting.fronts.pixels import (
    KEEP_ASPECT,
    METHODS,
    checked_shape,
    decoded,
    raw_pixels,
    resized,
)
from tfdeploy.exporting.fronts.presets import PRESETS, Normalization, normalized


@dataclass(frozen=True)
class ImageFront:
    """How an encoded image (PNG, JPEG, BMP, or a GIF's first frame) becomes a model's input.

    Bytes come as ``alias``, string [batch]; or [batch, images] where the model takes several
    images a row, [batch, images, height, width, channels]. Images of one request may have
    different sizes. Height and width (pixels) and channels (1, 3 or 4) come from the model where
    they are left out. ``into`` names the model's input that it makes, where it has several.

    The order is: decode, resize, normalize, cast to the model's dtype (rounded and saturated
    where that is a whole number). Resizing is ``method`` without anti-aliasing, as Keras does it
    in ``image_dataset_from_directory``; it stretches unless ``keep_aspect`` is "pad" (fit the
    longer side, fill up with ``pad_value``, which is a pixel's value before normalizing) or
    "crop" (cut out the centre). JPEGs have the very pixels that Pillow decodes; tf.io.decode_image
    gives pixels up to 6 of 255 off. A BMP of 8 bits is read as grey, whatever its palette: that
    is TensorFlow's way. The whole differs from the same steps in float64 by less than 0.001 of a
    pixel's 255 (bilinear).

    Normalizing gives ``pixel * scale + offset``, or with ``mean`` and ``std`` (one number each,
    or one per channel) ``(pixel * scale - mean) / std``, from pixels of 0 to 255; or ``preset``,
    a network of keras.applications, does what its preprocess_input does, BGR included.

    ``with_shape`` adds an input, int32 [batch, 3], whose alias ends in ``_shape`` in place of
    ``_bytes``: the height, width and channels that the image must have once it is decoded to the
    model's channels, or the request fails. With ``raw`` the bytes are no encoded image but its
    height * width * channels pixels, uint8, row by row.
    """

    alias: str = "image_bytes"
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    scale: float | None = None
    offset: float | None = None
    method: str = "bilinear"
    into: str | None = None
    keep_aspect: str | None = None
    pad_value: float | None = None
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    preset: str | None = None
    with_shape: bool = False
    raw: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't work before anything is loaded.

        The server's REST API takes and gives base64 for a tensor whose alias ends in ``_bytes``
        (TensorFlow Serving, util/json_tensor.cc).

        Raises:
            TfdeployError: TFD116.
        """
        if not self.alias.isidentifier() or not self.alias.endswith("_bytes"):
            raise wrong(
                f"The image input can't be called '{self.alias}': it carries bytes.",
                "choose a name of letters and digits that ends in `_bytes`, such as image_bytes.",
            )
        check_sizes(self.height, self.width, self.channels)
        self._check_resizing()
        self._check_normalizing()
        if self.raw and not self.with_shape:
            raise wrong(
                "Raw pixels don't say how high and wide they are.",
                "let requests bring the shape beside the bytes: with_shape.",
            )

    @property
    def shape_alias(self) -> str:
        """The alias of the input that carries the shape, where there is one."""
        return self.alias.removesuffix("_bytes") + "_shape"

    def fit(self, tf: Any, specs: Mapping[str, Any]) -> Fitted:
        """Bytes of encoded images to the model's image input.

        Raises:
            TfdeployError: TFD116 when it isn't clear which input that is, or it is no image.
        """
        name = the_input(specs, self.into, "--image")
        spec = specs[name]
        rank = spec.shape.rank
        shape = None if rank is None else tuple(spec.shape)
        size = image_shape(self.height, self.width, self.channels, shape)
        rule = self._rule(size.channels)
        _check_dtype(spec.dtype, None if rule == Normalization() else self.preset)
        one = tf.TensorSpec(size.dims, spec.dtype)

        def image(row: tuple[Any, ...]) -> Any:
            pixels = self._resized(tf, self._pixels(tf, row, size), size)
            return _cast(tf, normalized(tf, pixels, rule), spec.dtype, size)

        def make(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
            data = tensors[self.alias]
            rows = [tf.reshape(data, [-1])]
            if self.with_shape:
                rows.append(tf.reshape(tensors[self.shape_alias], [-1, 3]))
            images = tf.map_fn(image, tuple(rows), fn_output_signature=one)
            images = tf.reshape(images, tf.concat([tf.shape(data), size.dims], 0))
            images.set_shape([*data.shape, *size.dims])
            return {name: images}

        return Fitted(self._inputs(tf, spec.shape[: 2 if size.several else 1]), (name,), make)

    def _inputs(self, tf: Any, outer: Any) -> dict[str, Any]:
        inputs = {self.alias: tf.TensorSpec(outer, tf.string, name=self.alias)}
        if self.with_shape:
            name = self.shape_alias
            inputs[name] = tf.TensorSpec([*outer, 3], tf.int32, name=name)
        return inputs

    def _pixels(self, tf: Any, row: tuple[Any, ...], size: ImageShape) -> Any:
        aliases = f"{self.alias} and {self.shape_alias}"
        if self.raw:
            return raw_pixels(tf, row[0], row[1], size.channels, aliases)
        pixels = decoded(tf, row[0], size.channels)
        return checked_shape(tf, pixels, row[1], aliases) if self.with_shape else pixels

    def _resized(self, tf: Any, pixels: Any, size: ImageShape) -> Any:
        dims = (size.height, size.width)
        return resized(tf, pixels, dims, self.method, self.keep_aspect, self.pad_value or 0.0)

    def _rule(self, channels: int) -> Normalization:
        """What is done to pixels of so many channels."""
        rule = PRESETS[self.preset] if self.preset else self._own_rule()
        if {len(rule.mean), len(rule.std)} - {1, channels}:
            what = f"The preset {self.preset}" if self.preset else "mean or std"
            raise wrong(
                f"{what} has {rule.numbers} numbers, and the model takes {channels} channels.",
                "give one number for each channel, or one for all.",
            )
        return rule

    def _own_rule(self) -> Normalization:
        mean = _numbers(self.mean, 0.0) if self.offset is None else (-self.offset,)
        # A scale of 0 would make every picture the same; it is refused before.
        return Normalization(1.0 / (self.scale or 1.0), mean, _numbers(self.std, 1.0))

    def _check_resizing(self) -> None:
        if self.method not in METHODS:
            raise wrong(
                f"There is no resize method '{self.method}'.", f"choose one of {_listed(METHODS)}."
            )
        if self.keep_aspect not in (None, *KEEP_ASPECT):
            raise wrong(
                f"There is no way '{self.keep_aspect}' to keep an image's aspect.",
                f"choose one of {_listed(KEEP_ASPECT)}, or leave keep_aspect out.",
            )
        if self.pad_value is not None and self.keep_aspect != "pad":
            raise wrong(
                "A pad_value is given, and nothing is padded.", "set keep_aspect to pad, too."
            )

    def _check_normalizing(self) -> None:
        own = {"scale": self.scale, "offset": self.offset, "mean": self.mean, "std": self.std}
        given = [key for key, value in own.items() if value is not None]
        if self.preset is not None and self.preset not in PRESETS:
            near = difflib.get_close_matches(self.preset.lower(), PRESETS, n=1, cutoff=0.4)
            meant = f"did you mean '{near[0]}'? " if near else ""
            raise wrong(
                f"There is no preset '{self.preset}'.", f"{meant}it has {_listed(PRESETS)}."
            )
        if self.preset is not None and given:
            raise wrong(
                f"The preset {self.preset} is given, and {' and '.join(given)}, too.",
                f"leave {' and '.join(given)} out: the preset says it all.",
            )
        if self.offset is not None and (self.mean is not None or self.std is not None):
            raise wrong(
                "An offset is given, and a mean or a std, too.",
                "pixel * scale + offset, or (pixel * scale - mean) / std: choose one.",
            )
        if self.scale == 0 or 0 in _numbers(self.std, 1.0):
            raise wrong("A scale or a std is 0.", "every image would be the same, or infinite.")


def _cast(tf: Any, pixels: Any, dtype: Any, size: ImageShape) -> Any:
    if not size.channel_axis:
        pixels = tf.squeeze(pixels, axis=-1)
    # A cast alone would cut 254.9999 down to 254.
    return tf.saturate_cast(pixels if dtype.is_floating else tf.round(pixels), dtype)


def _check_dtype(dtype: Any, preset: str | None) -> None:
    if not dtype.is_floating and not dtype.is_integer:
        raise wrong(
            f"The model's input has the dtype {dtype.name}, which holds no pixels.",
            "the image front makes whole numbers and floats.",
        )
    if dtype.is_integer and preset:
        raise wrong(
            f"The preset {preset} makes fractions, and the model's input is {dtype.name}.",
            "leave the preset out: this model normalizes on its own.",
        )


def _numbers(value: float | tuple[float, ...] | None, default: float) -> tuple[float, ...]:
    if value is None:
        return (default,)
    return tuple(value) if isinstance(value, tuple | list) else (float(value),)


def _listed(names: Any) -> str:
    return ", ".join(names)
