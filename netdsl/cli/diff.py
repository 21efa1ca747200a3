"""`netdsl diff A B`"""

from __future__ import annotations

import sys
from typing import Literal

import click

from ..api.comparing import diff as compare
from ..base.failure import Failure
from ..base.render import render_all
from .completion import complete_file
from .help_examples import examples
from .output import color_wanted, err, out_json, room
from .output import out as write
from .weights_options import format_option

#: As of diff(1): what could not be compared is neither equal nor different.
_TROUBLE = 2


@examples(
    ("netdsl diff digits.net wider.net", "what differs, part by part"),
    ("netdsl diff runs/digits/latest digits.net", "a run and the file as it is now"),
    ("netdsl diff AlexNet.cntk AlexNet.net", "the same network in two languages"),
    ("netdsl diff digits.net wider.net -o diff.svg", "one drawing of both"),
)
@click.command()
@click.argument("then", metavar="A", shell_complete=complete_file)
@click.argument("now", metavar="B", shell_complete=complete_file)
@format_option("text", "json")
@click.option("--out", "-o", "picture", metavar="PICTURE",
              help="Also draw both in one picture: what is added, removed and changed has its own colour. The name's "
                   "ending says the format, as in `netdsl graph`.")
@click.option("--depth", type=click.IntRange(0), help="Of the picture: groups below this depth are drawn as one box.")
@click.option("--direction", type=click.Choice(["tb", "lr"]), default="tb",
              help="Of the picture: top to bottom, or left to right.")
@click.option("--all", "everything", is_flag=True, help="All nodes that differ, also where there are many.")
def diff(then: str, now: str, form: str, picture: str | None, depth: int | None,
         direction: Literal["tb", "lr"], everything: bool) -> int:
    """What differs between A and B: nodes, shapes, cost, plan and data.

    A and B are `.net` files, files of CNTK, Caffe, darknet or ONNX, and folders of runs, in any mixture. Nodes are
    matched by name, else by their place in the graph and their layer, so that two files that differ in names alone
    are equal. Exit code 0 if nothing differs but names, 1 if something does, 2 if A or B has errors.
    """
    try:
        found = compare(then, now)
        if form == "json":
            out_json(found.to_json())
        else:
            write(found.text(room(), all=everything), nl=False)
        if picture is not None:
            found.picture(picture, depth=depth, direction=direction)
            err(f"wrote {picture}")
    except Failure as failed:
        err(render_all(failed.diagnostics, color=color_wanted(sys.stderr)), nl=False)
        return _TROUBLE
    return 0 if found.equal else 1
