"""The text of an NDL section -> its macros and statements. Raises Failure (`syntax`) where it cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from ....base.codes import Code
from ....base.failure import failure
from ....base.source import Span
from ...mapped_text import MappedText
from .ndl_syntax import Call, Item, Items, Macro, Member, Option, Statement, Word

_TOKEN = re.compile(r"""(?P<blank>[ \t\r\f]+|(?:(?<=[\s;,])|\A)\#[^\n]*)|(?P<end>[\n;])|(?P<string>"[^"\n]*"|'[^'\n]*')
                        |(?P<sign>[()\[\]{}=,])|(?P<word>(?:[^\s()\[\]{}=,;"]|\[\d+\])+)|(?P<other>.)""", re.VERBOSE)
_CLOSES = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  #: "word", "string", "sign", "end" (of a line, or `;`), "" behind the text
    text: str
    start: int
    end: int


def parse_ndl(text: MappedText) -> tuple[Member, ...]:
    """The macros and statements of a section, in their order. Brackets around all of it are no part of it."""
    parser = _Parser(text)
    parser.skip_ends()
    if parser.now.text in ("[", "{"):
        return parser.body(parser.take())
    return parser.members("")


class _Parser:
    def __init__(self, text: MappedText) -> None:
        self._text = text
        self._tokens = [_Token(match.lastgroup or "", match[0], match.start(), match.end())
                        for match in _TOKEN.finditer(text.text) if match.lastgroup != "blank"]
        self._tokens.append(_Token("", "", len(text.text), len(text.text)))
        self._at = 0

    # --- tokens ----------------------------------------------------------------------------------

    @property
    def now(self) -> _Token:
        return self._tokens[self._at]

    def take(self) -> _Token:
        token = self.now
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def skip_ends(self, also: str = "") -> None:
        while self.now.kind == "end" or (also and self.now.text == also):
            self.take()

    def _behind_ends(self) -> str:
        """The next token that is no end of a line; nothing is taken."""
        at = self._at
        while self._tokens[at].kind == "end":
            at += 1
        return self._tokens[at].text

    def _span(self, start: int, end: int) -> Span:
        return self._text.span(start, end)

    def _since(self, start: int) -> Span:
        """From `start` to the end of the last token taken."""
        return self._span(start, self._tokens[self._at - 1].end)

    def _fail(self, title: str, token: _Token, label: str, hint: str) -> NoReturn:
        start = token.start if token.kind else max(len(self._text.text.rstrip()) - 1, 0)
        raise failure(Code.SYNTAX, title, self._span(start, max(token.end, start + 1)), label, hint=hint)

    def _expect(self, sign: str, opened: _Token | None = None) -> _Token:
        if self.now.text == sign:
            return self.take()
        where = f" of the bracket in line {self._span(opened.start, opened.end).line}" if opened else ""
        self._fail(f"`{sign}`{where} is missing", self.now, f"`{sign}` has to stand before this",
                   "brackets close in the order in which they were opened.")

    # --- members ---------------------------------------------------------------------------------

    def body(self, opening: _Token) -> tuple[Member, ...]:
        """What stands between brackets, the closing one included."""
        members = self.members(_CLOSES[opening.text])
        self._expect(_CLOSES[opening.text], opening)
        return members

    def members(self, closing: str) -> tuple[Member, ...]:
        found: list[Member] = []
        while True:
            self.skip_ends(also=",")
            if not self.now.kind or self.now.text == closing:
                return tuple(found)
            found.append(self._member())

    def _member(self) -> Member:
        first = self.now
        if first.kind != "word":
            self._fail(f"`{first.text}` begins no statement of NDL", first, "a name is expected here",
                       "write `name = Function(arguments)`.")
        name = self._word()
        if self.now.text == "=":
            self.take()
            if self.now.kind == "end" and self._behind_ends() in ("[", "{"):
                self.skip_ends()
            value = self._value()
            self._finish()
            return Statement(name, value, self._since(first.start))
        if self.now.text != "(":
            self._finish()
            return Statement(None, name, name.span)
        call = self._call(name)
        return self._macro(call, first.start) if self._behind_ends() in ("=", "{", "[") else self._unnamed(call)

    def _unnamed(self, call: Call) -> Statement:
        self._finish()
        return Statement(None, call, call.span)

    def _macro(self, header: Call, start: int) -> Macro:
        for parameter in (*header.arguments, *(option.name for option in header.options)):
            if not isinstance(parameter, Word) or header.options:
                raise failure(Code.SYNTAX, f"the macro `{header.function.text}` has a parameter that is no name",
                              parameter.span, hint="a macro is defined as `Name(a, b) = [ ... ]`.")
        self.skip_ends()
        if self.now.text == "=":
            self.take()
            self.skip_ends()
        if self.now.text in ("[", "{"):
            body = self.body(self.take())
        else:
            value = self._value()
            body = (Statement(None, value, value.span),)
        nested = next((member for member in body if isinstance(member, Macro)), None)
        if nested is not None:
            raise failure(Code.SYNTAX, f"the macro `{nested.name.text}` is defined inside another macro",
                          nested.name.span, hint=f"move it out of `{header.function.text}`.")
        if not body:
            raise failure(Code.SYNTAX, f"the macro `{header.function.text}` is empty", header.function.span,
                          hint="its last statement is what a call of it gives.")
        parameters = tuple(word for word in header.arguments if isinstance(word, Word))
        statements = tuple(member for member in body if isinstance(member, Statement))
        return Macro(header.function, parameters, statements, self._since(start))

    def _finish(self) -> None:
        """The end of a statement."""
        if self.now.kind in ("end", "") or self.now.text in (",", "]", "}"):
            return
        self._fail(f"`{self.now.text}` stands behind the end of a statement", self.now, "this belongs to nothing",
                   "NDL has no operators: write `Plus(a, b)` for `a + b`. A statement ends with its line or with `;`.")

    # --- values ----------------------------------------------------------------------------------

    def _word(self) -> Word:
        token = self.take()
        quoted = token.kind == "string"
        cut = 1 if quoted else 0
        mapped = self._text.slice(token.start + cut, token.end - cut)
        return Word(mapped.text, self._span(token.start, token.end), quoted, mapped)

    def _value(self) -> Item:
        token = self.now
        if token.kind in ("word", "string"):
            word = self._word()
            return self._call(word) if token.kind == "word" and self.now.text == "(" else word
        if token.text in _CLOSES:
            return self._items()
        self._fail("a value is missing", token, "a name, a number or a call is expected here",
                   "write the value on the same line.")

    def _call(self, function: Word) -> Call:
        start = self._tokens[self._at - 1].start  # the function's name is the last token taken
        opening = self.take()
        arguments: list[Item] = []
        options: list[Option] = []
        while self._next_item(")", opening):
            at = self._at
            if self.now.kind == "word" and self._tokens[at + 1].text == "=":
                name = self._word()
                self.take()
                self.skip_ends()
                options.append(Option(name, self._value()))
            else:
                arguments.append(self._value())
        return Call(function, tuple(arguments), tuple(options), self._since(start))

    def _next_item(self, closing: str, opening: _Token) -> bool:
        """Go to the next item; False behind the closing bracket, which is taken."""
        while self.now.kind == "end" or self.now.text == ",":
            self.take()
        if self.now.text == closing:
            self.take()
            return False
        if not self.now.kind or self.now.text in ")]}":
            self._expect(closing, opening)
        return True

    def _items(self) -> Items:
        opening = self.take()
        found: list[Item] = []
        while self._next_item(_CLOSES[opening.text], opening):
            if self.now.kind == "word" and ":" in self.now.text:
                found += self._parts(self.take())
            else:
                found.append(self._value())
        return Items(tuple(found), self._since(opening.start))

    def _parts(self, token: _Token) -> list[Item]:
        """`a:b` as two items."""
        return [Word(match[0], self._span(token.start + match.start(), token.start + match.end()))
                for match in re.finditer(r"[^:]+", token.text)]
