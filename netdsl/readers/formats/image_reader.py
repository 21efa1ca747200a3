"""What all readers of image files share: options of decoding, and a look at the headers before anything is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...spec import Flag, ListOf, Number, Optional, OptionError, option, table_row
from ..reader import DataError, ImageDims
from ..transforms.pipeline import ImageReader
from .images import open_image
from .pixels import Decoding, decode, depth_of, orientation_of, upright_size

#: Bytes at the start of a file in which the header of most images lies.
HEAD = 1 << 16
#: How many images, spread over all of them, `check` looks at.
LOOK_AT = 100
_LISTED = 3


class Fetch:
    """Reads the stored bytes of the image with an index."""

    def __call__(self, index: int) -> bytes:
        """All of them. Raises DataError."""
        raise NotImplementedError

    def head(self, index: int) -> bytes:
        """Those in which the header stands, if it is in its usual place. Raises DataError."""
        return self(index)


class _Whole(Fetch):
    """Images that are read whole in any case."""

    def __init__(self, fetch: Callable[[int], bytes]) -> None:
        self._fetch = fetch

    def __call__(self, index: int) -> bytes:
        return self._fetch(index)


@table_row
class ImageFileReader(ImageReader):
    """What all readers of image files (ImageFolder, MapFile, Base64Images, ImageMasks) share.

    JPEG, PNG, BMP, WebP, PPM (with PGM, PBM, PNM, PFM), GIF and TIFF are read; HEIC, AVIF, raw photos and
    others are named where they are met, with what to do about them.

    Values are 0..255 for every file. Files of more than 8 bits a channel keep all of their bits, as fractions: of
    16 bits, 0 to 65535 become 0 to 255 (divided by 257). Where the stored values end elsewhere, as 12 bits in a
    file of 16 do, `valueRange = 0:4095` says so; images of 32 bits and of floating-point numbers need it. Nothing
    is cut off or wrapped: a value outside is an error.

    Palettes, 1 bit, CMYK, LAB and grey become RGB, or grey with `grayscale`. Transparent pixels are laid over
    `background`, white unless it says otherwise. Photos are turned upright where `applyExifOrientation` is set,
    and `check` warns where it is not and files are stored turned. Of several pages or frames the first is read.
    """

    background: tuple[float, ...] = option(
        ListOf(Number(0, 255), minimum_length=1), (255.0,), "What transparent pixels are laid over: one number, or "
        "red, green and blue. 255 is white, as most viewers show it.")
    value_range: tuple[float, ...] | None = option(
        Optional(ListOf(Number(), minimum_length=2)), None, "For images of more than 8 bits: the stored values that "
        "become 0 and 255, such as `0:4095`; a value outside is an error. None: all that 16 bits can hold. Images of "
        "32 bits or floating-point numbers need it.")
    apply_exif_orientation: bool = option(Flag(), False, "Turn photos upright as their EXIF data say, as viewers do. "
                                          "CNTK and Caffe do not, nor does netdsl unless it is told to; `check` warns "
                                          "where files are stored turned. TIFF files are always turned.")

    def validate(self) -> None:
        super().validate()
        if len(self.background) not in (1, 3):
            raise OptionError("background", "`background` takes one number or three: red, green, blue")
        if self.value_range is not None and (len(self.value_range) != 2 or self.value_range[0] >= self.value_range[1]):
            raise OptionError("valueRange", "`valueRange` takes two numbers, the smaller first, such as `0:4095`")

    @property
    def decoding(self) -> Decoding:
        below = self.background * 3 if len(self.background) == 1 else self.background
        stored = (self.value_range[0], self.value_range[1]) if self.value_range is not None else None
        return Decoding(self.grayscale, (below[0], below[1], below[2]), stored, self.apply_exif_orientation)

    def given_notes(self, fetch: Callable[[int], bytes], names: Sequence[str]) -> tuple[DataError, ...]:
        return look_at_headers(self, _Whole(fetch), spread(len(names)), lambda index: (names[index], ""),
                               tolerant=True).warnings

    def bad_image(self, error: DataError) -> DataError:
        """The fault of an image, with what lets training go on without it."""
        if type(self).option("maxErrors") is None or error.option:
            return error
        if self.tolerated:
            how = f"`maxErrors` allows {self.tolerated}, and there are more: mend them, or raise it"
        else:
            how = "a few bad images are skipped with `maxErrors = 10`"
        hint = f"{error.hint.rstrip('.')}; {how}. `netdsl check --data` lists every bad one." if error.hint else \
            f"{how}. `netdsl check --data` lists every bad one."
        return DataError(error.title, path=error.path, place=error.place, body=error.body, hint=hint)


@dataclass(frozen=True)
class Headers:
    """What the headers of some images say."""

    dims: ImageDims  #: as they come out of the reader, unknown where they differ
    facts: tuple[str, ...] = ()
    warnings: tuple[DataError, ...] = ()


def look_at_headers(reader: ImageFileReader, fetch: Fetch, indices: Sequence[int],
                    name: Callable[[int], tuple[str, str]], tolerant: bool = False) -> Headers:
    """Look at the headers of these images. Raises DataError for one that cannot be read, unless `tolerant`."""
    how = reader.decoding
    sizes: set[tuple[int, int]] = set()
    depths: Counter[str] = Counter()
    stored_turned: list[str] = []
    for index in indices:
        try:
            image = _header(fetch, index)
            depth = depth_of(image)
            if depth not in ("", "16-bit") and how.value_range is None:
                decode(fetch(index), how)  # says what is missing, and which values there are
        except DataError as error:
            if not tolerant:
                raise reader.bad_image(error.with_location(*name(index))) from None
            continue
        sizes.add(upright_size(image, how))
        depths.update([depth] if depth else ())
        if orientation_of(image) != 1:
            stored_turned.append(name(index)[0])
    width, height = sizes.pop() if len(sizes) == 1 else (None, None)
    facts = tuple(_depth_fact(depth, count, len(indices), reader) for depth, count in depths.items())
    warnings = (_turned_warning(stored_turned, len(indices)),) if stored_turned and not how.turned else ()
    if stored_turned and how.turned:
        facts += (f"EXIF orientation is applied: {len(stored_turned)} of {len(indices):,} images looked at are turned",)
    return Headers((width, height, reader.channels), facts, warnings)


def spread(count: int) -> list[int]:
    """Places of some of `count` images, the first one among them, evenly spread."""
    return sorted({count * k // LOOK_AT for k in range(LOOK_AT)}) if count > LOOK_AT else list(range(count))


def _header(fetch: Fetch, index: int) -> Any:
    try:
        return open_image(fetch.head(index))
    except DataError:
        return open_image(fetch(index))  # a header may stand at the end of the file


def _depth_fact(depth: str, count: int, looked: int, reader: ImageFileReader) -> str:
    low, high = reader.value_range if reader.value_range is not None else (0, 65535)
    return f"{count} of {looked:,} images looked at are {depth}: {low:g} to {high:g} become 0 to 255, with fractions"


def _turned_warning(paths: list[str], looked: int) -> DataError:
    shown = ", ".join(paths[:_LISTED]) + (f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else "")
    verb = "is" if len(paths) == 1 else "are"
    title = f"{len(paths):,} of the {looked:,} images looked at {verb} stored turned, and read as stored"
    return DataError(title, body=(f"Viewers turn them upright by the orientation in their EXIF data: {shown}.",),
                     hint="set `applyExifOrientation = true` in every reader, for training and for testing.")
