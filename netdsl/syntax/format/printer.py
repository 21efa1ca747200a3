"""AST -> text in the one style of `.net` files, with all comments.

The author decides where lists, arguments and operators break over lines and how steps are grouped; blanks,
indentation and alignment are decided here, and what is wider than 120 columns is broken. Lines that belong together
are aligned: the `=` of members on consecutive lines, the `:` of equally long rows of a list, trailing comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias, TypeVar

from ...base.recursion import run_deep
from ...base.source import Source, Span
from .. import ast
from ..parser import parse
from .joined_text import JoinedText
from .line_buffer import Broken, LineBuffer, LinePlace, Row
from .precedence import (
    BINARY,
    ELEMENT,
    EXPRESSION,
    LITERAL,
    POSTFIX,
    SIGNED,
    TIGHT,
    Value,
    Written,
    holds_record,
    hugs,
    is_plain,
    level_of,
    number,
    quoted,
    rows_of,
    string,
)

INDENT = 4
#: A bracket that opens farther right than this breaks like a block instead of aligning its content after it.
ALIGN_LIMIT = 56

_Part: TypeAlias = Value | ast.Member | ast.Argument | ast.Parameter
Item = TypeVar("Item", ast.Expression, ast.Argument, ast.Parameter)


def format_text(source: Source) -> str:
    """The text of a file in the one style. Raises Failure (code `syntax`)."""
    return format_module(parse(source), source)


def format_module(module: ast.Module, source: Source) -> str:
    """A module as text; line breaks and comments are those of the source it was read from, where it has one."""
    joined = JoinedText(module, source)
    return run_deep(lambda: _Printer(LineBuffer(joined.source, joined.comments), joined).module(module))


class _Printer:
    """Writes nodes onto a buffer. A second printer with a flat buffer measures what fits on a line."""

    def __init__(self, buffer: LineBuffer, text: JoinedText, measured: dict[int, str | None] | None = None) -> None:
        self.buffer, self._text = buffer, text
        #: Nodes by identity (the AST outlives the printer) -> their text on one line, None where it takes several.
        self._measured = {} if measured is None else measured

    def module(self, module: ast.Module) -> str:
        if not module.members:
            return self.buffer.finish(None)
        self.buffer.gap(LinePlace(0, self._start(module.members[0])), 0, blank="")
        self._members(module.members)
        return self.buffer.finish(self._end(module.members[-1]))

    # --- places of the author's text -----------------------------------------------------------

    def _start(self, node: _Part) -> int | None:
        return self._offset(node.span, node.span.start)

    def _end(self, node: _Part | ast.Identifier) -> int | None:
        return self._offset(node.span, node.span.end)

    def _inner_end(self, node: _Part) -> int | None:
        """Before the closing bracket that ends a node."""
        return self._offset(node.span, node.span.end - 1)

    def _offset(self, span: Span, offset: int) -> int | None:
        return self._text.offset(span.source, offset) if span.source.text else None

    # --- measuring -----------------------------------------------------------------------------

    def _flat(self, node: Item, write: Callable[[_Printer, Item], None]) -> str | None:
        """The text on one line; None where the author, a comment or a block needs several."""
        if id(node) not in self._measured:
            printer = _Printer(self.buffer.flat_copy(), self._text, self._measured)
            try:
                write(printer, node)
                self._measured[id(node)] = printer.buffer.line
            except Broken:
                self._measured[id(node)] = None
        return self._measured[id(node)]

    def _flat_value(self, node: Value, level: int = EXPRESSION) -> str | None:
        text = self._flat(node, _Printer._bare)  # type: ignore[type-var]
        return f"({text})" if text is not None and level_of(node) < level else text

    # --- members -------------------------------------------------------------------------------

    def _members(self, members: Sequence[ast.Member]) -> None:
        """One member on a line, blank lines and comments between them as they were."""
        indent, rows = self.buffer.indent, []
        for index, member in enumerate(members):
            if index:
                place = LinePlace(self._end(members[index - 1]), self._start(member))
                self.buffer.gap(place, indent, always=True)
            first, column = self.buffer.number, self._member(member)
            if column and self.buffer.hangs(first, column, self.buffer.number):
                rows.append(Row(first, self.buffer.number, (column,)))
        self.buffer.align(rows)

    def _member(self, member: ast.Member) -> int:
        """Write a member; the column of its `=`, 0 if it has none."""
        put = self.buffer.put
        if isinstance(member, ast.Include):
            written = re.match(r"include\s*(['\"])", member.span.text)
            put(f"include {quoted(member.path, written[1] if written else '')}")
            if member.changes is not None:
                put(" ")
                self._record(member.changes)
            return 0
        names = member.path if isinstance(member, ast.Override) else (member.name,)
        put(".".join(name.text for name in names))
        left = self._end(names[-1])
        if isinstance(member, ast.Define):
            for index, group in enumerate(member.groups):
                braces = index < len(member.braces) and member.braces[index]
                marks = "{}" if braces else "()"
                last = self._end(group[-1]) if group else self.buffer.behind(left, marks[0])
                end = self.buffer.behind(last, marks[1])
                put(" ")
                self._bracket(marks, group, _Printer._parameter, LinePlace(left, end))
                left = end
        elif isinstance(member, ast.AssignElements):
            put(f"[{member.index.text}:")
            self._range(member.low, member.high)
            left = self.buffer.behind(self._end(member.high), "]")
        column = self.buffer.column
        put(" =")
        assert member.value is not None  # overrides of the command line are in place by now
        self._hanging(left, member.value)
        return column

    def _hanging(self, left: int | None, value: ast.Expression) -> None:
        """A value behind `=` or `=>`: on the same line, or indented below if the author broke there."""
        indent, always = self.buffer.indent + INDENT, False
        if not self.buffer.flat and isinstance(value, ast.Function | ast.Conditional):
            text = self._flat_value(value)
            always = text is not None and not self.buffer.fits(text, 1 + self.buffer.tail)
            always = always and indent + len(text or "") + self.buffer.tail <= self.buffer.width
        self.buffer.gap(LinePlace(left, self._start(value)), indent, always=always)
        self._value(value, EXPRESSION)

    # --- brackets ------------------------------------------------------------------------------

    def _bracket(self, marks: str, items: Sequence[Item], write: Callable[[_Printer, Item], None], place: LinePlace,
                 block: bool = False) -> None:
        """Items with commas between brackets: after the opening one, or as an indented block."""
        buffer = self.buffer
        if not items:
            buffer.put(marks)
            return
        first, last = LinePlace(place.left, self._start(items[0])), LinePlace(self._end(items[-1]), place.right)
        outer, opened = buffer.indent, buffer.breaks(first) or (not buffer.flat and buffer.waits(first.right))
        if buffer.flat and (opened or buffer.comments_in(last)):
            raise Broken
        block = not buffer.flat and (block or opened or self._is_far_right(items, write, place))
        buffer.put(marks[0])
        column = outer + INDENT if block else buffer.column
        if block or buffer.comments_in(first):
            buffer.gap(first, column, blank="", always=block, opens=True)
        for index, item in enumerate(items):
            tail = 1 + (0 if block or index < len(items) - 1 else buffer.tail)
            if index:
                buffer.put(",")
                text = None if buffer.flat else self._flat(item, write)
                wide = text is not None and not buffer.fits(text, 1 + tail) and buffer.column > column
                buffer.gap(LinePlace(self._end(items[index - 1]), self._start(item)), column, always=wide)
            with buffer.trailing(tail):
                write(self, item)
        if block:
            buffer.gap(last, outer, always=True, closes=True, comment_indent=column)
        elif buffer.comments_in(last):
            buffer.gap(last, column, blank="")
        buffer.put(marks[1])

    def _is_far_right(self, items: Sequence[Item], write: Callable[[_Printer, Item], None], place: LinePlace) -> bool:
        """Whether the items would have to break although their bracket opens far to the right."""
        if self.buffer.column <= ALIGN_LIMIT:
            return False
        if self.buffer.comments_in(place):
            return True
        texts = [self._flat(item, write) for item in items]
        if None in texts:
            return None in texts[:-1] or not hugs(items[-1])
        return not self.buffer.fits(", ".join(text or "" for text in texts), 2 + self.buffer.tail)

    def _parameter(self, parameter: ast.Parameter) -> None:
        self.buffer.put(parameter.name.text)
        if parameter.default is not None:
            self.buffer.put(" =")
            self._hanging(self._end(parameter.name), parameter.default)

    def _argument(self, argument: ast.Argument) -> None:
        if argument.name is None:
            self._value(argument.value, EXPRESSION)
        else:
            self.buffer.put(f"{argument.name.text} =")
            self._hanging(self._end(argument.name), argument.value)

    # --- expressions ---------------------------------------------------------------------------

    def _value(self, node: Value, level: int) -> None:
        """A value, in parentheses where it would be read differently without them."""
        text = self._flat_value(node, level)
        if text is not None and (self.buffer.flat or self.buffer.fits(text, self.buffer.tail)):
            self.buffer.put(text)
        elif self.buffer.flat:
            raise Broken
        elif level_of(node) < level:
            assert not isinstance(node, ast.Step)  # holds together in every place where it may stand
            self._bracket("()", (node,), _Printer._top, LinePlace(None, None), self._is_long_list(node))
        else:
            self._bare(node)

    def _top(self, node: ast.Expression) -> None:
        self._value(node, EXPRESSION)

    def _before(self, node: Value, level: int, tail: int) -> None:
        """A value that something of `tail` columns follows at once."""
        with self.buffer.trailing(tail):
            self._value(node, level)

    def _bare(self, node: Value) -> None:
        match node:
            case ast.Number():
                self.buffer.put(number(node))
            case ast.String():
                self.buffer.put(string(node))
            case ast.Boolean():
                self.buffer.put("true" if node.value else "false")
            case ast.Name():
                self.buffer.put(node.text)
            case ast.Unary():
                self.buffer.put(node.operator)
                self._value(node.operand, SIGNED)
            case ast.Binary():
                self._binary(node)
            case ast.Step():
                self.buffer.put(f"{node.name.text} :=")
                self.buffer.gap(LinePlace(self._end(node.name), self._start(node.value)), self.buffer.indent + INDENT)
                self._value(node.value, ELEMENT)
            case ast.List():
                self._list(node)
            case ast.Function():
                names = [parameter.text for parameter in node.parameters]
                self.buffer.put(f"{names[0] if len(names) == 1 else '(' + ', '.join(names) + ')'} =>")
                self._hanging(self._end(node.parameters[-1]), node.body)
            case ast.Conditional():
                self._conditional(node, self.buffer.indent + INDENT)
            case ast.Select():
                self._before(node.value, POSTFIX, self.buffer.tail + 1 + len(node.name.text))
                self.buffer.put(f".{node.name.text}")
            case ast.Index():
                self._before(node.value, POSTFIX, self.buffer.tail + 2)
                self.buffer.put("[")
                self._before(node.index, EXPRESSION, self.buffer.tail + 1)
                self.buffer.put("]")
            case ast.Call():
                self._call(node)
            case ast.Parentheses():
                place = LinePlace(self._offset(node.span, node.span.start + 1), self._inner_end(node))
                self._bracket("()", (node.value,), _Printer._top, place, self._is_long_list(node.value))
            case ast.Record():
                self._record(node)
            case ast.Array():
                self.buffer.put("array[")
                self._range(node.low, node.high)
                self.buffer.put(" ")
                self._bracket(
                    "()", (node.function,), _Printer._top, LinePlace(self._end(node.high), self._inner_end(node))
                )

    def _call(self, node: ast.Call) -> None:
        self._before(node.callee, POSTFIX, self.buffer.tail + 4)
        self.buffer.put(" ")
        alone = len(node.arguments) == 1 and node.arguments[0].name is None
        self._bracket("{}" if node.braces else "()", node.arguments, _Printer._argument,
                      LinePlace(self._end(node.callee), self._inner_end(node)),
                      alone and self._is_long_list(node.arguments[0].value))

    def _is_long_list(self, node: ast.Expression) -> bool:
        """A list of layers that is too wide for its line: its bracket stands around it like a block."""
        if self.buffer.flat or not isinstance(node, ast.List) or all(is_plain(item) for item in node.items):
            return False
        text = self._flat_value(node)
        return text is not None and not self.buffer.fits(text, 2 + self.buffer.tail)

    def _range(self, low: ast.Expression, high: ast.Expression) -> None:
        """`0..n-1]`"""
        self._before(low, ELEMENT, 3)
        self.buffer.put("..")
        self._before(high, EXPRESSION, self.buffer.tail + 1)
        self.buffer.put("]")

    def _binary(self, node: ast.Binary) -> None:
        buffer, level = self.buffer, BINARY[node.operator]
        left, right = (LITERAL, SIGNED) if node.operator == "**" else (level, level + 1)
        column = buffer.column
        if self._is_tight(node):
            self._before(node.left, left, 1 + len(node.operator))
            buffer.put(node.operator)
            self._value(node.right, right)
            return
        self._before(node.left, left, 2 + len(node.operator))
        operator = node.operator_span
        before = LinePlace(self._end(node.left), self._offset(operator, operator.start))
        behind = LinePlace(self._offset(operator, operator.end), self._start(node.right))
        text = None if buffer.flat or buffer.breaks(behind) else self._flat_value(node.right, right)
        wide = text is not None and not buffer.fits(text, 2 + len(node.operator) + buffer.tail)
        buffer.gap(before, column, always=wide and buffer.column > column)
        buffer.put(node.operator)
        buffer.gap(behind, column)
        self._value(node.right, right)

    def _is_tight(self, node: ast.Binary) -> bool:
        """`0.1*25`, `1/256`, `n-1`: plain parts that the author wrote without blanks."""
        operator = node.operator_span
        places = (self._end(node.left), self._offset(operator, operator.start), self._offset(operator, operator.end),
                  self._start(node.right))
        if None in places or places[0] != places[1] or places[2] != places[3] or node.operator not in TIGHT:
            return False
        return all(is_plain(part) or (isinstance(part, ast.Binary) and self._is_tight(part))
                   for part in (node.left, node.right))

    def _list(self, node: ast.List) -> None:
        buffer, items = self.buffer, node.items
        between = [LinePlace(self._end(a), self._start(b)) for a, b in pairwise(items)]
        if self._start(node) is None:  # an importer put it together from items that stand anywhere
            between = [LinePlace(None, None)] * len(between)
        colon, blank = (":", "") if self._is_tight_list(node) else (" :", " ")
        column = buffer.column
        filled = buffer.flat or any(buffer.breaks(place) for place in between) or self._flat_value(node) is None
        filled = filled or all(is_plain(item) for item in items)
        written: list[Written] = []
        for index, item in enumerate(items):
            is_last = index == len(items) - 1
            tail, end = buffer.tail if is_last else len(colon), buffer.column
            if index:
                text = None if buffer.flat else self._flat_value(item, ELEMENT)
                wide = not buffer.flat and text is None and written[-1].last > written[-1].first and buffer.is_ragged
                buffer.put(colon)
                wide = wide or (text is not None and not buffer.fits(text, 1 + tail) and buffer.column > column)
                buffer.gap(between[index - 1], column, blank, always=wide or not filled)
            first = buffer.number
            with buffer.trailing(tail):
                self._value(item, ELEMENT)
            set_off = bool(index) and self._is_set_off(between[index - 1])
            written.append(Written(item, first, buffer.number, end, set_off))
        if blank and not buffer.flat:
            self._align(rows_of(written), column)

    def _is_set_off(self, place: LinePlace) -> bool:
        """Whether the author brought a colon under another one."""
        if place.left is None or place.right is None:
            return False
        return re.match(r"[ \t]{2,}:", self.buffer.source.text[place.left : place.right]) is not None

    def _align(self, rows: Sequence[Sequence[Written]], column: int) -> None:
        """Bring the `:=` of steps on consecutive lines under each other, and the colons where the author did so."""
        buffer, steps, colons = self.buffer, [], []
        for row in rows:
            first, last, item = row[0].first, row[-1].last, row[0].item
            if isinstance(item, ast.Step) and buffer.hangs(first, column + len(item.name.text), last):
                steps.append(Row(first, last, (column + len(item.name.text),)))
        grown = buffer.align(steps)
        for row in rows:
            first, last = row[0].first, row[-1].last
            if first == last and len(row) > 1:
                columns = tuple(entry.colon + grown.get(first, 0) for entry in row[1:])
                colons.append(Row(first, last, columns, any(entry.set_off for entry in row)))
        buffer.align(colons)

    def _is_tight_list(self, node: ast.List) -> bool:
        """`227:227:3`: plain parts that the author wrote so; whole numbers, where there is no author."""
        if not all(is_plain(item) for item in node.items):
            return False
        left, right = self._end(node.items[0]), self._start(node.items[1]) if len(node.items) > 1 else None
        between = self.buffer.source.text[left:right] if left is not None and right is not None else ""
        if between.strip() == ":":  # else the text is of another language, or both were made of one piece of it
            return between == ":"
        return all(isinstance(item, ast.Number) and item.value.is_integer() for item in node.items)

    def _conditional(self, node: ast.Conditional, indent: int) -> None:
        buffer, parts = self.buffer, (("then ", node.condition, node.then), ("else ", node.then, node.otherwise))
        text = None if buffer.flat else self._flat_value(node)
        wide = text is not None and not buffer.fits(text, buffer.tail)
        buffer.put("if ")
        self._before(node.condition, EXPRESSION, len(" then"))
        for word, before, value in parts:
            buffer.gap(LinePlace(self._end(before), self._start(value)), indent, always=wide)
            buffer.put(word)
            chained = word == "else " and isinstance(value, ast.Conditional) and not buffer.flat
            if chained and isinstance(value, ast.Conditional):
                self._conditional(value, indent)
            else:
                self._before(value, EXPRESSION, buffer.tail if word == "else " else len(" else"))

    def _record(self, node: ast.Record) -> None:
        buffer, outer = self.buffer, self.buffer.indent
        inner = LinePlace(self._offset(node.span, node.span.start + 1), self._inner_end(node))
        if not node.members:
            buffer.put("{")
            if buffer.comments_in(inner):
                buffer.gap(inner, outer, always=True, opens=True, closes=True, comment_indent=outer + INDENT)
            buffer.put("}")
            return
        first = LinePlace(inner.left, self._start(node.members[0]))
        last = LinePlace(self._end(node.members[-1]), inner.right)
        if buffer.flat:
            self._inline_record(node, first, last)
            return
        buffer.put("{")
        buffer.gap(first, outer + INDENT, always=True, opens=True)
        self._members(node.members)
        buffer.gap(last, outer, always=True, closes=True, comment_indent=outer + INDENT)
        buffer.put("}")

    def _inline_record(self, node: ast.Record, first: LinePlace, last: LinePlace) -> None:
        """`{ dim = 784; format = "dense" }`, as the author wrote it; without a source only if it is small."""
        buffer = self.buffer
        if first.left is None and (len(node.members) > 2 or any(holds_record(member) for member in node.members)):
            raise Broken
        buffer.put("{")
        buffer.gap(first, 0)
        for index, member in enumerate(node.members):
            if index:
                buffer.put(";")
                buffer.gap(LinePlace(self._end(node.members[index - 1]), self._start(member)), 0)
            self._member(member)
        buffer.gap(last, 0)
        buffer.put("}")
