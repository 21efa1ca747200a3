"""A diagram as text for the terminal: one line for each box, the connections drawn as lanes at the left.

    o       features                Input                           227 x 227 x 3
    o       conv1                   Convolutional, 96 filters ...   55 x 55 x 96       34,944
    |-.     main
    o |       conv2                 ...
    o-'     sum                     Plus + ReLU
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..graph.diagram import Box, Diagram, Group, parameter_text, repeat_text

#: Pieces of lanes: a box, a lane, a line across, where lanes part, end and cross.
_UNICODE = {"box": "●", "data": "○", "lane": "│", "across": "─", "part": "├", "turn": "╮", "end": "╯", "join": "┴",
            "cross": "┼", "group": "▾", "back": "↺"}
_ASCII = {"box": "*", "data": "o", "lane": "|", "across": "-", "part": "|", "turn": ".", "end": "'", "join": "'",
          "cross": "+", "group": "+", "back": "back"}

#: Narrower than this a column of text says nothing.
_LEAST = 12


def text(diagram: Diagram, width: int = 100, *, ascii_only: bool = False) -> str:
    """The diagram in at most `width` columns where that leaves room for the text."""
    marks = _ASCII if ascii_only else _UNICODE
    rows = list(_Lanes(diagram, marks).rows())
    lanes = max((len(row.lanes) for row in rows), default=0)
    head = [diagram.title, *([diagram.summary] if diagram.summary else []), ""]
    drawn = [*head, *_columns(rows, lanes, width)]
    if any(box.role == "data" for box in diagram.boxes):
        drawn += ["", f"{marks['data']} is data; (loss) and (metric) are computed from the outputs."]
    return "\n".join(drawn) + "\n"


@dataclass(frozen=True)
class _Row:
    lanes: str
    name: str = ""
    does: str = ""
    shape: str = ""
    parameters: str = ""


def _columns(rows: list[_Row], lanes: int, width: int) -> Iterator[str]:
    """The rows with their columns aligned; the longest texts give way first."""
    shape = max((len(row.shape) for row in rows), default=0)
    count = max((len(row.parameters) for row in rows), default=0)
    room = max(width - lanes - shape - count - 8, 3 * _LEAST)
    name = min(max((len(row.name) for row in rows if row.does), default=0), max(room // 2, _LEAST))
    does = min(max((len(row.does) for row in rows), default=0), max(room - name, _LEAST))
    for row in rows:
        if not row.does:  # a heading of a group, or lanes alone
            yield f"{row.lanes:<{lanes}}  {row.name}".rstrip()
            continue
        yield (f"{row.lanes:<{lanes}}  {_cut(row.name, name):<{name}}  {_cut(row.does, does):<{does}}  "
               f"{row.shape:<{shape}}  {row.parameters:>{count}}").rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 3, 1)] + "..."


def _does(box: Box) -> str:
    """`Convolutional 96 filters, 11 x 11 + ReLU`."""
    what = f"{box.layer or f'{box.nodes} layers'} {', '.join(box.options)}".strip()
    what = " + ".join((what, *(folded.text for folded in box.folded)))
    if box.repeat > 1:
        what = f"{repeat_text(box)}  {what}"
    notes = {"criterion": " (loss)", "metric": " (metric)"}.get(box.role, "")
    notes += " (output)" if box.is_output else ""
    if box.shares:
        notes += " (shared weights)" if box.shares == box.name else f" (weights of {box.shares})"
    return what + notes


@dataclass
class _Lanes:
    """Walks over the boxes with the values that are still wanted, each in a slot at the left."""

    diagram: Diagram
    marks: dict[str, str]
    slots: list[str] = field(default_factory=list)  #: the box whose value is in each slot; empty: free
    wanted: dict[str, int] = field(default_factory=dict)  #: uses of each value still to come
    inside: tuple[str, ...] = ()

    def rows(self) -> Iterator[_Row]:
        users: dict[str, set[str]] = {}
        for edge in self.diagram.edges:
            if not edge.feedback:
                users.setdefault(edge.source, set()).add(edge.target)
        self.wanted = {source: len(targets) for source, targets in users.items()}
        for box in self.order():
            yield from self.headings(box)
            yield from self.box(box)

    def order(self) -> list[Box]:
        """Boxes in the order of the file, what has no inputs just before its first use."""
        order: dict[str, Box] = {}
        for box in self.diagram.boxes:
            sources = [edge.source for edge in self.diagram.incoming[box.name]]
            if not sources and box.name in self.wanted:
                continue
            for source in sources:
                if not self.diagram.incoming[source]:
                    order.setdefault(source, self.diagram.box[source])
            order[box.name] = box
        return [*order.values(), *(box for box in self.diagram.boxes if box.name not in order)]

    def headings(self, box: Box) -> Iterator[_Row]:
        """A line for each group that begins here."""
        path: list[str] = []
        name = self.diagram.parent.get(box.name, "")
        while name:
            path.insert(0, name)
            name = self.diagram.group[name].parent
        common = 0
        while common < min(len(path), len(self.inside)) and path[common] == self.inside[common]:
            common += 1
        for level in range(common, len(path)):
            heading = _heading(self.diagram.group[path[level]])
            yield _Row(self.lanes({}), f"{'  ' * level}{self.marks['group']} {heading}")
        self.inside = tuple(path)

    def box(self, box: Box) -> Iterator[_Row]:
        edges = self.diagram.incoming[box.name]
        inputs = list(dict.fromkeys(edge.source for edge in edges if not edge.feedback))
        for source in inputs:
            self.wanted[source] -= 1
            if self.wanted[source]:
                yield _Row(self.fork(self.slots.index(source)))
        taken = sorted(self.slots.index(source) for source in inputs)
        at = taken[0] if taken else self.free(0)
        row = self.row_of(box, at, taken)
        back = ", ".join(edge.source for edge in edges if edge.feedback)
        does = _does(box) + (f" ({self.marks['back']} {back})" if back else "")
        for slot in taken:
            self.slots[slot] = ""
        self.slots[at] = box.name if self.wanted.get(box.name) else ""
        while self.slots and not self.slots[-1]:
            self.slots.pop()
        shape = "" if box.role in ("criterion", "metric") else box.shape
        parameters = parameter_text(box).removesuffix(" parameters")
        yield _Row(row, "  " * len(self.inside) + box.label, does, shape, parameters)

    def free(self, after: int) -> int:
        """The first free slot from `after` on."""
        for slot in range(after, len(self.slots)):
            if not self.slots[slot]:
                return slot
        self.slots.append("")
        return len(self.slots) - 1

    def fork(self, slot: int) -> str:
        """Part a lane: the branch stays for the box that follows, the rest moves to a free slot."""
        rest = self.free(slot + 1)
        row = self.lanes({slot: "part", rest: "turn"}, (slot, rest))
        # `index` finds the leftmost: the branch. The rest keeps the name and is found when the branch is gone.
        self.slots[rest] = self.slots[slot]
        return row

    def row_of(self, box: Box, at: int, taken: list[int]) -> str:
        marks = dict.fromkeys(taken[1:-1], "join") | {taken[-1]: "end"} if len(taken) > 1 else {}
        return self.lanes(marks | {at: "data" if box.role == "data" else "box"}, (at, taken[-1] if taken else at))

    def lanes(self, marks: dict[int, str], across: tuple[int, int] = (0, 0)) -> str:
        """One line of lanes with marks in some slots, and a line across from one slot to another."""
        line = ""
        for slot in range(max(len(self.slots), *(slot + 1 for slot in marks), 0) if marks else len(self.slots)):
            over = across[0] < slot < across[1]
            occupied = slot < len(self.slots) and self.slots[slot]
            kind = marks.get(slot) or ("cross" if over and occupied else "across" if over
                                       else "lane" if occupied else "")
            line += self.marks[kind] if kind else " "
            line += self.marks["across"] if across[0] <= slot < across[1] else " "
        return line.rstrip()


def _heading(group: Group) -> str:
    repeat = f"  {repeat_text(group)}" if group.repeat > 1 else ""
    count = parameter_text(group)
    return f"{group.label}{repeat}" + (f"  ({count})" if count else "")
