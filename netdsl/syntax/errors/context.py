"""Where the reading of a text stopped, and how diagnostics speak of the words and places there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Edit, Label
from ...base.source import Source, Span
from .replay import END, OPENERS, Change, Opening, Replay, Word

#: A text with places to fill, as in "`<sign>` is missing".
Template: TypeAlias = str

#: A headline stands behind `error[syntax]: ` on a line of 78 columns.
TITLE_COLUMNS = 78 - len("error[syntax]: ")
_QUOTED_COLUMNS, _NAME_COLUMNS = 26, 30
#: What a diagnostic calls the content of a bracket.
_CONTENT = {"call": "the arguments", "parameters": "the parameters", "record": "the record", "group": "the brackets",
            "index": "the index", "elements": "the index", "array": "the bounds"}
#: Signs that are taken for each other: the one that stands there, the one that is needed, and what is said of them.
_PLAIN = "<word> stands where `<sign>` is needed"
EXCHANGES = {
    "=": {":=": "a step of a list gets its name by `:=`", "=>": "a function is written with `=>`",
          "==": "a comparison is written `==`"},
    ":=": {"=": "a value is given by `=`; `:=` names a step of a list", ":": _PLAIN},
    "COMPARE": {"=": "a value is given by `=`; <word> compares"},
    ":": {",": _PLAIN, "=": "a value is given by `=`", "..": "bounds are joined by `..`"},
    ",": {":": "a list is joined by `:`", "..": "bounds are joined by `..`"},
    "=>": {"=": _PLAIN}, ".": {"..": _PLAIN}, ";": {",": _PLAIN, ":": _PLAIN}, "FLOW": {":": _PLAIN},
    "..": {":": "`..` is used only between bounds, in `array[0..3]` and `V[i:0..3]`"},
}


class Finding(NamedTuple):
    """A kind of mistake with its page."""

    kind: str
    page: Diagnostic
    #: Whether the fix is what the author meant, so that what is wrong behind it is no consequence of a guess.
    certain: bool = False


def fill(template: Template, phrase: Callable[[str], str]) -> str:
    """A template with its places, `<name>`, filled."""
    return re.sub(r"<(\w+)>", lambda match: phrase(match[1]), template)


class ErrorContext:
    """The words before and behind the mistake, the open brackets, and phrases for them."""

    def __init__(self, source: Source, replay: Replay) -> None:
        self.source, self.replay = source, replay
        self.words: list[Word] = replay.words
        self.bad: int = min(replay.bad, len(replay.words) - 1)
        self.word: Word = self.words[self.bad]
        self.kind = replay.kind
        self.openings: list[Opening] = replay.openings(self.bad)
        #: The innermost bracket that is open, what stands in it ("" outside of all), and the word that opens it.
        self.inside: Opening | None = self.openings[-1] if self.openings else None
        self.role: str = self.inside.role if self.inside is not None else ""
        self.lowest: int | None = self.inside.index if self.inside is not None else None
        #: The words of the innermost open bracket before the mistake, backwards.
        self.siblings: list[int] = list(replay.siblings(self.lowest, self.bad))

    @cached_property
    def head(self) -> int | None:
        """The name of the member that has been read up to its `=`."""
        return self.replay.head(self.bad)

    @cached_property
    def start(self) -> int | None:
        """The same, also while its parameters or its index are being read."""
        if self.head is None and self.inside is not None and self.role in ("parameters", "elements"):
            return self.replay.head(self.inside.index)
        return self.head

    def owner(self, index: int) -> int | None:
        """The name that a missing value or `=` before a word belongs to."""
        if self.kind(index - 1) == "=":
            return index - 2 if self.kind(index - 2) == "NAME" else self.replay.callee(index - 1)
        return self.head if self.head is not None else index - 1

    @cached_property
    def expects_value(self) -> bool:
        """Whether the word before asks for a value behind it."""
        return self.replay.can(self.bad, "NUMBER")

    @cached_property
    def takes_name(self) -> bool:
        """Whether a name may stand here, and no value."""
        return not self.expects_value and self.replay.can(self.bad, "NAME")

    @cached_property
    def in_sequential(self) -> bool:
        """Whether the innermost open bracket holds the steps of a Sequential."""
        head = self.inside.head if self.inside is not None else None
        return head is not None and self.words[head].text == "Sequential"

    @cached_property
    def in_list(self) -> bool:
        """Whether the elements in the innermost open bracket have been joined by `:` so far."""
        signs = (self.kind(index) for index in self.siblings if self.kind(index) in (":", ","))
        return self.inside is not None and next(signs, ":" if self.in_sequential else ",") == ":"

    def helps(self, change: Change, words: int = 1) -> bool:
        """Whether the text can be read at least so many words further with a change."""
        return self.replay.reach(change) >= min(self.bad + words, len(self.words))

    def opens_better(self, index: int, change: Change) -> bool:
        """Whether an opening bracket before a word lets the text be read further than a change."""
        return any(self.replay.reach(Change(index, 0, kind)) > self.replay.reach(change) for kind in OPENERS)

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

    def opened_here(self, text: str = "") -> tuple[Label, ...]:
        """The label at the innermost open bracket, if that is on another line."""
        if self.inside is None or self.line(self.inside.index) == self.line(self.bad):
            return ()
        return (self.label(self.inside.index, text or f"in {self.bracket} opened here"),)

    def behind(self, index: int, text: str) -> tuple[Label, ...]:
        """The label at the word before, where the reader must act, if that is on another line."""
        return (self.label(index - 1, text),) if index and self.line(index - 1) != self.line(index) else ()

    # --- phrases -----------------------------------------------------------------------------

    def phrase(self, name: str, index: int, sign: str = "") -> str:
        """What fills a place of a template; `index` is the word that it is about, `sign` what is written there."""
        places = {"word": index, "before": index - 1, "after": index + 1, "bad": self.bad}
        if name in places:
            return self.quote(places[name])
        return {
            "name": lambda: self.name(index), "head": lambda: self.name(self.head or 0),
            "owner": lambda: self.name(self.owner(index) or 0), "line": lambda: str(self.line(index)),
            "opener": lambda: self.kind(self.lowest or 0), "opened": lambda: str(self.line(self.lowest or 0)),
            "bracket": lambda: self.bracket,
            "sign": lambda: sign.split()[0],
            "where": lambda: self.where(index), "beside": lambda: self._beside(index),
            "joined": lambda: self._joined(sign),
            "exchange": lambda: fill(EXCHANGES[self.kind(index)][sign], lambda other: self.phrase(other, index, sign)),
        }[name]()

    def quote(self, index: int) -> str:
        """A word as the user wrote it, cut if it is long."""
        if self.kind(index) == END:
            return "the end of the file"
        text = self.words[index].text.split("\n")[0]
        cut = len(text) > _QUOTED_COLUMNS or text != self.words[index].text
        return f"`{text[: _QUOTED_COLUMNS - 3]}...`" if cut else f"`{text}`"

    def name(self, index: int) -> str:
        return self.words[index].text[:_NAME_COLUMNS]

    def where(self, index: int) -> str:
        """Where to put something that belongs before a word, in words."""
        if index and (self.words[index].first or self.kind(index) == END):
            return f"at the end of line {self.source.position(self.words[index - 1].end)[0]}"
        return f"before {self.quote(index)}"

    def _beside(self, index: int) -> str:
        """Where the `=` goes."""
        return f"behind {self.quote(index - 1)}" if self.owner(index) == index - 1 else f"before {self.quote(index)}"

    def _joined(self, sign: str) -> str:
        """The rule for a sign between two things."""
        if sign == ":":
            what = "layers of a Sequential" if self.in_sequential else "elements of a list"
            return f"The {what} are joined by colons"
        what = "parameters of a function" if self.role == "parameters" else "arguments of a call"
        return f"The {what} are separated by commas"

    @property
    def bracket(self) -> str:
        """`the list`, `the record`, ...: what the innermost open bracket holds."""
        return "the list" if self.role == "call" and self.in_list else _CONTENT.get(self.role, "")

    # --- fixes and pages ----------------------------------------------------------------------

    def insertion(self, index: int, text: str) -> Edit:
        """What is to be written before a word: signs that end something stand behind the word before it."""
        word, before = self.words[index], self.words[index - 1] if index else None
        if before is not None and (word.first or word.kind == END or text[:1] in (",", ")", "}", "]")):
            blank = "" if text in (",", "..") or text[0] in ")]" else " "
            return Edit(self.source.span(before.end, before.end), f"{blank}{text}")
        place = self.source.span(word.start, word.start)
        return Edit(place, text if text in ("(", "[", "{", "..") else f"{text} ")

    def edits(self, change: Change) -> tuple[Edit, ...]:
        """A change as edits of the text."""
        if not change.remove:
            return (self.insertion(change.index, change.insert),)
        return (Edit(self.span(change.index, change.index + change.remove - 1), change.insert),)

    def rewritten(self, edit: Edit) -> str:
        """The lines of an edit as they would then be: a block of a page, or nothing if they are long."""
        text, span = self.source.text, edit.span
        begin = text.rfind("\n", 0, span.start) + 1
        stop = text.find("\n", max(span.end, self.span(self.bad).start))
        stop = len(text) if stop < 0 else stop
        lines = (text[begin : span.start] + edit.text + text[span.end : stop]).expandtabs().split("\n")
        lines = [line.rstrip() for line in lines if line.strip()]
        margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        fits = len(lines) <= 4 and all(len(line) - margin <= 72 and line.isprintable() for line in lines)
        return "\n".join("    " + line[margin:] for line in lines) if fits else ""

    def error(self, titles: str | Sequence[str], primary: Label, related: Sequence[Label] = (),
              body: Sequence[str] = (), hint: str = "", fix: Sequence[Edit] = ()) -> Diagnostic:
        """A syntax diagnostic with the first headline that fits on a line."""
        choices = (titles,) if isinstance(titles, str) else titles
        title = next((choice for choice in choices if len(choice) <= TITLE_COLUMNS), choices[-1])
        return Diagnostic(Code.SYNTAX, title, primary, tuple(related), tuple(text for text in body if text), hint,
                          fix=tuple(fix))
