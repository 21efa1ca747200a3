"""Which groups are classes: groups built alike share one, and what differs between them are its arguments."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...base.source import Span
from ...layers.torch_form import Call
from .leaves import Leaf, identifier
from .module_groups import Group, Step

#: Where a value of a constructor stands: the names of the steps that lead there, the argument.
Slot = tuple[tuple[str, ...], str]
Signature = tuple[Any, ...]


@dataclass
class Class:
    """Groups that are built alike. `parameters`: name -> the slot whose value it is."""

    name: str
    groups: list[Group]
    parameters: dict[str, Slot] = field(default_factory=dict)
    by_slot: dict[Slot, str] = field(default_factory=dict)


class Classes:
    """Every group of a network with its class, or as a chain that `nn.Sequential` holds."""

    def __init__(self, root: Group, taken: Sequence[str]) -> None:
        self.root = root
        self.signatures: dict[int, Signature] = {}
        self.groups = list(_inner(root))  # inner ones first
        for group in (*self.groups, root):
            self.signatures[id(group)] = self._signature(group)
        sites: dict[Signature, set[tuple[Signature, str]]] = {}
        for group in (*self.groups, root):
            for step in group.steps:
                if isinstance(step.item, Group):
                    sites.setdefault(self.of(step.item), set()).add((self.of(group), step.name))
        self.inline = {signature for signature, places in sites.items() if self._is_inline(signature, len(places))}
        self.classes: dict[Signature, Class] = {}
        self.taken = {*taken, "OrderedDict", "F", "None", "True", "False"}
        for group in self.groups:
            if self.of(group) not in self.inline:
                self.classes.setdefault(self.of(group), Class("", [])).groups.append(group)
        for signature, made in self.classes.items():  # inner ones come first
            made.name = self._class_name(signature, made)
            self._parametrize(made)

    def of(self, group: Group) -> Signature:
        return self.signatures[id(group)]

    def class_of(self, group: Group) -> Class | None:
        """None: the group is a chain inside what holds it."""
        return self.classes.get(self.of(group))

    def arguments(self, group: Group, made: Class) -> dict[str, Any]:
        """The values that a class gets for one of its groups."""
        slots = dict(self.slots(group))
        return {name: slots[slot] for name, slot in made.parameters.items()}

    def slots(self, group: Group, path: tuple[str, ...] = ()) -> Iterator[tuple[Slot, Any]]:
        """Every value that a constructor inside gets: of modules, of classes, and of chains all the way down."""
        for step in group.steps:
            here = (*path, step.name)
            if isinstance(step.item, Group):
                made = self.class_of(step.item)
                if made is None:
                    yield from self.slots(step.item, here)
                else:
                    yield from (((here, name), value) for name, value in self.arguments(step.item, made).items())
            elif step.item.form.module is not None:
                yield from (((here, argument.name), argument.value) for argument in step.item.form.module.arguments)

    # -- groups that are built alike ------------------------------------------------------------------

    def _signature(self, group: Group) -> Signature:
        """All there is of a group but the values that its constructors get."""
        known = {value: ("in", k) for k, value in enumerate(group.inputs)}
        known |= {step.value: ("step", k) for k, step in enumerate(group.steps)}
        places = {step.item.node.name: k for k, step in enumerate(group.steps) if isinstance(step.item, Leaf)}
        parts = tuple((step.name, tuple(known[value] for value in step.inputs),
                       self.of(step.item) if isinstance(step.item, Group) else _leaf(step.item, places))
                      for step in group.steps)
        return (parts, known[group.value], len(group.inputs)) if group is not self.root else (parts,)

    def _is_inline(self, signature: Signature, sites: int) -> bool:
        """A chain becomes `nn.Sequential` where it stands, unless several places have the same; a stack of numbered
        blocks (`block1`, `block2`) always.
        """
        group = next(group for group in self.groups if self.of(group) == signature)
        labels = {re.sub(r"\d+$", "", step.name) for step in group.steps}
        is_stack = len(labels) == 1 and all(isinstance(step.item, Group) for step in group.steps)
        return is_chain(group) and (sites == 1 or is_stack)

    # -- names and parameters -------------------------------------------------------------------------

    def _class_name(self, signature: Signature, made: Class) -> str:
        group = made.groups[0]
        parent = next((other for other in (*self.groups, self.root)
                       if any(step.item is group for step in other.steps)), self.root)
        wanted = _made_by(group)
        if wanted is None or wanted == _made_by(parent):
            wanted = camel_case(_common(group.path.rpartition(".")[2] for group in made.groups)) or "Part"
        name = next(name for k in range(1, len(self.classes) + 2)
                    if (name := wanted if k == 1 else f"{wanted}{k}") not in self.taken)
        self.taken.add(name)
        return name

    def _parametrize(self, made: Class) -> None:
        """Slots that differ between the groups become parameters; those that differ alike, one."""
        rows = [dict(self.slots(group)) for group in made.groups]
        by_values: dict[tuple[Any, ...], list[Slot]] = {}
        for slot in rows[0]:
            values = tuple(row[slot] for row in rows)
            if any(value != values[0] or type(value) is not type(values[0]) for value in values):
                by_values.setdefault(values, []).append(slot)
        alike = [slots[0][1] for slots in by_values.values()]
        for slots in by_values.values():
            path, argument = slots[0]
            wanted = argument if alike.count(argument) == 1 else "_".join(
                (*path, *(() if argument == "out_channels" else (argument,))))
            name = next(name for k in range(1, len(by_values) + 2) if (
                name := identifier(wanted) if k == 1 else f"{identifier(wanted)}_{k}") not in made.parameters)
            made.parameters[name] = slots[0]
            made.by_slot |= dict.fromkeys(slots, name)


def is_chain(group: Group) -> bool:
    """Whether every step takes what the one before it gives, and each is a module."""
    before = group.inputs[0]
    for step in group.steps:
        if step.inputs != (before,) or (isinstance(step.item, Leaf) and (
                not step.item.modules or step.item.owner != step.item.node.name)) or (
                isinstance(step.item, Group) and len(step.item.inputs) > 1):
            return False
        before = step.value
    return len(group.inputs) == 1


def _inner(group: Group) -> Iterator[Group]:
    """The groups inside a group, inner ones first."""
    for step in group.steps:
        if isinstance(step.item, Group):
            yield from _inner(step.item)
            yield step.item


def _leaf(leaf: Leaf, places: Mapping[str, int]) -> Signature:
    form = leaf.form
    module = (form.module.name, tuple((a.name, a.default, a.positional) for a in form.module.arguments)) \
        if form.module is not None else None
    return (form.expression, leaf.lines, module, tuple(map(_whole, form.before)), _whole(form.as_module), leaf.raw,
            tuple(form.own.items()), places.get(leaf.owner))


def _whole(call: Call | None) -> Any:
    return None if call is None else (call.name, tuple((a.name, a.value) for a in call.arguments))


def _common(names: Iterable[str]) -> str:
    """What the names of groups have in common: `block` of `block1` and `block2`; where that is nothing, the first."""
    known = list(dict.fromkeys(names))
    columns = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*known, strict=False))
    together = "".join(column[0] for column in columns) or known[0]
    return together if len(known) == 1 and "x" in together else re.sub(r"\d+$", "", together)


def _made_by(group: Group) -> str | None:
    """The function of the file that makes a group: the innermost that all of its layers come from."""
    traces = [leaf.node.trace for leaf in group.leaves()]
    common = [span for span in traces[0] if all(span in trace for trace in traces[1:])] if traces else []
    names = [name for span in common if (name := _called(span))]
    return names[0] if names else None


def _called(span: Span) -> str:
    """`Inception` of `Inception {64, 96}` and of `i => Inception {i}`; functions of the language make nothing."""
    found = re.match(r"(?:\w+\s*=>\s*)?([A-Z]\w*)\s*[{(]", span.text)
    name = found[1] if found else ""
    return "" if name in ("Sequential", "LayerStack") else name


def camel_case(text: str) -> str:
    """`resnet20_cifar10` -> `Resnet20Cifar10`, `01_OneHidden` -> `Network01OneHidden`."""
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)
    return name if not name or name[0].isalpha() else f"Network{name}"


__all__ = ["Class", "Classes", "Slot", "Step", "camel_case", "is_chain"]
