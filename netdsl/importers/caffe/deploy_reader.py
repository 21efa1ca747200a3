"""How the images of a net without data layers are made ready: as Caffe's tools do, and as the command line says.

A deploy file names its input alone. What is done to an image before it stands in programs around the net, so it is said
behind the file's name: `mean_value=104:117:123`, `mean_file=mean.binaryproto`, `scale=0.017`, `resize=256:256` and
`color=RGB`. Images are 0 to 255, in Caffe's order of colours (blue first), and stretched to the size of the input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure
from ...base.source import Source
from ...syntax import ast
from ..building import Builder
from .data_source import found_path
from .known_fields import Problems
from .layer_row import Extents
from .net_module import NetModule
from .net_translation import TranslatedUse
from .rows_data import Input
from .stored_blobs import read_blob

_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
#: Words of the command line -> what they look like.
WORDS = {"mean_value": rf"{_NUMBER}(?:[:,]{_NUMBER})*", "mean_file": r".+", "scale": _NUMBER,
         "resize": r"[1-9]\d*(?:[:,x][1-9]\d*)?", "color": r"(?i:rgb|bgr)"}
_EXAMPLES = {"mean_value": "104:117:123", "mean_file": "mean.binaryproto", "scale": "0.017", "resize": "256:256",
             "color": "RGB or BGR"}


@dataclass(frozen=True)
class Preparation:
    """What the command line says of the images of a net without data layers."""

    words: Mapping[str, str]

    @staticmethod
    def of(overrides: tuple[str, ...]) -> tuple[Preparation, tuple[str, ...]]:
        """The words that belong here, and the overrides that are left. Raises Failure for one that is no value."""
        words: dict[str, str] = {}
        rest = []
        for text in overrides:
            name, _, value = (part.strip().strip("\"'") for part in text.partition("="))
            if name not in WORDS:
                rest.append(text)
            elif re.fullmatch(WORDS[name], value) is None:
                place = Source("command line", text).span(0, len(text))
                raise Failure([Diagnostic(Code.OVERRIDE, f"`{name}` is written like {_EXAMPLES[name]}",
                                          Label(place, "this is something else"))])
            else:
                words[name] = value
        return Preparation(words), tuple(rest)

    def numbers(self, name: str) -> list[float]:
        return [float(part) for part in re.split(r"[:,x]", self.words[name])] if name in self.words else []


def image_input(found: Mapping[int, TranslatedUse]) -> TranslatedUse | None:
    """The one input of a net without data layers, where it is an image."""
    inputs = [each for each in found.values() if each.row.role == "data"]
    if len(inputs) != 1 or not isinstance(inputs[0].row, Input) or len(inputs[0].shapes) != 1:
        return None
    shape = inputs[0].shapes[0]
    return inputs[0] if len(shape) == 3 and shape[0] in (1, 3) else None


def deploy_reader(each: TranslatedUse, network: NetModule, how: Preparation, source: Source, problems: Problems,
                  ) -> ast.Member:
    """`reader = { test = ImageFolder {...} }`, without a folder: for `predict`."""
    end = source.span(len(source.text), len(source.text))
    build, shape = Builder(end), each.shapes[0]
    options: dict[str, object] = {"featuresInput": network.nodes[(each.use.number, 0)]}  # type: ignore[index]
    if shape[0] == 1:
        options["grayscale"] = True
    elif how.words.get("color", "BGR").upper() == "BGR":
        options["colorOrder"] = "BGR"
    steps = _steps(shape, how, source, build)
    options["transforms"] = steps[0] if len(steps) == 1 else ast.List(tuple(steps), end)
    if shape[0] == 3 and not {"mean_value", "mean_file"} & set(how.words):
        problems.add(Code.DOUBTFUL, "no mean is subtracted from images", each.use.span, "a net without data says none",
                     severity="note", hint="for `predict` say it behind the file's name if the net was trained with "
                                           "one: `mean_value=104:117:123` (blue, green, red), `mean_file=...`.")
    return build.assign("reader", build.record([build.assign("test", build.make("ImageFolder", **options))]))


def _steps(shape: Extents, how: Preparation, source: Source, build: Builder) -> list[ast.Expression]:
    _, height, width = shape
    size = [int(number) for number in how.numbers("resize")]
    path = found_path(how.words.get("mean_file", ""), source.name)
    mean = _mean_size(path) if path else (1, 1)
    if not size and mean > (1, 1):
        size = [mean[1], mean[0]]
    size = size * 2 if len(size) == 1 else size or [width, height]
    steps: list[ast.Expression] = [_sized(build, "Scale", *size)]
    if path:
        steps.append(build.make("Mean", meanFile=path))
    if size != [width, height]:
        steps.append(build.make("CenterCrop", size=_list(build, width, height)))
    if "mean_value" in how.words:
        steps.append(build.make("Mean", _list(build, *how.numbers("mean_value"))))
    if "scale" in how.words:
        ends = _list(build, 0, 255 * how.numbers("scale")[0])
        steps.append(build.make("Normalize", range=ends))
    return steps


def _sized(build: Builder, row: str, width: int, height: int) -> ast.Expression:
    return build.make(row, _list(build, width, height))


def _list(build: Builder, *numbers: float) -> ast.Expression:
    return ast.List(tuple(build.value(number) for number in numbers), build.span)


def _mean_size(path: str) -> tuple[int, int]:
    """Height and width of a mean image; what Caffe's scripts make where it is not there. Raises Failure."""
    if not Path(path).is_file() or not path.endswith(".binaryproto"):
        return (256, 256) if path.endswith(".binaryproto") else (1, 1)
    height, width = read_blob(Path(path)).shape[-2:]
    return height, width
