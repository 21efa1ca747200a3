"""The rows of `forms.py` tried in order, and a mistake that no row describes.

Where a cure is known it is tried first: a page says "write `&&`" only if the text can be read further with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...base.diagnostics import Diagnostic, Edit, Label
from .context import ErrorContext, Finding, fill
from .forms import Form
from .replay import Change, Replay

#: So many columns of the text that a row has found are shown at most.
_SHOWN_COLUMNS = 40


def find_form(rows: Sequence[Form], context: ErrorContext) -> Finding | None:
    """The page of the first row that knows the mistake."""
    for row in rows:
        for index, match in _matches(context, row) if _applies(context, row) else ():
            page = _page(context, row, index, match)
            if page is not None:
                return Finding("foreign_form", page, row.certain)
    return None


def _applies(context: ErrorContext, row: Form) -> bool:
    kinds = (row.kind,) if isinstance(row.kind, str) else row.kind
    return (not kinds or context.word.kind in kinds) and (not row.roles or context.role in row.roles) \
        and context.role not in row.not_in and row.value in (None, context.expects_value) \
        and row.first in (None, context.word.first or not context.bad) and row.when(context)


def _matches(context: ErrorContext, row: Form) -> Iterator[tuple[int, re.Match[str]]]:
    """Where the pattern of a row begins, near the bad word, and the match."""
    bracket = -1 if context.lowest is None else context.lowest - 1
    member = -1 if context.start is None else context.start
    near = [*range(context.bad, context.bad - row.within - 1, -1), *((member, member - 1) if row.within >= 6 else ())]
    pattern = re.compile(row.pattern)
    for index in {"bracket": [bracket], "member": [member], "": near}[row.at]:
        match = pattern.match(context.source.text, context.words[index].start) if index >= 0 else None
        if match is not None:
            yield index, match


def _page(context: ErrorContext, row: Form, index: int, match: re.Match[str]) -> Diagnostic | None:
    """The page of a row; None if the text cannot be read further with what it says."""
    count = sum(word.start < match.end() for word in context.words[index : index + 200])
    if row.touches and not row.at and index + count < context.bad:
        return None
    fix, written = row.fix(context) if row.fix else (), ""
    if row.write is not None:
        written = row.write(match) if callable(row.write) else fill(row.write, lambda name: match[int(name)] or "")
        if context.helps(Change(index, count, written), row.reads):
            fix = fix or (Edit(context.source.span(*match.span()), written),)
        elif not row.sure:
            return None

    def phrase(name: str) -> str:
        text = {"fix": written, "joined": match[0].replace("-", ""), "code": f"U+{ord(match[0][0]):04X}",
                "called": " ".join(group for group in match.groups()[:2] if group)}.get(name)
        text = match[int(name)] or "" if name.isdigit() else context.phrase(name, context.bad) if text is None else text
        return text if len(text) <= _SHOWN_COLUMNS else f"{text[:8]}...{text[11 - _SHOWN_COLUMNS:]}"

    titles = (row.title,) if isinstance(row.title, str) else row.title
    label = Label(context.source.span(*match.span(row.mark)), row.label)
    opened = context.opened_here() if row.roles and not row.at else ()
    return context.error([fill(title, phrase) for title in titles], label, opened,
                         [fill(part, phrase) for part in row.body.split("\n", 1)], fill(row.hint, phrase), fix)


def find_open_string(context: ErrorContext) -> Finding | None:
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
        page = context.error("a string has no closing quote", Label(span, "it starts here"),
                             [end] if word.kind == "STRING" else (),
                             hint=f"end it with `{word.text[0]}` on its line." if lines or word.kind != "STRING" else
                             f"write `{piece if len(piece) < 50 else piece[:8] + '...' + piece[-31:]}{word.text[0]}`.",
                             fix=[Edit(context.source.span(span.end, span.end), word.text[0])] if length else ())
        return Finding("open_string", page, certain=stuck and not lines)
    return None


def _plausible_length(context: ErrorContext, start: int) -> int:
    """How long the string would be for the text to be read furthest; 0 if none reads past the mistake."""
    text, replay = context.source.text, context.replay
    ends = [match.start() for match in re.finditer(r"[\s,;:)}\]#]|$", text[start:].split("\n", 1)[0]) if match.start()]
    reached = {end: Replay(replay.parser, f"{text[: start + end]}{text[start]}{text[start + end :]}", replay.start).stop
               for end in ends[:12] + ends[12:][-1:]}
    best = max(reached, key=lambda end: reached[end], default=0)
    return best if best and reached[best] - 1 > context.word.end else 0
