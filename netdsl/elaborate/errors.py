"""The pages of the evaluator: what is wrong with a name, a call, an operand."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Failure, Label, did_you_mean, failure
from ..base.source import Span
from ..spec.aliases import our_name
from ..spec.not_yet import not_yet
from .values import Environment, FunctionValue, NamedPlace, Ref, Thunk, describe


def uses(place: NamedPlace | None) -> tuple[Label, ...]:
    """The uses that led here, as related labels: the innermost and, if elsewhere, the outermost."""
    spans = place.trace_spans() if place else ()
    if not spans:
        return ()
    first = (Label(spans[0], "needed by this use"),)
    return first if len(spans) == 1 or spans[-1] == spans[0] else (*first, Label(spans[-1], "which is used here"))


def unknown_name(name: str, span: Span, environment: Environment, place: NamedPlace) -> Failure:
    candidates = ["true", "false", *(n for n in environment.visible() if not n.startswith("_"))]
    looked = [scope.what for scope in environment.chain() if scope.what]
    where = ", ".join(looked[:-1]) + (", and " if len(looked) > 1 else "") + looked[-1] if looked else "the file"
    kind = "layer or function" if span.source.text[span.end : span.end + 2].strip()[:1] in ("{", "(") else "name"
    ours, missing = our_name(name), not_yet(name) if kind != "name" else ""
    label = f"here it is `{ours}`" if ours else "" if missing else did_you_mean(name, candidates)
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


#: The cure where a layer or function stands for its result.
APPLY = "a node is a layer that has been applied to its input: `layer (x)`."


def not_a_layer(value: Any, span: Span, place: NamedPlace, what: str = "a step of a Sequential",
                cure: str = "") -> Failure:
    hint = cure or ("a step is the layer alone, without its input: the Sequential applies it."
                    if isinstance(value, Ref) else
                    "a function of your own is written `(x => ...)`, in parentheses inside a list.")
    return failure(Code.NOT_A_LAYER, f"{what} has to be a {'function' if cure else 'layer or a function'}", span,
                   f"this is {describe(value)}", related=uses(place), hint=hint)


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
    count = f"{len(wanted)} input{'s' * (len(wanted) != 1)}"
    names = f" ({', '.join(wanted)})" if len(wanted) > 1 else ""
    return failure(Code.WRONG_INPUTS, f"{name} takes {count}{names}, here {'is' if got == 1 else 'are'} {got}", span,
                   label, related=uses(place), body=body)


def _short(text: str, limit: int = 40) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
