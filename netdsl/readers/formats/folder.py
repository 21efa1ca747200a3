"""ImageFolder: a sub-folder for each class."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from ...base.diagnostics import did_you_mean
from ...spec import Integer, Optional, Text, option, table_row
from ..arrays import np
from ..files import dead_link, leads_nowhere, locate, missing_file, read_all, reading, short
from ..reader import DataError, Dataset, Description, Reader, Stream
from ..transforms.pipeline import ImageReader
from .imagefiles import ImageFiles, Paths, stored_dims
from .images import SUFFIXES

#: `describe` counts images up to this number; more are not counted before the data are opened.
_COUNT_UP_TO = 100_000


@table_row
class ImageFolder(ImageReader):
    """Photos in a folder for each class, as ImageNet is laid out.

    A class is a sub-folder; the classes in the order of the folders' names are the class numbers 0, 1, ...
    For validation and test they are those of the training data, also where a class is missing.
    Images are .jpg, .jpeg, .png, .bmp, .webp, .ppm and .pgm in any case, at any depth below the
    class's folder; other files, and names that begin with a dot, are passed over.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'ImageFolder {"$dataDir$/train", transforms = RandomCrop {sideRatio = 0.887} : Flip {} : Scale {227:227}}',
        'ImageFolder {"$dataDir$/val", transforms = Resize {256} : CenterCrop {size = 224}, labelDim = 1000}',
    )

    folder: str = option(Text(), doc="The folder that holds the classes' folders.")
    class_file: str = option(Text(), "", "List that fixes the classes' order: a line for each class, folder name "
                             "first, then its title; or Keras' class index (.json).")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes that the network tells apart, if "
                                   "there are fewer folders; None: the number of folders.")
    max_errors: int = option(Integer(0), 0, "How many bad images are passed over before it is an error.")

    def describe(self) -> Description:
        if os.path.isfile(self.folder):
            raise DataError(f"`{short(self.folder)}` is a file; this reader takes a folder with one folder a class",
                            path=self.folder, option="folder",
                            hint="a list of images with their classes is read by `MapFile`.")
        missing = tuple(p for p in (self.folder,) if not os.path.isdir(p))
        missing += tuple(p for p in (self.class_file,) if p and locate(p) is None)
        if missing:
            labels = Stream(self.labels_input, (self.label_dim,) if self.label_dim else None, self.label_dim)
            return Description((self.image_stream((None, None, self.channels)), labels), None, self.image_facts(),
                               missing)
        folders, titles = self._classes()
        paths = list(islice((path for path, _ in self._images(folders)), _COUNT_UP_TO + 1))
        if not paths:
            raise self._no_images()
        dims = stored_dims(Paths(paths), len(paths), self.channels, lambda index: (paths[index], ""),
                           tolerant=self.max_errors > 0)
        classes = self.label_dim or len(titles)
        labels = Stream(self.labels_input, (classes,), classes, class_names=titles)
        return Description((self.image_stream(dims), labels), len(paths) if len(paths) <= _COUNT_UP_TO else None,
                           self.image_facts())

    def open(self, training: bool) -> Dataset:
        folders, titles = self._classes()
        entries = list(self._images(folders))
        if not entries:
            raise self._no_images()
        labels = np.fromiter((label for _, label in entries), np.int64, len(entries))
        counts = np.bincount(labels, minlength=len(titles))
        for name, label in folders.items():
            if not counts[label]:
                raise DataError(f"the class folder `{short(name)}` has no images", option="folder",
                                path=os.path.join(self.folder, name),
                                hint="put images there or delete the folder; the class numbers behind it change then.")
        paths = Paths([path for path, _ in entries])
        return ImageFiles(self, training, paths, lambda index: (paths.paths[index], ""), {self.labels_input: labels},
                          len(entries), titles, self.max_errors, paths.close)

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        return self if self.class_file else replace(self, class_order=names(self.labels_input))

    def _classes(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Class numbers by folder name, and the classes' titles by number. Raises DataError."""
        if not os.path.isdir(self.folder):
            raise missing_file(self.folder, "folder", "folder")
        with reading(self.folder, "folder"):
            entries = [entry for entry in os.scandir(self.folder) if not entry.name.startswith(".")]
        names = sorted(entry.name for entry in entries if _is_folder(entry))
        for entry in entries:
            if leads_nowhere(entry.path):  # passed over, it would change the numbers of the classes behind it
                raise dead_link(entry.path, "folder")
        if not names:
            raise DataError(f"the folder `{short(self.folder)}` has no sub-folders", path=self.folder, option="folder",
                            body=("ImageFolder wants a sub-folder for each class, with the class's images in it.",),
                            hint="for images listed in a text file use `MapFile`.")
        if self.class_file:
            folders, titles = self._listed(names)
        else:
            titles = self.ordered_classes(names)
            number = {name: place for place, name in enumerate(titles)}
            folders = {name: number[name] for name in names}
        # With names of other data, one class too many is said to be one that those do not have.
        count = len(names) if self.class_order else len(titles)
        if self.label_dim is not None and count > self.label_dim:
            raise DataError(f"there are {count} classes, but `labelDim` is {self.label_dim}", path=self.folder,
                            option="labelDim", hint=f"set `labelDim = {count}`, and the network's output too.")
        return folders, titles

    def _listed(self, names: list[str]) -> tuple[dict[str, int], tuple[str, ...]]:
        listed = read_class_file(self.class_file)
        numbers = {folder: number for number, (folder, _) in enumerate(listed)}
        unknown = [name for name in names if name not in numbers]
        if unknown:
            raise DataError(f"the folder `{short(unknown[0])}` is not in the list of classes", option="classFile",
                            path=os.path.join(self.folder, unknown[0]),
                            body=(f"The list is {self.class_file}, with {len(listed)} classes.",),
                            hint=did_you_mean(unknown[0], numbers) if len(numbers) <= 2000 else "")
        return {name: numbers[name] for name in names}, tuple(title for _, title in listed)

    def _images(self, folders: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Paths and class numbers, sorted: the same order on every machine."""
        above = frozenset({_identity(self.folder)})
        for name, number in sorted(folders.items(), key=lambda pair: pair[1]):
            for path in image_paths(os.path.join(self.folder, name), above):
                yield path, number

    def _no_images(self) -> DataError:
        return DataError(f"there are no images in `{short(self.folder)}`", path=self.folder, option="folder",
                         body=(f"I looked for {', '.join(SUFFIXES)} in the classes' folders.",))


def image_paths(folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
    """Image files below a folder, sorted. Raises DataError.

    A link to one of the folders that lead here (`above`) is passed over, since it has no end.
    """
    with reading(folder):
        here = _identity(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if here not in above else []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from image_paths(entry.path, above | {here})
        elif entry.name.lower().endswith(SUFFIXES):
            yield entry.path


def _identity(folder: str) -> tuple[int, int]:
    """Tells a folder from others, by whichever link it is reached."""
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def read_class_file(path: str) -> list[tuple[str, str]]:
    """Folder names and titles in the order of the class numbers. Raises DataError."""
    data = read_all(path, "classFile")
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            index = json.loads(text)
            classes = [(str(index[str(k)][0]), str(index[str(k)][1])) for k in range(len(index))]
        else:
            pairs = (line.split(None, 1) for line in text.splitlines() if line.strip())
            classes = [(pair[0], pair[1].strip() if len(pair) > 1 else pair[0]) for pair in pairs]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"`{short(path)}` is not a list of classes", path=path, option="classFile",
                        body=(f"Reading says: {error}.",),
                        hint="write a line for each class: the folder's name, and behind it a title.") from None
    seen: dict[str, int] = {}
    for number, (name, _) in enumerate(classes):
        if name in seen:
            raise DataError(f"the class `{short(name)}` is listed twice", path=path, option="classFile",
                            place=f"entries {seen[name]} and {number}", hint="delete one of the two lines.")
        seen[name] = number
    if not classes:
        raise DataError(f"the list of classes `{short(Path(path))}` is empty", path=path, option="classFile")
    return classes
