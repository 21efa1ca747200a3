"""Words of BrainScript, with the places they came from; included files are spliced in where they are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ....base.codes import Code
from ....base.failure import failure
from ....base.source import Source, Span
from ...mapped_text import MappedText, Piece

KEYWORDS = frozenset(("include", "new", "with", "true", "false", "if", "then", "else", "array"))

_WORD = re.compile(
    r"""(?P<blank>[ \t\r\n\f\v\ufeff]+)
      | (?P<comment>\#[^\n]*|//[^\n]*|/\*(?:.|\n)*?\*/)
      | (?P<open_comment>/\*)
      | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"]*"|'[^']*')
      | (?P<open_string>["'])
      | (?P<sign>\[\||\|\]|\.\.|\.\*|\*\*|=>|==|!=|<=|>=|<<|>>|&&|\|\||[-=;,(){}\[\]+*/%!<>:.])
      | (?P<other>.)""", re.VERBOSE)


class IncludeFinder(Protocol):
    """Finds the file that a network text names."""

    def find(self, path: str, place: Span) -> Source: ...


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text. `kind` is number, name, string, sign (a keyword is a sign), or end."""

    kind: str
    text: str
    span: Span
    pieces: tuple[Piece, ...] = ()  #: what it is made of, for words in which a `$x$` was replaced


@dataclass
class Words:
    """The words of a text and of all that it includes, and the comments between them."""

    words: list[Word]
    comments: list[Span]
    included: dict[Source, Span]  #: each file, and where the text says to include it, or the file that includes it


def read_words(text: MappedText, finder: IncludeFinder) -> Words:
    """All words, closed by one of kind `end`. Raises Failure (`syntax`, `include-not-found`, `include-cycle`)."""
    read = Words([], [], {})
    _read(text, finder, read, (), None)
    end = len(text.text)
    place = text.span(max(end - 1, 0), end)
    read.words.append(Word("end", "", Span(place.source, place.end, place.end)))
    return read


def _read(text: MappedText, finder: IncludeFinder, read: Words, including: tuple[str, ...], outer: Span | None) -> None:
    words = _words(text, read.comments)
    for word in words:
        if word.kind != "sign" or word.text != "include":
            read.words.append(word)
            continue
        path = next(words, None)
        if path is None or path.kind != "string":
            raise failure(Code.SYNTAX, "`include` wants the name of a file", (path or word).span, "a string is wanted",
                          hint='as in `include "macros.bs"`.')
        source = finder.find(path.text[1:-1], path.span)
        if source.name in including:
            raise failure(Code.INCLUDE_CYCLE, "files include each other in a circle", path.span,
                          "the circle closes here",
                          body=(f"    {' -> '.join([*including[including.index(source.name):], source.name])}",))
        _read(MappedText.whole(source), finder, read, (*including, source.name), outer or path.span)
        read.included.setdefault(source, outer or path.span)  # behind those that it includes itself


def _words(text: MappedText, comments: list[Span]) -> Iterator[Word]:
    for match in _WORD.finditer(text.text):
        kind, word = match.lastgroup or "other", match.group()
        if kind == "blank":
            continue
        place = text.span(*match.span())
        if kind == "comment":
            comments.append(Span(place.source, place.start, place.start + len(place.text.rstrip())))
            continue
        if kind in ("open_comment", "open_string", "other"):
            raise _bad_word(kind, word, place)
        if kind == "name" and word in KEYWORDS:
            kind = "sign"
        yield Word(kind, word, place, text.slice(*match.span()).pieces if "$" in place.text else ())


def _bad_word(kind: str, word: str, place: Span) -> Exception:
    if kind == "open_comment":
        return failure(Code.SYNTAX, "a comment is not closed", place, "it begins here", hint="end it with `*/`.")
    if kind == "open_string":
        return failure(Code.SYNTAX, "a string is not closed", place, "it begins here",
                       hint=f"end it with {word}; BrainScript has no `\\{word}`.")
    return failure(Code.SYNTAX, f"`{word}` is not a sign of BrainScript", place, "here")
