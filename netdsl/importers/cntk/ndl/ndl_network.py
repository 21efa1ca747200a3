"""The parsed texts of a network in NDL -> the record of the `network` block, with its lists of special nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.failure import Failure, failure
from ....base.source import Span
from ....base.suggest import did_you_mean
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported, without_meaning
from ..variables import Variables
from .ndl_names import GROUPS, LISTS, Scope, group_of_tag, spelled, tag_of, with_names_for_tags
from .ndl_syntax import Call, Item, Items, Macro, Member, Statement, Word
from .ndl_use import NeedsValues
from .ndl_writer import Writer

_LIST_NAMES = {"feature": "featureNodes", "label": "labelNodes", "criterion": "criterionNodes",
               "evaluation": "evaluationNodes", "output": "outputNodes"}


def network_record(members: Sequence[Member], span: Span, variables: Variables | None = None
                   ) -> tuple[ast.Record, list[Diagnostic]]:
    """The network that the macros and statements make, and notes. Raises Failure with every mistake found."""
    members = with_names_for_tags(members)
    macros = _macros(members)
    in_place: set[str] = set()
    while True:
        try:
            return _Network(members, macros, in_place, span, variables).record()
        except NeedsValues as needed:
            if needed.macro in in_place:
                raise AssertionError(f"the macro {needed.macro} needs values although it is written in place") from None
            in_place.add(needed.macro)


def _macros(members: Iterable[Member]) -> dict[str, Macro]:
    found: dict[str, Macro] = {}
    for member in members:
        if not isinstance(member, Macro):
            continue
        before = found.setdefault(member.name.key, member)
        if before is not member and before.span.text.split() != member.span.text.split():
            raise Failure([Diagnostic(
                Code.DUPLICATE_NAME, f"the macro `{member.name.text}` is defined twice",
                Label(member.name.span, "again here"), (Label(before.name.span, "first here"),),
                hint="rename one of them. Case does not count in NDL.")])
    return found


class _Network:
    def __init__(self, members: Sequence[Member], macros: dict[str, Macro], in_place: set[str], span: Span,
                 variables: Variables | None) -> None:
        statements = [member for member in members if isinstance(member, Statement)]
        self._statements = [s for s in statements if s.name is None or s.name.key not in LISTS]
        self._lists = [s for s in statements if s.name is not None and s.name.key in LISTS]
        self._members, self._macros, self._span = members, macros, span
        self._place = next((macro.name.span for macro in macros.values()), span)
        self._scope = Scope.of_network(self._statements)
        self._writer = Writer(macros, _spelling(members, macros), self._scope, in_place, variables)
        #: group -> its nodes, by their text, in order
        self._groups: dict[str, dict[str, ast.Expression]] = {group: {} for group in GROUPS}

    def record(self) -> tuple[ast.Record, list[Diagnostic]]:
        if not self._statements:
            raise failure(Code.NO_NETWORK, "there is no network here, only macros" if self._macros else
                          "there is no network here", self._place,
                          hint="`run = Name` says which section is the network. Macros are read where "
                               "`ndlMacros = file` names their file.")
        written = {id(s): self._writer.member(s, self._scope) for s in self._statements if s.name is not None}
        self._collect_tags(self._statements, self._scope, ())
        for statement in self._lists:
            self._collect_list(statement)
        functions = self._functions()
        made: list[ast.Member] = []
        for member in self._members:
            first = isinstance(member, Macro) and self._macros[member.name.key] is member
            function = functions.get(member.name.key) if isinstance(member, Macro) and first else None
            if function is not None:
                made.append(function)
            elif id(member) in written:
                made.append(written[id(member)])
        notes = self._notes()
        problems = [*self._writer.problems, *self._writer.refused]
        if problems:
            raise Failure(problems)
        return Builder(self._span).record([*made, *self._special_lists(notes)]), notes

    def _functions(self) -> dict[str, ast.Define]:
        """The macros that are called; writing one may call another."""
        done: dict[str, ast.Define] = {}
        while len(done) < len(self._writer.called):
            for key, macro in list(self._writer.called.items()):
                if key not in done:
                    done[key] = self._writer.define(macro)
        return done

    # --- groups ----------------------------------------------------------------------------------

    def _collect_tags(self, statements: Iterable[Statement], scope: Scope, path: tuple[str, ...]) -> None:
        """The nodes that a tag puts into a group, those that macros make included."""
        for statement in statements:
            call = statement.value
            if not isinstance(call, Call) or statement.name is None:
                continue
            here = (*path, statement.name.text)
            tag = tag_of(call)
            if tag is not None and isinstance(tag.value, Word):
                place = Word(".".join(here), call.span)
                self._add_tag(tag.value, place)
            macro = self._macros.get(call.function.key)
            if macro is not None and len(here) <= len(self._macros) + 1:
                self._collect_tags(macro.body, scope, here)

    def _add_tag(self, tag: Word, node: Word) -> None:
        group = group_of_tag(tag.text)
        if group is not None:
            self._add(group, node)
        elif tag.key != "multiseq":
            self._writer.problems.append(Diagnostic(
                Code.UNKNOWN_KEY, f"there is no tag `{tag.text}`", Label(tag.span, did_you_mean(tag.text, GROUPS)),
                hint=f"tags are {', '.join(GROUPS)}."))

    def _collect_list(self, statement: Statement) -> None:
        assert statement.name is not None
        for item in _flat(statement.value):
            if isinstance(item, Word) and item.number is None:
                self._add(LISTS[statement.name.key], item)
            else:
                self._writer.problems.append(Diagnostic(
                    Code.WRONG_TYPE, f"`{statement.name.text}` lists the names of nodes",
                    Label(item.span, "this is no name"), hint="give the node a name of its own, and list that."))

    def _add(self, group: str, node: Word) -> None:
        value = self._writer.reference(node, self._scope)
        self._groups[group].setdefault(_text_of(value), value)

    def _special_lists(self, notes: list[Diagnostic]) -> list[ast.Member]:
        criteria = self._groups["criterion"]
        if len(criteria) > 1:
            first, *others = criteria
            names = ", ".join(f"`{name}`" for name in others)
            notes.append(Diagnostic(
                Code.NO_EFFECT, f"only the first criterion is trained, `{first}`",
                Label(criteria[others[0]].span, "CNTK does not train this one"), severity="note",
                hint=f"{names} became a metric. To train their sum, list all of them in `criterionNodes`."))
            self._groups["evaluation"] = {**{name: criteria.pop(name) for name in others}, **self._groups["evaluation"]}
        return [self._special_list(group, list(nodes.values())) for group, nodes in self._groups.items() if nodes]

    def _special_list(self, group: str, nodes: list[ast.Expression]) -> ast.Member:
        """A list where the file has it, or, for nodes that tags put there, at the first of them."""
        named = [s for s in self._lists if s.name is not None and LISTS[s.name.key] == group]
        written = len(named) == 1 and all(
            named[0].span.start <= node.span.start < named[0].span.end for node in nodes)
        build = Builder(named[0].span if written else nodes[0].span)
        items = nodes if written else [build.name(_text_of(node)) for node in nodes]
        return build.assign(_LIST_NAMES[group], items[0] if len(items) == 1 else ast.List(tuple(items), build.span))

    # --- notes -----------------------------------------------------------------------------------

    def _notes(self) -> list[Diagnostic]:
        notes = without_meaning(self._writer.unread, "nothing depends on it here")
        kinds = {kind for kind, _, _ in self._writer.layouts}
        for kind, span, _ in self._writer.layouts:
            if kind not in ("HWC", "CHW"):
                self._writer.problems.append(Diagnostic(
                    Code.OPTION_TYPE, f"there is no image layout `{kind}`", Label(span),
                    hint="NDL has \"cudnn\" (width, height, channels) and \"HWC\"."))
        if kinds == {"HWC"}:
            notes.append(self._read_as_width_first())
        elif {"HWC", "CHW"} <= kinds:
            self._refuse_mixed_layouts()
        return notes

    def _read_as_width_first(self) -> Diagnostic:
        _, span, said = self._writer.layouts[0]
        why = "this layout puts the channels first" if said else "without `imageLayout` NDL puts the channels first"
        return Diagnostic(
            Code.NO_EFFECT, "images are read as width x height x channels", Label(span, why), severity="note",
            body=("The network is the same for images. Vectors of pixels have to hold one channel after the other, and "
                  "the columns of a matrix that follows an image are in another order than in CNTK's model file.",))

    def _refuse_mixed_layouts(self) -> None:
        """Images of both orders in one network: what CNTK would do depends on its engine."""
        _, span, said = next(entry for entry in self._writer.layouts if entry[0] == "HWC")
        other = next(entry for entry in self._writer.layouts if entry[0] == "CHW")
        problem = not_supported(
            "network with images of two layouts", span, "the channels come first here" if said else
            "without `imageLayout` NDL puts the channels first", "write `imageLayout = \"cudnn\"` everywhere.")
        label = Label(other[1], "and last here")
        self._writer.refuse(Diagnostic(problem.code, problem.title, problem.primary, (label,), hint=problem.hint))


def _flat(item: Item) -> list[Item]:
    return [part for inner in item.items for part in _flat(inner)] if isinstance(item, Items) else [item]


def _text_of(value: ast.Expression) -> str:
    return f"{_text_of(value.value)}.{value.name.text}" if isinstance(value, ast.Select) else \
        value.text if isinstance(value, ast.Name) else repr(value)


def _spelling(members: Sequence[Member], macros: dict[str, Macro]) -> dict[str, str]:
    """The names that macros get: their own, or `MakeX` where a variable is called `X` as well."""
    used = {spelled(name.text) for member in members for name in _names_in(member)}
    spelling = {}
    for key, macro in macros.items():
        name = spelled(macro.name.text)
        while name in used:
            name = f"Make{name[:1].upper()}{name[1:]}"
        spelling[key] = name
        used.add(name)
    return spelling


def _names_in(member: Member) -> Iterable[Word]:
    if isinstance(member, Statement):
        return () if member.name is None else (member.name,)
    return (*member.parameters, *(s.name for s in member.body if s.name is not None))
