"""Lines of a text that is being written: indentation, comments, alignment, and what fits on a line."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ...base.source import Source, Span

#: The sample of the language fits into it: a named step with its options, and what follows it.
WIDTH = 120
#: Columns are aligned only if no line has to grow by more than this; beyond it the eye loses the line.
SPREAD = 20
#: What separates a trailing comment from its line.
MARGIN = " " * 4

_BLANK_LINE = re.compile(r"\n[ \t\r\f]*\n")


class Broken(Exception):
    """What was to be written on one line needs several."""


@dataclass(frozen=True, slots=True)
class LinePlace:
    """The author's text between two things, by offsets; None where there is no such text."""

    left: int | None
    right: int | None


@dataclass(slots=True)
class _Line:
    code: str = ""
    comment: str = ""

    @property
    def text(self) -> str:
        return f"{self.code}{MARGIN}{self.comment}" if self.comment else self.code.rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """Lines of which the first has columns to align; the others hang after the last of these columns."""

    first: int
    last: int
    columns: tuple[int, ...]
    wanted: bool = True  #: a run is aligned if any of its rows asks for it


class LineBuffer:
    """The lines so far, and the comments of the source that are still to come.

    A flat buffer is a single line for measuring: it raises `Broken` where a line would have to end.
    """

    def __init__(self, source: Source, comments: Sequence[Span], flat: bool = False) -> None:
        self.source, self.flat, self.width = source, flat, WIDTH
        self._comments = sorted((c for c in comments if c.source is source), key=lambda c: c.start)
        self._starts = [comment.start for comment in self._comments]
        self._taken = 0
        self._lines = [_Line()]
        self.indent = 0  #: of the current line
        self.tail = 0  #: columns to keep free after what is written next

    def flat_copy(self) -> LineBuffer:
        copy = LineBuffer(self.source, (), flat=True)
        copy._comments, copy._starts = self._comments, self._starts
        return copy

    # --- the current line ----------------------------------------------------------------------

    @property
    def number(self) -> int:
        return len(self._lines) - 1

    @property
    def line(self) -> str:
        return self._lines[-1].code

    @property
    def column(self) -> int:
        """Where the next text begins; a string may run over several lines."""
        return len(self.line.rsplit("\n", 1)[-1]) if self.line else self.indent

    @property
    def is_ragged(self) -> bool:
        """Whether the current line is more than the closing brackets of a block."""
        return self.line.lstrip()[:1] not in ("}", ")", "]")

    def put(self, text: str) -> None:
        line = self._lines[-1]
        line.code = line.code + text if line.code else " " * self.indent + text

    def fits(self, text: str, tail: int) -> bool:
        """Whether a text and so many columns after it have room on the current line."""
        return self.column + len(text) + tail <= self.width

    @contextmanager
    def trailing(self, columns: int) -> Iterator[None]:
        """Keep columns free after what is written inside."""
        before, self.tail = self.tail, columns
        try:
            yield
        finally:
            self.tail = before

    def _newline(self, indent: int, blank_line: bool) -> None:
        if blank_line:
            self._lines.append(_Line())
        self._lines.append(_Line())
        self.indent = indent

    # --- the author's breaks and comments ------------------------------------------------------

    def comments_in(self, place: LinePlace) -> bool:
        if place.left is None or place.right is None:
            return False
        first = bisect.bisect_left(self._starts, place.left)
        return first < len(self._starts) and self._starts[first] < place.right

    def breaks(self, place: LinePlace) -> bool:
        """Whether the author ended a line here; line ends inside comments do not count."""
        if place.left is None or place.right is None or place.left >= place.right:
            return False
        text, position = self.source.text, place.left
        for index in range(bisect.bisect_left(self._starts, place.left), len(self._comments)):
            comment = self._comments[index]
            if comment.start >= place.right or "\n" in text[position : comment.start]:
                break
            position = comment.end
        return "\n" in text[position : place.right]

    def waits(self, right: int | None) -> bool:
        """Whether a comment from before an offset, not written yet, will end the line."""
        if right is None:
            return False
        waiting = self._comments[self._taken : bisect.bisect_left(self._starts, right)]
        return any(self._begins_line(comment) or not comment.text.startswith("/*") for comment in waiting)

    def gap(self, place: LinePlace, indent: int, blank: str = " ", always: bool = False, opens: bool = False,
            closes: bool = False, comment_indent: int | None = None) -> None:
        """Go on behind `blank`, or on a new line if the author did so, a comment needs it, or `always`.

        Blank lines stay, one at most, but none after an opening bracket (`opens`) or before a closing one.
        """
        if self.flat:
            if always or self.breaks(place) or self.comments_in(place):
                raise Broken
            self.put(blank)
            return
        always = always or self.breaks(place)
        position = place.left
        comments = self._take(place.right)
        for index, comment in enumerate(comments):
            between = self._between(position, comment.start)
            is_last = index == len(comments) - 1
            if self._begins_line(comment) or not self.line or self._is_commented:
                if self.line:
                    inner = indent if comment_indent is None else comment_indent
                    self._newline(inner, bool(_BLANK_LINE.search(between)) and not opens)
                self.put(_written(comment))
                always = True
            elif not comment.text.startswith("/*") or (always if is_last else self._begins_line(comments[index + 1])):
                line = self._lines[-1]
                line.comment = f"{line.comment} {_written(comment)}".strip()
                always = True
            else:
                self.put(("" if self.line[-1] in " ([{" else " ") + comment.text)
                blank = " "
            position, opens = comment.end, False
        if not always:
            self.put(blank)
        elif self.line:
            kept = bool(_BLANK_LINE.search(self._between(position, place.right)))
            self._newline(indent, kept and not opens and not closes)

    def finish(self, left: int | None) -> str:
        """All lines, behind the comments that are left."""
        if left is None and not self.line:
            left = 0
        end = len(self.source.text)
        if self._taken < len(self._comments):
            self.gap(LinePlace(left, end), 0, always=True, closes=True)
        self._align_comments()
        text = "\n".join(line.text for line in self._lines).rstrip("\n")
        return text + "\n" if text else ""

    def _take(self, right: int | None) -> Sequence[Span]:
        """The comments before an offset that have not been written yet."""
        if right is None:
            return ()
        first, self._taken = self._taken, max(self._taken, bisect.bisect_left(self._starts, right))
        return self._comments[first : self._taken]

    def _between(self, left: int | None, right: int | None) -> str:
        return "" if left is None or right is None else self.source.text[left:right]

    def _begins_line(self, comment: Span) -> bool:
        """Whether nothing stands before a comment on its line."""
        text = self.source.text
        return not text[text.rfind("\n", 0, comment.start) + 1 : comment.start].strip()

    @property
    def _is_commented(self) -> bool:
        """Whether a comment ends the current line that nothing can follow."""
        line = self._lines[-1]
        return line.comment.startswith(("#", "//")) or line.code.lstrip().startswith(("#", "//"))

    def behind(self, offset: int | None, mark: str) -> int | None:
        """The offset after a bracket that follows an offset, over blanks and comments."""
        if offset is None:
            return None
        position, text = offset, self.source.text
        while position < len(text):
            index = bisect.bisect_left(self._starts, position)
            if index < len(self._starts) and self._starts[index] == position:
                position = self._comments[index].end
            elif text[position] == mark:
                return position + 1
            elif text[position].isspace():
                position += 1
            else:
                break
        return offset

    # --- alignment -----------------------------------------------------------------------------

    def align(self, rows: Sequence[Row]) -> dict[int, int]:
        """Bring columns of consecutive lines under each other; how much each line has grown, by its number."""
        run: list[Row] = []
        grown: dict[int, int] = {}
        for row in [*rows, Row(-1, -1, ())]:
            if run and (row.first != run[-1].last + 1 or len(row.columns) != len(run[-1].columns)):
                if any(other.wanted for other in run):
                    grown |= self._align_run(run)
                run = []
            run.append(row)
        return grown

    def _align_run(self, run: Sequence[Row]) -> dict[int, int]:
        shifts = [0] * len(run)
        pads: list[list[int]] = [[] for _ in run]
        for index in range(len(run[0].columns)):
            places = [row.columns[index] + shift for row, shift in zip(run, shifts, strict=True)]
            target = max(place for place in places if place <= min(places) + SPREAD)
            for number, place in enumerate(places):
                pads[number].append(max(0, target - place))
                shifts[number] += pads[number][-1]
        if not all(self._can_shift(row, shift) for row, shift in zip(run, shifts, strict=True)):
            return {}
        for row, own, shift in zip(run, pads, shifts, strict=True):
            line = self._lines[row.first]
            for column, pad in reversed(list(zip(row.columns, own, strict=True))):
                line.code = line.code[:column] + " " * pad + line.code[column:]
            for line in self._lines[row.first + 1 : row.last + 1]:
                line.code = " " * shift + line.code if line.code else ""
        return {row.first: shift for row, shift in zip(run, shifts, strict=True)}

    def _can_shift(self, row: Row, shift: int) -> bool:
        lines = self._lines[row.first : row.last + 1]
        return not shift or all("\n" not in line.code and len(line.code) + shift <= self.width for line in lines)

    def hangs(self, first: int, column: int, last: int) -> bool:
        """Whether the lines after the first, up to the last, all begin behind a column of the first."""
        lines = [line.code for line in self._lines[first + 1 : last + 1] if line.code]
        return all(len(line) - len(line.lstrip()) > column for line in lines)

    def _align_comments(self) -> None:
        """Trailing comments of consecutive lines begin in one column."""
        run: list[_Line] = []
        for line in [*self._lines, _Line()]:
            if line.comment and "\n" not in line.code:
                run.append(line)
                continue
            widths = [len(other.code.rstrip()) for other in run]
            widest = max((width for width in widths if width <= min(widths) + 2 * SPREAD), default=0)
            for other in run:
                other.code = other.code.rstrip().ljust(widest)
            run = []


def _written(comment: Span) -> str:
    """A comment in the language; one of another system's file may begin with `;`."""
    text = comment.text.rstrip()
    return "#" + text[1:] if text.startswith(";") else text
