"""What every row of the reader table is: where samples come from, and what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..spec import Spec, Text, option


class DataError(Exception):
    """Data that is missing or cannot be read; becomes a `reader-file` page.

    `path` names the file, `place` the row, record or byte where it went wrong, `hint` what to do.
    """

    def __init__(self, title: str, *, path: str = "", place: str = "", hint: str = "", option: str = "",
                 body: tuple[str, ...] = ()) -> None:
        super().__init__(title)
        self.title, self.path, self.place, self.hint = title, path, place, hint
        self.option, self.body = option, body


@dataclass(frozen=True)
class Stream:
    """What a reader delivers for one input of the network.

    `dims` is in the order of the file, width first. A stream of classes has `classes` and dims
    `(classes,)`: it is delivered as whole numbers (int64, one per sample) and fits an input of that
    many numbers. Unknown (data not there yet) is None.
    """

    name: str
    dims: tuple[int, ...] | None
    classes: int | None = None
    note: str = ""  #: for the table of `check`: "RGB, 0..255"
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """What a reader says of itself without reading all of its data."""

    streams: tuple[Stream, ...]
    count: int | None = None  #: samples in one sweep
    facts: tuple[str, ...] = ()  #: further lines for `check`: transforms, files
    missing: tuple[str, ...] = ()  #: files or folders that were looked for and are not there

    def stream(self, name: str) -> Stream | None:
        return next((s for s in self.streams if s.name == name), None)


@dataclass(frozen=True)
class Draws:
    """The source of everything random in reading: a generator for each sample of each epoch.

    The generator depends on (run seed, purpose, epoch, sample) only, so a resumed run and a run with
    another number of workers draw the same.
    """

    seed: int = 0
    epoch: int = 0

    def sample(self, index: int) -> np.random.Generator:
        key = hashlib.blake2b(f"{self.seed}/sample/{self.epoch}/{index}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))


@dataclass(frozen=True)
class Batch:
    """Samples as arrays by input name, batch axis first, then channels, height, width.

    Images are uint8 or float32, classes int64 of shape (n,). `names` says where each sample is from
    (a file, `row 17`), for messages and reports; may be empty.
    """

    arrays: dict[str, np.ndarray]
    names: tuple[str, ...] = ()


class Dataset:
    """An opened reader. Samples have stable indices 0..count-1 in the order of the files.

    Thread-safe: `batch` may be called from several threads at once.
    """

    count: int = 0
    #: class names by class number, where the data has them
    class_names: tuple[str, ...] = ()

    def batch(self, indices: Sequence[int], draws: Draws) -> Batch:
        """The samples with these indices, transformed. Raises DataError naming the bad sample."""
        raise NotImplementedError

    def resident(self) -> dict[str, np.ndarray] | None:
        """All samples as arrays if they are in memory and no transform is random; else None.

        The trainer then keeps them on its device and picks rows there.
        """
        return None

    def close(self) -> None:
        """Let go of files."""


@dataclass(frozen=True)
class Reader(Spec):
    """A row of the reader table."""

    what: ClassVar[str] = "reader"
    #: Short `.net` examples for the reference page (each a use of the row).
    examples: ClassVar[tuple[str, ...]] = ()

    features: str = option(Text(), "features", "Name of the input that gets the data.")
    labels: str = option(Text(), "labels", "Name of the input that gets the classes or targets.")

    def describe(self) -> Description:
        """Names, shapes, classes and count, from a look at headers or first samples only.

        Files that are not there are listed in `missing`, not raised; what is there and wrong raises
        DataError.
        """
        raise NotImplementedError

    def open(self, training: bool) -> Dataset:
        """Open the data. `training` turns random transforms on. Raises DataError."""
        raise NotImplementedError

    def content(self) -> Any:
        """What identifies the data for resume: the options by value."""
        return self.show()


@dataclass(frozen=True)
class Transform(Spec):
    """A row of the transform table: one step from the stored image to the network's input.

    Images are numpy arrays height x width x channels, uint8 until a step makes them float32.
    """

    what: ClassVar[str] = "transform"
    examples: ClassVar[tuple[str, ...]] = ()
    #: True if `apply` draws random numbers while training.
    random: ClassVar[bool] = False

    def dims(self, dims: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Output extents (width, height, channels) from the input's; None where they vary by image."""
        return dims

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        raise NotImplementedError

    def note(self, note: str) -> str:
        """The range and colour order after this step, from what they were (`RGB, 0..255`)."""
        return note


@dataclass(frozen=True)
class Sample(Spec):
    """A row of the sample table: small, learnable data made on first use where the real data are not there.

    `make` writes files in exactly the layout and formats of the real data, so that the file's own
    readers read them; the run then takes `folder` for the name in `replaces` (`dataDir`).
    """

    what: ClassVar[str] = "sample"
    examples: ClassVar[tuple[str, ...]] = ()

    replaces: str = option(Text(), "dataDir", "The name at the top of the file that is set to the sample's folder.")

    def make(self, folder: Path) -> None:
        """Write the files into an existing empty folder; deterministic."""
        raise NotImplementedError

    def key(self) -> str:
        """Names the folder in the cache: the row and its options."""
        digest = hashlib.blake2b(self.show().encode(), digest_size=6).hexdigest()
        return f"{type(self).__name__}-{digest}"


__all__ = ["Batch", "DataError", "Dataset", "Description", "Draws", "Reader", "Sample", "Stream", "Transform", "field"]
