"""What a folder of images holds: classes, split, sizes, colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from ..readers.formats.folder import image_paths
from ..readers.formats.images import decode, open_image
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


def inspect_images(folder: Path) -> ImageFolderFacts:
    """Look into a folder of class folders, or of `train`, `val`, `test` with class folders. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"there is no folder `{folder}`", path=str(folder))
    split = _split(folder)
    classes = _classes(split["train"])
    for phase, inner in split.items():
        _require_same_classes(classes, inner, phase)
    paths = {name: list(image_paths(str(split["train"] / name))) for name in classes}
    empty = [name for name, found in paths.items() if not found]
    if empty:
        raise DataError(f"the class folder `{empty[0]}` has no images", path=str(split["train"] / empty[0]),
                        hint="put images there or delete the folder.")
    every = [path for found in paths.values() for path in found]
    sizes, grey, mean, deviation = _measure(every[:: max(1, len(every) // LOOK_AT)])
    return ImageFolderFacts(folder, split, classes, len(every), min(map(len, paths.values())),
                 round(median(w for w, _ in sizes)), round(median(h for _, h in sizes)), len(set(sizes)) == 1, grey,
                 mean, deviation)


def _split(folder: Path) -> Split:
    inner = {entry.name.lower(): entry for entry in folder.iterdir() if entry.is_dir()}
    found: Split = {}
    for phase, names in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        for name in names:
            if name in inner and phase not in found:
                found[phase] = inner[name]
    if "train" in found:
        return found
    return {"train": folder}


def _classes(folder: Path) -> tuple[str, ...]:
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        what = "no sub-folders" if not names else "a single sub-folder"
        raise DataError(f"`{folder}` has {what}: there is nothing to tell apart", path=str(folder),
                        hint="put the images of each class into a sub-folder of its own.")
    return tuple(names)


def _require_same_classes(classes: tuple[str, ...], folder: Path, phase: str) -> None:
    """The classes' numbers are the places of their folders: with other folders the numbers would mean others."""
    other = _classes(folder)
    differing = sorted(set(classes) ^ set(other))
    if differing:
        where = "only the training data have" if differing[0] in classes else f"only `{folder.name}` has"
        raise DataError(f"{where} the class `{differing[0]}`", path=str(folder),
                        body=(f"There are {len(classes)} classes to train on and {len(other)} in `{folder.name}`.",),
                        hint="give both the same class folders.")


def _measure(paths: list[str]) -> tuple[list[tuple[int, int]], bool, tuple[float, ...], tuple[float, ...]]:
    """Sizes, whether all are grey, and mean and deviation by channel. Raises DataError for one that is no image."""
    sizes, grey, sums, squares = [], True, [], []
    for path in paths:
        try:
            data = Path(path).read_bytes()
            sizes.append(open_image(data).size)
            pixels = decode(data, least_side=64).reshape(-1, 3).astype(np.float64) / 255
        except DataError as error:
            raise error.located(path) from None
        grey = grey and bool((pixels == pixels[:, :1]).all())
        sums.append(pixels.mean(axis=0))
        squares.append((pixels**2).mean(axis=0))
    mean = np.mean(sums, axis=0)
    deviation = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 1e-4))
    channels = slice(0, 1) if grey else slice(0, 3)
    return sizes, grey, tuple(map(float, mean[channels])), tuple(map(float, deviation[channels]))
