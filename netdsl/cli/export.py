"""`netdsl export FILE --to FORMAT`"""

from __future__ import annotations

import inspect
from typing import Any

import click

from ..api.export_network import FORMATS, ExportOptions, export_network
from .common_options import file_and_overrides, loaded
from .help_examples import examples
from .output import err
from .weights_options import checkpoint_option, epoch_option


class _Size(click.ParamType):
    """Width and height as a file writes them: `640:480`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        parts = str(value).replace("x", ":").split(":")
        if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
            self.fail(f"`{value}` is not a size; write width and height: 640:480", param, ctx)
        return int(parts[0]), int(parts[1])


def _with_row_docs(command: Any) -> Any:
    """The formats, each with what it is, under the command's help."""
    rows = "\n\n".join(f"{row.name} ({row.suffix}): {row.doc}" for row in FORMATS.values())
    command.__doc__ = f"{inspect.cleandoc(command.__doc__)}\n\n{rows}"
    return command


@examples(
    ("netdsl export digits.net --to onnx", "digits.onnx, by the latest run"),
    ("netdsl export digits.net --to torch", "digits.py, a module without netdsl in it, and digits.safetensors"),
    ("netdsl export photos.net --to exported-program --with-preprocessing",
     "photos.pt2: images in, shares out"),
    ("netdsl export digits.net --to safetensors -c runs/digits/latest --epoch last", "the weights alone"),
    ("netdsl export digits.net --to net -o handed/digits.net", "one `.net` file and its weights"),
)
@click.command()
@file_and_overrides
@click.option("--to", "form", type=click.Choice(list(FORMATS)), required=True, help="The format.")
@click.option("--out", "-o", help="Where to write; by default FILE with the format's ending.")
@checkpoint_option
@epoch_option
@click.option("--untrained", is_flag=True, help="Export the network as training would start, without a checkpoint.")
@click.option("--opset", type=int, help="ONNX: the version of the operators; by default 18.")
@click.option("--fold-batch-norm", is_flag=True, help="ONNX: batch normalization goes into the layer before it.")
@click.option("--with-preprocessing", is_flag=True,
              help="Exported program: images as bytes in, shares of the classes out, as the test reader makes them.")
@click.option("--image-size", type=_Size(), metavar="W:H",
              help="Exported program with preprocessing: how large the images are.")
@_with_row_docs
def export(file: str, overrides: tuple[str, ...], form: str, out: str | None, checkpoint: str | None,
           epoch: str | None, untrained: bool, opset: int | None, fold_batch_norm: bool, with_preprocessing: bool,
           image_size: tuple[int, int] | None) -> int:
    """Write the network of FILE, with the weights of a checkpoint, for other programs.

    What is exported are the outputs and what they are computed from; criteria, metrics and labels are left out,
    except for the formats of netdsl's own.
    """
    if untrained and (checkpoint or epoch):
        raise click.UsageError("--untrained takes no checkpoint", click.get_current_context())
    program = loaded(file, overrides).require_network()
    options = ExportOptions(opset, fold_batch_norm, with_preprocessing, image_size)
    written = export_network(program, form, checkpoint, out, options, epoch=epoch, untrained=untrained, tell=err)
    for path in written.files:
        err(f"wrote {path}")
    for note in written.notes:
        err(note)
    return 0
