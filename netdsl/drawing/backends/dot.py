"""A diagram in DOT, Graphviz's language: for those who want to lay it out or restyle it themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .. import palette
from ..graph.diagram import Box, Diagram, Group, parameter_text, repeat_text


def dot(diagram: Diagram, *, to_the_right: bool = False) -> str:
    """The diagram as a `digraph`, groups as clusters, with a legend."""
    lines = [
        "digraph network {",
        f"  graph [rankdir={'LR' if to_the_right else 'TB'}, fontname=Helvetica, label={_quoted(_title(diagram))},"
        " labelloc=t, labeljust=l, bgcolor=white]",
        '  node [shape=box, style="filled,rounded", fontname=Helvetica, fontsize=11, fontcolor=white]',
        f'  edge [fontname=Helvetica, fontsize=9, color="{palette.LINE}", fontcolor="{palette.FAINT}"]',
    ]
    for name in diagram.top:
        lines.extend(_item(diagram, name, "  "))
    lines.extend(_edges(diagram))
    lines.extend(_legend(diagram))
    return "\n".join([*lines, "}"]) + "\n"


def _title(diagram: Diagram) -> str:
    return "\n".join(text for text in (diagram.title, diagram.summary) if text)


def _item(diagram: Diagram, name: str, indent: str) -> Iterator[str]:
    if name in diagram.box:
        yield f"{indent}{_box(diagram.box[name])}"
        return
    group = diagram.group[name]
    yield f"{indent}subgraph {_quoted('cluster_' + name)} {{"
    yield f"{indent}  label={_quoted(group_text(group))}; style=rounded; color=\"{palette.BORDER}\""
    for member in group.members:
        yield from _item(diagram, member, indent + "  ")
    yield f"{indent}}}"


def _box(box: Box) -> str:
    if box.role == "layer":
        look = f'fillcolor="{palette.paint(box.family).color}"'
    else:
        color = palette.ROLES[box.role].color
        style = "rounded" if box.role == "group" else "dashed,rounded"
        look = f'style="{style}", color="{color}", fontcolor="{color}"'
    wide = ", penwidth=3" if box.is_output else ""
    label = _quoted("\n".join(box_lines(box)))
    return f"{_quoted(box.name)} [label={label}, {look}{wide}, tooltip={_quoted(box.place)}]"


def _edges(diagram: Diagram) -> Iterator[str]:
    for edge in diagram.edges:
        looks = [f"label={_quoted(edge.shape)}"]
        if is_dashed(diagram, edge.source, edge.target) or edge.feedback:
            looks.append("style=dashed")
        if edge.feedback:
            looks.append("constraint=false")
        yield f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{', '.join(looks)}]"


def _legend(diagram: Diagram) -> Iterator[str]:
    if not diagram.families:
        return
    yield f'  subgraph cluster_legend {{ label="colours"; style=rounded; color="{palette.BORDER}"'
    for family in diagram.families:
        paint = palette.paint(family)
        yield f'    {_quoted("legend " + family)} [label={_quoted(paint.words)}, fillcolor="{paint.color}"]'
    yield "  }"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# -- shared with the other languages for graphs -----------------------------------------------------


def box_lines(box: Box) -> list[str]:
    """What a box says, as lines: name and layer, options, parameters, what is folded into it."""
    name = box.label + (f" {repeat_text(box)}" if box.repeat > 1 else "")
    lines = [f"{name}: {box.layer}" if box.layer else name, ", ".join(box.options)]
    lines.append(f"{box.nodes} layers" if box.role == "group" else "")
    lines.append(parameter_text(box))
    if box.shares:
        lines.append("shared weights" if box.shares == box.name else f"weights of {box.shares}")
    return [line for line in (*lines, *(folded.text for folded in box.folded)) if line]


def group_text(group: Group) -> str:
    """`main x3`, and its parameters."""
    name = group.label + (f" {repeat_text(group)}" if group.repeat > 1 else "")
    return f"{name} ({parameter_text(group)})" if group.total else name


def is_dashed(diagram: Diagram, source: str, target: str) -> bool:
    """Lines to and between criteria and metrics are dashed."""
    return any(diagram.box[name].role in ("criterion", "metric") for name in (source, target))
