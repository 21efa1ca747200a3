"""The text form of protobuf -> messages in which every field knows its place. No schema: that is the rows' business.

Everything that protobuf's own parser takes is read: `name: value`, `name { ... }`, `name: { ... }`, `name < ... >`,
lists in brackets, strings in pieces, escapes, hexadecimal and octal numbers, `,` or `;` behind a field, comments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Source, Span

#: protobuf itself stops at 100.
MAXIMUM_DEPTH = 100

_TOKEN = re.compile(r"""
      (?P<blank>[\s\f]+ | \#[^\n]*)
    | (?P<number>[-+]?\s*(?:0[xX][0-9A-Fa-f]+
        | (?:\d+\.?\d*(?:[eE][-+]?\d+)? | \.\d+(?:[eE][-+]?\d+)?)[fF]?)(?![\w.]))
    | (?P<word>-?[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
    | (?P<mark>[{}<>:\[\],;/.-])
""", re.VERBOSE)

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34, "?": 63}
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-7]{1,3}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number, a text in quotes, or a word (`true`, `MAX`)."""

    kind: str  #: "number", "string" or "word"
    value: float | str
    span: Span

    @property
    def is_whole(self) -> bool:
        return self.kind == "number" and float(self.value).is_integer()


@dataclass(frozen=True, slots=True)
class Field:
    """`name: value` or `name { ... }`; each item of `name: [a, b]` is a field of its own."""

    name: str
    value: Value
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True)
class Message:
    """What stands between braces, or a whole file."""

    fields: tuple[Field, ...]
    span: Span

    def all(self, name: str) -> list[Field]:
        return [field for field in self.fields if field.name == name]

    def last(self, name: str) -> Field | None:
        """The field that counts where a field may stand once: the last one, as in protobuf."""
        return next((field for field in reversed(self.fields) if field.name == name), None)

    def messages(self, name: str) -> list[Message]:
        return [field.value for field in self.all(name) if isinstance(field.value, Message)]

    def merged(self, name: str) -> Message:
        """The message under a name; several are one, as in protobuf; without any an empty one."""
        found = self.messages(name)
        if len(found) == 1:
            return found[0]
        return Message(tuple(field for message in found for field in message.fields),
                       found[0].span if found else self.span)

    def text(self, name: str) -> str:
        """The text of a field, "" where there is none."""
        field = self.last(name)
        return str(field.value.value) if field is not None and isinstance(field.value, Scalar) else ""

    def texts(self, name: str) -> list[tuple[str, Span]]:
        return [(str(field.value.value), field.value.span) for field in self.all(name)
                if isinstance(field.value, Scalar)]


Value: TypeAlias = Scalar | Message


@dataclass(frozen=True)
class ParsedText:
    """A file as messages, and its comments."""

    message: Message
    comments: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    span: Span


def parse_text(source: Source) -> ParsedText:
    """A text of protobuf. Raises Failure (`syntax`) with the place where it stops to be one."""
    parser = _Parser(source)
    fields = parser.fields(None, 0)
    return ParsedText(Message(fields, source.span(0, len(source.text))), tuple(parser.comments))


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source, self.comments = source, list[Span]()
        self._tokens = self._scan()
        self._token = next(self._tokens)
        self._end = 0  #: of the last token that was read

    def _scan(self) -> Iterator[_Token]:
        text, position = self.source.text, 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._stray(position)
            span = self.source.span(match.start(), match.end())
            if match.lastgroup != "blank":
                yield _Token(str(match.lastgroup), match[0], span)
            elif match[0].startswith("#"):
                self.comments.append(span)
            position = match.end()
        yield _Token("end", "", self.source.span(len(text), len(text)))

    def _stray(self, position: int) -> Failure:
        character = self.source.text[position]
        if character in "\"'":
            line_end = self.source.text.find("\n", position)
            span = self.source.span(position, line_end if line_end > 0 else len(self.source.text))
            return failure(Code.SYNTAX, "a text in quotes is not closed", span, "it begins here",
                           hint=f"put {character} at its end.")
        word = re.compile(r"\S{1,20}").match(self.source.text, position)
        end = word.end() if word else position + 1
        shown = self.source.text[position:end]
        return failure(Code.SYNTAX, f"`{shown}` is nothing that a text of protobuf can hold",
                       self.source.span(position, end), "I cannot read this")

    def _next(self) -> _Token:
        token = self._token
        if token.kind != "end":
            self._end = token.span.end
            self._token = next(self._tokens)
        return token

    def _take(self, *marks: str) -> _Token | None:
        return self._next() if self._token.kind == "mark" and self._token.text in marks else None

    def fields(self, opened: _Token | None, depth: int) -> tuple[Field, ...]:
        """Fields up to the bracket that closes the one that was opened, or to the end of the file."""
        if depth > MAXIMUM_DEPTH:
            assert opened is not None
            raise failure(Code.SYNTAX, f"messages are nested more than {MAXIMUM_DEPTH} deep", opened.span,
                          "this is one too many")
        found: list[Field] = []
        closing = {"{": "}", "<": ">"}[opened.text] if opened else ""
        while True:
            if self._token.kind == "end":
                if opened is None:
                    return tuple(found)
                raise failure(Code.SYNTAX, f"`{opened.text}` is not closed", opened.span, "it is opened here",
                              hint=f"a `{closing}` is missing; the file ends before it.")
            if token := self._take("}", ">"):
                if token.text == closing:
                    return tuple(found)
                raise failure(Code.SYNTAX, f"`{token.text}` closes nothing", token.span,
                              f"`{closing}` has to come first" if opened else "no bracket is open here")
            found += self._field(depth)

    def _field(self, depth: int) -> list[Field]:
        token = self._next()
        name = self._extension(token) if token.text == "[" else token.text
        if token.kind != "word" and token.text != "[":
            raise failure(Code.SYNTAX, f"the name of a field was expected, not `{token.text}`", token.span,
                          "this is no name")
        name_span = self.source.span(token.span.start, self._end)
        colon = self._take(":")
        values = self._values(name, name_span, colon is not None, depth)
        self._take(",", ";")
        start = name_span.start if len(values) == 1 else None
        return [Field(name, value, self.source.span(value.span.start if start is None else start, value.span.end),
                      name_span) for value in values]

    def _extension(self, opened: _Token) -> str:
        """`[package.name]`, the name of an extension."""
        pieces = []
        while not self._take("]"):
            token = self._next()
            if token.kind == "end":
                raise failure(Code.SYNTAX, "`[` is not closed", opened.span, "it is opened here")
            pieces.append(token.text)
        return "".join(pieces)

    def _values(self, name: str, name_span: Span, colon: bool, depth: int) -> list[Value]:
        if opened := self._take("["):
            found: list[Value] = []
            while not self._take("]"):
                if found and not self._take(","):
                    raise failure(Code.SYNTAX, "`,` or `]` was expected in a list", self._token.span,
                                  "the list goes on here", hint=f"the list of `{name}` begins at {opened.span}.")
                found.append(self._value(name, name_span, True, depth))
            return found
        return [self._value(name, name_span, colon, depth)]

    def _value(self, name: str, name_span: Span, colon: bool, depth: int) -> Value:
        if opened := self._take("{", "<"):
            fields = self.fields(opened, depth + 1)
            return Message(fields, self.source.span(opened.span.start, self._end))
        token = self._token
        if not colon or token.kind in ("mark", "end"):
            after = "`:` or `{`" if not colon else "a value"
            where = "the file ends here" if token.kind == "end" else "this stands there instead"
            raise failure(Code.SYNTAX, f"{after} was expected behind `{name}`",
                          name_span if token.kind == "end" else token.span, where)
        if token.kind == "string":
            return self._string()
        self._next()
        if token.kind == "number":
            return Scalar("number", _number(token.text), token.span)
        special = {"inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf, "nan": math.nan,
                   "-nan": math.nan}.get(token.text.lower())
        if special is not None:
            return Scalar("number", special, token.span)
        return Scalar("word", token.text, token.span)

    def _string(self) -> Scalar:
        """A text, in one or several pieces."""
        start, pieces = self._token.span.start, []
        while self._token.kind == "string":
            pieces.append(_unescape(self._next().text[1:-1]))
        return Scalar("string", b"".join(pieces).decode("utf-8", "replace"), self.source.span(start, self._end))


def _number(text: str) -> float:
    digits = "".join(text.split())
    sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
    octal = len(digits) > 1 and digits[0] == "0" and set(digits) <= set("01234567")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if octal else 0
    if base and len(digits) > 40:  # beyond every kind of number that protobuf has
        return sign * math.inf
    return sign * float(int(digits, base) if base else digits.rstrip("fF"))


def _unescape(text: str) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1].decode("latin-1")
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
            return bytes([number]) if code[0] == "x" else _encoded(number)
        if code[0] in "01234567":
            return bytes([int(code, 8) & 255])
        return bytes([_ESCAPES[code]]) if code in _ESCAPES else match[0]

    return _ESCAPE.sub(plain, text.encode("utf-8"))


def _encoded(number: int) -> bytes:
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b"?"
