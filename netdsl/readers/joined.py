"""Joined: the inputs of a network from several readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate
from typing import Any, ClassVar

from ..spec import Choice, ListOf, OptionError, SpecOf, option, table_row
from .arrays import np
from .reader import Batch, DataError, Dataset, Description, Reader, SampleRng, Wanted


@table_row
class Joined(Reader):
    """Several readers side by side: each gives some of the inputs of every sample.

    The first decides which samples there are and in what order. `by = "index"` puts together what
    stands at the same place; `by = "id"` what has the same id (CNTKText, CSV with `ids`, Base64Images).
    `featuresInput` and `labelsInput` of each reader name the inputs, which have to differ.

    Source: CNTK's composite reader.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'Joined {NumPy {"left.npy", "y.npy", featuresInput = "left"} : '
        'NumPy {"right.npy", "y.npy", featuresInput = "right", labelsInput = "unused"}}',
    )

    readers: tuple[Reader, ...] = option(ListOf(SpecOf("a reader", Reader), minimum_length=1), doc="The readers.")
    by: str = option(Choice(("index", "id")), "index", "What puts samples together.")

    def validate(self) -> None:
        for reader in self.readers:
            if not reader.randomize:
                raise OptionError("readers", "`randomize` of a reader inside Joined has no effect",
                                  "set it on Joined: the samples of all readers come in one order.")
            if reader.tolerated:
                raise OptionError("readers", f"`maxErrors` of {type(reader).__name__} cannot be used inside Joined",
                                  "skipped samples would shift the others; set it to 0.")

    def sources(self) -> tuple[str, ...]:
        return tuple(path for reader in self.readers for path in reader.sources())

    def describe(self) -> Description:
        parts = [reader.describe() for reader in self.readers]
        streams = tuple(stream for part in parts for stream in part.streams)
        self._distinct([stream.name for stream in streams])
        counts = [part.count for part in parts]
        known = {count for count in counts if count is not None}
        if self.by == "index" and len(known) > 1:
            raise self._counts_differ(counts)
        return Description(streams, counts[0], tuple(fact for part in parts for fact in part.facts),
                           tuple(path for part in parts for path in part.missing),
                           tuple(warning for part in parts for warning in part.warnings),
                           next((part.unlabelled for part in parts if part.unlabelled is not None), None))

    def missing_files(self) -> tuple[str, ...]:
        return tuple(path for reader in self.readers for path in reader.missing_files())

    def open(self, training: bool) -> Dataset:
        with ThreadPoolExecutor(max_workers=2) as pool:
            parts = list(pool.map(lambda reader: reader.open(training), self.readers))
        if self.by == "index":
            if len({part.count for part in parts}) > 1:
                raise self._counts_differ([part.count for part in parts])
            return _Joined(parts, [None] * len(parts))
        return _Joined(parts, [None, *(self._places(parts[0], part, k) for k, part in enumerate(parts[1:], 1))])

    def input_names(self) -> tuple[str, ...]:
        return tuple(name for reader in self.readers for name in reader.input_names())

    def images_for(self, name: str) -> Reader | None:
        return next((found for reader in self.readers if (found := reader.images_for(name)) is not None), None)

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        return tuple(kind for kinds in self._given(wanted).values() for kind in kinds)

    def _given(self, wanted: Wanted) -> dict[str, tuple[str, ...]]:
        """The kinds of files for the readers that are needed; those that read one and the same file share it."""
        return {reader.own_file() or f"reader {number}": reader.given_kinds(part)
                for number, (reader, part) in enumerate(self._needed(wanted))}

    def _needed(self, wanted: Wanted) -> list[tuple[Reader, Wanted]]:
        """The readers that deliver any of the inputs that are wanted, and which of them."""
        parts = [(reader, {name: dims for name, dims in wanted.items() if name in reader.input_names()})
                 for reader in self.readers]
        return [(reader, part) for reader, part in parts if part]

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        kinds = self._given(wanted)
        ends = dict(zip(kinds, accumulate(map(len, kinds.values())), strict=True))
        opened: list[list[Dataset]] = []
        for number, (reader, part) in enumerate(self._needed(wanted)):
            key = reader.own_file() or f"reader {number}"
            opened.append(reader.open_given(files[ends[key] - len(kinds[key]) : ends[key]], part))
        if len(opened) == 1:
            return opened[0]
        parts = [datasets[0] if len(datasets) == 1 else Chained(datasets) for datasets in opened]
        counts = {part.count for (reader, given), part in zip(self._needed(wanted), parts, strict=True)
                  if reader.given_kinds(given)}
        if len(counts) > 1:
            raise self._given_differ(wanted, [part.count for part in parts])
        by_id = self.by == "id" and all(part.ids for part in parts)
        places = [None if k == 0 or not by_id else self._places(parts[0], part, k) for k, part in enumerate(parts)]
        return [_Joined(parts, places, min(part.count for part in parts))]

    def _given_differ(self, wanted: Wanted, counts: Sequence[int]) -> DataError:
        shown = ", ".join(f"{' and '.join(part)}: {count}" for (_, part), count in
                          zip(self._needed(wanted), counts, strict=True))
        return DataError("the inputs have different numbers of samples", body=(f"{shown}.",),
                         hint="name as many images or rows for each of them: what stands at the same place belongs "
                              "together.")

    def color_order_of(self, name: str) -> str:
        return next((reader.color_order_of(name) for reader in self.readers if name in reader.input_names()), "RGB")

    def for_viewing(self) -> Reader:
        return replace(self, readers=tuple(reader.for_viewing() for reader in self.readers))

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        return replace(self, readers=tuple(reader.with_classes(names) for reader in self.readers))

    def fit(self) -> dict[str, Any]:
        return {name: fitted for reader in self.readers for name, fitted in reader.fit().items()}

    def with_fit(self, fit: Callable[[], Mapping[str, Any]]) -> Reader:
        return replace(self, readers=tuple(reader.with_fit(fit) for reader in self.readers))

    def _distinct(self, names: Sequence[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"two of the joined readers deliver `{name}`", option="readers",
                                hint="give one of them another name with `featuresInput` or `labelsInput`.")

    def _counts_differ(self, counts: Sequence[int | None]) -> DataError:
        pairs = zip(self.readers, counts, strict=True)
        shown = ", ".join(f"{type(reader).__name__}: {count}" for reader, count in pairs)
        return DataError("the joined readers have different numbers of samples", option="readers", body=(shown + ".",),
                         hint="set `by = 'id'` if samples have ids; else the files do not belong together.")

    def _places(self, first: Dataset, other: Dataset, number: int) -> np.ndarray:
        """For each sample of the first reader, its place in the other."""
        for position, dataset in ((0, first), (number, other)):
            if not dataset.ids:
                raise DataError(f"{type(self.readers[position]).__name__} gives its samples no ids", option="readers",
                                hint="set `by = 'index'`, or write ids into its file.")
        places = {name: place for place, name in enumerate(other.ids)}
        if len(places) != len(other.ids):
            seen: set[str] = set()
            twice = next(name for name in other.ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise DataError(f"two samples have the id `{twice}`", option="readers",
                            place=f"reader {number + 1}, {type(self.readers[number]).__name__}",
                            hint="ids have to be unique to join by them.")
        for row, name in enumerate(first.ids):
            if name not in places:
                raise DataError(f"the sample `{name}` is missing in one of the joined readers", option="readers",
                                place=f"sample {row} of {type(self.readers[0]).__name__}",
                                body=(f"{type(self.readers[number]).__name__} has {other.count:,} samples, none with "
                                      "that id.",), hint="add it there, or remove it from the first.")
        return np.array([places[name] for name in first.ids], dtype=np.int64)


class _Joined(Dataset):
    def __init__(self, parts: Sequence[Dataset], places: Sequence[np.ndarray | None], count: int | None = None
                 ) -> None:
        self._parts, self._places = parts, places
        self.count = parts[0].count if count is None else count
        self.ids = parts[0].ids
        self.class_names = next((part.class_names for part in parts if part.class_names), ())

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        arrays: dict[str, np.ndarray] = {}
        names: tuple[str, ...] = ()
        for part, places in zip(self._parts, self._places, strict=True):
            rows = indices if places is None else [int(places[index]) for index in indices]
            batch = part.batch(rows, draws)
            arrays.update(batch.arrays)
            names = names or batch.names
        return Batch(arrays, names)

    def in_memory(self) -> dict[str, np.ndarray] | None:
        arrays: dict[str, np.ndarray] = {}
        for part, places in zip(self._parts, self._places, strict=True):
            own = part.in_memory()
            if own is None:
                return None
            arrays.update({key: array if places is None else array[places] for key, array in own.items()})
        return arrays

    def classes(self, name: str) -> np.ndarray | None:
        for part, places in zip(self._parts, self._places, strict=True):
            found = part.classes(name)
            if found is not None:
                return found if places is None else found[places]
        return None

    @property
    def failures(self) -> dict[int, DataError]:
        found: dict[int, DataError] = {}
        for part, places in zip(self._parts, self._places, strict=True):
            own = part.failures
            found |= own if places is None else {index: own[int(place)] for index, place in enumerate(places)
                                                 if int(place) in own}
        return found

    @property
    def skipped(self) -> tuple[DataError, ...]:
        return tuple(error for part in self._parts for error in part.skipped)

    def fingerprint(self, index: int) -> tuple[str, bytes] | None:
        return self._parts[0].fingerprint(index)

    def notes(self) -> tuple[DataError, ...]:
        return tuple(note for part in self._parts for note in part.notes())

    def close(self) -> None:
        for part in self._parts:
            part.close()


class Chained(Dataset):
    """Data sets one after the other."""

    def __init__(self, parts: Sequence[Dataset]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(part.count for part in parts)])
        self.count = int(self._starts[-1])

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        each = [self._parts[part].batch([index], draws) for part, index in map(self._place, indices)]
        arrays = {name: np.concatenate([batch.arrays[name] for batch in each]) for name in each[0].arrays}
        return Batch(arrays, tuple(name for batch in each for name in batch.names))

    def _place(self, index: int) -> tuple[int, int]:
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return part, index - int(self._starts[part])

    @property
    def failures(self) -> dict[int, DataError]:
        return {int(start) + index: error for start, part in zip(self._starts, self._parts, strict=False)
                for index, error in part.failures.items()}

    def close(self) -> None:
        for part in self._parts:
            part.close()
