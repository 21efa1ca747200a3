"""The one place where diagnostics are drawn: pages with excerpts of the text, for a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .diagnostics import Diagnostic, Label
from .source import Source
from .units import any_of, plural

RED, YELLOW, BLUE, CYAN, BOLD, RESET = "\033[31m", "\033[33m", "\033[34m", "\033[36m", "\033[1m", "\033[0m"


def in_file_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by file and place, the same mistake at the same place only once."""
    unique = {(d.code, d.title, d.primary.span.source.name, d.primary.span.start): d for d in diagnostics}
    return sorted(unique.values(), key=lambda d: (d.primary.span.source.name, d.primary.span.start))


def folded(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """One diagnostic for mistakes of one cause: the first of them, with the places of the others beside it.

    Pages have one cause if what they say is the same, and either the headline, the marked text or the reasons are.
    """
    found: list[Diagnostic] = []
    for d in diagnostics:
        for index, first in enumerate(found):
            if _one_cause(first, d):
                if len(first.related) < 6:
                    found[index] = replace(first, related=(*first.related, Label(d.primary.span, "and here")))
                break
        else:
            found.append(d)
    return found


def _one_cause(a: Diagnostic, b: Diagnostic) -> bool:
    own = [label for label in a.related if label.text != "and here"]
    if (a.code, a.severity, a.primary.text, a.body, a.hint) != (b.code, b.severity, b.primary.text, b.body, b.hint) \
            or own != list(b.related):
        return False
    return a.title == b.title or a.primary.span.text == b.primary.span.text or bool(a.body or own)


def render(diagnostic: Diagnostic, width: int = 78, color: bool = False) -> str:
    """The diagnostic of one diagnostic: headline, excerpts, why, and what to do."""
    paint = _Paint(color)
    tint = RED if diagnostic.is_error else YELLOW
    lines = [paint(tint + BOLD, f"{diagnostic.severity}[{diagnostic.code}]") + paint(BOLD, f": {diagnostic.title}")]
    lines += _excerpts(diagnostic, paint, tint, width)
    for paragraph in diagnostic.body:
        lines += ["", paragraph if paragraph.startswith("    ") else _fill(paragraph, width)]
    if diagnostic.hint:
        lines += ["", paint(CYAN, "Hint: ") + _fill(diagnostic.hint, width, "      ", first=6)]
    return "\n".join(line.rstrip() for line in "\n".join(lines).split("\n")) + "\n"


def render_all(diagnostics: Sequence[Diagnostic], width: int = 78, color: bool = False) -> str:
    """All diagnostics in the order of the file, then one line that counts them."""
    ordered = folded(in_file_order(diagnostics))
    pages = [render(d, width, color) for d in ordered]
    if len(ordered) > 1:
        names = sorted({d.primary.span.source.name for d in ordered})
        found = Counter(d.severity for d in ordered)
        counts = [plural(found[word], word) for word in ("error", "warning", "note") if found[word]]
        pages.append(f"{any_of(counts, 'and')} in {', '.join(names)}\n")
    return "\n".join(pages)


class _Paint:
    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, code: str, text: str) -> str:
        return f"{code}{text}{RESET}" if self.enabled and text else text


def _fill(text: str, width: int, indent: str = "", first: int = 0) -> str:
    wrapped = textwrap.fill(" " * first + text, width, subsequent_indent=indent, break_long_words=False,
                            break_on_hyphens=False)
    return wrapped[first:] if first else wrapped


def _excerpts(diagnostic: Diagnostic, paint: _Paint, tint: str, width: int) -> list[str]:
    marks = [(diagnostic.primary, True)] + [(label, False) for label in diagnostic.related]
    sources = list(dict.fromkeys(label.span.source for label, _ in marks))
    gutter = max((len(str(label.span.line)) for label, _ in marks if label.span.source.text), default=1)
    lines: list[str] = []
    for source in sources:
        mine = [(label, primary) for label, primary in marks if label.span.source is source]
        arrow = "-->" if mine[0][1] else ":::"
        place = str(mine[0][0].span) if source.text else source.name
        lines.append(" " * gutter + paint(BLUE, arrow) + " " + place)
        if source.text:
            lines += _excerpt(source, mine, gutter, paint, tint, width)
        else:
            lines += [" " * gutter + paint(BLUE, " = ") + label.text for label, _ in mine if label.text]
    return lines


def _excerpt(source: Source, marks: list[tuple[Label, bool]], gutter: int, paint: _Paint, tint: str,
             width: int) -> list[str]:
    bar = paint(BLUE, "|")
    lines = [" " * gutter + " " + bar]
    rows: dict[int, list[tuple[Label, bool]]] = {}
    for label, primary in marks:
        rows.setdefault(label.span.line, []).append((label, primary))
    previous = None
    for number in sorted(rows):
        if previous is not None and number == previous + 2:
            text = _visible(source.line(previous + 1))
            shown = _cut(text, 0, width - gutter - 3)
            lines.append(f"{paint(BLUE, str(previous + 1).rjust(gutter))} {bar} {shown}".rstrip())
        elif previous is not None and number > previous + 1:
            lines.append(" " * gutter + " ...")
        full = _visible(source.line(number))
        for shift, labels in _windows(rows[number], len(full), width - gutter - 3):
            shown = _cut(full, shift, width - gutter - 3)
            lines.append(f"{paint(BLUE, str(number).rjust(gutter))} {bar} {shown}".rstrip())
            # Rightmost mark first, so that every text stands on its own line below the code.
            for label, primary in sorted(labels, key=lambda pair: -pair[0].span.column):
                lines += _mark(label, primary, gutter, shift, len(full), bar, paint, tint, width)
        previous = number
    return lines


def _mark(label: Label, primary: bool, gutter: int, shift: int, length: int, bar: str, paint: _Paint,
          tint: str, width: int) -> list[str]:
    column = label.span.column - 1
    end_line, end_column = label.span.end_position
    stop = end_column - 1 if end_line == label.span.line else length
    count = min(max(1, stop - column), max(1, width - gutter - 3 - (column - shift)))
    drawn = ("^" if primary else "-") * count
    lead = " " * gutter + " " + bar + " " + " " * (column - shift)
    room = width - gutter - 3 - (column - shift) - count - 1
    text = paint(tint if primary else BLUE, drawn)
    if not label.text:
        return [lead + text]
    if len(label.text) <= room:
        return [lead + text + " " + label.text]
    total = width - gutter - 3
    pieces = textwrap.wrap(label.text, total, break_long_words=False, break_on_hyphens=False)
    indent = max(0, min(column - shift, total - max(len(piece) for piece in pieces)))
    return [lead + text] + [" " * gutter + " " + bar + " " + " " * indent + piece for piece in pieces]


def _windows(marks: list[tuple[Label, bool]], length: int, room: int) -> list[tuple[int, list[tuple[Label, bool]]]]:
    """The pieces of a line to show, by what is left out on the left, with their marks.

    A short line is one piece, and so is a long one if a piece can show all of its marks.
    """
    ordered = sorted(marks, key=lambda pair: pair[0].span.column)
    if length <= room:
        return [(0, ordered)]
    windows: list[tuple[int, list[tuple[Label, bool]]]] = []
    for mark in ordered:
        column = mark[0].span.column
        if not windows or column - windows[-1][1][0][0].span.column >= room - 20:
            windows.append((0, []))
        windows[-1][1].append(mark)
    return [(_shift(group, length, room), group) for _, group in windows]


def _shift(marks: list[tuple[Label, bool]], length: int, room: int) -> int:
    """How much of a long line to leave out, so that all marks are seen with some text around them."""
    first, last = marks[0][0].span.column, marks[-1][0].span.column
    end = last + min(len(marks[-1][0].span.text.split("\n")[0]), room // 3)
    if end <= room - 4:
        return 0
    return max(0, min(first - 8, end + 12 - room, length - room))


def _cut(line: str, shift: int, room: int) -> str:
    """The piece of a line that begins at `shift`, with points where it is cut."""
    piece = line[shift : shift + room]
    if shift:
        piece = "..." + piece[3:]
    return piece[:-3] + "..." if shift + room < len(line) else piece


def _visible(line: str) -> str:
    """Tabs as one column; other control characters as a question mark."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in line)
