"""CNTKText: CNTK's text format, dense and sparse, one sample a sequence."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import Any, ClassVar

from ...spec import Choice, Dims, Flag, Integer, Text, option, table_row
from ..arrays import np
from ..files import locate, read_once, required, short, text_blocks
from ..given_files import open_files
from ..memory import ArrayDataset, SparseRows, element_sizes, float32
from ..reader import DataError, Dataset, Description, Reader, Stream, Wanted
from ..tables.sections import InputSection, Sections

#: Samples that `describe` wants; a shorter file is read whole and its samples are counted.
_PEEK = 1000
_PAIR = [("index", "i8"), ("value", "f4")]
#: Sparse data are unpacked at once if that takes at most this many bytes.
_DENSE_UP_TO = 1 << 28


@table_row
class TextInput(InputSection):
    """One input of the network as a text file holds it."""

    dim: tuple[int, ...] = option(Dims(), doc="Number of values of a sample; or their shape, width first.")
    alias: str = option(Text(), "", "Name in the file; empty: the input's own name.")
    format: str = option(Choice(("dense", "sparse")), "dense", "`dense`: all values; `sparse`: `index:value` pairs.")
    first_label: int = option(Integer(0), 0, "`sparse`: the index of the first element in the file: 1 where labels "
                              "count from 1.")

    @property
    def size(self) -> int:
        return math.prod(self.dim)

    @property
    def in_file(self) -> str:
        return self.alias or self.input


def InputSections() -> Sections:
    """A record with a section for each input: `{features = {dim = 784}; labels = {dim = 10}}`."""
    return Sections(TextInput, "{dim = 784}")


@dataclass
class _Sample:
    """One sequence while it is being read."""

    id: str
    row: int
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Read:
    """Whole samples: by input, arrays of some rows, or (sparse) the indices and values of each row."""

    values: dict[str, list[Any]]
    rows: array[int] = field(default_factory=lambda: array("q"))
    ids: list[str] = field(default_factory=list)
    skipped: list[DataError] = field(default_factory=list)

    def add(self, values: Mapping[str, list[Any] | None], rows: Iterable[int], ids: Iterable[str]) -> None:
        for name, found in values.items():
            self.values[name] += found or ()
        self.rows.extend(rows)
        self.ids.extend(ids)


@dataclass(frozen=True)
class _Field:
    """`name values` as it stands behind a `|`: the row, and the column where it begins."""

    section: TextInput
    text: str
    row: int
    column: int

    @property
    def tokens(self) -> list[str]:
        return self.text.split()[1:]

    def column_of(self, token: int) -> int:
        """Where one of the values begins, counted as the row's characters are, from 1."""
        return self.column + [match.start() for match in re.finditer(r"\S+", self.text)][token + 1]


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
    max_errors: int = option(Integer(0), 0, "How many malformed samples are skipped before it is an error.")

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def describe(self) -> Description:
        streams = tuple(Stream(s.input, s.dim, note="sparse" * (s.format == "sparse"), labels_from=s.first_label)
                        for s in self.input)
        if locate(self.file) is None:
            return Description(streams, None, missing=(self.file,))
        read, ended = self._read(_PEEK)
        streams = tuple(replace(stream, value_span=_value_span(s, read.values[s.input]))
                        for stream, s in zip(streams, self.input, strict=True))
        if ended:  # else what is not there may come later
            streams = tuple(replace(stream, label_span=_label_span(s, read.values[s.input]))
                            for stream, s in zip(streams, self.input, strict=True))
        streams = tuple(replace(stream, sizes=element_sizes(np.concatenate(read.values[s.input])))
                        if s.format == "dense" else stream for stream, s in zip(streams, self.input, strict=True))
        return Description(streams, len(read.rows) if ended else None)

    def input_names(self) -> tuple[str, ...]:
        return tuple(section.input for section in self.input)

    def own_file(self) -> str:
        return self.file

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        return ("rows",)

    def only(self, inputs: Collection[str]) -> CNTKText:
        return replace(self, input=tuple(section for section in self.input if section.input in inputs))

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        reader = self.only(wanted)
        return open_files([file for part in files for file in part],
                          lambda file: replace(reader, file=file).open(False))

    def open(self, training: bool) -> Dataset:
        return read_once(self.file, self, self._load)

    def _load(self) -> ArrayDataset:
        read, _ = self._read(None)
        arrays: dict[str, Any] = {s.input: self._gather(s, read.values[s.input]) for s in self.input}
        rows, ids = read.rows, tuple(read.ids) if read.ids[0] else ()
        return ArrayDataset(arrays, name=lambda index: f"row {rows[index]}", skipped=read.skipped, ids=ids)

    def _gather(self, section: TextInput, values: list[Any]) -> Any:
        shape = tuple(reversed(section.dim))
        if section.format == "dense":
            return np.concatenate(values).reshape(-1, *shape)
        sparse = SparseRows([v[0] for v in values], [v[1] for v in values], section.size, shape)
        return sparse[np.arange(len(values))] if len(values) * section.size * 4 <= _DENSE_UP_TO else sparse

    def _read(self, limit: int | None) -> tuple[_Read, bool]:
        """What the file holds, and whether it was read to its end. Raises DataError."""
        required(self.file, "file")
        read = _Read({section.input: [] for section in self.input})
        ended = self._read_lines(read, limit)
        if not read.rows:
            raise DataError(f"`{short(self.file)}` holds no samples", path=self.file, place="row 1", option="file",
                            hint="each sample is a line such as `|features 1 2 3 |labels 0:1`.")
        return read, ended

    def _read_lines(self, read: _Read, limit: int | None) -> bool:
        """Lines that are samples without faults are read many at a time; from the first other one on, one by one."""
        blocks = text_blocks(self.file, "file")
        start, held = 1, list[str]()  # the last line waits for the next, which may belong to its sequence
        for first, lines in blocks:
            if limit is not None and len(read.rows) >= limit:
                return False
            start, lines = first - len(held), held + lines
            if not self._quickly(read, start, lines):
                behind = (pair for more, texts in blocks for pair in enumerate(texts, more))
                return self._slowly(read, chain(enumerate(lines, start), behind), limit)
            start, held = start + len(lines) - 1, lines[-1:]
        return self._slowly(read, enumerate(held, start), limit)

    def _slowly(self, read: _Read, lines: Iterable[tuple[int, str]], limit: int | None) -> bool:
        for sample in self._sequences(lines):
            if limit is not None and len(read.rows) >= limit:
                return False
            try:
                if isinstance(sample, DataError):
                    raise sample
                self._whole(sample)
            except DataError as error:
                read.skipped.append(error)
                if len(read.skipped) > self.max_errors:
                    raise
                continue
            read.add({name: [values] for name, values in sample.values.items()}, [sample.row], [sample.id])
        return True

    def _quickly(self, read: _Read, first: int, lines: list[str]) -> bool:
        """Add all lines but the last, if each is a sample; False where something needs a closer look."""
        ids = [line.partition("|")[0].strip() for line in lines]
        texts = self._texts(lines[:-1]) if self._separate(ids) else None
        if texts is None:
            return False
        found = {s.input: (_sparse_rows if s.format == "sparse" else _dense_rows)(s, texts[s.in_file])
                 for s in self.input} if len(lines) > 1 else {}
        if None in found.values():
            return False
        read.add(found, range(first, first + len(lines) - 1), ids[:-1])
        return True

    def _separate(self, ids: list[str]) -> bool:
        """Whether each of the lines with these ids begins a sample."""
        written = "".join(ids)
        alone = not written or (all(ids) and all(a != b for a, b in pairwise(ids)))
        return (alone or self.skip_sequence_ids) and (not written or written.isdecimal())

    def _texts(self, lines: list[str]) -> dict[str, list[str]] | None:
        """The values of each section as they are written; None unless each stands in each line once."""
        texts: dict[str, list[str]] = {section.in_file: [] for section in self.input}
        for line in lines:
            found: dict[str, str] = {}
            for text in line.split("|")[1:]:
                name, _, values = text.partition(" ")
                if name in found or not name or name.isspace():
                    return None
                if name in texts:
                    found[name] = values
            if len(found) != len(self.input):
                return None
            for name, values in found.items():
                texts[name].append(values)
        return texts

    def _sequences(self, lines: Iterable[tuple[int, str]]) -> Iterator[_Sample | DataError]:
        sections = {s.in_file: s for s in self.input}
        current: _Sample | DataError | None = None
        current_id, has_ids = "", False
        for number, line in lines:
            if not line.strip():
                continue
            id_text = line.partition("|")[0].strip()
            if current is None:
                has_ids = bool(id_text)
            if current is None or not has_ids or self.skip_sequence_ids or (id_text and id_text != current_id):
                if current is not None:
                    yield current
                current, current_id = _Sample(id_text, number), id_text
            if isinstance(current, DataError):
                continue
            try:
                self._add_line(current, line, number, sections)
            except DataError as error:
                current = error
        if current is not None:
            yield current

    def _add_line(self, sample: _Sample, line: str, number: int, sections: dict[str, TextInput]) -> None:
        before, *fields = line.split("|")
        if before.strip() and not before.strip().isdecimal():
            raise self._wrong(number, "does not begin with `|` or a sequence id",
                              f"It begins with `{before.strip()[:30]}`.")
        column = len(before) + 1
        for text in fields:
            place, column = column + 1, column + 1 + len(text)
            if text.startswith("#"):  # a comment, or its part behind an escaped pipe
                continue
            if not text.strip():
                raise self._wrong(number, "has a `|` with nothing after it", "A name and values follow each `|`.",
                                  "if the file was cut short, fetch it again.", place - 1)
            section = sections.get(text.split(None, 1)[0]) if text[:1].strip() else None
            if section is None:
                continue
            if section.input in sample.values:
                raise self._long_sequence(sample, number, section.in_file)
            sample.values[section.input] = self._values(_Field(section, text, number, place))

    def _long_sequence(self, sample: _Sample, number: int, name: str) -> DataError:
        return self._wrong(number, f"holds a second `{name}` of one sequence",
                           f"The sequence {sample.id} began in row {sample.row}. A sequence is read as one sample.",
                           "set `skipSequenceIds = true` if every line is a sample of its own.")

    def _values(self, found: _Field) -> Any:
        if found.section.format == "sparse":
            return self._sparse(found)
        section, tokens = found.section, found.tokens
        bad = next((k for k, token in enumerate(tokens) if not _is_number(token)), None)
        if bad is not None:
            sparse = ":" in tokens[bad]
            kind = "sparse, but read as dense" if sparse else "not a number"
            raise self._bad_value(found, bad, f"has a value that is {kind}", "set `format = 'sparse'`." * sparse)
        if len(tokens) != section.size:
            raise self._wrong(found.row, f"has {len(tokens)} values of `{section.in_file}`, not {section.size}",
                              f"`dim` is {section.size}, so every dense sample has {section.size} values.",
                              "correct `dim` or the file.")
        return self._finite(found, [*map(float, tokens)])[None]

    def _sparse(self, found: _Field) -> tuple[np.ndarray, np.ndarray]:
        section = found.section
        indices, values = dict[int, None](), []
        for k, token in enumerate(found.tokens):
            index, _, value = token.partition(":")
            if not index.isdecimal() or not _is_number(value):
                raise self._bad_value(found, k, "has a sparse value that is not `index:value`",
                                      "set `format = 'dense'`." if _is_number(token) else "")
            place = int(index) - section.first_label
            if not 0 <= place < section.size:
                raise self._bad_value(found, k, f"has index {index[:12]} of `{section.in_file}`, out of range",
                                      self._range_hint(section, place),
                                      f" `dim` is {section.size}, and indices count from {section.first_label}.")
            if place in indices:
                raise self._bad_value(found, k, f"gives an index of `{section.in_file}` twice", "",
                                      " Each index may appear only once.")
            indices[place] = None
            values.append(float(value))
        return np.array(list(indices), dtype=np.int64), self._finite(found, values)

    def _range_hint(self, section: TextInput, place: int) -> str:
        if place == section.size and not section.first_label:
            return f"if the indices of `{section.in_file}` are 1 to {section.size}, write `firstLabel = 1` in its " \
                   "section; else correct `dim` or the file."
        return "correct `dim` or the file."

    def _finite(self, found: _Field, values: list[float]) -> np.ndarray:
        result = float32(values)
        wrong = np.flatnonzero(~np.isfinite(result))
        if wrong.size:
            raise self._bad_value(found, int(wrong[0]), f"has a value of `{found.section.in_file}` that is not finite",
                                  "", " Values have to be numbers that fit 32-bit floating point.")
        return result

    def _whole(self, sample: _Sample) -> None:
        for section in self.input:
            if section.input not in sample.values:
                raise self._wrong(sample.row, f"has no `|{section.in_file}`",
                                  f"The input `{section.input}` needs a value in every sample.",
                                  "if the file uses another name, give it in `alias`.")

    def _wrong(self, number: int, what: str, why: str, hint: str = "", column: int = 0) -> DataError:
        place = f"row {number}, column {column}" if column else f"row {number}"
        return DataError(f"row {number} {what}", path=self.file, place=place, option="file", body=(why,), hint=hint)

    def _bad_value(self, found: _Field, value: int, what: str, hint: str, why: str = "") -> DataError:
        """The fault of one of a field's values, counted from 0 here and from 1 in the message."""
        shown = f"Value {value + 1} of `{found.section.in_file}` is `{found.tokens[value][:30]}`."
        return self._wrong(found.row, what, shown + why, hint, found.column_of(value))


def _label_span(section: TextInput, rows: list[Any]) -> tuple[int, int] | None:
    """The smallest and the largest label in the file, if each sample has one."""
    if section.format != "sparse" or any(len(indices) != 1 or values[0] != 1 for indices, values in rows):
        return None
    labels = [int(indices[0]) + section.first_label for indices, _ in rows]
    return min(labels), max(labels)


def _value_span(section: TextInput, rows: list[Any]) -> tuple[float, float] | None:
    """The smallest and the largest number of what was read."""
    if section.format == "sparse" or not rows:
        return None
    return float(min(row.min() for row in rows)), float(max(row.max() for row in rows))


def _dense_rows(section: TextInput, texts: list[str]) -> list[Any] | None:
    """The values of rows in one array; None where one needs a closer look."""
    if any(not text or text.isspace() for text in texts):
        return None
    try:
        values = np.loadtxt(texts, np.float32, comments=None, ndmin=2)
    except ValueError:
        return None
    return [values] if values.shape == (len(texts), section.size) and np.isfinite(values).all() else None


def _sparse_rows(section: TextInput, texts: list[str]) -> list[Any] | None:
    """The indices and values of each row; None where one needs a closer look."""
    tokens = " ".join(texts).split()
    ends = np.cumsum([0, *(len(text.split()) for text in texts)])
    if any("+" in text for text in texts) and any(token[0] == "+" for token in tokens):
        return None
    try:
        pairs = np.loadtxt(tokens, _PAIR, comments=None, delimiter=":", ndmin=1) if tokens else np.empty(0, _PAIR)
    except ValueError:
        return None
    indices, values = pairs["index"] - section.first_label, pairs["value"]
    places = np.repeat(np.arange(len(texts)), np.diff(ends)) * section.size + indices
    twice = (np.diff(places) <= 0).any() and len(np.unique(places)) != len(places)
    if twice or not np.isfinite(values).all() or ((indices < 0) | (indices >= section.size)).any():
        return None
    return [(indices[start:end], values[start:end]) for start, end in pairwise(ends.tolist())]


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token
