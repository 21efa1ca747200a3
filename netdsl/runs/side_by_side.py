"""Runs side by side: what differs between them, in which order to list them, and which of them to list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..base.suggest import did_you_mean
from ..base.units import seconds_of
from .store import Run, Values

_PARTS = (("network", "network"), ("plan", "plan"), ("data", "data"))
_MACHINE = ("device", "deviceName", "threads", "torch", "netdsl", "python")
PHASES = ("test", "validation", "train")  #: the most telling first

Cell = float | str | None


@dataclass(frozen=True)
class Change:
    """What differs between runs: the part (`plan`, `overrides`, ...), the key, and what each run has."""

    part: str
    key: str
    values: tuple[str | None, ...]


def changes(runs: Sequence[Run]) -> list[Change]:
    """Differences in the command line, network, plan, data, and in what the results may depend on."""
    found = _compared("overrides", [_by_key(run.overrides) for run in runs])
    identities = [run.state.get("identity", {}) for run in runs]
    for part, shown in _PARTS:
        found += _compared(shown, [identity.get(part, {}) for identity in identities])
    return found + _compared("machine", [{key: run.environment.get(key) for key in _MACHINE} for run in runs])


def _by_key(overrides: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in overrides)}


def _compared(part: str, sides: Sequence[Mapping[str, Any]]) -> list[Change]:
    found = []
    for key in dict.fromkeys(key for side in sides for key in side):
        values = tuple(None if side.get(key) is None else str(side[key]) for side in sides)
        if len(set(values)) > 1:
            found.append(Change(part, key, values))
    return found


def values_side_by_side(runs: Sequence[Run]) -> list[tuple[str, tuple[float | None, ...]]]:
    """(name, each run's value) for the last values of every phase: `test.errs`."""
    sides = [{f"{phase}.{name}": value for phase, named in run.values().items() for name, value in named.items()}
             for run in runs]
    return [(name, tuple(side.get(name) for side in sides)) for name in dict.fromkeys(key for s in sides for key in s)]


def telling_values(run: Run) -> tuple[str, Values]:
    """The phase that says most of a run, and its values: test, else validation, else training."""
    values = run.values()
    phase = next((phase for phase in PHASES if phase in values), "")
    return phase, values.get(phase, {})


# --- keys by which runs are sorted and chosen --------------------------------------------------------------


def fields(run: Run) -> dict[str, Cell]:
    """Everything about a run that it can be sorted and chosen by."""
    result = run.result or {}
    found: dict[str, Cell] = {
        "run": run.folder.name, "network": run.network, "status": run.status, "epochs": float(len(run.epochs)),
        "seconds": result.get("seconds"), "started": str(run.environment.get("started") or "") or None,
        "device": run.environment.get("device"), "seed": _number(str(run.environment.get("seed", ""))),
    }
    found |= {f"SGD.{key}": _number(str(text)) for key, text in run.state.get("identity", {}).get("plan", {}).items()}
    found |= {key: _number(text) for key, text in _by_key(run.overrides).items()}
    for phase, values in run.values().items():
        found |= {f"{phase}.{name}": value for name, value in values.items()}
    found |= {name: value for name, value in telling_values(run)[1].items() if name not in found}
    return found


def _number(text: str) -> Cell:
    try:
        return float(text)
    except ValueError:
        return text


class UnknownKey(ValueError):
    """A key that no run has."""


def in_order(runs: Iterable[Run], key: str) -> list[Run]:
    """Sorted by a key, smallest first; by `-KEY` largest first. Runs without it come last. Raises UnknownKey."""
    known = [(run, fields(run)) for run in runs]
    name = key.removeprefix("-")
    _require(name, [have for _, have in known])
    with_it = [(run, have[name]) for run, have in known if have.get(name) is not None]
    with_it.sort(key=lambda pair: (isinstance(pair[1], str), pair[1]), reverse=key.startswith("-"))
    return [run for run, _ in with_it] + [run for run, have in known if have.get(name) is None]


_CONDITION = re.compile(r"\s*([\w.]+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", re.DOTALL)


def chosen(runs: Iterable[Run], conditions: Sequence[str]) -> list[Run]:
    """The runs for which all conditions hold: `errs<5%`, `network=small`, `SGD.learningRate>=0.1`, `run=a*`.

    Raises UnknownKey, and ValueError for what is no condition.
    """
    known = [(run, fields(run)) for run in runs]
    for text in conditions:
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise ValueError(f"`{text}` is not a condition")
        key, operator, wanted = match.groups()
        _require(key, [have for _, have in known])
        known = [(run, have) for run, have in known if _holds(key, have.get(key), operator, wanted)]
    return [run for run, _ in known]


def _holds(key: str, value: Cell, operator: str, wanted: str) -> bool:
    if value is None:
        return False
    limit = _limit(key, wanted)
    if operator in ("=", "!="):
        same = value == limit if not isinstance(value, str) else fnmatchcase(value.casefold(), wanted.casefold())
        return same is (operator == "=")
    if isinstance(value, str) or isinstance(limit, str):
        value, limit = str(value), wanted
        return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[operator]
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[operator]


def _limit(key: str, text: str) -> float | str:
    """`0.05`, `5 %` or, for times, `10 min`, as a number; else the text."""
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return seconds_of(text) if key == "seconds" else float(text)
    except ValueError:
        return text


def _require(key: str, known: Sequence[Mapping[str, Cell]]) -> None:
    names = list(dict.fromkeys(name for have in known for name in have))
    if known and key not in names:
        near = did_you_mean(key, names)
        raise UnknownKey(f"no run has `{key}`; {near or 'there are ' + ', '.join(names)}")
