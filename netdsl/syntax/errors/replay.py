"""A text that does not parse, read again word by word, with Lark's interactive parser before every word.

The parser stops at the first word it cannot use and LALR reduces before it notices, so its own list of expected
tokens lacks the one that matters. From the kept parsers changes of the text can be tried: a word more, a word less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from lark import Lark, Token, UnexpectedToken
from lark.lexer import PatternStr, TerminalDef
from lark.parsers.lalr_interactive_parser import InteractiveParser

OPENERS = {"(": ")", "{": "}", "[": "]"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}
END = "$END"
#: So many words behind a mistake are read to see whether a change helps; a bracket needs many.
LOOK_AHEAD = 3_000
#: Kinds of words that no grammar knows.
OTHERS = {"open_comment": r"/\*[\s\S]*", "open_string": r"[\"'][\s\S]*", "unknown": r"[^\W\d]\w*|\d[\w.]*|[\s\S]"}
#: Terminals that Lark's grammar names in capitals and everybody writes small.
RESERVED = ("if", "then", "else", "true", "false", "array", "include")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text. `kind` is the text itself for brackets, separators and reserved words."""

    kind: str
    text: str
    start: int
    end: int
    first: bool  #: first on its line


@dataclass(frozen=True, slots=True)
class Change:
    """A change to try: take `remove` words away at `index` and write a text there."""

    index: int
    remove: int = 0
    insert: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """A bracket that is open. `role` is what stands in it, `head` the word it belongs to (a call's name)."""

    index: int
    role: str  #: call, parameters, record, group, index, elements, array
    head: int | None


@lru_cache(maxsize=2)
def _terminals(parser: Lark) -> tuple[re.Pattern[str], dict[str, str]]:
    """One expression for all words, in Lark's order, and behind them what no grammar knows; kinds by terminal."""
    def kind(terminal: TerminalDef) -> str:
        if isinstance(terminal.pattern, PatternStr):
            return str(terminal.pattern.value)
        return terminal.name.lower() if terminal.name.lower() in RESERVED else terminal.name

    ordered = sorted(parser.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    patterns = {terminal.name: terminal.pattern.to_regexp() for terminal in ordered} | OTHERS
    return (re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items())),
            {terminal.name: kind(terminal) for terminal in ordered})


def words_of(parser: Lark, text: str) -> list[Word]:
    """All words of a text, whatever it holds; the last one is the end."""
    pattern, kinds = _terminals(parser)
    found, first = [], True
    for match in pattern.finditer(text):  # the last alternative takes anything
        name, piece = match.lastgroup or "", match.group()
        if name in ("BLANK", "COMMENT"):
            first = first or "\n" in piece
        else:
            found.append(Word(kinds.get(name, name), piece, match.start(), match.end(), first))
            first = False
    return [*found, Word(END, "", len(text), len(text), first)]


def _copy(state: InteractiveParser) -> InteractiveParser:
    copied: InteractiveParser = state.copy(deepcopy_values=False)  # type: ignore[no-untyped-call]
    return copied


class Replay:
    """The words up to the first one that cannot be used (`bad`), with the parser before each."""

    def __init__(self, parser: Lark, text: str, start: str) -> None:
        self.parser, self.text, self.start = parser, text, start
        self.words = words_of(parser, text)
        self._types = {kind: name for name, kind in _terminals(parser)[1].items()} | {END: END}
        self._states: list[InteractiveParser] = [parser.parse_interactive("", start=start)]
        state = self._states[0]
        for word in self.words:
            state = _copy(state)
            if not self._feed(state, word.kind):
                break
            self._states.append(state)
        self.bad = len(self._states) - 1

    def _feed(self, state: InteractiveParser, kind: str) -> bool:
        """Move a parser behind a word; whether the word could stand there."""
        try:
            state.feed_token(Token(self._types.get(kind, kind), ""))
        except UnexpectedToken:
            return False
        return True

    @property
    def stop(self) -> int:
        """Where the reading stops; behind the text if it does not."""
        return self.words[self.bad].start if self.bad < len(self.words) - 1 else len(self.text) + 1

    def can(self, index: int, kind: str) -> bool:
        """Whether a word of this kind could stand before the word at `index`."""
        return self._feed(_copy(self._states[index]), kind)

    def kind(self, index: int) -> str:
        return self.words[index].kind if 0 <= index < len(self.words) else ""

    def reach(self, change: Change) -> int:
        """The index of the first word that cannot be used once the text is changed so; len(words) if all can."""
        state = _copy(self._states[change.index])
        inserted = words_of(self.parser, change.insert)[:-1] if change.insert else ()
        if not all(self._feed(state, word.kind) for word in inserted):
            return change.index
        stop = min(len(self.words), self.bad + LOOK_AHEAD)
        behind = range(change.index + change.remove, stop)
        return next((index for index in behind if not self._feed(state, self.words[index].kind)), stop)

    # --- brackets ----------------------------------------------------------------------------

    @cached_property
    def partners(self) -> dict[int, int]:
        """The other bracket of each bracket that has one, matched by number and not by kind."""
        partners: dict[int, int] = {}
        positions: list[int] = []
        for index, word in enumerate(self.words):
            if word.kind in OPENERS:
                positions.append(index)
            elif word.kind in CLOSERS and positions:
                opener = positions.pop()
                partners |= {opener: index, index: opener}
        return partners

    def openings(self, index: int) -> list[Opening]:
        """The brackets that are open before a word, outermost first. Up to `bad` they match."""
        index = min(index, self.bad)
        return [self._opening(position) for position in range(index)
                if self.kind(position) in OPENERS and self.partners.get(position, index) >= index]

    def _opening(self, position: int) -> Opening:
        kind, before = self.words[position].kind, self.kind(position - 1)
        attached = position > 0 and (before == "NAME" or before in CLOSERS)
        if kind == "[":
            role = "array" if before == "array" else "elements" if self.is_head(position) else "index"
        elif not attached:
            role = "record" if kind == "{" else "group"
        elif before == "]" and self.can(position, "(") and not self.can(position, "{"):
            role = "group"  # behind `array [..]` nothing else may stand but its function
        else:
            role = "parameters" if self.is_head(position) else "call"
        return Opening(position, role, self.callee(position) if role in ("call", "parameters") else None)

    def is_head(self, index: int) -> bool:
        """Whether a member's name and parameters end before this word: only more parameters or `=` may follow."""
        return self.can(index, "=") and not self.can(index, "SIGN") and not self.can(index, ",")

    def callee(self, opening: int) -> int | None:
        """The name before the bracket, over other brackets of the same call."""
        position = opening - 1
        while self.kind(position) in CLOSERS and position in self.partners:
            position = self.partners[position] - 1
        return position if self.kind(position) == "NAME" else None

    def head(self, index: int) -> int | None:
        """The name of the member that has been read up to its `=`, but not that; None elsewhere."""
        if not self.is_head(index):
            return None
        openings = self.openings(index)
        siblings = self.siblings(openings[-1].index if openings else None, index)
        return next((p for p in siblings if self.kind(p) == "NAME" and not self.is_head(p)), None)

    def siblings(self, opening: int | None, index: int) -> Iterator[int]:
        """The words between an open bracket and a word that stand in no other bracket, backwards."""
        position, first = index - 1, -1 if opening is None else opening
        while position > first:
            if self.kind(position) in CLOSERS:
                position = self.partners.get(position, position)
            else:
                yield position
            position -= 1

    def odd_pair(self) -> tuple[int, int] | None:
        """The first brackets whose ends are laid out unlike each other: one ends its line, the other begins none.

        Brackets that match by number and not by layout are where one was forgotten.
        """
        for index in (index for index in range(self.bad) if self.kind(index) in CLOSERS):
            opener, word = self.partners[index], self.words[index]
            lines = "\n" in self.text[self.words[opener].start : word.start]
            if lines and self.words[opener + 1].first != word.first:
                return opener, index
        return None

    def indent(self, index: int) -> int:
        """How far the line of a word is indented."""
        line = self.text[self.text.rfind("\n", 0, self.words[index].start) + 1 :]
        return len(line) - len(line.lstrip(" \t"))
