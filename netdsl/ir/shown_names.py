"""What nodes are called where people read them: tables, progress, reports. Checkpoints and records of what was
run go by the nodes' own names, which never change with this."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ..base.source import Span
from .network import Node

#: A text longer than this is no name.
LONGEST = 40
#: What elaboration calls the nodes of operators.
_OPERATOR = re.compile(r"value\d+")


def shown_names(nodes: Sequence[Node], aliases: Mapping[str, str], evaluated: Sequence[str],
                written: Mapping[str, Span]) -> dict[str, str]:
    """Node -> the name a person would use, for the nodes that have another than their own.

    A member that stands for a node gives it its name. An unnamed criterion or metric goes by its text (`0.4 * se`)
    where that is short, or by its row's short name (`ce`, `errs`). An unnamed node inside a member's expression
    goes by the member: `y.sum` for the sum in `y = ReLU (main + shortcut)`. A name that two nodes would have, or
    that the file uses for something else, is nobody's.
    """
    found: dict[str, str] = {}
    for alias, node in aliases.items():
        found.setdefault(node, alias)
    unnamed = [node for node in nodes if node.name not in found]
    own = {node.name for node in unnamed if node.name in evaluated}
    taken = {*aliases, *(node.name for node in nodes)}
    members = {*aliases, *(node.name for node in nodes)}
    proposed = {node.name: _judged(node, written) if node.name in own else _inside(node, members) for node in unnamed}
    groups = Counter(name for name in proposed.values() if name)
    numbers: Counter[str] = Counter()
    for name, short in proposed.items():
        if not short:
            continue
        numbers[short] += 1
        text = short if groups[short] == 1 else "" if " " in short else f"{short}{numbers[short]}"
        if text and text not in taken:
            found[name] = text
            taken.add(text)
    return found


def _judged(node: Node, written: Mapping[str, Span]) -> str:
    """An unnamed criterion or metric: its text if it is made by operators, else what its row is called for short."""
    if _OPERATOR.fullmatch(node.name):
        span = written.get(node.name)
        text = " ".join(span.text.split()) if span is not None else ""
        return text if len(text) <= LONGEST else ""
    return node.layer.short_name() if _is_unnamed(node) else ""


def _inside(node: Node, members: set[str]) -> str:
    """An unnamed node in the expression of a member."""
    scope = node.name.rpartition(".")[0]
    if scope not in members or not _is_unnamed(node):
        return ""
    return f"{scope}.{node.layer.short_name() or node.layer.step_label()}"


def _is_unnamed(node: Node) -> bool:
    """Whether elaboration gave the name: the row's label and a number."""
    return re.fullmatch(rf"{re.escape(node.layer.step_label())}\d+", node.name.rpartition(".")[2]) is not None
