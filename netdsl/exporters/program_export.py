"""Program and weights -> a program of torch.export (.pt2), on request from bytes of images to shares of classes."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import Dim

from ..base.atomic_files import write_result
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..checks.outputs import Output
from ..readers.reader import DataError, SampleRng
from .agreement import compared, difference
from .export_format import Exported, ExportFormat, ExportRequest
from .image_steps import ImagePreprocessing
from .onnx_metadata import metadata_of
from .preprocessing import Preprocessing, preprocessing_of
from .traced import Outputs, quiet
from .unexportable import example_of, refused, require_inputs

#: How far shares may differ from those of `predict`: a pixel that is rounded the other way changes them.
_SHARES = 1e-3


class ProgramFormat(ExportFormat):
    name = "exported-program"
    title = "an exported program"
    suffix = ".pt2"
    options = ("with_preprocessing", "image_size")
    doc = ("A program of `torch.export`, which `torch.export.load` reads without netdsl: the network's inputs in, its "
           "outputs out, in inference mode, with a minibatch of any size. With `--with-preprocessing` it takes images "
           "as bytes (N x height x width x 3, RGB, all of the size that `--image-size` states), does what the test "
           "reader does to them, and gives the shares of the classes.")

    def write(self, request: ExportRequest) -> Exported:
        options = request.options
        if options.image_size is not None and not options.with_preprocessing:
            raise failure(Code.WRONG_ARGUMENTS, "`--image-size` is for `--with-preprocessing`",
                          Span.nowhere("netdsl export"), hint="add --with-preprocessing, or leave the size out.")
        program, note = _from_images(request) if options.with_preprocessing else _from_inputs(request)
        buffer = io.BytesIO()
        with quiet():
            torch.export.save(program, buffer, extra_files={"netdsl.json": json.dumps(metadata_of(request))})
        write_result(request.target, buffer.getvalue())
        return Exported((request.target,), (note,))


def _from_inputs(request: ExportRequest) -> tuple[torch.export.ExportedProgram, str]:
    executable = request.executable
    require_inputs(executable, ProgramFormat.title)
    examples = tuple(example_of(shape, 2) for shape in executable.inputs.values())
    program = _exported(request, Outputs(executable), examples)
    module = program.module()

    def run(inputs: Any) -> dict[str, torch.Tensor]:
        return dict(zip(executable.roots, module(*executable.arguments(inputs)), strict=True))

    found = compared(executable, run)
    if not found.is_close:
        raise _differs(request, found.text)
    return program, f"the program agrees to {found.text} (minibatches of 1 and 3)"


def _exported(request: ExportRequest, module: nn.Module, examples: tuple[torch.Tensor, ...]
              ) -> torch.export.ExportedProgram:
    batch = Dim("batch")
    module = module.eval()
    # `*tensors` is one argument of torch.export's: a tuple of specifications.
    dynamic: Any = ({0: batch},) if isinstance(module, _FromImages) else (tuple({0: batch} for _ in examples),)
    try:
        with quiet():
            return torch.export.export(module, examples, dynamic_shapes=dynamic, strict=False)
    except Exception as error:  # torch's exporter raises whatever it runs into
        def attempt(one: nn.Module, shapes: Any) -> Any:
            given = tuple(example_of(shape, 2) for shape in shapes)
            sizes = (tuple({0: Dim("batch")} if shape.batched else None for shape in shapes),)
            with quiet():
                return torch.export.export(one, given, dynamic_shapes=sizes, strict=False)

        raise refused(request.executable, error, "torch.export", ProgramFormat.title, attempt) from error


def _differs(request: ExportRequest, text: str) -> Failure:
    node = request.program.network[request.executable.roots[0]]
    return failure(Code.CANNOT_EXPORT, "the exported program computes other numbers", node.span,
                   f"differs by {text} of the largest value",
                   hint="this is a fault of netdsl's: please report it with the file; nothing was written.")


# --- from images -----------------------------------------------------------------------------------------


class _FromImages(nn.Module):
    """Images as bytes -> what `predict` says of them."""

    def __init__(self, request: ExportRequest, images: ImagePreprocessing) -> None:
        super().__init__()
        self.images, self.network, self.outputs = images, Outputs(request.executable), request.outputs

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = self.network(self.images(image))
        return tuple(self._mean(_meaning(output, value)) for output, value in zip(self.outputs, values, strict=True))

    def _mean(self, values: torch.Tensor) -> torch.Tensor:
        """Over the views of each image."""
        views = self.images.views
        return values if views == 1 else values.reshape(-1, views, *values.shape[1:]).mean(1)


def _meaning(output: Output, values: torch.Tensor) -> torch.Tensor:
    """Shares of classes and labels; other outputs as they are."""
    if output.of == "shares":
        return values.sigmoid() if output.scale == "scores" else values
    if output.of != "classes":
        return values
    if output.scale == "log probabilities":
        return values.exp()
    if output.scale != "scores":
        return values
    return values.softmax(output.torch_axis) if output.axis else values.flatten(1).softmax(1).reshape(values.shape)


def _from_images(request: ExportRequest) -> tuple[torch.export.ExportedProgram, str]:
    given = _image_input(request)
    width, height = _size(request, given)
    try:
        module = _FromImages(request, ImagePreprocessing(given, width, height))
    except DataError as error:
        raise _no_size(request, str(error)) from error
    image = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, height, width, 3), dtype=np.uint8))
    program = _exported(request, module, (image,))
    worst = _compared_with_reader(request, given, program.module(), image)
    if not worst <= _SHARES:
        raise _differs(request, f"{worst:.1g}")
    return program, (f"images of {width} x {height} in; the shares agree with those of `netdsl predict` to "
                     f"{worst:.1g}" if worst else f"images of {width} x {height} in; the shares are those of "
                     "`netdsl predict`")


def _compared_with_reader(request: ExportRequest, given: Preprocessing, module: Any, images: torch.Tensor) -> float:
    """The worst difference from the transforms themselves and the network behind them."""
    worst = 0.0
    for image, row in zip(images.numpy(), zip(*module(images), strict=True), strict=True):
        ready = given.prepared(image, SampleRng().sample(0))
        with torch.inference_mode():
            values = request.executable({given.name: torch.from_numpy(ready)})
        for output, found in zip(request.outputs, row, strict=True):
            expected = _meaning(output, values[output.node]).mean(0)
            worst = max(worst, difference(expected.numpy(), found.detach().numpy()))
    return worst


def _image_input(request: ExportRequest) -> Preprocessing:
    names = list(request.executable.inputs)
    source = Span.nowhere(request.program.source.name)
    try:
        found = preprocessing_of(request.program, names[0]) if len(names) == 1 else None
    except DataError as error:
        raise failure(Code.READER_FILE, error.title, source, body=error.body, hint=error.hint) from error
    if found is None:
        what = f"the outputs are computed from {len(names)} inputs" if len(names) != 1 else \
            f"no reader of images gives the input `{names[0]}`"
        raise failure(Code.NO_TRAINING, f"there is no preprocessing to export: {what}", source,
                      hint="export the program without --with-preprocessing.")
    return found


def _size(request: ExportRequest, given: Preprocessing) -> tuple[int, int]:
    """The stated size of images; the network's own where no transform changes it."""
    if request.options.image_size is not None:
        return request.options.image_size
    any_size = (101, 57, given.dims[0])
    if any(step.dims(any_size) != any_size for step in given.pipeline.steps if not step.pointwise):
        raise _no_size(request, "images of any size are brought to that of the network, so theirs has to be known")
    return given.dims[2], given.dims[1]


def _no_size(request: ExportRequest, why: str) -> Failure:
    return failure(Code.WRONG_ARGUMENTS, "the size of the images is not known" if request.options.image_size is None
                   else "the size of the images does not fit", Span.nowhere(request.program.source.name),
                   body=(f"{why[:1].upper()}{why[1:].rstrip('.')}.",),
                   hint="say how large they are: `--image-size 640:480`, width and height.")
