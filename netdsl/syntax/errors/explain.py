"""Syntax errors in the user's words.

The place comes from the real parser. What is wrong there is found by trying: a rule for a form of another
language, or a small change of the text (a word more, a word less), counts only if the parser reads further with
it. Of all changes the one that reads furthest, and among equals the most natural, gives the diagnostic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lark import Lark

from ...base.diagnostics import Diagnostic, Edit, Label, apply_fix
from ...base.source import Source, Span
from ...base.units import any_of
from .context import ErrorContext, Finding
from .forms import FORMS, LAST, TEXTS
from .repair import find_repair
from .replay import Replay
from .rules import find_form, find_open_string

#: So many mistakes of one text are told at once.
MOST = 6
#: What a diagnostic calls the words that the parser could use.
_EXPECTED = {"NUMBER": "a value", "NAME": "a name", "COMPARE": "an operator",
             **{sign: f"`{sign}`" for sign in (":", ",", ")", "}", "]", "=", ":=", "=>", "..", "then", "else")}}


def explain(source: Source, parser: Lark, start: str) -> list[Diagnostic]:
    """The first mistake of a text, and those behind it that are seen once it is mended."""
    found: list[Diagnostic] = []
    current, edits = source, list[Edit]()
    while len(found) < MOST:
        finding = diagnose(current, parser, start)
        page = _moved_back(finding.page, edits, source)
        if found and (page.primary.span.start <= found[-1].primary.span.start or not finding.certain):
            break  # what is wrong now may be a consequence of the fix
        found.append(page)
        if not page.fix or not finding.certain:
            break
        edits += page.fix
        try:
            current = Source(source.name, apply_fix(edits, source))
        except ValueError:  # a fix of what another fix has written
            break
    return found


def _moved_back(page: Diagnostic, edits: Sequence[Edit], source: Source) -> Diagnostic:
    """A page about a text with some edits made, as a page about the text without them."""
    def span(place: Span) -> Span:
        return source.span(offset(place.start), max(offset(place.start), offset(place.end)))

    def offset(at: int) -> int:
        shift = 0  # how much longer the edited text is before this place
        for edit in sorted(edits, key=lambda edit: edit.span.start):
            start, grown = edit.span.start + shift, len(edit.text) - (edit.span.end - edit.span.start)
            if at <= start:
                break
            if at < start + len(edit.text):
                return edit.span.start
            shift += grown
        return at - shift

    primary, *related = (Label(span(label.span), label.text) for label in (page.primary, *page.related))
    fix = tuple(Edit(span(edit.span), edit.text) for edit in page.fix)
    return replace(page, primary=primary, related=tuple(related), fix=fix)


def diagnose(source: Source, parser: Lark, start: str = "start") -> Finding:
    """The mistake of a text that does not parse."""
    replay = Replay(parser, source.text, start)
    context = ErrorContext(source, replay)
    if replay.bad == len(replay.words):
        return Finding("nothing", fallback(context))  # the grammar allows it; what is wrong is said elsewhere
    return find_form(TEXTS, context) or find_open_string(context) or find_form(FORMS, context) \
        or find_repair(context) or find_form(LAST, context) or Finding("fallback", fallback(context))


def fallback(context: ErrorContext) -> Diagnostic:
    """Nothing fits: what could not be read, and the few things a person would write there."""
    expected = [phrase for kind, phrase in _EXPECTED.items() if context.replay.can(context.bad, kind)]
    shown = expected[:1] if context.expects_value else expected if len(expected) <= 4 else []
    label = f"I expected {any_of(shown)} here" if shown else "I cannot read on from here"
    return context.error((f"{context.quote(context.bad)} cannot stand here", "this cannot stand here"),
                         context.label(context.bad, label), context.opened_here())
