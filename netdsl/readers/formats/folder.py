"""ImageFolder: a sub-folder for each class."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from ...base.suggest import did_you_mean
from ...spec import Integer, Optional, Text, option, table_row
from ..arrays import np
from ..files import dead_link, leads_nowhere, locate, missing_file, read_head, reading, short
from ..reader import DataError, Dataset, Description, Reader, Stream
from .image_formats import SUFFIXES, SkippedFiles
from .image_reader import ImageFileReader, look_at_headers, spread
from .imagefiles import ImageFiles, Paths

#: `describe` counts images up to this number; more are not counted before the data are opened.
_COUNT_UP_TO = 100_000
#: Bytes of a list of classes; ImageNet's has 35,000.
_MOST_OF_CLASSES = 16 << 20


@table_row
class ImageFolder(ImageFileReader):
    """Photos in a folder for each class, as ImageNet is laid out.

    A class is a sub-folder; the classes in the order of the folders' names are the class numbers 0, 1, ...
    Names that are all whole numbers are ordered by their value (2 before 10), others by the alphabet.
    For validation and test the numbers are those of the training data, also where a class is missing or its
    folder is empty. A folder with images and no sub-folders holds images without labels, for networks that
    need none. Images are .jpg, .jpeg, .jpe, .jfif, .png, .bmp, .webp, .gif, .tif, .tiff, .ppm, .pgm, .pbm,
    .pnm and .pfm in any case, at any depth below the class's folder; other files are skipped, and `check`
    counts them by suffix. Names that begin with a dot are ignored.

    Without a folder it says only how the images are made ready that `netdsl predict` is given: for a network that
    comes with its weights and without data.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'ImageFolder {"$dataDir$/train", transforms = RandomCrop {sideRatio = 0.887} : Flip {} : Scale {227:227}}',
        'ImageFolder {"$dataDir$/val", transforms = Resize {256} : CenterCrop {size = 224}, labelDim = 1000}',
        'ImageFolder {transforms = Scale {227:227} : Mean {104:117:123}, colorOrder = "BGR"}',
    )
    class_list: ClassVar[str] = "classFile"
    class_word: ClassVar[str] = "folders"

    folder: str = option(Text(), "", "The folder that holds the classes' folders; none: only `predict` has images.")
    class_file: str = option(Text(), "", "List that fixes the classes' order: a line for each class, folder name "
                             "first, then its title; or Keras' class index (.json).")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes that the network tells apart, if "
                                   "there are fewer folders; None: the number of folders.")
    max_errors: int = option(Integer(0), 0, "How many bad images are skipped before it is an error.")
    #: Whether other data number the classes, as for validation and test; no option, `with_classes` sets it.
    follows_others: bool = field(default=False, kw_only=True)

    def describe(self) -> Description:
        if not self.folder:
            return Description((self.image_stream((None, None, self.channels)),), None, self.image_facts())
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
        found = self._found(_COUNT_UP_TO)
        paths = [path for path, _ in found.entries]
        headers = look_at_headers(self, Paths(paths), spread(len(paths)), lambda index: (paths[index], ""),
                                  tolerant=self.max_errors > 0)
        facts, warnings = found.told(self.folder)
        streams = [self.image_stream(headers.dims)]
        if found.classes is not None:
            classes = self.label_dim or len(found.classes)
            streams.append(Stream(self.labels_input, (classes,), classes, class_names=found.classes))
        return Description(tuple(streams), None if found.more else len(paths),
                           (*self.image_facts(), *headers.facts, *facts), warnings=(*warnings, *headers.warnings),
                           unlabelled=DataError(
                               f"`{short(self.folder)}` has no sub-folders, so its images have no labels",
                               hint="put the images of each class into a sub-folder named after the class; for images "
                                    "listed in a text file use `MapFile`.") if found.classes is None else None)

    def open(self, training: bool) -> Dataset:
        found = self._found()
        paths = Paths([path for path, _ in found.entries])
        labels = np.fromiter((label for _, label in found.entries), np.int64, len(found.entries))
        return ImageFiles(self, training, paths, lambda index: (paths.paths[index], ""),
                          {self.labels_input: labels} if found.classes is not None else {},
                          len(found.entries), found.classes or (), self.max_errors, paths.close)

    def sources(self) -> tuple[str, ...]:
        return (self.folder,) if self.folder else ()

    def _found(self, most: int | None = None) -> _Found:
        """The images with their classes; no more than `most` of them. Raises DataError."""
        skipped = SkippedFiles()
        entries = self._entries()
        if not any(_is_folder(entry) for entry in entries):
            paths = list(islice(image_paths(self.folder, skipped=skipped), None if most is None else most + 1))
            if not paths:
                raise self._no_images(skipped)
            return _Found([(path, 0) for path in paths[:most]], None, skipped, most is not None and len(paths) > most)
        folders, titles = self._classes(entries)
        pairs = list(islice(self._images(folders, skipped), None if most is None else most + 1))
        if not pairs:
            raise self._no_images(skipped)
        more = most is not None and len(pairs) > most
        if not more and not (self.follows_others or self.class_file):
            self._require_images(folders, {label for _, label in pairs})
        beside = [entry.path for entry in entries if entry.name.lower().endswith(SUFFIXES) and not _is_folder(entry)]
        return _Found(pairs[:most], titles, skipped, more, sorted(beside))

    def _require_images(self, folders: dict[str, int], there: set[int]) -> None:
        """Raises DataError for a class without images: nothing could be learned of it."""
        for name, label in folders.items():
            if label in there:
                continue
            place = os.path.join(self.folder, name)
            skipped = SkippedFiles()
            list(image_paths(place, skipped=skipped))
            raise DataError(f"the class folder `{short(name)}` has no images", option="folder", path=place,
                            body=(f"{skipped}.",) if skipped.counts else (),
                            hint=skipped.suggestion if skipped.counts else
                            "put images there or delete the folder; the class numbers after it change then.")

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        order = () if self.class_file else names(self.labels_input)
        return replace(self, class_order=order, follows_others=True)

    def _entries(self) -> list[os.DirEntry[str]]:
        """What lies in the folder. Raises DataError."""
        if not self.folder:
            raise DataError("the reader has no folder, so there are no images", option="folder",
                            hint='name one, as in `ImageFolder {"photos"}`; `netdsl predict` takes images by name.')
        if not os.path.isdir(self.folder):
            raise missing_file(self.folder, "folder", "folder")
        with reading(self.folder, "folder"):
            return [entry for entry in os.scandir(self.folder) if not entry.name.startswith(".")]

    def _classes(self, entries: list[os.DirEntry[str]]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Class numbers by folder name, and the classes' titles by number. Raises DataError."""
        names = sorted(entry.name for entry in entries if _is_folder(entry))
        for entry in entries:
            if leads_nowhere(entry.path):  # skipped, it would change the numbers of the classes after it
                raise dead_link(entry.path, "folder")
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

    def _images(self, folders: dict[str, int], skipped: SkippedFiles) -> Iterator[tuple[str, int]]:
        """Paths and class numbers, sorted: the same order on every machine."""
        above = frozenset({_identity(self.folder)})
        for name, number in sorted(folders.items(), key=lambda pair: pair[1]):
            for path in image_paths(os.path.join(self.folder, name), above, skipped):
                yield path, number

    def _no_images(self, skipped: SkippedFiles) -> DataError:
        looked = f"I looked for {', '.join(SUFFIXES)} in the classes' folders."
        return DataError(f"there are no images in `{short(self.folder)}`", path=self.folder, option="folder",
                         body=(f"{skipped}.", looked) if skipped.counts else (looked,),
                         hint=skipped.suggestion if skipped.counts else "put a folder of images for each class there.")


@dataclass(frozen=True)
class _Found:
    """What a search for images found."""

    entries: list[tuple[str, int]]  #: path and class number
    classes: tuple[str, ...] | None  #: titles by number; None: images without labels
    skipped: SkippedFiles
    more: bool = False  #: whether the search ended before all was found
    beside: list[str] = field(default_factory=list)  #: images that lie beside the classes' folders

    def told(self, folder: str) -> tuple[tuple[str, ...], tuple[DataError, ...]]:
        """Facts and warnings on what is left out."""
        facts: list[str] = []
        warnings: list[DataError] = []
        if self.skipped.surprising:
            warnings.append(DataError(str(self.skipped), path=folder, hint=self.skipped.suggestion))
        elif self.skipped.counts:
            facts.append(str(self.skipped))
        if self.beside:
            count = "1 image is" if len(self.beside) == 1 else f"{len(self.beside)} images are"
            warnings.append(DataError(f"{count} skipped: beside the classes' folders", path=self.beside[0],
                                      hint="move them into a folder of their class, or out of this folder."))
        return tuple(facts), tuple(warnings)


def image_paths(folder: str, above: frozenset[tuple[int, int]] = frozenset(),
                skipped: SkippedFiles | None = None) -> Iterator[str]:
    """Image files below a folder, sorted; other files are counted in `skipped`. Raises DataError.

    A link to one of the folders that lead here (`above`) is skipped, since it has no end.
    """
    with reading(folder):
        here = _identity(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if here not in above else []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from image_paths(entry.path, above | {here}, skipped)
        elif entry.name.lower().endswith(SUFFIXES):
            yield entry.path
        elif skipped is not None:
            skipped.add(entry.name)


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
    data = read_head(path, _MOST_OF_CLASSES + 1, "classFile")
    if len(data) > _MOST_OF_CLASSES:
        raise DataError(f"`{short(path)}` is too long for a list of classes", path=path, option="classFile",
                        place=f"byte {_MOST_OF_CLASSES:,}", hint="write a line for each class.")
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
                        hint="write a line for each class: the folder's name, followed by a title.") from None
    seen: dict[str, int] = {}
    for number, (name, _) in enumerate(classes):
        if name in seen:
            raise DataError(f"the class `{short(name)}` is listed twice", path=path, option="classFile",
                            place=f"entries {seen[name]} and {number}", hint="delete one of the two lines.")
        seen[name] = number
    if not classes:
        raise DataError(f"the list of classes `{short(Path(path))}` is empty", path=path, option="classFile")
    return classes
