"""Transforms that move pixels: mirror, padding, scale, rotation, erasing.

While testing, a random step does the middle of what it draws while training: no mirror, no rotation.
A value to fill with that is no byte (-2, 300, 114.5) makes the image float32.
"""

from __future__ import annotations

import math
from typing import ClassVar

from ...spec import Choice, Dims, Flag, Integer, ListOf, Number, OptionError, option, table_row
from ..arrays import np
from ..formats.images import resize, rotate
from ..ranges import ASPECTS, RATIOS, between, check_range
from ..reader import DataError, ImageDims, Transform

INTERPOLATIONS = ("linear", "nearest", "cubic", "lanczos")


def cut_box(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    return image[top : top + height, left : left + width]


def reversed_copy(image: np.ndarray, axis: int) -> np.ndarray:
    """A copy of height x width x channels with an axis reversed, made a channel at a time.

    numpy copies such a view pixel by pixel: 430 microseconds for 227 x 227 x 3 bytes, this 70.
    """
    view, result = np.flip(image, axis), np.empty(image.shape, image.dtype)
    for channel in range(image.shape[2]):
        result[..., channel] = view[..., channel]
    return result


@table_row
class Flip(Transform):
    """The mirror image, left and right exchanged, of every second image while training."""

    examples: ClassVar[tuple[str, ...]] = ("Flip {}", "Flip {vertical = true}")

    probability: float = option(Number(0, 1), 0.5, "How often an image is mirrored.")
    vertical: bool = option(Flag(), False, "Exchange top and bottom instead.")

    @property
    def random(self) -> bool:
        return True

    def needed_side(self, side: float | None) -> float | None:
        return side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training or draw.random() >= self.probability:
            return image
        return image[::-1] if self.vertical else reversed_copy(image, 1)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return self.apply(mask, draw, training)


#: Class number of mask pixels that have no class: what padding and rotation bring in (as in PASCAL VOC).
VOID = 255


def padded_dims(dims: ImageDims, pixels: int) -> ImageDims:
    width, height, channels = dims
    more = 2 * pixels
    return (None if width is None else width + more, None if height is None else height + more, channels)


def fill_mode(value: float) -> str:
    """How CNTK's `padValue` is meant: -1 repeats the border."""
    return "edge" if value == -1 else "constant"


def pad_image(image: np.ndarray, pixels: int, value: float, mode: str = "constant") -> np.ndarray:
    """The image with `pixels` more on every side."""
    return _pad(image, pixels, pixels, pixels, pixels, value, mode) if pixels else image


def _holding(image: np.ndarray, value: float) -> np.ndarray:
    """The image, as float32 if it is of bytes and the value is none.

    For every image alike, whether the value is then written or not: a batch has one type.
    """
    is_byte = 0 <= value <= 255 and value == int(value)
    return image if is_byte else image.astype(np.float32, copy=False)


def _pad(image: np.ndarray, left: int, right: int, top: int, bottom: int, value: float, mode: str) -> np.ndarray:
    if mode == "constant":
        image = _holding(image, value)
    if not (left or right or top or bottom):
        return image
    if mode != "constant":
        return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode)  # type: ignore[call-overload,no-any-return]
    height, width, channels = image.shape
    # np.pad takes ten times as long on small images.
    result = np.full((height + top + bottom, width + left + right, channels), value, dtype=image.dtype)
    result[top : top + height, left : left + width] = image
    return result


@table_row
class Pad(Transform):
    """More pixels on every side."""

    examples: ClassVar[tuple[str, ...]] = ("Pad {4}", 'Pad {4, mode = "reflect"}')

    pixels: int = option(Integer(0), doc="How many on each side.")
    mode: str = option(Choice(("constant", "edge", "reflect")), "constant", "What they hold.")
    value: float = option(Number(), 0.0, "Their value in the mode constant.")

    def dims(self, dims: ImageDims) -> ImageDims:
        return padded_dims(dims, self.pixels)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return pad_image(image, self.pixels, self.value, self.mode)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return pad_image(mask, self.pixels, VOID)


@table_row
class Scale(Transform):
    """The image brought to an exact size.

    `fill` stretches it; `crop` keeps its proportions and cuts off what is too much at two sides;
    `pad` keeps them and fills up two sides. Shrinking is antialiased (OpenCV, and so CNTK, is not).

    Source: CNTK `Scale`.
    """

    examples: ClassVar[tuple[str, ...]] = ("Scale {227:227}", 'Scale {32:32:3, interpolations = "cubic"}',
                                           'Scale {224, scaleMode = "pad", padValue = 114}')

    size: tuple[int, ...] = option(Dims(), doc="Width and height, or width, height and channels; one number: a square.")
    interpolations: tuple[str, ...] = option(ListOf(Choice(INTERPOLATIONS), minimum_length=1), ("linear",),
                                             "How pixels are interpolated; of several one is drawn for each image.")
    scale_mode: str = option(Choice(("fill", "crop", "pad")), "fill", "What becomes of other proportions.")
    pad_value: float = option(Number(), -1.0, "Value of the filled sides in the mode pad; -1 repeats the border.")

    @property
    def random(self) -> bool:
        return len(self.interpolations) > 1

    def validate(self) -> None:
        if len(self.size) > 3:
            raise OptionError("size", "`size` of Scale takes width, height and channels at most")

    def dims(self, dims: ImageDims) -> ImageDims:
        channels = self.size[2] if len(self.size) == 3 else dims[2]
        if channels != dims[2]:
            raise DataError(f"Scale says {channels} channels, but the images have {dims[2]}", option="transforms",
                            hint="Scale keeps channels: leave the third number out, or use the reader's `grayscale`.")
        return (self.size[0], self.size[min(1, len(self.size) - 1)], channels)

    def needed_side(self, side: float | None) -> float | None:
        return float(max(self.size[:2]))

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        choice = int(draw.integers(len(self.interpolations))) if training and self.random else 0
        return self._scale(image, self.interpolations[choice], self.pad_value, fill_mode(self.pad_value))

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return self._scale(mask, "nearest", VOID, "constant")

    def _scale(self, image: np.ndarray, interpolation: str, pad_value: float, mode: str) -> np.ndarray:
        wide, high = self.size[0], self.size[min(1, len(self.size) - 1)]
        height, width = image.shape[:2]
        if self.scale_mode == "crop":
            # Cut first: fewer pixels to scale, and the same picture.
            ratio = min(width / wide, height / high)
            cut_w, cut_h = min(width, max(1, round(wide * ratio))), min(height, max(1, round(high * ratio)))
            image = cut_box(image, (width - cut_w) // 2, (height - cut_h) // 2, cut_w, cut_h)
        elif self.scale_mode == "pad":
            ratio = min(wide / width, high / height)
            fit_w, fit_h = min(wide, max(1, round(width * ratio))), min(high, max(1, round(height * ratio)))
            left, top = (wide - fit_w) // 2, (high - fit_h) // 2
            return _pad(resize(image, fit_w, fit_h, interpolation), left, wide - fit_w - left, top, high - fit_h - top,
                        pad_value, mode)
        return resize(image, wide, high, interpolation)


@table_row
class Resize(Transform):
    """The image scaled so that its shorter side has the given length; proportions stay."""

    examples: ClassVar[tuple[str, ...]] = ("Resize {256}",)

    shorter_side: int = option(Integer(1), doc="Length of the shorter side in pixels.")
    interpolation: str = option(Choice(INTERPOLATIONS), "linear", "How pixels are interpolated.")

    def dims(self, dims: ImageDims) -> ImageDims:
        width, height, channels = dims
        return (None, None, channels) if width is None or height is None else (*self._size(width, height), channels)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        ratio = self.shorter_side / min(width, height)
        return max(1, round(width * ratio)), max(1, round(height * ratio))

    def needed_side(self, side: float | None) -> float | None:
        return float(self.shorter_side)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return resize(image, *self._size(image.shape[1], image.shape[0]), self.interpolation)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return resize(mask, *self._size(mask.shape[1], mask.shape[0]), "nearest")


@table_row
class Rotate(Transform):
    """A rotation about the centre by an angle drawn evenly from +-`degrees`; the size stays."""

    examples: ClassVar[tuple[str, ...]] = ("Rotate {15}",)

    degrees: float = option(Number(0, 180), doc="The largest angle.")
    interpolation: str = option(Choice(("linear", "nearest", "cubic")), "linear", "How pixels are interpolated.")
    pad_value: float = option(Number(), 0.0, "Value of the corners.")

    @property
    def random(self) -> bool:
        return True

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training:
            return image
        return rotate(_holding(image, self.pad_value), self._angle(draw), self.interpolation, self.pad_value)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return rotate(mask, self._angle(draw), "nearest", VOID) if training else mask

    def _angle(self, draw: np.random.Generator) -> float:
        return float(draw.uniform(-self.degrees, self.degrees))


@table_row
class Erase(Transform):
    """A random rectangle overwritten with one value, while training.

    Source: Zhong et al., Random Erasing Data Augmentation, 2017.
    """

    examples: ClassVar[tuple[str, ...]] = ("Erase {}", "Erase {areaRatio = 0.25, aspectRatio = 1, value = 114}")

    probability: float = option(Number(0, 1), 0.5, "How often an image is changed.")
    area_ratio: tuple[float, ...] = option(RATIOS, (0.02, 0.33), "Fraction of the area, `min:max`.")
    aspect_ratio: tuple[float, ...] = option(ASPECTS, (0.3, 3.3), "Width by height, `min:max`.")
    value: float = option(Number(), 0.0, "What is written.")

    @property
    def random(self) -> bool:
        return True

    def validate(self) -> None:
        check_range("areaRatio", self.area_ratio)
        check_range("aspectRatio", self.aspect_ratio)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training:
            return image
        image = _holding(image, self.value)
        if draw.random() >= self.probability:
            return image
        height, width = image.shape[:2]
        for _ in range(10):
            side = math.sqrt(width * height * between(self.area_ratio, draw))
            stretch = math.sqrt(between(self.aspect_ratio, draw))
            wide, high = round(side * stretch), round(side / stretch)
            if 0 < wide <= width and 0 < high <= height:
                left, top = int(draw.integers(width - wide + 1)), int(draw.integers(height - high + 1))
                result = image.copy()
                result[top : top + high, left : left + wide] = self.value
                return result
        return image
