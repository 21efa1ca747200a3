"""The library's names of a BrainScript tree -> ours, and its rules of scope -> ours.

What the text defines stays the person's own: records, functions, lists, choices. A name that the text defines hides
the library's, as in CNTK. Rules that differ are written out: a default is evaluated where its function is defined and
once, `.` climbs to the scopes around a record, parameters with a default are passed by name only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Span
from ....base.suggest import did_you_mean
from ....layers import NAMES
from ....layers.layer import Layer
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported
from .bs_arguments import Arguments
from .bs_library import by_name, find_row, namespaces
from .bs_objects import write_object
from .bs_parser import ARRAY, NEW
from .bs_scopes import (
    Scope,
    known_truth,
    known_value,
    library_name,
    list_items,
    names_in,
    parts_of,
    record_of,
    tag_is_passed_on,
)
from .library_row import Composed, Given, LibraryRow, Missing, Same, Spelled, Value, at_place, definitions

#: Functions that make no node: a default that calls them may be evaluated at each call.
_PLAIN = frozenset((
    "Length", "Repeat", "Min", "Max", "Mod", "IntDiv", "Sign", "Fac", "IsArray", "IsDouble", "IsBool", "Replace",
    "Substr", "Format"))
#: Functions that make inputs, and how many of their arguments are extents.
_INPUTS = {"Input": 1, "SparseInput": 1, "CNTK2.Input": 1, "ImageInput": 3, "SparseImageInput": 3}


class Renamed(Exception):
    """A name of the text would hide a row that the translation needs: it has to get another one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Translator:
    """One network text. `problems` fills while it works."""

    def __init__(self, renamed: dict[str, str], dead: frozenset[int] = frozenset()) -> None:
        self.renamed = renamed  #: names of the text that have another name in the `.net` file
        self.dead = dead  #: members that nothing asks for: they go where they hold what netdsl has not
        self.doubtful = 0  #: how many choices are around what is translated, of which CNTK might take the other side
        self.problems: list[Diagnostic] = []
        self.arguments = Arguments(self.problems)
        self.left_out: list[Span] = []  #: members that are not written
        self.helpers: dict[str, ast.Define] = {}  #: functions of the library that are written out
        self.hoisted: list[list[ast.Member]] = []  #: for each record being translated, the members to add

    # --- records and functions --------------------------------------------------------------------------

    def members(self, members: Sequence[ast.Member], outer: Scope | None) -> tuple[ast.Member, ...]:
        scope = Scope.of_record(members, outer)
        self.hoisted.append([])
        found: list[ast.Member] = []
        for member in members:
            before = len(self.problems)
            translated = self.member(member, scope)
            if id(member) in self.dead and len(self.problems) > before:
                del self.problems[before:]
                self.hoisted[-1].clear()
                translated = None
            found += self.hoisted[-1]
            self.hoisted[-1].clear()
            if translated is None:
                self.left_out.append(member.span)
            else:
                found.append(translated)
        self.hoisted.pop()
        return tuple(found)

    def member(self, member: ast.Member, scope: Scope) -> ast.Member | None:
        if isinstance(member, ast.Define):
            return self.define(member, scope)
        if isinstance(member, ast.AssignElements):
            inner = Scope.of_parameters((member.index,), scope)
            return dataclasses.replace(
                member, name=self.identifier(member.name), index=self.identifier(member.index),
                low=self.value(member.low, scope), high=self.value(member.high, scope),
                value=self.value(member.value, inner))
        assert isinstance(member, ast.Assign)
        if library_name(member.value, scope) in namespaces():
            return None  # `B = BS.Boolean`: what is taken from it is written by our names
        return dataclasses.replace(member, name=self.identifier(member.name), value=self.value(member.value, scope))

    def identifier(self, name: ast.Identifier) -> ast.Identifier:
        text = self.renamed.get(name.text)
        return name if text is None else dataclasses.replace(name, text=text)

    def define(self, member: ast.Define, scope: Scope) -> ast.Define:
        """A function; what is passed by position goes first, and `tag` is left to the place that it is called from."""
        parameters = [p for p in member.groups[0] if not (p.name.text == "tag" and tag_is_passed_on(member))]
        inner = Scope.of_parameters((p.name for p in member.groups[0]), scope)
        own = {p.name.text for p in parameters}
        ordered = sorted(parameters, key=lambda p: p.default is not None)
        translated = tuple(dataclasses.replace(
            p, name=self.identifier(p.name),
            default=None if p.default is None else self.default(p, member, own, scope)) for p in ordered)
        return dataclasses.replace(member, name=self.identifier(member.name), groups=(translated,),
                                   value=self.value(member.value, inner))

    def default(self, parameter: ast.Parameter, member: ast.Define, own: set[str], scope: Scope) -> ast.Expression:
        """A default. It belongs to the scope of the definition; one that sees another name there, or that makes
        something, is a member beside the function."""
        assert parameter.default is not None
        value: ast.Expression = self.value(parameter.default, scope)
        used = {name.text for name in names_in(parameter.default)}
        caught = {n for n in used & own if scope.find(n) is not None or find_row(n) is not None}
        if not caught and not _makes_something(parameter.default):
            return value
        text = parameter.name.text
        name = self.free(member.name.text + text[:1].upper() + text[1:], scope)
        self.hoisted[-1].append(Builder(parameter.span).assign(name, value))
        return ast.Name(name, parameter.default.span)

    def free(self, name: str, scope: Scope) -> str:
        """A name that nothing has yet."""
        while scope.find(name) is not None or name in NAMES or name in self.helpers:
            name += "_"
        return name

    # --- expressions ----------------------------------------------------------------------------------------

    def value(self, e: ast.Expression, scope: Scope) -> Any:
        return _TRANSLATE.get(type(e), Translator.parts)(self, e, scope)

    def parts(self, e: Any, scope: Scope) -> Any:
        """A node whose parts are translated one by one."""
        if isinstance(e, tuple):
            return tuple(self.parts(part, scope) for part in e)
        if not dataclasses.is_dataclass(e) or isinstance(e, type):
            return e
        changes = {}
        for field in dataclasses.fields(e):
            part = getattr(e, field.name)
            if type(part) in _EXPRESSIONS:
                changes[field.name] = self.value(part, scope)
            elif isinstance(part, tuple):
                changes[field.name] = tuple(
                    self.value(p, scope) if type(p) in _EXPRESSIONS else self.parts(p, scope) for p in part)
        return dataclasses.replace(e, **changes) if changes else e

    def string(self, e: ast.String, scope: Scope) -> ast.String:
        return e

    def record(self, e: ast.Record, scope: Scope) -> ast.Record:
        return dataclasses.replace(e, members=self.members(e.members, scope))

    def function(self, e: ast.Function, scope: Scope) -> ast.Function:
        inner = Scope.of_parameters(e.parameters, scope)
        names = tuple(self.identifier(p) for p in e.parameters)
        return dataclasses.replace(e, parameters=names, body=self.value(e.body, inner))

    def name(self, e: ast.Name, scope: Scope) -> ast.Expression:
        binding = scope.find(e.text)
        if binding is not None:
            return dataclasses.replace(e, text=self.renamed.get(e.text, e.text))
        row = find_row(e.text)
        return e if row is None else self.library_value(row, e, scope)

    def select(self, e: ast.Select, scope: Scope) -> ast.Expression:
        name = library_name(e, scope)
        row = find_row(name) if name is not None else None
        if row is not None:
            return self.library_value(row, e, scope)
        base = library_name(e.value, scope)
        if base in namespaces():
            assert base is not None
            inside = [n.removeprefix(f"{base}.") for n in by_name() if n.startswith(f"{base}.")]
            self.problems.append(Diagnostic(Code.UNKNOWN_NAME, f"CNTK's `{base}` has no `{e.name.text}`",
                                            Label(e.name.span, did_you_mean(e.name.text, inside))))
            return e
        if e.name.text == "dim" and (extents := self.extents(e.value, scope)) is not None:
            return extents
        climbed = self.climbed(e, scope)
        if climbed is not None:
            return climbed
        return dataclasses.replace(e, value=self.value(e.value, scope), name=self.identifier(e.name))

    def extents(self, e: ast.Expression, scope: Scope) -> ast.Expression | None:
        """`x.dim` of an input: the product of its extents. Of other nodes the text does not say it."""
        binding = scope.find(e.text) if isinstance(e, ast.Name) else None
        made = binding.value if binding is not None else None
        name = library_name(made.callee, binding.scope) if isinstance(made, ast.Call) and binding is not None else None
        if not isinstance(made, ast.Call) or name not in _INPUTS or not made.arguments:
            return None
        assert binding is not None
        count = _INPUTS[name]
        given = [argument.value for argument in made.arguments[:count]]
        dims = given if count > 1 else list_items(given[0], binding.scope)
        builder, product = Builder(Span.nowhere("")), self.value(dims[0], scope)
        for d in dims[1:]:
            product = builder.binary(product, "*", self.value(d, scope))
        return ast.Parentheses(product, builder.span) if len(dims) > 1 else product

    def climbed(self, e: ast.Select, scope: Scope) -> ast.Expression | None:
        """`holder.gain` where `gain` stands around the record: `.` climbs to it."""
        found = record_of(e.value, scope)
        if found is None:
            return None
        record, around = found
        if e.name.text in Scope.of_record(record.members, None).names:
            return None
        binding = around.find(e.name.text)
        if binding is None:
            return self.name(ast.Name(e.name.text, e.span), Scope()) if find_row(e.name.text) is not None else None
        if scope.find(e.name.text) is not binding:
            self.problems.append(not_supported(
                f"`.` that climbs out of a record to `{e.name.text}`", e.name.span, "the record has no such member",
                f"name it where it is: write `{e.name.text}` in place of `{e.span.text}`."))
            return e
        return self.name(ast.Name(e.name.text, e.span), scope)

    # --- the library --------------------------------------------------------------------------------------

    def ours(self, name: str, scope: Scope) -> str:
        """A name of ours, which must not be hidden by one of the text."""
        binding = scope.find(name)
        if binding is None or name in self.renamed:
            return name
        raise Renamed(name)

    def needs(self, functions: Iterable[ast.Define], scope: Scope) -> str:
        """Functions that are written out; the name of the last one."""
        name = ""
        for function in functions:
            for used in {used.text for used in names_in(function.value)} & set(NAMES):
                self.ours(used, scope)
            name = self.ours(function.name.text, scope)
            self.helpers.setdefault(name, function)
        return name

    def define_function(self, text: str, scope: Scope) -> None:
        self.needs(definitions(text), scope)

    def missing(self, row: Missing, e: ast.Expression) -> ast.Expression:
        """What netdsl does not have is refused; on a side of a choice that may never be taken, when it is taken."""
        if self.doubtful:
            return Builder(e.span).call("Fail", f"netdsl has no `{row.name}`: {row.why}")
        self.problems.append(not_supported(f"`{row.name}` yet", e.span, row.why, row.hint))
        return e

    def conditional(self, e: ast.Conditional, scope: Scope) -> ast.Conditional:
        chosen = known_truth(e.condition, scope)
        sides = []
        for side, value in ((e.then, True), (e.otherwise, False)):
            self.doubtful += chosen is not value
            sides.append(self.value(side, scope))
            self.doubtful -= chosen is not value
        return dataclasses.replace(e, condition=self.value(e.condition, scope), then=sides[0], otherwise=sides[1])

    def library_value(self, row: LibraryRow, e: ast.Expression, scope: Scope) -> ast.Expression:
        """A library name that is not called here: a value, or a function that something else will call."""
        builder = Builder(e.span)
        if isinstance(row, Missing):
            return self.missing(row, e)
        if isinstance(row, Value):
            return row.expression(builder)
        if isinstance(row, Composed):
            return builder.name(self.needs(row.members, scope))
        if isinstance(row, Same) and _in_our_order(row):
            return builder.name(self.ours(row.our_name, scope))
        if isinstance(row, Spelled) and row.ours:
            return builder.name(self.ours(row.ours, scope))
        names = row.positional
        call = builder.call(e, *(builder.name(n) for n in names))
        body = self.library_call(row, call, Scope.of_parameters(map(builder.identifier, names), scope))
        return ast.Function(tuple(map(builder.identifier, names)), body, e.span)

    def call(self, e: ast.Call, scope: Scope) -> ast.Expression:
        if isinstance(e.callee, ast.Name) and e.callee.text == ARRAY:
            return self.array_literal(e, scope)
        if isinstance(e.callee, ast.Name) and e.callee.text.startswith(NEW):
            return write_object(self, e, scope)
        name = library_name(e.callee, scope)
        row = find_row(name) if name is not None else None
        if row is not None and row.definition is not None:
            return self.library_call(row, e, scope)
        arguments = tuple(
            dataclasses.replace(a, name=None if a.name is None else self.identifier(a.name),
                                value=self.value(a.value, scope))
            for a in e.arguments if a.name is None or a.name.text != "tag")
        callee = self.value(e.callee, scope)
        return dataclasses.replace(e, callee=callee, arguments=arguments)

    def array_literal(self, e: ast.Call, scope: Scope) -> ast.Expression:
        """`[| |]` has no elements, `[| x |]` one, and an element may be a list; our `a : b` is always one flat list."""
        items, b = [self.value(a.value, scope) for a in e.arguments], Builder(e.span)
        if any(len(list_items(a.value, scope)) > 1 for a in e.arguments):
            index = self.free("i", scope)
            chosen: ast.Expression = items[-1]
            for number in range(len(items) - 2, -1, -1):
                is_it = b.binary(b.name(index), "==", b.value(number))
                chosen = ast.Conditional(is_it, items[number], chosen, e.span)
            function = ast.Function((b.identifier(index),), chosen, e.span)
            return ast.Array(b.value(0), b.value(len(items) - 1), function, e.span)
        if len(items) > 1:
            return b.list(items)
        return b.call("Repeat", len(items), *(items or [b.value(0)]))

    def library_call(self, row: LibraryRow, e: ast.Call, scope: Scope) -> ast.Expression:
        if isinstance(row, Missing):
            return self.missing(row, e)
        if not self.arguments.fit(row, e):
            return e
        kept = tuple(dataclasses.replace(a, value=self.value(a.value, scope)) for a in e.arguments
                     if self.arguments.have_a_meaning(a, row, scope))
        call = dataclasses.replace(e, arguments=kept)
        if isinstance(row, Same):
            shared = next((a.value for a in e.arguments if a.name is not None and a.name.text == "sharing"), None)
            if row.unshared and shared is not None and known_value(shared, scope) is False:
                row = dataclasses.replace(row, ours=row.unshared)
            return self.same(row, call, e.callee, scope)
        if isinstance(row, Composed):
            return dataclasses.replace(call, callee=ast.Name(self.needs(row.members, scope), e.callee.span))
        positional = iter(row.positional)
        given = {a.name.text if a.name is not None else next(positional): a.value for a in kept}
        builder = Builder(e.span)
        assert isinstance(row, Spelled)
        written: ast.Expression = row.write(Given(
            row, call, given, builder, self.arguments.refuse(e), self.arguments.note(e),
            lambda text: self.define_function(text, scope)))
        for made in _rows_in(written, call):
            if made == row.ours and isinstance(written, ast.Call):
                written = dataclasses.replace(written, callee=self.callee(made, e.callee, scope))
            else:
                self.ours(made, scope)
        return written

    def callee(self, name: str, written: ast.Expression, scope: Scope) -> ast.Expression:
        """What a call is written with: our name, or the name that the text gave to the library's function."""
        if isinstance(written, ast.Name) and scope.find(written.text) is not None:
            return self.name(written, scope)
        return ast.Name(self.ours(name, scope), written.span)

    def same(self, row: Same, call: ast.Call, callee: ast.Expression, scope: Scope) -> ast.Expression:
        """The call by our names, in our order: an argument that stands elsewhere with us is passed by name."""
        order = our_order(row.our_name)
        arguments: list[ast.Argument] = []
        positional, in_order = iter(row.positional), True
        for argument in call.arguments:
            if argument.name is None:
                ours = row.our_parameter(next(positional))
                place = len(arguments)
                in_order = in_order and (order is None or order[place : place + 1] in ((ours,), (f"{ours}...",)))
                written = None if in_order else ast.Identifier(ours, argument.span)
            else:
                ours = row.our_parameter(argument.name.text)
                written = ast.Identifier(ours, argument.name.span)
            arguments.append(dataclasses.replace(argument, name=written))
        given = {a.name.text for a in call.arguments if a.name is not None}
        builder = Builder(call.span)
        for option, text in row.written.items():
            if option not in given:
                value = at_place(_constant(text), builder)
                arguments.append(ast.Argument(builder.identifier(option), value, call.span))
        return dataclasses.replace(call, callee=self.callee(row.our_name, callee, scope), arguments=tuple(arguments),
                                   braces=_braces(row.our_name, call.braces))


def our_order(name: str) -> tuple[str, ...] | None:
    """The parameters of a row of ours, in the order in which they are passed without names; None for a function of the
    language, which has CNTK's order."""
    row = NAMES.get(name)
    if row is None or not issubclass(row, Layer):
        return None
    if not row.inputs or row.style == "layer":
        return row.positional()
    return row.call or (*row.inputs, *row.positional())


def _braces(name: str, written: bool) -> bool:
    """Layers are made in braces; functions are applied in parentheses; everything else as it was written."""
    row = NAMES.get(name)
    if row is None or not issubclass(row, Layer) or not row.inputs:
        return written
    return row.style == "layer"


def _in_our_order(row: Same) -> bool:
    order, wanted = our_order(row.our_name), tuple(row.our_parameter(p) for p in row.positional)
    made = row.signature.endswith("}")
    return order is None or (
        tuple(name.removesuffix("...") for name in order[: len(wanted)]) == wanted and (made or not row.written))


def _makes_something(e: object) -> bool:
    """Whether evaluating an expression may make a node or a parameter."""
    if isinstance(e, ast.Function):
        return False
    if isinstance(e, ast.Call) and not (isinstance(e.callee, ast.Name) and e.callee.text in _PLAIN):
        return True
    return any(_makes_something(part) for part in parts_of(e))


def _rows_in(written: ast.Expression, call: ast.Call) -> Iterable[str]:
    """The names of ours that a call was written with."""
    callee = written.callee if isinstance(written, ast.Call) else None
    while isinstance(callee, ast.Call):
        callee = callee.callee
    return [callee.text] if isinstance(callee, ast.Name) and callee is not call.callee else []


def _constant(text: str) -> ast.Expression:
    return ast.Boolean(text == "true", Span.nowhere("")) if text in ("true", "false") else \
        ast.Number(float(text), Span.nowhere(""))


_TRANSLATE: dict[type, Callable[[Translator, Any, Scope], Any]] = {
    ast.String: Translator.string, ast.Record: Translator.record, ast.Function: Translator.function,
    ast.Name: Translator.name, ast.Select: Translator.select, ast.Call: Translator.call,
    ast.Conditional: Translator.conditional,
}
_EXPRESSIONS = frozenset((
    ast.Number, ast.String, ast.Boolean, ast.Name, ast.Unary, ast.Binary, ast.List, ast.Function, ast.Conditional,
    ast.Select, ast.Index, ast.Call, ast.Parentheses, ast.Record, ast.Array))
