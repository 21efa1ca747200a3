"""What a repair says: one function for each kind of mistake, named after it."""

from __future__ import annotations

from ...base.diagnostics import Diagnostic, Label
from .context import ErrorContext
from .replay import CLOSERS, END, OPENERS, Change, Opening

_FORMS = {"elements": "V[i:0..3] = i * i", "array": "array[0..3] (i => i * i)"}


# --- between two things -----------------------------------------------------------------------------


def missing_separator(context: ErrorContext, change: Change) -> Diagnostic:
    """`a b` in a list, `f (a b)`."""
    index, sign = change.index, change.insert
    word, before = context.quote(index), context.quote(index - 1)
    if sign == ":":
        what = f"The {'layers of a Sequential' if context.is_sequential else 'elements of a list'} are joined by colons"
    else:
        of = "parameters of a function" if context.role == "parameters" else "arguments of a call"
        what = f"The {of} are separated by commas"
    fix = context.insertion(index, sign)
    code = context.rewritten(fix)
    return context.error((f"{word} follows {before} without a `{sign}` between them",
                          f"{word} follows without a `{sign}`", f"a `{sign}` is missing"),
                         context.label(index, f"I expected `{sign}` before this"),
                         context.opened_here() + context.behind(index, "the previous element ends here"),
                         (f"{what}:", code) if code else (f"{what}.",), f"add `{sign}` {context.where(index)}.", [fix])


def missing_operator(context: ErrorContext, change: Change) -> Diagnostic:
    """`x = a b`: two values side by side."""
    index = change.index
    word, before = context.quote(index), context.quote(index - 1)
    return context.error((f"{word} follows {before} with nothing between them",
                          f"{word} follows with nothing before it"),
                         context.label(index, "I expected `:` or an operator before this"),
                         context.behind(index, "the previous value ends here"),
                         hint=f"add `:` or an operator {context.where(index)}; a new member needs "
                         f"`{context.name(index)} = ...`.")


def missing_equals(context: ErrorContext, change: Change) -> Diagnostic:
    """`labelDim 1000`"""
    index = change.index
    owner = context.head if context.head is not None else index - 1
    name = context.quote(owner)
    where = f"behind {name}" if owner == index - 1 else f"before {context.quote(index)}"
    fix = context.insertion(index, "=")
    code = context.rewritten(fix) if context.head is not None else ""
    return context.error((f"{name} has no `=`" if context.head is not None else f"a `=` is missing after {name}",
                          "a `=` is missing"),
                         context.label(index, "I expected `=` before this"), context.behind(index, "behind this"),
                         ("A member is a name, `=` and a value:", code) if code else (),
                         f"add `=` {where}.", [fix])


def missing_definition(context: ErrorContext, change: Change) -> Diagnostic:
    """`labelDim` alone."""
    owner = context.head if context.head is not None else change.index - 1
    return context.error((f"{context.quote(owner)} stands alone, without `=` and a value", "a name stands alone"),
                         context.label(owner, "this begins a new member", change.index - 1), context.opened_here(),
                         hint=f"write `{context.name(owner)} = ...`, or join it to the previous value by `:` or an "
                         "operator.")


def missing_word(context: ErrorContext, change: Change) -> Diagnostic:
    """A sign that a construct needs: `..` in bounds, `=>` in a function."""
    index, sign = change.index, change.insert
    label = context.label(index, f"I expected `{sign}` before this")
    fix = context.edits(change)
    if context.role in _FORMS:
        assert context.inside is not None
        return context.error(f"a `{sign}` is missing in {context.bracket(context.inside)}", label,
                             context.opened_here(),
                             ("The form is", f"    {_FORMS[context.role]}"),
                             f"add `{sign}` {context.where(index)}.", fix)
    meaning = {"=>": "a function is written `x => ...`", ":=": "a step of a list gets its name by `name := ...`",
               "..": "bounds are written `0..3`", ".": "a member is taken out by `record.name`"}[sign]
    return context.error((f"a `{sign}` is missing before {context.quote(index)}", f"a `{sign}` is missing"),
                         label, context.opened_here(), hint=f"{meaning}.", fix=fix)


# --- brackets ---------------------------------------------------------------------------------------


def missing_closer(context: ErrorContext, change: Change) -> Diagnostic:
    """`(` without `)`."""
    count, closers = len(change.insert), change.insert
    opening = _suspect(context, context.openings[-count])
    innermost = context.openings[-1] if count == 1 else opening
    if context.word.kind == END:
        return _never_closed(context, opening, count)
    odd = context.replay.odd_pair()
    if odd is not None and odd[0] > innermost.index and context.words[odd[1]].first:
        return _closed_late(context, *odd)
    line, mark = context.line(innermost.index), context.kind(innermost.index)
    titles: tuple[str, ...] = (f"the {context.name_of(innermost)} of line {line} is not closed",
                               f"a `{mark}` is not closed")
    if context.word.kind in CLOSERS:
        titles = (f"`{context.word.text}` cannot close the `{mark}` of line {line}", *titles)
    at = change.index + change.remove
    index = context.bad if context.word.kind in CLOSERS or change.index == context.bad else at
    related = [context.label(innermost.index, "opened here"),
               *(label for label in context.behind(index, "the last thing in it") if label.span.line != line)]
    hint = f"add `{closers}` {context.where(at)}."
    if change.remove:
        wrong = context.words[change.index].text
        hint = f"write `{closers}` for the `{wrong}` at the end of line {context.line(change.index)}."
    return context.error(titles, context.label(index, f"I expected `{closers}` before this"), related, hint=hint,
                         fix=context.edits(change))


def _closed_late(context: ErrorContext, opener: int, closer: int) -> Diagnostic:
    """A bracket in the middle of a line that a later line closes: the later line was meant for another one."""
    mark, end, line = context.kind(opener), context.kind(closer), context.line(opener)
    return context.error(f"the `{mark}` of line {line} is not closed",
                         context.label(context.bad, f"a `{end}` is missing before this"),
                         [context.label(opener, "opened here"),
                          context.label(closer, "this should close another bracket")],
                         hint=f"add `{end}` on line {line}.")


def _never_closed(context: ErrorContext, opening: Opening, count: int) -> Diagnostic:
    mark, line, margin = context.kind(opening.index), context.line(opening.index), context.replay.indent(opening.index)
    dedent = next((i for i in range(opening.index + 1, context.bad) if context.words[i].first
                   and context.kind(i) not in CLOSERS and context.replay.indent(i) <= margin), None)
    related = [] if dedent is None else [context.label(dedent, "this line is indented as if it were outside")]
    where = "at the end of the file" if dedent is None else f"before line {context.line(dedent)}"
    more = f" (in all {count} brackets are open)" if count > 1 else ""
    fix = [context.insertion(context.bad if dedent is None else dedent, OPENERS[mark])] if count == 1 else []
    return context.error(f"the file ends before the `{mark}` of line {line} is closed",
                         context.label(opening.index, "opened here"), related,
                         hint=f"add `{OPENERS[mark]}` {where}{more}.", fix=fix)


def _suspect(context: ErrorContext, opening: Opening) -> Opening:
    """The bracket that is rather the culprit: closed by a line that is indented like another one's."""
    stack: list[int] = []
    for index in range(opening.index + 1, context.bad):
        kind = context.kind(index)
        if kind in OPENERS:
            stack.append(index)
        elif kind in CLOSERS and stack:
            opener = stack.pop()
            outside = context.replay.indent(index) < context.replay.indent(opener)
            if context.words[index].first and outside and kind == OPENERS[context.kind(opening.index)]:
                return Opening(opener, "call", context.replay.callee(opener))
    return opening


def wrong_closer(context: ErrorContext, change: Change) -> Diagnostic:
    """`( ... }`"""
    assert context.inside is not None
    index, word, right = context.inside.index, context.word.text, change.insert
    return context.error(f"`{word}` cannot close the `{context.kind(index)}` of line {context.line(index)}",
                         context.label(context.bad, f"I expected `{right}`"), [context.label(index, "opened here")],
                         hint=f"write `{right}` for this `{word}`, or before it.", fix=context.edits(change))


def missing_opener(context: ErrorContext, change: Change) -> Diagnostic:
    """`Conv 96, (11:11)}`"""
    index, mark = change.index, change.insert
    if context.word.kind in CLOSERS and index == context.bad:
        return closes_nothing(context, context.bad)
    if context.word.kind in CLOSERS:
        elsewhere = context.line(index) != context.line(context.bad)
        return context.error(f"`{context.word.text}` closes nothing: a `{mark}` is missing",
                             context.label(context.bad, "this has no matching bracket"),
                             [context.label(index, "perhaps before this")] if elsewhere else (),
                             hint=f"add `{mark}` before {context.quote(index)}, or remove the `{context.word.text}`.",
                             fix=context.edits(change))
    return context.error((f"a `{mark}` is missing between {context.quote(index - 1)} and {context.quote(index)}",
                          f"a `{mark}` is missing"), context.label(index, f"I expected `{mark}` before this"),
                         context.behind(index, "behind this"), hint=f"add `{mark}` {context.where(index)}.",
                         fix=context.edits(change))


# --- values -----------------------------------------------------------------------------------------


def missing_value(context: ErrorContext, change: Change) -> Diagnostic:
    """`labelDim =`, `a + )`, `f (a, , b)`."""
    index, before = change.index, change.index - 1
    if not index:
        return context.error(f"a name is missing before {context.quote(0)}",
                             context.label(0, "I expected a name before this"),
                             hint="a member is a name, `=` and a value.")
    sign, kind = context.quote(before), context.kind(before)
    next_line = context.line(index) != context.line(before)
    related: tuple[Label, ...] = ()
    if index < context.bad:
        up_to = f"this line was read as the value, up to {context.quote(context.bad)}"
        same = context.line(index) == context.line(context.bad)
        related = (context.label(index, up_to if same else "this was read as the value"),)
    elif next_line and context.word.kind != END:
        related = (context.label(index, f"but {context.quote(index)} follows"),)
    owner = _owner(context, before)
    if kind == "include":
        return context.error("`include` names no file", context.label(before, "a file name in quotes goes after this"),
                             hint='write `include "file.net"`.')
    if owner is not None:
        name = context.quote(owner)
        hint = f"write `{name[1:-1]} = ...` with a value."
        if context.kind(index) in ("=", "=>", ":="):
            return context.error(f"{sign} and {context.quote(index)} are next to each other",
                                 context.label(before, "a value goes after this, not an operator"), related, hint=hint)
        return context.error(f"{name} has no value", context.label(before, "a value is missing after this"), related,
                             hint=hint)
    if kind in OPENERS:
        return context.error((f"nothing stands between {sign} and {context.quote(index)}", "a value is missing"),
                             context.label(index, "a value is missing before this"),
                             hint="add a value, or remove the sign.")
    if kind in ("then", "else", "if", "=>"):
        hint = "write what the function returns after `=>`." if kind == "=>" else \
            "`if` takes a condition, `then` and `else` a value each."
        return context.error(f"a value is missing after {sign}", context.label(before, "behind this"), related,
                             hint=hint)
    far = index < context.bad or context.words[index].first or context.word.kind == END
    return context.error((*(() if far else (f"nothing stands between {sign} and {context.quote(index)}",)),
                          f"a value is missing after {sign}"),
                         context.label(before, "a value is missing after this"), related,
                         hint=f"add a value after {sign}, or remove the {sign}.")


def _owner(context: ErrorContext, equals: int) -> int | None:
    """The name that an `=` belongs to."""
    if equals < 1 or context.kind(equals) != "=":
        return None
    return equals - 1 if context.kind(equals - 1) == "NAME" else context.replay.callee(equals)


def missing_name(context: ErrorContext, change: Change) -> Diagnostic:
    """`= 3`, `record. + 1`, `f {a, }`."""
    index, before = change.index, context.kind(change.index - 1)
    label = context.label(index, "I expected a name before this")
    hint = {"elements": "write `V[i:0..3] = ...`.", "call": "an option is a name, `=` and a value.",
            "parameters": "parameters are names, as in `f (x, y = 1) = ...`."
            }.get(context.role, "a member is a name, `=` and a value.")
    if context.word.kind == "=" and index == context.bad and not context.word.first and before not in (
            ";", "{", "(", ",", ""):
        title = "there is a second `=` here" if before == "NAME" else "this `=` comes after a value, not after a name"
        return context.error(title, context.label(context.bad, "this `=`"), context.opened_here(),
                             hint="a member has one `=`; a comparison is written `==`, and a step of a list is named "
                             "by `:=`.")
    if before == "," and context.word.kind in CLOSERS:
        return trailing_separator(context, Change(index - 1, 1))
    if before == ".":
        return context.error("the name of a member is missing after `.`", context.label(index - 1, "behind this"),
                             context.opened_here(), hint="write `record.name`.")
    return context.error((f"a name is missing before {context.quote(index)}", "a name is missing"), label,
                         context.opened_here(), hint=hint)


def missing_callee(context: ErrorContext, change: Change) -> Diagnostic:
    """`conv1 := {96, (11:11)}`: braces that hold options of nothing."""
    return context.error("there is no layer or function before these braces",
                         context.label(change.index, "a name is missing before this"),
                         context.behind(context.bad, "here a record would go on"),
                         ("With a name before them, braces hold options; without one, the members of a record.",),
                         "write `Layer {...}` for options, `{ name = value }` for a record.")


def missing_include(context: ErrorContext, change: Change) -> Diagnostic:
    """`"lib/residual.net"` alone."""
    text = context.words[change.index].text
    hint = f"write `include {text}` for a file, `name = ...` for a value." if len(text) <= 30 else \
        "write `include` before it, or `name =`."
    return context.error((f"{context.quote(change.index)} stands alone", "a string stands alone"),
                         context.label(change.index, "this belongs to no name"), context.opened_here(), hint=hint,
                         fix=context.edits(change))


def trailing_separator(context: ErrorContext, change: Change) -> Diagnostic:
    """`a : b : )`"""
    index = change.index
    sign = context.quote(index)
    last = context.words[index + 1].first or context.kind(index + 1) == END
    return context.error(f"nothing follows the {sign} at the end of line {context.line(index)}" if last else
                         f"nothing stands between {sign} and {context.quote(index + 1)}",
                         context.label(index, "one more element belongs after this"),
                         hint=f"remove the {sign}, or add what is missing.", fix=context.edits(Change(index, 1)))


# --- signs ------------------------------------------------------------------------------------------


def exchanged(context: ErrorContext, change: Change) -> Diagnostic:
    """One sign for another."""
    index, wanted, text = change.index, change.insert, context.words[change.index].text
    inside = context.bracket(context.inside) if context.inside is not None else "here"
    plain = f"`{text}` stands where `{wanted}` is needed"
    title = {
        ("=", ":="): "a step of a list gets its name by `:=`",
        ("=", "=>"): "a function is written with `=>`",
        ("=", "=="): "a comparison is written `==`",
        (":=", "="): "a value is given by `=`; `:=` names a step of a list",
        ("COMPARE", "="): f"a value is given by `=`; `{text}` compares",
        (":", ","): f"{inside} are separated by commas" if inside.endswith("s") else "a `,` is needed here",
        (":", "="): "a value is given by `=`",
        (":", ".."): "bounds are joined by `..`",
        (",", ":"): "a list is joined by `:`",
        (",", ".."): "bounds are joined by `..`",
        ("..", ":"): "`..` is used only between bounds, in `array[0..3]` and `V[i:0..3]`",
    }.get((context.kind(index), wanted), plain)
    return context.error((title, plain), context.label(index, f"I expected `{wanted}`"), context.opened_here(),
                         hint=f"write `{wanted}`.", fix=context.edits(change))


def missing_part(context: ErrorContext, change: Change) -> Diagnostic:
    """`if` without `then`, `then` without `else`, `else` without `if`."""
    index, part = change.index, change.insert.split()[0]
    if part == "if":
        return context.error(f"`{context.word.text}` has no `if` before it",
                             context.label(context.bad, "this belongs to an `if`"),
                             hint=f"write `if condition then a else b`; `if` goes before {context.quote(index)}.",
                             fix=context.edits(change))
    start = next((i for i in context.replay.siblings(context.lowest, index) if context.kind(i) == "if"), None)
    related = () if start is None or context.line(start) == context.line(index) else (context.label(start, "the `if`"),)
    return context.error(f"an `if` has no `{part}`", context.label(index, f"I expected `{part}` before this"), related,
                         hint="every `if` has both: `if condition then a else b`.")


def superfluous(context: ErrorContext, change: Change) -> Diagnostic:
    """A word too many."""
    word = context.quote(change.index)
    if context.kind(change.index) in CLOSERS:
        return closes_nothing(context, change.index)
    return context.error(f"{word} cannot stand here", context.label(change.index, "without this the rest can be read"),
                         context.opened_here(), hint=f"remove {word}, or add what belongs to it.",
                         fix=context.edits(change))


def closes_nothing(context: ErrorContext, index: int) -> Diagnostic:
    mark, pair = context.words[index].text, context.replay.odd_pair()
    related, hint = context.opened_here("the bracket that is open here"), \
        "remove it, or add the opening bracket that is missing before it."
    if pair is not None:
        line = context.line(pair[1])
        closed = f"this closes the `{context.kind(pair[0])}` of line {context.line(pair[0])}"
        related = (context.label(pair[1], closed),)
        hint = f"look for a missing `{CLOSERS[mark]}` before line {line} ends, or remove the `{mark}`."
    return context.error(f"`{mark}` closes nothing", context.label(index, "no open bracket is left for this"), related,
                         hint=hint, fix=context.edits(Change(index, 1)) if pair is None else ())


def doubled(context: ErrorContext, change: Change) -> Diagnostic:
    """The same word twice."""
    index = change.index
    if context.kind(index) in CLOSERS:
        return closes_nothing(context, index)
    return context.error(f"{context.quote(index)} stands here twice", context.label(index, "the second one"),
                         context.behind(index, "the first"), hint="remove one, or put what is missing between them.",
                         fix=context.edits(change))
