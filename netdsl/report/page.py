"""The report as HTML. Every text that comes from outside is escaped; pictures and drawings stand in the page."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

import numpy as np

from ..describe.network_text import mebibytes
from ..drawing.backends.svg import svg
from ..drawing.charts.chart import line_chart
from ..drawing.drawing import draw
from ..drawing.graph.diagram import build
from ..ir.program import Phase
from ..readers.formats.images import pillow
from .curves import charts
from .facts import Facts, Worst
from .filters import filter_sheet
from .style import style

#: Classes up to which the confusion matrix has numbers; above, it is a picture with a list of the worst pairs.
_MOST_CELLS = 30
#: Longer side of a picture of a sample, in pixels; larger ones are scaled down.
_SIDE = 160

Section = tuple[str, str, str]  #: anchor, title, HTML


def page(facts: Facts) -> str:
    """The whole document."""
    sections = [section for section in _sections(facts) if section[2]]
    links = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in sections)
    parts = [
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(facts.run.network)}: report of a run</title>", f"<style>{style()}</style>", "</head>",
        "<body>", "<main>", _header(facts), f"<nav>{links}</nav>", _banner(facts), _tiles(facts),
        *(f'<section id="{anchor}"><h2>{escape(title)}</h2>{body}</section>' for anchor, title, body in sections),
        *(f'<p class="note">{escape(note)}</p>' for note in facts.notes), "</main>", "</body>", "</html>"]
    return "\n".join(part for part in parts if part) + "\n"


def _sections(facts: Facts) -> Iterator[Section]:
    yield "curves", "Curves", _curves(facts)
    yield "epochs", "Epochs", _epochs(facts)
    yield "confusion", "Confusion matrix", _confusion(facts)
    yield "worst", "Worst samples", _worst(facts)
    yield "filters", "First layer", _filters(facts)
    yield "network", "Network", _network(facts)
    yield "plan", "Training plan", _plan(facts)
    yield "machine", "Machine", _machine(facts)
    yield "file", "File", _file(facts)


# --- top ------------------------------------------------------------------------------------------------


def _header(facts: Facts) -> str:
    run = facts.run
    started = str(run.environment.get("started", "")).replace("T", " ")[:16]
    parts = [run.status, started, _duration((run.result or {}).get("seconds")),
             str(run.environment.get("deviceName") or run.environment.get("device") or "")]
    line = " · ".join(escape(part) for part in parts if part)
    return f"<header><h1>{escape(run.network)}</h1><p>{line}</p></header>"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _banner(facts: Facts) -> str:
    data = str(facts.run.state.get("identity", {}).get("data", {}).get("train", ""))
    if facts.sample and "Sample" in data:
        return '<div class="banner"><b>Sample data.</b> The data that the file names were not there; this run is on ' \
               "its embedded sample, so the numbers say nothing of the real task.</div>"
    return ""


def _tiles(facts: Facts) -> str:
    run = facts.run
    tiles: list[str] = []
    values = run.values()
    for phase in ("test", "validation", "train"):
        for name, value in values.get(phase, {}).items():
            text, main = _number(value, name in facts.percentages), " main" if not tiles else ""
            tiles.append(f'<div class="tile{main}"><b>{text}</b><span>{escape(phase)} {escape(name)}</span></div>')
        if tiles:
            break
    epochs = f"{len(run.epochs)}" + (f" of {run.planned_epochs}" if run.planned_epochs else "")
    tiles.append(f'<div class="tile"><b>{epochs}</b><span>epochs</span></div>')
    speeds = [line["samplesPerSecond"] for line in run.epochs if line.get("samplesPerSecond")]
    if speeds:
        tiles.append(f'<div class="tile"><b>{np.median(speeds):,.0f}</b><span>samples a second</span></div>')
    if facts.totals is not None:
        tiles.append(f'<div class="tile"><b>{_short(facts.totals.parameters)}</b><span>parameters</span></div>')
        tiles.append(f'<div class="tile"><b>{_short(facts.totals.macs)}</b><span>multiply-adds a sample</span></div>')
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _number(value: float | None, percent: bool) -> str:
    if value is None:
        return "not a number"
    return f"{100 * value:.2f} %" if percent else f"{value:.4g}"


def _short(value: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return str(value)


# --- curves and tables ----------------------------------------------------------------------------------


def _curves(facts: Facts) -> str:
    drawn = [_inline(svg(line_chart(chart, 540, 320)), f"chart{number}")
             for number, chart in enumerate(charts(facts.run, facts.percentages))]
    return f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""


def _inline(text: str, prefix: str) -> str:
    """A drawing within the page: its ids made unique, since every drawing has the same."""
    text = re.sub(r'id="(title|description)"', rf'id="{prefix}-\1"', text, count=2)
    return text.replace('aria-labelledby="title description"', f'aria-labelledby="{prefix}-title {prefix}-description"')


def _epochs(facts: Facts) -> str:
    lines = facts.run.epochs
    if not lines:
        return ""
    columns = [(phase, name) for phase in ("train", "validation")
               for name in dict.fromkeys(name for line in lines for name in (line.get(phase) or {}))]
    head = "".join(f"<th>{escape(phase)} {escape(name)}</th>" for phase, name in columns)
    rows = []
    for line in lines:
        cells = "".join(f"<td>{_cell(line, phase, name, facts)}</td>" for phase, name in columns)
        best = " *" if line.get("best") else ""
        rows.append(f"<tr><td>{line['epoch']}{best}</td>{cells}<td>{line.get('rate') or 0:.4g}</td>"
                    f"<td>{_duration(line.get('seconds'))}</td></tr>")
    head = f"<tr><th>epoch</th>{head}<th>rate</th><th>time</th></tr>"
    table = f'<table class="numbers"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    table = f'<div class="scroll">{table}</div><p class="note">* the best so far</p>'
    return table if len(rows) <= 12 else f"<details><summary>{len(rows)} epochs</summary>{table}</details>"


def _cell(line: dict[str, Any], phase: str, name: str, facts: Facts) -> str:
    values = line.get(phase) or {}
    return _number(values[name], name in facts.percentages) if name in values else ""


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a name and HTML."""
    body = "".join(f"<tr><td>{escape(name)}</td><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts"><tbody>{body}</tbody></table>' if body else ""


# --- what the network makes of the test data ---------------------------------------------------------------


def _confusion(facts: Facts) -> str:
    counts = facts.confusion
    if counts is None or not counts.sum():
        return ""
    right = 100 * np.trace(counts) / counts.sum()
    note = f'<p class="note">{np.trace(counts):,} of {counts.sum():,} right ({right:.2f} %). Rows are the true ' \
           "classes, columns what they were taken for; each row is shaded by its own sum.</p>"
    # A network for 1000 classes may be tested on a few: the others have empty rows and columns.
    present = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1)) if len(counts) > _MOST_CELLS \
        else np.arange(len(counts))
    shown = counts[np.ix_(present, present)]
    left = _matrix_table(shown, [facts.class_name(number) for number in present.tolist()]) \
        if len(shown) <= _MOST_CELLS else _matrix_picture(shown)
    if len(shown) < len(counts):
        note = note.replace("</p>", f" Shown are the {len(shown)} of {len(counts)} classes that occur.</p>")
    return f'<div class="side">{left}{_pairs(counts, facts)}</div>{note}'


def _matrix_table(counts: np.ndarray, classes: list[str]) -> str:
    names = [escape(name) for name in classes]
    head = "".join(f"<th><span>{name}</span></th>" for name in names)
    rows = []
    for true, row in enumerate(counts):
        shares = row / max(1, row.sum())
        cells = []
        for guess, (count, share) in enumerate(zip(row.tolist(), shares.tolist(), strict=True)):
            kinds = " ".join(kind for kind, wanted in (("strong", share > 0.3), ("right", true == guess)) if wanted)
            named = f' class="{kinds}"' if kinds else ""
            title = f"{names[true]} taken for {names[guess]}: {count:,} ({100 * share:.1f} %)"
            cells.append(f'<td{named} style="--share:{100 * share**0.5:.0f}" title="{title}">{count or ""}</td>')
        rows.append(f"<tr><th>{names[true]}</th>{''.join(cells)}</tr>")
    return f'<table class="confusion"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _matrix_picture(counts: np.ndarray) -> str:
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    pixels = (255 - 215 * np.sqrt(shares)).astype(np.uint8)[..., None]
    zoom = max(1, 480 // len(counts))
    return f'<img class="pixels sheet" width="{zoom * len(counts)}" alt="confusion matrix" src="{_uri(pixels, None)}">'


def _pairs(counts: np.ndarray, facts: Facts, most: int = 10) -> str:
    """The confusions that occur most."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = [index for index in np.argsort(-off, axis=None, kind="stable")[:most].tolist() if off.flat[index]]
    rows = []
    for index in order:
        true, guess = divmod(index, len(counts))
        share = 100 * off[true, guess] / max(1, counts[true].sum())
        rows.append(f"<tr><td>{escape(facts.class_name(true))}</td><td>{escape(facts.class_name(guess))}</td>"
                    f"<td>{off[true, guess]:,}</td><td>{share:.1f} %</td></tr>")
    if not rows:
        return ""
    return '<div><table class="numbers"><thead><tr><th>true class</th><th>taken for</th><th>samples</th>' \
           f'<th>of the class</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _worst(facts: Facts) -> str:
    if not facts.worst:
        return ""
    figures = "".join(_worst_figure(worst) for worst in facts.worst)
    return f'<div class="pictures">{figures}</div><p class="note">The test samples with the highest criterion. The ' \
           "pictures are what the network sees, with the mean and the scaling of the values left out.</p>"


def _worst_figure(worst: Worst) -> str:
    picture = ""
    if worst.picture is not None:
        small = " class=\"pixels\"" if max(worst.picture.pixels.shape[:2]) < _SIDE else ""
        picture = f'<img{small} alt="{escape(worst.label or worst.name)}" src="{_uri(worst.picture.pixels)}">'
    verdict = f"taken for <b>{escape(worst.predicted)}</b>" if worst.wrong and worst.predicted else "right"
    truth = f"<b>{escape(worst.label)}</b>, {verdict}<br>" if worst.label else ""
    kind = " class=\"wrong\"" if worst.wrong else ""
    return f'<figure{kind}>{picture}<figcaption title="{escape(worst.name)}">{truth}{worst.criterion:.3g} · ' \
           f"{escape(worst.name.rsplit('/', 1)[-1])}</figcaption></figure>"


def _filters(facts: Facts) -> str:
    bank = facts.filters
    if bank is None:
        return ""
    sheet = filter_sheet(bank)
    zoom = max(1, min(16, round(56 / bank.pixels[0].shape[0])))
    shown = f"{len(bank.pixels)} of {bank.total}" if bank.total > len(bank.pixels) else f"{bank.total}"
    note = f"{shown} filters of <code>{escape(bank.name)}</code>; a weight of 0 is grey, each filter is stretched by " \
           "its own largest weight."
    return f'<img class="pixels sheet" width="{zoom * sheet.shape[1]}" alt="filters of the first layer" ' \
           f'src="{_uri(sheet, None)}"><p class="note">{note}</p>'


def _uri(pixels: np.ndarray, side: int | None = _SIDE) -> str:
    """Pixels as a data address: PNG, or JPEG for photos."""
    image = pillow().fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    photo = side is not None and max(image.size) > side
    if photo:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG" if photo else "PNG", **({"quality": 85} if photo else {"optimize": True}))
    kind = "jpeg" if photo else "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


# --- what was run -------------------------------------------------------------------------------------------


def _network(facts: Facts) -> str:
    if facts.program is None or facts.totals is None:
        return ""
    total = facts.totals
    rows = [("parameters", f"{total.parameters:,} in {total.parameter_tensors} tensors"),
            ("multiply-adds", f"{total.macs:,} for one sample"),
            ("memory to train", f"about {mebibytes(facts.memory_bytes or 0)}, counted from the shapes")]
    drawing = _inline(svg(draw(build(facts.program))), "diagram")
    return f'{_table(rows)}<h3>Diagram</h3><div class="scroll">{drawing}</div>'


def _plan(facts: Facts) -> str:
    run = facts.run
    described = run.state.get("plan", {}).get("description", ())
    rows = [(str(key), escape(str(text))) for key, text in described]
    if run.overrides:
        rows.append(("overrides", "<br>".join(f"<code>{escape(line)}</code>" for line in run.overrides)))
    data = run.state.get("identity", {}).get("data", {})
    rows += [(f"data: {key}", f"<code>{escape(str(value))}</code>") for key, value in data.items() if value]
    readers = facts.program.readers if facts.program is not None else {}
    rows += [(f"data: {phase}", f"<code>{escape(reader.show())}</code>") for phase, reader in readers.items()
             if phase is not Phase.TRAIN]
    return _table(rows)


def _machine(facts: Facts) -> str:
    environment = facts.run.environment
    shown = {"deviceName": "device", "processor": "processor", "cores": "cores", "threads": "threads", "cuda": "CUDA",
             "platform": "system", "netdsl": "netdsl", "torch": "torch", "python": "Python", "numpy": "NumPy",
             "seed": "seed", "started": "started"}
    rows = [(title, escape(str(environment[key]))) for key, title in shown.items() if environment.get(key) is not None]
    command = environment.get("command")
    if command:
        rows.append(("command", f"<code>{escape(' '.join(map(str, ['netdsl', *command[1:]])))}</code>"))
    return _table(rows)


def _file(facts: Facts) -> str:
    if not facts.text:
        return ""
    return f"<details><summary>the file as resolved, with includes and overrides in place</summary>" \
           f"<pre>{escape(facts.text)}</pre></details>"
