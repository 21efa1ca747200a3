"""`a.b = value`: another value for what a path leads to, from the command line or in a file that includes another.

A path goes through members of records, steps of lists, options of what is made in braces and defaults of
parameters. It is followed before anything is evaluated; the new value is read in the scope of the old one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from .. import layers, optimizers, readers
from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.failure import Failure, failure
from ..base.source import Source
from ..base.suggest import suggest
from ..optimizers.plan import TrainingBlock
from ..syntax import ast
from ..syntax.parser import parse_expression

_OVERRIDE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)=(.*)", re.DOTALL)
_COMMAND_LINE = "command line"
#: Blocks that have a schema: a new key is checked there, with all keys that it knows.
_WITH_SCHEMA = ("SGD", "reader")

#: A member that is a definition: neither an include nor an override.
Definition: TypeAlias = ast.Assign | ast.Define | ast.AssignElements
#: Members with their includes and overrides in place.
Expand: TypeAlias = Callable[[Sequence[ast.Member]], list[Definition]]


def is_override(text: str) -> bool:
    """Whether an argument sets a value: `SGD.maxEpochs=3`, CNTK's `Train=[SGD=[maxEpochs=1]]`; `configFile=` names a
    file."""
    return _OVERRIDE.fullmatch(text) is not None and not text.casefold().startswith("configfile=")


def with_overrides(module: ast.Module, overrides: Iterable[str]) -> ast.Module:
    """The module with `path=value` texts after its members. Raises Failure (`override`) for another form."""
    return dataclasses.replace(module, members=(*module.members, *map(_from_text, overrides)))


def _from_text(text: str) -> ast.Override:
    source = Source(_COMMAND_LINE, text)
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        around = re.fullmatch(r"([\w.]+)\s*=\s*(.*)", text, re.DOTALL)
        fix = (Edit(source.span(0, len(text)), f"{around[1]}={around[2]}"),) if around else ()
        hint = f"write it without spaces around the `=`: `{fix[0].text}`." if fix else \
            "write `path=value`, for example `SGD.maxEpochs=3`."
        raise failure(Code.OVERRIDE, f"`{text}` does not set a value", source.span(0, len(text)), "here", hint=hint,
                      fix=fix)
    path, at = [], 0
    for part in match.group(1).split("."):
        path.append(ast.Identifier(part, source.span(at, at + len(part))))
        at += len(part) + 1
    return ast.Override(tuple(path), None, source.span(0, len(text)))


def apply_overrides(members: Sequence[Definition], overrides: Sequence[ast.Override | Definition], expand: Expand
                    ) -> list[Definition]:
    """The members with each override in place, the last one winning. Raises Failure with all that lead nowhere.

    An override that is a definition itself (in the braces of an `include`) takes the place of the one of its name.
    """
    found, problems = list(members), _written_twice(overrides)
    for override in overrides:
        try:
            found = _Path(override, expand).follow(found)
        except Failure as failed:
            problems += failed.diagnostics
    if problems:
        raise Failure(problems)
    return found


def _path(override: ast.Override | Definition) -> tuple[ast.Identifier, ...]:
    return override.path if isinstance(override, ast.Override) else (override.name,)


def _written_twice(overrides: Sequence[ast.Override | Definition]) -> list[Diagnostic]:
    first: dict[tuple[Source, str], ast.Override | Definition] = {}
    problems = []
    for override in overrides:
        path = _path(override)
        name = ".".join(part.text for part in path)
        before = first.setdefault((override.span.source, name), override)
        if before is not override:
            where, first_place = path[0].span.to(path[-1].span), _path(before)[0].span
            problems.append(Diagnostic(Code.DUPLICATE_NAME, f"`{name}` is set twice", Label(where, "set again here"),
                                       (Label(first_place, "set first here"),), hint="remove one of the two."))
    return problems


class _Path:
    """One override on its way: which part of the path stands where, and which names were seen there."""

    def __init__(self, override: ast.Override | Definition, expand: Expand) -> None:
        self.override, self.expand = override, expand
        self.path = _path(override)
        self.last = len(self.path) - 1
        self.known: dict[int, list[str]] = {}  #: by depth: what could have been set there

    def follow(self, members: Sequence[Definition]) -> list[Definition]:
        found = self._in_members(members, 0)
        if found is None:
            raise self._leads_nowhere(members)
        return found

    def _prefix(self, depth: int) -> str:
        return ".".join(part.text for part in self.path[:depth])

    def _note(self, depth: int, name: str) -> bool:
        """Remember a name that stands here; whether it is the one that is looked for."""
        self.known.setdefault(depth, []).append(name)
        return name == self.path[depth].text

    # --- members -----------------------------------------------------------------------------------------

    def _in_members(self, members: Sequence[Definition], depth: int) -> list[Definition] | None:
        index = -1
        for position, member in enumerate(members):
            if self._note(depth, member.name.text):
                index = position
        if index >= 0:
            if members[index].span.source is self.override.span.source:
                raise self._own(members[index])
            changed = self._member(members[index], depth)
            return None if changed is None else [*members[:index], changed, *members[index + 1 :]]
        if depth == self.last == 1 and self.path[0].text in _WITH_SCHEMA:
            name = self.path[depth]
            value = self._value(None)
            return [*members, ast.Assign(name, value, name.span.to(value.span))]
        return None

    def _own(self, member: Definition) -> Failure:
        name = self._prefix(len(self.path))
        if self.last == 0:
            return failure(Code.DUPLICATE_NAME, f"the name `{name}` is defined twice", self.override.span,
                           "defined again here", related=(Label(member.name.span, "defined first here"),),
                           hint="the braces of an `include` change what is included; rename one of the two.")
        owner, inner = name.split(".", 1)
        return failure(Code.OVERRIDE, f"`{owner}` is defined in this file: set `{inner}` inside it",
                       self.path[0].span.to(self.path[-1].span), "this is outside",
                       related=(Label(member.name.span, "it is defined here"),),
                       hint="`a.b = value` is for what an included file defines.")

    def _member(self, member: Definition, depth: int) -> Definition | None:
        if depth == self.last:
            if not isinstance(self.override, ast.Override):
                return dataclasses.replace(self.override, span=member.span)
            if isinstance(member, ast.Define):
                raise failure(Code.OVERRIDE, f"`{self._prefix(depth + 1)}` is a function and cannot be set",
                              self.path[depth].span, "")
            old = member.value if isinstance(member, ast.Assign) else None
            return ast.Assign(member.name, self._value(old), member.span)
        if isinstance(member, ast.Define):
            groups = self._defaults(member, depth + 1)
            if groups is not None:
                return dataclasses.replace(member, groups=groups)
        value = self._named(member.value, depth + 1)
        return None if value is None else dataclasses.replace(member, value=value)

    def _defaults(self, member: ast.Define, depth: int) -> tuple[tuple[ast.Parameter, ...], ...] | None:
        """The parameters with another default; None if the path means none of them."""
        means = {p.name.text: p for group in member.groups for p in group if self._note(depth, p.name.text)}
        if not means or depth < self.last:
            return None
        parameter = means[self.path[depth].text]
        if parameter.default is None:
            raise failure(
                Code.OVERRIDE,
                f"the parameter `{parameter.name.text}` of `{member.name.text}` has no default",
                self.path[depth].span,
                related=(Label(parameter.span, "every use gives it"),),
                hint="set it where the function is used, or give it a default in the file.",
            )
        changed = dataclasses.replace(parameter, default=self._value(parameter.default))
        return tuple(tuple(changed if p is parameter else p for p in group) for group in member.groups)

    # --- values ------------------------------------------------------------------------------------------

    def _named(self, value: ast.Expression, depth: int) -> ast.Expression | None:
        """What a name stands for; an option that its braces do not have yet is added to them."""
        found = self._inside(value, depth)
        return self._option(value, depth) if found is None and depth == self.last else found

    def _inside(self, value: ast.Expression, depth: int) -> ast.Expression | None:
        """The value with the change somewhere in it; None if the path leads to nothing in it."""
        match value:
            case ast.Record():
                members = self._in_members(self.expand(value.members), depth)
                return None if members is None else dataclasses.replace(value, members=tuple(members))
            case ast.List():
                return self._first(value, "items", value.items, lambda item: self._item(item, depth))
            case ast.Call():
                found = self._first(value, "arguments", value.arguments, lambda a: self._argument(a, value, depth))
                return found or self._part(value, ("callee",), depth)
            case ast.Parentheses() | ast.Select():
                return self._part(value, ("value",), depth)
            case ast.Function():
                return self._part(value, ("body",), depth)
            case ast.Array():
                return self._part(value, ("function",), depth)
            case ast.Binary():
                return self._part(value, ("left", "right"), depth)
            case ast.Conditional():
                return self._part(value, ("then", "otherwise"), depth)
        return None

    def _part(self, value: ast.Expression, fields: Sequence[str], depth: int) -> ast.Expression | None:
        for field in fields:
            changed = self._inside(getattr(value, field), depth)
            if changed is not None:
                return _changed(value, field, changed)
        return None

    def _first(self, value: ast.Expression, field: str, parts: Sequence[Any], change: Callable[[Any], Any]
               ) -> ast.Expression | None:
        """The value with the first of its parts changed that has what the path leads to."""
        for index, part in enumerate(parts):
            changed = change(part)
            if changed is not None:
                return _changed(value, field, (*parts[:index], changed, *parts[index + 1 :]))
        return None

    def _item(self, item: ast.Expression | ast.Step, depth: int) -> ast.Expression | ast.Step | None:
        if not isinstance(item, ast.Step):
            return self._inside(item, depth)
        if not self._note(depth, item.name.text):
            return None
        value = self._value(item.value) if depth == self.last else self._named(item.value, depth + 1)
        return None if value is None else dataclasses.replace(item, value=value)

    def _argument(self, argument: ast.Argument, call: ast.Call, depth: int) -> ast.Argument | None:
        if argument.name is not None and call.braces:
            if not self._note(depth, argument.name.text):
                return None
            value = self._value(argument.value) if depth == self.last else self._named(argument.value, depth + 1)
        else:
            value = self._inside(argument.value, depth)
        return None if value is None else dataclasses.replace(argument, value=value)

    def _option(self, value: ast.Expression, depth: int) -> ast.Expression | None:
        """An option of `Name {...}`, by its position if it is given so, else added by name."""
        if isinstance(value, ast.Parentheses):
            inner = self._option(value.value, depth)
            return None if inner is None else dataclasses.replace(value, value=inner)
        if not isinstance(value, ast.Call):
            return None
        if not value.braces:  # `Layer {...} (x)`
            made = self._option(value.callee, depth)
            return None if made is None else dataclasses.replace(value, callee=made)
        position = _position(value.callee, self.path[depth].text)
        arguments = list(value.arguments)
        if position < len(arguments) and all(a.name is None for a in arguments[: position + 1]):
            old = arguments[position]
            arguments[position] = dataclasses.replace(old, value=self._value(old.value))
        else:
            added, name = self._value(None), self.path[depth]
            arguments.append(ast.Argument(name, added, name.span.to(added.span)))
        return dataclasses.replace(value, arguments=tuple(arguments))

    def _value(self, old: ast.Expression | None) -> ast.Expression:
        """The new value; from the command line plain text is a string where the file has a string."""
        if not isinstance(self.override, ast.Override):
            assert isinstance(self.override, ast.Assign)  # a definition replaces whole members only
            return self.override.value
        if self.override.value is not None:
            return self.override.value
        source, at = self.override.span.source, self.path[-1].span.end + 1
        raw = source.text[at:]
        if isinstance(old, ast.String) and raw[:1] not in ("'", '"'):
            return ast.String((raw,) if raw else (), source.span(at, len(source.text)))
        if not raw.strip():
            raise failure(Code.OVERRIDE, "the value is missing", source.span(at, at), "after the `=`")
        try:
            return parse_expression(source, at)
        except Failure:
            if re.fullmatch(r"[\w./\\:~+-]+", raw) and old is None:
                return ast.String((raw,), source.span(at, len(source.text)))
            raise

    # --- paths that lead nowhere ---------------------------------------------------------------------------

    def _leads_nowhere(self, members: Sequence[Definition]) -> Failure:
        depth = max(self.known, default=0)
        part, names = self.path[depth], sorted(set(self.known.get(depth, ())))
        if depth < self.last and part.text in names:
            return failure(Code.OVERRIDE, f"`{self._prefix(depth + 1)}` has no parts that can be set",
                           self.path[depth + 1].span,
                           hint="give the value that is to change a name in the file, and set that name.")
        where = f"`{self._prefix(depth)}`" if depth else "the file"
        near = suggest(part.text, names)
        longer = self._longer(members) if depth == 0 == self.last else None
        if longer is not None and (near is None or longer.split(".")[1] == part.text):
            near = longer
        outer = self._further_out(depth) if near is None and depth else None
        if outer is not None:
            near, part = outer, dataclasses.replace(part, span=self.path[0].span.to(self.path[-1].span))
        fix = (Edit(part.span, near),) if near else ()
        hint = "" if near or not depth else \
            f"give what is to change a name in the file (`{part.text} = ...`; of a step of a list " \
            f"`{part.text} := ...`), and set that name."
        return failure(Code.OVERRIDE, f"{where} has nothing called `{part.text}`", part.span,
                       f"did you mean `{near}`?" if near else "",
                       body=(f"What can be set there: {', '.join(names)}.",) if names else (), fix=fix, hint=hint)

    def _further_out(self, depth: int) -> str | None:
        """The path to the last name where it stands further out: `network.hidden` for `network.model.hidden`."""
        name = self.path[-1].text
        return next((".".join(filter(None, (self._prefix(k), name))) for k in range(depth - 1, -1, -1)
                     if name in self.known.get(k, ())), None)

    def _longer(self, members: Sequence[Definition]) -> str | None:
        """The path to a key of a block that is given by its last name alone: `SGD.maxEpochs` for `maxEpochs`."""
        keys = {option.name: f"SGD.{option.name}" for option in TrainingBlock.options()} \
            if any(member.name.text == "SGD" for member in members) else {}
        for member in members:
            if isinstance(member, ast.Assign) and isinstance(member.value, ast.Record):
                keys.update({inner.name.text: f"{member.name.text}.{inner.name.text}"
                             for inner in self.expand(member.value.members)})
        near = suggest(self.path[-1].text, keys)
        return keys[near] if near else None


def _changed(value: ast.Expression, field: str, new: Any) -> ast.Expression:
    fields: dict[str, Any] = {field: new}
    return dataclasses.replace(value, **fields)


def _position(callee: ast.Expression, option: str) -> int:
    """Where a row takes an option without its name; beyond every argument if it does not."""
    rows = {**layers.NAMES, **readers.NAMES, **optimizers.NAMES}
    row = rows.get(callee.text) if isinstance(callee, ast.Name) else None
    order = row.positional() if row is not None else ()
    return order.index(option) if option in order else 1 << 30


__all__ = ["Definition", "apply_overrides", "is_override", "with_overrides"]
