"""`netdsl layers [NAME]`"""

from __future__ import annotations

import click

from ..base.diagnostics import did_you_mean
from ..describe.option_tables import everything, row_page, sections
from ..elaborate.builtins import BUILTINS
from .output import err, out


@click.command()
@click.argument("name", required=False)
def layers(name: str | None) -> int:
    """Every layer, function, reader and optimizer; with NAME, its options, defaults and examples."""
    if name is None:
        for section in sections():
            _list(section.title, [(row.name(), row.summary()) for row in section.rows])
        _list("Functions of the language", [(b.name, b.doc) for b in BUILTINS])
        return 0
    known = everything()
    if name not in known:
        near = did_you_mean(name, known)
        err(f"error: there is no layer or function called `{name}`{'; ' + near if near else ''}")
        return 2
    out(row_page(name, known[name]), nl=False)
    return 0


def _list(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    size = max(len(name) for name, _ in rows)
    out(title)
    for name, summary in rows:
        first = summary.split(". ")[0].rstrip(".")
        room = 98 - size
        out(f"    {name.ljust(size)}  {first if len(first) <= room else first[: room - 3] + '...'}")
    out()
