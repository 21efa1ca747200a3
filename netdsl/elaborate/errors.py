"""The diagnostics of the evaluator: what is wrong with a name, a call, an operand."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..base.units import clip_text, plural
from ..spec import Applicable
from ..spec.aliases import our_name
from ..spec.not_yet import not_yet
from ..syntax import ast
from .limits import meter
from .values import Environment, FunctionValue, NamedPlace, Ref, Thunk, describe


def uses(place: NamedPlace | None) -> tuple[Label, ...]:
    """The uses that led here, as related labels: the innermost and, if elsewhere, the outermost."""
    spans = place.trace_spans() if place else ()
    if not spans:
        return ()
    first = (Label(spans[0], "needed by this use"),)
    return first if len(spans) == 1 or spans[-1] == spans[0] else (*first, Label(spans[-1], "which is used here"))


def unknown_name(name: str, span: Span, environment: Environment, place: NamedPlace) -> Failure:
    # In a file of unknown names, all of which are compared with all others, suggestions would take minutes.
    compares = meter().may_compare(sum(len(scope.names) for scope in environment.chain()))
    candidates = ["true", "false", *(n for n in environment.visible() if not n.startswith("_"))] if compares else ()
    looked = [scope.what for scope in environment.chain() if scope.what]
    where = ", ".join(looked[:-1]) + (", and " if len(looked) > 1 else "") + looked[-1] if looked else "the file"
    kind = "layer or function" if span.source.text[span.end : span.end + 2].strip()[:1] in ("{", "(") else "name"
    ours, missing = our_name(name), not_yet(name) if kind != "name" else ""
    label = f"here it is `{ours}`" if ours else "" if missing else \
        did_you_mean(name, candidates)
    return failure(Code.UNKNOWN_NAME, f"there is no {kind} called `{name}`", span, label, related=uses(place),
                   body=(f"I looked in {where}.",),
                   hint="" if label else missing or _name_hint(span, kind))


def _name_hint(span: Span, kind: str) -> str:
    before = span.source.line(span.line)[: span.column - 1].rstrip()
    if before.endswith("--"):
        return "a comment begins with `#`."
    if span.source.name == "command line":
        return "a value is written as in a file: a number as `3`, a string as `'text'`, a name as the file has it."
    if span.source.text[span.start - 1 : span.start] == "$" == span.source.text[span.end : span.end + 1]:
        return f"define it at the top of the file, as in `{span.text} = \"data\"`."
    return "`netdsl layers` lists every layer and function." if kind != "name" else ""


def cycle(thunk: Thunk, running: Sequence[Thunk]) -> Failure:
    """`width -> depth -> width`, each with its place."""
    start = next(i for i, t in enumerate(running) if t is thunk)
    loop = [t for t in running[start:] if t.name is not None] or [thunk]
    names = [t.name.text if t.name else "this expression" for t in loop]
    shown = " -> ".join([*names[:8], *(["..."] if len(names) > 8 else []), names[0]])
    first = loop[0].name.span if loop[0].name else thunk.span
    if len(loop) == 1:
        hint = (f"inside a record, `{names[0]} = {names[0]}` means itself, not the name outside: give one of the two "
                f"another name.")
        label = f"`{names[0]}` is needed to compute itself"
    else:
        hint, label = "one of these has to be computed without the others.", "the circle begins here"
    related = tuple(Label(t.name.span, f"needs `{names[(i + 1) % len(names)]}`")
                    for i, t in enumerate(loop) if t.name and i > 0)
    return failure(Code.CYCLE, f"a value is defined in a circle: {shown}", first, label, related=related, hint=hint)


def wrong_type(title: str, span: Span, value: Any, place: NamedPlace | None = None, hint: str = "") -> Failure:
    return failure(Code.WRONG_TYPE, title, span, f"this is {describe(value)}", related=uses(place), hint=hint)


def no_list_to_index(e: ast.Index, value: Any, place: NamedPlace) -> Failure:
    """`Sequential [a : b]`, `DenseLayer [64]`: a call's brackets are meant."""
    if not isinstance(value, Applicable):
        return wrong_type("`[ ]` selects an element of a list", e.value.span, value, place)
    listed = isinstance(e.index, ast.List) and not all(isinstance(item, ast.Number) for item in e.index.items)
    opening, closing = "()" if listed else "{}"
    source, name = e.span.source, _short(e.value.span.text)
    at = source.text.find("[", e.value.span.end, e.index.span.start + 1)
    fix = (Edit(source.span(at, at + 1), opening), Edit(source.span(e.span.end - 1, e.span.end), closing))
    what = f"what `{name}` is applied to goes in `( )`" if listed else f"the options of `{name}` go in braces"
    return failure(Code.WRONG_TYPE, f"`[ ]` selects an element of a list, and `{name}` is not a list",
                   source.span(at, at + 1), "this bracket", related=uses(place),
                   hint=f"write `{name} {opening}...{closing}`: {what}.", fix=fix)


def names_in_braces(e: ast.String, environment: Environment, used: set[Span]) -> list[Diagnostic]:
    """`"{dataDir}/train"`, as in Python: a name of the file between braces is put in between dollar signs."""
    found = []
    for match in re.finditer(r"\$?\{([A-Za-z_]\w*)\}", e.span.text):
        try:
            value = environment.find(match[1])
        except KeyError:
            continue
        if isinstance(value, Thunk) and value.name is not None:
            used.add(value.name.span)  # it was meant to be
            place = e.span.source.span(e.span.start + match.start(), e.span.start + match.end())
            found.append(Diagnostic(
                Code.DOUBTFUL, f"`{match[0]}` does not insert a value into a string",
                Label(place, "this stays as it is"),
                hint=f"write `${match[1]}$` to insert the value of `{match[1]}`.", severity="warning",
                fix=(Edit(place, f"${match[1]}$"),)))
    return found


#: The hint where a layer or function is given instead of its result.
APPLY = "a node is a layer that has been applied to its input: `layer (x)`."


def option_in_parentheses(step: ast.Expression | None) -> tuple[str, str, tuple[Edit, ...]]:
    """The fix for `Dropout (0.5)` in a list: the options of a layer go in braces."""
    what = "a step of a Sequential"
    if not isinstance(step, ast.Call) or step.braces or not isinstance(step.callee, ast.Name) or not step.arguments \
            or not all(isinstance(a.value, ast.Number | ast.String | ast.Boolean) for a in step.arguments):
        return what, "", ()
    source, first, last = step.span.source, step.arguments[0].span.start, step.arguments[-1].span.end
    opening = source.text.rfind("(", step.callee.span.end, first)
    fix = (Edit(source.span(opening, opening + 1), "{"), Edit(source.span(step.span.end - 1, step.span.end), "}"))
    shown = _short(f"{step.callee.text} {{{source.text[first:last]}}}")
    return what, f"options go in braces: `{shown}`; `( )` applies a layer to its input.", fix


def not_a_layer(value: Any, span: Span, place: NamedPlace, what: str = "a step of a Sequential",
                suggestion: str = "", fix: tuple[Edit, ...] = ()) -> Failure:
    hint = suggestion or ("a step is the layer alone, without its input: the Sequential applies it."
                          if isinstance(value, Ref) else
                          "a function of your own is written `(x => ...)`, in parentheses inside a list.")
    return failure(Code.NOT_A_LAYER,
                   f"{what} has to be a {'function' if suggestion and not fix else 'layer or a function'}",
                   span, f"this is {describe(value)}", related=uses(place), hint=hint, fix=fix)


def not_callable(value: Any, span: Span, callee: Span, place: NamedPlace) -> Failure:
    return failure(Code.NOT_A_LAYER, f"`{_short(callee.text)}` is not a layer or function, and cannot be applied",
                   callee, f"this is {describe(value)}", related=uses(place))


def duplicate(name: str, again: Span, first: Span, what: str) -> Failure:
    hint = "names of a record, and of the steps of one list, are unique; rename one of the two."
    if again.source is not first.source and what == "the name":
        change = f"{name}.key = value" if again.source.text[again.end :].lstrip(" =\n")[:1] == "{" else ""
        hint = f"an included value is changed by its path, `{change}`" if change else \
            f"an included value is changed in the braces of its `include`: `include \"...\" {{ {name} = ... }}`"
        hint += ", or rename one of the two."
    return failure(Code.DUPLICATE_NAME, f"{what} `{name}` is defined twice", again, "defined again here",
                   related=(Label(first, "defined first here"),), hint=hint)


def arguments(
    function: FunctionValue, title: str, span: Span, label: str, place: NamedPlace, hint: str = ""
) -> Failure:
    parameters = [p.name.text + (f" = {_short(p.default.span.text)}" if p.default else "") for p in function.groups[0]]
    body = (f"These are the parameters of `{function.name}`:",
            textwrap.fill(", ".join(parameters) or "(none)", 74, initial_indent="    ", subsequent_indent="    "))
    return failure(
        Code.WRONG_ARGUMENTS,
        title,
        span,
        label,
        related=(Label(function.span, "defined here"), *uses(place)),
        body=body,
        hint=hint,
    )


def wrong_inputs(name: str, wanted: Sequence[str], got: int, span: Span, place: NamedPlace | None,
                 label: str = "", body: tuple[str, ...] = ()) -> Failure:
    count = plural(len(wanted), "input")
    names = f" ({', '.join(wanted)})" if len(wanted) > 1 else ""
    return failure(Code.WRONG_INPUTS, f"{name} takes {count}{names}, here {'is' if got == 1 else 'are'} {got}", span,
                   label, related=uses(place), body=body)


def _short(text: str, limit: int = 40) -> str:
    return clip_text(" ".join(text.split()), limit)
