"""Answers of a network for people and programs: the values of an output as text, JSON, rows of CSV and pictures."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..checks.outputs import Output
from ..data.preview import as_pixels
from ..readers.formats.images import pillow

#: So many numbers are printed; of longer vectors the first few.
_MOST_PRINTED, _FEW = 100, 8


@dataclass(frozen=True, kw_only=True)
class Value:
    """What the network says of one sample at one output."""

    kind: ClassVar[str] = ""
    file: str = ""  #: where it was written as a picture

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    def text(self) -> str:
        """On one line."""
        raise NotImplementedError

    def rows(self) -> list[list[Any]]:
        """For CSV, under the columns of `Head.columns`."""
        raise NotImplementedError

    def entries(self) -> list[tuple[Any, str, Any]]:
        """Number, name and value of each part: for a CSV file with several outputs."""
        raise NotImplementedError

    def png(self) -> bytes | None:
        """The value as a picture, if it is one."""
        return None


@dataclass(frozen=True)
class Guess:
    """A class that a sample may be of. `share` is a probability; None where only the score is known."""

    number: int
    name: str
    share: float | None
    score: float

    @property
    def weight(self) -> tuple[str, float]:
        return ("score", self.score) if self.share is None else ("share", self.share)


@dataclass(frozen=True, kw_only=True)
class Classes(Value):
    """The likeliest classes, the likeliest first."""

    kind = "classes"
    guesses: tuple[Guess, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "predictions": [
            {"class": guess.number, "name": guess.name, guess.weight[0]: finite(guess.weight[1])}
            for guess in self.guesses]}

    def text(self) -> str:
        return ", ".join(f"{guess.name} {guess.score:.4g}" if guess.share is None else
                         f"{guess.name} {100 * guess.share:.1f} %" for guess in self.guesses)

    def rows(self) -> list[list[Any]]:
        return [[rank, guess.number, guess.name, f"{guess.weight[1]:.6g}" if guess.share is None else
                 f"{guess.share:.6f}"] for rank, guess in enumerate(self.guesses, 1)]

    def entries(self) -> list[tuple[Any, str, Any]]:
        return [(number, name, value) for _, number, name, value in self.rows()]


@dataclass(frozen=True, kw_only=True)
class Shares(Value):
    """Independent labels: how likely each of them holds."""

    kind = "shares"
    names: tuple[str, ...]
    shares: tuple[float, ...]
    top: int = 5

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "shares": [{"label": number, "name": name, "share": finite(share)} for
                                              number, (name, share) in enumerate(self._pairs())]}

    def text(self) -> str:
        pairs = self._pairs()
        if len(pairs) <= max(self.top, 20):
            return ", ".join(f"{name} {100 * share:.1f} %" for name, share in pairs)
        best = sorted(pairs, key=lambda pair: -pair[1])[: self.top]
        return ", ".join(f"{name} {100 * share:.1f} %" for name, share in best) + ", ..."

    def rows(self) -> list[list[Any]]:
        return [[f"{share:.6f}" for share in self.shares]]

    def entries(self) -> list[tuple[Any, str, Any]]:
        return [(number, name, f"{share:.6f}") for number, (name, share) in enumerate(self._pairs())]

    def _pairs(self) -> list[tuple[str, float]]:
        return list(zip(self.names, self.shares, strict=True))


@dataclass(frozen=True, kw_only=True)
class Numbers(Value):
    """Values as they are. `names` are those of the target columns, where they are known."""

    kind = "numbers"
    names: tuple[str, ...] = ()
    array: np.ndarray

    def to_json(self) -> dict[str, Any]:
        named = {"names": list(self.names)} if self.names else {}
        return {"kind": self.kind, **named, "shape": list(reversed(self.array.shape)), "values": _nested(self.array)}

    def text(self) -> str:
        values = self.array.ravel()
        if len(values) > _MOST_PRINTED:
            shape = " x ".join(str(d) for d in reversed(self.array.shape))
            return f"({shape}) {' '.join(f'{v:.5g}' for v in values[:_FEW])} ..."
        if self.names:
            return ", ".join(f"{name} {value:.5g}" for name, value in zip(self.names, values, strict=True))
        return " ".join(f"{value:.5g}" for value in values)

    def rows(self) -> list[list[Any]]:
        return [[shortest(value) for value in self.array.ravel()]]

    def entries(self) -> list[tuple[Any, str, Any]]:
        values = self.array.ravel()
        names = self.names or [""] * len(values)
        return [(number, name, shortest(value)) for number, (name, value) in enumerate(zip(names, values, strict=True))]


@dataclass(frozen=True, kw_only=True)
class ClassMap(Value):
    """A class for each position: `numbers` is height x width."""

    kind = "class map"
    names: tuple[str, ...] = ()
    numbers: np.ndarray

    def to_json(self) -> dict[str, Any]:
        listed = [{"class": number, "name": name, "pixels": count, "share": count / max(1, self.numbers.size)}
                  for number, name, count in self.entries()]
        line = {"map": self.numbers.ravel().tolist()} if self.numbers.ndim < 2 else {}
        return {"kind": self.kind, "size": list(reversed(self.numbers.shape)), "classes": listed, **line,
                **({"file": self.file} if self.file else {})}

    def text(self) -> str:
        parts = [f"{name} {100 * count / max(1, self.numbers.size):.1f} %"
                 for _, name, count in sorted(self.entries(), key=lambda entry: -entry[2])]
        where = f" -> {self.file}" if self.file else ""
        return f"{' x '.join(map(str, reversed(self.numbers.shape)))}: {', '.join(parts)}{where}"

    def rows(self) -> list[list[Any]]:
        return [[*entry, self.file] for entry in self.entries()]

    def entries(self) -> list[tuple[Any, str, Any]]:
        """Number, name and count of the classes that occur."""
        found, counts = np.unique(self.numbers, return_counts=True)
        return [(int(number), _name(self.names, int(number)), int(count))
                for number, count in zip(found, counts, strict=True)]

    def png(self) -> bytes | None:
        return png(self.numbers) if self.numbers.ndim == 2 else None


@dataclass(frozen=True, kw_only=True)
class Picture(Numbers):
    """An image that the network made. `pixels` are height x width x channels, uint8."""

    kind = "image"
    pixels: np.ndarray

    def to_json(self) -> dict[str, Any]:
        size = [self.pixels.shape[1], self.pixels.shape[0], self.pixels.shape[2]]
        return {"kind": self.kind, "size": size,
                **({"file": self.file} if self.file else {"values": _nested(self.array)})}

    def text(self) -> str:
        size = f"image {self.pixels.shape[1]} x {self.pixels.shape[0]} x {self.pixels.shape[2]}"
        if self.file:
            return f"{size} -> {self.file}"
        return f"{size}, values {self.array.min():.4g} to {self.array.max():.4g}"

    def rows(self) -> list[list[Any]]:
        return [[self.file]] if self.file else super().rows()

    def entries(self) -> list[tuple[Any, str, Any]]:
        return [("", "file", self.file)] if self.file else super().entries()

    def png(self) -> bytes | None:
        return png(self.pixels)


# --- values from the network's numbers ------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """An output with the name that people know it by, and the names of its classes or elements."""

    output: Output
    name: str
    names: tuple[str, ...] = ()
    top: int = 5
    #: Of an image: the range and order of colours that its input has (`RGB, 0..255`), as its reader says it.
    note: str = ""

    def value(self, array: np.ndarray) -> Value:
        """What the values of a sample (channels first) mean."""
        return _MAKERS[self.output.kind](self, array)

    def columns(self, files: bool = False) -> list[str]:
        """What stands above the `rows` of its values in a CSV file; `files`: pictures are written."""
        kind = self.output.kind
        if kind == "classes":
            return ["rank", "class", "name", "share" if self.output.scale != "order" else "score"]
        if kind == "class map":
            return ["class", "name", "pixels", "file"]
        if kind == "image" and files:
            return ["file"]
        return list(self.element_names() or (f"{self.name}{number}" for number in range(self.size)))

    @property
    def size(self) -> int:
        return math.prod(self.output.dims)

    def element_names(self) -> tuple[str, ...]:
        """A name for each element, or none: of one share between two classes that of the second."""
        names = self.names[1:] if self.output.of == "shares" and self.size == 1 and len(self.names) == 2 else self.names
        return names if len(names) == self.size else ()

    def label_names(self) -> tuple[str, ...]:
        """What independent labels are called; a single one without a name is class 1 of 0 and 1."""
        unnamed = ("class 1",) if self.size == 1 else tuple(f"label {number}" for number in range(self.size))
        return self.element_names() or unnamed


def _classes(head: Head, array: np.ndarray) -> Value:
    shares = head.output.probabilities(array)
    scores = array.astype(np.float64).ravel() if shares is None else shares.ravel()
    order = np.argsort(-scores, kind="stable")[: head.top]
    return Classes(guesses=tuple(
        Guess(int(k), _name(head.names, int(k)), None if shares is None else float(scores[k]), float(scores[k]))
        for k in order))


def _shares(head: Head, array: np.ndarray) -> Value:
    shares = head.output.probabilities(array)
    values = (array if shares is None else shares).ravel().tolist()
    return Shares(names=head.label_names(), shares=tuple(values), top=head.top)


def _numbers(head: Head, array: np.ndarray) -> Value:
    return Numbers(names=head.element_names(), array=array)


def _class_map(head: Head, array: np.ndarray) -> Value:
    return ClassMap(names=head.names, numbers=head.output.class_numbers(array))


def _picture(head: Head, array: np.ndarray) -> Value:
    """Undoes what the file does to the image before it is compared with the output (`features / 256`)."""
    pixels = head.output.pixels
    assert pixels is not None
    shares = head.output.probabilities(array) if head.output.of == "shares" else None
    plain = array.astype(np.float64) if shares is None else shares
    least, most = _range(head.note) or ((0.0, 1.0) if shares is not None and pixels.scale == 1 else (0.0, 0.0))
    if pixels.scale and most > least:
        plain = 255 * (pixels.scale * plain + pixels.offset - least) / (most - least)
        plain = np.clip(np.rint(np.nan_to_num(plain)), 0, 255).astype(np.uint8)
    return Picture(array=array, pixels=as_pixels(plain, head.note.startswith("BGR")))


def _range(note: str) -> tuple[float, float] | None:
    """The least and the greatest value that a reader says its images have (`RGB, 0..255`), if it does."""
    found = re.search(r"(-?[\d.]*\d)\.\.(-?[\d.]+)$", note)
    return (float(found[1]), float(found[2])) if found else None


_MAKERS: dict[str, Callable[[Head, np.ndarray], Value]] = {
    "classes": _classes, "shares": _shares, "numbers": _numbers, "class map": _class_map, "image": _picture}


def with_file(value: Value, file: str) -> Value:
    """The value that was written as this picture."""
    return replace(value, file=file)


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"class {number}"


def finite(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return value if math.isfinite(value) else None


def shortest(value: Any) -> str:
    """The shortest text that is read as the same 32-bit number."""
    return str(np.float32(value))


def _nested(array: np.ndarray) -> Any:
    """Lists for JSON, channels first, each number as short as 32 bits allow."""
    if array.ndim > 1:
        return [_nested(part) for part in array]
    return [finite(float(shortest(value))) for value in array.ravel()]


# --- pictures -------------------------------------------------------------------------------------------------


def png(pixels: np.ndarray) -> bytes:
    """Pixels (height x width x channels, uint8), or a map of class numbers (height x width), as a PNG file.

    A map keeps the class numbers as its values and shows them by the colours of PASCAL VOC.
    """
    if pixels.ndim == 2:
        image = pillow().fromarray(pixels.astype(np.uint8 if pixels.max(initial=0) < 256 else np.uint16))
        if image.mode == "L":
            image.putpalette(palette().tobytes())
    else:
        image = pillow().fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def palette() -> np.ndarray:
    """256 colours that tell neighbouring numbers apart: the bits of the number, dealt out to red, green and blue.

    Source: PASCAL VOC's development kit (`VOCcolormap`).
    """
    colours = np.zeros((256, 3), dtype=np.uint8)
    for number in range(256):
        rest = number
        for bit in range(7, -1, -1):
            for channel in range(3):
                colours[number, channel] |= (rest >> channel & 1) << bit
            rest >>= 3
    return colours


# --- counts ---------------------------------------------------------------------------------------------------


def precision_and_recall(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each class: of the samples taken for it the share that is of it, and of those that are of it the share
    taken for it. NaN where there are none.
    """
    right = np.diagonal(confusion).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return right / confusion.sum(axis=0), right / confusion.sum(axis=1)
