"""docs/networks.md: the shipped networks as a table, made from the files."""

from __future__ import annotations

import re
from pathlib import Path

from . import load
from .syntax.parser import shipped


def header(text: str) -> list[str]:
    """The comment lines a file begins with, without their `#`."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return lines


def networks_page() -> str:
    """A row for each file: parameters, multiply-adds, and what its header says of source and results."""
    parts = ["<!-- made by `python -m netdsl.docs` from networks/*.net -->", "# The shipped networks", "",
             "| file | parameters | multiply-adds | what it is |", "|---|---:|---:|---|"]
    details = []
    for path in sorted(shipped("networks").glob("*.net")):
        checked = load(_relative(path))
        total = checked.totals
        lines = header(checked.source.text)
        first = re.sub(r"\s{2,}.*", "", lines[0]).rstrip(".") if lines else ""
        parts.append(f"| [{path.name}](../networks/{path.name}) | {total.parameters:,} | {total.macs:,} | {first} |")
        rest = " ".join(line for line in lines[1:] if line and not line.startswith("netdsl "))
        details += [f"**{path.stem}.** {rest}", ""] if rest else []
    return "\n".join([*parts, "", *details]).rstrip() + "\n"


def _relative(path: Path) -> str:
    """The path as messages show it, from where the command runs if that is above the file."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
