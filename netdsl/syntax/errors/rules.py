"""The rows of `forms.py` tried in order, and two mistakes that no row describes.

Where a cure is known it is tried first: a page says "write `&&`" only if the text can be read further with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ...base.diagnostics import Diagnostic, Edit, Label
from . import forms
from .context import ErrorContext, Finding, fill
from .forms import Form
from .replay import END, Change

Rule = Callable[[ErrorContext], Finding | None]
#: So many columns of the text that a row has found are shown at most.
_SHOWN_COLUMNS = 40


def _forms(rows: Sequence[Form]) -> Rule:
    """The rule that tries rows in order."""
    def foreign_form(context: ErrorContext) -> Finding | None:
        for row in rows:
            for index, match in _matches(context, row) if _applies(context, row) else ():
                page = _page(context, row, index, match)
                if page is not None:
                    return Finding("foreign_form", page, row.certain)
        return None

    return foreign_form


def _applies(context: ErrorContext, row: Form) -> bool:
    kinds = (row.kind,) if isinstance(row.kind, str) else row.kind
    return (not kinds or context.word.kind in kinds) and (not row.roles or context.role in row.roles) \
        and context.role not in row.not_in and row.value in (None, context.expects_value) \
        and row.first in (None, context.word.first or not context.bad) and row.when(context)


def _matches(context: ErrorContext, row: Form) -> Iterator[tuple[int, re.Match[str]]]:
    """Where the pattern of a row begins, near the bad word, and the match."""
    places = list(range(context.bad, context.bad - row.within - 1, -1))
    if row.callee:
        places = [(context.lowest or 0) - 1]
    elif row.within >= 6 and context.start is not None:
        places += [context.start, context.start - 1]
    pattern = re.compile(row.pattern)
    for index in places:
        match = pattern.match(context.source.text, context.words[index].start) if index >= 0 else None
        if match is not None:
            yield index, match


def _page(context: ErrorContext, row: Form, index: int, match: re.Match[str]) -> Diagnostic | None:
    """The page of a row; None if the text cannot be read further with what it says."""
    count = sum(word.start < match.end() for word in context.words[index : index + 200])
    if row.touches and not row.callee and index + count < context.bad:
        return None
    fix, written = row.fix(context) if row.fix else (), ""
    if row.write is not None:
        written = row.write(match) if callable(row.write) else fill(row.write, lambda name: match[int(name)])
        if context.helps(Change(index, count, written), row.reads):
            fix = (Edit(context.source.span(*match.span()), written),)
        elif not row.sure:
            return None

    def phrase(name: str) -> str:
        text = {"fix": written, "joined": match[0].replace("-", ""), "code": f"U+{ord(match[0][0]):04X}"}.get(name)
        text = match[int(name)] if name.isdigit() else context.phrase(name, context.bad) if text is None else text
        return text if len(text) <= _SHOWN_COLUMNS else f"{text[:8]}...{text[11 - _SHOWN_COLUMNS:]}"

    titles = (row.title,) if isinstance(row.title, str) else row.title
    label = Label(context.source.span(*match.span(row.mark)), row.label)
    opened = context.opened_here() if row.roles and not row.callee else ()
    return context.page([fill(title, phrase) for title in titles], label, opened,
                        [fill(part, phrase) for part in row.body.split("\n", 1)], fill(row.hint, phrase), fix)


def open_string(context: ErrorContext) -> Finding | None:
    """A quote that is missing; the text up to the next quote of the file was taken for the string."""
    for word in context.words[max(0, context.bad - 12) : context.bad + 1]:
        lines = "\n" in word.text
        stuck = word.kind == "STRING" and word.end == context.word.start  # it ends where the next should begin
        if word.kind != "open_string" and not (word.kind == "STRING" and (lines or stuck)):
            continue
        length = _plausible_length(context, word.start)
        if not length and word.kind == "STRING":
            continue
        piece = word.text.split("\n", 1)[0][: length or None].rstrip()
        span = context.source.span(word.start, word.start + len(piece))
        end = Label(context.source.span(word.end - 1, word.end),
                    "so it goes on to the quote here" if lines else "it ends here, where the next should begin")
        page = context.page("a string has no closing quote", Label(span, "it starts here"),
                            [end] if word.kind == "STRING" else (),
                            hint=f"end it with `{word.text[0]}` on its line." if lines or word.kind != "STRING" else
                            f"write `{piece if len(piece) < 50 else piece[:8] + '...' + piece[-31:]}{word.text[0]}`.",
                            fix=[Edit(context.source.span(span.end, span.end), word.text[0])] if length else ())
        return Finding("open_string", page, certain=stuck and not lines)
    return None


def _plausible_length(context: ErrorContext, start: int) -> int:
    """How long the string would be for the text to be read furthest; 0 if none reads past the mistake."""
    text = context.source.text
    line = text[start:].split("\n", 1)[0]
    best, longest = context.word.end, 0
    ends = [match.start() for match in re.finditer(r"[\s,;:)}\]#]|$", line) if match.start()]
    for end in ends[:12] + ends[12:][-1:]:
        again = context.replay.again(f"{text[: start + end]}{text[start]}{text[start + end :]}")
        reached = again.words[min(again.bad, len(again.words) - 1)]
        if reached.start - 1 + (reached.kind == END) > best:
            best, longest = reached.start - 1 + (reached.kind == END), end
    return longest


def block_without_equals(context: ErrorContext) -> Finding | None:
    """`SGD { a = 1 ; b = 2 }` and `Block (w) { DenseLayer {w} }`: read as parameters, which hold no members."""
    inside, start = context.inside, context.start
    if inside is None or inside.role != "parameters" or context.kind(inside.index) != "{" or start is None:
        return None
    closer = context.replay.partners.get(inside.index)
    as_record = context.replay.reach(Change(inside.index, 0, "="))
    as_value = context.replay.reach(Change(inside.index, 1, "="))
    if closer is not None and as_value == closer >= as_record:
        as_value += 1  # its closing brace goes as well
    if max(as_record, as_value) < context.bad + 2:
        return None
    name = context.name(start)
    hint, fix = f"write `{name} = {{ ... }}`.", [context.insertion(inside.index, "=")]
    if as_value > as_record:
        parameters = " ".join(context.source.text[context.words[start].end : context.words[inside.index].start].split())
        called = f"{name} {parameters[:30]}".rstrip()
        hint = f"write `{called} = ...`: behind the `=` stands the value, without braces."
        fix = [] if closer is None else [Edit(context.span(inside.index), "="), Edit(context.span(closer), "")]
    related = () if context.line(start) == context.line(inside.index) else (context.label(start, "behind this"),)
    page = context.page(f"`{name}` has no `=`", context.label(inside.index, "I expected `=` before this"), related,
                        hint=hint, fix=fix)
    return Finding("block_without_equals", page)


RULES: tuple[Rule, ...] = (_forms(forms.TEXTS), open_string, _forms(forms.FORMS), block_without_equals,
                           _forms(forms.MEMBERS))
LAST_RULES: tuple[Rule, ...] = (_forms(forms.LAST),)
