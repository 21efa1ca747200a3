"""What a folder of images holds: classes, split, sizes, colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from ..readers.formats.folder import image_paths
from ..readers.formats.image_formats import SkippedFiles
from ..readers.formats.images import open_image
from ..readers.formats.pixels import (
    Decoding,
    decode,
    orientation_of,
    proposed_range,
    unscaled_values,
    upright_size,
)
from ..readers.reader import DataError

#: Names that people give the folders of a split, in order of preference.
TRAIN, VALIDATION, TEST = ("train", "training"), ("val", "valid", "validation", "dev"), ("test", "testing")
#: Images that are looked at for sizes, mean and deviation.
LOOK_AT = 200

Split = dict[str, Path]


@dataclass(frozen=True)
class ImageFolderFacts:
    """What a folder of images holds, as far as a new file needs to know."""

    folder: Path
    split: Split  #: phase -> folder of class folders; "train" is always there
    classes: tuple[str, ...]
    count: int  #: training images
    smallest: int  #: of the classes' numbers of training images
    width: int  #: median of the images looked at
    height: int
    same_size: bool
    grey: bool
    mean: tuple[float, ...]  #: of each channel, in 0..1
    deviation: tuple[float, ...]
    looked_at: int = LOOK_AT  #: how many images were measured
    broken: tuple[DataError, ...] = ()  #: images that cannot be read, of those looked at
    skipped: str = ""  #: files that are no images, where some may be meant as such: a sentence
    suggestion: str = ""  #: what to do about them
    unused: tuple[str, ...] = ()  #: folders of a split that have no class folders
    turned: bool = False  #: whether photos are stored turned
    value_range: tuple[float, float] | None = None  #: what the stored values lie in, where the files do not say it


def inspect_images(folder: Path) -> ImageFolderFacts:
    """Look into a folder of class folders, or of `train`, `val`, `test` with class folders. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"there is no folder `{folder}`", path=str(folder))
    split, unused = _split(folder)
    classes = _classes(split["train"])
    for inner in split.values():
        _require_known_classes(classes, inner)
    skipped = SkippedFiles()
    paths = {name: _images_of(split["train"] / name, skipped) for name in classes}
    every = [path for found in paths.values() for path in found]
    looked_at = every[:: max(1, len(every) // LOOK_AT)]
    value_range = _value_range(looked_at)
    seen = _measure(looked_at, value_range)
    return ImageFolderFacts(
        folder, split, classes, len(every), min(map(len, paths.values())),
        round(median(w for w, _ in seen.sizes)), round(median(h for _, h in seen.sizes)), len(set(seen.sizes)) == 1,
        seen.grey, *seen.mean_and_deviation(), len(looked_at), tuple(seen.broken),
        str(skipped) if skipped.surprising else "", skipped.suggestion, unused, seen.turned, value_range)


def _images_of(folder: Path, skipped: SkippedFiles) -> list[str]:
    """The images of a class. Raises DataError where there are none."""
    here = SkippedFiles()
    found = list(image_paths(str(folder), skipped=here))
    if not found:
        raise DataError(f"the class folder `{folder.name}` has no images", path=str(folder),
                        body=(f"{here}.",) if here.counts else (),
                        hint=here.suggestion if here.counts else "put images there or delete the folder.")
    skipped.counts.update(here.counts)
    return found


def _split(folder: Path) -> tuple[Split, tuple[str, ...]]:
    """The folders of a split, and those that look like some and have no class folders."""
    inner = {entry.name.lower(): entry for entry in folder.iterdir() if entry.is_dir()}
    found: Split = {}
    for phase, names in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        for name in names:
            if name in inner and phase not in found:
                found[phase] = inner[name]
    if "train" not in found:
        return {"train": folder}, ()
    flat = {phase: inner for phase, inner in found.items() if phase != "train" and not _names(inner)}
    return {phase: inner for phase, inner in found.items() if phase not in flat}, tuple(map(str, flat.values()))


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _classes(folder: Path) -> tuple[str, ...]:
    names = _names(folder)
    if len(names) < 2:
        what = "no sub-folders" if not names else "a single sub-folder"
        raise DataError(f"`{folder}` has {what}: so there are no classes", path=str(folder),
                        hint="put the images of each class into a sub-folder of its own.")
    return tuple(names)


def _require_known_classes(classes: tuple[str, ...], folder: Path) -> None:
    """The classes' numbers are those of training: one that is not trained on has none. Raises DataError."""
    other = _names(folder)
    unknown = sorted(set(other) - set(classes))
    if unknown:
        raise DataError(f"only `{folder.name}` has the class `{unknown[0]}`", path=str(folder),
                        body=(f"There are {len(classes)} classes to train on and {len(other)} in `{folder.name}`.",),
                        hint="add the class to the training data, or remove its folder.")


class _Measured:
    """What a look at some images has gathered."""

    def __init__(self, value_range: tuple[float, float] | None) -> None:
        self.how = Decoding(turned=True, value_range=value_range)
        self.sizes: list[tuple[int, int]] = []
        self.grey, self.turned = True, False
        self.sums: list[np.ndarray] = []
        self.squares: list[np.ndarray] = []
        self.broken: list[DataError] = []

    def add(self, path: str) -> None:
        """Look at one image. Raises DataError for one that cannot be read."""
        data = Path(path).read_bytes()
        pixels = decode(data, self.how, least_side=64).reshape(-1, 3).astype(np.float64) / 255
        image = open_image(data)
        self.sizes.append(upright_size(image, self.how))
        self.turned = self.turned or orientation_of(image) != 1
        self.grey = self.grey and bool((pixels == pixels[:, :1]).all())
        self.sums.append(pixels.mean(axis=0))
        self.squares.append((pixels**2).mean(axis=0))

    def mean_and_deviation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Of each channel, in 0..1."""
        mean = np.mean(self.sums, axis=0)
        deviation = np.sqrt(np.maximum(np.mean(self.squares, axis=0) - mean**2, 1e-4))
        channels = slice(0, 1) if self.grey else slice(0, 3)
        return tuple(map(float, mean[channels])), tuple(map(float, deviation[channels]))


def _value_range(paths: list[str]) -> tuple[float, float] | None:
    """What the values of these images lie in, where they are of a kind that does not say it."""
    found = [values for path in paths if (values := unscaled_values(Path(path).read_bytes())) is not None]
    if not found:
        return None
    return proposed_range(min(low for low, _ in found), max(high for _, high in found))


def _measure(paths: list[str], value_range: tuple[float, float] | None) -> _Measured:
    """Look at these images. Raises DataError where none of them can be read."""
    seen = _Measured(value_range)
    for path in paths:
        try:
            seen.add(path)
        except DataError as error:
            seen.broken.append(error.with_location(path))
    if not seen.sizes:
        raise seen.broken[0]
    return seen
