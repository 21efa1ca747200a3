"""Transforms that cut: at random, at the centre, ten views.

Meanings and defaults are CNTK's (ImageTransformers.cpp) where CNTK has the step. While testing, a
random crop is the middle of what it draws while training.
"""

from __future__ import annotations

import math
from typing import ClassVar

from ...spec import Choice, Dims, Flag, Integer, Number, Optional, OptionError, option, table_row
from ..arrays import np
from ..ranges import ASPECTS, RATIO, RATIOS, between, check_range
from ..reader import DataError, ImageDims, Transform
from .geometry import VOID, Flip, cut_box, fill_mode, pad_image, padded_dims


def _pair(values: tuple[int, ...] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[-1])


def _square(dims: ImageDims, ratio: float) -> ImageDims:
    width, height, channels = dims
    if width is None or height is None:
        return (None, None, channels)
    side = _cut_side(width, height, ratio)
    return (side, side, channels)


def _cut_side(width: int, height: int, ratio: float) -> int:
    return _rounded(min(width, height) * ratio)


def _rounded(extent: float) -> int:
    """To the nearest whole number, halves up as in C++ (Python's `round` goes to the even one); at least 1."""
    return max(1, math.floor(extent + 0.5))


def _shrunk(wide: int, high: int, width: int, height: int) -> tuple[int, int]:
    """A rectangle made smaller in proportion until it fits."""
    if wide > width:
        wide, high = width, max(1, high * width // wide)
    if high > height:
        wide, high = max(1, wide * height // high), height
    return wide, high


def _fits(image: np.ndarray, size: tuple[int, int], who: str) -> None:
    height, width = image.shape[:2]
    if size[0] > width or size[1] > height:
        raise DataError(f"an image is smaller than the crop of {who}", option="transforms",
                        body=(f"The image has {width} x {height} pixels here, the crop {size[0]} x {size[1]}.",),
                        hint="put a Scale or Resize before the crop, or remove the image.")


@table_row
class RandomCrop(Transform):
    """A rectangle cut out at a random place; while testing, at the centre.

    Its size is `size` in pixels, or `sideRatio` of the shorter side (a square unless `aspectRatio`
    says otherwise), or `areaRatio` of the area. A range such as `0.5:1` draws the ratio anew for
    each image. Without any of them it is the largest square. Upright and lying rectangles are
    equally likely. If none of ten draws fits into the image, the whole image is taken; while testing
    the rectangle is made smaller until it fits.

    Source: CNTK `Crop` with `cropType = randomside` and `randomarea`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        "RandomCrop {sideRatio = 0.887}", "RandomCrop {size = 32, pad = 4}",
        "RandomCrop {areaRatio = 0.08:1, aspectRatio = 0.75:1}",
    )

    side_ratio: tuple[float, ...] | None = option(
        Optional(RATIOS), None, "Fraction of the shorter side, or a range to draw it from.")
    area_ratio: tuple[float, ...] | None = option(
        Optional(RATIOS), None, "Fraction of the area, or a range to draw it from.")
    aspect_ratio: tuple[float, ...] = option(ASPECTS, (1.0,), "Width by height, or a range to draw it from.")
    size: tuple[int, ...] | None = option(Optional(Dims()), None, "Width and height in pixels; one number: a square.")
    pad: int = option(Integer(0), 0, "Pixels added on every side before cutting (the CIFAR recipe: 4).")
    pad_value: float = option(Number(), 0.0, "Value of the pixels that `pad` adds; -1 repeats the border.")

    @property
    def random(self) -> bool:
        return True

    def validate(self) -> None:
        _one_way(self.size, self.side_ratio, self.area_ratio)
        for name, values in (("sideRatio", self.side_ratio), ("areaRatio", self.area_ratio),
                             ("aspectRatio", self.aspect_ratio)):
            check_range(name, values)
        if self.size is not None and self.aspect_ratio != (1.0,):
            raise OptionError("aspectRatio", "`aspectRatio` has no effect together with `size`, which is exact")

    def dims(self, dims: ImageDims) -> ImageDims:
        if self.size is not None:
            return (self.size[0], self.size[-1], dims[2])
        ratio = self.side_ratio or (1.0,)
        if self.area_ratio is None and self.aspect_ratio == (1.0,) and ratio[0] == ratio[-1]:
            return _square(padded_dims(dims, self.pad), ratio[0])
        return (None, None, dims[2])

    def needed_side(self, side: float | None) -> float | None:
        if side is None or self.size is not None or self.pad:
            return None
        longest = max(max(a, 1 / a) for a in self.aspect_ratio)
        if self.area_ratio is not None:
            return side / math.sqrt(self.area_ratio[0] / longest)
        return side / ((self.side_ratio or (1.0,))[0] / math.sqrt(longest))

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        padded = pad_image(image, self.pad, self.pad_value, fill_mode(self.pad_value))
        return self._cut(padded, draw if training else None)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return self._cut(pad_image(mask, self.pad, VOID), draw if training else None)

    def _cut(self, image: np.ndarray, draw: np.random.Generator | None) -> np.ndarray:
        height, width = image.shape[:2]
        for _ in range(10):
            wide, high = self._extent(width, height, draw)
            if self.size is not None:
                _fits(image, (wide, high), "RandomCrop")
            if draw is None:
                wide, high = _shrunk(wide, high, width, height)
            if wide <= width and high <= height:
                left, top = self._start(width - wide, draw), self._start(height - high, draw)
                return cut_box(image, left, top, wide, high)
        return image

    def _start(self, room: int, draw: np.random.Generator | None) -> int:
        """Where the rectangle begins, of `room` + 1 places."""
        return room // 2 if draw is None else int(draw.integers(room + 1))

    def _extent(self, width: int, height: int, draw: np.random.Generator | None) -> tuple[int, int]:
        if self.size is not None:
            return self.size[0], self.size[-1]
        if self.area_ratio is not None:
            side = _rounded(math.sqrt(width * height * between(self.area_ratio, draw)))
        else:
            side = _cut_side(width, height, between(self.side_ratio or (1.0,), draw))
        aspect = between(self.aspect_ratio, draw)
        if aspect == 1:
            return side, side
        # CNTK rounds the square's side and truncates the rectangle's.
        wide, high = max(1, int(math.sqrt(side * side * aspect))), max(1, int(math.sqrt(side * side / aspect)))
        return (high, wide) if draw is not None and draw.random() < 0.5 else (wide, high)


@table_row
class _CenteredCrop(RandomCrop):
    """RandomCrop with only the size drawn; the place is the centre."""

    def _start(self, room: int, draw: np.random.Generator | None) -> int:
        return room // 2


def _one_way(size: object, side_ratio: object, area_ratio: object) -> None:
    given = [name for name, value in (("size", size), ("sideRatio", side_ratio), ("areaRatio", area_ratio))
             if value is not None]
    if len(given) > 1:
        raise OptionError(given[1], f"`{given[0]}` and `{given[1]}` both set the size of the crop",
                          "keep one of them.")


@table_row
class CenterCrop(Transform):
    """A rectangle cut out at the centre: `size` pixels, or a square of `sideRatio` of the shorter side.

    Source: CNTK `Crop` with `cropType = center`.
    """

    examples: ClassVar[tuple[str, ...]] = ("CenterCrop {sideRatio = 0.887}", "CenterCrop {size = 224}")

    side_ratio: float | None = option(Optional(RATIO), None, "Fraction of the shorter side.")
    size: tuple[int, ...] | None = option(Optional(Dims()), None, "Width and height in pixels; one number: a square.")

    def validate(self) -> None:
        _one_way(self.size, self.side_ratio, None)

    def dims(self, dims: ImageDims) -> ImageDims:
        return _square(dims, self.side_ratio or 1.0) if self.size is None else (self.size[0], self.size[-1], dims[2])

    def needed_side(self, side: float | None) -> float | None:
        return None if side is None or self.size is not None else side / (self.side_ratio or 1.0)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        height, width = image.shape[:2]
        wide, high = _pair(self.size) or (_cut_side(width, height, self.side_ratio or 1.0),) * 2
        _fits(image, (wide, high), "CenterCrop")
        return cut_box(image, (width - wide) // 2, (height - high) // 2, wide, high)

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return self.apply(mask, draw, training)


@table_row
class MultiViewCrop(Transform):
    """Ten views of each image: the four corners and the centre, and the mirror images of the five.

    For testing only: every view is run through the network, and the outputs are averaged. Scores of
    which the criterion takes a softmax are averaged after it, so it is the classes' shares that are.

    Source: Krizhevsky et al. 2012; CNTK `Crop` with `cropType = multiview10`.
    """

    examples: ClassVar[tuple[str, ...]] = ("MultiViewCrop {224}", "MultiViewCrop {sideRatio = 0.875}")

    size: tuple[int, ...] | None = option(Optional(Dims()), None, "Width and height of a view in pixels; one number: "
                                          "a square.")
    side_ratio: float | None = option(Optional(RATIO), None, "Side of a square view as a fraction of the shorter side.")

    @property
    def views(self) -> int:
        return 10

    def validate(self) -> None:
        _one_way(self.size, self.side_ratio, None)
        if self.size is None and self.side_ratio is None:
            raise OptionError("size", "MultiViewCrop takes a `size` or a `sideRatio`",
                              "for example `MultiViewCrop {224}`.")

    def dims(self, dims: ImageDims) -> ImageDims:
        if self.size is not None:
            return (self.size[0], self.size[-1], dims[2])
        return dims if self.side_ratio is None else _square(dims, self.side_ratio)

    def needed_side(self, side: float | None) -> float | None:
        return None if side is None or self.size is not None else side / (self.side_ratio or 1.0)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        height, width = image.shape[:2]
        # Neither is Crop's doing: CNTK then takes the whole image.
        wide, high = _pair(self.size) or (width, height)
        if self.side_ratio is not None:
            wide = high = _cut_side(width, height, self.side_ratio)
        _fits(image, (wide, high), "MultiViewCrop")
        right, bottom = width - wide, height - high
        places = ((0, 0), (right, 0), (0, bottom), (right, bottom), (right // 2, bottom // 2))
        views = [cut_box(image, left, top, wide, high) for left, top in places]
        return np.stack(views + [view[:, ::-1] for view in views])


@table_row
class Crop(Transform):
    """CNTK's crop under its own name and options; RandomCrop, CenterCrop and Flip say the same.

    The random kinds also mirror every second image unless `hflip = false`. Without `cropSize` and
    ratios they cut the largest square; center and multiView10 take the whole image.

    Source: CNTK `Crop`.
    """

    examples: ClassVar[tuple[str, ...]] = ('Crop {cropType = "randomSide", sideRatio = 0.8}',)

    crop_type: str = option(Choice(("center", "randomSide", "randomArea", "multiView10")), "center",
                            "Where to cut, and for the random kinds what the ratio is of.")
    crop_size: tuple[int, ...] | None = option(Optional(Dims()), None, "Width and height (center, multiView10).")
    side_ratio: tuple[float, ...] | None = option(Optional(RATIOS), None, "Fraction of the shorter side, `min:max`.")
    area_ratio: tuple[float, ...] | None = option(Optional(RATIOS), None, "Fraction of the area, `min:max`.")
    aspect_ratio: tuple[float, ...] = option(ASPECTS, (1.0,), "Width by height, `min:max`.")
    jitter_type: str = option(Choice(("none", "uniRatio")), "none", "`uniRatio` draws ratios evenly from their ranges.")
    hflip: bool | None = option(Optional(Flag()), None, "Mirror every second image; None: if the crop is random.")

    @property
    def _is_random(self) -> bool:
        return self.crop_type in ("randomSide", "randomArea")

    def validate(self) -> None:
        _one_way(None, self.side_ratio, self.area_ratio)
        for name, values in (("sideRatio", self.side_ratio), ("areaRatio", self.area_ratio),
                             ("aspectRatio", self.aspect_ratio)):
            check_range(name, values)
            if values is not None and values[0] != values[-1] and self.jitter_type == "none":
                raise OptionError(name, f"`{name}` is a range, but `jitterType` 'none' would only use its start",
                                  "write `jitterType = 'uniRatio'`, or one number instead of the range.")
        if self._is_random and self.crop_size is not None:
            raise OptionError("cropSize", "`cropSize` is for the crop types center and multiView10",
                              "use `RandomCrop {size = ...}` for a random place.")
        if not self._is_random and (self.area_ratio is not None or self.aspect_ratio != (1.0,)):
            raise OptionError("cropType", f"the crop type {self.crop_type} takes `cropSize` or `sideRatio`")
        if self.crop_type == "multiView10" and self._drawn:
            raise OptionError("sideRatio", "the ten views of multiView10 have one size, so `sideRatio` is one number")

    @property
    def _drawn(self) -> bool:
        """Whether `sideRatio` is a range."""
        return self.side_ratio is not None and self.side_ratio[0] != self.side_ratio[-1]

    def expand(self) -> tuple[Transform, ...]:
        flips = self._is_random if self.hflip is None else self.hflip
        return (*self._cuts(), Flip()) if flips else self._cuts()

    def _cuts(self) -> tuple[Transform, ...]:
        if self._is_random:
            return (RandomCrop(side_ratio=self.side_ratio, area_ratio=self.area_ratio,
                               aspect_ratio=self.aspect_ratio),)
        # As in CNTK, `cropSize` goes before the ratio.
        ratio = None if self.crop_size is not None or self.side_ratio is None else self.side_ratio[0]
        if self.crop_type == "multiView10":
            return (MultiViewCrop(size=self.crop_size, side_ratio=ratio),)
        if self.crop_size is None and self._drawn:
            return (_CenteredCrop(side_ratio=self.side_ratio),)
        whole = self.crop_size is None and ratio is None
        return () if whole else (CenterCrop(size=self.crop_size, side_ratio=ratio),)
