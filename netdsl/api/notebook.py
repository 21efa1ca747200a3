"""What a notebook shows of a program: its table, what it comes to, its plan and its drawing."""

from __future__ import annotations

from html import escape

from ..describe.network_text import COLUMNS, plan_text, table_rows, totals_text
from ..drawing import draw
from ..ir.network import totals
from ..ir.program import CheckedProgram

#: Longer tables show groups instead of single layers.
MOST_ROWS = 60


def program_html(program: CheckedProgram) -> str:
    """The table and the drawing of a checked program as HTML."""
    total = totals(program.network)
    deepest = max((node.name.count(".") for node in program.network), default=0) + 1
    rows = next((rows for depth in (None, *range(deepest, 0, -1))
                 if len(rows := table_rows(program, depth)) <= MOST_ROWS), table_rows(program, 1))
    head = "".join(f"<th>{escape(column.title)}</th>" for column in COLUMNS)
    body = "".join(f"<tr>{''.join(_cell(cell, i > 1) for i, cell in enumerate(row.cells(total, row.name, False)))}</tr>"
                   for row in rows)
    facts = "\n".join([*totals_text(program, total), *(["", *plan_text(program)] if program.plan is not None else [])])
    return (f"<div><b>{escape(program.source.name)}</b><table><tr>{head}</tr>{body}</table>"
            f"<pre>{escape(facts)}</pre><details open><summary>drawing</summary>"
            f'<div style="max-height:48em;overflow:auto">{draw(program, "svg")!s}</div></details></div>')


def _cell(text: str, right: bool) -> str:
    return f'<td style="text-align:{"right" if right else "left"}">{escape(text)}</td>'
