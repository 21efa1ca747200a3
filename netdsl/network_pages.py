"""docs/networks.md: the shipped networks as a table, made from the files."""

from __future__ import annotations

import re
from dataclasses import dataclass
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


@dataclass(frozen=True)
class About:
    """What the header of a file says: what it is, the published result, and what the file itself came to."""

    what: str
    published: str
    ours: str


def about(text: str) -> About:
    """Read from the header: a first sentence, then `Published: ...; ours: ....`"""
    joined = re.sub(r"netdsl run \S+( \S+=\S+)*", "", " ".join(header(text)))
    joined = re.sub(r"\s+", " ", joined).strip()
    what = re.split(r"(?<! al)\. (?=[A-Z0-9])", joined)[0].rstrip(".")
    found = re.search(r"Published: (.*)", joined)
    published, _, ours = (found.group(1).strip().rstrip(".") if found else "").partition("; ours: ")
    return About(what, published, ours)


def networks_page() -> str:
    """A row for each file: parameters, multiply-adds, and what its header says of source and results."""
    parts = ["<!-- made by `python -m netdsl.docs` from networks/*.net -->", "# The shipped networks", "",
             "Parameters and multiply-adds (of one sample) are counted by `netdsl check`. How \"ours\" came about is "
             "in [results.md](results.md); where it is empty nobody has trained the file to its end yet.", "",
             "| file | what it is | parameters | multiply-adds | published | ours |", "|---|---|---:|---:|---|---|"]
    for path in sorted(shipped("networks").glob("*.net")):
        checked = load(_relative(path))
        total, told = checked.totals, about(checked.source.text)
        parts.append(f"| [{path.name}](../networks/{path.name}) | {told.what} | {total.parameters:,} | "
                     f"{total.macs:,} | {told.published} | {told.ours} |")
    library = [f"* [{path.name}](../networks/lib/{path.name}): {about(path.read_text()).what}."
               for path in sorted((shipped("networks") / "lib").glob("*.net"))]
    return "\n".join([*parts, "", "## The library", "", "Compositions to `include`:", "", *library]).rstrip() + "\n"


def _relative(path: Path) -> str:
    """The path as messages show it, from where the command runs if that is above the file."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
