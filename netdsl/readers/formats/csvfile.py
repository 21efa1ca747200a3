"""CSV: tables of numbers and words, with columns of classes or targets."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ...base.suggest import did_you_mean
from ...base.units import plural
from ...spec import Choice, Either, Flag, Integer, ListOf, Number, Optional, OptionError, Text, option, table_row
from ..arrays import np
from ..class_numbers import FIRST_LABEL_DOC, ClassNumbers
from ..files import locate, read_once, required, short
from ..given_files import open_files
from ..memory import ArrayDataset
from ..reader import DataError, Dataset, Description, Reader, Stream, Wanted
from ..tables.cells import MISSING, Notation
from ..tables.columns import Column, Treatment, as_numbers, facts, fit_columns, sizes
from ..tables.sections import InputSection, Sections
from ..tables.table_file import Layout, Table, TableFile

#: A column by its name in the header, or by its number, counted from 0.
ColumnName = str | int
#: Digits of a class number, at most.
_DIGITS = 9
_COLUMN = Either((Integer(0), Text()))
_COLUMNS = ListOf(_COLUMN, minimum_length=1)
_KINDS = ("class", "numbers", "features")
_DECIMALS, _THOUSANDS = (".", ","), ("", ",", ".", " ", "'")


@table_row
class TableInput(InputSection):
    """One input of the network as columns of a table."""

    columns: tuple[str | int, ...] = option(_COLUMNS, doc="Columns of the input.")
    kind: str = option(Choice(_KINDS), "class", "`class`: a class in one column; `numbers`: targets; `features`: "
                       "numbers and categories, as `columns` of the reader.")


@dataclass(frozen=True)
class _Use:
    """An input of the network, and the columns that it gets, by their places."""

    input: str
    kind: str
    places: tuple[int, ...]


@table_row
class CSV(Reader):
    """A table in a text file: columns of numbers and words, and columns of classes or targets.

    Classes may be names (numbered in alphabetical order, or in the order of `classes`) or whole numbers.
    Without `columns`, all columns that have no other use are features; without `labels`, the last column
    is the label. Columns are named as in the header, or numbered from 0. Other labels and features of the same rows
    go to inputs of their own with `inputs`.

    A cell `12%` is 0.12, `true` is 1 and `false` 0. Words are read only in `categories`: each word of such a column
    is an input of its own, 1 where it stands and 0 elsewhere, in alphabetical order. Cells that `missing` lists hold
    no value: `fill` says what features have there (a category 0 for all of its words); targets and classes are never
    filled.

    The training data decide for all data, and a checkpoint keeps it: the numbers of the classes, the words of each
    category, which column is which feature (by the names in the header), fills, means and standard deviations. They
    are those of the whole file, also of the part that `validation` in the training block sets aside.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'CSV {"$dataDir$/iris.csv", labels = "species"}',
        'CSV {"houses.csv", columns = "rooms":"area", labels = "price", targets = "numbers", weights = "trust"}',
        'CSV {"titanic.csv", labels = "survived", categories = "sex":"class", fill = "median", standardize = true}',
        'CSV {"haeuser.csv", separator = ";", decimal = ",", thousands = "."}',
        'CSV {"shoes.csv", labels = "kind", inputs = {price = {columns = "price"; kind = "numbers"}}}',
    )
    class_list: ClassVar[str] = "classes"

    file: str = option(Text(), doc="The table, plain or packed.")
    columns: tuple[str | int, ...] | None = option(
        Optional(_COLUMNS), None, "Columns of the features; None: all others.")
    labels: tuple[str | int, ...] | None = option(
        Optional(_COLUMNS), None, "Column of the label, or columns of targets; None: the last, or none if `inputs` has "
        "classes or targets.")
    targets: str = option(Choice(("class", "numbers")), "class", "What the labels are.")
    classes: tuple[str, ...] | None = option(Optional(ListOf(Text())), None, "Names of the classes in the order of "
                                             "their numbers; None: those of the file.")
    weights: str | int | None = option(Optional(_COLUMN), None, "Column of the samples' weights, for the input "
                                    "`weightsInput`.")
    ids: str | int | None = option(Optional(_COLUMN), None, "Column that names the samples, for `Joined`.")
    separator: str = option(Text(), ",", "What stands between columns: a character, `tab`, or `blanks`: any number "
                           "of blanks and tabs.")
    header: bool | None = option(Optional(Flag()), None, "Whether the first row names the columns; None: it does if "
                                 "none of its cells is a number.")
    max_errors: int = option(Integer(0), 0, "How many bad rows are skipped before it is an error.")
    weights_input: str = option(Text(), "weights", "Name of the input that gets the weights.")
    inputs: tuple[TableInput, ...] | None = option(
        Optional(Sections(TableInput, '{columns = "price"; kind = "numbers"}')), None,
        "A section for each further input of the network.")
    categories: tuple[str | int, ...] = option(ListOf(_COLUMN), (), "Columns of features that hold words.")
    fill: str | float | None = option(
        Optional(Either((Choice(("mean", "median")), Number()))), None, "What stands for missing values of features: "
        "`mean` or `median` of the column in the training data, or a number.")
    standardize: bool = option(Flag(), False, "Features that are numbers have the mean 0 and the standard deviation 1 "
                               "over the training data.")
    unknown_categories: str = option(Choice(("error", "zeros")), "error", "What becomes of a word that the training "
                                     "data do not have in the column.")
    missing: tuple[str, ...] = option(ListOf(Text()), MISSING, "Cells that hold no value; case does not matter.")
    decimal: str = option(Choice(_DECIMALS), ".", "The decimal sign.")
    thousands: str = option(Choice(_THOUSANDS), "", "What stands between groups of three digits.")
    encoding: str | None = option(Optional(Text()), None, "The file's character encoding, such as `latin1`; None: "
                                  "UTF-8, or UTF-16 where the file says so.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)
    #: What the training data decide, by input; no option, `with_fit` sets it.
    fitted: Mapping[str, Any] = field(default_factory=dict, kw_only=True, compare=False)
    #: Names of the classes of other data, by input; no option, `with_classes` sets it.
    class_orders: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), kw_only=True)
    #: The inputs that are wanted; no option, `only` sets it. None: all.
    wanted: frozenset[str] | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        if len(self.separator) != 1 and self.separator not in ("tab", "blanks"):
            raise OptionError("separator", "`separator` of CSV is one character, `tab`, or `blanks`")
        if self.targets == "class" and self.labels is not None and len(self.labels) > 1:
            raise OptionError("labels", "a class is in one column", "for several targets set `targets = 'numbers'`; "
                              "for several classes give each an input of its own with `inputs`.")
        if self.decimal == self.thousands:
            raise OptionError("thousands", "the decimal sign and the sign between thousands are the same")
        for section in self.inputs or ():
            if section.kind == "class" and len(section.columns) > 1:
                raise OptionError("inputs", f"a class is in one column, and `{section.input}` has "
                                  f"{len(section.columns)}", "give each an input of its own.")
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise OptionError("encoding", f"there is no character encoding `{self.encoding}`",
                              'usual ones are "latin1", "cp1252", "utf-16", "shift_jis", "gb18030".')

    # -- what it says and delivers ----------------------------------------------------------------

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def describe(self) -> Description:
        if locate(self.file) is None:
            unknown = [Stream(name, None) for name in self._input_names()]
            return Description(tuple(unknown), None, missing=(self.file,))
        table = self._table()  # all rows: the classes are known only after the last one
        lines = _doubtful_header(table.layout, self.notation)
        streams: list[Stream] = []
        for use in self._uses(table.layout):
            if use.kind == "features":
                columns = self._columns(table, use)
                streams.append(Stream(use.input, (sum(column.width for column in columns),),
                                      sizes=() if self.standardize else sizes(table, use.places)))
                as_numbers(table, use.places, columns, self._treatment, self.file)
                lines += facts(columns, self._treatment)
            elif use.kind == "class":
                found = self._classes(table, use)
                streams.append(found.stream(use.input))
                lines += found.facts(table.words[use.places[0]].places)
            else:
                values = [table.numbers[place] for place in use.places]
                span = (min(v.min() for v in values), max(v.max() for v in values)) if len(table.rows) else None
                names = tuple(table.layout.names[place] for place in use.places) if table.layout.names else ()
                streams.append(Stream(use.input, (len(use.places),), element_names=names, value_span=span))
        lines += self._unused(table.layout)
        return Description(tuple(streams), len(table.rows), tuple(dict.fromkeys(lines)))

    def _unused(self, layout: Layout) -> tuple[str, ...]:
        """A line for `check` on columns that the training data do not have, and that are left out."""
        if self.columns is not None or not self._fitted_names(self.features_input) or not layout.names:
            return ()
        used = {place for use in self._uses(layout) for place in use.places} | {layout.id}
        trained = {name for data in self.fitted for name in self._fitted_names(data)}
        unused = [name for place, name in enumerate(layout.names) if place not in used and name not in trained]
        listed = ", ".join(unused)[:200]
        return (f"columns that the training data do not have are not used: {listed}",) if unused else ()

    def open(self, training: bool) -> Dataset:
        table = self._table()
        arrays: dict[str, np.ndarray] = {}
        names: tuple[str, ...] = ()
        for use in self._uses(table.layout):
            if use.kind == "features":
                arrays[use.input] = as_numbers(table, use.places, self._columns(table, use), self._treatment, self.file)
            elif use.kind == "class":
                found = self._classes(table, use)
                names = names or found.names
                arrays[use.input] = found.numbers[table.words[use.places[0]].places]
            else:
                arrays[use.input] = np.stack([table.numbers[place] for place in use.places], 1).astype(np.float32)
        return ArrayDataset(arrays, class_names=names, name=lambda index: f"row {table.rows[index]}",
                            skipped=table.skipped, ids=table.ids)

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        inputs = [section.input for section in self.inputs or () if section.kind == "class"]
        if self.targets == "class" and not self.classes:
            inputs.append(self.labels_input)
        return replace(self, class_orders=tuple((name, names(name)) for name in inputs))

    def fit(self) -> dict[str, Any]:
        table = self._table()
        fitted: dict[str, Any] = {}
        for use in self._uses(table.layout):
            if use.kind == "features":
                fitted[use.input] = {"columns": [column.to_json() for column in self._columns(table, use)]}
            else:
                fitted[use.input] = {"columns": [_column_name(table.layout, place) for place in use.places]}
                if use.kind == "class":
                    fitted[use.input]["classes"] = list(self._classes(table, use).names)
            fitted[use.input]["header"] = bool(table.layout.names)
        return fitted

    def with_fit(self, fit: Callable[[], Mapping[str, Any]]) -> Reader:
        return replace(self, fitted=fit())

    def only(self, inputs: Collection[str]) -> CSV:
        return replace(self, wanted=frozenset(inputs))

    def input_names(self) -> tuple[str, ...]:
        return (*self._input_names(), *((self.weights_input,) if self.weights is not None else ()))

    def own_file(self) -> str:
        return self.file

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        return ("rows",)

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        reader = self.only(wanted)
        return open_files([file for part in files for file in part],
                          lambda file: replace(reader, file=file).open(False))

    # -- columns ------------------------------------------------------------------------------------

    @property
    def notation(self) -> Notation:
        return Notation(self.decimal, self.thousands, self.missing)

    @property
    def _treatment(self) -> Treatment:
        return Treatment(self.fill, self.standardize, self.unknown_categories)

    def _input_names(self) -> tuple[str, ...]:
        labels = (self.labels_input,) if self.labels is not None or not self._has_own_labels else ()
        return self._wanted((self.features_input, *labels, *(section.input for section in self.inputs or ())))

    def _wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if self.wanted is None or name in self.wanted)

    @property
    def _has_own_labels(self) -> bool:
        """Whether `inputs` names classes or targets, so that the last column is no label of itself."""
        return any(section.kind != "features" for section in self.inputs or ())

    def _columns(self, table: Table, use: _Use) -> tuple[Column, ...]:
        """What the training data say of the columns of an input; these data, if they are the training data."""
        known = self.fitted.get(use.input)
        if known is None:
            return fit_columns(table, use.places, self._treatment, self.file)
        columns = tuple(map(Column.from_json, known["columns"]))
        trained, here = (tuple(column.name for column in columns),
                         tuple(_column_name(table.layout, place) for place in use.places))
        alike = trained == here if known["header"] and table.layout.names else len(trained) == len(here)
        if not alike:
            raise DataError("the features are not the columns that the training data have", path=self.file,
                            place="row 1", option="columns", body=(
                                f"Here they are {', '.join(here)[:300]}.",
                                f"Trained on: {', '.join(trained)[:300]}."),
                            hint="list the same columns in the same order, and name them alike.")
        return columns

    def _classes(self, table: Table, use: _Use) -> ClassNumbers:
        """The numbers of the classes of an input. Raises DataError."""
        (place,) = use.places
        found = table.words[place].values
        order = dict(self.class_orders).get(use.input, ()) or tuple(self.fitted.get(use.input, {}).get("classes", ()))
        classes = self.classes if use.input == self.labels_input else None
        named = bool(order) and set(found) <= set(order)
        if classes is None and not named and all(label.isdecimal() for label in found):
            large = next((label for label in found if len(label) > _DIGITS), None)
            if large is not None:
                raise self._wrong(table.first_row(place, large), "has a class number that is too large",
                                  f"The class is {large[:30]}.", "if it is a number to be predicted, set `targets = "
                                  "'numbers'`.")
            low = next((label for label in found if int(label) < self.first_label), None)
            if low is not None:
                raise self._wrong(table.first_row(place, low), f"has the class {low}, and `firstLabel` is "
                                  f"{self.first_label}", "It is the number of the first class.", "lower `firstLabel`.")
            return ClassNumbers(np.array([int(label) for label in found], dtype=np.int64), self.first_label)
        names = classes or (*order, *sorted(set(found).difference(order)))
        number = {name: index for index, name in enumerate(names)}
        unknown = next((label for label in found if label not in number), None)
        if unknown is not None:
            raise self._wrong(table.first_row(place, unknown),
                              f"has the class `{unknown[:20]}`, which is not in `classes`",
                              f"`classes` holds {', '.join(names[:12])}.", did_you_mean(unknown, names))
        return ClassNumbers(np.array([number[label] for label in found], dtype=np.int64), 0, names)

    def _table(self) -> Table:
        # What is read does not depend on the numbers of the classes, nor on most of what was fitted.
        asked = replace(self, class_orders=(), fitted={}, fill=0.0 if self.fill is not None else None,
                        first_label=0, unknown_categories="error", classes=None)
        places = tuple((name, tuple(map(str, self._fitted_names(name)))) for name in self.fitted)
        return read_once(self.file, (asked, places), self._read_table)

    def _read_table(self) -> Table:
        required(self.file, "file")
        return TableFile(self.file, self.separator, self.notation, self.encoding, self.max_errors, self._layout,
                         exact=self.standardize).read()

    def _fitted_names(self, name: str) -> tuple[str, ...]:
        """The names of the columns that an input had in the training data, where their file has a header."""
        known = self.fitted.get(name)
        if known is None or not known["header"]:
            return ()
        return tuple(column["name"] if isinstance(column, Mapping) else column for column in known["columns"])

    def _layout(self, first: list[str], number: int) -> tuple[Layout, bool]:
        is_header = self.header
        if is_header is None:
            is_header = not any(self.notation.number(cell) is not None for cell in first)
        names = tuple(first) if is_header else ()
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._wrong(number, f"names the column `{twice[:20]}` twice", "Columns need names of their own.")
        layout = Layout(len(first), names, (), first=tuple(first), guessed=self.header is None and not is_header)
        uses = self._uses(layout)
        features = tuple(place for use in uses if use.kind == "features" for place in use.places)
        categories = tuple(place for place in self._places(self.categories, layout, "categories")
                           if place in features)
        self._check_categories(layout, features, categories)
        numbers = [place for use in uses if use.kind != "class" for place in use.places if place not in categories]
        classes = tuple(place for use in uses if use.kind == "class" for place in use.places)
        weight = next((use.places[0] for use in uses if use.kind == "weight"), None)
        return replace(layout, numbers=tuple(dict.fromkeys(numbers)), classes=classes, categories=categories,
                       features=frozenset(features), fills=self.fill is not None, weight=weight,
                       id=None if self.ids is None else self._place(self.ids, layout, "ids")), is_header

    def _check_categories(self, layout: Layout, features: Sequence[int], categories: Sequence[int]) -> None:
        if len(set(categories)) != len(set(self.categories)) and self.wanted is None:
            place = next(place for place in self._places(self.categories, layout, "categories")
                         if place not in features)
            raise DataError(f"the category {layout.name(place)} is not one of the features", path=self.file,
                            place="row 1", option="categories", hint="add it to `columns`, or leave it out.")

    def _uses(self, layout: Layout) -> tuple[_Use, ...]:
        """The inputs of the network with their columns."""
        return tuple(use for use in self._all_uses(layout) if self.wanted is None or use.input in self.wanted)

    def _all_uses(self, layout: Layout) -> Iterator[_Use]:
        weight = None if self.weights is None or not self._wanted((self.weights_input,)) else \
            self._place(self.weights, layout, "weights")
        sections = [_Use(section.input, section.kind, self._places(section.columns, layout, "inputs"))
                    for section in self.inputs or () if self._wanted((section.input,))]
        labels = self._label_places(layout)
        used = {*labels, weight, *(place for use in sections for place in use.places)}
        features = self._feature_places(layout, used)
        if not features and not any(use.kind == "features" for use in sections):
            raise self._no_features(layout)
        if features:
            yield _Use(self.features_input, "features", features)
        if labels and self._wanted((self.labels_input,)):
            yield _Use(self.labels_input, self.targets, labels)
        yield from sections
        if weight is not None:
            yield _Use(self.weights_input, "weight", (weight,))

    def _feature_places(self, layout: Layout, used: Collection[int | None]) -> tuple[int, ...]:
        """The columns that are listed, those that the training data have by these names, or all that are left."""
        if self.columns is not None:
            return self._places(self.columns, layout, "columns")
        known = self.fitted.get(self.features_input)
        if known is not None and layout.names and known["header"]:
            return self._places(self._fitted_names(self.features_input), layout, "columns", trained=True)
        if known is not None and self.wanted is not None and not known["header"] and not layout.names:
            trained = tuple(int(column["name"]) for column in known["columns"])
            return tuple(range(layout.width)) if len(trained) == layout.width else trained
        ids = None if self.ids is None else self._place(self.ids, layout, "ids")
        return tuple(place for place in range(layout.width) if place not in used and place != ids)

    def _label_places(self, layout: Layout) -> tuple[int, ...]:
        named = self._fitted_names(self.labels_input) if layout.names and self.labels is None else ()
        if not self._wanted((self.labels_input,)):
            # Rows without labels: where there is a column of labels all the same, it is no feature.
            given = [place for place in named or self.labels or () if place in layout.names]
            return self._places(given, layout, "labels")
        if self.labels is not None or named:
            return self._places(self.labels or named, layout, "labels", trained=bool(named))
        return () if self._has_own_labels else (layout.width - 1,)

    def _no_features(self, layout: Layout) -> DataError:
        found = self._separator_hint(layout)
        return self._wrong(1, "leaves no column for the features",
                           f"It has {plural(layout.width, 'column')}.",
                           found or f"is `{self.separator}` what stands between the columns? It is set by `separator`.")

    def _separator_hint(self, layout: Layout) -> str:
        """The separator that the first row seems to have, where the table has come out as one column."""
        if layout.width != 1:
            return ""
        signs = {"tab": "\t", ";": ";", "|": "|", ",": ","}
        found = {name: layout.first[0].count(sign) for name, sign in signs.items()}
        best = max(found, key=lambda name: found[name])
        return f"the columns are separated by `{best}`: set `separator = \"{best}\"`." if found[best] else ""

    def _places(self, columns: Sequence[ColumnName], layout: Layout, option: str, trained: bool = False
                ) -> tuple[int, ...]:
        return tuple(self._place(column, layout, option, trained) for column in columns)

    def _place(self, column: ColumnName, layout: Layout, option: str, trained: bool = False) -> int:
        if isinstance(column, int) and column < layout.width:
            return column
        if isinstance(column, str) and column in layout.names:
            return layout.names.index(column)
        body = f"Its columns are {', '.join(layout.names)}." if layout.names else \
            f"It has {plural(layout.width, 'column')} and no header."
        title = f"`{short(self.file)}` has no column `{column}`" if isinstance(column, str) else \
            f"`{short(self.file)}` has {plural(layout.width, 'column')}, numbered from 0; there is no " \
            f"{column}"
        title += ", which the training data have" if trained else ""
        hint = self._separator_hint(layout) or did_you_mean(str(column), layout.names)
        raise DataError(title, path=self.file, place="row 1", option=option, body=(body[:600],), hint=hint)

    def _wrong(self, number: int, what: str, why: str, hint: str = "") -> DataError:
        return DataError(f"row {number} {what}", path=self.file, place=f"row {number}", option="file", body=(why,),
                         hint=hint)


def _column_name(layout: Layout, place: int) -> str:
    return layout.names[place] if layout.names else str(place)


def _is_encoding(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False


def _doubtful_header(layout: Layout, notation: Notation) -> tuple[str, ...]:
    """A fact for `check` where the first row may be a header of numbers, as pandas writes it: 0,1,2."""
    if not layout.guessed:
        return ()
    numbers = {column: cell for column, cell in enumerate(layout.first) if notation.number(cell) is not None}
    if len(numbers) < 2 or any(cell != str(column) for column, cell in numbers.items()):
        return ()
    shown = ",".join(layout.first[:4]) + (",..." if layout.width > 4 else "")
    return (f"row 1 ({shown}) is read as a sample; if it numbers the columns, set `header = true`",)
