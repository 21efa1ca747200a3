"""A diagram as a scene: sizes of boxes from their text, colours by family, title and legend around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import palette
from .graph.diagram import Box, Diagram, Folded, Group, parameter_text, repeat_text
from .layout.place import SHEETS, BoxPlace, Layout, RoutedEdge, Size, place
from .scene import Cluster, Item, Line, Rect, Scene, Text
from .text_metrics import shorten, text_width

_NAME, _SMALL, _LABEL = 12.5, 11.0, 10.5
_HEADER, _LINE_HEIGHT, _STRIP = 24.0, 15.0, 17.0
_SIDE = 10.0  #: between a box's border and its text
_WIDEST_LINE = 230.0  #: body text is broken to this width
_MARGIN, _TOP = 28.0, 66.0
#: Roles of boxes that evaluate the network: dashed, as the lines to them are, and nothing else is.
_JUDGING = frozenset({"criterion", "metric"})


def draw_scene(diagram: Diagram, *, to_the_right: bool = False, wrap: bool = True) -> Scene:
    """The diagram with its layout, title and legend."""
    faces = box_faces(diagram)
    layout = lay_out_diagram(diagram, faces, to_the_right, wrap)
    legend = list(_legend(diagram))
    heading = max(text_width(diagram.title, 17, bold=True), text_width(diagram.summary, 12))
    width = max(layout.width, heading, min(_legend_width(legend), 620.0)) + 2 * _MARGIN
    left = (width - layout.width) / 2
    items: list[Item] = [Text(_MARGIN, 34, diagram.title, 17, palette.TEXT, bold=True),
                         Text(_MARGIN, 52, diagram.summary, 12, palette.FAINT)]
    items += _Painter(diagram, layout, faces, left, _TOP, to_the_right).items()
    below, legend_items = _draw_legend(legend, width, _TOP + layout.height + 24)
    return Scene(width, below + 18, f"{diagram.title}: network diagram", _description(diagram),
                 (*items, *legend_items), palette.BACKGROUND)


def lay_out_diagram(diagram: Diagram, faces: dict[str, _Face], to_the_right: bool = False, wrap: bool = True) -> Layout:
    """Where everything of the diagram stands, boxes as large as their texts."""
    sizes = {name: Size(face.width, face.height, text_width(face.label, _LABEL)) for name, face in faces.items()}
    titles = {group.name: _title_width(group) for group in diagram.groups}
    return place(diagram, sizes, titles, to_the_right=to_the_right, wrap=wrap)


def _description(diagram: Diagram) -> str:
    counted = f"{len(diagram.boxes)} boxes in {len(diagram.groups)} groups"
    data = ", ".join(box.name for box in diagram.boxes if box.role == "data")
    outputs = ", ".join(box.name for box in diagram.boxes if box.is_output)
    return ". ".join(part for part in (
        f"Network of {diagram.title}: {counted}", diagram.summary, f"Inputs: {data}" if data else "",
        f"Outputs: {outputs}" if outputs else "") if part) + "."


# -- boxes ------------------------------------------------------------------------------------------


@dataclass
class _Face:
    """The text of a box and the size that it needs."""

    name: str
    layer: str
    lines: list[str]
    strips: list[Folded]
    label: str  #: the shape beside its way out
    width: float
    height: float

    @staticmethod
    def of(diagram: Diagram, box: Box) -> _Face:
        name = shorten(box.label, _NAME, 260, bold=True)
        layer = "" if box.label.rpartition(".")[2].rstrip("0123456789").lower() == box.layer.lower() else box.layer
        lines = _lines(box)
        head = text_width(name, _NAME, bold=True) + (14 + text_width(layer, _SMALL) if layer else 0)
        head += _badge_width(box) if box.repeat > 1 else 0
        strips = [text_width(folded.text, _SMALL) for folded in box.folded]
        inner = max(head, *(text_width(line, _SMALL) for line in lines), *strips, 76)
        arrivals = len(diagram.incoming[box.name])
        width = max(inner + 2 * _SIDE, 24 + 10 * arrivals)
        body = len(lines) * _LINE_HEIGHT + 8 if lines else 0
        height = _HEADER + body + _STRIP * len(box.folded)
        label = "" if box.role in ("criterion", "metric") else box.shape
        return _Face(name, layer, lines, list(box.folded), label, width, height)


def box_faces(diagram: Diagram) -> dict[str, _Face]:
    """What each box says, and how large that makes it."""
    faces = {box.name: _Face.of(diagram, box) for box in diagram.boxes}
    _same_widths(diagram, faces)
    return faces


def _lines(box: Box) -> list[str]:
    lines: list[str] = []
    for option in box.options:
        if lines and text_width(f"{lines[-1]}, {option}", _SMALL) <= _WIDEST_LINE:
            lines[-1] += f", {option}"
        else:
            lines.append(option)
    lines = [shorten(line, _SMALL, _WIDEST_LINE) for line in lines]
    if box.role == "group":
        lines.append(f"{box.nodes} layers" if box.nodes > 1 else "1 layer")
    if text := parameter_text(box):
        lines.append(text)
    if box.shares:
        lines.append("shared weights" if box.shares == box.name else f"weights of {box.shares}")
    return lines


def _same_widths(diagram: Diagram, faces: dict[str, _Face]) -> None:
    """Boxes of one group have one width; a box with much more text than the others keeps its own."""
    groups: dict[str, list[_Face]] = {}
    for name, face in faces.items():
        groups.setdefault(diagram.parent.get(name, ""), []).append(face)
    for members in groups.values():
        widths = sorted(face.width for face in members)
        common = max((width for width in widths if width <= 1.7 * widths[len(widths) // 2]), default=0.0)
        for face in members:
            face.width = max(face.width, common)


def _title_width(group: Group) -> float:
    width = text_width(_title(group), _NAME, bold=True)
    width += _badge_width(group) if group.repeat > 1 else 0
    return width + (10 + text_width(parameter_text(group), _LABEL) if group.parameters else 0)


def _title(group: Group) -> str:
    return shorten(group.label, _NAME, 300, bold=True)


# -- painting ---------------------------------------------------------------------------------------


@dataclass
class _Painter:
    diagram: Diagram
    layout: Layout
    faces: dict[str, _Face]
    left: float
    top: float
    to_the_right: bool

    def items(self) -> Iterator[Item]:
        for number, group in enumerate(self.diagram.groups):
            yield self.frame(group, number)
        yield from self.wires()
        for box in self.diagram.boxes:
            yield from self.label(box)
        for box in self.diagram.boxes:
            yield self.box(box)

    def moved(self, spot: BoxPlace) -> BoxPlace:
        return BoxPlace(spot.x + self.left, spot.y + self.top, spot.width, spot.height)

    def frame(self, group: Group, number: int) -> Item:
        spot = self.moved(self.layout.groups[group.name])
        level, parent = 0, group.parent
        while parent:
            level, parent = level + 1, self.diagram.group[parent].parent
        fill = palette.FRAMES[level % len(palette.FRAMES)]
        items: list[Item] = _sheets(spot, fill, palette.BORDER, 10) if group.repeat > 1 else []
        items.append(_rect(spot, 10, fill=fill, stroke=palette.BORDER))
        x, y = self.layout.titles[group.name]
        x, y = x + self.left, y + self.top
        items.append(Text(x, y, _title(group), _NAME, palette.TEXT, bold=True))
        x += text_width(_title(group), _NAME, bold=True) + 8
        if group.repeat > 1:
            x += _badge_width(group)
            items += _badge(x - 8, y - 12, group)
        items.append(Text(x, y, parameter_text(group), _LABEL, palette.FAINT))
        return Cluster(tuple(items), f"{group.name}: {group.nodes} layers", "group")

    def wires(self) -> Iterator[Item]:
        for wire in self.layout.wires:
            dashed = self.evaluates(wire)
            color = palette.RETURN if wire.feedback else palette.LINE
            points = tuple((x + self.left, y + self.top) for x, y in wire.points)
            marks = {self.diagram.box[end].mark for end in (wire.source, wire.target) if end in self.diagram.box}
            color = next((palette.MARKS[mark][1].color for mark in ("removed", "added") if mark in marks), color)
            line = Line(points, color, 1.4, 7, dashed, arrow=wire.target in self.diagram.box)
            title = f"{wire.source}: {self.diagram.box[wire.source].shape}"
            yield Cluster((line,), title, "edge")

    def evaluates(self, wire: RoutedEdge) -> bool:
        """Whether a line only serves criteria and metrics; one that ends at a frame serves what it leads to inside."""
        ends = [edge.target for edge in self.diagram.outgoing[wire.source]
                if wire.target in (edge.target, *self.diagram.around(edge.target))]
        roles = {self.diagram.box[name].role for name in ends}
        return self.diagram.box[wire.source].role in _JUDGING or (bool(roles) and roles <= _JUDGING)

    def label(self, box: Box) -> Iterator[Item]:
        spot, face = self.moved(self.layout.boxes[box.name]), self.faces[box.name]
        behind = SHEETS if box.repeat > 1 else 0.0
        if self.to_the_right:
            yield Text(spot.right + behind + 7, spot.y + spot.height / 2 - 5, face.label, _LABEL, palette.FAINT)
        elif box.name in self.layout.upwards:
            yield Text(spot.x + spot.width / 2 + 7, spot.y - 6, face.label, _LABEL, palette.FAINT)
        else:
            yield Text(spot.x + spot.width / 2 + 7, spot.bottom + behind + 14, face.label, _LABEL, palette.FAINT)

    def box(self, box: Box) -> Item:
        spot, face = self.moved(self.layout.boxes[box.name]), self.faces[box.name]
        is_layer = box.role == "layer"
        color = self.color(box)
        head_ink, layer_ink = ("#ffffff", "#e4eaf1") if is_layer else (color, palette.FAINT)
        fill = palette.CLOSED if box.role == "group" else "#ffffff"
        items: list[Item] = _sheets(spot, fill, color, 6) if box.repeat > 1 else []
        items.append(_rect(spot, 6, fill=fill))
        if is_layer:
            alone = face.height <= _HEADER
            items.append(Rect(spot.x, spot.y, spot.width, _HEADER, color, top_radius=6, bottom_radius=6 * alone))
        items.append(Text(spot.x + _SIDE, spot.y + 16.5, face.name, _NAME, head_ink, bold=True))
        right = spot.right - _SIDE
        if box.repeat > 1:
            items += _badge(right, spot.y + 4, box)
            right -= _badge_width(box)
        items.append(Text(right, spot.y + 16.5, face.layer, _SMALL, layer_ink, anchor="end"))
        for number, line in enumerate(face.lines):
            y = spot.y + _HEADER + 4 + (number + 1) * _LINE_HEIGHT - 4
            ink = palette.FAINT if line.endswith(("parameters", "weights")) else palette.TEXT
            items.append(Text(spot.x + _SIDE, y, line, _SMALL, ink))
        items += self.strips(face, spot)
        items.append(_rect(spot, 6, stroke=color, stroke_width=2.4 if box.is_output else 1.2,
                           dashed=box.role in _JUDGING))
        return Cluster(tuple(items), self.tooltip(box), f"box {box.role}")

    def color(self, box: Box) -> str:
        """By what is said of the box, where that is what the drawing is about; else by its family or role."""
        if self.diagram.is_marked and (box.mark or box.role == "layer"):
            return palette.MARKS[box.mark][1].color
        return palette.paint(box.family).color if box.role == "layer" else palette.ROLES[box.role].color

    def strips(self, face: _Face, spot: BoxPlace) -> Iterator[Item]:
        y = spot.bottom - _STRIP * len(face.strips)
        for number, folded in enumerate(face.strips):
            radius = 6 if number == len(face.strips) - 1 else 0
            color = palette.MARKS[""][1].color if self.diagram.is_marked else palette.paint(folded.family).color
            yield Rect(spot.x, y, spot.width, _STRIP, color, bottom_radius=radius)
            yield Text(spot.x + spot.width / 2, y + 12.5, folded.text, _SMALL, "#ffffff", anchor="middle")
            y += _STRIP

    def tooltip(self, box: Box) -> str:
        parts = [f"{box.name} ({box.layer or f'{box.nodes} layers'})", ", ".join(box.options), parameter_text(box),
                 *(f"then {folded.name}: {folded.text}" for folded in box.folded),
                 f"output {box.shape}" if box.shape else "",
                 f"{repeat_text(box)}: {box.label}" if box.repeat > 1 else "", box.place]
        return "\n".join(part for part in parts if part)


def _rect(spot: BoxPlace, radius: float, *, fill: str | None = None, stroke: str | None = None,
          stroke_width: float = 1.0, dashed: bool = False) -> Rect:
    return Rect(spot.x, spot.y, spot.width, spot.height, fill, stroke, stroke_width, radius, radius, dashed)


def _sheets(spot: BoxPlace, fill: str, stroke: str, radius: float) -> list[Item]:
    """Two sheets that stick out behind a repeated box."""
    return [_rect(BoxPlace(spot.x + shift, spot.y + shift, spot.width, spot.height), radius, fill=fill, stroke=stroke)
            for shift in (SHEETS, SHEETS / 2)]


def _badge(right: float, y: float, item: Box | Group) -> list[Item]:
    """The number of repetitions; `right` is where the badge ends."""
    width = _badge_width(item) - 8
    return [Rect(right - width, y, width, 16, palette.TEXT, top_radius=8, bottom_radius=8),
            Text(right - width / 2, y + 12, repeat_text(item), _SMALL, "#ffffff", bold=True, anchor="middle")]


def _badge_width(item: Box | Group) -> float:
    """With the room beside it."""
    return max(26.0, text_width(repeat_text(item), _SMALL, bold=True) + 14) + 8


# -- legend -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    words: str
    color: str
    outlined: bool = False
    dashed: bool = False
    bold: bool = False
    fill: str = ""


def _legend(diagram: Diagram) -> Iterator[_Entry]:
    if diagram.is_marked:
        kinds = {box.mark for box in diagram.boxes}
        yield from (_Entry(f"{sign} {paint.words}".strip(), paint.color) for kind, (sign, paint) in
                    palette.MARKS.items() if kind in kinds)
        return
    for family in diagram.families:
        yield _Entry(palette.paint(family).words, palette.paint(family).color)
    roles = dict.fromkeys(box.role for box in diagram.boxes if box.role != "layer")
    for role in roles:
        paint = palette.ROLES[role]
        yield _Entry(paint.words, paint.color, fill=palette.CLOSED) if role == "group" else _Entry(
            paint.words, paint.color, outlined=True, dashed=role in _JUDGING)
    if any(edge.feedback for edge in diagram.edges):
        yield _Entry("back to an earlier step", palette.RETURN)
    if any(box.is_output for box in diagram.boxes):
        yield _Entry("output", palette.TEXT, bold=True)


def _entry_width(entry: _Entry) -> float:
    return 22 + text_width(entry.words, _SMALL) + 18


def _legend_width(entries: list[_Entry]) -> float:
    return sum(_entry_width(entry) for entry in entries)


def _draw_legend(entries: list[_Entry], width: float, y: float) -> tuple[float, list[Item]]:
    """The legend in as many lines as it takes; where it ends, and its items."""
    items: list[Item] = []
    x = _MARGIN
    for entry in entries:
        if x > _MARGIN and x + _entry_width(entry) > width - _MARGIN:
            x, y = _MARGIN, y + 20
        outlined = entry.outlined or entry.bold or bool(entry.fill)
        fill = entry.fill or ("#ffffff" if outlined else entry.color)
        items.append(Rect(x, y, 15, 12, fill, entry.color if outlined else None, 2.2 if entry.bold else 1.2, 3, 3,
                          entry.dashed))
        items.append(Text(x + 22, y + 10, entry.words, _SMALL, palette.FAINT))
        x += _entry_width(entry)
    return y + 14, items
