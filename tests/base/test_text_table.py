"""Tables of text: aligned, and no wider than they may be."""

from __future__ import annotations

import pytest

from netdsl.base.text_table import Column, aligned, listed, text_table

COLUMNS = (Column("run", cut=2), Column("status", cut=1, least=0), Column("value", right=True))
ROWS = [("runs/a-long-name-of-a-run", "finished", "0.5"), ("b", "", "12.25")]


def test_a_table() -> None:
    assert text_table(COLUMNS, ROWS, rule=True) == [
        "run                        status    value",
        "------------------------------------------",
        "runs/a-long-name-of-a-run  finished    0.5",
        "b                                    12.25",
    ]


@pytest.mark.parametrize("width", [42, 41, 34, 32, 31, 25, 19])
def test_a_table_fits(width: int) -> None:
    lines = text_table(COLUMNS, ROWS, width)
    assert max(map(len, lines)) <= width
    assert all(text in "".join(lines) for text in ("0.5", "12.25"))
    assert ("finished" in lines[1]) is (width >= 42)
    assert ("a-long-name-of-a-run" in lines[1]) is (width >= 32)


def test_headings_of_groups_and_lists() -> None:
    assert text_table((Column(), Column(right=True)), [("model.",), ("  a", "1"), ("  bc", "22")]) == [
        "model.", "  a    1", "  bc  22"]
    assert aligned([("", "A"), ("errs", "2.5 %")]) == ["          A", "errs  2.5 %"]
    assert aligned([]) == []
    assert listed([("rule", "SGD with momentum"), ("rate", "0.1")], indent=2, width=20) == [
        "  rule  SGD with momentum", "  rate  0.1"]
    assert listed([("rule", "SGD with momentum, 0.9 of it kept")], width=26) == [
        "rule  SGD with momentum,", "      0.9 of it kept"]
