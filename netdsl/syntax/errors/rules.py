"""Rules that look at the place where the reading stopped, for forms that are more than a word or a sign too many.

Where a fix is known it is tried first: a diagnostic says "write `&&`" only if the text can be read further with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ...base.diagnostics import Diagnostic, Edit, Label
from . import foreign_syntax
from .context import ErrorContext
from .foreign_syntax import Form
from .replay import CLOSERS, END, OPENERS, Change

Rule = Callable[[ErrorContext], Diagnostic | None]


# --- rows ---------------------------------------------------------------------------------------------


def _forms(rows: Sequence[Form]) -> Rule:
    """The rule that tries rows in order."""
    compiled = [(row, re.compile(row.pattern)) for row in rows]

    def foreign_form(context: ErrorContext) -> Diagnostic | None:
        for row, pattern in compiled:
            if (row.kind and context.word.kind != row.kind) or (row.roles and context.role not in row.roles) \
                    or context.role in row.not_in or (row.first and not (context.word.first or not context.bad)) \
                    or row.value not in (None, context.expects_value):
                continue
            for index, match in _matches(context, row, pattern):
                diagnostic = _form_diagnostic(context, row, index, match)
                if diagnostic is not None:
                    return diagnostic
        return None

    return foreign_form


def _matches(context: ErrorContext, row: Form, pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    member = [context.start, context.start - 1] if row.within >= 6 and context.start is not None else []
    for index in [*range(context.bad, context.bad - row.within - 1, -1), *member]:
        match = pattern.match(context.source.text, context.words[index].start) if index >= 0 else None
        if match is not None:
            yield index, match


def _form_diagnostic(context: ErrorContext, row: Form, index: int, match: re.Match[str]) -> Diagnostic | None:
    count = sum(word.start < match.end() for word in context.words[index : index + 40])
    if row.touches and index + count < context.bad:
        return None
    fix: tuple[Edit, ...] = ()
    if row.write is not None:
        change = Change(index, count, _filled(row.write, match))
        reads = context.helps(change, row.reads)
        if not reads and not row.sure:
            return None
        fix = (Edit(context.source.span(*match.span()), change.insert),) if reads else ()
    titles = (row.title,) if isinstance(row.title, str) else row.title
    body = [_filled(part, match) for part in row.body.split("\n", 1)]
    return context.error(tuple(_filled(title, match) for title in titles),
                         Label(context.source.span(*match.span(row.mark)), row.label),
                         context.opened_here() if row.roles else (), body, _filled(row.hint, match), fix)


def _filled(template: str | Callable[[re.Match[str]], str], match: re.Match[str]) -> str:
    return match.expand(template) if isinstance(template, str) else template(match)


# --- texts that end too late --------------------------------------------------------------------------


def open_comment(context: ErrorContext) -> Diagnostic | None:
    """`/*` without `*/`."""
    if context.word.kind != "open_comment":
        return None
    start = context.word.start
    return context.error("a comment has no end", Label(context.source.span(start, start + 2), "it starts here"),
                         hint="end it with `*/`; a comment of one line is written with `#`.")


def forgotten_quote(context: ErrorContext) -> Diagnostic | None:
    """`{"a.gz, "b.gz"}`: the next string's opening quote was taken for this one's end."""
    word = context.words[context.bad - 1]
    match = re.fullmatch(r"(([\"'])[^\n]+?) *[,:;] *\2", word.text)
    if not context.bad or word.kind != "STRING" or not word.joins(context.word) or match is None:
        return None
    span, end = context.source.span(word.start, word.start + match.end(1)), context.source.span(word.end - 1, word.end)
    shown = match[1] + match[2]
    return context.error("a string has no closing quote", Label(span, "it starts here"),
                         [Label(end, "it ends here, where the next should begin")],
                         hint=f"write `{shown if len(shown) <= 50 else shown[:8] + '...' + shown[-32:]}`.",
                         fix=[Edit(context.source.span(span.end, span.end), match[2])])


def open_string(context: ErrorContext) -> Diagnostic | None:
    """A quote that is missing; the text up to the next quote of the file was taken for the string."""
    for word in context.words[max(0, context.bad - 12) : context.bad + 1]:
        if word.kind != "open_string" and not (word.kind == "STRING" and "\n" in word.text):
            continue
        length = _plausible_length(context, word.start)
        if not length and word.kind == "STRING":
            continue
        piece = word.text.split("\n", 1)[0][: length or None].rstrip()
        span = context.source.span(word.start, word.start + len(piece))
        related = [] if word.kind != "STRING" else \
            [Label(context.source.span(word.end - 1, word.end), "so it goes on to the quote here")]
        return context.error("a string has no closing quote", Label(span, "it starts here"), related,
                             hint=f"end it with `{word.text[0]}` on its line.",
                             fix=[Edit(context.source.span(span.end, span.end), word.text[0])] if length else ())
    return None


def _plausible_length(context: ErrorContext, start: int) -> int:
    """How long the string would be for the text to be read furthest; 0 if none reads past the mistake."""
    text = context.source.text
    line = text[start:].split("\n", 1)[0]
    best, longest = context.word.end, 0
    ends = [match.start() for match in re.finditer(r"[\s,;:)}\]#]|$", line) if match.start()]
    for end in ends[:12] + ends[12:][-1:]:
        again = context.replay.again(f"{text[: start + end]}{text[start]}{text[start + end :]}")
        reached = again.words[min(again.bad, len(again.words) - 1)]
        if reached.start - 1 + (reached.kind == END) > best:
            best, longest = reached.start - 1 + (reached.kind == END), end
    return longest


# --- brackets -----------------------------------------------------------------------------------------


def square_brackets(context: ErrorContext) -> Diagnostic | None:
    """`[| a |]`, `[ a = 1 ]`, `[1, 2]`, `Sequential [a : b)`, `Layer [16, bias = 1]`."""
    bad, inside, word = context.bad, context.inside, context.word
    opens = word.kind == "[" and context.expects_value
    bar = bad if word.text in ("|", "||") else bad + 1
    bars = bar < len(context.words) and context.words[bar].text in ("|", "||")
    if bars and "[" in (context.kind(bar - 1), word.kind):
        start = context.words[bar - 1].start
        return context.error("`[| ... |]` is no longer used", Label(context.source.span(start, start + 2), "this"),
                             hint="a list is joined by `:`, as in `a : b : c`; one value alone is a list of one.",
                             fix=_without_bars(context, start))
    if inside is not None and inside.role == "index" and word.kind in ("=", ",", ")", "}", ":="):
        return _called_by_brackets(context, inside.index)
    if not opens:
        return None
    behind = [context.kind(index) for index in (bad + 1, bad + 2)]
    if behind[1] == "=" or behind[0] == "]":
        return context.error("a record is written in braces", context.label(bad, "not in square brackets"),
                             hint="write `{ a = 1; b = 2 }`; `[ ]` takes an element out of a list: `list[0]`.",
                             fix=_other_brackets(context, bad, "{"))
    return context.error("a list is written without square brackets", context.label(bad, "remove this bracket"),
                         hint="a list is joined by `:`, as in `a : b : c`; `[ ]` takes an element out: `list[0]`.",
                         fix=_list_of(context, bad))


def _called_by_brackets(context: ErrorContext, index: int) -> Diagnostic | None:
    """`Sequential [a : b)`: square brackets in the place of a call's."""
    if context.kind(index - 1) != "NAME" or context.bad - index < 2:
        return None
    if context.word.kind == "," and context.words[index - 1].text[0].islower():
        return context.error("an index is one number", context.label(context.bad, "this comma"),
                             hint="`list[0]` takes one element out of a list.")
    name, mark = context.name(index - 1), "(" if context.word.kind in (")", ":=") else "{"
    title = f"what `{name}` is applied to goes in `( )`" if mark == "(" else \
        f"the options of `{name}` go in braces"
    return context.error((title, "these brackets take an element out of a list"),
                         context.label(index, "this takes an element out of a list"),
                         hint=f"write `{name} {mark}...{OPENERS[mark]}`.", fix=_other_brackets(context, index, mark))


def _other_brackets(context: ErrorContext, opening: int, mark: str) -> list[Edit]:
    """A bracket and what closes it, written otherwise."""
    closer = context.replay.closer(opening)
    if closer is None:
        return []
    return [Edit(context.span(opening), mark), Edit(context.span(closer), OPENERS[mark])]


def _list_of(context: ErrorContext, opening: int) -> list[Edit]:
    """`[a, b]` as `(a : b)`."""
    edits, closer = _other_brackets(context, opening, "("), context.replay.closer(opening)
    if closer is None or closer == opening + 1:
        return []
    commas = [i for i in context.replay.siblings(opening, closer) if context.kind(i) == ","]
    return [*edits, *(Edit(context.span(comma), " :") for comma in commas)]


def _without_bars(context: ErrorContext, start: int) -> list[Edit]:
    end = context.source.text.find("|]", start + 2)
    span = context.source.span
    if not context.source.text[start + 2 : max(end, 0)].strip():
        return []
    return [Edit(span(start, start + 2), "("), Edit(span(end, end + 2), ")")]


def block_without_equals(context: ErrorContext) -> Diagnostic | None:
    """`SGD { a = 1 ; b = 2 }` and `Block (w) { DenseLayer {w} }`: read as parameters, which hold no members."""
    inside, start = context.inside, context.start
    if inside is None or inside.role != "parameters" or context.kind(inside.index) != "{" or start is None:
        return None
    closer = context.replay.closer(inside.index)
    as_record = context.replay.reach(Change(inside.index, 0, "="))
    as_value = context.replay.reach(Change(inside.index, 1, "="))
    if closer is not None and as_value == closer >= as_record:
        as_value += 1  # its closing brace goes as well
    if max(as_record, as_value) < context.bad + 2:
        return None
    name = context.name(start)
    hint, fix = f"write `{name} = {{ ... }}`.", [context.insertion(inside.index, "=")]
    if as_value > as_record:
        parameters = " ".join(context.source.text[context.words[start].end : context.words[inside.index].start].split())
        called = f"{name} {parameters[:30]}".rstrip()
        hint = f"write `{called} = ...`: the value follows the `=`, without braces."
        fix = [] if closer is None else [Edit(context.span(inside.index), "="), Edit(context.span(closer), "")]
    related = () if context.line(start) == context.line(inside.index) else (context.label(start, "behind this"),)
    return context.error(f"`{name}` has no `=`", context.label(inside.index, "I expected `=` before this"), related,
                         hint=hint, fix=fix)


# --- the language's own words and signs -----------------------------------------------------------------


def bare_if(context: ErrorContext) -> Diagnostic | None:
    """`a : if c then b else d`, `x + if ...`."""
    if context.word.kind != "if" or not context.expects_value or not context.bad:
        return None
    before, in_list = context.quote(context.bad - 1), context.kind(context.bad - 1) in (":", ":=")
    return context.error((f"`if` {'inside a list' if in_list else f'after {before}'} needs parentheses",
                          "`if` needs parentheses here"),
                         context.label(context.bad, "put a `(` before this, and a `)` after the last part"),
                         hint="write `a : (if condition then b else c) : d`." if in_list else
                         f"{before} `(if ... then ... else ...)`.")


def condition_behind(context: ErrorContext) -> Diagnostic | None:
    """`x = a if c else b`, as in Python."""
    behind = [context.kind(index) for index in range(context.bad, context.bad + 12)]
    if context.word.kind != "if" or context.expects_value or context.word.first or "else" not in behind or \
            "then" in behind[: behind.index("else")]:
        return None
    return context.error("a condition comes before its two values", context.label(context.bad, "not after the first"),
                         hint="write `if condition then a else b`.")


def single_equals(context: ErrorContext) -> Diagnostic | None:
    """`if a = b then`: `=` for `==`."""
    change = Change(context.bad, 1, "==")
    if context.word.kind != "=" or not context.helps(change, 2):
        return None
    kinds = [context.kind(index) for index in context.siblings[:40]]
    before = kinds[: kinds.index("if")] if "if" in kinds else None
    if before is None or "then" in before or any(context.words[i].first for i in context.siblings[: len(before)][:1]):
        return None
    return context.error("a comparison is written `==`", context.label(context.bad, "`=` gives a name its value"),
                         hint="write `==`.", fix=context.edits(change))


def member_separator(context: ErrorContext) -> Diagnostic | None:
    """`{a = 1, b = 2}` and `x = 1, 2, 3`: commas where none can be."""
    bad = context.bad
    if context.word.kind != "," or context.expects_value or context.role not in ("", "record"):
        return None
    comma, removed = context.label(bad, "this comma"), Change(bad, 1)
    name, sign = context.kind(bad + 1), context.kind(bad + 2)
    foreign = context.role == "record" and ((name == "STRING" and sign in (":", "=")) or (name, sign) == ("NAME", ":"))
    if foreign or (name == "NAME" and sign in ("=", "(", "{") and context.helps(removed, 2)):
        if not foreign and _bracket_forgotten(context):
            return None
        options = "" if not context.role or context.opened_here() else \
            " The options of a layer need its name before the `{`."
        return context.error("the members of a record are not separated by commas", comma, context.opened_here(),
                             hint=f"start a new line, or write `;`.{options}",
                             fix=[Edit(context.span(bad), "" if context.words[bad + 1].first else " ;")])
    if context.kind(bad + 1) in CLOSERS and context.helps(removed, 2):
        return context.error("a record ends without a comma", comma, hint="remove it.", fix=context.edits(removed))
    if context.helps(Change(bad, 1, ":"), 2):
        return context.error("a list is joined by `:`, not by commas", comma,
                             hint="write `:`; commas stand between the arguments of a call.",
                             fix=[Edit(context.span(bad), " :")])
    return None


def _bracket_forgotten(context: ErrorContext) -> bool:
    """Whether the commas belong to a call whose opening bracket is missing: `Layer radius = 2, bias = 1}`."""
    plain = context.replay.reach(Change(context.bad, 1))
    for index in context.siblings[:12]:
        if context.kind(index) == "NAME" and context.kind(index + 1) == "NAME":
            return any(context.replay.reach(Change(index + 1, 0, opener)) > plain for opener in OPENERS)
    return False


def semicolon(context: ErrorContext) -> Diagnostic | None:
    """`;;`, `; }` at the start, `f (a; b)`."""
    bad, inside, label = context.bad, context.inside, context.label(context.bad, "this semicolon")
    if context.word.kind != ";" or context.expects_value:
        return None
    if inside is not None and inside.role in ("call", "parameters", "group"):
        joined = inside.role != "parameters" and context.holds_list(inside)
        for sign, fits in ((":", joined), (",", True)):
            if fits and context.helps(Change(bad, 1, sign), 2):
                what = "the steps of a Sequential" if context.is_sequential else "the elements of a list"
                title = f"{what} are joined by `:`, not by `;`" if sign == ":" else \
                    f"{context.bracket(inside)} are separated by commas"
                return context.error(title, label, context.opened_here(), hint=f"write `{sign}`.",
                                     fix=context.edits(Change(bad, 1, sign)))
        return None
    if not context.helps(Change(bad, 1)):
        return None
    return context.error("one `;` ends a member; this one ends nothing", context.label(bad, "remove this"),
                         hint="`;` is used only after a member, and a new line does the same.",
                         fix=context.edits(Change(bad, 1)))


def colon_for_equals(context: ErrorContext) -> Diagnostic | None:
    """`stride : 2` and `"stride" : 2` in a record or a call, as in JSON, YAML and Python."""
    bad, word, change = context.bad, context.word, Change(context.bad, 1, "=")
    if context.head is not None and word.kind == ":" and context.replay.line_end(bad):  # YAML
        items = context.words[min(bad + 1, len(context.words) - 1)].text == "-"
        name = context.name(context.head)
        if context.kind(context.head + 1) in OPENERS:
            return context.error("the value of a function follows `=`",
                                 context.label(bad, "line ends and indentation have no meaning"),
                                 hint=f"write `{name} (x) = ...`.")
        return context.error("the elements of a list are joined by `:`" if items else "a record stands in braces",
                             context.label(bad, "line ends and indentation have no meaning"),
                             hint=f"write `{name} = a : b : c`." if items else f"write `{name} = {{ ... }}`.")
    if context.head is not None and context.head == bad - 1 and word.kind in (":", ":=") and context.helps(change, 2):
        opened = [Change(context.head, 0, opener) for opener in OPENERS]
        if any(context.replay.reach(other) > context.replay.reach(change) for other in opened):
            return None
        step = word.kind == ":="
        return context.error("a member is set with `=`" if step else "a member is set with `=`, not with `:`",
                             context.label(bad, "`:=` names a step of a list" if step else "this colon joins lists"),
                             hint=f"write `{context.name(context.head)} = ...`.",
                             fix=[Edit(context.span(bad), "=" if word.start > context.words[bad - 1].end else " =")])
    quoted = word.kind == "STRING" and context.kind(bad + 1) in (":", "=")
    if quoted and context.replay.can(bad, "NAME") and not context.expects_value:
        plain = re.fullmatch(r"[A-Za-z_]\w*", word.text[1:-1])
        fix = [Edit(context.span(bad, bad + 1), f"{word.text[1:-1]} =")] if plain else []
        return context.error("the name of a member stands without quotes", context.label(bad, "this is a string"),
                             hint="write `name = value`.", fix=fix)
    return None


RULES: tuple[Rule, ...] = (
    open_comment, _forms(foreign_syntax.STRINGS), forgotten_quote, open_string, _forms(foreign_syntax.NUMBERS),
    square_brackets, _forms(foreign_syntax.SIGNS), _forms(foreign_syntax.WORDS), bare_if, condition_behind,
    single_equals, member_separator, block_without_equals, semicolon, colon_for_equals,
)
LAST_RULES: tuple[Rule, ...] = (_forms(foreign_syntax.LAST),)
