"""A list of transforms made ready, and the readers of images that share it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from ...spec import Choice, Flag, ListOf, SpecOf, option, table_row
from ..arrays import np
from ..files import locate, read_head
from ..formats.pixels import Decoding, decode
from ..given import GivenImages
from ..given_files import open_files
from ..reader import DataError, Dataset, ImageDims, Reader, SampleRng, Stream, Transform, Wanted
from .geometry import reversed_copy

#: How many images of a stack are transformed at a time.
_BLOCK = 256
TRANSFORMS = ListOf(SpecOf("a transform such as `Scale {227:227}`", Transform))


@dataclass(frozen=True)
class Pipeline:
    """From the stored image to the network's input: the steps in order, in training or in testing."""

    steps: tuple[Transform, ...]
    order: str = "RGB"
    training: bool = False

    @staticmethod
    def of(transforms: Sequence[Transform], order: str, training: bool) -> Pipeline:
        """Expand the steps and read their files. Raises DataError."""
        expanded = [step for transform in transforms for step in transform.expand()]
        _check_views(expanded, training)
        return Pipeline(tuple(step.prepare(order) for step in expanded), order, training)

    @property
    def random(self) -> bool:
        return self.training and any(step.random for step in self.steps)

    @property
    def views(self) -> int:
        return math.prod(step.views for step in self.steps)

    def dims(self, dims: ImageDims) -> ImageDims:
        """Extents after all steps, from those of the stored images. Raises DataError."""
        for step in self.steps:
            dims = step.dims(dims)
        return dims

    def note(self, channels: int) -> str:
        """Colour order and range of what comes out."""
        note = f"{self.order if channels == 3 else 'grey'}, 0..255"
        for step in self.steps:
            note = step.note(note)
        return note

    def needed_side(self) -> float | None:
        """Shorter side that a stored image needs at least; None: all of its pixels."""
        side: float | None = None
        for step in reversed(self.steps):
            side = step.needed_side(side)
        return side

    def run(self, image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """One image through all steps: height x width x channels, or with a leading axis of views."""
        for position, step in enumerate(self.steps):
            if step.views > 1:
                return self._run_views(step.apply(image, draw, self.training), position + 1, draw)
            image = step.apply(image, draw, self.training)
        return image

    def _run_views(self, views: np.ndarray, position: int, draw: np.random.Generator) -> np.ndarray:
        rest = Pipeline(self.steps[position:], self.order, self.training)
        return np.stack([rest.run(view, draw) for view in views])

    def run_with_mask(self, image: np.ndarray, mask: np.ndarray,
                      draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An image and its mask through all steps, moved alike."""
        if image.shape[:2] != mask.shape[:2]:
            raise DataError("an image and its mask have different sizes",
                            body=(f"The image has {image.shape[1]} x {image.shape[0]} pixels, the mask "
                                  f"{mask.shape[1]} x {mask.shape[0]}.",))
        for step in self.steps:
            # The mask's step draws from a copy of the generator, so it draws the same numbers.
            twin = np.random.Generator(np.random.PCG64())
            twin.bit_generator.state = draw.bit_generator.state
            image = step.apply(image, draw, self.training)
            mask = step.apply_mask(mask, twin, self.training)
        return image, mask

    def run_all(self, images: np.ndarray) -> np.ndarray:
        """A stack of equal images (n x height x width x channels) through steps that draw nothing.

        A block at a time: whole, every step would need as much memory again as the result. That lies in
        memory channels first, as data sets keep it.
        """
        first = self._run_block(images[:_BLOCK])
        count, (height, width, channels) = len(images), first.shape[1:]
        result = np.empty((count, channels, height, width), first.dtype).transpose(0, 2, 3, 1)
        result[:_BLOCK] = first
        for start in range(_BLOCK, count, _BLOCK):
            result[start : start + _BLOCK] = self._run_block(images[start : start + _BLOCK])
        return result

    def _run_block(self, images: np.ndarray) -> np.ndarray:
        unused = SampleRng().sample(0)
        for step in self.steps:
            if step.pointwise:
                images = step.apply(images, unused, self.training)
            else:
                images = np.stack([step.apply(image, unused, self.training) for image in images])
        return images


def _check_views(steps: Sequence[Transform], training: bool) -> None:
    several = [step for step in steps if step.views > 1]
    if several and training:
        raise DataError("MultiViewCrop is for testing, and this reader is used for training", option="transforms",
                        hint="train with `RandomCrop {...} : Flip {}`, and test with the ten views.")
    if len(several) > 1:
        raise DataError("the transforms split each image into views twice", option="transforms",
                        hint="keep one MultiViewCrop.")


def channels_first(image: np.ndarray) -> np.ndarray:
    """(..., height, width, channels) -> (..., channels, height, width)."""
    return np.moveaxis(image, -1, -3)


def stack_of(images: Iterator[np.ndarray], count: int) -> np.ndarray:
    """`count` equal images as one array, each written there as soon as it is made.

    Its own memory is then free for the next one. Kept in a list for `np.stack`, every image needs fresh
    memory: 0.45 ms for 227 x 227 x 3 float32, this 0.1.
    """
    first = next(images)
    result = np.empty((count, *first.shape), first.dtype)
    np.copyto(result[0], first)
    for place, image in zip(range(1, count), images, strict=True):
        if image.dtype != result.dtype and result.dtype == np.uint8:
            result = result.astype(image.dtype)  # images of 8 bits and of more stand in one batch
        np.copyto(result[place], image)  # raises where an assignment would cut float32 to bytes
    return result


def _missing(transform: Transform) -> list[str]:
    """The files of a transform that are not there."""
    return [path for step in transform.expand() for path in step.files() if locate(path) is None]


@table_row
class ImageReader(Reader):
    """What all readers of images share."""

    transforms: tuple[Transform, ...] = option(TRANSFORMS, (), "Steps from the stored image to the input, in order.")
    color_order: str = option(Choice(("RGB", "BGR")), "RGB", "Order of the channels; BGR for networks of CNTK and "
                              "Caffe.")
    grayscale: bool = option(Flag(), False, "Read one channel of grey values.")

    def validate(self) -> None:
        for transform in self.transforms:
            transform.validate()

    @property
    def channels(self) -> int:
        return 1 if self.grayscale else 3

    def color_order_of(self, name: str) -> str:
        return self.color_order

    def images_for(self, name: str) -> Reader | None:
        return self if name == self.features_input else None

    def for_viewing(self) -> Reader:
        steps = [step for transform in self.transforms for step in transform.expand()]
        return self.with_options(transforms=tuple(step for step in steps if not step.only_scales))

    def pipeline(self, training: bool) -> Pipeline:
        """The transforms made ready. Raises DataError."""
        return Pipeline.of(self.transforms, self.color_order, training)

    def image_stream(self, stored: ImageDims) -> Stream:
        """What is delivered, from the extents of the stored images. Raises DataError."""
        there = [step for step in self.transforms if not _missing(step)]
        pipeline = Pipeline.of(there, self.color_order, training=False)
        width, height, channels = pipeline.dims(stored)
        dims = None if width is None or height is None else (width, height, channels)
        return Stream(self.features_input, dims, note=pipeline.note(channels), views=pipeline.views)

    def missing_files(self) -> tuple[str, ...]:
        return tuple(path for step in self.transforms for path in _missing(step))

    def image_facts(self) -> tuple[str, ...]:
        """Lines for `check`: one for each transform."""
        return tuple(transform.show() for transform in self.transforms)

    @property
    def decoding(self) -> Decoding:
        """What is wanted of the pixels of image files."""
        return Decoding(self.channels == 1)

    def decoded(self, data: bytes, least_side: float | None = None) -> np.ndarray:
        """The pixels of an image file in the reader's colour order. Raises DataError without a path."""
        return self.in_order(decode(data, self.decoding, least_side))

    def in_order(self, image: np.ndarray) -> np.ndarray:
        """An image read as RGB, in the reader's colour order."""
        return reversed_copy(image, 2) if self.color_order == "BGR" and image.shape[-1] == 3 else image

    def stack_in_order(self, images: np.ndarray) -> np.ndarray:
        """A stack (n x channels x height x width) read as RGB: grey if that is asked for, else in colour order."""
        if images.shape[1] != 3:
            return images
        if self.grayscale:
            weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
            gray: np.ndarray = np.einsum("nchw,c->nhw", images, weights)[:, None]
            return np.rint(gray).astype(np.uint8) if images.dtype == np.uint8 else gray
        return images[:, ::-1] if self.color_order == "BGR" else images

    # -- data to predict on ---------------------------------------------------------------------------

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        return ("images",)

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        """Images, and files in the reader's own format; those that follow each other are one data set."""
        others = [name for name in wanted if name != self.features_input]
        if others:
            raise DataError(f"the outputs need the input `{others[0]}`, which images alone do not give",
                            hint="name in `outputNodes` what is computed from the images only.")
        dims = wanted[self.features_input]
        found: list[Dataset] = []
        given = [path for part in files for path in part]
        for own, group in groupby(given, key=self._is_own):
            paths = list(group)
            found += open_files(paths, lambda path: self.open_own(path, dims), alone=len(given) == 1) if own \
                else [GivenImages(paths, self, dims)]
        return found

    def _is_own(self, path: str) -> bool:
        return os.path.isfile(path) and self.own_format(path, read_head(path, 64))

    def own_format(self, path: str, head: bytes) -> bool:
        """Whether a file with these first bytes, unpacked, is one of the reader's format and no image."""
        return False

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        """The images of a file in the reader's own format, without their labels. Raises DataError."""
        raise NotImplementedError

    def given_views(self) -> int:
        return self._test_pipeline.views

    def given_image(self, data: bytes, draw: np.random.Generator) -> np.ndarray:
        """The bytes of an image through the transforms of a test, channels first. Raises DataError."""
        pipeline = self._test_pipeline
        return channels_first(pipeline.run(self.decoded(data, pipeline.needed_side()), draw))

    def given_notes(self, fetch: Callable[[int], bytes], names: Sequence[str]) -> tuple[DataError, ...]:
        """What is allowed and perhaps not meant in images of these names."""
        return ()

    @cached_property
    def _test_pipeline(self) -> Pipeline:
        return self.pipeline(training=False)

    def fingerprint(self) -> Any:
        return self.show()
