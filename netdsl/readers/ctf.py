"""CNTKText: CNTK's text format, dense and sparse, one sample a sequence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..spec import Choice, Dims, Flag, Integer, Kind, Mismatch, Spec, Text, option, table_row
from .arrays import np
from .base import DataError, Dataset, Description, Reader, Stream
from .files import locate, required, short, text_lines
from .memory import ArrayDataset, SparseRows, float32

#: Rows that `describe` reads; a shorter file is read whole and its samples are counted.
_PEEK = 1000
#: Sparse data are unpacked at once if that takes at most this many bytes.
_DENSE_UP_TO = 1 << 28


@table_row
class TextInput(Spec):
    """One input of the network as a text file holds it."""

    what: ClassVar[str] = "input section"

    dim: tuple[int, ...] = option(Dims(), doc="Number of values of a sample; or their shape, width first.")
    alias: str = option(Text(), "", "Name in the file; empty: the input's own name.")
    format: str = option(Choice(("dense", "sparse")), "dense", "`dense`: all values; `sparse`: `index:value` pairs.")
    #: Name of the network's input; not an option, it is the section's name.
    input: str = field(default="", kw_only=True)

    @property
    def size(self) -> int:
        return math.prod(self.dim)

    @property
    def in_file(self) -> str:
        return self.alias or self.input


@dataclass(frozen=True)
class InputSections(Kind):
    """A record with a section for each input: `{features = {dim = 784}; labels = {dim = 10}}`."""

    @property
    def expected(self) -> str:
        return "a record of input sections such as `{features = {dim = 784}}`"

    def convert(self, value: Any) -> Any:
        if isinstance(value, tuple) and value and all(isinstance(v, TextInput) for v in value):
            return value
        if not hasattr(value, "items"):
            raise Mismatch(self.expected)
        sections = tuple(_section(name, section) for name, section in value.items())
        if not sections:
            raise Mismatch(self.expected)
        return sections

    def show(self, value: Any) -> str:
        inner = "; ".join(f"{s.input} = {{{_shown(s)}}}" for s in value)
        return f"{{{inner}}}"


def _shown(section: TextInput) -> str:
    parts = [f"dim = {Dims().show(section.dim)}"]
    parts += [f'alias = "{section.alias}"'] if section.alias else []
    parts += ['format = "sparse"'] if section.format == "sparse" else []
    return "; ".join(parts)


def _section(name: str, section: Any) -> TextInput:
    if not hasattr(section, "items"):
        raise Mismatch(f"a section such as `{{dim = 784}}` for each input, also for `{name}`")
    values: dict[str, Any] = {}
    for key, value in section.items():
        known = TextInput.option(key)
        if known is None:
            raise Mismatch(f"sections with the keys dim, alias and format; `{key}` of `{name}` is none of them")
        try:
            values[known.field_name] = known.kind.convert(value)
        except Mismatch as wrong:
            raise Mismatch(f"{wrong} as `{key}` of `{name}`") from None
    if "dim" not in values:
        raise Mismatch(f"a `dim` in every section; `{name}` has none")
    return TextInput(input=name, **values)


@dataclass
class _Sample:
    """One sequence while it is being read."""

    id: str
    row: int
    values: dict[str, Any] = field(default_factory=dict)


@table_row
class CNTKText(Reader):
    """CNTK's text format: `[id] |name values |name values`, a line a sample.

    `|name 0.1 2 3` holds all values of a sample, `|name 7:1 12:0.5` is sparse, `|# ...` a comment. Names
    in the file that `input` does not list are passed over. Lines that begin with the same id, or with none
    after the first line has one, are one sequence; here a sequence is one sample, so each input stands in
    it once. `skipSequenceIds = true` makes every line a sample.

    Source: CNTK `CNTKTextFormatReader`. Here too few values are an error in every format.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'CNTKText {"$dataDir$/Train.txt", input = {features = {dim = 784}; '
        'labels = {dim = 10; alias = "y"; format = "sparse"}}}',
    )

    file: str = option(Text(), doc="The file, plain or packed.")
    input: tuple[TextInput, ...] = option(InputSections(), doc="A section for each input: `dim`, `alias`, `format`.")
    skip_sequence_ids: bool = option(Flag(), False, "Every line is a sample, whatever its id.")
    max_errors: int = option(Integer(0), 0, "How many malformed samples are passed over before it is an error.")

    def describe(self) -> Description:
        streams = tuple(Stream(s.input, s.dim, note="sparse" * (s.format == "sparse")) for s in self.input)
        if locate(self.file) is None:
            return Description(streams, None, missing=(self.file,))
        samples, _, ended = self._read(_PEEK)
        return Description(streams, len(samples) if ended else None)

    def open(self, training: bool) -> Dataset:
        samples, skipped, _ = self._read(None)
        arrays: dict[str, Any] = {s.input: self._gather(s, samples) for s in self.input}
        rows = [sample.row for sample in samples]
        ids = tuple(sample.id for sample in samples) if samples[0].id else ()
        return ArrayDataset(arrays, name=lambda index: f"row {rows[index]}", skipped=skipped, ids=ids)

    def _gather(self, section: TextInput, samples: list[_Sample]) -> Any:
        values = [sample.values[section.input] for sample in samples]
        shape = tuple(reversed(section.dim))
        if section.format == "dense":
            return np.stack(values).reshape(-1, *shape)
        sparse = SparseRows([v[0] for v in values], [v[1] for v in values], section.size, shape)
        return sparse[np.arange(len(values))] if len(values) * section.size * 4 <= _DENSE_UP_TO else sparse

    def _read(self, limit: int | None) -> tuple[list[_Sample], list[DataError], bool]:
        """Whole samples, faults that `maxErrors` allows, and whether the file was read to its end."""
        required(self.file, "file")
        samples: list[_Sample] = []
        skipped: list[DataError] = []
        for sample in self._sequences():
            if limit is not None and len(samples) >= limit:
                return samples, skipped, False
            try:
                if isinstance(sample, DataError):
                    raise sample
                self._whole(sample)
                samples.append(sample)
            except DataError as error:
                skipped.append(error)
                if len(skipped) > self.max_errors:
                    raise
        if not samples:
            raise DataError(f"`{short(self.file)}` holds no samples", path=self.file, place="row 1", option="file",
                            hint="each sample is a line such as `|features 1 2 3 |labels 0:1`.")
        return samples, skipped, True

    def _sequences(self) -> Iterator[_Sample | DataError]:
        sections = {s.in_file: s for s in self.input}
        current: _Sample | DataError | None = None
        current_id, has_ids = "", False
        for number, line in text_lines(self.file, "file"):
            if not line.strip():
                continue
            id_text, *fields = line.split("|")
            id_text = id_text.strip()
            if current is None:
                has_ids = bool(id_text)
            if current is None or not has_ids or self.skip_sequence_ids or (id_text and id_text != current_id):
                if current is not None:
                    yield current
                current, current_id = _Sample(id_text, number), id_text
            if isinstance(current, DataError):
                continue
            try:
                self._add_line(current, id_text, fields, number, sections)
            except DataError as error:
                current = error
        if current is not None:
            yield current

    def _add_line(self, sample: _Sample, id_text: str, fields: list[str], number: int,
                  sections: dict[str, TextInput]) -> None:
        if id_text and not id_text.isdecimal():
            raise self._wrong(number, "does not begin with `|` or a sequence id", f"It begins with `{id_text[:30]}`.")
        for text in fields:
            if text.startswith("#"):  # a comment, or its part behind an escaped pipe
                continue
            name, *tokens = text.split()
            section = sections.get(name) if text[:1].strip() else None
            if section is None:
                continue
            if section.input in sample.values:
                raise self._long_sequence(sample, number, name)
            sample.values[section.input] = self._values(section, tokens, number)

    def _long_sequence(self, sample: _Sample, number: int, name: str) -> DataError:
        return DataError(f"row {number} holds a second `{name}` of one sequence", path=self.file,
                         place=f"row {number}", option="file",
                         body=(f"The sequence {sample.id} began in row {sample.row}. "
                               "A sequence is read as one sample.",),
                         hint="set `skipSequenceIds = true` if every line is a sample of its own.")

    def _values(self, section: TextInput, tokens: list[str], number: int) -> Any:
        if section.format == "sparse":
            return self._sparse(section, tokens, number)
        try:
            values = float32([float(token) for token in tokens])
        except ValueError:
            bad = next(token for token in tokens if not _is_number(token))
            kind = "sparse, but read as dense" if ":" in bad else "not a number"
            raise self._wrong(number, f"has a value that is {kind}", f"`{section.in_file}` holds `{bad[:30]}`.",
                              "set `format = 'sparse'`." if ":" in bad else "") from None
        if len(values) != section.size:
            raise self._wrong(number, f"has {len(values)} values of `{section.in_file}`, not {section.size}",
                              f"`dim` is {section.size}, so every dense sample has {section.size} values.",
                              "correct `dim` or the file.")
        return self._finite(section, values, number)

    def _sparse(self, section: TextInput, tokens: list[str], number: int) -> tuple[np.ndarray, np.ndarray]:
        indices, values = [], []
        for token in tokens:
            index, _, value = token.partition(":")
            if not index.isdecimal() or not _is_number(value):
                raise self._wrong(number, "has a sparse value that is not `index:value`",
                                  f"`{section.in_file}` holds `{token[:30]}`.",
                                  "set `format = 'dense'`." if _is_number(token) else "")
            if int(index) >= section.size:
                raise self._wrong(number, f"has index {index} of `{section.in_file}`, out of range",
                                  f"`dim` is {section.size}, and indices count from 0.", "correct `dim` or the file.")
            indices.append(int(index))
            values.append(float(value))
        if len(set(indices)) != len(indices):
            raise self._wrong(number, f"gives an index of `{section.in_file}` twice", "Each index may stand once.")
        return np.array(indices, dtype=np.int64), self._finite(section, float32(values), number)

    def _finite(self, section: TextInput, values: np.ndarray, number: int) -> np.ndarray:
        if not np.isfinite(values).all():
            raise self._wrong(number, f"has a value of `{section.in_file}` that is not finite",
                              "Values have to be numbers that fit 32-bit floating point.")
        return values

    def _whole(self, sample: _Sample) -> None:
        for section in self.input:
            if section.input not in sample.values:
                raise self._wrong(sample.row, f"has no `|{section.in_file}`",
                                  f"The input `{section.input}` needs a value in every sample.",
                                  "if the file calls it otherwise, name it in `alias`.")

    def _wrong(self, number: int, what: str, why: str, hint: str = "") -> DataError:
        return DataError(f"row {number} {what}", path=self.file, place=f"row {number}", option="file", body=(why,),
                         hint=hint)


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True
