"""Classes and groups as the text of a PyTorch module."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...layers.layer import Shape
from ...layers.torch_form import Argument, Call
from .helpers import HELPERS
from .leaves import Leaf, identifier
from .module_groups import Group, Step
from .source_classes import Class, Classes, Slot

#: Columns of a line, as ruff and black count them by default.
WIDTH = 100
_LONGEST_NESTED = 60
#: What the axes of an image are called where their extents differ between the uses of a class.
_LETTERS = "CHW"


@dataclass(frozen=True)
class Header:
    """What stands above the classes, and the names of the network's inputs and outputs."""

    docstring: str
    class_name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]  #: nodes, with identities followed back


def module_text(root: Group, classes: Classes, shapes: dict[str, Shape], header: Header) -> str:
    """The whole file."""
    bodies = [_ClassText(classes, made.groups, made, shapes).text(made.name) for made in classes.classes.values()]
    whole = _ClassText(classes, [root], None, shapes, header).text(header.class_name)
    helpers = [HELPERS[name] for name in dict.fromkeys(
        name for leaf in root.leaves() for name in leaf.form.helpers)]
    parts = [text.rstrip("\n") for text in (*helpers, *bodies, whole)]
    code = "\n\n\n".join(parts)
    return f'"""{header.docstring}"""\n\n{_imports(code)}\n\n\n{code}\n'


def _imports(code: str) -> str:
    lines = ["from collections import OrderedDict", ""] if "OrderedDict(" in code else []
    lines += ["import torch"] if re.search(r"\btorch\.", code) else []
    lines += ["import torch.nn.functional as F"] if re.search(r"\bF\.", code) else []
    lines += ["from torch import nn"]
    return "\n".join(lines)


class _ClassText:
    """One class: of groups that are built alike, or the network itself."""

    def __init__(self, classes: Classes, groups: Sequence[Group], made: Class | None, shapes: dict[str, Shape],
                 header: Header | None = None) -> None:
        self.classes, self.groups, self.made, self.shapes, self.header = classes, groups, made, shapes, header
        self.group = groups[0]

    def text(self, name: str) -> str:
        parameters = "".join(f", {parameter}" for parameter in (self.made.parameters if self.made else ()))
        lines = [f"class {name}(nn.Module):"]
        lines += _wrapped("    def __init__(self", parameters, "):")
        lines += ["        super().__init__()"]
        for step in self.group.steps:
            lines += self._member(step)
        return "\n".join([*lines, "", *self._forward()])

    # -- what the module holds ------------------------------------------------------------------------

    def _member(self, step: Step) -> list[str]:
        item = step.item
        if isinstance(item, Leaf):
            if item.owner != item.node.name and any(
                    isinstance(other.item, Leaf) and other.item.node.name == item.owner for other in self.group.steps):
                return []
            if item.form.module is not None:
                return _indented(f"self.{step.name} = ", self._call(item.form.module, (step.name,)), 8)
            return [_raw_tensor(f"{step.name}_{own}", dims, learned) for own, dims, learned in item.raw]
        return _indented(f"self.{step.name} = ", self._group(item, (step.name,)), 8)

    def _group(self, group: Group, path: tuple[str, ...]) -> _Expression:
        """A class's constructor, or the chain of modules."""
        made = self.classes.class_of(group)
        if made is not None:
            values = self.classes.arguments(group, made)
            return _Expression(made.name, [f"{name}={self._value((path, name), value)}"
                                           for name, value in values.items()])
        entries: list[tuple[str, _Expression, str]] = []
        for step in group.steps:
            here = (*path, step.name)
            comment = self._shape(self._twins(here))
            if isinstance(step.item, Group):
                entries.append((step.name, self._group(step.item, here), comment))
                continue
            *before, last = step.item.modules
            entries += [(f"{step.name}_{_word(call.name)}", self._call(call, None), "") for call in before]
            entries.append((step.name, self._call(last, here), comment))
        return _Expression("nn.Sequential", [], entries)

    def _twins(self, path: tuple[str, ...]) -> list[str]:
        """The value of the step at a path, in every group of the class."""
        found = []
        for group in self.groups:
            value = ""
            for name in path:
                step = next(step for step in group.steps if step.name == name)
                value = step.value
                group = step.item if isinstance(step.item, Group) else group
            found.append(value)
        return found

    def _call(self, call: Call, path: tuple[str, ...] | None) -> _Expression:
        texts = [text for argument in call.arguments if (text := self._argument(argument, path)) is not None]
        return _Expression(call.name, texts)

    def _argument(self, argument: Argument, path: tuple[str, ...] | None) -> str | None:
        text = self._value((path, argument.name), argument.value) if path is not None else literal(argument.value)
        if argument.positional:
            return text
        is_parameter = path is not None and self.made is not None and (path, argument.name) in self.made.by_slot
        if not is_parameter and argument.default is not None and argument.value == argument.default:
            return None
        return f"{argument.name}={text}"

    def _value(self, slot: Slot, value: Any) -> str:
        name = self.made.by_slot.get(slot) if self.made is not None else None
        return name or literal(value)

    # -- what it computes -------------------------------------------------------------------------------

    def _forward(self) -> list[str]:
        group = self.group
        if self.header is not None:
            arguments = [identifier(name) for name in self.header.inputs]
        else:
            arguments = ["x"] if len(group.inputs) == 1 else [f"x{k}" for k in range(1, len(group.inputs) + 1)]
        names = dict(zip(group.inputs, arguments, strict=True))
        outputs = self.header.outputs if self.header is not None else (group.value,)
        lines = [f"    def forward(self, {', '.join(arguments)}):"]
        writer = _Statements(self, names, outputs)
        return lines + writer.lines()

    def _shape(self, values: Sequence[str]) -> str:
        """`(N, 96, 55, 55)`. An extent that differs between the groups is called as the parameter that has its values,
        or by a letter, with a dash where the input has another one there.
        """
        shapes = [self.shapes[value] for value in values]
        if not all(shape.batched and shape.rank == shapes[0].rank for shape in shapes):
            return ""
        columns = list(zip(*(shape.dims for shape in shapes), strict=True))
        return f"({', '.join(['N', *(self._extent(axis, column) for axis, column in enumerate(columns))])})"

    def _extent(self, axis: int, column: tuple[int, ...]) -> str:
        if len(set(column)) == 1:
            return str(column[0])
        parameter = next((name for name, values in self._parameter_values().items() if values == column), "")
        if axis == 0 and parameter:
            return parameter
        given = [self.shapes[group.inputs[0]].dims for group in self.groups]
        letter = _LETTERS[axis] if axis < len(_LETTERS) else f"D{axis}"
        same = all(axis < len(dims) and dims[axis] == extent for dims, extent in zip(given, column, strict=True))
        return letter if same else f"{letter}'"

    def _parameter_values(self) -> dict[str, tuple[Any, ...]]:
        if self.made is None:
            return {}
        rows = [self.classes.arguments(group, self.made) for group in self.groups]
        return {name: tuple(row[name] for row in rows) for name in self.made.parameters}


class _Statements:
    """The lines of `forward`: one for each step, functions wrapped round what they alone use."""

    def __init__(self, owner: _ClassText, names: dict[str, str], outputs: Sequence[str]) -> None:
        self.owner, self.names, self.outputs = owner, names, tuple(outputs)
        self.steps = owner.group.steps
        self.left: dict[str, int] = {}
        for step in self.steps:
            for value in step.inputs:
                self.left[value] = self.left.get(value, 0) + 1
        for value in self.outputs:
            self.left[value] = self.left.get(value, 0) + 1
        self.nested: dict[str, tuple[str, bool]] = {}
        self.local = set(names.values())

    def lines(self) -> list[str]:
        found: list[str] = []
        for place, step in enumerate(self.steps):
            before, text, is_atom = self._expression(step)
            found += [part for line in before for part in _broken(f"        {line}")]
            following = self.steps[place + 1] if place + 1 < len(self.steps) else None
            if re.fullmatch(r"self\.\w+", text) and (following is not None or self.outputs != (step.value,)):
                self.names[step.value] = text  # a tensor of the module's own
                continue
            if self._can_nest(step, following, text):
                self.nested[step.value] = (text, is_atom)
                continue
            comment = self.owner._shape([group.steps[place].value for group in self.owner.groups])
            last = following is None and self.outputs == (step.value,)
            head = "return " if last else f"{self._variable(step)} = "
            found += _commented(f"        {head}{text}", comment)
            if last:
                return found
        return [*found, f"        return {', '.join(self.names[value] for value in self.outputs)}"]

    def _expression(self, step: Step) -> tuple[list[str], str, bool]:
        """Lines that come before, the expression, and whether it needs no parentheses inside another one."""
        operands = [self._operand(value) for value in step.inputs]
        for value in step.inputs:
            self.left[value] -= 1
        if isinstance(step.item, Group):
            return [], f"self.{step.name}({', '.join(text for text, _ in operands)})", True
        leaf = step.item
        member = self._member_name(step, leaf)
        own = {own: f"self.{member}_{own}" for own, _, _ in leaf.raw}
        locals_ = [self._free(f"{identifier(step.name)}_{k}") for k in range(1, len(leaf.lines) + 1)]

        def filled(template: str) -> str:
            def place(found: re.Match[str]) -> str:
                key = found[1]
                if key == "self":
                    return f"self.{member}"
                if key.startswith("own:"):
                    return own[key[4:]]
                if key.startswith("line:"):
                    return locals_[int(key[5:])]
                text, is_atom = operands[int(key)]
                alone = template[: found.start()][-1:] in ("(", "") and template[found.end():][:1] in (")", ",", "")
                alone = alone or (template[: found.start()].endswith(", ") and template[found.end():][:1] in (")", ","))
                return text if is_atom or alone else f"({text})"

            return re.sub(r"\{([\w:]+)\}", place, template)

        before = [f"{name} = {filled(line)}" for name, line in zip(locals_, leaf.lines, strict=True)]
        expression = leaf.form.expression
        return before, filled(expression), _is_atom(expression)

    def _member_name(self, step: Step, leaf: Leaf) -> str:
        """The step that holds the tensors: its own, or the one that it shares them with."""
        return next((other.name for other in self.steps if isinstance(other.item, Leaf)
                     and other.item.node.name == leaf.owner), step.name)

    def _operand(self, value: str) -> tuple[str, bool]:
        return self.nested.get(value) or (self.names[value], True)

    def _can_nest(self, step: Step, following: Step | None, text: str) -> bool:
        """A function of what was just computed is written round it: `F.relu(self.conv1(x))`."""
        if following is None or isinstance(following.item, Group) or self.left.get(step.value) != 1:
            return False
        leaf = following.item
        template = leaf.form.expression
        once = step.value in following.inputs and template.count(f"{{{following.inputs.index(step.value)}}}") == 1
        plain = not leaf.holds_tensors and not leaf.lines and not leaf.form.helpers
        return once and plain and len(text) <= _LONGEST_NESTED

    def _variable(self, step: Step) -> str:
        """`x` for what the next step alone takes, where nothing else is called so; else the step's name."""
        place = self.steps.index(step)
        following = self.steps[place + 1] if place + 1 < len(self.steps) else None
        passing = following is not None and following.inputs.count(step.value) == self.left.get(step.value, 0)
        holders = [value for value, name in self.names.items() if name == "x" and self.left.get(value, 0) > 0]
        wanted = identifier(step.name.removesuffix("_activation"))
        self.names[step.value] = "x" if passing and not holders else self._free(wanted)
        return self.names[step.value]

    def _free(self, wanted: str) -> str:
        name = next(name for k in range(1, 10_000) if (name := wanted if k == 1 else f"{wanted}_{k}") not in self.local)
        self.local.add(name)
        return name


# --- lines ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Expression:
    """A call: arguments, or the entries of an OrderedDict with a comment each."""

    name: str
    arguments: Sequence[str]
    entries: Sequence[tuple[str, _Expression, str]] = ()

    @property
    def flat(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


def _indented(head: str, expression: _Expression, indent: int, tail: str = "", comment: str = "") -> list[str]:
    """`head` and the call, on as many lines as it takes, laid out as ruff does it."""
    space = " " * indent
    note = f"  # {comment}" if comment else ""
    if expression.entries:
        inner = [line for name, entry, shape in expression.entries
                 for line in _indented(f"{name}=", entry, indent + 8, ",", shape)]
        above = [f"{space}# {comment}"] if note else []
        return [*above, f"{space}{head}{expression.name}(", f"{space}    OrderedDict(", *inner, f"{space}    )",
                f"{space}){tail}"]
    line = f"{space}{head}{expression.flat}{tail}"
    if len(line) + len(note) <= WIDTH:
        return [line + note]
    if note and len(line) <= WIDTH:
        return [f"{space}# {comment}", line]
    above = [f"{space}# {comment}"] if note else []
    inside = ", ".join(expression.arguments)
    if len(inside) + indent + 4 <= WIDTH:
        return [*above, f"{space}{head}{expression.name}(", f"{space}    {inside}", f"{space}){tail}"]
    return [*above, f"{space}{head}{expression.name}(",
            *(f"{space}    {argument}," for argument in expression.arguments), f"{space}){tail}"]


def _raw_tensor(name: str, dims: tuple[int, ...], learned: bool) -> str:
    value = f"torch.zeros({dims})" if len(dims) != 1 else f"torch.zeros({dims[0]})"
    return f"        self.{name} = nn.Parameter({value})" if learned else \
        f'        self.register_buffer("{name}", {value})'


def _wrapped(head: str, inside: str, tail: str) -> list[str]:
    if len(head) + len(inside) + len(tail) <= WIDTH:
        return [head + inside + tail]
    start, _, _ = head.partition("(")
    arguments = f"self{inside}"
    if len(arguments) + 8 <= WIDTH:
        return [f"{start}(", f"        {arguments}", f"    {tail}"]
    return [f"{start}(", *(f"        {part}," for part in arguments.split(", ")), f"    {tail}"]


def _commented(line: str, comment: str) -> list[str]:
    """The line with its comment, or the comment above where there is no room for it."""
    if not comment:
        return _broken(line)
    if len(line) + len(comment) + 4 <= WIDTH:
        return [f"{line}  # {comment}"]
    return [f"{' ' * (len(line) - len(line.lstrip()))}# {comment}", *_broken(line)]


def _broken(line: str) -> list[str]:
    """A line that ends with a call, with the call's arguments on lines of their own where it is too long."""
    if len(line) <= WIDTH or not line.endswith(")"):
        return [line]
    starts, commas, depth = [], [], 0
    for place in range(len(line) - 1, -1, -1):
        depth += (line[place] in ")]") - (line[place] in "([")
        if depth == 0 and line[place] == "(":
            starts.append(place)
            break
        if depth == 1 and line[place : place + 2] == ", ":
            commas.append(place)
    cuts = [starts[0] + 1, *(comma + 2 for comma in reversed(commas)), len(line) + 1]
    arguments = [line[start : end - 2] for start, end in itertools.pairwise(cuts)]
    indent = len(line) - len(line.lstrip())
    return _indented(line[indent : starts[0]], _Expression("", arguments), indent)


def _word(call: str) -> str:
    return re.sub(r"\d.*$", "", call.rpartition(".")[2]).lower().replace("constantpad", "pad")


def _is_atom(template: str) -> bool:
    """Whether an expression is one call or name, which binds closer than any operator."""
    depth = 0
    for character in template:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character == " ":
            return False
    return not template.startswith("-")


def literal(value: Any) -> str:
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)


__all__ = ["Header", "literal", "module_text"]
