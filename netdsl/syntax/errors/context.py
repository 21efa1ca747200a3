"""How the pages on syntax errors speak of words and places of the text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Source, Span
from .replay import CLOSERS, END, OPENERS, Edit, Opening, Replay, Word

#: A headline stands behind `error[syntax]: ` on a page of 78 columns.
TITLE_COLUMNS = 78 - len("error[syntax]: ")
_QUOTED_COLUMNS = 26
_OPERATORS = ("SIGN", "TIMES", "**", "COMPARE", "&&", "||", "FLOW")
_VALUES = ("NUMBER", "STRING", "NAME")


class ErrorContext:
    """Where the reading stopped: the words before and behind, the open brackets, and phrases for them."""

    def __init__(self, source: Source, replay: Replay) -> None:
        self.source, self.replay = source, replay
        self.words: list[Word] = replay.words
        self.bad: int = replay.bad if replay.bad < len(replay.words) else len(replay.words) - 1
        self.word: Word = self.words[self.bad]

    @cached_property
    def openings(self) -> list[Opening]:
        return self.replay.openings(self.bad)

    @property
    def inside(self) -> Opening | None:
        """The innermost bracket that is open."""
        return self.openings[-1] if self.openings else None

    @cached_property
    def head(self) -> int | None:
        """The name of the member that has been read up to its `=`."""
        return self.replay.head(self.bad)

    @cached_property
    def start(self) -> int | None:
        """The same, also while its parameters or its index are being read."""
        if self.head is None and self.inside is not None and self.inside.role in ("parameters", "elements"):
            return self.replay.head(self.inside.index)
        return self.head

    @property
    def expects_value(self) -> bool:
        """Whether the word before asks for a value behind it."""
        return self.replay.can(self.bad, "NUMBER")

    def kind(self, index: int) -> str:
        return self.replay.kind(index)

    def helps(self, edit: Edit, words: int = 1) -> bool:
        """Whether the text can be read at least so many words further with a change."""
        return self.replay.reach(edit) >= min(self.bad + words, len(self.words))

    # --- places ------------------------------------------------------------------------------

    def span(self, first: int, last: int | None = None) -> Span:
        """The text of a word, or of all words up to another one; the end is the last character."""
        start, end = self.words[first].start, self.words[first if last is None else last].end
        if self.words[first].kind == END:
            end = len(self.source.text.rstrip())
            start = max(0, end - 1)
        return self.source.span(start, end)

    def line(self, index: int) -> int:
        return self.span(index).line

    def label(self, first: int, text: str, last: int | None = None) -> Label:
        return Label(self.span(first, last), text)

    def opened_here(self, opening: Opening | None = None, text: str = "") -> tuple[Label, ...]:
        """The label at the innermost open bracket, if that is on another line."""
        opening = opening or self.inside
        if opening is None or self.line(opening.index) == self.line(self.bad):
            return ()
        return (self.label(opening.index, text or f"in {self.bracket(opening)} opened here"),)

    def where(self, index: int) -> str:
        """Where to put something that belongs before a word, in words."""
        word = self.words[index]
        if index and (word.first or word.kind == END):
            return f"at the end of line {self.source.position(self.words[index - 1].end)[0]}"
        return f"before {self.quote(index)}"

    # --- phrases -----------------------------------------------------------------------------

    def quote(self, index: int) -> str:
        """A word as the user wrote it, cut if it is long."""
        word = self.words[index]
        if word.kind == END:
            return "the end of the file"
        text = word.text.split("\n")[0]
        cut = len(text) > _QUOTED_COLUMNS or text != word.text
        return f"`{text[: _QUOTED_COLUMNS - 3]}...`" if cut else f"`{text}`"

    def title(self, *choices: str) -> str:
        """The first headline that fits on a line."""
        return next((choice for choice in choices if len(choice) <= TITLE_COLUMNS), choices[-1])

    def bracket(self, opening: Opening) -> str:
        """`the list`, `the record`, ...: what the bracket holds."""
        if opening.role == "call":
            return "the list" if self.holds_list(opening) else "the arguments"
        return {"parameters": "the parameters", "record": "the record", "group": "the brackets", "index": "the index",
                "elements": "the index", "array": "the bounds"}[opening.role]

    def name_of(self, opening: Opening) -> str:
        """The bracket as the user sees it: `Sequential (`."""
        kind = self.words[opening.index].kind
        if opening.head is None:
            return f"`{kind}`"
        return f"`{self.words[opening.head].text[:_QUOTED_COLUMNS - 2]} {kind}`"

    def holds_list(self, opening: Opening) -> bool:
        """Whether the elements behind a bracket have been joined by `:` so far."""
        siblings = [self.kind(i) for i in self.replay.siblings(opening.index, self.bad)]
        if ":" in siblings or "," in siblings:
            return ":" in siblings[: siblings.index(",")] if "," in siblings else True
        return opening.head is not None and self.words[opening.head].text == "Sequential"

    @property
    def is_sequential(self) -> bool:
        """Whether the innermost open bracket holds the steps of a Sequential."""
        head = self.inside.head if self.inside is not None else None
        return head is not None and self.words[head].text == "Sequential"

    def expected(self, index: int) -> str:
        """The things a person would write before a word, if they are at most four; else nothing."""
        accepted = self.replay.accepts(index)
        phrases = []
        if accepted.issuperset(_VALUES[:1]):
            phrases.append("a value")
        elif "NAME" in accepted:
            phrases.append("a name")
        if accepted.intersection(_OPERATORS[3:]):
            phrases.append("an operator")
            accepted -= {"(", "{", "[", "."}
        if "a value" in phrases:
            accepted -= {"(", "{", "[", "NAME", "SIGN", "if", "array", "true", "false"}
        phrases += [f"`{kind}`" for kind in (":", ",", ")", "}", "]", "=", ":=", "=>", "..", "then", "else", "(", "{")
                    if kind in accepted]
        if END in accepted and len(phrases) < 2:
            phrases.append("the end of the file")
        return enumeration(phrases) if len(phrases) <= 4 else ""

    def rewritten(self, changes: Sequence[tuple[int, int, str]]) -> str:
        """The lines of some changes as they would then be: a block of a page, or nothing if they are long.

        A change is (start, end, new text), by offsets.
        """
        text = self.source.text
        begin = text.rfind("\n", 0, min(start for start, _, _ in changes)) + 1
        stop = text.find("\n", max([end for _, end, _ in changes] + [self.span(self.bad).start]))
        stop = len(text) if stop < 0 else stop
        pieces, done = [], begin
        for start, end, new in sorted(changes):
            pieces += [text[done:start], new]
            done = end
        lines = ("".join(pieces) + text[done:stop]).expandtabs().split("\n")
        lines = [line.rstrip() for line in lines if line.strip()]
        margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        fits = len(lines) <= 4 and all(len(line) - margin <= 72 and line.isprintable() for line in lines)
        return "\n".join("    " + line[margin:] for line in lines) if fits else ""


def enumeration(phrases: Sequence[str], word: str = "or") -> str:
    """`a`, `b` or `c`."""
    if len(phrases) < 2:
        return "".join(phrases)
    return ", ".join(phrases[:-1]) + f" {word} " + phrases[-1]


def page(scene: ErrorContext, titles: str | tuple[str, ...], primary: Label, related: Sequence[Label] = (),
         body: Sequence[str] = (), hint: str = "") -> Diagnostic:
    """A syntax diagnostic with the first headline that fits."""
    choices = (titles,) if isinstance(titles, str) else titles
    return Diagnostic(Code.SYNTAX, scene.title(*choices), primary, tuple(related), tuple(text for text in body if text),
                      hint)


__all__ = ["CLOSERS", "OPENERS", "ErrorContext", "enumeration", "page"]
