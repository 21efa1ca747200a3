"""The pages of the repairs: one function for each kind of mistake, named after it."""

from __future__ import annotations

from ...base.diagnostics import Diagnostic, Label
from .context import ErrorContext, page
from .replay import CLOSERS, END, OPENERS, Edit, Opening

#: What stands for a kind of word when it is proposed.
_SHOWN = {"SIGN": "+", "TIMES": "*", "COMPARE": "==", "NAME": "name", "STRING": '"file.net"'}
_WHAT = {":": "a `:`", ",": "a `,`", "=": "a `=`"}


def _shown(kind: str) -> str:
    return _SHOWN.get(kind, kind)


def _add(scene: ErrorContext, index: int, text: str) -> str:
    return f"add `{text}` {scene.where(index)}."


def _with(scene: ErrorContext, index: int, text: str) -> str:
    """The lines around an insertion as they would then be."""
    word, before = scene.words[index], scene.words[index - 1] if index else None
    if before is not None and (word.first or word.kind == END or text in (",", ")", "}", "]")):
        blank = "" if text in (",", ")", "]", "..") else " "
        return scene.rewritten([(before.end, before.end, f"{blank}{text}")])
    return scene.rewritten([(word.start, word.start, text if text in ("(", "[", "{", "..") else f"{text} ")])


def _behind(scene: ErrorContext, index: int, text: str) -> tuple[Label, ...]:
    """The label at the word before, where the reader must act, if that is on another line."""
    if index and scene.line(index - 1) != scene.line(index):
        return (scene.label(index - 1, text),)
    return ()


# --- between two things -----------------------------------------------------------------------------


def missing_separator(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`a b` in a list, `f (a b)`."""
    index, sign = edit.index, edit.insert[0]
    word, before = scene.quote(index), scene.quote(index - 1)
    inside = scene.inside
    if sign == ":":
        why = "The layers of a Sequential are joined by colons:" if scene.is_sequential else \
            "The elements of a list are joined by colons:"
    elif inside is not None and inside.role == "parameters":
        why = "The parameters of a function are separated by commas:"
    else:
        why = "The arguments of a call are separated by commas:"
    code = _with(scene, index, sign)
    related = scene.opened_here() + _behind(scene, index, "the element before ends here")
    return page(scene, (f"{word} follows {before} without a `{sign}` between them",
                        f"{word} follows without a `{sign}`", f"a `{sign}` is missing"),
                scene.label(index, f"I expected `{sign}` before this"), related,
                (why, code) if code else (why[:-1] + ".",), _add(scene, index, sign))


def missing_operator(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`x = a b`: two values side by side."""
    index = edit.index
    word, before = scene.quote(index), scene.quote(index - 1)
    related = _behind(scene, index, "the value before ends here")
    return page(scene, (f"{word} follows {before} with nothing between them", f"{word} follows with nothing before it"),
                scene.label(index, "I expected `:` or an operator before this"), related,
                hint=f"add `:` or an operator {scene.where(index)}; a new member needs "
                     f"`{scene.words[index].text[:30]} = ...`.")


def missing_equals(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`labelDim 1000`"""
    index = edit.index
    owner = scene.head if scene.head is not None else index - 1
    name = scene.quote(owner)
    member = scene.head is not None
    what = f"{name} has no `=`" if member else f"a `=` is missing behind {name}"
    where = f"behind {name}" if owner == index - 1 else f"before {scene.quote(index)}"
    code = _with(scene, index, "=") if member else ""
    return page(scene, (what, "a `=` is missing"),
                scene.label(index, "I expected `=` before this"), _behind(scene, index, "behind this"),
                ("A member is a name, `=` and a value:", code) if code else (), f"add `=` {where}.")


def missing_definition(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`labelDim` alone."""
    owner = scene.head if scene.head is not None else edit.index - 1
    last = edit.index - 1
    return page(scene, (f"{scene.quote(owner)} stands alone, without `=` and a value", "a name stands alone"),
                scene.label(owner, "this begins a new member", last), scene.opened_here(),
                hint=f"write `{scene.words[owner].text[:30]} = ...`, or join it to the value before by `:` or an "
                     "operator.")


def missing_word(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """A sign that a construct needs: `..` in bounds, `=>` in a function."""
    index, sign = edit.index, edit.insert[0]
    inside = scene.inside
    if inside is not None and inside.role in ("elements", "array"):
        form = "V[i:0..3] = i * i" if inside.role == "elements" else "array[0..3] (i => i * i)"
        return page(scene, f"a `{sign}` is missing in {scene.bracket(inside)}",
                    scene.label(index, f"I expected `{sign}` before this"), scene.opened_here(),
                    ("The form is", f"    {form}"), _add(scene, index, sign))
    meaning = {"=>": "a function is written `x => ...`", ":=": "a step of a list gets its name by `name := ...`",
               "..": "bounds are written `0..3`", ".": "a member is taken out by `record.name`"}[sign]
    return page(scene, (f"a `{sign}` is missing before {scene.quote(index)}", f"a `{sign}` is missing"),
                scene.label(index, f"I expected `{sign}` before this"), scene.opened_here(), hint=f"{meaning}.")


# --- brackets ---------------------------------------------------------------------------------------


def missing_closer(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`(` without `)`."""
    count = len(edit.insert)
    opening = _suspect(scene, scene.openings[-count]) or scene.openings[-1]
    innermost = scene.openings[-1] if count == 1 else opening
    closers = "".join(edit.insert)
    if scene.word.kind == END:
        return _never_closed(scene, opening, count)
    odd = scene.replay.odd_pair()
    if odd is not None and odd[0] > innermost.index and scene.words[odd[1]].first:
        return _closed_late(scene, *odd)
    mark = scene.words[innermost.index].kind
    titles: tuple[str, ...] = (f"the {scene.name_of(innermost)} of line {scene.line(innermost.index)} is not closed",
              f"a `{mark}` is not closed")
    if scene.word.kind in CLOSERS:
        titles = (f"`{scene.word.text}` cannot close the `{mark}` of line {scene.line(innermost.index)}", *titles)
    at = edit.index + edit.remove
    label = f"I expected `{closers}` before this"
    related = [scene.label(innermost.index, "opened here")]
    index = scene.bad if scene.word.kind in CLOSERS or edit.index == scene.bad else at
    related += [label for label in _behind(scene, index, "the last thing in it")
                if label.span.line != scene.line(innermost.index)]
    hint = f"add `{closers}` {scene.where(at)}."
    if edit.remove:
        wrong = scene.words[edit.index].text
        hint = f"write `{closers}` for the `{wrong}` at the end of line {scene.line(edit.index)}."
    return page(scene, titles, scene.label(index, label), related, hint=hint)


def _closed_late(scene: ErrorContext, opener: int, closer: int) -> Diagnostic:
    """A bracket in the middle of a line that a later line closes: the later line was meant for another one."""
    mark = scene.kind(opener)
    return page(scene, f"the `{mark}` of line {scene.line(opener)} is not closed",
                scene.label(scene.bad, f"a `{scene.kind(closer)}` is missing before this"),
                [scene.label(opener, "opened here"), scene.label(closer, "this should close another bracket")],
                hint=f"add `{scene.kind(closer)}` on line {scene.line(opener)}.")


def _never_closed(scene: ErrorContext, opening: Opening, count: int) -> Diagnostic:
    mark = scene.words[opening.index].kind
    related = []
    dedent = _first_dedent(scene, opening)
    if dedent is not None:
        related.append(scene.label(dedent, "this line is indented as if it stood outside"))
    where = "at the end of the file" if dedent is None else f"before line {scene.line(dedent)}"
    more = f" (in all {count} brackets are open)" if count > 1 else ""
    return page(scene, f"the file ends before the `{mark}` of line {scene.line(opening.index)} is closed",
                scene.label(opening.index, "opened here"), related,
                hint=f"add `{OPENERS[mark]}` {where}{more}.")


def _first_dedent(scene: ErrorContext, opening: Opening) -> int | None:
    """The first line behind a bracket that is not indented deeper than the bracket's own line."""
    margin = scene.replay.indent(opening.index)
    for index in range(opening.index + 1, scene.bad):
        if scene.words[index].first and scene.kind(index) not in CLOSERS and scene.replay.indent(index) <= margin:
            return index
    return None


def _suspect(scene: ErrorContext, opening: Opening) -> Opening | None:
    """The bracket that is rather the culprit: closed by a line that is indented like another one's."""
    words, stack = scene.words, []
    for index in range(opening.index + 1, scene.bad):
        kind = words[index].kind
        if kind in OPENERS:
            stack.append(index)
        elif kind in CLOSERS and stack:
            opener = stack.pop()
            outside = scene.replay.indent(index) < scene.replay.indent(opener)
            if words[index].first and outside and kind == OPENERS[words[opening.index].kind]:
                return Opening(opener, "call", scene.replay.callee(opener))
    return opening


def wrong_closer(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`( ... }`"""
    inside = scene.inside
    assert inside is not None
    mark = scene.words[inside.index].kind
    return page(scene, (f"`{scene.word.text}` cannot close the `{mark}` of line {scene.line(inside.index)}",),
                scene.label(scene.bad, f"I expected `{edit.insert[0]}`"), [scene.label(inside.index, "opened here")],
                hint=f"write `{edit.insert[0]}` for this `{scene.word.text}`, or before it.")


def missing_opener(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`Conv 96, (11:11)}`"""
    index, mark = edit.index, edit.insert[0]
    if scene.word.kind in CLOSERS and edit.index != scene.bad:
        return page(scene, (f"`{scene.word.text}` closes nothing: a `{mark}` is missing",),
                    scene.label(scene.bad, "this has no partner"), _other_line(scene, index),
                    hint=f"add `{mark}` before {scene.quote(index)}, or remove the `{scene.word.text}`.")
    before = index - 1
    titles = (f"a `{mark}` is missing between {scene.quote(before)} and {scene.quote(index)}", f"a `{mark}` is missing")
    if scene.word.kind in CLOSERS:
        return _closes_nothing(scene, scene.bad)
    return page(scene, titles, scene.label(index, f"I expected `{mark}` before this"),
                _behind(scene, index, "behind this"), hint=f"add `{mark}` {scene.where(index)}.")


def _other_line(scene: ErrorContext, index: int) -> tuple[Label, ...]:
    return (scene.label(index, "perhaps before this"),) if scene.line(index) != scene.line(scene.bad) else ()


# --- values -----------------------------------------------------------------------------------------


def missing_value(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`labelDim =`, `a + )`, `f (a, , b)`."""
    index, before = edit.index, edit.index - 1
    sign = scene.quote(before) if index else ""
    owner = _owner(scene, before)
    name = scene.quote(owner) if owner is not None else ""
    if edit.insert == ("STRING",):
        return page(scene, "`include` names no file", scene.label(before, "a file name in quotes goes behind this"),
                    hint='write `include "file.net"`.')
    if not index:
        return page(scene, f"a name is missing before {scene.quote(index)}",
                    scene.label(index, "I expected a name before this"), hint="a member is a name, `=` and a value.")
    related = []
    if index < scene.bad:
        related.append(scene.label(index, f"this line was read as the value, up to {scene.quote(scene.bad)}"
                                   if scene.line(index) == scene.line(scene.bad) else "this was read as the value"))
    elif scene.line(index) != scene.line(before) and scene.word.kind != END:
        related.append(scene.label(index, f"but {scene.quote(index)} follows"))
    if owner is not None and scene.kind(before) == "=":
        titles: tuple[str, ...] = (f"{name} has no value",)
        label = "a value is missing behind this"
        if scene.kind(index) in ("=", "=>", ":="):
            titles = (f"{sign} and {scene.quote(index)} stand side by side",)
            label = "a value goes behind this, not a sign"
        return page(scene, titles, scene.label(before, label), related,
                    hint=f"write `{name[1:-1]} = ...` with a value.")
    if scene.kind(before) in OPENERS:
        return page(scene, (f"nothing stands between {sign} and {scene.quote(index)}", "a value is missing"),
                    scene.label(index, "a value is missing before this"), hint="add a value, or remove the sign.")
    if scene.kind(before) in ("then", "else", "if", "=>"):
        return page(scene, (f"a value is missing behind {sign}",), scene.label(before, "behind this"), related,
                    hint="`if` takes a condition, `then` and `else` a value each." if scene.kind(before) != "=>" else
                    "write what the function gives behind `=>`.")
    titles = (f"nothing stands between {sign} and {scene.quote(index)}", f"a value is missing behind {sign}")
    if index < scene.bad or scene.words[index].first or scene.word.kind == END:
        titles = (f"a value is missing behind {sign}",)
    return page(scene, titles, scene.label(before, "a value is missing behind this"), related,
                hint=f"add a value behind {sign}, or remove the {sign}.")


def _owner(scene: ErrorContext, equals: int) -> int | None:
    """The name that an `=` belongs to."""
    if equals < 1 or scene.kind(equals) != "=":
        return None
    return equals - 1 if scene.kind(equals - 1) == "NAME" else scene.replay.callee(equals)


def missing_name(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`= 3`, `record. + 1`, `f {a, }`."""
    index = edit.index
    if scene.word.kind == "=" and index == scene.bad:
        return _second_equals(scene)
    before = scene.kind(index - 1) if index else ""
    if before == "," and scene.word.kind in CLOSERS:
        return trailing_separator(scene, Edit(index - 1, 1))
    what = "the name of a member" if before == "." else "a name"
    if before == ".":
        return page(scene, "the name of a member is missing behind `.`", scene.label(index - 1, "behind this"),
                    scene.opened_here(), hint="write `record.name`.")
    return page(scene, (f"{what} is missing before {scene.quote(index)}", f"{what} is missing"),
                scene.label(index, "I expected a name before this"), scene.opened_here(),
                hint=_name_hint(scene))


def _name_hint(scene: ErrorContext) -> str:
    role = scene.inside.role if scene.inside is not None else ""
    return {"elements": "write `V[i:0..3] = ...`.",
            "parameters": "parameters are names, as in `f (x, y = 1) = ...`.",
            "call": "an option is a name, `=` and a value."}.get(role, "a member is a name, `=` and a value.")


def missing_callee(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`conv1 := {96, (11:11)}`: braces that hold options of nothing."""
    index = edit.index
    return page(scene, "no layer or function stands before these braces",
                scene.label(index, "a name is missing before this"),
                _behind(scene, scene.bad, "here a record would go on"),
                ("With a name before them, braces hold options; without one, the members of a record.",),
                "write `Layer {...}` for options, `{ name = value }` for a record.")


def missing_include(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`"lib/residual.net"` alone."""
    return page(scene, (f"{scene.quote(edit.index)} stands alone", "a string stands alone"),
                scene.label(edit.index, "this belongs to no name"), scene.opened_here(),
                hint=f"write `include {scene.words[edit.index].text[:30]}` for a file, `name = ...` for a value."
                if len(scene.words[edit.index].text) <= 30 else "write `include` before it, or `name =`.")


def _second_equals(scene: ErrorContext) -> Diagnostic:
    """An `=` behind a finished value: its name is missing, or it is the second one."""
    if scene.word.first or scene.kind(scene.bad - 1) in (";", "{", "(", ","):
        return page(scene, "a name is missing before `=`", scene.label(scene.bad, "I expected a name before this"),
                    scene.opened_here(), hint=_name_hint(scene))
    second = scene.kind(scene.bad - 1) == "NAME"
    title = "there is a second `=` here" if second else "this `=` comes after a value, not after a name"
    return page(scene, title, scene.label(scene.bad, "this `=`"),
                scene.opened_here(),
                hint="a member has one `=`; a comparison is written `==`, and a step of a list is named by `:=`.")


def trailing_separator(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`a : b : )`"""
    index = edit.index
    sign, behind = scene.quote(index), scene.quote(index + 1)
    title = f"nothing stands between {sign} and {behind}"
    if scene.words[index + 1].first or scene.kind(index + 1) == END:
        title = f"nothing follows the {sign} at the end of line {scene.line(index)}"
    return page(scene, title, scene.label(index, "one more element belongs behind this"),
                hint=f"remove the {sign}, or add what is missing.")


# --- signs ------------------------------------------------------------------------------------------


def exchanged(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """One sign for another."""
    index, wanted = edit.index, _shown(edit.insert[0])
    kind, text = scene.kind(index), scene.words[index].text
    inside = scene.bracket(scene.inside) if scene.inside is not None else "here"
    sentence = {
        ("=", ":="): "a step of a list gets its name by `:=`",
        ("=", "=>"): "a function is written with `=>`",
        ("=", "COMPARE"): "a comparison is written `==`",
        (":=", "="): "a value is given by `=`; `:=` names a step of a list",
        ("COMPARE", "="): f"a value is given by `=`; `{text}` compares",
        (":", ","): f"{inside} are separated by commas" if inside.endswith("s") else "a `,` is needed here",
        (":", "="): "a value is given by `=`",
        (":", ".."): "bounds are joined by `..`",
        (",", ":"): "a list is joined by `:`",
        (",", ".."): "bounds are joined by `..`",
        ("..", ":"): "`..` stands only between bounds, in `array[0..3]` and `V[i:0..3]`",
    }.get((kind, edit.insert[0]), f"`{text}` stands where `{wanted}` is needed")
    return page(scene, (sentence, f"`{text}` stands where `{wanted}` is needed"),
                scene.label(index, f"I expected `{wanted}`"), scene.opened_here(), hint=f"write `{wanted}`.")


def missing_part(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """`if` without `then`, `then` without `else`, `else` without `if`."""
    index, part = edit.index, edit.insert[0]
    if part == "if":
        title = f"`{scene.word.text}` stands without an `if` before it"
        return page(scene, title, scene.label(scene.bad, "this belongs to an `if`"),
                    hint=f"write `if condition then a else b`; `if` goes before {scene.quote(index)}.")
    lowest = scene.inside.index if scene.inside is not None else None
    start = next((i for i in scene.replay.siblings(lowest, index) if scene.kind(i) == "if"), None)
    title = f"an `if` has no `{part}`"
    related = () if start is None or scene.line(start) == scene.line(index) else (scene.label(start, "the `if`"),)
    hint = "every `if` has both: `if condition then a else b`."
    return page(scene, title, scene.label(index, f"I expected `{part}` before this"), related, hint=hint)


def superfluous(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """A word too many."""
    index = edit.index
    word = scene.quote(index)
    if scene.kind(index) in CLOSERS:
        return _closes_nothing(scene, index)
    return page(scene, f"{word} cannot stand here", scene.label(index, "without this the rest can be read"),
                scene.opened_here(), hint=f"remove {word}, or add what belongs to it.")


def _closes_nothing(scene: ErrorContext, index: int) -> Diagnostic:
    mark = scene.words[index].text
    pair = scene.replay.odd_pair()
    if pair is None:
        related = scene.opened_here(text="the bracket that is open here") if scene.inside is not None else ()
        hint = "remove it, or add the opening bracket that is missing before it."
    else:
        opener, closer = pair
        related = (scene.label(closer, f"this closes the `{scene.kind(opener)}` of line {scene.line(opener)}"),)
        hint = f"look for a missing `{CLOSERS[mark]}` before line {scene.line(closer)} ends, or remove the `{mark}`."
    return page(scene, f"`{mark}` closes nothing", scene.label(index, "no open bracket is left for this"), related,
                hint=hint)


def doubled(scene: ErrorContext, edit: Edit) -> Diagnostic:
    """The same word twice."""
    index = edit.index
    if scene.kind(index) in CLOSERS:
        return _closes_nothing(scene, index)
    word = scene.quote(index)
    return page(scene, f"{word} stands here twice", scene.label(index, "the second one"),
                _behind(scene, index, "the first"), hint="remove one, or put what is missing between them.")
