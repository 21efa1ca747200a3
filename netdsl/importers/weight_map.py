"""Maps of names: which tensor of a file of weights is which tensor of the network.

    # what the file calls it -> what the network calls it
    layer*.*.conv*.weight  -> model.stage{1}.bottleneckBlock{2+1}.main.conv{3}.weight
    dense_1/kernel         -> model.fc6.weight, transpose 2:1
    **.num_batches_tracked -> nothing
    1                      -> **.running_count

`*` is any text without `.` and `/`, `**` any text; `{1}` is what the first of them stands for, `{1+1}` that number and
one more. The first line that fits a tensor counts. A number on the left fills tensors that the file does not have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.lazy import LazyModule
from ..base.source import Files, Source, Span
from ..base.suggest import did_you_mean
from .shipped_maps import SHIPPED_MAPS
from .weight_format import FoundArrays, Wanted

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: The map that is found by order and shapes.
AUTO = "auto"
NOTHING = "nothing"

_GROUP = re.compile(r"\{(\d+)([+-]\d+)?\}")
_STAR = re.compile(r"\*\*|\*")


@dataclass(frozen=True)
class MapRule:
    """A line of a map."""

    theirs: re.Pattern[str]
    ours: str
    span: Span
    transpose: tuple[int, ...] = ()  #: axes from 1, in the order of numpy and torch
    reshape: tuple[int, ...] = ()
    number: float | None = None  #: instead of a tensor of the file

    def name_for(self, name: str) -> str | None:
        """What a tensor of the file is called in the network; None where the line is about others."""
        found = self.theirs.fullmatch(name)
        return _GROUP.sub(lambda group: self._text(group, found), self.ours) if found else None

    def _text(self, group: re.Match[str], found: re.Match[str]) -> str:
        text = found[int(group[1])]
        if group[2] is None:
            return text
        if not text.isdigit():
            raise _wrong(self.span, f"`{text}` is no number that {group[2]} could be added to",
                         f"it is what `{{{group[1]}}}` stands for in `{found[0]}`", "write the group without it.")
        return str(int(text) + int(group[2]))


def read_map(given: str) -> tuple[MapRule, ...]:
    """The rules of a map: one that netdsl has, by its name, or a file. Raises Failure."""
    shipped = SHIPPED_MAPS.get(given)
    if shipped is not None:
        return tuple(_rules(Source(f"map {given}", shipped.text)))
    try:
        source = Files().read(given)
    except (OSError, UnicodeDecodeError):
        raise failure(Code.NO_FILE, f"there is no map `{given}`", Span.nowhere(given),
                      body=(f"A map is a file with lines `theirs -> ours`, `{AUTO}`, or one of those that netdsl has: "
                            f"{', '.join(SHIPPED_MAPS)}.",),
                      hint=did_you_mean(Path(given).name, (*SHIPPED_MAPS, AUTO))) from None
    return tuple(_rules(source))


def _rules(source: Source) -> Iterator[MapRule]:
    at = 0
    for line in source.text.splitlines(keepends=True):
        text = line.split("#", 1)[0].strip()
        if text:
            start = at + line.index(text)
            yield _rule(text, source.span(start, start + len(text)))
        at += len(line)


def _rule(text: str, span: Span) -> MapRule:
    left, arrow, right = (part.strip() for part in text.partition("->"))
    ours, *changes = (part.strip() for part in right.split(","))
    if not arrow or not left or not ours:
        raise _wrong(span, "this is no line of a map", "a line is `theirs -> ours`",
                     "write the name in the file, `->`, and the name in the network, or `nothing`.")
    options: dict[str, tuple[int, ...]] = {}
    for change in changes:
        word, _, numbers = change.partition(" ")
        if word not in ("transpose", "reshape") or not re.fullmatch(r"\d+(:\d+)*", numbers.strip()):
            raise _wrong(span, f"`{change}` is no change of a tensor", "here",
                         "write `transpose 4:3:1:2`, the axes in their new order, or `reshape 10:20`, the new extents; "
                         "both as numpy and torch order them, counted from 1.")
        options[word] = tuple(int(number) for number in numbers.split(":"))
    stars = len(_STAR.findall(left))
    for group in _GROUP.finditer(ours):
        if not 1 <= int(group[1]) <= stars:
            raise _wrong(span, f"`{group[0]}` stands for nothing",
                         f"`{left}` has {stars or 'no'} {'`*`' if stars < 2 else '`*` or `**`'}",
                         "groups are numbered from 1, by the stars on the left.")
    return MapRule(_pattern(left), ours, span, number=_number(left), **options)


def _pattern(left: str) -> re.Pattern[str]:
    parts, at = [], 0
    for star in _STAR.finditer(left):
        parts += [re.escape(left[at : star.start()]), "(.*)" if star[0] == "**" else "([^./]+)"]
        at = star.end()
    return re.compile("".join([*parts, re.escape(left[at:])]))


def _number(left: str) -> float | None:
    try:
        return float(left)
    except ValueError:
        return None


def _wrong(span: Span, title: str, label: str, hint: str) -> Failure:
    return failure(Code.SYNTAX, title, span, label, hint=hint)


# --- at work ---------------------------------------------------------------------------------------------


def mapped_arrays(found: Mapping[str, np.ndarray[Any, Any]], wanted: Wanted, given: str, path: Path) -> FoundArrays:
    """Arrays of a file under the network's names, by a map. What no line is about keeps its name.

    Raises Failure where two tensors come to one name, or a change does not fit a tensor.
    """
    if given == AUTO:
        return _by_order(found, wanted, path)
    result, rules = FoundArrays(), read_map(given)
    places: dict[str, tuple[str, Span]] = {}
    for name, array in found.items():
        rule, ours = next(((rule, ours) for rule in rules if rule.number is None
                           and (ours := rule.name_for(name)) is not None), (None, name))
        if ours == NOTHING:
            continue
        if ours in places:
            raise _wrong(rule.span if rule else places[ours][1], f"two tensors of the file would be `{ours}`",
                         f"`{places[ours][0]}` and `{name}`", "make the names on the left more exact.")
        if rule is not None:
            places[ours] = name, rule.span
            result.how[ours] = name, "by the map"
        result[ours] = _changed(array, rule, name, wanted.get(ours)) if rule is not None else array
    for rule in rules:
        for name, shape in wanted.items() if rule.number is not None else ():
            if name not in result and _pattern(rule.ours).fullmatch(name):
                result[name] = np.full(shape, rule.number, "f4")
                result.how[name] = f"{rule.number:g}", "by the map"
    return result


def fitting_map(theirs: Iterable[str], ours: Iterable[str]) -> str:
    """The name of a shipped map by which the tensors of a file are those of a network; empty where none is."""
    names, wanted = list(theirs), set(ours)
    for name in SHIPPED_MAPS:
        rules = read_map(name)
        filled = {own for rule in rules if rule.number is not None for own in wanted
                  if _pattern(rule.ours).fullmatch(own)}
        lines = [rule for rule in rules if rule.number is None]
        renamed = {other: own for other in names
                   if (own := next((own for rule in lines if (own := rule.name_for(other)) is not None), None))}
        found = {renamed.get(other, other) for other in names} - {NOTHING}
        if renamed and found <= wanted and wanted - filled <= found:
            return name
    return ""


def _changed(array: np.ndarray[Any, Any], rule: MapRule, name: str, shape: tuple[int, ...] | None
             ) -> np.ndarray[Any, Any]:
    if rule.transpose:
        if sorted(rule.transpose) != list(range(1, array.ndim + 1)):
            raise _wrong(rule.span, f"`{name}` has {array.ndim} axes, and {len(rule.transpose)} are put in order",
                         f"its shape is {_shown(array.shape)}", "name every axis once, counted from 1.")
        array = array.transpose([axis - 1 for axis in rule.transpose])
    if rule.reshape:
        if math.prod(rule.reshape) != array.size:
            raise _wrong(rule.span, f"`{name}` has {array.size:,} numbers, and not {math.prod(rule.reshape):,}",
                         f"its shape is {_shown(array.shape)}", "the product of the extents has to stay.")
        array = array.reshape(rule.reshape)
    # Extents of 1 say nothing: a bias of 5 x 1 is one of 5.
    same = shape is not None and [n for n in array.shape if n != 1] == [n for n in shape if n != 1]
    return np.array(array.reshape(shape) if same and shape is not None else array, order="C")


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"


def _by_order(found: Mapping[str, np.ndarray[Any, Any]], wanted: Wanted, path: Path) -> FoundArrays:
    """The tensors one after the other, where their shapes agree all the way; else those of a shape of their own."""
    result = FoundArrays()
    theirs = {name: array for name, array in found.items() if array.ndim or array.dtype.kind == "f"}
    ours = {name: shape for name, shape in wanted.items() if not name.endswith(".running_count")}
    in_order = [tuple(array.shape) for array in theirs.values()] == list(ours.values())
    if in_order:
        pairs, how = dict(zip(ours, theirs, strict=True)), "by order and shape"
    else:
        pairs, how = _by_shape(theirs, ours, path), "by shape"
    for name, other in pairs.items():
        result[name], result.how[name] = np.array(theirs[other], order="C"), (other, how)
    for name in wanted:  # a count of samples that no other system keeps
        if name not in ours and name.rpartition(".")[0] in {pair.rpartition(".")[0] for pair in pairs}:
            result[name], result.how[name] = np.ones(wanted[name], "f4"), ("1", how)
    taken = set(pairs.values())
    result.update({name: array for name, array in theirs.items() if name not in taken})
    return result


def _by_shape(theirs: Mapping[str, np.ndarray[Any, Any]], ours: Wanted, path: Path) -> dict[str, str]:
    alike: dict[tuple[int, ...], tuple[list[str], list[str]]] = {}
    for name, shape in ours.items():
        alike.setdefault(tuple(shape), ([], []))[0].append(name)
    for name, array in theirs.items():
        alike.setdefault(tuple(array.shape), ([], []))[1].append(name)
    doubtful = {shape: names for shape, names in alike.items() if all(names) and len(names[0]) + len(names[1]) > 2}
    if doubtful:
        rows = [f"    {_shown(shape)}: network {', '.join(mine[:3])}; file {', '.join(other[:3])}"
                for shape, (mine, other) in list(doubtful.items())[:8]]
        raise failure(Code.CHECKPOINT_MISMATCH, f"the tensors of `{path.name}` cannot be told apart by their shapes",
                      Span.nowhere(str(path)),
                      body=("They are in another order than the network's, and these have one shape:",
                            "\n".join(rows)),
                      hint="write a map: a file with lines `theirs -> ours`; `netdsl info` lists theirs.")
    return {mine[0]: other[0] for mine, other in alike.values() if mine and other}
