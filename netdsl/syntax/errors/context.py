"""Where the reading of a text stopped, and how diagnostics speak of the words and places there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Edit, Label
from ...base.source import Source, Span
from ...base.units import any_of
from .replay import END, Change, Opening, Replay, Word

#: A headline stands behind `error[syntax]: ` on a line of 78 columns.
TITLE_COLUMNS = 78 - len("error[syntax]: ")
_QUOTED_COLUMNS = 26
#: What a diagnostic calls the content of a bracket.
_CONTENT = {"call": "the arguments", "parameters": "the parameters", "record": "the record", "group": "the brackets",
            "index": "the index", "elements": "the index", "array": "the bounds"}


class ErrorContext:
    """The words before and behind the mistake, the open brackets, and phrases for them."""

    def __init__(self, source: Source, replay: Replay) -> None:
        self.source, self.replay = source, replay
        self.words: list[Word] = replay.words
        self.bad: int = min(replay.bad, len(replay.words) - 1)
        self.word: Word = self.words[self.bad]
        self.kind = replay.kind

    @cached_property
    def openings(self) -> list[Opening]:
        return self.replay.openings(self.bad)

    @property
    def inside(self) -> Opening | None:
        """The innermost bracket that is open."""
        return self.openings[-1] if self.openings else None

    @property
    def role(self) -> str:
        """What stands in the innermost open bracket; "" outside of all."""
        return self.inside.role if self.inside is not None else ""

    @property
    def lowest(self) -> int | None:
        """The word that opens the innermost bracket."""
        return self.inside.index if self.inside is not None else None

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

    @cached_property
    def expects_value(self) -> bool:
        """Whether the word before asks for a value behind it."""
        return self.replay.can(self.bad, "NUMBER")

    @cached_property
    def siblings(self) -> list[int]:
        """The words of the innermost open bracket before the mistake, backwards."""
        return list(self.replay.siblings(self.lowest, self.bad))

    def helps(self, change: Change, words: int = 1) -> bool:
        """Whether the text can be read at least so many words further with a change."""
        return self.replay.reach(change) >= min(self.bad + words, len(self.words))

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
        return (self.label(self.inside.index, text or f"in {self.bracket(self.inside)} opened here"),)

    def behind(self, index: int, text: str) -> tuple[Label, ...]:
        """The label at the word before, where the reader must act, if that is on another line."""
        return (self.label(index - 1, text),) if index and self.line(index - 1) != self.line(index) else ()

    def where(self, index: int) -> str:
        """Where to put something that belongs before a word, in words."""
        if index and (self.words[index].first or self.kind(index) == END):
            return f"at the end of line {self.source.position(self.words[index - 1].end)[0]}"
        return f"before {self.quote(index)}"

    # --- phrases -----------------------------------------------------------------------------

    def quote(self, index: int) -> str:
        """A word as the user wrote it, cut if it is long."""
        if self.kind(index) == END:
            return "the end of the file"
        text = self.words[index].text.split("\n")[0]
        cut = len(text) > _QUOTED_COLUMNS or text != self.words[index].text
        return f"`{text[: _QUOTED_COLUMNS - 3]}...`" if cut else f"`{text}`"

    def name(self, index: int) -> str:
        return self.words[index].text[:30]

    def bracket(self, opening: Opening) -> str:
        """`the list`, `the record`, ...: what the bracket holds."""
        return "the list" if opening.role == "call" and self.holds_list(opening) else _CONTENT[opening.role]

    def name_of(self, opening: Opening) -> str:
        """The bracket as the user sees it: `Sequential (`."""
        kind = self.kind(opening.index)
        name = "" if opening.head is None else f"{self.words[opening.head].text[:_QUOTED_COLUMNS - 2]} "
        return f"`{name}{kind}`"

    def holds_list(self, opening: Opening) -> bool:
        """Whether the elements behind a bracket have been joined by `:` so far."""
        signs = [self.kind(i) for i in self.replay.siblings(opening.index, self.bad) if self.kind(i) in (":", ",")]
        if signs:
            return ":" in (signs[: signs.index(",")] if "," in signs else signs)
        return opening.head is not None and self.words[opening.head].text == "Sequential"

    @property
    def is_sequential(self) -> bool:
        """Whether the innermost open bracket holds the steps of a Sequential."""
        head = self.inside.head if self.inside is not None else None
        return head is not None and self.words[head].text == "Sequential"

    def expected(self, index: int) -> str:
        """The things a person would write before a word, if they are at most four; else nothing."""
        accepted = self.replay.accepts(index)
        phrases = ["a value"] if "NUMBER" in accepted else ["a name"] if "NAME" in accepted else []
        if accepted & {"COMPARE", "&&", "||", "FLOW"}:
            phrases.append("an operator")
            accepted -= {"(", "{", "[", "."}
        if "a value" in phrases:
            accepted -= {"(", "{"}
        phrases += [f"`{kind}`" for kind in (":", ",", ")", "}", "]", "=", ":=", "=>", "..", "then", "else", "(", "{")
                    if kind in accepted]
        if END in accepted and len(phrases) < 2:
            phrases.append("the end of the file")
        if len(phrases) > 4:
            return ""
        return any_of(phrases)

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
        """The lines of an edit as they would then be: a block of a diagnostic, or nothing if they are long."""
        text, span = self.source.text, edit.span
        begin = text.rfind("\n", 0, span.start) + 1
        stop = text.find("\n", max(span.end, self.span(self.bad).start))
        stop = len(text) if stop < 0 else stop
        lines = (text[begin : span.start] + edit.text + text[span.end : stop]).expandtabs().split("\n")
        lines = [line.rstrip() for line in lines if line.strip()]
        margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        fits = len(lines) <= 4 and all(len(line) - margin <= 72 and line.isprintable() for line in lines)
        return "\n".join("    " + line[margin:] for line in lines) if fits else ""

    def error(self, titles: str | tuple[str, ...], primary: Label, related: Sequence[Label] = (),
              body: Sequence[str] = (), hint: str = "", fix: Sequence[Edit] = ()) -> Diagnostic:
        """A syntax diagnostic with the first headline that fits on a line."""
        choices = (titles,) if isinstance(titles, str) else titles
        title = next((choice for choice in choices if len(choice) <= TITLE_COLUMNS), choices[-1])
        return Diagnostic(Code.SYNTAX, title, primary, tuple(related), tuple(text for text in body if text), hint,
                          fix=tuple(fix))
