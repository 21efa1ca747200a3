"""The sections of `command`: which one trains, and what the others add to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure, failure
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...base.units import first_of, inflect
from ...syntax import ast
from ..building import Builder
from .cntk_readers import read_reader
from .config_context import ConfigContext
from .config_keys import ACTION_KEYS
from .config_section import Section
from .config_text import entries
from .ndl.mel import edit_notes
from .network_builders import BUILDERS


@dataclass(frozen=True)
class Action:
    """A value of `action`: what it becomes."""

    name: str
    kind: str  #: "train", "test", or empty
    instead: str = ""  #: what does it in netdsl
    nodes_key: str = ""  #: the key that names nodes for it


_ACTIONS = (
    Action("train", "train"), Action("trainRNN", "train"), Action("test", "test"), Action("eval", "test"),
    Action("adapt", "", "there is no adaptation of one network to another"),
    Action("write", "", "`netdsl predict` writes the outputs of a trained network", "outputNodeNames"),
    Action("cv", "", "`netdsl runs` shows each epoch's results on the validation data"),
    Action("dumpNode", "", "`netdsl info RUN` lists the tensors of a checkpoint"),
    Action("dumpNodes", "", "`netdsl info RUN` lists the tensors of a checkpoint"),
    Action("plot", "", "`netdsl graph` draws a network"), Action("topoPlot", "", "`netdsl graph` draws a network"),
    Action("bnstat", "", "statistics of batch normalization are those of training"),
    Action("edit", "", "networks are edited in their text; BrainScript's `BS.Network.Edit` is read where it trains"),
    *(Action(name, "", "it is CNTK's own, and not done") for name in (
        "devtest", "convertdbn", "exportdbn", "createLabelMap", "writeWordAndClass", "SVD", "doUnitTest")),
)
#: By name, in small letters.
ACTIONS = {action.name.casefold(): action for action in _ACTIONS}


@dataclass(frozen=True)
class Step:
    """A section that `command` names, with its actions."""

    section: Section
    actions: tuple[Action, ...]

    def does(self, kind: str) -> bool:
        return any(action.kind == kind for action in self.actions)


def steps_of(top: Section) -> list[Step]:
    """The sections that run, in their order. Raises Failure for one that does not exist."""
    named = top.items("command")
    if not named:
        return _unnamed(top)
    found = []
    for name in named:
        section = top.section(name.text)
        if section is None:
            raise failure(Code.UNKNOWN_NAME, f"`command` names `{name.text}`, and there is no such section",
                          name.span(0, len(name.text)), did_you_mean(name.text, _sections(top)),
                          body=(f"The sections are {', '.join(_sections(top))}.",) if _sections(top) else ())
        found.append(Step(section, _actions(section)))
    return found


def _sections(top: Section) -> list[str]:
    return [entry.name for entry in top.entries() if entry.is_section]


def _unnamed(top: Section) -> list[Step]:
    """A file without `command`: all sections with an action; or the file itself, if it holds a network."""
    sections = [section for name in _sections(top) if (section := top.section(name)) is not None]
    found = [Step(section, _actions(section)) for section in sections if "action" in section]
    if not found and any(builder.key in top for builder in BUILDERS):
        return [Step(top, (ACTIONS["train"],))]
    return found


def _actions(section: Section) -> tuple[Action, ...]:
    found = []
    for item in section.items("action"):
        action = ACTIONS.get(item.text.casefold())
        if action is None:
            raise failure(Code.NOT_SUPPORTED, f"CNTK has no action `{item.text}`", item.span(0, len(item.text)),
                          did_you_mean(item.text, [known.name for known in ACTIONS.values()]))
        found.append(action)
    return tuple(found)


def training_step(steps: Sequence[Step], top: Section) -> Step:
    """The section that becomes the file: the first that trains, else the first that describes a network."""
    training = [step for step in steps if step.does("train")]
    if training:
        return training[0]
    described = [step for step in steps if any(step.section.holder(builder.key) for builder in BUILDERS)]
    if described:
        return described[0]
    raise _nothing_trains(steps, top)


def _nothing_trains(steps: Sequence[Step], top: Section) -> Failure:
    others = [name for name in _sections(top) if (section := top.section(name)) is not None
              and any(action.kind == "train" for action in _actions(section))]
    hint = f"choose it on the command line: `command={others[0]}`." if others else \
        "a network stands in a section with `action = \"train\"`."
    what = ", ".join(f"`{step.section.name}`: {' '.join(action.name for action in step.actions) or 'no action'}"
                     for step in steps)
    return failure(Code.NO_NETWORK, "no section that runs trains a network, or describes one",
                   top.value_span("command"), what, hint=hint)


def say_what_runs(context: ConfigContext, steps: Sequence[Step], chosen: Step) -> None:
    """Notes on the sections of `command` that the file does not become."""
    trained = [step.section.name for step in steps if step.does("train")]
    place = context.top.value_span("command")
    if len(trained) > 1:
        rest = [name for name in trained if name != chosen.section.name]
        context.notes.append(Diagnostic(
            Code.NO_EFFECT, f"`{chosen.section.name}` is taken; {' and '.join(f'`{name}`' for name in rest)} "
            f"{'trains' if len(rest) == 1 else 'train'} as well",
            Label(place, "a file has one network and one plan"),
            hint=f"choose another one on the command line: `command={rest[0]}`.", severity="note"))
    after = False
    for step in steps:
        after = after or step is chosen
        if any(action.name == "edit" for action in step.actions):
            # A network that is trained after an edit is another one; an edit of what was trained changes nothing here.
            context.notes += [replace(note, severity="note" if after else note.severity)
                              for note in edit_notes(step.section, context)]
    others = [(step, action) for step in steps if step is not chosen for action in step.actions if not action.kind]
    if others:
        names = [f"`{step.section.name}`" for step, _ in others]
        body = [f"`{step.section.name}`: {action.instead}{_for_nodes(step.section, action)}."
                for step, action in others]
        context.notes.append(Diagnostic(
            Code.NO_EFFECT, f"{first_of(names, 5)} {inflect(len(names), 'is', 'are')} not part of the file",
            Label(others[0][0].section.value_span("action"), "a file has the action `train`, and the data for a test"),
            body=tuple(dict.fromkeys(body)), severity="note"))


def leave_out(context: ConfigContext, steps: Sequence[Step], chosen: Step) -> None:
    """Sections with an action that the file does not become are not written, and so are their comments."""
    tests = [step.section for step in steps if step.does("test")]
    written = [chosen.section, *tests[:1]]
    context.left_out += [section.entry_span("action") for section in written if section.raw("action") is not None]
    if context.top.raw("command") is not None:
        context.left_out.append(context.top.entry_span("command"))
    others, names = context.top.entries(), {section.name.casefold() for section in written}
    for entry in others:
        if not entry.is_section or entry.value is None or entry.name.casefold() in names \
                or context.variables.uses(entry) or "action" not in {e.name.casefold() for e in entries(entry.value)}:
            continue
        place = context.top.entry_span(entry.name)
        # The pieces of a section that stands in several places have others between them.
        if not any(o is not entry and o.span.source is place.source and place.start <= o.span.start < place.end
                   for o in others):
            context.left_out.append(_with_heading(place))


def _with_heading(place: Span) -> Span:
    """A section with the comments right above it, but not with those that a file begins with."""
    text = place.source.text
    start = text.rfind("\n", 0, place.start) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip().startswith("#"):
            break
        start = above
    return Span(place.source, start, place.end) if start else place


def _for_nodes(section: Section, action: Action) -> str:
    """How to get the nodes that a section names."""
    names = [name.text for name in section.items(action.nodes_key)] if action.nodes_key else []
    return f"; with `network.outputNodes={':'.join(names)}` those that are named here" if names else ""


def reader_member(context: ConfigContext, steps: Sequence[Step], chosen: Step) -> ast.Assign | None:
    """`reader = { train = ... ; validation = ... ; test = ... }`"""
    members: list[ast.Member] = []
    section = chosen.section
    for key, phase in (("reader", "train"), ("cvReader", "validation")):
        _add(members, context, section, key, phase)
    tests = [step.section for step in steps if step.does("test") and step.section is not section]
    for test in tests:
        if test is not tests[0]:
            context.notes.append(Diagnostic(
                Code.NO_EFFECT, f"`{test.name}` tests as well; `reader.test` is that of `{tests[0].name}`",
                Label(test.span, "its data are not read"),
                hint=f"choose it on the command line: `command={section.name}:{test.name}`.", severity="note"))
            continue
        context.report_keys(test, ACTION_KEYS, all_keys=False)
        _add(members, context, test, "reader", "test")
    if not members:
        return None
    place = Builder(members[0].span)
    return place.assign("reader", place.record(members))


def _add(members: list[ast.Member], context: ConfigContext, section: Section, key: str, phase: str) -> None:
    reader = section.nearest(key)
    if reader is None:
        return
    value = read_reader(context, reader, phase == "train")
    if value is not None:
        start = Span(value.span.source, value.span.start, value.span.start)
        members.append(ast.Assign(ast.Identifier(phase, start), value, value.span))


def test_nodes(context: ConfigContext, steps: Iterable[Step], record: ast.Record) -> ast.Assign | None:
    """`testNodes = ...`: what a test names besides the criterion and what training reports."""
    there = {member.name.text: member for member in record.members
             if isinstance(member, ast.Assign | ast.Define | ast.AssignElements)}
    reported = {name for key in ("criterionNodes", "evaluationNodes") if key in there
                for name in _names(there[key].value)}
    test = next((step.section for step in steps if step.does("test")), None)
    wanted = []
    for name in test.items("evalNodeNames") if test is not None else ():
        place = name.span(0, len(name.text))
        if name.text not in there:
            context.notes.append(Diagnostic(
                Code.UNKNOWN_NAME, f"`evalNodeNames` names `{name.text}`, and the network has no such member",
                Label(place, did_you_mean(name.text, there) or "it is not reported"), severity="warning"))
        elif name.text not in reported:
            wanted.append(name.text)
    # At the end of the network, so that what is written stays in the order of the file.
    end = Builder(Span(record.span.source, max(record.span.start, record.span.end - 1), record.span.end))
    return end.assign("testNodes", end.list([end.name(name) for name in wanted])) if wanted else None


def _names(value: ast.Expression) -> list[str]:
    """The names in a list such as `(errs : top5)`."""
    if isinstance(value, ast.Parentheses):
        return _names(value.value)
    if isinstance(value, ast.List):
        return [name for item in value.items if not isinstance(item, ast.Step) for name in _names(item)]
    return [value.text] if isinstance(value, ast.Name) else []
