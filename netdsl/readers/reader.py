"""What every row of the reader table is: where samples come from, and what it says of itself."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from ..spec import Flag, Integer, Option, Spec, Text, option, table_row
from .arrays import np


class DataError(Exception):
    """Data that is missing or cannot be read; becomes a `reader-file` page.

    `path` names the file, `place` the row, record or byte where it went wrong, `hint` what to do.
    """

    def __init__(self, title: str, *, path: str = "", place: str = "", hint: str = "", option: str = "",
                 body: tuple[str, ...] = ()) -> None:
        super().__init__(title)
        self.title, self.path, self.place, self.hint = title, path, place, hint
        self.option, self.body = option, body

    def with_location(self, path: str = "", place: str = "", option: str = "") -> DataError:
        """The same mistake with what it does not say of its place yet."""
        return DataError(self.title, path=self.path or path, place=self.place or place, hint=self.hint,
                         option=self.option or option, body=self.body)

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.path, self.place) if part)
        return f"{where}: {self.title}" if where else self.title


@dataclass(frozen=True)
class Stream:
    """What a reader delivers for one input of the network.

    `dims` is in the order of the file, width first. A stream of classes has `classes` and dims
    `(classes,)`: it is delivered as whole numbers (int64, one per sample) and fits an input of that
    many numbers. A mask, a class for each pixel, has dims `(width, height, classes)` and is delivered
    as int64 (n, height, width), -100 where a pixel has no class. Unknown (data not there yet) is None.
    """

    name: str
    dims: tuple[int, ...] | None
    classes: int | None = None
    note: str = ""  #: for the table of `check`: "RGB, 0..255"
    class_names: tuple[str, ...] = ()  #: by class number; may be shorter than `classes`
    element_names: tuple[str, ...] = ()  #: what each number is called (a table's target columns), where it is known
    #: Views of each sample (MultiViewCrop). Above 1, arrays are (n, views, ...): whoever evaluates
    #: runs every view through the network and averages the outputs.
    views: int = 1
    #: Classes that are numbers: the number of the first one in the file, and the smallest and largest label there.
    labels_from: int = 0
    label_span: tuple[int, int] | None = None
    #: Targets that are numbers: the smallest and the largest of what was read so far.
    value_span: tuple[float, float] | None = None
    #: Classes of a mask: one for each pixel. `dims` may be unknown meanwhile.
    per_pixel: bool = False
    #: Features of a table as they are delivered: the root mean square of each column, by name.
    sizes: tuple[tuple[str, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What people read for each class or number. Without a name it is the file's label, where that is not its
        class number."""
        count = self.classes or (self.dims[0] if self.dims is not None and len(self.dims) == 1 else 0)
        labels = range(self.labels_from, self.labels_from + count) if self.labels_from else ()
        return self.class_names or self.element_names or tuple(f"label {label}" for label in labels)


@dataclass(frozen=True)
class Description:
    """What a reader says of itself without reading all of its data."""

    streams: tuple[Stream, ...]
    count: int | None = None  #: samples in one pass
    facts: tuple[str, ...] = ()  #: further lines for `check`: transforms, files
    missing: tuple[str, ...] = ()  #: files or folders that were looked for and are missing
    #: What is allowed and perhaps not meant: warnings of `check`.
    warnings: tuple[DataError, ...] = ()
    unlabelled: DataError | None = None  #: why the data have no labels, and how they get some, where they have none

    def stream(self, name: str) -> Stream | None:
        return next((s for s in self.streams if s.name == name), None)


@dataclass(frozen=True)
class SampleRng:
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

    Images are uint8 or float32, other numbers float32 of shape (n, ...), classes int64 of shape (n,).
    `names` says where each sample is from (a file, `row 17`), for messages and reports; may be empty.
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
    #: what the data call each sample (sequence ids), where they do; `Joined` pairs by them
    ids: tuple[str, ...] = ()

    @property
    def failures(self) -> dict[int, DataError]:
        """What is wrong with samples that `batch` gave zeros for, by index: images that could not be read."""
        return {}

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        """The samples with these indices, transformed. Raises DataError naming the bad sample."""
        raise NotImplementedError

    def in_memory(self) -> dict[str, np.ndarray] | None:
        """All samples as arrays if they are in memory and no transform is random; else None.

        The trainer then keeps them on its device and picks rows there.
        """
        return None

    def classes(self, name: str) -> np.ndarray | None:
        """The class of each sample as the input `name` gets it, int64, where that is known without reading them all."""
        return None

    def fingerprint(self, index: int) -> tuple[str, bytes] | None:
        """The name of a stored image, and what tells it from others; None for data that are no images."""
        return None

    def notes(self) -> tuple[DataError, ...]:
        """What is allowed and perhaps not meant in all of the files, found by a look at each of them."""
        return ()

    @property
    def skipped(self) -> tuple[DataError, ...]:
        """Bad samples left out so far, where the reader's `maxErrors` allows some."""
        return ()

    def close(self) -> None:
        """Let go of files."""


#: The inputs of the network that are wanted, with their extents, channels first.
Wanted = Mapping[str, tuple[int, ...]]


@table_row
class Reader(Spec):
    """A row of the reader table."""

    what: ClassVar[str] = "reader"
    #: Short `.net` examples for the reference page (each a use of the row).
    examples: ClassVar[tuple[str, ...]] = ()

    # Not `features` and `labels`: those names are wanted for files and columns.
    features_input: str = option(Text(), "features", "Name of the network's input that gets the data.")
    labels_input: str = option(Text(), "labels", "Name of the network's input that gets the classes or targets.")
    randomize: bool = option(Flag(), True, "Whether training takes the samples in a new order in each epoch; false: in "
                             "the order of the data, as all other phases do.")
    #: Names of the classes that other data have, by number; no option, `with_classes` sets it.
    class_order: tuple[str, ...] = field(default=(), kw_only=True)

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Required options first, then the row's own, what all readers share last."""
        cached = cls.__dict__.get("_reader_options")
        if cached is None:
            owner = {name: depth for depth, base in reversed(list(enumerate(cls.__mro__)))
                     for name in inspect.get_annotations(base)}
            # Sorting is stable: options of one class keep the order in which they are written.
            cached = tuple(sorted(super().options(), key=lambda o: (not o.required, owner[o.field_name])))
            cls._reader_options = cached  # type: ignore[attr-defined]
        return cached

    def describe(self) -> Description:
        """Names, shapes, classes and count, from a look at headers or first samples only.

        Files that are missing are listed in `missing`, not raised; what is there and wrong raises
        DataError.
        """
        raise NotImplementedError

    def missing_files(self) -> tuple[str, ...]:
        """Files of its transforms that are not there: of means and the like."""
        return ()

    def open(self, training: bool) -> Dataset:
        """Open the data. `training` turns random transforms on. Raises DataError."""
        raise NotImplementedError

    def input_names(self) -> tuple[str, ...]:
        """The inputs of the network that the reader delivers."""
        return self.features_input, self.labels_input

    def own_file(self) -> str:
        """The file that holds all of the reader's samples, where it is one."""
        return ""

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        """What `open_given` takes: `images` (files of them) or `rows` (tables in the reader's format), for each reader
        that a joined one needs; nothing where the reader makes its samples itself.
        """
        return ()

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        """Other data than the reader's own, made ready as for a test, to predict on.

        `files` holds a list for each of `given_kinds`. Only the `wanted` inputs have to be in them, so data without
        labels will do. Raises DataError.
        """
        raise DataError(f"{self.name()} reads a data set as a whole, not files one by one",
                        hint="predict on a file whose test reader takes files: ImageFolder, MapFile, CSV, CNTKText, "
                             "NumPy.")

    def fingerprint(self) -> Any:
        """What identifies the data for resume: the options by value."""
        return self.show()

    def sources(self) -> tuple[str, ...]:
        """The files and folders that the samples come from."""
        return ()

    def tolerant(self, most: int) -> Reader:
        """The reader with another `maxErrors`, where the row has that option; else the reader itself."""
        known = type(self).option("maxErrors")
        changed: dict[str, Any] = {known.field_name: most} if known is not None else {}
        return replace(self, **changed)

    @property
    def tolerated(self) -> int:
        """How many bad samples are skipped before it is an error."""
        known = type(self).option("maxErrors")
        return int(self.value_of(known)) if known is not None else 0

    #: The option that lists the classes by name, where the row has one; what it calls them.
    class_list: ClassVar[str] = ""
    class_word: ClassVar[str] = "classes"

    def color_order_of(self, name: str) -> str:
        """The order of the channels of the images that an input gets: `RGB` or `BGR`."""
        return "RGB"

    def images_for(self, name: str) -> Reader | None:
        """The reader of images that gives this input, which may be a part of it; None where the input is no image."""
        return None

    def for_viewing(self) -> Reader:
        """The reader without the steps that only shift and scale values: what it gives can be looked at.

        Steps that draw random numbers stay and draw the same: the pictures are those that training sees.
        """
        return self

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        """The reader with its classes numbered as other data number them; `names` says how, for an input's name.

        A reader that makes numbers of names takes them from `ordered_classes`; for others nothing changes.
        """
        return self

    def fit(self) -> dict[str, Any]:
        """What other data take over from these, the training data, by input: the words of categories, means.

        Plain values, as JSON holds them; a checkpoint keeps them. Raises DataError.
        """
        return {}

    def with_fit(self, fit: Callable[[], Mapping[str, Any]]) -> Reader:
        """The reader with what `fit` of the training data's reader, or a checkpoint, says."""
        return self

    def only(self, inputs: Collection[str]) -> Reader:
        """The reader for files that need hold no more than what these inputs get: rows without labels.

        It may still deliver more. A reader of one file for each input ignores the files of the others.
        """
        return self

    def ordered_classes(self, found: Iterable[str]) -> tuple[str, ...]:
        """The names of the classes by number. Names that the other data do not have come last.

        Names are in the order of the alphabet; if all of them are whole numbers, in the order of these.
        """
        names = sorted(set(found).difference(self.class_order))
        if all(name.isdecimal() and name.isascii() for name in names):
            names.sort(key=int)
        return (*self.class_order, *names)


#: Width, height and channels of an image; None where an extent varies from image to image.
ImageDims = tuple[int | None, int | None, int]


@table_row
class Transform(Spec):
    """A row of the transform table: one step from the stored image to the network's input.

    Images are numpy arrays height x width x channels, uint8 until a step makes them float32.
    A step may hand its input on unchanged but never writes into it.
    """

    what: ClassVar[str] = "transform"
    examples: ClassVar[tuple[str, ...]] = ()
    #: True if the step treats every image alike and also takes a stack (n x height x width x channels).
    pointwise: ClassVar[bool] = False
    #: True if the step only shifts and scales values: without it the image looks like itself.
    only_scales: ClassVar[bool] = False

    @property
    def random(self) -> bool:
        """True if `apply` draws random numbers while training."""
        return False

    @property
    def views(self) -> int:
        """Into how many views the step splits each image; above 1 `apply` adds a leading axis."""
        return 1

    def expand(self) -> tuple[Transform, ...]:
        """The steps that this one stands for."""
        return (self,)

    def prepare(self, order: str) -> Transform:
        """The step with its files read, for images in this colour order (`RGB`, `BGR`). Raises DataError."""
        return self

    def files(self) -> tuple[str, ...]:
        """The files that `prepare` reads."""
        return ()

    def dims(self, dims: ImageDims) -> ImageDims:
        """Output extents from the input's."""
        return dims

    def apply(self, image: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        """The step on one image. Raises DataError where the image does not allow it."""
        raise NotImplementedError

    def apply_mask(self, mask: np.ndarray, draw: np.random.Generator, training: bool) -> np.ndarray:
        """The same step on a mask of class numbers (height x width x 1, uint8), drawing the same numbers.

        Steps that move pixels move the mask's with them, without mixing them; all others leave it.
        """
        return mask

    def needed_side(self, side: float | None) -> float | None:
        """Shorter side that the input must have at least so that the output's is `side`; None: unknown.

        Lets a JPEG be decoded at a fraction of its size. Steps that count in pixels of the stored
        image answer None.
        """
        return None

    def note(self, note: str) -> str:
        """The range and colour order after this step, from what they were (`RGB, 0..255`)."""
        return note


@table_row
class Sample(Spec):
    """A row of the sample table: small, learnable data made on first use where the real data are missing.

    `make` writes files in exactly the layout and formats of the real data, so that the file's own
    readers read them; the run then takes `folder` for the name in `replaces` (`dataDir`).
    """

    what: ClassVar[str] = "sample"
    stands_for: ClassVar[str] = ""  #: what the real data are called
    examples: ClassVar[tuple[str, ...]] = ()

    #: Counted up when `make` writes something else, so that an old folder is not taken for it.
    version: ClassVar[int] = 1

    replaces: str = option(Text(), "dataDir", "The name at the top of the file that is set to the sample's folder.")
    seed: int = option(Integer(0), 0, "Another seed draws other samples of the same classes.")

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """The row's own options first, what all samples share last."""
        shared = {"replaces", "seed"}
        return tuple(sorted(super().options(), key=lambda o: o.field_name in shared))

    def make(self, folder: Path) -> None:
        """Write the files into an existing empty folder; deterministic."""
        raise NotImplementedError

    def key(self) -> str:
        """Names the folder in the cache: the row and its options."""
        text = f"{replace(self, replaces='').show()} version {self.version}"
        return f"{type(self).__name__}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"


def describe_reader(reader: Reader) -> Description | DataError:
    """What a reader says of itself, or what is wrong with its data."""
    try:
        description = reader.describe()
        return replace(description, missing=(*description.missing, *reader.missing_files()))
    except DataError as wrong:
        return wrong


__all__ = [
    "Batch",
    "DataError",
    "Dataset",
    "Description",
    "ImageDims",
    "Reader",
    "Sample",
    "SampleRng",
    "Stream",
    "Transform",
    "Wanted",
    "describe_reader",
    "field",
]
