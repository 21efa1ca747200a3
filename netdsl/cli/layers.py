"""`netdsl layers [NAME]`"""

from __future__ import annotations

import click

from ..base.suggest import did_you_mean
from ..base.text_table import Column, text_table
from ..describe.option_tables import everything, found_by, listing, row_page
from ..spec.aliases import our_name
from ..spec.not_yet import not_yet
from .completion import complete_layers
from .help_examples import examples
from .output import err, out, room

COLUMNS = (Column(), Column(cut=1))


@examples(
    ("netdsl layers", "all of them, by family"),
    ("netdsl layers DenseLayer", "its options, defaults and examples"),
    ("netdsl layers --search pool", "those whose name or description has the word"),
    ("netdsl layers --search BatchNorm2d", "what another program's name is here"),
)
@click.command()
@click.argument("name", required=False, shell_complete=complete_layers)
@click.option("--search", metavar="WORD", help="Those that have WORD in their name, in their description, or in what "
              "PyTorch, Keras or Caffe call them.")
def layers(name: str | None, search: str | None) -> int:
    """Every layer, function, reader and optimizer; with NAME, its options, defaults and examples."""
    if search is not None:
        return _search(search)
    if name is None:
        for title, rows in listing():
            _list(title, rows)
        return 0
    known = everything()
    if name in known:
        out(row_page(name, known[name], min(96, room())), nl=False)
        return 0
    same = next((other for other in known if other.casefold() == name.casefold()), "")
    ours = our_name(name)
    near = f"did you mean `{same}`?" if same else f"here it is `{ours}`." if ours else did_you_mean(name, known)
    missing = not_yet(name)
    err(f"error: there is no layer or function called `{name}`" + (f"; {near}" if near and not missing else ""))
    err(f"Hint: {missing or f'`netdsl layers --search {name}` also looks through the descriptions.'}")
    return 2


def _search(word: str) -> int:
    missing = not_yet(word)
    groups = [(title, rows) for title, rows in found_by(word) if rows]
    if missing:
        err(f"`{word}`: {missing}")
    for title, rows in groups:
        _list(title, rows)
    if not groups and not missing:
        err(f"nothing is called or described by `{word}`")
    return 0 if groups else 1


def _list(title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        out("\n".join([title, *(f"    {line}" for line in text_table(COLUMNS, rows, room() - 4)), ""]))
