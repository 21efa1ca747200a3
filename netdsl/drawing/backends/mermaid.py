"""A diagram in Mermaid, which GitHub, GitLab and most wikis draw where it stands in a page."""

from __future__ import annotations

from collections.abc import Iterator

from .. import palette
from ..graph.diagram import Box, Diagram
from .dot import box_lines, group_text, is_dashed


def mermaid(diagram: Diagram, *, to_the_right: bool = False) -> str:
    """The diagram as a `flowchart`, groups as subgraphs, one class of boxes for each family, with a legend."""
    names = {box.name: f"n{number}" for number, box in enumerate(diagram.boxes, 1)}
    names |= {group.name: f"g{number}" for number, group in enumerate(diagram.groups, 1)}
    title = ["---", f"title: {_escaped_title(diagram.title)}", "---"]
    lines = [*title, f"flowchart {'LR' if to_the_right else 'TB'}"]
    for name in diagram.top:
        lines.extend(_item(diagram, names, name, "  "))
    for edge in diagram.edges:
        arrow = "-.->" if edge.feedback or is_dashed(diagram, edge.source, edge.target) else "-->"
        lines.append(f'  {names[edge.source]} {arrow}|"{_escaped(edge.shape)}"| {names[edge.target]}')
    lines.extend(_legend(diagram))
    lines.extend(_classes(diagram))
    return "\n".join(lines) + "\n"


def _item(diagram: Diagram, names: dict[str, str], name: str, indent: str) -> Iterator[str]:
    if name in diagram.box:
        box = diagram.box[name]
        text = "<br>".join(_escaped(line) for line in box_lines(box))
        yield f'{indent}{names[name]}["{text}"]:::{_class(box)}'
        return
    group = diagram.group[name]
    yield f'{indent}subgraph {names[name]}["{_escaped(group_text(group))}"]'
    for member in group.members:
        yield from _item(diagram, names, member, indent + "  ")
    yield f"{indent}end"


def _class(box: Box) -> str:
    """A class of Mermaid; the prefix keeps families apart from its keywords."""
    name = f"f_{box.family}" if box.role == "layer" else f"r_{box.role}"
    return f"{name}_output" if box.is_output else name


def _legend(diagram: Diagram) -> Iterator[str]:
    if not diagram.families:
        return
    yield '  subgraph legend["colours"]'
    for number, family in enumerate(diagram.families, 1):
        yield f'    l{number}["{_escaped(palette.words(family))}"]:::f_{family}'
    yield "  end"


def _classes(diagram: Diagram) -> Iterator[str]:
    found = dict.fromkeys([*(_class(box) for box in diagram.boxes), *(f"f_{family}" for family in diagram.families)])
    for name in found:
        kind, _, rest = name.removesuffix("_output").partition("_")
        wide = ",stroke-width:4px" if name.endswith("_output") else ""
        if kind == "f":
            yield f"  classDef {name} fill:{palette.paint(rest).color},stroke:{palette.TEXT},color:#ffffff{wide}"
        else:
            dashes = "" if rest == "group" else ",stroke-dasharray:5 4"
            color = palette.ROLES[rest].color
            yield f"  classDef {name} fill:#ffffff,stroke:{color},color:{color}{dashes}{wide}"


def _escaped(text: str) -> str:
    """Mermaid's own entities, for what would end the text or be read as markup."""
    marks = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": " "}
    return "".join(marks.get(character, character) for character in text)


def _escaped_title(text: str) -> str:
    """A title is a YAML string."""
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"
