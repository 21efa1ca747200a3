"""Mistakes as data. The stage that finds one makes a `Diagnostic`; nobody but `render.py` formats it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .codes import Code
from .source import Source, Span

#: Labels that say what to write in the marked place.
_MEANT = re.compile(r"(?:did you mean|here it is) `([^`]+)`\??")


@dataclass(frozen=True)
class Label:
    """A place and what is to be seen there."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Edit:
    """A piece of a text and what to write in its place; an empty piece is an insertion."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One mistake (or warning) and everything its message shows.

    `body` holds paragraphs; one that starts with four spaces is printed as it is. `fix` is what the hint says
    for a machine (an editor, the test that every hint works): edits that do not overlap, all made together.
    It is empty where a person has to choose.
    """

    code: Code
    title: str
    primary: Label
    related: tuple[Label, ...] = ()
    body: tuple[str, ...] = ()
    hint: str = ""
    severity: str = "error"
    fix: tuple[Edit, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The fix; or, where the label names what was meant by the marked word, that in its place."""
        meant = _MEANT.fullmatch(self.primary.text)
        span, word = self.primary.span, self.primary.span.text.strip("\"'")
        if self.fix or meant is None or not word or f"`{word}`" not in self.title:
            return self.fix
        return (Edit(span, span.text.replace(word, meant[1])),)

    def within(self, source: Source) -> Diagnostic:
        """The same diagnostic about the same places of another text."""
        def moved(span: Span) -> Span:
            return source.span(span.start, span.end)

        primary, *related = (replace(label, span=moved(label.span)) for label in (self.primary, *self.related))
        fix = tuple(replace(edit, span=moved(edit.span)) for edit in self.fix)
        return replace(self, primary=primary, related=tuple(related), fix=fix)


def apply_fix(fix: Iterable[Edit], source: Source) -> str:
    """The text of a source with the edits made that belong to it."""
    pieces, done = [], 0
    for edit in sorted((e for e in fix if e.span.source is source), key=lambda e: (e.span.start, e.span.end)):
        if edit.span.start < done:
            raise ValueError(f"the edits of a fix overlap at {edit.span}")
        pieces += [source.text[done : edit.span.start], edit.text]
        done = edit.span.end
    return "".join([*pieces, source.text[done:]])
