"""ImageMasks: images with a class for each pixel."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import ClassVar

from ...base.classes import NO_CLASS
from ...spec import Integer, Optional, OptionError, Text, option, table_row
from ..arrays import np
from ..class_numbers import FIRST_LABEL_DOC
from ..files import missing_file, short
from ..reader import Batch, DataError, Dataset, Description, SampleRng, Stream
from ..transforms.geometry import VOID
from ..transforms.pipeline import channels_first
from .folder import image_paths
from .image_formats import SkippedFiles
from .image_reader import ImageFileReader, look_at_headers, spread
from .imagefiles import Paths, bad_samples
from .pixels import decode_mask


@table_row
class ImageMasks(ImageFileReader):
    """Images and their masks, two folders whose files have equal names but for the suffix.

    A mask is an 8-bit grey or palette image (PNG) of the image's size whose values are class numbers;
    255 says that a pixel has no class, and `void` can name another such number. Criteria and metrics leave
    pixels without a class out. Transforms that move pixels move the mask alike, without mixing its values;
    what they bring in from outside has no class.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'ImageMasks {"$dataDir$/images", "$dataDir$/masks", classes = 21, '
        "transforms = RandomCrop {size = 64} : Flip {}}",
    )

    images: str = option(Text(), doc="The folder of images.")
    masks: str = option(Text(), doc="The folder of masks.")
    classes: int = option(Integer(2, VOID), doc="Number of classes.")
    void: int | None = option(Optional(Integer(0, VOID)), None, "Another number, beside 255, of pixels that have no "
                              "class.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)
    max_errors: int = option(Integer(0), 0, "How many images that are bad, or whose masks are, are skipped before it "
                             "is an error; above 0, all are read once to find them when the data are opened.")

    def validate(self) -> None:
        super().validate()
        if any(step.views > 1 for transform in self.transforms for step in transform.expand()):
            raise OptionError("transforms", "views cannot be averaged where every pixel has a class",
                              "leave out MultiViewCrop.")

    def describe(self) -> Description:
        missing = tuple(folder for folder in (self.images, self.masks) if not os.path.isdir(folder))
        if missing:
            streams = self.image_stream((None, None, self.channels)), self._mask_stream(None)
            return Description(streams, None, self.image_facts(), missing)
        images, _ = self._pairs()
        headers = look_at_headers(self, Paths(images), spread(len(images)), lambda index: (images[index], ""),
                                  self.max_errors > 0)
        stream = self.image_stream(headers.dims)
        dims = None if stream.dims is None else (*stream.dims[:2], self.classes)
        return Description((stream, self._mask_stream(dims)), len(images),
                           (*self.image_facts(), *headers.facts), warnings=(*self._skipped(), *headers.warnings))

    def _mask_stream(self, dims: tuple[int, ...] | None) -> Stream:
        return Stream(self.labels_input, dims, self.classes, per_pixel=True, labels_from=self.first_label)

    def open(self, training: bool) -> Dataset:
        return _MaskedImages(self, training, *self._pairs())

    def sources(self) -> tuple[str, ...]:
        return (self.images,)

    def _skipped(self) -> tuple[DataError, ...]:
        """What to tell of files in the two folders that are no images."""
        found = []
        for folder in (self.images, self.masks):
            skipped = SkippedFiles()
            list(image_paths(folder, skipped=skipped))
            if skipped.surprising:
                found.append(DataError(str(skipped), path=folder, hint=skipped.suggestion))
        return tuple(found)

    def _pairs(self) -> tuple[list[str], list[str]]:
        """Paths of images and of their masks. Raises DataError."""
        images, masks = self._by_stem(self.images, "images"), self._by_stem(self.masks, "masks")
        for stem, path in images.items():
            if stem not in masks:
                raise DataError(f"the image `{short(path)}` has no mask", path=path, option="masks",
                                body=(f"There is no file `{stem}.*` in {self.masks}.",),
                                hint="add the mask, or remove the image.")
        return list(images.values()), [masks[stem] for stem in images]

    def _by_stem(self, folder: str, option: str) -> dict[str, str]:
        if not os.path.isdir(folder):
            raise missing_file(folder, "folder", option)
        paths: dict[str, str] = {}
        for path in image_paths(folder):
            stem = os.path.splitext(os.path.relpath(path, folder))[0]
            if stem in paths:
                raise DataError(f"two files are called `{short(stem)}`", path=path, option=option,
                                body=(f"The other is {paths[stem]}.",), hint="keep one of them.")
            paths[stem] = path
        if not paths:
            raise DataError(f"there are no images in `{short(folder)}`", path=folder, option=option)
        return paths


class _MaskedImages(Dataset):
    def __init__(self, reader: ImageMasks, training: bool, images: list[str], masks: list[str]) -> None:
        self._reader, self._pipeline = reader, reader.pipeline(training)
        self._images, self._masks = Paths(images), Paths(masks)
        most = reader.max_errors
        bad = bad_samples(lambda index: self._pair(index, SampleRng()), len(images), reader, most) if most > 0 else {}
        good = [index for index in range(len(images)) if index not in bad]
        if not good:
            raise DataError("none of the images and masks can be read", path=images[0],
                            body=tuple(f"The first: {error.title}." for error in list(bad.values())[:1]),
                            hint=next(iter(bad.values())).hint if bad else "")
        self._images, self._masks = Paths([images[index] for index in good]), Paths([masks[index] for index in good])
        self.count = len(good)
        self._skipped = tuple(bad.values())

    @property
    def skipped(self) -> tuple[DataError, ...]:
        return self._skipped

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        pairs = [self._pair(int(index), draws) for index in indices]
        for index, (image, _) in zip(indices, pairs, strict=True):
            if image.shape != pairs[0][0].shape:
                raise DataError("images of different sizes cannot go into one batch", option="transforms",
                                path=self._images.paths[int(index)],
                                body=(f"The other is {self._images.paths[int(indices[0])]}.",),
                                hint="end the transforms with a fixed size, such as `Scale {224:224}`.")
        reader = self._reader
        masks = np.stack([mask for _, mask in pairs])
        return Batch({reader.features_input: np.stack([image for image, _ in pairs]), reader.labels_input: masks},
                     tuple(self._images.paths[int(index)] for index in indices))

    def fingerprint(self, index: int) -> tuple[str, bytes] | None:
        try:
            content = self._images(index)
        except DataError:
            return None
        return self._images.paths[index], hashlib.blake2b(content, digest_size=16).digest()

    def notes(self) -> tuple[DataError, ...]:
        return look_at_headers(self._reader, self._images, range(self.count),
                               lambda index: (self._images.paths[index], ""), tolerant=True).warnings

    def _pair(self, index: int, draws: SampleRng) -> tuple[np.ndarray, np.ndarray]:
        reader = self._reader
        try:
            image = reader.decoded(self._images(index))
        except DataError as error:
            raise reader.bad_image(error.with_location(self._images.paths[index])) from None
        try:
            mask = decode_mask(self._masks(index), reader.decoding)
        except DataError as error:
            raise reader.bad_image(error.with_location(self._masks.paths[index])) from None
        if image.shape[:2] == mask.shape[1::-1] != mask.shape[:2] and not reader.apply_exif_orientation:
            raise DataError("the image and its mask have different orientations", path=self._masks.paths[index],
                            body=(f"The image has {image.shape[1]} x {image.shape[0]} pixels, the mask "
                                  f"{mask.shape[1]} x {mask.shape[0]}.",),
                            hint="photos that are stored turned are put upright with `applyExifOrientation = true`.")
        try:
            image, mask = self._pipeline.run_with_mask(image, mask, draws.sample(index))
        except DataError as error:
            raise error.with_location(self._masks.paths[index]) from None
        return channels_first(image), self._numbers(mask[..., 0], self._masks.paths[index])

    def _numbers(self, mask: np.ndarray, path: str) -> np.ndarray:
        """The class of each pixel, from 0, `NO_CLASS` where there is none. Raises DataError."""
        reader = self._reader
        none = mask == VOID if reader.void is None else (mask == VOID) | (mask == reader.void)
        numbers = np.where(none, NO_CLASS, mask.astype(np.int64) - reader.first_label)
        wrong = np.argwhere((numbers != NO_CLASS) & ((numbers < 0) | (numbers >= reader.classes)))
        if wrong.size:
            row, column = wrong[0]
            raise DataError(f"class {mask[row, column]} is out of range: there are {reader.classes} classes",
                            path=path, place=f"pixel {column}, {row} after the transforms", option="classes",
                            hint=f"masks hold class numbers from {reader.first_label}, and 255 for no class; another "
                                 "number for no class can be named in `void`.")
        return numbers
