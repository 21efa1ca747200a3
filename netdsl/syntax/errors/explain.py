"""Syntax errors in the user's words.

The place comes from the real parser. What is wrong there is found by trying: a rule for a habit from another
language, or a small change of the text (a word more, a word less), counts only if the tables of the parser read
further with it. Of all changes the one that reads furthest, and among equals the most natural, gives the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from lark import Lark, UnexpectedInput
from lark.lexer import PatternStr, TerminalDef

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Source
from . import repair as repairs
from . import rules as habits
from .context import ErrorContext
from .replay import END, OPEN_COMMENT, OPEN_STRING, UNKNOWN, Action, Replay, Stack, Tables

#: Terminals that Lark's grammar names in capitals and everybody writes small.
_RESERVED = ("IF", "THEN", "ELSE", "TRUE", "FALSE", "ARRAY", "INCLUDE")


def explain(source: Source, parser: Lark, unexpected: UnexpectedInput, start: str) -> Diagnostic:
    """The page for the first text that could not be read."""
    return diagnose(source, parser, start)[1]


def diagnose(source: Source, parser: Lark, start: str = "start") -> tuple[str, Diagnostic]:
    """The kind of mistake (for tests) and its page. The text must be one that does not parse."""
    grammar, begin = tables(parser, start)
    replay = Replay(grammar, begin, source.text)
    scene = ErrorContext(source, replay)
    if replay.bad == len(replay.words):
        return "nothing", fallback(scene)  # the grammar allows it; what is wrong is said elsewhere
    found = _first(habits.RULES, scene) or repairs.best(scene) or _first(habits.LAST_RULES, scene)
    return found or ("fallback", fallback(scene))


def _first(
    rules: Sequence[Callable[[ErrorContext], Diagnostic | None]], scene: ErrorContext
) -> tuple[str, Diagnostic] | None:
    """What the first rule that knows the mistake says."""
    for rule in rules:
        page = rule(scene)
        if page is not None:
            return rule.__name__, page
    return None


def fallback(scene: ErrorContext) -> Diagnostic:
    """Nothing fits: what could not be read, and the few things a person would write there."""
    expected = scene.expected(scene.bad)
    label = f"I expected {expected} here" if expected else "I cannot read on from here"
    return Diagnostic(Code.SYNTAX, scene.title(f"{scene.quote(scene.bad)} cannot stand here", "this cannot stand here"),
                      Label(scene.span(scene.bad), label), scene.opened_here())


# --- the parser's tables ----------------------------------------------------------------------------


@lru_cache(maxsize=4)
def tables(parser: Lark, start: str) -> tuple[Tables, Stack]:
    """Lark's tables with the kinds of words that the pages speak of."""
    kinds = {terminal.name: _kind(terminal) for terminal in parser.terminals} | {"$END": END}
    conf = parser.parse_interactive("", start=start).parser_state.parse_conf
    states: dict[int, Mapping[str, Action]] = {}
    goto: dict[int, Mapping[str, int]] = {}
    for state, row in conf.states.items():
        actions: dict[str, Action] = {}
        jumps: dict[str, int] = {}
        for name, (action, argument) in row.items():
            if name not in kinds:
                jumps[name] = argument
            elif str(action) == "Shift":
                actions[kinds[name]] = argument
            else:
                actions[kinds[name]] = argument.origin.name, len(argument.expansion)
        states[state], goto[state] = actions, jumps
    return Tables(states, goto, _pattern(parser), kinds, conf.end_state), (conf.start_state, None)


def _kind(terminal: TerminalDef) -> str:
    if isinstance(terminal.pattern, PatternStr):
        return str(terminal.pattern.value)
    return terminal.name.lower() if terminal.name in _RESERVED else terminal.name


def _pattern(parser: Lark) -> re.Pattern[str]:
    """One expression for all words, in Lark's order, and behind them what no grammar knows."""
    ordered = sorted(parser.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    known = [f"(?P<{terminal.name}>{terminal.pattern.to_regexp()})" for terminal in ordered]
    others = {OPEN_COMMENT: r"/\*[\s\S]*", OPEN_STRING: r"[\"'][\s\S]*", UNKNOWN: r"[^\W\d]\w*|\d[\w.]*|[\s\S]"}
    return re.compile("|".join(known + [f"(?P<{name}>{pattern})" for name, pattern in others.items()]))
