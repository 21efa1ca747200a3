"""What a name of a BrainScript text stands for: something of the text, found from the inside out, or the library's."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ....syntax import ast
from .bs_library import find_row, namespaces


@dataclasses.dataclass(frozen=True, eq=False)
class Binding:
    """A name that the text defines; a parameter has no member."""

    name: ast.Identifier
    scope: Scope
    member: ast.Member | None = None

    @property
    def value(self) -> ast.Expression | None:
        """What it is, where the text says it: `name = value`."""
        return self.member.value if isinstance(self.member, ast.Assign) else None


@dataclasses.dataclass(eq=False)
class Scope:
    """The names of a record, or of the parameters of a function, and the scopes around them."""

    outer: Scope | None = None
    names: dict[str, Binding] = dataclasses.field(default_factory=dict)
    function: bool = False  #: whether the names are parameters

    @staticmethod
    def of_record(members: Iterable[ast.Member], outer: Scope | None) -> Scope:
        scope = Scope(outer)
        for member in members:
            if isinstance(member, ast.Assign | ast.Define | ast.AssignElements):
                scope.names.setdefault(member.name.text, Binding(member.name, scope, member))
        return scope

    @staticmethod
    def of_parameters(names: Iterable[ast.Identifier], outer: Scope | None) -> Scope:
        scope = Scope(outer, function=True)
        scope.names = {name.text: Binding(name, scope) for name in names}
        return scope

    def find(self, name: str) -> Binding | None:
        return next((scope.names[name] for scope in self.chain() if name in scope.names), None)

    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


def library_name(e: ast.Expression, scope: Scope, seen: frozenset[int] = frozenset()) -> str | None:
    """The name, with its namespace, of what an expression takes from the library; None for all that is the text's own.

    `B = BS.Boolean` and `act = Sigmoid` are seen through.
    """
    if isinstance(e, ast.Parentheses):
        return library_name(e.value, scope, seen)
    if isinstance(e, ast.Name):
        binding = scope.find(e.text)
        if binding is None:
            return e.text if find_row(e.text) is not None or e.text in namespaces() else None
        if binding.value is None or id(binding) in seen:
            return None
        return library_name(binding.value, binding.scope, seen | {id(binding)})
    if isinstance(e, ast.Select):
        outer = library_name(e.value, scope, seen)
        if outer is None or outer not in namespaces():
            return None
        parts = outer.split(".")
        for depth in range(len(parts), -1, -1):  # `.` climbs: `BS.Sigmoid` is Sigmoid
            name = ".".join([*parts[:depth], e.name.text])
            if find_row(name) is not None or name in namespaces():
                return name
    return None


def record_of(e: ast.Expression, scope: Scope, seen: frozenset[int] = frozenset()) -> tuple[ast.Record, Scope] | None:
    """The record that an expression names, where the text shows it, and the scope around it."""
    if isinstance(e, ast.Parentheses):
        return record_of(e.value, scope, seen)
    if isinstance(e, ast.Record):
        return e, scope
    if isinstance(e, ast.Name):
        binding = scope.find(e.text)
        if binding is None or binding.value is None or id(binding) in seen:
            return None
        return record_of(binding.value, binding.scope, seen | {id(binding)})
    if isinstance(e, ast.Select):
        found = record_of(e.value, scope, seen)
        if found is not None:
            record, around = found
            inner = Scope.of_record(record.members, around)
            binding = inner.names.get(e.name.text)
            if binding is not None and binding.value is not None:
                return record_of(binding.value, inner, seen)
    return None


def known_value(e: ast.Expression, scope: Scope, depth: int = 20) -> bool | float | str | None:
    """The value of an expression that is written as one, or names such a one."""
    if isinstance(e, ast.Boolean | ast.Number):
        return e.value
    if isinstance(e, ast.String):
        return "".join(e.parts) if all(isinstance(p, str) for p in e.parts) else None  # type: ignore[arg-type]
    if isinstance(e, ast.Parentheses):
        return known_value(e.value, scope, depth)
    binding = scope.find(e.text) if isinstance(e, ast.Name) else None
    if binding is None or binding.value is None or depth == 0:
        return None
    return known_value(binding.value, binding.scope, depth - 1)


def known_truth(e: ast.Expression, scope: Scope) -> bool | None:
    """Whether a condition holds, where the text alone says it."""
    if isinstance(e, ast.Parentheses):
        return known_truth(e.value, scope)
    if isinstance(e, ast.Unary) and e.operator == "!":
        inner = known_truth(e.operand, scope)
        return None if inner is None else not inner
    if isinstance(e, ast.Binary) and e.operator in ("&&", "||"):
        sides = [known_truth(e.left, scope), known_truth(e.right, scope)]
        decided = e.operator == "||"
        return decided if decided in sides else None if None in sides else not decided
    if isinstance(e, ast.Binary) and e.operator in _COMPARED:
        left, right = known_value(e.left, scope), known_value(e.right, scope)
        return None if left is None or type(left) is not type(right) else bool(_COMPARED[e.operator](left, right))
    value = known_value(e, scope)
    return value if isinstance(value, bool) else None


def tag_is_passed_on(member: ast.Define) -> bool:
    """Whether a function does nothing with its parameter `tag` but pass it on."""
    def elsewhere(e: object) -> bool:
        if isinstance(e, ast.Argument) and e.name is not None and e.name.text == "tag":
            return False
        return (isinstance(e, ast.Name) and e.text == "tag") or any(elsewhere(part) for part in parts_of(e))

    return not elsewhere(member.value)


def list_items(e: ast.Expression, scope: Scope, depth: int = 20) -> list[ast.Expression]:
    """The elements of a list that is written as one, or has a name; all else is one element."""
    if isinstance(e, ast.Parentheses):
        return list_items(e.value, scope, depth)
    if isinstance(e, ast.List):
        return [item for part in e.items if not isinstance(part, ast.Step) for item in list_items(part, scope, depth)]
    binding = scope.find(e.text) if isinstance(e, ast.Name) and depth else None
    if binding is not None and binding.value is not None:
        found = list_items(binding.value, binding.scope, depth - 1)
        return found if len(found) > 1 else [e]
    return [e]


def names_in(e: object) -> Iterator[ast.Name]:
    """Every name that is used in a piece of the tree, whatever scope it is in."""
    if isinstance(e, ast.Name):
        yield e
        return
    for part in parts_of(e):
        yield from names_in(part)


def parts_of(e: object) -> Iterator[object]:
    """The nodes directly in a node."""
    if isinstance(e, tuple):
        yield from e
        return
    if dataclasses.is_dataclass(e):
        for field in dataclasses.fields(e):
            value = getattr(e, field.name)
            if field.name not in _PLACES and not isinstance(value, str | int | float | bool | type(None)):
                yield value


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PLACES = frozenset(("span", "operator_span", "name"))
