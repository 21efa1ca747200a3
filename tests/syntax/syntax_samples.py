"""The files that the tests of the syntax work on, and their words."""

from __future__ import annotations

from pathlib import Path

from netdsl.syntax.errors import replay
from netdsl.syntax.errors.replay import Word
from netdsl.syntax.parser import lark_parser

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = sorted((ROOT / "tests/syntax").glob("*.net"))
FILES = OWN + sorted((ROOT / "networks").glob("**/*.net"))


def words_of(text: str) -> list[Word]:
    """The words of a text, without its end."""
    return replay.words_of(lark_parser(), text)[:-1]
