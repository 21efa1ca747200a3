"""An NDL text -> the members of a `network` block: macros are functions, statements are members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Span
from ....base.suggest import did_you_mean
from ....base.units import plural
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported
from ..variables import Variables
from .ndl_functions import NdlFunction, function_names, function_of, missing_function
from .ndl_names import Given, Scope, result_of, spelled
from .ndl_syntax import Call, Item, Items, Macro, Statement, Word
from .ndl_use import FALSE, TRUE, FunctionUse, NeedsValues

#: Words that stand for themselves where a macro hands them on.
_WORDS = frozenset(("uniform", "gaussian", "fixedvalue", "fromfile", "henormal", "bilinear", "cudnn", "hwc", "chw",
                    "legacy", "max", "average"))


class Writer:
    """Writes what a network uses; macros that cannot be functions (`in_place`) are written out at each call."""

    def __init__(self, macros: dict[str, Macro], spelling: dict[str, str], network: Scope, in_place: set[str],
                 variables: Variables | None = None) -> None:
        self._macros, self._spelling, self._network, self._in_place = macros, spelling, network, in_place
        self._variables = variables
        self._taken = frozenset(network.known())
        #: macros that are called as functions, in the order in which they were met
        self.called: dict[str, Macro] = {}
        self.problems: list[Diagnostic] = []
        self.layouts: list[tuple[str, Span, bool]] = []  #: kind, place, whether the file says so
        self.unread: list[tuple[str, Span]] = []  #: options without a meaning
        self._endless = _endless(macros)
        self._refused: dict[str, list[Diagnostic]] = {}

    # --- problems --------------------------------------------------------------------------------

    def refuse(self, problem: Diagnostic) -> None:
        self._refused.setdefault(problem.title, []).append(problem)

    @property
    def refused(self) -> list[Diagnostic]:
        """One page for each thing that is missing, at its first place."""
        pages = []
        for title, found in self._refused.items():
            places = {(p.primary.span.source.name, p.primary.span.start) for p in found}
            more = len(places) - 1
            body = (f"The file uses it at {plural(more, 'more place')}.",) if more else ()
            pages.append(Diagnostic(Code.NOT_SUPPORTED, title, found[0].primary, body=(*found[0].body, *body),
                                    hint=found[0].hint))
        return pages

    def _report(self, code: Code, title: str, span: Span, label: str, hint: str = "") -> ast.Expression:
        problem = Diagnostic(code, title, Label(span, label), hint=hint)
        if problem not in self.problems:
            self.problems.append(problem)
        return ast.Number(0.0, span)

    # --- members ---------------------------------------------------------------------------------

    def define(self, macro: Macro) -> ast.Define:
        """A macro as a function: a record of its statements, or its one expression."""
        scope = self._network.of_macro(macro)
        build = Builder(macro.span)
        parameters = tuple(ast.Parameter(Builder(p.span).identifier(spelled(p.text)), None, p.span)
                           for p in macro.parameters)
        name = ast.Identifier(self._spelling[macro.name.key], macro.name.span)
        if macro.is_expression:
            value = self._value(macro.body[0].value, scope)
        else:
            value = build.record(self.members(macro.body, scope))
        return ast.Define(name, (parameters,), value, macro.span, (False,))

    def members(self, statements: Iterable[Statement], scope: Scope) -> list[ast.Member]:
        return [self.member(statement, scope) for statement in statements]

    def member(self, statement: Statement, scope: Scope) -> ast.Assign:
        name = statement.name or Word("result", statement.span)
        value = self._value(statement.value, scope)
        return ast.Assign(ast.Identifier(spelled(name.text), name.span), value, statement.span)

    def _value(self, item: Item, scope: Scope) -> ast.Expression:
        """The value of a statement: of a macro's call all that it makes, not only its result."""
        return self._call(item, scope) if isinstance(item, Call) else self.operand(item, scope)

    # --- expressions -----------------------------------------------------------------------------

    def operand(self, item: Item, scope: Scope) -> ast.Expression:
        """An item where one value is wanted: of a macro's call its result."""
        build = Builder(item.span)
        if isinstance(item, Items):
            return build.list([self.operand(part, scope) for part in item.items])
        if isinstance(item, Call):
            made = self._call(item, scope)
            return _selected(made, self._result_path(item))
        if item.number is not None:
            return build.value(item.number)
        return self.string(item) if item.quoted else self._word(item, scope)

    def string(self, word: Word) -> ast.Expression:
        """A text as a string, with the names of the configuration's `$x$` in it."""
        if self._variables is None or word.mapped is None:
            return Builder(word.span).value(word.text)
        return self._variables.string(word.mapped, self._taken)

    def _word(self, word: Word, scope: Scope) -> ast.Expression:
        if scope.find(word.key.split(".")[0]) is not None:
            return self.reference(word, scope)
        build = Builder(word.span)
        if word.key in TRUE | FALSE:
            return build.value(word.key in TRUE)
        if word.key in _WORDS or "/" in word.text or "\\" in word.text:
            return self.string(word)
        return self._report(Code.UNKNOWN_NAME, f"nothing defines `{word.text}`", word.span,
                            did_you_mean(word.text, scope.known()))

    def reference(self, word: Word, scope: Scope) -> ast.Expression:
        """A name, or a member of what a macro made: `h1`, `h1.W`. What stands for a macro's call gives its result."""
        first, *rest = word.text.split(".")
        found = scope.find(first.lower())
        if found is None:
            return self._word(word, scope)
        entry, where = found
        if isinstance(entry, Given):
            return self._given(word, rest, entry)
        if isinstance(entry, Word):
            if rest and where.macro is not None:
                raise NeedsValues(where.macro.name.key)
            return Builder(word.span).name(spelled(entry.text))
        assert entry.name is not None
        if isinstance(entry.value, Word) and rest and entry.value.number is None:
            return self.reference(Word(".".join((entry.value.text, *rest)), word.span), where)
        path = self._path(entry.value, rest, word)
        return Builder(word.span).name(".".join((spelled(entry.name.text), *path)))

    def _given(self, word: Word, rest: Sequence[str], entry: Given) -> ast.Expression:
        value = entry.value
        if isinstance(value, Word) and value.number is None and not value.quoted:
            return self._word(Word(".".join((value.text, *rest)), word.span), entry.scope)
        made = self.operand(value, entry.scope) if not rest else self._value(value, entry.scope)
        return _selected(made, self._path(value, rest, word) if rest else [])

    def _path(self, value: Item, rest: Sequence[str], word: Word) -> list[str]:
        """The members that lead from what `value` makes to what `rest` names, or to its result."""
        macro = self._macro_of(value)
        if macro is None:
            if rest:
                self._report(Code.UNKNOWN_NAME, f"`{word.text}` is not defined", word.span,
                             f"what stands before `.{rest[0]}` is no call of a macro")
            return []
        if not rest:
            assert isinstance(value, Call)
            return self._result_path(value)
        member = next((s for s in macro.body if s.name is not None and s.name.key == rest[0].lower()), None)
        if member is None or member.name is None:
            self._report(Code.UNKNOWN_NAME, f"the macro `{macro.name.text}` has no `{rest[0]}`", word.span,
                         "nothing of this name is made there",
                         did_you_mean(rest[0], [s.name.text for s in macro.body if s.name is not None]))
            return []
        return [spelled(member.name.text), *self._path(member.value, rest[1:], word)]

    def _result_path(self, call: Call) -> list[str]:
        """The members that lead from what a call makes to its result; none for a call of a function."""
        path: list[str] = []
        macro = self._macro_of(call)
        while macro is not None and not macro.is_expression and len(path) <= len(self._macros):
            result = result_of(macro)
            path.append("result" if result.name is None else spelled(result.name.text))
            macro = self._macro_of(result.value)
        return path

    def _macro_of(self, item: Item) -> Macro | None:
        return self._macros.get(item.function.key) if isinstance(item, Call) else None

    # --- calls -----------------------------------------------------------------------------------

    def _call(self, call: Call, scope: Scope) -> ast.Expression:
        macro = self._macro_of(call)
        if macro is not None:
            return self._macro_call(call, macro, scope)
        row = function_of(call.function.text)
        if row is not None:
            return self._function_call(call, row, scope)
        missing = missing_function(call.function.text)
        if missing is not None:
            self.refuse(not_supported(f"{missing} (`{call.function.text}`)", call.function.span))
            return ast.Number(0.0, call.span)
        return self._report(Code.UNKNOWN_NAME, f"`{call.function.text}` is no function of NDL and no macro",
                            call.function.span, "nothing defines it",
                            did_you_mean(call.function.text,
                                         [*function_names(), *(m.name.text for m in self._macros.values())])
                            or "macros of another file are read where `ndlMacros = file` names it.")

    def _function_call(self, call: Call, row: NdlFunction, scope: Scope) -> ast.Expression:
        if not row.accepts(len(call.arguments)):
            return self._report(Code.WRONG_ARGUMENTS,
                                f"`{call.function.text}` has {plural(len(call.arguments), 'argument')} here",
                                call.span, f"it is called as `{row.name}({row.arguments})`")
        known = {name.lower() for name in row.options}
        self.unread += [(option.name.text, option.name.span) for option in call.options
                        if option.name.key not in known and option.name.key != "tag"
                        and (option.name.key != "imagelayout" or _no_layout(row))]
        return row.write(FunctionUse(self, call, scope))

    def _macro_call(self, call: Call, macro: Macro, scope: Scope) -> ast.Expression:
        if len(call.arguments) != len(macro.parameters):
            return self._report(Code.WRONG_ARGUMENTS, f"`{macro.name.text}` needs "
                                f"{plural(len(macro.parameters), 'argument')} and has {len(call.arguments)}", call.span,
                                f"it is defined in line {macro.name.span.line} of {macro.name.span.source.name}")
        if macro.name.key in self._endless:
            return self._report(Code.CYCLE, f"the macro `{macro.name.text}` calls itself", call.span,
                                "this would never end", "NDL has no `if` that could end it.")
        return self._made(call, macro, scope)

    def _made(self, call: Call, macro: Macro, scope: Scope) -> ast.Expression:
        options = [option for option in call.options if option.name.key not in ("tag", "imagelayout")]
        used = _words_of(macro)
        self.unread += [(option.name.text, option.name.span) for option in options if option.name.key not in used]
        if any(option.name.key in used for option in options):
            self._in_place.add(macro.name.key)
        if macro.name.key not in self._in_place:
            self.called.setdefault(macro.name.key, macro)
            arguments = [self._argument(item, macro, scope) for item in call.arguments]
            return Builder(call.span).call(self._spelling[macro.name.key], *arguments)
        given = {p.key: Given(item, scope) for p, item in zip(macro.parameters, call.arguments, strict=True)}
        given |= {option.name.key: Given(option.value, scope) for option in options}
        inner = self._network.of_macro(macro, given)
        if macro.is_expression:
            return self._value(macro.body[0].value, inner)
        return Builder(call.span).record(self.members(macro.body, inner))

    def _argument(self, item: Item, macro: Macro, scope: Scope) -> ast.Expression:
        """An argument of a function. A word such as `uniform` is none: the macro is written out in place."""
        if isinstance(item, Word) and item.number is None and (item.quoted or (
                item.key in _WORDS and scope.find(item.key) is None)):
            raise NeedsValues(macro.name.key)
        return self.operand(item, scope)


def _no_layout(row: NdlFunction) -> bool:
    """Whether the order of axes says nothing about a function."""
    return row.name in ("BatchNormalization",)


def _selected(value: ast.Expression, path: Sequence[str]) -> ast.Expression:
    build = Builder(value.span)
    for name in path:
        value = ast.Select(value, build.identifier(name), value.span)
    return value


def _endless(macros: Mapping[str, Macro]) -> set[str]:
    """The macros whose calls lead back to them."""
    calls = {key: {call for statement in macro.body for call in _called(statement.value) if call in macros}
             for key, macro in macros.items()}
    found = set()
    for key in calls:
        reached, waiting = set[str](), list(calls[key])
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached.add(at)
                waiting += calls[at]
        if key in reached:
            found.add(key)
    return found


def _called(item: Item) -> set[str]:
    if isinstance(item, Items):
        return {name for part in item.items for name in _called(part)}
    if not isinstance(item, Call):
        return set()
    return {item.function.key, *(name for part in item.arguments for name in _called(part))}


def _words_of(macro: Macro) -> set[str]:
    """Every word in a macro's body, by which names are compared."""
    found: set[str] = set()

    def look(item: Item) -> None:
        if isinstance(item, Word):
            found.add(item.key.split(".")[0])
        elif isinstance(item, Items):
            for part in item.items:
                look(part)
        else:
            for part in (*item.arguments, *(option.value for option in item.options)):
                look(part)

    for statement in macro.body:
        look(statement.value)
    return found
