"""docs/networks.md: the shipped networks as a table, made from the files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from netdsl.compiler import CheckResult, load
from netdsl.ir.network import totals
from netdsl.syntax.parser import shipped


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
    """Read from the header: what it is, then `Published: ...; ours: ....`, apart from how to run it and the count."""
    joined = re.sub(r"netdsl run \S+( \S+=\S+)*", "", " ".join(header(text)))
    joined = re.sub(r"\s+", " ", joined).strip()
    what, _, found = joined.partition("Published: ")
    # Counts stand in the table; how to include a file of the library stands in the file.
    what = re.sub(r"[\d,]+ (parameters|(million )?multiply-adds)(\. |[.:,;] ?|$)|Inside `network`: .*", "", what)
    what = re.sub(r"\. ([a-z])", lambda found: f". {found[1].upper()}", what).strip().rstrip(".,")
    published, _, ours = found.strip().rstrip(".").partition("; ours: ")
    return About(what, published, ours)


@dataclass(frozen=True)
class Shipped:
    """A shipped network and the text of its page."""

    path: Path
    checked: CheckResult
    about: About

    @property
    def task(self) -> str:
        """The data that its sample stands for."""
        sample = self.checked.require().readers.sample
        return type(sample).stands_for if sample is not None else "Other"

    def row(self) -> str:
        program, total = self.checked.require(), self.checked.totals
        inputs = [str(program.network[name].shape) for name in program.inputs if program.network[name].shape.rank > 1]
        needed = program.network.ancestors(program.outputs)
        used = totals(node for node in program.network if node.name in needed)
        parameters, macs = f"{total.parameters:,}", f"{total.macs:,}"
        if used.parameters != total.parameters:  # auxiliary classifiers
            parameters, macs = f"{parameters} ({used.parameters:,})", f"{macs} ({used.macs:,})"
        plan = program.plan
        recipe = f"{plan.epochs} x {plan.minibatch_size}" if plan is not None else ""
        told = self.about
        return _row(f"[{self.path.name}](../networks/{self.path.name})", told.what, ", ".join(inputs[:1]), parameters,
                    macs, recipe, told.published, told.ours)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


_INTRODUCTION = """\
Each file holds network, data and the published recipe, with its source in the first lines. Parameters and
multiply-adds (of one sample) are counted by `netdsl check` and compared by the tests with the same networks
written by hand in torch; in parentheses: what the outputs need, without classifiers that only help training. The
recipe is epochs x samples in a minibatch. "Ours" is what the file itself came to, from [results.md](results.md),
which also has what was run in part; where it is empty nobody has trained the file to its end yet."""


def networks_page() -> str:
    """A row for each file, by the data it is for: sizes, counts, and what its header says of source and results."""
    parts = ["<!-- made by `python tools/generate_docs.py` from networks/*.net -->", "# The shipped networks", "",
             _INTRODUCTION, ""]
    files = [Shipped(path, checked := load(_relative(path)), about(checked.source.text))
             for path in sorted(shipped("networks").glob("*.net"))]
    for task in sorted({file.task for file in files}, key=lambda task: -sum(file.task == task for file in files)):
        parts += [f"## {task}", "", _row("file", "what it is", "input", "parameters", "multiply-adds", "recipe",
                                         "published", "ours"), "|---|---|---|---:|---:|---|---|---|"]
        parts += [*(file.row() for file in files if file.task == task), ""]
    library = [f"* [{path.name}](../networks/lib/{path.name}): {about(path.read_text()).what}."
               for path in sorted((shipped("networks") / "lib").glob("*.net"))]
    return "\n".join([*parts, "## The library", "", "Compositions to `include`:", "", *library]).rstrip() + "\n"


def _relative(path: Path) -> str:
    """The path as messages show it, from where the command runs if that is above the file."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
