"""`netdsl import FILE`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..api.importing import import_file, text_of_import
from ..base.diagnostics import Diagnostic
from ..base.units import plural
from ..ir.network import totals
from .common_options import file_and_overrides, print_warnings
from .help_examples import examples
from .output import err
from .output import out as write
from .weights_options import map_option


@examples(
    ("netdsl import AlexNet_ImageNet.cntk", "writes AlexNet_ImageNet.net"),
    ("netdsl import deploy.prototxt --weights alexnet.caffemodel -o alexnet.net", "and alexnet.safetensors"),
    ("netdsl import yolov3-tiny.cfg --weights yolov3-tiny.weights", "a network of darknet"),
    ("netdsl import model.onnx", "network and weights of one file"),
)
@click.command("import")
@file_and_overrides
@click.option("--out", "-o", metavar="FILE.net", help="Where to write; by default beside FILE; `-` is standard output.")
@click.option("--weights", metavar="PATH", help="Weights of that system, written beside it as safetensors.")
@map_option
@click.option("--allow-missing", multiple=True, metavar="PATTERN", help="Tensors that the weights need not have.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def import_(file: str, overrides: tuple[str, ...], out: str | None, weights: str | None,
            map: str, allow_missing: tuple[str, ...], force: bool) -> int:
    """Write a FILE of CNTK, Caffe, darknet or ONNX as a `.net` file that means the same.

    Names and comments stay. What is written is read again and compared with FILE: nodes, shapes, plan and readers
    are the same, or nothing is written. The other commands take such files as they are, too.
    """
    if out == "-":
        text, _, notes = text_of_import(file, overrides, str(Path(file).with_suffix(".net")))
        _say(notes)
        write(text, nl=False)
        return 0
    found = import_file(file, overrides, out=out, weights=weights, map=map, allow_missing=allow_missing,
                        force=force)
    _say(found.notes)
    err(f"wrote {found.path}: {plural(len(found.program.network), 'node')}, "
        f"{plural(totals(found.program.network).parameters, 'parameter')}; read again, it is the same network and plan")
    if found.weights is not None:
        err(f"wrote {found.weights}: {found.report}")
    return 0


def _say(notes: Sequence[Diagnostic]) -> None:
    if notes:
        print_warnings(notes)
