"""Which size images are brought to: what the front says, and what the model takes."""

from __future__ import annotations

from dataclasses import dataclass

from tfdeploy.errors import TfdeployError

Shape = tuple[int | None, ...]
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class ImageShape:
    """What the model takes per image; without ``channel_axis`` it takes [height, width].

    ``several`` says that a row holds several images.
    """

    height: int
    width: int
    channels: int
    channel_axis: bool
    several: bool = False

    @property
    def dims(self) -> list[int]:
        """One image's shape, as the model takes it."""
        return [self.height, self.width, *([self.channels] if self.channel_axis else [])]


def image_shape(
    height: int | None, width: int | None, channels: int | None, shape: Shape | None
) -> ImageShape:
    """The size that images are brought to, for a model input of ``shape`` with its batch.

    Heights and widths are pixels; None leaves one to the model.

    Raises:
        TfdeployError: TFD116 when the input is no [batch, height, width], [batch, height, width,
            channels] or [batch, images, height, width, channels], leaves a size open, or
            contradicts what is asked for.
    """
    if shape is None or len(shape) not in (3, 4, 5):
        raise wrong(
            f"The model's input has the shape {_written(shape)}, which is no image.",
            "the image front fits [?, height, width], [?, height, width, channels] and "
            "[?, images, height, width, channels].",
        )
    rows, columns, *colours = shape[2:] if len(shape) == 5 else shape[1:]
    tall = _agreed("height", height, rows, shape)
    wide = _agreed("width", width, columns, shape)
    if not colours:
        return ImageShape(tall, wide, _agreed("channels", channels, 1, shape), False)
    asked = 3 if channels is None and colours[0] is None else channels
    deep = _agreed("channels", asked, colours[0], shape)
    if deep not in _CHANNELS:
        raise wrong(
            f"The model's input has the shape {_written(shape)}, and no image has {deep} channels.",
            "the image front puts the channels last: 1, 3 or 4.",
        )
    return ImageShape(tall, wide, deep, True, several=len(shape) == 5)


def check_sizes(height: int | None, width: int | None, channels: int | None) -> None:
    """Refuse sizes that no image has.

    Raises:
        TfdeployError: TFD116.
    """
    for what, pixels in (("height", height), ("width", width)):
        if pixels is not None and pixels < 1:
            raise wrong(
                f"An image can't have a {what} of {pixels} pixels.", f"choose a {what} from 1 on."
            )
    if channels not in (None, *_CHANNELS):
        raise wrong(f"An image can't be decoded to {channels} channels.", "choose 1, 3 or 4.")


def _agreed(what: str, asked: int | None, given: int | None, shape: Shape) -> int:
    if asked is None and given is None:
        raise wrong(
            f"The model's input has the shape {_written(shape)}, which leaves the {what} open.",
            f"say which {what} images are brought to.",
        )
    if asked is not None and given is not None and asked != given:
        raise wrong(
            f"The image front asks for {what} = {asked}, and the model's input has the shape "
            f"{_written(shape)}.",
            f"leave the {what} out: it comes from the model.",
        )
    return asked if asked is not None else given or 0


def _written(shape: Shape | None) -> str:
    if shape is None:
        return "[...]"
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"


def wrong(message: str, hint: str) -> TfdeployError:
    """An error about the image front."""
    return TfdeployError("TFD116", message, where="--image", hint=hint)
