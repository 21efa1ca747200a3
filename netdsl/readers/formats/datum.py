"""Caffe's `Datum`: an image with its label, as databases hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..arrays import np
from ..reader import DataError
from .protobuf import fields_of

_CHANNELS, _HEIGHT, _WIDTH, _DATA, _LABEL, _FLOATS, _ENCODED = range(1, 8)


@dataclass
class Datum:
    """`data` is the image row by row, a channel after the other, or with `encoded` a whole JPEG, PNG, ..."""

    channels: int = 0
    height: int = 0
    width: int = 0
    data: bytes = b""
    label: int = 0
    floats: list[bytes] = field(default_factory=list)  #: the pixels as float32, where there are no `data`
    encoded: bool = False

    @property
    def pixels(self) -> np.ndarray:
        """Channels x height x width, uint8 or float32. Raises DataError."""
        shape = (self.channels, self.height, self.width)
        flat = np.frombuffer(self.data, np.uint8) if self.data else np.frombuffer(b"".join(self.floats), "<f4")
        if min(shape) < 1 or flat.size != math.prod(shape):
            raise DataError("a record does not hold the pixels that it announces",
                            body=(f"It announces {self.channels} x {self.height} x {self.width} (channels, "
                                  f"height, width) and holds {flat.size:,} numbers.",), hint="make the database again.")
        return flat.reshape(shape)


def read_datum(content: bytes) -> Datum:
    """A record of a database. Raises DataError without a place."""
    datum = Datum()
    try:
        for number, wire, value in fields_of(content):
            if wire == 0 and number in (_CHANNELS, _HEIGHT, _WIDTH):
                setattr(datum, ("channels", "height", "width")[number - 1], int.from_bytes(value, "little"))
            elif wire == 0 and number == _LABEL:
                datum.label = int.from_bytes(value, "little", signed=True)
            elif wire == 0 and number == _ENCODED:
                datum.encoded = any(value)
            elif wire == 2 and number == _DATA:
                datum.data = value
            elif number == _FLOATS and wire in (2, 5) and len(value) % 4 == 0:
                datum.floats.append(value)
            elif number <= _ENCODED:
                raise ValueError(f"field {number} has another type than a Datum's")
    except ValueError as error:
        raise DataError("a record is not a Datum of Caffe", body=(f"Reading says: {error}.",),
                        hint="the database has to be one of images as Caffe's `convert_imageset` makes it.") from None
    return datum
