"""A text that does not parse, read again: every word, and what could have stood before it.

The parser stops at the first word it cannot use, and Lark's LALR tables reduce before they notice, so its own
list of expected tokens lacks the one that matters. Here the words are run through the same tables once more,
without building anything, and the stack before every word is kept. Changes of the text can then be tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: What a table does at a word: go to a state, or reduce (name of the rule, number of its parts).
Action: TypeAlias = int | tuple[str, int]
Stack: TypeAlias = tuple[int, "Stack"] | None

OPENERS = {"(": ")", "{": "}", "[": "]"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}
END = "end"
#: So many words behind a mistake are read to see whether a change helps; a bracket needs many.
LOOK_AHEAD = 5_000
#: Kinds of words that no grammar knows.
OPEN_STRING, OPEN_COMMENT, UNKNOWN = "open_string", "open_comment", "unknown"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text. `kind` is the text itself for brackets, separators and reserved words."""

    kind: str
    text: str
    start: int
    end: int
    first: bool  #: first on its line

    def joins(self, other: Word) -> bool:
        """Whether the other word follows without a blank."""
        return self.end == other.start


class Tables:
    """The parse tables and terminals of the grammar, by kinds of words."""

    def __init__(self, states: Mapping[int, Mapping[str, Action]], goto: Mapping[int, Mapping[str, int]],
                 pattern: re.Pattern[str], kinds: Mapping[str, str], end: int) -> None:
        self._states, self._goto, self._pattern, self._kinds, self._end = states, goto, pattern, kinds, end

    def words(self, text: str) -> list[Word]:
        """All words of a text, whatever it holds; the last one is the end."""
        return list(self._words(text))

    def _words(self, text: str) -> Iterator[Word]:
        line_start, position = True, 0
        while position < len(text):
            match = self._pattern.match(text, position)
            assert match is not None  # the last alternative takes anything
            assert match.lastgroup is not None
            kind, piece = match.lastgroup, match.group()
            if kind in ("BLANK", "COMMENT"):
                line_start = line_start or "\n" in piece
            else:
                kind = self._kinds.get(kind, kind)
                yield Word(kind, piece, position, match.end(), line_start)
                line_start = False
            position = match.end()
        yield Word(END, "", len(text), len(text), line_start)

    def advance(self, stack: Stack, kind: str) -> Stack:
        """The stack behind a word of this kind; None if it cannot stand here."""
        while True:
            assert stack is not None
            action = self._states[stack[0]].get(kind)
            if action is None:
                return None
            if isinstance(action, int):
                return action, stack
            rule, size = action
            for _ in range(size):
                assert stack is not None
                stack = stack[1]
            assert stack is not None
            stack = self._goto[stack[0]][rule], stack
            if kind == END and stack[0] == self._end:
                return stack

    def accepts(self, stack: Stack) -> set[str]:
        """Every kind of word that could come next."""
        assert stack is not None
        return {kind for kind in self._states[stack[0]] if self.advance(stack, kind) is not None}


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to try: take `remove` words away at `index` and put words of other kinds there."""

    index: int
    remove: int = 0
    insert: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """A bracket that is open. `role` is what stands in it, `head` the word it belongs to (a call's name)."""

    index: int
    role: str  #: call, parameters, record, group, index, elements, array
    head: int | None


class Replay:
    """The words up to the first one that cannot be used (`bad`), with the stack before each."""

    def __init__(self, tables: Tables, start: Stack, text: str, words: Sequence[Word] | None = None) -> None:
        self.tables, self.text = tables, text
        self.words = list(words or tables.words(text))
        self.stacks: list[Stack] = [start]
        self._reached: dict[Edit, int] = {}
        for word in self.words:
            stack = tables.advance(self.stacks[-1], word.kind)
            if stack is None:
                break
            self.stacks.append(stack)
        self.bad = len(self.stacks) - 1

    def accepts(self, index: int) -> set[str]:
        return self.tables.accepts(self.stacks[index])

    def can(self, index: int, kind: str) -> bool:
        """Whether a word of this kind could stand before the word at `index`."""
        return self.tables.advance(self.stacks[index], kind) is not None

    def kind(self, index: int) -> str:
        return self.words[index].kind if 0 <= index < len(self.words) else ""

    def reach(self, edit: Edit) -> int:
        """The index of the first word that cannot be used once the text is changed so; len(words) if all can."""
        if edit not in self._reached:
            self._reached[edit] = self._reach(edit)
        return self._reached[edit]

    def _reach(self, edit: Edit) -> int:
        stack = self.stacks[edit.index]
        for kind in edit.insert:
            stack = self.tables.advance(stack, kind)
            if stack is None:
                return edit.index
        stop = min(len(self.words), self.bad + LOOK_AHEAD)
        for index in range(edit.index + edit.remove, stop):
            stack = self.tables.advance(stack, self.words[index].kind)
            if stack is None:
                return index
        return stop

    # --- brackets ----------------------------------------------------------------------------

    def openings(self, index: int) -> list[Opening]:
        """The brackets that are open before a word, outermost first. Up to `bad` they match."""
        positions: list[int] = []
        for position in range(min(index, self.bad)):
            kind = self.words[position].kind
            if kind in OPENERS:
                positions.append(position)
            elif kind in CLOSERS:
                positions.pop()
        return [self._opening(position) for position in positions]

    def _opening(self, position: int) -> Opening:
        kind, before = self.words[position].kind, self.kind(position - 1)
        attached = position > 0 and (before == "NAME" or before in CLOSERS)
        if kind == "[":
            role = "array" if before == "array" else "elements" if self.is_head(position) else "index"
        elif not attached:
            role = "record" if kind == "{" else "group"
        elif before == "]" and self._is_array_function(position):
            role = "group"
        else:
            role = "parameters" if self.is_head(position) else "call"
        return Opening(position, role, self.callee(position) if role in ("call", "parameters") else None)

    def _is_array_function(self, position: int) -> bool:
        """Behind `array [..]` nothing else may stand but its function."""
        return self.can(position, "(") and not self.can(position, "{")

    def is_head(self, index: int) -> bool:
        """Whether a member's name and parameters end before this word: only more parameters or `=` may follow."""
        return self.can(index, "=") and not self.can(index, "SIGN") and not self.can(index, ",")

    def callee(self, opening: int) -> int | None:
        """The name before the bracket, over other brackets of the same call."""
        position, depth = opening - 1, 0
        while position >= 0:
            kind = self.words[position].kind
            depth += (kind in CLOSERS) - (kind in OPENERS)
            if depth < 0:
                return None
            if depth == 0 and kind not in OPENERS:
                return position if kind == "NAME" else None
            position -= 1
        return None

    def head(self, index: int) -> int | None:
        """The name of the member that has been read up to its `=`, but not that; None elsewhere."""
        if not self.is_head(index):
            return None
        openings = self.openings(index)
        for position in self.siblings(openings[-1].index if openings else None, index):
            if self.kind(position) == "NAME" and not self.is_head(position):
                return position
        return None

    def siblings(self, opening: int | None, index: int) -> Iterator[int]:
        """The words between an open bracket and a word that stand in no other bracket, backwards."""
        depth, position = 0, index - 1
        lowest = -1 if opening is None else opening
        while position > lowest:
            kind = self.words[position].kind
            depth += kind in CLOSERS
            if not depth:
                yield position
            depth -= kind in OPENERS
            position -= 1

    def odd_pair(self) -> tuple[int, int] | None:
        """The first brackets whose ends are laid out unlike each other: one ends its line, the other begins none.

        Brackets that match by number and not by layout are where one was forgotten.
        """
        positions: list[int] = []
        for index in range(self.bad):
            if self.words[index].kind in OPENERS:
                positions.append(index)
            elif self.words[index].kind in CLOSERS:
                opener = positions.pop()
                same_line = "\n" not in self.text[self.words[opener].start : self.words[index].start]
                if not same_line and self.line_end(opener) != self.words[index].first:
                    return opener, index
        return None

    def indent(self, index: int) -> int:
        """How far the line of a word is indented."""
        start = self.text.rfind("\n", 0, self.words[index].start) + 1
        line = self.text[start:]
        return len(line) - len(line.lstrip(" \t"))

    def line_end(self, index: int) -> bool:
        """Whether a word is the last on its line."""
        return index + 1 >= len(self.words) or self.words[index + 1].first
