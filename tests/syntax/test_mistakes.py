"""Syntax errors: every broken text gives one page that a person can act on, at the right place."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syntax_samples import FILES, OWN, words_of

from netdsl.base.diagnostics import Diagnostic, Failure, render
from netdsl.base.source import Source
from netdsl.syntax.errors.explain import diagnose
from netdsl.syntax.errors.replay import Word
from netdsl.syntax.parser import lark_parser, parse, parse_expression

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def page_of(text: str) -> Diagnostic | None:
    """The one page about a text; None if it can be read. Fails if the page is not as pages are."""
    pages = pages_of(text)
    assert len(pages) <= 1, pages
    return pages[0] if pages else None


def pages_of(text: str) -> tuple[Diagnostic, ...]:
    try:
        parse(Source("test.net", text))
    except Failure as failure:
        for diagnostic in failure.diagnostics:
            check_page(diagnostic, text)
        return failure.diagnostics
    return ()


def check_page(diagnostic: Diagnostic, text: str) -> None:
    assert diagnostic.code == "syntax"
    for label in (diagnostic.primary, *diagnostic.related):
        assert 0 <= label.span.start <= label.span.end <= len(text)
    assert text[diagnostic.primary.span.start : diagnostic.primary.span.end].strip(" \t\n\r\f") or not text.strip()
    assert not diagnostic.title.endswith((".", "!"))
    assert not diagnostic.title[0].isupper()
    page = render(diagnostic)
    assert all(len(line) <= 78 for line in page.splitlines()), page


def kind_of(text: str) -> str:
    """Which rule or repair found the mistake; `nothing` if the grammar allows what the parser then refuses."""
    return diagnose(Source("test.net", text), lark_parser())[0]


# --- one mistake, one message -------------------------------------------------------------------------

MISTAKES = {
    # text: words of the headline or the hint
    "x = (a : b\ny = 2": "`(` of line 1 is not closed",
    "x = f {a : b)": "`)` cannot close the `{` of line 1",
    "x = f (a b)": "`b` follows `a` without a `,` between them",
    "x = Sequential (a b)": "`b` follows `a` without a `:` between them",
    "x = Sequential (a : b = c {1} : d)": "a step of a list gets its name by `:=`",
    "x = a b\ny = 1": "`b` follows `a` with nothing between them",
    "x =\ny = 1": "`x` has no value",
    "x = 2 *\ny = 1": "a value is missing behind `*`",
    "x = a :\ny = 1": "nothing follows the `:` at the end of line 1",
    "x": "`x` stands alone, without `=` and a value",
    "f (x)": "`f` stands alone, without `=` and a value",
    "x 1": "`x` has no `=`",
    "= 1": "a name is missing before `=`",
    "x = a.": "the name of a member is missing behind `.`",
    "x = f (, a)": "nothing stands between `(` and `,`",
    "x = f (a,, b)": "`,` stands here twice",
    "x = f (a, b,)": "nothing stands between `,` and `)`",
    "f {a, } = a": "nothing stands between `,` and `}`",
    "x = {a = 1; b = 2;;}": "one `;` ends a member; this one ends nothing",
    "x = f (a; b)": "the arguments are separated by commas",
    "x = {a = 1, b = 2}": "the members of a record are not separated by commas",
    "x = {a = 1,}": "a record ends without a comma",
    "x = 1, 2": "a list is joined by `:`, not by commas",
    "x = {a : 1}": "a member is set with `=`, not with `:`",
    "x := 1": "a member is set with `=`",
    'x = {"a" = 1}': "the name of a member stands without quotes",
    "x == 1": "a value is given by `=`; `==` compares",
    "x = if a = b then 1 else 2": "a comparison is written `==`",
    "x = if a then b": "an `if` has no `else`",
    "x = if a b else c": "an `if` has no `then`",
    "x = a then b else c": "`then` stands without an `if` before it",
    "x = a : if b then c else d": "`if` inside a list needs parentheses",
    "x = 1 + if b then c else d": "`if` after `+` needs parentheses",
    "x = a : b => c : d": "a function inside a list needs parentheses",
    "x = a : 1 => c": "a function inside a list needs parentheses",
    "x = 1 => c": "the parameters of a function are plain names",
    "x = (a, b)": "a bracket with commas is not a value",
    "true = 1": "`true` is a word of the language, not a name",
    "x = f (include = 1)": "`include` is a word of the language, not a name",
    "x = y.then": "`then` is a word of the language, not a name",
    "x = 'abc\ny = 'd'": "a string has no closing quote",
    "x = \"abc": "a string has no closing quote",
    "x = 1 /* why": "a comment has no end",
    "x = \"a$b\"": "a `$` in a string has no partner",
    "x = $a$": "`$a$` is written `a` outside of strings",
    "x = $": "`$` stands only in strings",
    "x = [a = 1]": "a record is written in braces",
    "x = []": "a record is written in braces",
    "x = [1, 2]": "a list is written without square brackets",
    "x = [| a |]": "`[| ... |]` is not written any more",
    "x = [||]": "`[| ... |]` is not written any more",
    "x = new A {a = 1}\ny = 1": "there is no `new`",
    "x = a and b\ny = 1": "`and` is written `&&`",
    "x = f (a or b)": "`or` is written `||`",
    "x = not a\ny = 1": "`not` is written `!`",
    "x = f (not a)": "`not` is written `!`",
    "x = f (lambda a: a)": "a function is written with `=>`",
    "def f (x) = x": "`def` is not needed",
    "let x = 1": "`let` is not needed",
    "import a": "there is no `import`",
    "f (x) = { return x }": "there is no `return`",
    "x = if a then b elif c then d else e": "`elif` is written `else if`",
    "x = f (a -> b)": "a function is written with `=>`",
    "x = a & b": "the logical and is `&&`",
    "x = a | b": "the logical or is `||`",
    "x = a |> b": "`|>` is written `>>`",
    "x = a ^ 2": "a power is written `x ** 2`",
    "x = ~a": "the logical not is `!`",
    "x = a @ b": "the product of matrices is written `W * x`",
    "x = a ? b : c": "write `if condition then a else b`",
    "x = a <> b": "`<>` is written `!=`",
    "x = a === b": "`===` is written `==`",
    "x = a =< b": "`=<` is written `<=`",
    "x = a :: b": "`::` is one colon too many",
    "x += 1": "there is no `+=`: a name keeps its value",
    "x = y++\nz = 1": "there is no `++`: a name keeps its value",
    "m = Sequential (a : b : = c)": "`:=`",
    "x = 0,5": "`0,5` is not a number",
    "x = 3a": "`3a` is neither a number nor a name",
    "x = 1_000": "write it without the underscore: `1000`",
    "x = 3x3": "sizes are joined by `:`: `3:3`",
    "x = 1.2.3": "`1.2.3` is neither a number nor a name",
    "x = caf\u00e9": "a name has a letter that is not one of a to z",
    "x = \u201ca\u201d": "a string stands between plain quotes",
    "x = 3 \u00d7 3": "the sign of multiplication is `*`",
    "x = 3 \u2212 3": "this is a dash, not a minus",
    "x =\u00a03": "there is a non-breaking space here",
    "\ufeffx = 3": "there is an invisible character here",
    "x = V[0..3]": "an index is one number; there are no slices",
    "x = 0..3": "`..` stands only between bounds",
    "V[0..3] = 1": "the elements of a list are given by a name and bounds",
    "V[i:0,3] = 1": "bounds are joined by `..`",
    "x = array[0:3] (i => i)": "bounds are joined by `..`",
    "x = array[3] (i => i)": "an array is given by its bounds and a function",
    "f (x, 3) = x": "`3` cannot be a parameter",
    "x.y = 1": "a member is set inside its record",
    "include a.net": "the file of an `include` stands in quotes",
    "include": "`include` names no file",
    '"a.net"': "`\"a.net\"` stands alone",
    "x = {1, a = 2}": "no layer or function stands before these braces",
    "x = a)": "`)` closes nothing",
    "x = f (a))": "`)` closes nothing",
    "}": "`}` closes nothing",
    "x = a * / b": "nothing stands between `*` and `/`",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: ascii(text)[1:30])
def test_mistake(text: str) -> None:
    page = page_of(text)
    assert page is not None, "this can be read"
    assert MISTAKES[text] in f"{page.title}\n{page.hint}"


def test_expression_from_the_command_line() -> None:
    with pytest.raises(Failure) as caught:
        parse_expression(Source("command line", "0.1 : : 2"))
    check_page(caught.value.diagnostics[0], "0.1 : : 2")
    assert "`:`" in caught.value.diagnostics[0].title


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "/* one */ // another"])
def test_files_without_members(text: str) -> None:
    assert parse(Source("test.net", text)).members == ()


def test_place_is_the_line_before() -> None:
    """What is missing at the end of a line is asked for there, not on the line where the reading stopped."""
    page = page_of("m = Sequential (\n    A {1} : B\n    C {2}\n)\n")
    assert page is not None
    assert page.hint == "add `:` at the end of line 2."
    assert "    A {1} : B :\n    C {2}" in page.body


# --- every mistake of one word ------------------------------------------------------------------------

SMALL = sorted(FILES, key=lambda path: path.stat().st_size)


def without(words: list[Word], index: int, text: str) -> str:
    return text[: words[index].start] + text[words[index].end :]


def lines_named(page: Diagnostic) -> set[int]:
    """The lines that a page shows or names."""
    marked = {label.span.line for label in (page.primary, *page.related)}
    return marked | {int(number) for number in re.findall(r"line (\d+)", f"{page.title} {page.hint}")}


@pytest.mark.parametrize("file", OWN, ids=lambda path: path.stem)
def test_every_deletion(file: Path) -> None:
    """Each word left out once: the rest can be read, or the page shows the line (or the one before or behind)."""
    text = file.read_text()
    words = words_of(text)
    kinds: Counter[str] = Counter()
    far = 0
    for index, word in enumerate(words):
        broken = without(words, index, text)
        page = page_of(broken)
        if page is not None:
            kinds[kind_of(broken)] += 1
            line = text.count("\n", 0, word.start) + 1
            far += not {line - 1, line, line + 1} & lines_named(page)
    assert kinds["fallback"] <= 0.02 * kinds.total(), kinds
    assert far <= 0.02 * kinds.total(), (far, kinds)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_deletions_in_files(file: Path) -> None:
    """Some words of each file left out; the share that nothing but the fallback explains stays small."""
    text = file.read_text()
    words = words_of(text)
    choose = random.Random(file.name)
    kinds: Counter[str] = Counter()
    for index in choose.sample(range(len(words)), min(len(words), 40)):
        broken = without(words, index, text)
        if page_of(broken) is not None:
            kinds[kind_of(broken)] += 1
    assert kinds["fallback"] <= max(1, 0.05 * kinds.total()), kinds


PIECES = [*"(){}[]:,;=.+*!$#&@'\"\u00e4\x00x7", ":=", "=>", "==", "..", "**", "||", ">>", "/*", "'s'",
          "if", "then", "else", "true", "array", "include"]


@MANY
@given(st.sampled_from(SMALL[:20]), st.integers(0, 10**9))
def test_insertions_and_duplicates(file: Path, seed: int) -> None:
    """A word too many, or one twice."""
    choose = random.Random(seed)
    text = file.read_text()
    word = choose.choice(words_of(text))
    page_of(f"{text[: word.start]} {choose.choice(PIECES)} {text[word.start :]}")
    page_of(f"{text[: word.start]}{word.text} {text[word.start :]}")


@MANY
@given(st.sampled_from(SMALL[:20]), st.integers(0, 10**9), st.integers(1, 6))
def test_many_mistakes(file: Path, seed: int, count: int) -> None:
    """Several random changes of the text, also inside words: a page for the first, never anything else."""
    choose = random.Random(seed)
    text = file.read_text()
    for _ in range(count):
        start = choose.randrange(len(text))
        end = min(len(text), start + choose.choice([0, 0, 1, 1, 5, 40]))
        piece = choose.choice(["", "", choose.choice(PIECES), choose.choice("abc\n\t ()'\"")])
        text = text[:start] + piece + text[end:]
    pages_of(text)


@MANY
@given(st.text(st.sampled_from(" \n(){}[]:,;=.+-*/!<>|&#'\"$aif01e\\\u00e9\x00"), max_size=60))
def test_any_text(text: str) -> None:
    pages_of(text)
