"""Syntax errors: every broken text gives one page that a person can act on, at the right place."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import inline_mistakes
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syntax_samples import FILES, OWN, words_of

from netdsl.base.diagnostics import Diagnostic
from netdsl.base.failure import Failure
from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.syntax.errors.explain import diagnose
from netdsl.syntax.errors.replay import Word
from netdsl.syntax.parser import lark_parser, parse, parse_expression

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def page_of(text: str) -> Diagnostic | None:
    """The first page about a text; None if it can be read. Fails if a page is not as pages are."""
    pages = pages_of(text)
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


# --- one mistake, one message: mistakes.txt ---------------------------------------------------------------

#: Hints of the form "write `form`" that show a form and no text of the user: somebody has to choose what to write.
SHOWS_A_FORM = re.compile(r"write `(?:a : \(|if condition|record\.name|include \"file\.net\"|name = |layers = a : b)|"
                          r"write them|add a value|.*\.\.\.")


def test_mistakes_and_what_is_said_of_them(golden: Callable[[str, Path], None]) -> None:
    """Place, headline, hint and fix of each case, exactly; `--update-goldens` writes them anew."""
    golden(inline_mistakes.rewritten(), inline_mistakes.FILE)


@pytest.mark.parametrize("text", list(inline_mistakes.texts()), ids=lambda text: ascii(text)[1:30])
def test_every_hint_works(text: str) -> None:
    """What a hint says to write, add or remove is a fix, and with it the mistake is gone."""
    source = Source("test.net", text)
    found = inline_mistakes.mistakes(source)
    assert found, "this can be read"
    for diagnostic in found:
        check_page(diagnostic, text)
        replaces = re.match("(?:write|add|remove|delete|put) `", diagnostic.hint) and "; " not in diagnostic.hint
        assert diagnostic.fix or not replaces or SHOWS_A_FORM.match(diagnostic.hint), diagnostic.hint
    if any(diagnostic.fix for diagnostic in found):
        again = inline_mistakes.mistakes(Source("test.net", inline_mistakes.fixed(found, source)))
        assert not {d.title for d in found if d.fix} & {d.title for d in again}


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
