"""The lists of special nodes of a network: those that the text names, and those that `tag = ...` adds to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Span
from ....base.suggest import suggest
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported
from .bs_parser import ARRAY
from .bs_scopes import Scope, known_value, list_items, names_in, parts_of, tag_is_passed_on

#: tag -> the list that it adds to
_LISTS = {"feature": "featureNodes", "label": "labelNodes", "criterion": "criterionNodes",
          "criteria": "criterionNodes", "evaluation": "evaluationNodes", "eval": "evaluationNodes",
          "output": "outputNodes"}
#: The names that mean something at the top of a network.
SPECIAL = tuple(dict.fromkeys(_LISTS.values()))


@dataclass(frozen=True)
class Tagged:
    """A node with a tag: the list, the path of names that leads to it, and where the tag stands."""

    special: str
    path: tuple[str, ...]
    span: Span


class TagFinder:
    """Finds the tags of a network before it is translated."""

    def __init__(self, dead: frozenset[int]) -> None:
        self.dead = dead  #: members that nothing asks for
        self.found: list[Tagged] = []
        self.problems: list[Diagnostic] = []
        self.reached: set[int] = set()  #: arguments `tag = ...` that a name leads to

    def find(self, record: ast.Record) -> None:
        scope = Scope.of_record(record.members, None)
        for member in record.members:
            if isinstance(member, ast.Assign):
                self._member(member.value, scope, (member.name.text,), 0)
            elif isinstance(member, ast.AssignElements):
                inner = Scope.of_parameters((member.index,), scope)
                self._member(member.value, inner, (member.name.text,), 0)
        self._unreached(record)

    def _member(self, e: ast.Expression, scope: Scope, path: tuple[str, ...], depth: int) -> None:
        """The tag of what a name stands for, and those of its members if it is a record."""
        if depth > 40:
            return
        if isinstance(e, ast.Parentheses):
            self._member(e.value, scope, path, depth + 1)
        elif isinstance(e, ast.Conditional):
            self._member(e.then, scope, path, depth + 1)
            self._member(e.otherwise, scope, path, depth + 1)
        elif isinstance(e, ast.Record):
            inner = Scope.of_record(e.members, scope)
            for member in e.members:
                if isinstance(member, ast.Assign):
                    self._member(member.value, inner, (*path, member.name.text), depth + 1)
        elif isinstance(e, ast.Select) and isinstance(e.value, ast.Record):
            inner = Scope.of_record(e.value.members, scope)
            binding = inner.names.get(e.name.text)
            if binding is not None and binding.value is not None:
                self._member(binding.value, inner, path, depth + 1)
        elif isinstance(e, ast.Call):
            self._call(e, scope, path, depth)

    def _call(self, e: ast.Call, scope: Scope, path: tuple[str, ...], depth: int) -> None:
        tag = next((a for a in e.arguments if a.name is not None and a.name.text == "tag"), None)
        if tag is not None:
            self._tag(tag, scope, path)
            return
        binding = scope.find(e.callee.text) if isinstance(e.callee, ast.Name) else None
        if binding is not None and isinstance(binding.member, ast.Define):
            function = binding.member
            inner = Scope.of_parameters((p.name for p in function.groups[0]), binding.scope)
            self._member(function.value, inner, path, depth + 1)

    def _tag(self, argument: ast.Argument, scope: Scope, path: tuple[str, ...]) -> None:
        self.reached.add(id(argument))
        value = known_value(argument.value, scope)
        if value == "" or (value is None and isinstance(argument.value, ast.Name)):
            return  # none, or that of the place from which the function around it is called
        special = _LISTS.get(str(value))
        if special is None:
            self.problems.append(Diagnostic(
                Code.OPTION_TYPE, f"there is no tag `{value}`", Label(argument.span, "this tag"),
                body=(f"The tags are {', '.join(tag for tag in _LISTS if tag not in ('criteria', 'eval'))}.",)))
            return
        place = argument.name.span if argument.name is not None else argument.span
        if Tagged(special, path, place) not in self.found:
            self.found.append(Tagged(special, path, place))

    def _unreached(self, e: object) -> None:
        """Tags inside larger expressions: inputs need none, for all others the node needs a name."""
        if id(e) in self.dead:
            return
        if isinstance(e, ast.Define) and tag_is_passed_on(e):
            for part in parts_of(e.value):
                self._unreached(part)
            return
        if isinstance(e, ast.Argument) and e.name is not None and e.name.text == "tag" \
                and id(e) not in self.reached and isinstance(e.value, ast.String) and e.value.parts \
                and _LISTS.get(str(e.value.parts[0]), "") not in ("featureNodes", "labelNodes"):
            self.problems.append(not_supported(
                "tags on nodes without a name", e.span, "this node is part of a larger expression",
                f"give the node a name of its own at the top of the network: `name = ... (..., {e.span.text})`."))
        for part in parts_of(e):
            self._unreached(part)


def with_lists(members: Sequence[ast.Member], tagged: Sequence[Tagged], notes: list[Diagnostic],
               renamed: dict[str, str]) -> tuple[ast.Member, ...]:
    """The members with tagged nodes in their lists, and one criterion: CNTK trains the first and reports the others."""
    lists = {m.name.text: m for m in members if isinstance(m, ast.Assign) and m.name.text in SPECIAL}
    scope = Scope.of_record(members, None)
    added: dict[str, list[ast.Expression]] = {}
    for special in SPECIAL:
        items = list_items(lists[special].value, scope) if special in lists else []
        for tag in tagged:
            if tag.special == special and tag.path not in map(_path, items):
                items.append(Builder(tag.span).name(".".join(renamed.get(part, part) for part in tag.path)))
                added.setdefault(special, items)
    changed = dict(added)
    criteria = changed.get("criterionNodes") or (
        list_items(lists["criterionNodes"].value, scope) if "criterionNodes" in lists else [])
    criteria = [part for item in criteria for part in _first_and_rest(item, scope)]
    if len(criteria) > 1:
        notes.append(Diagnostic(
            Code.DOUBTFUL, "CNTK trains the first criterion alone",
            Label(criteria[1].span, "this one is only reported"),
            hint="it stands in `evaluationNodes` now; to train the sum, write `first + second`.", severity="warning"))
        evaluated = changed.get("evaluationNodes") or (
            list_items(lists["evaluationNodes"].value, scope) if "evaluationNodes" in lists else [])
        shown = {_path(item) for item in evaluated} - {()}
        changed["criterionNodes"] = criteria[:1]
        changed["evaluationNodes"] = [*evaluated, *(c for c in criteria[1:] if _path(c) not in shown)]
    return _replaced(members, lists, changed)


def _first_and_rest(e: ast.Expression, scope: Scope) -> list[ast.Expression]:
    """A name of an array as its first element and the others; all else as it is."""
    binding = scope.find(e.text) if isinstance(e, ast.Name) else None
    array = binding.member if binding is not None and isinstance(binding.member, ast.AssignElements) else \
        binding.value if binding is not None else None
    if not isinstance(array, ast.Array | ast.AssignElements):
        return [e]
    return [ast.Index(e, array.low, e.span), Builder(e.span).binary(e, "<<", Builder(e.span).value(1))]


def _replaced(members: Sequence[ast.Member], lists: dict[str, ast.Assign], changed: dict[str, list[ast.Expression]]
              ) -> tuple[ast.Member, ...]:
    found: list[ast.Member] = []
    for member in members:
        name = member.name.text if isinstance(member, ast.Assign) else ""
        if name in changed and name in lists:
            assert isinstance(member, ast.Assign)
            found.append(dataclasses.replace(member, value=_list(changed[name])))
        elif not (name in SPECIAL and _is_empty(member)):
            found.append(member)
    for name in SPECIAL:
        if name in changed and name not in lists:
            items = changed[name]
            found.append(ast.Assign(ast.Identifier(name, items[0].span), _list(items), Span.nowhere("")))
    return tuple(found)


def _list(items: Sequence[ast.Expression]) -> ast.Expression:
    """A list that is nowhere in the text; its items are where they were."""
    return Builder(Span.nowhere("")).list(items)


def _is_empty(member: ast.Member) -> bool:
    value = member.value if isinstance(member, ast.Assign) else None
    while isinstance(value, ast.Parentheses):
        value = value.value
    return isinstance(value, ast.Call) and isinstance(value.callee, ast.Name) and value.callee.text == ARRAY


def _path(e: ast.Expression) -> tuple[str, ...]:
    """`a.b` as its names; empty for all else."""
    names: list[str] = []
    while isinstance(e, ast.Select):
        names.insert(0, e.name.text)
        e = e.value
    return (e.text, *names) if isinstance(e, ast.Name) else ()


def misread_names(members: Iterable[ast.Member], notes: list[Diagnostic]) -> dict[str, str]:
    """Names of CNTK's text that mean something in a `.net` file, and what they are called there; "" where they can go.

    CNTK reads `OutputNodes` as an ordinary name, since case counts; so is `budget`.
    """
    members = list(members)
    found: dict[str, str] = {}
    for member in members:
        if not isinstance(member, ast.Assign | ast.Define | ast.AssignElements) or member.name.text in SPECIAL:
            continue
        name = member.name.text
        near = suggest(name, SPECIAL) if name.casefold().endswith(("nodes", "node")) else None
        if name != "budget" and near is None:
            continue
        used = any(use.text == name for other in members for use in names_in(other))
        plain = isinstance(member, ast.Assign) and not used and near is not None
        found[name] = "" if plain else f"{name}_"
        if near is not None:
            notes.append(Diagnostic(
                Code.DOUBTFUL, f"CNTK does not read `{name}` as a list of nodes", Label(
                    member.name.span, f"`{near}` is one: case counts" if near.casefold() == name.casefold() else
                    f"the list is called `{near}`"),
                hint="CNTK passes over it in silence, and so does netdsl; if it is meant, mend its name.",
                severity="warning"))
    return found
