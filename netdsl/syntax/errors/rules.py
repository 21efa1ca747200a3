"""Habits from other languages: what their authors write here, and what to write instead.

Every rule looks at the place where the reading stopped. Where a cure is known it is tried first: a page says
"write `&&`" only if the text can be read further with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...base.diagnostics import Diagnostic, Label
from .block_rules import block_without_equals
from .context import ErrorContext, page
from .foreign_syntax import COMPOUND, FOREIGN_PAIRS, FOREIGN_SIGNS, FOREIGN_WORDS
from .quotes import escaped_quote, forgotten_quote, open_string
from .replay import CLOSERS, END, OPEN_COMMENT, OPENERS, UNKNOWN, Edit

_OPERANDS = ("NAME", "NUMBER", "STRING", "(", "true", "false")
RESERVED = ("if", "then", "else", "true", "false", "array", "include")



# --- texts that end too late -------------------------------------------------------------------


def open_comment(scene: ErrorContext) -> Diagnostic | None:
    """`/*` without `*/`."""
    if scene.word.kind != OPEN_COMMENT:
        return None
    start = scene.word.start
    return page(scene, "a comment has no end", Label(scene.source.span(start, start + 2), "it starts here"),
                hint="end it with `*/`; a comment of one line is written with `#`.")


# --- characters and operators -----------------------------------------------------------------


def dollar(scene: ErrorContext) -> Diagnostic | None:
    """`$name$` outside of a string, a text macro of CNTK."""
    if scene.word.text != "$":
        return None
    text = scene.source.text
    match = re.compile(r"\$(\w+)\$").match(text, scene.word.start)
    if match is None:
        return page(scene, "`$` stands only in strings", scene.label(scene.bad, "remove this"),
                    hint='a name is used as it is: `dataDir`; in a string: `"$dataDir$/train"`.')
    name = match.group(1)
    return page(scene, (f"`${name}$` is written `{name}` outside of strings", "`$...$` stands only in strings"),
                Label(scene.source.span(*match.span()), "names are used as they are"),
                body=("Only inside a string do dollar signs put a value in: "
                      f'`"${name}$/train"`. A value from outside comes with the command: `netdsl run FILE '
                      f"{name}=...`.",),
                hint=f"write `{name}`.")


def broken_number(scene: ErrorContext) -> Diagnostic | None:
    """`3x`, `0.1.2`, `1_000`."""
    word, before = scene.word, scene.words[max(0, scene.bad - 1)]
    if word.kind == UNKNOWN and word.text[0].isdigit():
        start = word.start
    elif before.kind == "NUMBER" and before.joins(word) and word.text.startswith(".") and word.kind != "..":
        start = before.start
    else:
        return None
    match = re.compile(r"[\w.]*").match(scene.source.text, start)
    assert match is not None
    text = match.group()[:24]
    if re.fullmatch(r"[\d_]+", text):
        hint = f"write it without the underscore: `{text.replace('_', '')}`."
    elif text.count(".") > 1:
        hint = "a number has one decimal point; sizes are joined by `:`, as in `3:3`."
    elif re.fullmatch(r"\d+x\d+(x\d+)*", text):
        hint = f"sizes are joined by `:`: `{text.replace('x', ':')}`."
    else:
        hint = "a name starts with a letter; a product needs its `*`, as in `2*x`."
    return page(scene, f"`{text}` is neither a number nor a name", Label(scene.source.span(*match.span()), "this"),
                hint=hint)


def decimal_comma(scene: ErrorContext) -> Diagnostic | None:
    """`0,5`"""
    bad, words = scene.bad, scene.words
    bounds = scene.inside is not None and scene.inside.role in ("elements", "array")
    if scene.word.kind != "," or not 0 < bad < len(words) - 1 or bounds:
        return None
    whole, part = words[bad - 1], words[bad + 1]
    numbers = whole.text.isdigit() and part.text.isdigit()
    joined = whole.joins(scene.word) and scene.word.joins(part)
    if not (numbers and joined and scene.helps(Edit(bad - 1, 3, ("NUMBER",)), 2)) or scene.kind(bad + 2) == ",":
        return None
    return page(scene, f"`{whole.text},{part.text}` is not a number", scene.label(bad, "a comma cannot stand here"),
                hint=f"write the decimal point: `{whole.text}.{part.text}`. A list is joined by `:`.")


def foreign_sign(scene: ErrorContext) -> Diagnostic | None:
    """A character that no construct of the language has."""
    word = scene.word
    if word.kind != UNKNOWN:
        return None
    following = scene.words[scene.bad + 1].text if scene.bad + 1 < len(scene.words) else ""
    if word.text == "|" and following in (">", ">="):
        title, hint = "`|>` is written `>>`", "write `f >> g`: first `f`, then `g`."
    elif word.text[0] in FOREIGN_SIGNS:
        title, hint = FOREIGN_SIGNS[word.text[0]]
    elif word.text[0].isalpha():
        title = "a name has a letter that is not one of a to z"
        hint = "names are made of a to z, A to Z, digits and `_`; comments and strings hold any letter."
    else:
        code = "" if word.text.isprintable() and word.text.isascii() else f" (U+{ord(word.text[0]):04X})"
        title, hint = "there is a character here that has no meaning", f"remove it{code}."
    return page(scene, title, scene.label(scene.bad, "here"), hint=hint)


def foreign_pair(scene: ErrorContext) -> Diagnostic | None:
    """`->`, `<>`, `+=`, `x++`: operators of two parts."""
    bad, words = scene.bad, scene.words
    for first in range(bad - 4, bad + 1):
        if first < 0 or first + 1 >= len(words) or not words[first].joins(words[first + 1]):
            continue
        text = words[first].text + words[first + 1].text
        found = FOREIGN_PAIRS.get(text)
        if first < bad - 1 and text not in ("++", "--"):
            continue
        if found and scene.helps(Edit(first, 2, found[0])):
            return page(scene, found[1], scene.label(first, "this", first + 1), hint=found[2])
        if words[first].text in COMPOUND and words[first + 1].kind == "=":
            return page(scene, f"there is no `{text}`: a name keeps its value", scene.label(first, "this", first + 1),
                        hint="give the new value a name of its own: `y = x + 1`.")
        if text in ("++", "--") and scene.replay.line_end(first + 1):
            return page(scene, f"there is no `{text}`: a name keeps its value", scene.label(first, "this", first + 1),
                        hint="give the new value a name of its own: `y = x + 1`.")
    if bad and scene.word.kind == "=" and scene.kind(bad - 1) == ":" and scene.helps(Edit(bad - 1, 2, (":=",)), 2):
        return page(scene, "`:=` is written without a blank", scene.label(bad - 1, "this", bad), hint="write `:=`.")
    return None


def foreign_word(scene: ErrorContext) -> Diagnostic | None:
    """`and`, `lambda`, `new`, ...: words of other languages, which are plain names here."""
    before_member = [] if scene.start is None else [scene.start, scene.start - 1]
    for index in [*range(scene.bad, scene.bad - 7, -1), *before_member]:
        if index < 0:
            continue
        word = scene.words[index]
        if word.kind != "NAME":
            continue
        if word.text == "lambda":
            return _lambda(scene, index)
        if word.text == "new" and scene.kind(index + 1) == "NAME" and scene.kind(index + 2) in ("[", "("):
            name = scene.words[index + 1].text
            return page(scene, "there is no `new`", scene.label(index, "this is an ordinary name here"),
                        hint=f"write `{name[:30]} {{...}}`, without `new`, and options in braces.")
        found = FOREIGN_WORDS.get(word.text)
        if found is None or (not found.tried and scene.kind(index + 1) not in _OPERANDS):
            continue
        also = found.also if scene.kind(index + 1) == "NAME" else 0
        if not found.tried or scene.helps(Edit(index, 1 + also, found.instead), 2 - (not found.instead)):
            return page(scene, found.title, scene.label(index, "this is an ordinary name here"), hint=found.hint)
    return None


def _lambda(scene: ErrorContext, index: int) -> Diagnostic:
    colon = next((i for i in range(index, min(index + 8, len(scene.words))) if scene.kind(i) == ":"), index)
    names = [w.text for w in scene.words[index + 1 : colon] if w.kind == "NAME"]
    shown = names[0] if len(names) == 1 else f"({', '.join(names)})" if names else "x"
    return page(scene, "a function is written with `=>`", scene.label(index, "there is no `lambda`"),
                hint=f"write `{shown[:30]} => ...`, in parentheses if it stands in a list.")


# --- old brackets -----------------------------------------------------------------------------


def square_brackets(scene: ErrorContext) -> Diagnostic | None:
    """`[| a |]`, `[ a = 1 ]`, `[1, 2]`."""
    bad, inside = scene.bad, scene.inside
    opens = scene.word.kind == "[" and scene.expects_value
    bar = bad if scene.word.text in ("|", "||") else bad + 1
    opened = "[" in (scene.kind(bar - 1), scene.word.kind)
    if opened and bar < len(scene.words) and scene.words[bar].text in ("|", "||"):
        start = scene.words[bar - 1].start
        return page(scene, "`[| ... |]` is not written any more", Label(scene.source.span(start, start + 2), "this"),
                    hint="a list is joined by `:`, as in `a : b : c`; one value alone is a list of one.")
    if not opens and inside is not None and inside.role == "index" and scene.kind(bad) in ("=", ",", "if"):
        return _brackets_page(scene, inside.index, scene.kind(bad))
    if not opens:
        return None
    behind = [scene.kind(i) for i in range(bad + 1, min(bad + 4, len(scene.words)))]
    return _brackets_page(scene, bad, "=" if behind[1:2] == ["="] or behind[:1] == ["]"] else ",")


def _brackets_page(scene: ErrorContext, index: int, sign: str) -> Diagnostic:
    if sign == "=":
        return page(scene, "a record is written in braces", scene.label(index, "not in square brackets"),
                    hint="write `{ a = 1; b = 2 }`; `[ ]` takes an element out of a list: `list[0]`.")
    return page(scene, "a list is written without square brackets", scene.label(index, "remove this bracket"),
                hint="a list is joined by `:`, as in `a : b : c`; `[ ]` takes an element out: `list[0]`.")


# --- the language's own words -------------------------------------------------------------------


def hyphen(scene: ErrorContext) -> Diagnostic | None:
    """`conv-1 := ...`, `batch-size = 32`: a minus in a name."""
    pattern = re.compile(r"[A-Za-z_]\w*(?:-\w+)+(?=\s*:?=(?![=>]))")
    start = scene.source.text.rfind("\n", 0, scene.word.start) + 1
    for match in pattern.finditer(scene.source.text, start, scene.word.end + 80):
        words = [index for index in range(max(0, scene.bad - 8), len(scene.words[: scene.bad + 8]))
                 if match.start() <= scene.words[index].start < match.end()]
        if not words or not words[0] <= scene.bad <= words[-1] + 1:
            continue
        if scene.helps(Edit(words[0], len(words), ("NAME",)), 1):
            name = match.group()[:30]
            return page(scene, f"`{name}` is not a name: names hold no `-`", scene.label(words[0], "this", words[-1]),
                        hint=f"write `{name.replace('-', '_')}` or `{name.replace('-', '')}`.")
    return None


def reserved(scene: ErrorContext) -> Diagnostic | None:
    """`then = 3`: a word of the language where a name is needed."""
    for index in (scene.bad, scene.bad - 1):
        if index < 0 or scene.kind(index) not in RESERVED or not scene.replay.can(index, "NAME"):
            continue
        behind = scene.kind(index + 1)
        named = behind in ("=", ":=", ",", ".", ":", "=>") or behind in CLOSERS or scene.kind(index - 1) == "."
        starts = scene.kind(index) in ("if", "array", "include") and behind not in ("=", ":=", "=>")
        edit = Edit(index, 1, ("NAME",))
        if named and not (starts and scene.kind(index - 1) != ".") and scene.helps(edit, 2):
            word = scene.words[index].text
            return page(scene, f"`{word}` is a word of the language, not a name",
                        scene.label(index, "this name is taken"), hint=f"take another name, for example `{word}Value`.")
    return None


def bare_if(scene: ErrorContext) -> Diagnostic | None:
    """`a : if c then b else d`, `x + if ...`."""
    if scene.word.kind != "if" or not scene.expects_value or not scene.bad:
        return None
    before = scene.quote(scene.bad - 1)
    where = "inside a list" if scene.kind(scene.bad - 1) in (":", ":=") else f"after {before}"
    return page(scene, (f"`if` {where} needs parentheses", "`if` needs parentheses here"),
                scene.label(scene.bad, "put a `(` before this, and a `)` behind the last part"),
                hint=f"{before} `(if ... then ... else ...)`." if where.startswith("after") else
                "write `a : (if condition then b else c) : d`.")


def single_equals(scene: ErrorContext) -> Diagnostic | None:
    """`if a = b then`: `=` for `==`."""
    if scene.word.kind != "=" or not scene.helps(Edit(scene.bad, 1, ("COMPARE",)), 2):
        return None
    depth_words = list(scene.replay.siblings(scene.inside.index if scene.inside else None, scene.bad))
    kinds = [scene.kind(index) for index in depth_words[:40]]
    before = kinds[: kinds.index("if")] if "if" in kinds else None
    if before is None or "then" in before or any(scene.words[i].first for i in depth_words[: len(before)][:1]):
        return None
    return page(scene, "a comparison is written `==`", scene.label(scene.bad, "`=` gives a name its value"),
                hint="write `==`.")


def member_separator(scene: ErrorContext) -> Diagnostic | None:
    """`{a = 1, b = 2}` and `x = 1, 2, 3`: commas where none can be."""
    if scene.word.kind != "," or scene.expects_value or (scene.inside is not None and scene.inside.role != "record"):
        return None
    member = scene.kind(scene.bad + 1) == "NAME" and scene.kind(scene.bad + 2) in ("=", "(", "{")
    if member and scene.helps(Edit(scene.bad, 1), 2):
        if _bracket_forgotten(scene):
            return None
        options = "" if scene.inside is None or scene.opened_here() else \
            " The options of a layer need its name before the `{`."
        return page(scene, "the members of a record are not separated by commas", scene.label(scene.bad, "this comma"),
                    scene.opened_here(), hint=f"start a new line, or write `;`.{options}")
    if scene.kind(scene.bad + 1) in CLOSERS and scene.helps(Edit(scene.bad, 1), 2):
        return page(scene, "a record ends without a comma", scene.label(scene.bad, "this comma"), hint="remove it.")
    if scene.helps(Edit(scene.bad, 1, (":",)), 2):
        return page(scene, "a list is joined by `:`, not by commas", scene.label(scene.bad, "this comma"),
                    hint="write `:`; commas stand between the arguments of a call.")
    return None


def _bracket_forgotten(scene: ErrorContext) -> bool:
    """Whether the commas belong to a call whose opening bracket is missing: `Layer radius = 2, bias = 1}`."""
    lowest = scene.inside.index if scene.inside is not None else None
    plain = scene.replay.reach(Edit(scene.bad, 1))
    for _, index in zip(range(12), scene.replay.siblings(lowest, scene.bad), strict=False):
        if scene.kind(index) == "NAME" and scene.kind(index + 1) == "NAME":
            return any(scene.replay.reach(Edit(index + 1, 0, (opener,))) > plain for opener in OPENERS)
    return False


def semicolon(scene: ErrorContext) -> Diagnostic | None:
    """`;;`, `; }` at the start, `f (a; b)`."""
    if scene.word.kind != ";" or scene.expects_value:
        return None
    inside = scene.inside
    if inside is not None and inside.role in ("call", "parameters", "group"):
        joined = inside.role != "parameters" and scene.holds_list(inside)
        if joined and scene.helps(Edit(scene.bad, 1, (":",)), 2):
            what = "the steps of a Sequential" if scene.is_sequential else "the elements of a list"
            return page(scene, f"{what} are joined by `:`, not by `;`",
                        scene.label(scene.bad, "this semicolon"), scene.opened_here(), hint="write `:`.")
        if scene.helps(Edit(scene.bad, 1, (",",)), 2):
            return page(scene, f"{scene.bracket(inside)} are separated by commas",
                        scene.label(scene.bad, "this semicolon"), scene.opened_here(), hint="write `,`.")
        return None
    if not scene.helps(Edit(scene.bad, 1)):
        return None
    return page(scene, "one `;` ends a member; this one ends nothing", scene.label(scene.bad, "remove this"),
                hint="`;` stands only behind a member, and a new line does the same.")


def colon_for_equals(scene: ErrorContext) -> Diagnostic | None:
    """`stride : 2` and `"stride" : 2` in a record or a call, as in JSON, YAML and Python."""
    edit = Edit(scene.bad, 1, ("=",))
    if scene.head == scene.bad - 1 and scene.word.kind in (":", ":=") and scene.helps(edit, 2):
        opened = [Edit(scene.head, 0, (opener,)) for opener in OPENERS]
        if any(scene.replay.reach(other) > scene.replay.reach(edit) for other in opened):
            return None
        if scene.word.kind == ":=":
            return page(scene, "a member is set with `=`", scene.label(scene.bad, "`:=` names a step of a list"),
                        hint=f"write `{scene.words[scene.head].text[:30]} = ...`.")
        return page(scene, "a member is set with `=`, not with `:`", scene.label(scene.bad, "this colon joins lists"),
                    hint=f"write `{scene.words[scene.head].text[:30]} = ...`.")
    string = scene.word.kind == "STRING" and scene.kind(scene.bad + 1) in (":", "=")
    if string and scene.replay.can(scene.bad, "NAME") and not scene.expects_value:
        return page(scene, "the name of a member stands without quotes", scene.label(scene.bad, "this is a string"),
                    hint="write `name = value`.")
    return None


def bounds(scene: ErrorContext) -> Diagnostic | None:
    """`V[0..3] = i`, `array[0, 3]`: bounds in another form."""
    role = scene.inside.role if scene.inside is not None else ""
    if role in ("elements", "array"):
        form = "V[i:0..3] = i * i" if role == "elements" else "array[0..3] (i => i * i)"
        what = "the elements of a list are given by a name and bounds" if role == "elements" else \
            "an array is given by its bounds and a function"
        return page(scene, what, scene.label(scene.bad, "this does not fit the form"),
                    scene.opened_here(), ("The form, for the elements 0 to 3, is", f"    {form}"))
    return None


def stray_bounds(scene: ErrorContext) -> Diagnostic | None:
    """`list[0..3]`, `x = 0..3`"""
    role = scene.inside.role if scene.inside is not None else ""
    if scene.word.kind != ".." or role in ("elements", "array"):
        return None
    if role == "index":
        return page(scene, "an index is one number; there are no slices", scene.label(scene.bad, "this"),
                    hint="`list << 2` leaves the first two elements out; `array[0..3] (i => list[i])` takes some.")
    return page(scene, "`..` stands only between bounds", scene.label(scene.bad, "this"), scene.opened_here(),
                hint="bounds are written in `array[0..3] (i => ...)` and `V[i:0..3] = ...`.")


def parameter(scene: ErrorContext) -> Diagnostic | None:
    """`f (x, 3) = ...`: something else than a name among the parameters."""
    inside = scene.inside
    if inside is None or inside.role != "parameters":
        return None
    return page(scene, f"{scene.quote(scene.bad)} cannot be a parameter", scene.label(scene.bad, "a name stands here"),
                scene.opened_here(), hint="parameters are names, with or without a default: `f (x, y = 1) = ...`.")


def member_of_another(scene: ErrorContext) -> Diagnostic | None:
    """`network.labelDim = 3`"""
    if scene.head is None or scene.word.kind != "." or scene.kind(scene.bad + 1) != "NAME":
        return None
    owner, name = scene.words[scene.head].text[:20], scene.words[scene.bad + 1].text[:20]
    return page(scene, "a member is set inside its record", scene.label(scene.head, "this is outside", scene.bad + 1),
                hint=f"write `{owner} = {{ {name} = ... }}`; on the command line `{owner}.{name}=...` sets it.")


def bare_file(scene: ErrorContext) -> Diagnostic | None:
    """`include lib/residual.net`"""
    if not scene.bad or scene.kind(scene.bad - 1) != "include" or scene.word.kind == END:
        return None
    match = re.compile(r"[^\s;]*").match(scene.source.text, scene.word.start)
    assert match is not None
    return page(scene, "the file of an `include` stands in quotes", Label(scene.source.span(*match.span()), "this"),
                hint=f'write `include "{match.group()[:40]}"`.')


#: Tried when no small change helps: the forms that leave no other choice.
LAST_RULES: tuple[Callable[[ErrorContext], Diagnostic | None], ...] = (bounds, parameter, member_of_another, bare_file)

RULES: tuple[Callable[[ErrorContext], Diagnostic | None], ...] = (
    open_comment, escaped_quote, forgotten_quote, open_string, dollar, broken_number, square_brackets, stray_bounds,
    foreign_pair, foreign_sign, decimal_comma, foreign_word, hyphen, reserved, bare_if, single_equals, member_separator,
    block_without_equals, semicolon, colon_for_equals,
)
