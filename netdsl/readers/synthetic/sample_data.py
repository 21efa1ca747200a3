"""Small data made on the spot, in the layout and formats of the real ones: the sample table.

The classes differ in shape, colour and texture, with noise on top, so a network has something to learn
and a run on a machine without data shows real curves.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...base.atomic_files import new_folder
from ...base.cache import cache_root
from ...base.seeds import seed_for
from ...spec import Integer, option, table_row
from ..arrays import np
from ..formats.images import pillow
from ..reader import DataError, Sample


def sample_folder(sample: Sample, root: Path | None = None) -> Path:
    """The folder with the sample's data, made if it is not there yet. Raises DataError.

    A folder that is there is whole, also if a run is stopped in between or two runs make it at once.
    """
    place = (root or cache_root()) / sample.key()
    if place.is_dir():
        return place
    try:
        with new_folder(place, replace=False) as making:
            sample.make(making)
    except OSError as error:
        raise _no_cache(place.parent, error) from None
    return place


def _no_cache(folder: Path, error: OSError) -> DataError:
    return DataError("the folder for sample data cannot be written", path=str(folder),
                     body=(f"The system says: {error.strerror or error}.",),
                     hint="set the environment variable `NETDSL_CACHE` to a folder of yours.")


def _generator(seed: int, *purpose: object) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed_for(seed, "sample", *purpose)))


# --- photos ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """What all images of a class have in common."""

    colors: np.ndarray  #: 2 x 3: ground and figure
    angle: float
    period: float  #: of the stripes, as a fraction of the side
    shape: int


def _looks(classes: int) -> list[_Look]:
    """Looks that are the same for every seed: training and test data, and reruns, share them."""
    draw = _generator(0, "looks")
    looks = []
    for number in range(classes):
        # Hues by the golden ratio are far apart for any number of classes.
        hue = number * 0.618034 % 1.0
        ground = _hue(hue, 0.55, 120 + 60 * (number % 3))
        figure = _hue((hue + 0.35 + 0.3 * draw.random()) % 1.0, 0.8, 220 - 50 * (number // 3 % 3))
        looks.append(_Look(np.stack([ground, figure]), number * 2.399963 % np.pi, 0.06 + 0.03 * (number // 2 % 5),
                           number % 4))
    return looks


def _hue(hue: float, saturation: float, value: float) -> np.ndarray:
    channels = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    result: np.ndarray = value * (1 - saturation + saturation * np.clip(channels, 0, 1))
    return result


def _figure(kind: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from the edge of a figure of about unit size, negative inside."""
    if kind == 0:
        distance: np.ndarray = np.hypot(x, y) - 1
    elif kind == 1:
        distance = np.maximum(np.abs(x), np.abs(y)) - 0.85
    elif kind == 2:
        distance = np.abs(np.hypot(x, y) - 0.8) - 0.25
    else:
        distance = np.minimum(np.maximum(np.abs(x) - 1, np.abs(y) - 0.3), np.maximum(np.abs(x) - 0.3, np.abs(y) - 1))
    return distance


def _picture(look: _Look, side: int, draw: np.random.Generator) -> np.ndarray:
    """One image of a class: side x side x 3, uint8."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    angle = look.angle + draw.normal(0, 0.15)
    stripes = np.sin(2 * np.pi * ((x * np.cos(angle) + y * np.sin(angle)) / look.period + draw.random()))
    size = draw.uniform(0.16, 0.3)
    left, top = draw.uniform(-0.2, 0.2, 2)
    inside = np.clip(0.5 - _figure(look.shape, (x - left) / size, (y - top) / size) * size * side / 2, 0, 1)[..., None]
    ground = look.colors[0] * (1 + 0.3 * stripes[..., None])
    light = draw.uniform(0.75, 1.2) + 0.3 * (x * draw.normal() + y * draw.normal())[..., None]
    image = (ground * (1 - inside) + look.colors[1] * inside) * light + draw.normal(0, 12, 3)
    result: np.ndarray = np.clip(image + draw.normal(0, 14, (side, side, 1)), 0, 255).astype(np.uint8)
    return result


@table_row
class SampleImages(Sample):
    """JPEG photos in ImageNet's layout: `train/<class>/*.JPEG` and `val/<class>/*.JPEG`.

    The classes' folders are named n00000001, n00000002, ... There are a fifth as many images for `val`
    as for `train`, at least one a class.
    """

    stands_for: ClassVar[str] = "ImageNet and other photos"
    examples: ClassVar[tuple[str, ...]] = ("SampleImages {classes = 10, perClass = 30}",)

    classes: int = option(Integer(2, 10000), 10, "Number of classes.")
    per_class: int = option(Integer(1), 40, "Training images of each class.")
    size: int = option(Integer(16, 1024), 128, "Width and height in pixels.")

    def make(self, folder: Path) -> None:
        Image = pillow()
        for number, look in enumerate(_looks(self.classes)):
            for part, count in (("train", self.per_class), ("val", max(1, self.per_class // 5))):
                place = folder / part / f"n{number + 1:08d}"
                place.mkdir(parents=True)
                draw = _generator(self.seed, part, number)
                for index in range(count):
                    image = Image.fromarray(_picture(look, self.size, draw))
                    image.save(place / f"{place.name}_{index + 1}.JPEG", format="JPEG", quality=85)


@table_row
class SampleCIFAR10(Sample):
    """Files named and built as those of CIFAR-10's binary version: five training batches and a test batch."""

    stands_for: ClassVar[str] = "CIFAR-10"
    examples: ClassVar[tuple[str, ...]] = ("SampleCIFAR10 {train = 5000, test = 1000}",)

    train: int = option(Integer(5), 5000, "Training images, spread over five files.")
    test: int = option(Integer(1), 1000, "Test images.")

    def make(self, folder: Path) -> None:
        looks = _looks(10)
        names = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]
        counts = [self.train // 5 + (k < self.train % 5) for k in range(5)] + [self.test]
        for name, count in zip(names, counts, strict=True):
            draw = _generator(self.seed, name)
            with open(folder / name, "wb") as stream:
                for label in draw.permutation(np.arange(count) % 10):
                    stream.write(bytes([label]) + _picture(looks[label], 32, draw).transpose(2, 0, 1).tobytes())


@table_row
class SampleMasks(Sample):
    """Images with a class for each pixel: `train/images/*.jpg`, `train/masks/*.png`, and the same under `test`.

    Class 0 is the ground; every other class is a figure of its own shape and colour, one to three in an
    image.
    """

    stands_for: ClassVar[str] = "Segmentation"
    examples: ClassVar[tuple[str, ...]] = ("SampleMasks {classes = 5, train = 200}",)

    classes: int = option(Integer(2, 255), 5, "Number of classes, the ground among them.")
    train: int = option(Integer(1), 200, "Training images.")
    test: int = option(Integer(1), 50, "Test images.")
    size: int = option(Integer(16, 1024), 80, "Width and height in pixels.")

    def make(self, folder: Path) -> None:
        Image = pillow()
        looks = _looks(self.classes)
        for part, count in (("train", self.train), ("test", self.test)):
            draw = _generator(self.seed, part)
            for kind in ("images", "masks"):
                (folder / part / kind).mkdir(parents=True)
            for index in range(count):
                image, mask = _scene(looks, self.size, draw)
                name = f"{index + 1:05d}"
                Image.fromarray(image).save(folder / part / "images" / f"{name}.jpg", format="JPEG", quality=90)
                Image.fromarray(mask).save(folder / part / "masks" / f"{name}.png", format="PNG")


def _scene(looks: list[_Look], side: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image of figures on a ground, side x side x 3, and the class of each pixel, side x side; uint8."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    image = np.broadcast_to(looks[0].colors[0], (side, side, 3)).copy()
    mask = np.zeros((side, side), dtype=np.uint8)
    for _ in range(int(draw.integers(1, 4))):
        number = int(draw.integers(1, len(looks)))
        size, (left, top) = draw.uniform(0.12, 0.25), draw.uniform(-0.35, 0.35, 2)
        inside = _figure(looks[number].shape, (x - left) / size, (y - top) / size) < 0
        image[inside], mask[inside] = looks[number].colors[1], number
    image = image * draw.uniform(0.75, 1.2) + draw.normal(0, 12, 3) + draw.normal(0, 14, (side, side, 1))
    return np.clip(image, 0, 255).astype(np.uint8), mask


# --- digits ----------------------------------------------------------------------------------

#: Strokes of the digits, as poly-lines in a box of width 1 and height 2 (x to the right, y down).
_STROKES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.5, 0), (0.95, 0.5), (0.95, 1.5), (0.5, 2), (0.05, 1.5), (0.05, 0.5), (0.5, 0)),
    ((0.25, 0.35), (0.6, 0), (0.6, 2)),
    ((0.05, 0.4), (0.5, 0), (0.95, 0.45), (0.85, 0.95), (0.05, 2), (1, 2)),
    ((0.05, 0.2), (0.6, 0), (0.95, 0.45), (0.45, 0.95), (1, 1.45), (0.6, 2), (0, 1.8)),
    ((0.75, 2), (0.75, 0), (0, 1.3), (1, 1.3)),
    ((0.95, 0), (0.15, 0), (0.1, 0.9), (0.65, 0.85), (1, 1.4), (0.6, 2), (0, 1.85)),
    ((0.8, 0.05), (0.2, 0.8), (0.05, 1.5), (0.5, 2), (0.95, 1.5), (0.55, 1.05), (0.1, 1.3)),
    ((0, 0), (1, 0), (0.4, 2)),
    ((0.5, 0.95), (0.1, 0.5), (0.5, 0), (0.9, 0.5), (0.5, 0.95), (0.02, 1.5), (0.5, 2), (0.98, 1.5), (0.5, 0.95)),
    ((0.9, 0.6), (0.5, 0.95), (0.1, 0.5), (0.5, 0), (0.9, 0.4), (0.85, 1.2), (0.6, 2)),
)


def _digits(digit: int, count: int, draw: np.random.Generator) -> np.ndarray:
    """Drawings of one digit: count x 28 x 28, uint8, bright on black, sizes and places as in MNIST."""
    points = np.array(_STROKES[digit], dtype=np.float32) - (0.5, 1.0)
    slant, turn = draw.normal(0, 0.15, count), draw.normal(0, 0.12, count)
    high, wide = draw.uniform(8.0, 10.0, count), draw.uniform(8.0, 12.0, count)
    moved = points + draw.normal(0, 0.05, (count, len(points), 2))
    across = (moved[..., 0] - slant[:, None] * moved[..., 1]) * wide[:, None]
    down = moved[..., 1] * high[:, None]
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    center = 13.5 + draw.normal(0, 0.8, (2, count, 1))
    x, y = across * cosine - down * sine + center[0], across * sine + down * cosine + center[1]
    distance = _distance(x.astype(np.float32), y.astype(np.float32))
    thickness = draw.uniform(1.0, 1.8, count).astype(np.float32)[:, None, None]
    ink = np.clip(thickness + 0.5 - distance, 0, 1) * draw.uniform(200, 255, (count, 1, 1))
    speckle = draw.normal(0, 12, ink.shape) * (ink > 0)
    result: np.ndarray = np.clip(ink + speckle, 0, 255).astype(np.uint8)
    return result


def _distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance of each of 28 x 28 pixels from the nearest stroke; x, y: count x points."""
    rows, columns = np.mgrid[0:28, 0:28].astype(np.float32)
    nearest = np.full((len(x), 28, 28), np.inf, dtype=np.float32)
    for k in range(x.shape[1] - 1):
        x0, y0 = x[:, k, None, None], y[:, k, None, None]
        dx, dy = x[:, k + 1, None, None] - x0, y[:, k + 1, None, None] - y0
        along = ((columns - x0) * dx + (rows - y0) * dy) / np.maximum(dx * dx + dy * dy, np.float32(1e-6))
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, (columns - x0 - along * dx) ** 2 + (rows - y0 - along * dy) ** 2)
    return np.sqrt(nearest)


@table_row
class SampleMNIST(Sample):
    """Drawn digits in files named and built as MNIST's four: `train-images-idx3-ubyte.gz` and so on."""

    stands_for: ClassVar[str] = "MNIST"
    examples: ClassVar[tuple[str, ...]] = ("SampleMNIST {train = 6000, test = 1000}",)

    train: int = option(Integer(10), 6000, "Training images.")
    test: int = option(Integer(10), 1000, "Test images.")

    def make(self, folder: Path) -> None:
        for part, count in (("train", self.train), ("t10k", self.test)):
            draw = _generator(self.seed, part)
            labels = draw.permutation(np.arange(count) % 10).astype(np.uint8)
            images = np.empty((count, 28, 28), dtype=np.uint8)
            for digit in range(10):
                for rows in _pieces(np.flatnonzero(labels == digit), 500):
                    images[rows] = _digits(digit, len(rows), draw)
            _write_gzip(folder / f"{part}-images-idx3-ubyte.gz", struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28),
                        images)
            _write_gzip(folder / f"{part}-labels-idx1-ubyte.gz", struct.pack(">4BI", 0, 0, 8, 1, count), labels)


def _pieces(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _write_gzip(path: Path, header: bytes, array: np.ndarray) -> None:
    # No time stamp: the same options make the same bytes.
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=6, mtime=0))
