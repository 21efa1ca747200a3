"""Transforms that change values: mean, normalisation, colour, lighting.

Values are 0..255 until Normalize changes the range.
"""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from ...spec import Choice, ListOf, Number, Optional, OptionError, Text, option, table_row
from ..arrays import np
from ..formats.meanfile import read_mean_file, read_pca_file
from ..reader import DataError, ImageDims, Transform

#: Pixels that are worked on at a time where several temporary arrays are needed: they stay in the cache.
_STRIP = 1 << 14
_PER_CHANNEL = ListOf(Number(), minimum_length=1)


def _float(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32, copy=False)


def _per_channel(values: tuple[float, ...], channels: int, name: str, row: str) -> np.ndarray:
    if len(values) not in (1, channels):
        raise DataError(f"`{name}` of {row} has {len(values)} numbers for {channels} channels", option="transforms",
                        hint="give one number for each channel, or one for all.")
    return np.broadcast_to(np.asarray(values, dtype=np.float32), channels)


def _shifted(image: np.ndarray, shift: np.ndarray, factor: np.ndarray | None = None) -> np.ndarray:
    """image * factor + shift as float32, a number for each channel; also of a stack of images.

    The numbers are repeated for a whole row. Broadcast three at a time they take 1.0 ms on
    227 x 227 x 3 bytes, a row at a time and in place 0.08.
    """
    result = image.astype(np.float32)
    tiled = result.flags.c_contiguous  # else channels are not next to each other, and broadcasting is fast
    rows = result.reshape(*result.shape[:-2], -1) if tiled else result
    repeats = result.shape[-2] if tiled else 1
    if factor is not None:
        rows *= np.tile(factor, repeats)
    rows += np.tile(shift, repeats)
    return result


def _luminance(order: str) -> np.ndarray:
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return weights if order == "RGB" else weights[::-1].copy()


@table_row
class Mean(Transform):
    """The mean subtracted: a number, one for each channel, or a mean image from a file.

    Files: OpenCV XML as CNTK writes it (`MeanImg`, `Channel`, `Row`, `Col`), Caffe's `binaryproto`, or
    NumPy `.npy` (channels x height x width, or one number for each channel). A mean image must have the
    size of the image at this place in the list.

    Source: CNTK `Mean` (where another size is a warning and nothing is subtracted; here an error).
    """

    examples: ClassVar[tuple[str, ...]] = ("Mean {123.68 : 116.78 : 103.94}",
                                           'Mean {meanFile = "imagenet_mean.binaryproto"}')
    pointwise: ClassVar[bool] = True
    only_scales: ClassVar[bool] = True

    value: tuple[float, ...] | None = option(Optional(_PER_CHANNEL), None, "One number, or one for each channel in "
                                             "the reader's colour order.")
    mean_file: str = option(Text(), "", "The file of a mean image.")
    file_order: str = option(Choice(("BGR", "RGB")), "BGR", "Order of the channels in the file; CNTK and Caffe: BGR.")

    def validate(self) -> None:
        if (self.value is None) == (not self.mean_file):
            raise OptionError("value", "Mean takes either numbers or a `meanFile`",
                              "for example `Mean {114}` or `Mean {meanFile = 'mean.xml'}`.")

    def files(self) -> tuple[str, ...]:
        return (self.mean_file,) if self.mean_file else ()

    def prepare(self, order: str) -> Transform:
        if not self.mean_file:
            return self
        image = read_mean_file(self.mean_file)
        if self.file_order != order and image.shape[2] == 3:
            image = image[..., ::-1].copy()
        return _LoadedMean(value=self.value, mean_file=self.mean_file, image=image)

    def needed_side(self, side: float | None) -> float | None:
        return None if self.mean_file else side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return _shifted(image, -_per_channel(self.value or (0.0,), image.shape[-1], "value", "Mean"))

    def note(self, note: str) -> str:
        return f"{note} less the mean"


@table_row
class _LoadedMean(Mean):
    """Mean with its file read."""

    image: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1)), compare=False, kw_only=True)

    def dims(self, dims: ImageDims) -> ImageDims:
        height, width, channels = self.image.shape
        if (height, width) != (1, 1) and dims[:2] not in ((width, height), (None, None)):
            raise self._size_error(dims[0], dims[1])
        if channels not in (1, dims[2]):
            raise DataError(f"the mean image has {channels} channels, the images have {dims[2]}", path=self.mean_file)
        return dims

    def _size_error(self, width: int | None, height: int | None) -> DataError:
        own = f"{self.image.shape[1]} x {self.image.shape[0]}"
        return DataError("the mean image and the images have different sizes", path=self.mean_file,
                         option="transforms",
                         body=(f"The mean image has {own} pixels, the images have {width} x {height} at this step.",),
                         hint=f"put `Mean` where the images have {own} pixels, or subtract numbers: `Mean {{114}}`.")

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        height, width = image.shape[-3:-1]
        if self.image.shape[:2] == (1, 1):
            return _shifted(image, -np.broadcast_to(self.image[0, 0], image.shape[-1]))
        if self.image.shape[:2] != (height, width):
            raise self._size_error(width, height)
        result = image.astype(np.float32)
        result -= self.image
        return result


@table_row
class Normalize(Transform):
    """Values brought from 0..255 to `range`, then less `mean`, then divided by `standardDeviation`.

    `mean` and `standardDeviation` count in the new range: the usual numbers for ImageNet,
    0.485 : 0.456 : 0.406 and 0.229 : 0.224 : 0.225, go with `range = 0:1`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        "Normalize {range = 0:1}",
        "Normalize {0.485:0.456:0.406, 0.229:0.224:0.225, range = 0:1}",
    )
    pointwise: ClassVar[bool] = True
    only_scales: ClassVar[bool] = True

    mean: tuple[float, ...] = option(_PER_CHANNEL, (0.0,), "One number, or one for each channel.")
    standard_deviation: tuple[float, ...] = option(ListOf(Number(0, exclusive_minimum=True), minimum_length=1), (1.0,),
                                                   "One number, or one for each channel.")
    range: tuple[float, ...] = option(ListOf(Number(), minimum_length=2), (0.0, 255.0), "What 0 and 255 become.")

    def validate(self) -> None:
        if len(self.range) != 2 or self.range[0] >= self.range[1]:
            raise OptionError("range", "`range` of Normalize takes two numbers, the smaller first, such as `0:1`")

    def needed_side(self, side: float | None) -> float | None:
        return side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        channels = image.shape[-1]
        mean = _per_channel(self.mean, channels, "mean", "Normalize")
        deviation = _per_channel(self.standard_deviation, channels, "standardDeviation", "Normalize")
        low, high = self.range
        factor = np.float32((high - low) / 255) / deviation
        return _shifted(image, (np.float32(low) - mean) / deviation, factor)

    def note(self, note: str) -> str:
        order = note.split(",")[0]
        if self.mean == (0.0,) and self.standard_deviation == (1.0,):
            return f"{order}, {self.range[0]:g}..{self.range[1]:g}"
        return f"{order}, normalized"


@table_row
class Color(Transform):
    """Brightness, contrast and saturation changed at random while training, values kept in 0..255.

    Brightness adds u * mean of the image; contrast multiplies by 1 + u; saturation multiplies the S of HSV
    by 1 + u, at most to 1; each u is drawn evenly from +-radius.

    Source: CNTK `Color`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        "Color {brightnessRadius = 0.2, contrastRadius = 0.2, saturationRadius = 0.4}",)

    brightness_radius: float = option(Number(0, 1), 0.0, "How far the brightness may change.")
    contrast_radius: float = option(Number(0, 1), 0.0, "How far the contrast may change.")
    saturation_radius: float = option(Number(0, 1), 0.0, "How far the saturation may change.")

    @property
    def random(self) -> bool:
        return True

    def needed_side(self, side: float | None) -> float | None:
        return side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training:
            return image
        result = image.astype(np.float32)
        shift = draw.uniform(-self.brightness_radius, self.brightness_radius) * float(result.mean())
        gain = 1 + draw.uniform(-self.contrast_radius, self.contrast_radius)
        result *= np.float32(gain)
        result += np.float32(shift)
        np.clip(result, 0, 255, out=result)
        if self.saturation_radius and image.shape[2] == 3:
            result = _saturate(result, 1 + draw.uniform(-self.saturation_radius, self.saturation_radius))
        return _like(result, image)


def _saturate(image: np.ndarray, ratio: float) -> np.ndarray:
    """S of HSV times `ratio`, at most 1, written into the image. V, the largest channel, stays; the others move.

    Some rows at a time, channel by channel and in place: 0.3 ms for 227 x 227 pixels. Written as one
    formula it takes 5.5, most of it for reductions over three numbers and for new memory.
    """
    rows = max(1, _STRIP // image.shape[1])
    for start in range(0, len(image), rows):
        _saturate_strip(image[start : start + rows], np.float32(ratio))
    return image


def _saturate_strip(image: np.ndarray, ratio: np.float32) -> None:
    planes = np.array(np.moveaxis(image, 2, 0), order="C")
    value = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    factor = value - np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    np.maximum(factor, np.float32(1e-6), out=factor)
    np.divide(value, factor, out=factor)
    np.minimum(factor, ratio, out=factor)
    np.subtract(value, planes, out=planes)
    planes *= factor
    np.subtract(value, planes, out=planes)
    for channel, plane in enumerate(planes):
        image[..., channel] = plane


def _like(result: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Back to whole numbers if the image had them; the result's own memory is used for it."""
    return np.rint(result, out=result).astype(np.uint8) if image.dtype == np.uint8 else result


@table_row
class Hue(Transform):
    """Colours turned round the grey axis by an angle drawn evenly from +-`radius` of a full circle."""

    examples: ClassVar[tuple[str, ...]] = ("Hue {0.05}",)

    radius: float = option(Number(0, 0.5), doc="The largest turn; 0.5 reaches every colour.")

    @property
    def random(self) -> bool:
        return True

    def needed_side(self, side: float | None) -> float | None:
        return side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training or image.shape[2] != 3:
            return image
        angle = 2 * np.pi * draw.uniform(-self.radius, self.radius)
        # Rodrigues' rotation about (1, 1, 1): grey stays, and so does the mean of the channels.
        third, cosine, sine = (1 - np.cos(angle)) / 3, np.cos(angle), np.sin(angle) / np.sqrt(3)
        turn = np.full((3, 3), third) + cosine * np.eye(3)
        turn += sine * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
        turned = _float(image) @ turn.T.astype(np.float32)
        return _like(np.clip(turned, 0, 255, out=turned), image)


#: Principal components of ImageNet's colours (RGB, 0..255), as AlexNet's re-implementations use them.
_EIGENVALUES = (55.46, 4.794, 1.148)
_EIGENVECTORS = (-0.5675, 0.7192, 0.4009, -0.5808, -0.0045, -0.8140, -0.5836, -0.6948, 0.4203)


@table_row
class Intensity(Transform):
    """AlexNet's change of lighting: the colour moved along the principal components of all colours.

    Each image gets `eigenvectors * (a .* eigenvalues)` added, a drawn from a normal distribution with
    `intensityStdDev`; values stay in 0..255. The default components are ImageNet's.

    Source: Krizhevsky et al. 2012, section 4.1; CNTK `Intensity`.
    """

    examples: ClassVar[tuple[str, ...]] = ("Intensity {0.1}", 'Intensity {0.1, intensityFile = "pca.xml"}')

    intensity_std_dev: float = option(Number(0), 0.0, "Standard deviation of the draws; AlexNet: 0.1.")
    intensity_file: str = option(Text(), "", "OpenCV XML with `EigVal` and `EigVec`, as CNTK's: "
                                "the rows of `EigVec` for red, green and blue.")
    eigenvalues: tuple[float, ...] = option(ListOf(Number(0), minimum_length=1), _EIGENVALUES,
                                            "Three numbers, for values 0..255.")
    eigenvectors: tuple[float, ...] = option(_PER_CHANNEL, _EIGENVECTORS,
                                             "Nine numbers: the rows for red, green and blue, a column a component.")

    @property
    def random(self) -> bool:
        return True

    def validate(self) -> None:
        if len(self.eigenvalues) != 3:
            raise OptionError("eigenvalues", "`eigenvalues` of Intensity takes three numbers")
        if len(self.eigenvectors) != 9:
            raise OptionError("eigenvectors", "`eigenvectors` of Intensity takes nine numbers")

    def files(self) -> tuple[str, ...]:
        return (self.intensity_file,) if self.intensity_file else ()

    def prepare(self, order: str) -> Transform:
        values = np.asarray(self.eigenvalues, dtype=np.float32)
        vectors = np.asarray(self.eigenvectors, dtype=np.float32).reshape(3, 3)
        if self.intensity_file:
            # CNTK's pixels are BGR, and it adds the rows in reverse: the file's rows are red, green, blue.
            values, vectors = read_pca_file(self.intensity_file)
        if order == "BGR":
            vectors = vectors[::-1]
        return _LoadedIntensity(intensity_std_dev=self.intensity_std_dev, components=vectors * values)

    def needed_side(self, side: float | None) -> float | None:
        return side

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        return self.prepare("RGB").apply(image, draw, training)


@table_row
class _LoadedIntensity(Intensity):
    """Intensity with its components as a matrix: rows are channels."""

    components: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)), compare=False, kw_only=True)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if not training or self.intensity_std_dev == 0:
            return image
        if image.shape[2] != 3:
            raise DataError("Intensity needs images with three channels", option="transforms",
                            hint="leave it out for grey images.")
        shift = self.components @ draw.normal(0.0, self.intensity_std_dev, 3).astype(np.float32)
        result = _shifted(image, shift)
        return _like(np.clip(result, 0, 255, out=result), image)


@table_row
class Grayscale(Transform):
    """Grey values 0.299 R + 0.587 G + 0.114 B, in one channel or copied to as many as wanted."""

    examples: ClassVar[tuple[str, ...]] = ("Grayscale {}", "Grayscale {probability = 0.2, channels = 3}")

    probability: float = option(Number(0, 1), 1.0, "How often while training; below 1 never while testing.")
    channels: int = option(Number(1, 3, whole=True), 1, "Channels of the result.")
    order: str = field(default="RGB", kw_only=True, compare=False)

    @property
    def random(self) -> bool:
        return self.probability < 1

    def validate(self) -> None:
        if self.probability < 1 and self.channels != 3:
            raise OptionError("channels", "Grayscale with a `probability` below 1 needs `channels = 3`",
                              "otherwise images would differ in their number of channels.")

    def prepare(self, order: str) -> Transform:
        return Grayscale(probability=self.probability, channels=self.channels, order=order)

    def needed_side(self, side: float | None) -> float | None:
        return side

    def dims(self, dims: ImageDims) -> ImageDims:
        return (dims[0], dims[1], self.channels)

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        if self.random and (not training or draw.random() >= self.probability):
            return image
        gray = image if image.shape[2] == 1 else _like((_float(image) @ _luminance(self.order))[..., None], image)
        return np.repeat(gray, self.channels, axis=2)

    def note(self, note: str) -> str:
        return note if self.random else "grey" + note[note.index(",") :] if "," in note else "grey"
