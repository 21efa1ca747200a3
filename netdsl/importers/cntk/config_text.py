"""The text of a configuration: comments, brackets, and `key = value` entries, by the rules of CNTK's Config.h.

A section is stored as text. Nothing here knows what a key means.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Label
from ...base.failure import Failure, failure
from ...base.source import Source, Span
from ..mapped_text import MappedText, Piece

OPENING, CLOSING = '[{("', ']})"'
_CLOSES = dict(zip(OPENING, CLOSING, strict=True))
_SEPARATORS = ",\r\n"
#: What may follow an opening bracket to become the separator inside it: `(;a;b)`.
_CUSTOM = frozenset("`~!@$%^&*_-+|:;,?.")
#: What begins a path or a number rather than a separator.
_NO_SEPARATOR = ("..", "./", ".\\", "\\\\")


@dataclass(frozen=True)
class Entry:
    """`key = value` of a section. A key alone has no value and means true."""

    key: MappedText
    value: MappedText | None
    quoted: bool = False  #: the value stood in `"..."`, which is not part of it

    @property
    def name(self) -> str:
        return self.key.text

    @property
    def is_section(self) -> bool:
        return self.value is not None and self.value.text.startswith(("[", "{"))

    @property
    def span(self) -> Span:
        return self.key.span(0, len(self.name))


def without_comments(source: Source) -> tuple[MappedText, list[Span]]:
    """The text of a file as CNTK sees it, and the comments that were in it.

    A comment is a line that begins with `#`, or what follows the first `#` of a line if a blank stands before it.
    """
    parts, comments, start = [], [], 0
    for line in source.text.splitlines(keepends=True):
        at = line.find("#")
        end = len(line.rstrip("\r\n"))
        if at >= 0 and (not line[:at].strip(" \t") or line[at - 1] in " \t"):
            comments.append(source.span(start + at, start + len(line[:end].rstrip())))
            parts += [source.span(start, start + at), source.span(start + end, start + len(line))]
        else:
            parts.append(source.span(start, start + len(line)))
        start += len(line)
    text = MappedText(_merged(parts))
    if source.text and not source.text.endswith("\n"):
        last = source.span(len(source.text), len(source.text))
        text = MappedText.join([text, MappedText((Piece("\n", last, True),))])
    return text, comments


def _merged(spans: list[Span]) -> tuple[Piece, ...]:
    """Pieces of a file, neighbours joined to one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start:
            joined[-1] = joined[-1].to(span)
        elif span.start < span.end:
            joined.append(span)
    return tuple(Piece(span.text, span) for span in joined)


def closing_bracket(mapped: MappedText, start: int) -> int | None:
    """Where the bracket or quote that opens at `start` closes; None if none opens there. Raises Failure (`syntax`).

    Brackets of all kinds nest and have to match; inside `"` only the closing `"` counts. `'` protects nothing.
    """
    text = mapped.text
    if start >= len(text) or text[start] not in _CLOSES:
        return None
    opened, at = [start], start
    while at + 1 < len(text):
        wanted = _CLOSES[text[opened[-1]]]
        at = text.find('"', at + 1) if wanted == '"' else _next_of(text, at + 1)
        if at < 0:
            break
        sign = text[at]
        if sign == wanted:
            opened.pop()
            if not opened:
                return at
        elif sign in _CLOSES:
            opened.append(at)
        else:
            raise _mismatch(mapped, opened[-1], at)
    raise _unclosed(mapped, opened[-1])


def _next_of(text: str, start: int) -> int:
    return next((at for at in range(start, len(text)) if text[at] in '[]{}()"'), -1)


def _unclosed(mapped: MappedText, at: int) -> Failure:
    sign = mapped.text[at]
    return failure(Code.SYNTAX, f"`{sign}` is never closed", mapped.span(at, at + 1), "it opens here",
                   hint=f"a `{_CLOSES[sign]}` is missing somewhere below it. Brackets inside comments behind `//` and "
                        "inside single quotes count as well.")


def _mismatch(mapped: MappedText, opened: int, at: int) -> Failure:
    first, second = mapped.text[opened], mapped.text[at]
    return failure(Code.SYNTAX, f"`{second}` does not close `{first}`", mapped.span(at, at + 1),
                   f"`{_CLOSES[first]}` has to come first",
                   related=(Label(mapped.span(opened, opened + 1), "this is open"),),
                   hint="brackets close in the order in which they were opened.")


def tokens(mapped: MappedText, separator: str) -> list[tuple[int, int, bool]]:
    """Pieces between separators, as offsets, with whether a piece stood in quotes.

    Separators are commas, line ends and `separator`. Brackets around the whole are taken away, and may be followed by
    another separator for what they hold. Brackets inside a piece belong to it; behind them it ends.
    """
    found: list[tuple[int, int, bool]] = []
    text, end_of_content = mapped.text, None
    separators = _SEPARATORS + separator
    at = 0
    while True:
        at = _skip(text, at, separators + " \t")
        if at >= len(text):
            return found
        if end_of_content is not None and at == end_of_content:
            at, end_of_content, separators = at + 1, None, _SEPARATORS + separator
            continue
        closing = closing_bracket(mapped, at)
        if closing is not None and end_of_content is None and text[at] != '"':
            end_of_content, at = closing, at + 1
            if _changes_separator(text, at):
                separators, at = _SEPARATORS + text[at], at + 1
            continue
        if closing is not None:
            quoted = text[at] == '"'
            found.append((at + quoted, closing + (not quoted), quoted))
            at = closing + 1
            continue
        end = _piece_end(mapped, at, separators, len(text) if end_of_content is None else end_of_content)
        found.append((at, end, False))
        at = end


def _changes_separator(text: str, at: int) -> bool:
    """Whether a bracket is followed by another separator, and not by a path, a number or a name."""
    sign, behind = text[at : at + 1], text[at + 1 : at + 2]
    if sign not in _CUSTOM or not sign or text.startswith(_NO_SEPARATOR, at):
        return False
    return not (sign in "-+." and behind.isdigit()) and not (sign in "_$" and (behind.isalnum() or behind == "_"))


def _skip(text: str, at: int, signs: str) -> int:
    while at < len(text) and text[at] in signs:
        at += 1
    return at


def _piece_end(mapped: MappedText, start: int, separators: str, limit: int) -> int:
    text = mapped.text
    at = next((k for k in range(start, limit) if text[k] in separators or text[k] in _CLOSES), limit)
    if at < limit and text[at] in _CLOSES:
        closing = closing_bracket(mapped, at)
        at = (limit if closing is None else closing) + 1
    return min(at, limit)


def entries(mapped: MappedText) -> list[Entry]:
    """The entries of a section's text, in their order; the same key may stand there several times."""
    found, text = [], mapped.text
    for start, end, quoted in tokens(mapped, ";"):
        if quoted:
            continue  # a string that stands alone names nothing
        key_end = next((k for k in range(start, end) if text[k] == "=" or text[k] in _CLOSES), end)
        key = _trimmed(mapped, start, key_end)
        if not key.text:
            continue
        if key_end == end:
            found.append(Entry(key, None))
            continue
        value_start = _skip(text, key_end + (text[key_end] == "="), " \t")
        found.append(_entry(mapped, key, min(value_start, end), end))
    return found


def _entry(mapped: MappedText, key: MappedText, start: int, end: int) -> Entry:
    closing = closing_bracket(mapped, start) if start < end else None
    if closing is not None:
        quoted = mapped.text[start] == '"'
        value = mapped.slice(start + quoted, closing + (not quoted))
        return Entry(key, _trimmed(value, 0, len(value.text)), quoted)
    value = _trimmed(mapped, start, end)
    if not value.text:
        place = key.span(0, len(key.text))
        raise failure(Code.SYNTAX, f"`{key.text}` has no value", place, "nothing follows the `=` on its line",
                      hint=f"write the value on the same line, or `{key.text} = \"\"` for none. "
                           "CNTK stops here as well.")
    return Entry(key, value)


def _trimmed(mapped: MappedText, start: int, end: int) -> MappedText:
    text = mapped.text
    while start < end and text[start] in " \t\r\n":
        start += 1
    while end > start and text[end - 1] in " \t\r\n":
        end -= 1
    return mapped.slice(start, end)
