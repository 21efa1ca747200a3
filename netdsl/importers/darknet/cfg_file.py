"""The text of a `.cfg`: sections with their keys, as darknet reads them.

darknet drops every blank and tab of a line, wherever it stands, and skips lines that begin with `#` or `;`. Nothing
ends a value but the line; what stands behind a number is not read, since `atoi` and `atof` stop there.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure, failure
from ...base.source import Source, Span

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: Numbers beyond these are damage, not networks; darknet itself would overflow.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Entry:
    """`key=value`, without the blanks."""

    key: str
    value: str
    key_span: Span
    value_span: Span

    @property
    def span(self) -> Span:
        return self.key_span.to(self.value_span)

    def whole(self) -> int:
        """The number at the start of the value, as `atoi` reads it. Raises Failure where there is none."""
        return self._whole(self.value)

    def number(self) -> float:
        """The number at the start of the value, as `atof` reads it. Raises Failure where there is none."""
        return self._number(self.value)

    def wholes(self) -> list[int]:
        return [self._whole(part) for part in self.value.split(",")]

    def numbers(self) -> list[float]:
        return [self._number(part) for part in self.value.split(",")]

    def _whole(self, text: str) -> int:
        found = _WHOLE.match(text)
        if found is None:
            raise self.wrong("a whole number belongs here")
        if abs(int(found[0])) > LARGEST:
            raise self.wrong(f"darknet's numbers end at {LARGEST}")
        return int(found[0])

    def _number(self, text: str) -> float:
        found = _NUMBER.match(text)
        if found is None:
            raise self.wrong("a number belongs here")
        return float(found[0])

    def unread(self, whole: bool) -> str:
        """What stands behind the number and is not read, without comments."""
        last = self.value.split(",")[-1]
        found = (_WHOLE if whole else _NUMBER).match(last)
        rest = last[found.end():] if found else ""
        return "" if rest[:1] in ("", ";", "#") else rest

    def wrong(self, why: str, hint: str = "") -> Failure:
        """The page for a value that cannot be."""
        return failure(Code.OPTION_TYPE, f"`{self.key}` cannot be `{self.value}`", self.value_span, why, hint=hint)


@dataclass(frozen=True)
class CfgSection:
    """`[name]` and the lines up to the next one."""

    name: str
    header: Span
    span: Span  #: from the header to the next section's
    entries: dict[str, Entry] = field(default_factory=dict)  #: the first of each key, which is the one that counts
    repeated: list[Entry] = field(default_factory=list)

    def missing(self, key: str, what: str) -> Failure:
        return failure(Code.MISSING_OPTION, f"[{self.name}] needs `{key}`", self.header, "in this section",
                       hint=f"add a line such as `{what}`.")


@dataclass(frozen=True)
class CfgFile:
    sections: tuple[CfgSection, ...]
    comments: tuple[Span, ...]


def read_cfg(source: Source) -> CfgFile:
    """All sections in order. Raises Failure with every line that cannot be read."""
    sections: list[CfgSection] = []
    comments: list[Span] = []
    problems: list[Diagnostic] = []
    starts = _section_starts(source.text)
    for start, end in _lines(source.text):
        line = source.text[start:end]
        stripped = line.strip()
        begin = start + len(line) - len(line.lstrip())
        whole = source.span(begin, begin + len(stripped))
        if not stripped:
            continue
        if stripped[0] in "#;":
            comments.append(whole)
        elif stripped[0] == "[":
            after = bisect.bisect_right(starts, begin)
            following = starts[after] if after < len(starts) else len(source.text)
            sections.append(_section(source, whole, following, comments))
        else:
            problem = _entry(whole, sections, comments)
            problems += [problem] if problem else []
    if problems:
        raise Failure(problems)
    return CfgFile(tuple(sections), tuple(comments))


def _lines(text: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        found.append((start, start + len(line.rstrip("\r\n"))))
        start += len(line)
    return found


def _section_starts(text: str) -> Sequence[int]:
    return [match.start(1) for match in re.finditer(r"^[ \t]*(\[)", text, re.MULTILINE)]


def _section(source: Source, line: Span, end: int, comments: list[Span]) -> CfgSection:
    text = line.text
    close = text.find("]")
    if close < 0:
        raise failure(Code.SYNTAX, "the name of a section ends with `]`", line, "`]` is missing",
                      hint=f"write `{text}]`.")
    rest = text[close + 1:].strip()
    header = source.span(line.start, line.start + close + 1)
    if rest[:1] in ("#", ";"):
        comments.append(source.span(line.start + text.index(rest, close), line.end))
    elif rest:
        raise failure(Code.SYNTAX, "a section's name stands on a line of its own", header,
                      hint=f"move `{rest}` to the next line.")
    return CfgSection(re.sub(r"\s", "", text[1:close]), header, source.span(line.start, end))


def _entry(line: Span, sections: list[CfgSection], comments: list[Span]) -> Diagnostic | None:
    """Add a line `key = value` to the section that it stands in; what is wrong with it."""
    text = line.text
    equals = text.find("=")
    if equals < 0 or not text[equals + 1:].strip() or not text[:equals].strip():
        return Diagnostic(Code.SYNTAX, "this line is not `key=value`", Label(line, "darknet skips it"),
                          hint="complete the line, or put a `#` before it.")
    if not sections:
        return Diagnostic(Code.SYNTAX, "this line stands before the first section", Label(line),
                          hint="begin the file with `[net]`.")
    source, left = line.source, text[:equals].rstrip()
    value_start = equals + 1 + len(text[equals + 1:]) - len(text[equals + 1:].lstrip())
    value = text[value_start:]
    mark = re.search(r"[#;]", value)
    if mark:
        comments.append(source.span(line.start + value_start + mark.start(), line.end))
    shown = value[:mark.start()].rstrip() if mark else value
    key_span = source.span(line.start, line.start + len(left))
    begin = line.start + value_start
    entry = Entry(re.sub(r"\s", "", left), re.sub(r"\s", "", value), key_span,
                  source.span(begin, begin + max(1, len(shown))))
    if entry.key in sections[-1].entries:
        sections[-1].repeated.append(entry)
    else:
        sections[-1].entries[entry.key] = entry
    return None
