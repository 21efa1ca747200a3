"""What the names of an NDL text stand for. They differ by case nowhere; each is written as where it is defined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .ndl_syntax import Call, Item, Items, Macro, Member, Option, Statement, Word

#: The lists of special nodes -> the group of nodes that each holds.
LISTS: dict[str, str] = {"featurenodes": "feature", "labelnodes": "label", "criterionnodes": "criterion",
                         "criterianodes": "criterion", "evalnodes": "evaluation", "evaluationnodes": "evaluation",
                         "outputnodes": "output"}
GROUPS = ("feature", "label", "criterion", "evaluation", "output")


#: Names that mean something else in a `.net` file: words of the language, members of `network`, and rows that stand
#: for functions of NDL with another name.
_OTHERWISE = frozenset(("include", "true", "false", "if", "then", "else", "array", "budget", "testNodes", "network",
                        "reader", "SGD", "ParameterTensor", "ConvolutionTranspose", "LocalConvolution",
                        "WeightedLogistic"))


def spelled(name: str) -> str:
    """A name of NDL as a name of a `.net` file: letters, digits and `_`, and none that means something else there."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    plain = f"_{plain}" if plain[:1].isdigit() else plain
    return f"{plain}_" if plain in _OTHERWISE else plain


def group_of_tag(tag: str) -> str | None:
    """The group that a tag means; None for a tag that NDL does not have."""
    name = tag.lower()
    if name.startswith("eval"):
        return "evaluation"
    return "criterion" if name == "criteria" else name if name in GROUPS else None


@dataclass(frozen=True, slots=True)
class Given:
    """What a parameter of a macro stands for, where the macro is written out in place."""

    value: Item
    scope: Scope


@dataclass(frozen=True)
class Scope:
    """Names that see each other: those of the network, or those of a macro."""

    names: Mapping[str, Word | Statement | Given] = field(repr=False)  #: a Word is a parameter
    outer: Scope | None = None
    macro: Macro | None = None

    @staticmethod
    def of_network(statements: Iterable[Statement]) -> Scope:
        return Scope({s.name.key: s for s in reversed(tuple(statements)) if s.name is not None})

    def of_macro(self, macro: Macro, given: Mapping[str, Given] | None = None) -> Scope:
        """The scope of a macro's body; what it does not define are names of the network."""
        names: dict[str, Word | Statement | Given] = {p.key: p for p in macro.parameters}
        names.update(given or {})
        names.update({s.name.key: s for s in reversed(macro.body) if s.name is not None})
        return Scope(names, self.outer or self, macro)

    def find(self, key: str) -> tuple[Word | Statement | Given, Scope] | None:
        """What a name stands for, and the scope that defines it."""
        if key in self.names:
            return self.names[key], self
        return self.outer.find(key) if self.outer is not None else None

    def known(self) -> list[str]:
        """The names that can be used here, as they are written."""
        named = (entry.name if isinstance(entry, Statement) else entry for entry in self.names.values())
        own = [word.text for word in named if isinstance(word, Word)]
        return own + (self.outer.known() if self.outer is not None else [])


def result_of(macro: Macro) -> Statement:
    """The statement whose value a call of a macro gives: the one named like the macro, else the last one."""
    named = (s for s in macro.body if s.name is not None and s.name.key == macro.name.key)
    return next(named, macro.body[-1])


class _Namer:
    """Gives names to calls inside calls that have a tag, since a list of nodes has to name them."""

    def __init__(self) -> None:
        self._count = 0

    def statements(self, statements: Iterable[Statement]) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for statement in statements:
            value = self._without_tags(statement.value, found, top=True)
            found.append(Statement(statement.name, value, statement.span))
        return tuple(found)

    def _without_tags(self, item: Item, found: list[Statement], top: bool = False) -> Item:
        if isinstance(item, Items):
            return Items(tuple(self._without_tags(part, found) for part in item.items), item.span)
        if not isinstance(item, Call):
            return item
        arguments = tuple(self._without_tags(argument, found) for argument in item.arguments)
        call = Call(item.function, arguments, item.options, item.span)
        if top or tag_of(call) is None:
            return call
        self._count += 1
        name = Word(f"unnamed{self._count}", call.function.span)
        found.append(Statement(name, call, call.span))
        return name


def tag_of(call: Call) -> Option | None:
    return next((option for option in call.options if option.name.key == "tag"), None)


def with_names_for_tags(members: Iterable[Member]) -> tuple[Member, ...]:
    """The members with a statement of its own for each call that has a tag."""
    namer = _Namer()
    named: list[Member] = []
    for member in members:
        if isinstance(member, Macro):
            named.append(Macro(member.name, member.parameters, namer.statements(member.body), member.span))
        else:
            named += namer.statements([member])
    return tuple(named)
