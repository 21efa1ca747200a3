"""Broken texts with what is said of them beside the mistake: `mistakes.txt`.

A case is some lines of text; below the line of a mistake stands a mark with the headline and the hint, and behind
`>` the lines as the fix makes them. Cases are separated by empty lines; lines with `##` are for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from netdsl.base.diagnostics import Diagnostic, apply_fix
from netdsl.base.failure import Failure
from netdsl.base.source import Source
from netdsl.syntax.parser import parse

FILE = Path(__file__).parent / "mistakes.txt"
_MARK = re.compile(r" *\^+( |$)")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))")


def texts() -> Iterator[str]:
    for block in FILE.read_text().split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n")
                 if not _MARK.match(line) and not line.startswith((">", "##"))]
        if lines:
            yield _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), "\n".join(lines))


def mistakes(source: Source) -> tuple[Diagnostic, ...]:
    try:
        parse(source)
    except Failure as failed:
        return failed.diagnostics
    return ()


def fixed(diagnostics: Iterable[Diagnostic], source: Source) -> str:
    return apply_fix((edit for d in diagnostics for edit in d.fix), source)


def rewritten() -> str:
    """The file as the parser makes it."""
    blocks = []
    for block in FILE.read_text().split("\n\n"):
        notes = [line for line in block.strip("\n").split("\n") if line.startswith("##")]
        blocks.append("\n".join(notes))
        lines = [line for line in block.strip("\n").split("\n")
                 if not _MARK.match(line) and not line.startswith((">", "##"))]
        if lines:
            text = _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), "\n".join(lines))
            blocks[-1] = "\n".join([*notes, *shown(Source("test.net", text))])
    return "\n\n".join(blocks) + "\n"


def shown(source: Source) -> list[str]:
    """A text with its mistakes beside it."""
    found = mistakes(source)
    lines = []
    for number, line in enumerate(source.text.split("\n"), 1):
        lines.append(_escaped(line))
        for d in (d for d in found if d.primary.span.line == number):
            start = d.primary.span.column - 1
            width = len(_escaped(line[start : start + max(1, d.primary.span.end - d.primary.span.start)]))
            hint = f" | {d.hint}" if d.hint else ""
            lines.append(_escaped(" " * len(_escaped(line[:start])) + "^" * max(1, width) + f" {d.title}{hint}"))
    if any(d.fix for d in found):
        before = source.text.split("\n")
        lines += [f"> {_escaped(line)}".rstrip() for line in fixed(found, source).split("\n") if line not in before]
    return lines


def _escaped(line: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else f"\\u{ord(c):04x}" for c in line)
