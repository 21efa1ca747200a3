"""Strings that end elsewhere than their author meant."""

from __future__ import annotations

import re

from ...base.diagnostics import Diagnostic, Label
from .context import ErrorContext, page
from .replay import OPEN_STRING


def escaped_quote(scene: ErrorContext) -> Diagnostic | None:
    """`"say \\"yes\\""`: a backslash before a quote, as in most languages; here the string ends at the quote."""
    for index in range(max(0, scene.bad - 4), scene.bad + 1):
        word = scene.words[index]
        behind = index + 1 < len(scene.words) and word.joins(scene.words[index + 1])
        if word.kind == "STRING" and word.text[-2:-1] == "\\" and len(word.text) > 2 and behind:
            other = "'" if word.text[0] == '"' else '"'
            return page(scene, "a string has no escapes: it ends at the first quote of its kind",
                        Label(scene.source.span(word.end - 2, word.end), "the string ends here"),
                        hint=f"put a text that holds `{word.text[0]}` between `{other}`, without backslashes.")
    return None


def forgotten_quote(scene: ErrorContext) -> Diagnostic | None:
    """`{"a.gz, "b.gz"}`: the next string's opening quote was taken for this one's end."""
    if not scene.bad or scene.kind(scene.bad - 1) != "STRING" or not scene.words[scene.bad - 1].joins(scene.word):
        return None
    word = scene.words[scene.bad - 1]
    match = re.search(r" *[,:;] *$", word.text[1:-1])
    if match is None or not match.start() or "\n" in word.text:
        return None
    piece = word.text[: match.start() + 1]
    shown = piece + word.text[0]
    return page(scene, "a string has no closing quote",
                Label(scene.source.span(word.start, word.start + len(piece)), "it starts here"),
                (Label(scene.source.span(word.end - 1, word.end), "it ends here, where the next should begin"),),
                hint=f"write `{shown if len(shown) <= 50 else word.text[:8] + '...' + shown[-32:]}`.")


def open_string(scene: ErrorContext) -> Diagnostic | None:
    """A quote that is missing; the text up to the next quote of the file was taken for the string."""
    for index in range(max(0, scene.bad - 12), scene.bad + 1):
        word = scene.words[index]
        if word.kind == OPEN_STRING or (word.kind == "STRING" and "\n" in word.text):
            length = _plausible_length(scene, index)
            if length or word.kind == OPEN_STRING:
                return _open_string_page(scene, index, length)
    return None


def _plausible_length(scene: ErrorContext, index: int) -> int:
    """How long the string would be for the text to be read furthest; 0 if none reads past the mistake."""
    word, text = scene.words[index], scene.source.text
    line = text[word.start :].split("\n", 1)[0]
    best, longest = scene.word.end, 0
    ends = [match.start() for match in re.finditer(r"[\s,;:)}\]#]|$", line) if match.start()]
    for end in ends[:12] + ends[12:][-1:]:
        rest = scene.replay.tables.words(text[word.start + end :])
        reached = word.start + end + _reached(scene, index, [w.kind for w in rest], [w.start for w in rest])
        if reached > best:
            best, longest = reached, end
    return longest


def _reached(scene: ErrorContext, index: int, kinds: list[str], starts: list[int]) -> int:
    tables = scene.replay.tables
    stack = tables.advance(scene.replay.stacks[index], "STRING")
    for kind, start in zip(kinds[:2000], starts, strict=False):
        if stack is None:
            return 0
        following = tables.advance(stack, kind)
        if following is None:
            return start
        stack = following
    return starts[min(len(starts), 2000) - 1] + 1


def _open_string_page(scene: ErrorContext, index: int, length: int) -> Diagnostic:
    word = scene.words[index]
    line = word.text.split("\n", 1)[0]
    piece = line[: length or len(line)].rstrip()
    related: list[Label] = []
    if word.kind == "STRING":
        related.append(Label(scene.source.span(word.end - 1, word.end), "so it goes on to the quote here"))
    return page(scene, "a string has no closing quote",
                Label(scene.source.span(word.start, word.start + len(piece)), "it starts here"), related,
                hint=f"end it with `{word.text[0]}` on its line.")
