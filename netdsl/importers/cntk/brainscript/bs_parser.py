"""Words of BrainScript -> our AST, by BrainScript's grammar.

All of its operators are left-associative, and `*  /  .*  **  %` stand on one level; a sign before an operand binds
tighter than any of them. The tree says so by its form, and the printer of `.net` files writes the parentheses that say
the same there. Newlines are blanks. Brackets of records and of parameters may be of either kind.

Two forms have no node of their own and are calls of names that no text can have: `new Kind [...]` is
`Call ("new Kind", [...])`, and `[| a ; b |]` is `Call ("[|", a, b)`. What translates the library's names ends both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.failure import Failure, failure
from ....base.source import Span
from ....syntax import ast
from ...import_format import not_supported
from ...mapped_text import Piece
from ..variables import string_parts
from .bs_tokens import Word

NEW, ARRAY = "new ", "[|"

#: operator -> how tightly it binds; all lean to the left
LEVELS = {
    **dict.fromkeys(("*", "/", ".*", "**", "%"), 10), **dict.fromkeys(("+", "-", "with"), 9),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 8), "&&": 7, "||": 6, ">>": 5, "<<": 5, ":": 4, "=>": 0,
}
_SIGNED = 90
_CLOSES = {"(": ")", "{": "}", "[": "]", "[|": "|]"}

def joined_span(first: Span, last: Span) -> Span:
    """From one place to another, where both are in one file."""
    return first.to(last) if first.source is last.source and last.end >= first.start else first


#: The name that a `$x$` has in the `.net` file, where it has one.
NameOf = Callable[[Piece], str | None]


class Parser:
    """Reads the words of one text from left to right."""

    def __init__(self, words: Sequence[Word], name_of: NameOf) -> None:
        self.words, self.at, self.name_of = words, 0, name_of
        self.opened: list[Word] = []  #: brackets that are not closed yet

    # --- words --------------------------------------------------------------------------------------------

    @property
    def word(self) -> Word:
        return self.words[self.at]

    def next(self) -> Word:
        word = self.words[self.at]
        self.at += word.kind != "end"
        return word

    def sees(self, *signs: str, ahead: int = 0) -> bool:
        word = self.words[min(self.at + ahead, len(self.words) - 1)]
        return word.kind == "sign" and word.text in signs

    def take(self, sign: str) -> Word | None:
        return self.next() if self.sees(sign) else None

    def wanted(self, sign: str, why: str) -> Word:
        if not self.sees(sign):
            raise self.unexpected(f"`{sign}` is wanted here", why)
        return self.next()

    def unexpected(self, label: str, why: str = "") -> Failure:
        if self.word.kind == "end":
            if self.opened:
                bracket = self.opened[-1]
                return failure(Code.SYNTAX, f"`{bracket.text}` is never closed", bracket.span, "it opens here",
                               hint=f"its `{_CLOSES[bracket.text]}` is missing.")
            return failure(Code.SYNTAX, "the network ends too early", self.word.span, label, hint=why)
        return failure(Code.SYNTAX, f"`{self.word.text}` cannot stand here", self.word.span, label, hint=why)

    def open(self) -> Word:
        word = self.next()
        self.opened.append(word)
        return word

    def close(self, bracket: Word, why: str = "") -> Word:
        closing = _CLOSES[bracket.text]
        if not self.sees(closing):
            raise self.unexpected(f"`{closing}` is wanted here", why)
        self.opened.pop()
        return self.next()

    def identifier(self, what: str) -> ast.Identifier:
        if self.word.kind != "name":
            raise self.unexpected(f"{what} is wanted here")
        word = self.next()
        return ast.Identifier(word.text, word.span)

    # --- records ------------------------------------------------------------------------------------------

    def members(self, closing: str = "") -> tuple[ast.Member, ...]:
        found: list[ast.Member] = []
        while not (self.word.kind == "end" or (closing and self.sees(closing))):
            if self.word.kind != "name":
                raise self.unexpected("a name is wanted here", "a record holds `name = value`, separated by line ends "
                                      "or `;`.")
            found.append(self.member())
            while self.take(";"):
                pass
        return tuple(found)

    def member(self) -> ast.Member:
        name = self.identifier("a name")
        if self.sees("["):
            return self.elements(name)
        if not self.sees("(", "{"):
            self.wanted("=", f"a record holds `name = value`; `{name.text}` has no value.")
            value = self.expression()
            return ast.Assign(name, value, joined_span(name.span, value.span))
        bracket = self.open()
        parameters: list[ast.Parameter] = []
        while not self.sees(_CLOSES[bracket.text]):
            if parameters:
                self.wanted(",", "parameters are separated by commas.")
            parameters.append(self.parameter())
        self.close(bracket)
        self.wanted("=", f"a function is `{name.text} (...) = value`.")
        value = self.expression()
        return ast.Define(name, (tuple(parameters),), value, joined_span(name.span, value.span), (bracket.text == "{",))

    def parameter(self) -> ast.Parameter:
        name = self.identifier("the name of a parameter")
        default = self.expression() if self.take("=") else None
        return ast.Parameter(name, default, name.span if default is None else joined_span(name.span, default.span))

    def elements(self, name: ast.Identifier) -> ast.AssignElements:
        """`V[i:0..n-1] = value`"""
        bracket = self.open()
        index = self.identifier("the name of the index")
        self.wanted(":", f"as in `{name.text}[{index.text}:0..2] = ...`.")
        low = self.expression(LEVELS[":"] + 1)
        self.wanted("..", f"as in `{name.text}[{index.text}:0..2] = ...`.")
        high = self.expression()
        self.close(bracket)
        self.wanted("=", f"as in `{name.text}[{index.text}:0..2] = ...`.")
        value = self.expression()
        return ast.AssignElements(name, index, low, high, value, joined_span(name.span, value.span))

    def record(self) -> ast.Record:
        bracket = self.open()
        members = self.members(_CLOSES[bracket.text])
        end = self.close(bracket, "a record holds `name = value`, separated by line ends or `;`.")
        return ast.Record(members, joined_span(bracket.span, end.span))

    # --- expressions --------------------------------------------------------------------------------------

    def expression(self, least: int = 0) -> ast.Expression:
        left = self.postfix(self.operand())
        while self.word.kind == "sign" and LEVELS.get(self.word.text, -1) >= least:
            operator = self.next()
            if operator.text == "=>":
                left = self.function(left, operator)
            elif operator.text == "with":
                raise Failure([not_supported("`with`, which joins two records", operator.span,
                                             "CNTK could not evaluate it either",
                                             "write one record with the members of both.")])
            else:
                right = self.expression(LEVELS[operator.text] + 1)
                left = _joined(left, operator, right)
        return left

    def function(self, left: ast.Expression, arrow: Word) -> ast.Function:
        if not isinstance(left, ast.Name):
            body = self.expression()
            if isinstance(left, ast.List):
                raise failure(Code.SYNTAX, "a function inside a list needs parentheses",
                              joined_span(left.items[-1].span, body.span), "put parentheses around this",
                              hint="write `a : (x => ...) : b`; without them the function takes in the rest of the "
                                   "list.")
            raise failure(Code.SYNTAX, "the parameter of a function is a plain name", left.span, "this is not a name",
                          hint="write `x => ...`; two parameters need a name for the function: `f (x, y) = ...`.")
        body = self.expression()
        return ast.Function((ast.Identifier(left.text, left.span),), body, joined_span(left.span, body.span))

    def operand(self) -> ast.Expression:
        word = self.word
        if word.kind == "number":
            return self.number()
        if word.kind == "string":
            return self.string()
        if word.kind == "name":
            self.next()
            return ast.Name(word.text, word.span)
        if word.kind == "sign":
            if word.text in ("+", "-", "!"):
                self.next()
                value = self.expression(_SIGNED)
                return ast.Unary(word.text, value, joined_span(word.span, value.span))
            if word.text in ("true", "false"):
                self.next()
                return ast.Boolean(word.text == "true", word.span)
            if word.text in _OPERANDS:
                return _OPERANDS[word.text](self)
        raise self.unexpected("a value is wanted here")

    def number(self) -> ast.Expression:
        word = self.next()
        value = float(int(word.text, 16)) if word.text[:2] in ("0x", "0X") else float(word.text)
        name = self.variable(word, word.text)
        return ast.Number(value, word.span) if name is None else ast.Name(name, word.span)

    def variable(self, word: Word, text: str) -> str | None:
        """The name of the `$x$` that a word consists of, if it has one."""
        alone = len(word.pieces) == 1 and word.pieces[0].variable and word.pieces[0].text.strip() == text
        return self.name_of(word.pieces[0]) if alone else None

    def string(self) -> ast.String:
        word = self.next()
        parts = string_parts(word.pieces or (Piece(word.text, word.span),),
                             lambda piece: None if '"' in piece.text or "'" in piece.text else self.name_of(piece))
        if isinstance(parts[0], str):
            parts[0] = parts[0][1:]
        if isinstance(parts[-1], str):
            parts[-1] = parts[-1][:-1]
        return ast.String(tuple(part for part in parts if part != ""), word.span)

    def conditional(self) -> ast.Conditional:
        start = self.next()
        condition = self.expression()
        self.wanted("then", "a choice is `if condition then value else value`.")
        then = self.expression()
        if not self.sees("else"):
            raise failure(Code.SYNTAX, "this `if` has no `else`", start.span, "it begins here",
                          related=(Label(self.word.span, "`else` is wanted here"),),
                          hint="a choice always has both values: `if condition then value else value`.")
        self.next()
        otherwise = self.expression()
        return ast.Conditional(condition, then, otherwise, joined_span(start.span, otherwise.span))

    def made(self) -> ast.Call:
        """`new Kind [...]`"""
        start = self.next()
        kind = self.identifier("the kind of object that is made")
        value = self.postfix(self.operand())
        argument = ast.Argument(None, value, value.span)
        return ast.Call(ast.Name(NEW + kind.text, joined_span(start.span, kind.span)), (argument,), True,
                        joined_span(start.span, value.span))

    def parentheses(self) -> ast.Parentheses:
        bracket = self.open()
        value = self.expression()
        end = self.close(bracket, "elements of a list are joined by `:`." if self.sees(",") else "")
        return ast.Parentheses(value, joined_span(bracket.span, end.span))

    def array_literal(self) -> ast.Call:
        """`[| a ; b |]`"""
        bracket = self.open()
        items: list[ast.Expression] = []
        while not self.sees("|]"):
            if items:
                self.wanted(";", "the elements between `[|` and `|]` are separated by `;`.")
            items.append(self.expression())
        end = self.close(bracket)
        return ast.Call(ast.Name(ARRAY, bracket.span), tuple(ast.Argument(None, i, i.span) for i in items), False,
                        joined_span(bracket.span, end.span))

    def array(self) -> ast.Array:
        """`array [low..high] (i => value)`"""
        start, why = self.next(), "as in `array [0..2] (i => ...)`."
        if not self.sees("["):
            raise self.unexpected("`[` is wanted here", why)
        bracket = self.open()
        low = self.expression(LEVELS[":"] + 1)
        self.wanted("..", why)
        high = self.expression()
        self.close(bracket, why)
        if not self.sees("("):
            raise self.unexpected("`(` is wanted here", why)
        bracket = self.open()
        function = self.expression()
        end = self.close(bracket, why)
        return ast.Array(low, high, function, joined_span(start.span, end.span))

    def postfix(self, value: ast.Expression) -> ast.Expression:
        """What follows an operand: `.name`, `[index]`, `(arguments)`, `{arguments}`."""
        while True:
            if self.sees("."):
                self.next()
                name = self.identifier("the name of a member")
                value = ast.Select(value, name, joined_span(value.span, name.span))
            elif self.sees("["):
                bracket = self.open()
                index = self.expression()
                end = self.close(bracket)
                value = ast.Index(value, index, joined_span(value.span, end.span))
            elif self.sees("(", "{"):
                value = self.call(value)
            else:
                return value

    def call(self, callee: ast.Expression) -> ast.Call:
        bracket = self.open()
        arguments: list[ast.Argument] = []
        while not self.sees(_CLOSES[bracket.text]):
            if arguments:
                self.wanted(",", "arguments are separated by commas." if bracket.text == "(" else
                            "arguments are separated by commas; the members of a record need `name =`.")
            name = None
            if self.word.kind == "name" and self.sees("=", ahead=1):
                name = self.identifier("a name")
                self.next()
            value = self.expression()
            span = value.span if name is None else joined_span(name.span, value.span)
            arguments.append(ast.Argument(name, value, span))
        end = self.close(bracket)
        return ast.Call(callee, tuple(arguments), bracket.text == "{", joined_span(callee.span, end.span))

    def finish(self, what: str) -> None:
        """Nothing may follow."""
        if self.word.kind != "end":
            raise Failure([Diagnostic(Code.SYNTAX, f"`{self.word.text}` cannot stand here", Label(
                self.word.span, f"{what} ends before this"))])


def _joined(left: ast.Expression, operator: Word, right: ast.Expression) -> ast.Expression:
    span = joined_span(left.span, right.span)
    if operator.text == ":":
        before = left.items if isinstance(left, ast.List) else (left,)
        return ast.List((*before, right), span)
    return ast.Binary(operator.text, left, right, span, operator.span)


_OPERANDS: dict[str, Callable[[Parser], ast.Expression]] = {
    "new": Parser.made, "if": Parser.conditional, "(": Parser.parentheses, "{": Parser.record, "[": Parser.record,
    "[|": Parser.array_literal, "array": Parser.array,
}
