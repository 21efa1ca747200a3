"""A call of a function of NDL, as its row sees it."""

from __future__ import annotations

from typing import Protocol

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Span
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported
from .ndl_names import Given, Scope
from .ndl_syntax import Call, Item, Items, Statement, Word

TRUE, FALSE = frozenset(("t", "true", "1")), frozenset(("f", "false", "0", ""))


class NeedsValues(Exception):
    """A macro has to be written out in place: what a parameter of it stands for decides what is written."""

    def __init__(self, macro: str) -> None:
        super().__init__(macro)
        self.macro = macro


class Host(Protocol):
    """Who writes the expressions that arguments are made of, and collects what was found."""

    problems: list[Diagnostic]
    layouts: list[tuple[str, Span, bool]]  #: kind, place, whether the file says so

    def operand(self, item: Item, scope: Scope) -> ast.Expression:
        """An item where one value is wanted."""

    def string(self, word: Word) -> ast.Expression:
        """A text as a string."""

    def refuse(self, problem: Diagnostic) -> None:
        """Report something that netdsl does not have."""


class FunctionUse:
    """Implements the protocol `Use` of the table of functions."""

    def __init__(self, writer: Host, call: Call, scope: Scope) -> None:
        self._writer, self.call, self._scope = writer, call, scope
        self.build = Builder(call.span)
        self._options = {option.name.key: option.value for option in call.options}

    # --- arguments -------------------------------------------------------------------------------

    def node(self, index: int) -> ast.Expression:
        return self._writer.operand(self.call.arguments[index], self._scope)

    def number(self, index: int) -> ast.Expression:
        return self._number(self.call.arguments[index], self._scope)

    def _number(self, item: Item, scope: Scope) -> ast.Expression:
        value, where = self._followed(item, scope)
        if isinstance(value, Call) and value.function.key in ("constant", "const") and value.arguments:
            return self._number(value.arguments[0], where)
        if isinstance(value, Call):
            self._writer.problems.append(Diagnostic(
                Code.WRONG_TYPE, f"`{self.call.function.text}` needs a number here", Label(item.span, "this is a node"),
                hint="write the number, the name of one, or `Constant(number)`."))
        return self._writer.operand(item, scope)

    def _followed(self, item: Item, scope: Scope) -> tuple[Item, Scope]:
        """What a name stands for, through names that stand for names; a parameter stays what it is."""
        seen: set[int] = set()
        while isinstance(item, Word) and item.number is None and not item.quoted and id(item) not in seen:
            seen.add(id(item))
            found = scope.find(item.key)
            entry = None if found is None else found[0]
            if found is None or entry is None or isinstance(entry, Word):
                break
            item, scope = (entry.value, entry.scope) if isinstance(entry, Given) else (entry.value, found[1])
        return item, scope

    def extents(self, index: int) -> ast.Expression:
        return self._writer.operand(self.call.arguments[index], self._scope)

    def text(self, index: int) -> str:
        return self._literal(self.call.arguments[index]).lower()

    def _literal(self, item: Item) -> str:
        """A word that has to be known now: itself, or what its name stands for."""
        value, where = self._followed(item, self._scope)
        if isinstance(value, Word) and not value.quoted and isinstance(self._entry(value, where), Word):
            assert where.macro is not None
            raise NeedsValues(where.macro.name.key)
        return value.text if isinstance(value, Word) else item.span.text

    @staticmethod
    def _entry(word: Word, scope: Scope) -> Word | Statement | Given | None:
        found = scope.find(word.key)
        return None if found is None else found[0]

    # --- options ---------------------------------------------------------------------------------

    def option(self, name: str) -> ast.Expression | None:
        item = self._options.get(name.lower())
        return None if item is None else self._writer.operand(item, self._scope)

    def word(self, name: str, default: str = "") -> str:
        item = self._options.get(name.lower())
        return default if item is None else self._literal(item)

    def string(self, name: str) -> ast.Expression | None:
        item = self._options.get(name.lower())
        if item is None:
            return None
        value, where = self._followed(item, self._scope)
        is_parameter = isinstance(value, Word) and not value.quoted and isinstance(self._entry(value, where), Word)
        if not isinstance(value, Word) or is_parameter:
            return self._writer.operand(item, self._scope)
        return self._writer.string(value)

    def flag(self, name: str, default: bool) -> bool:
        item = self._options.get(name.lower())
        return default if item is None else self._flag(item)

    def flags(self, name: str) -> list[bool]:
        item = self._options.get(name.lower())
        if item is None:
            return []
        value, _ = self._followed(item, self._scope)
        return [self._flag(part) for part in value.items] if isinstance(value, Items) else [self._flag(item)]

    def _flag(self, item: Item) -> bool:
        text = self._literal(item).lower()
        if text not in TRUE | FALSE:
            self._writer.problems.append(Diagnostic(
                Code.OPTION_TYPE, f"`{text}` is neither true nor false",
                Label(item.span, "true or false is wanted here")))
        return text in TRUE

    def layout(self, default: str) -> None:
        item = self._options.get("imagelayout")
        kind = self.word("imageLayout", default).lower()
        kind = "CHW" if kind in ("cudnn", "chw") else "HWC" if kind in ("legacy", "hwc", "") else kind
        self._writer.layouts.append((kind, self.call.span if item is None else item.span, item is not None))

    def refuse(self, what: str, hint: str = "") -> ast.Expression:
        self._writer.refuse(not_supported(what, self.call.span, hint=hint))
        return self.build.value(0.0)
