"""The report as HTML: facts made ready for the template `page.html.j2`, which escapes every text.

What the page looks like is in the template and in `page.css`; this file decides what stands in it and in which words.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.units import count_text, duration, memory_text, value_text
from ..data.preview import png_of
from ..drawing import HoverLayer, chart_svg, dark_style, hover_layer, network_svg
from ..ir.program import Phase
from ..readers.formats.images import pillow
from .confusion import Confusion, Table, confusion_of
from .curves import charts
from .facts import Facts, Worst
from .filters import filter_sheet

#: Longer side of a picture of a sample, in pixels; larger ones are scaled down.
_SIDE = 160
#: Size of a chart, in pixels.
_CHART = (540.0, 320.0)
#: Letters at the end of a file name that always show.
_ENDING = 12

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """A part of the page; what `content` is, the template knows by the anchor."""

    anchor: str
    title: str
    content: Any


@dataclass(frozen=True)
class Row:
    """A row of a table of facts; `code`: its lines are texts of the language or of a shell."""

    name: str
    lines: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True)
class Tile:
    """A number at the top of the page; `is_result`: a criterion or metric, and `better` says in which direction."""

    value: str
    name: str
    is_result: bool = False
    better: str = ""


@dataclass(frozen=True)
class Embedded:
    """A picture in the page: its data address; `pixelated`: its pixels are to be seen, not smoothed."""

    address: str
    width: int = 0
    pixelated: bool = False


def page(facts: Facts) -> str:
    """The whole document."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["px"] = lambda value: f"{value:.2f}".rstrip("0").rstrip(".")
    environment.filters["humps"] = lambda name: Markup("<wbr>").join(_humps(name))
    style = (_HERE / "page.css").read_text(encoding="utf-8") + dark_style()
    return environment.get_template("page.html.j2").render(
        title=facts.run.network, about=_about(facts), style=Markup(style), on_sample=_is_on_sample(facts),
        tiles=list(_tiles(facts)), sections=[section for section in _sections(facts) if section.content],
        notes=facts.notes)


def _humps(name: str) -> list[str]:
    """Where a name may break: before its capitals, behind its dots and underscores."""
    return re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[._/])", name)


def _sections(facts: Facts) -> Iterator[Section]:
    yield Section("curves", "Curves", list(_curves(facts)))
    yield Section("epochs", "Epochs", _epochs(facts))
    yield Section("confusion", "Confusion matrix", list(_confusions(facts)))
    yield Section("worst", "Worst samples", [_worst(worst) for worst in facts.worst])
    yield Section("filters", "First layer", _filters(facts))
    yield Section("network", "Network", _network(facts))
    yield Section("plan", "Training plan", list(_plan(facts)))
    yield Section("machine", "Machine", list(_machine(facts)))
    yield Section("file", "File", facts.text)


# --- top ------------------------------------------------------------------------------------------------


def _about(facts: Facts) -> list[str]:
    run = facts.run
    started = str(run.environment.get("started", "")).replace("T", " ")[:16]
    parts = (run.status, started, _seconds((run.result or {}).get("seconds")),
             str(run.environment.get("deviceName") or run.environment.get("device") or ""))
    return [part for part in parts if part]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _is_on_sample(facts: Facts) -> bool:
    data = str(facts.run.state.get("identity", {}).get("data", {}).get("train", ""))
    return bool(facts.sample) and "Sample" in data


def _tiles(facts: Facts) -> Iterator[Tile]:
    run, values = facts.run, facts.run.values()
    phase = next((phase for phase in ("test", "validation", "train") if values.get(phase)), "")
    better = (run.result or {}).get("better", {})
    for name, value in values.get(phase, {}).items():
        yield Tile(value_text(value, name in facts.percentages), f"{phase} {name}", True, str(better.get(name, "")))
    yield Tile(f"{len(run.epochs)}" + (f" of {run.planned_epochs}" if run.planned_epochs else ""), "epochs")
    speeds = [line["samplesPerSecond"] for line in run.epochs if line.get("samplesPerSecond")]
    if speeds:
        yield Tile(f"{np.median(speeds):,.0f}", "samples a second")
    if facts.totals is not None:
        yield Tile(count_text(facts.totals.parameters), "parameters")
        yield Tile(count_text(facts.totals.macs), "multiply-adds a sample")


# --- curves and tables ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Curve:
    drawing: Any
    hover: HoverLayer


def _curves(facts: Facts) -> Iterator[_Curve]:
    from markupsafe import Markup

    for number, chart in enumerate(charts(facts.run, facts.percentages, facts.program)):
        drawing = chart_svg(chart, *_CHART, prefix=f"chart{number}-")
        yield _Curve(Markup(drawing), hover_layer(chart, *_CHART))


def _epochs(facts: Facts) -> Table | None:
    lines = facts.run.epochs
    columns = [(phase, name) for phase in ("train", "validation")
               for name in dict.fromkeys(name for line in lines for name in (line.get(phase) or {}))]
    rows = [(f"{line['epoch']}{' *' if line.get('best') else ''}",
             *(_cell(line, phase, name, facts) for phase, name in columns), f"{line.get('rate') or 0:.4g}",
             _seconds(line.get("seconds"))) for line in lines]
    head = ("epoch", *(f"{phase} {name}" for phase, name in columns), "rate", "time")
    return Table(head, tuple(rows)) if rows else None


def _cell(line: dict[str, Any], phase: str, name: str, facts: Facts) -> str:
    values = line.get(phase) or {}
    return value_text(values[name], name in facts.percentages) if name in values else ""


# --- what the network makes of the test data ---------------------------------------------------------------


@dataclass(frozen=True)
class _ShownConfusion:
    """A confusion matrix for the template: with numbers, or as a picture where it is large."""

    name: str
    classes: tuple[Any, ...]
    pairs: Table
    by_class: Table
    note: str
    picture: Embedded | None


def _confusions(facts: Facts) -> Iterator[_ShownConfusion]:
    for name, counts in facts.confusions.items():
        if counts.sum():
            found = confusion_of(counts, facts.names_in(name), name)
            yield _ShownConfusion(found.name, found.classes, found.pairs, found.by_class, found.note,
                                  _matrix_picture(found) if found.is_large else None)


def _matrix_picture(confusion: Confusion) -> Embedded:
    pixels = (255 - 215 * np.sqrt(confusion.shares)).astype(np.uint8)[..., None]
    return _embedded(pixels, max(1, 480 // len(pixels)))


@dataclass(frozen=True)
class _ShownWorst:
    picture: Embedded | None
    label: str
    predicted: str
    wrong: bool
    criterion: str
    name: str
    stem: str
    ending: str


def _worst(worst: Worst) -> _ShownWorst:
    file = worst.name.rsplit("/", 1)[-1]
    picture = _photo(worst.picture.pixels) if worst.picture is not None else None
    return _ShownWorst(picture, worst.label, worst.predicted, worst.wrong, f"{worst.criterion:.3g}", worst.name,
                       file[:-_ENDING], file[-_ENDING:])


@dataclass(frozen=True)
class _ShownFilters:
    picture: Embedded
    name: str
    shown: str


def _filters(facts: Facts) -> _ShownFilters | None:
    bank = facts.filters
    if bank is None:
        return None
    zoom = max(1, min(16, round(56 / bank.pixels[0].shape[0])))
    shown = f"{len(bank.pixels)} of {bank.total}" if bank.total > len(bank.pixels) else f"{bank.total}"
    return _ShownFilters(_embedded(filter_sheet(bank), zoom), bank.name, shown)


def _embedded(pixels: np.ndarray, zoom: int) -> Embedded:
    """A picture pixel by pixel, each enlarged by a whole factor."""
    return Embedded(_address("png", png_of(pixels)), zoom * pixels.shape[1], True)


def _photo(pixels: np.ndarray) -> Embedded:
    """A sample: as it is where it is small, else scaled down as a JPEG file."""
    if max(pixels.shape[:2]) <= _SIDE:
        return Embedded(_address("png", png_of(pixels)), pixelated=max(pixels.shape[:2]) < _SIDE)
    image = pillow().fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return Embedded(_address("jpeg", buffer.getvalue()))


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


# --- what was run -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ShownNetwork:
    rows: list[Row]
    drawing: Any


def _network(facts: Facts) -> _ShownNetwork | None:
    from markupsafe import Markup

    if facts.program is None or facts.totals is None:
        return None
    total = facts.totals
    rows = [Row("parameters", (f"{total.parameters:,} in {total.parameter_tensors} tensors",)),
            Row("multiply-adds", (f"{total.macs:,} for one sample",)),
            Row("memory to train", (f"about {memory_text(facts.memory_bytes or 0)}, counted from the shapes",))]
    return _ShownNetwork(rows, Markup(network_svg(facts.program, prefix="diagram-")))


def _plan(facts: Facts) -> Iterator[Row]:
    run = facts.run
    for key, text in run.state.get("plan", {}).get("description", ()):
        yield Row(str(key), (str(text),))
    if run.overrides:
        yield Row("overrides", run.overrides, code=True)
    yield from _code_rows((f"data: {key}", value) for key, value in
                          run.state.get("identity", {}).get("data", {}).items())
    if facts.program is not None:
        readers = facts.program.readers
        yield from _code_rows(
            (f"data: {phase}", reader.show())
            for phase, reader in (("validation", readers.get(Phase.VALIDATION)), ("test", readers.get(Phase.TEST)))
            if reader
        )


def _code_rows(items: Iterable[tuple[str, object]]) -> Iterator[Row]:
    return (Row(name, (str(value),), code=True) for name, value in items if value)


_MACHINE = {"deviceName": "device", "processor": "processor", "cores": "cores", "threads": "threads", "cuda": "CUDA",
            "platform": "system", "netdsl": "netdsl", "torch": "torch", "python": "Python", "numpy": "NumPy",
            "seed": "seed", "started": "started"}


def _machine(facts: Facts) -> Iterator[Row]:
    environment = facts.run.environment
    for key, title in _MACHINE.items():
        if environment.get(key) is not None:
            yield Row(title, (str(environment[key]),))
    if command := environment.get("command"):
        yield Row("command", (" ".join(map(str, ["netdsl", *command[1:]])),), code=True)
