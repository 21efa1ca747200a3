"""A data layer of one phase on its way to a reader: where its samples lie, and what is done to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.codes import Code
from ...syntax import ast
from ..building import Builder
from .known_fields import Known, Problems, Values, flag, number, text, whole
from .layer_row import Extents
from .net_layers import Layer

TRANSFORM: dict[str, Known] = {
    "scale": number(1.0), "mirror": flag(False), "crop_size": whole(0), "mean_file": text(),
    "mean_value": number(repeated=True), "force_color": flag(False), "force_gray": flag(False)}


@dataclass
class DataSource:
    """A data layer of one phase on its way to a reader; what its row makes the reader with."""

    layer: Layer
    values: Values
    transform: Values
    phase: str
    build: Builder
    problems: Problems
    shape: Extents  #: of the first top, as the network gets it
    inputs: Sequence[str]  #: names of the network's inputs that its tops are
    classes: int | None  #: of how many classes the second top holds the numbers; None: of none

    @property
    def is_training(self) -> bool:
        return self.phase == "TRAIN"

    def path(self, field: str) -> str:
        return found_path(self.values[field], self.layer.span.source.name)

    def names(self) -> dict[str, object]:
        """`featuresInput` and `labelsInput`, where they are not what they are by default."""
        wanted = zip(("featuresInput", "labelsInput"), ("features", "labels"), self.inputs, strict=False)
        return {option: name for option, usual, name in wanted if name != usual}

    def color(self) -> dict[str, object]:
        return {"colorOrder": "BGR"} if self.shape and self.shape[0] == 3 else {}

    def transforms(self, first: Sequence[ast.Expression] = ()) -> dict[str, object]:
        """The option `transforms`: Caffe takes the mean away, cuts, mirrors and scales, in this order."""
        values, build, steps = self.transform, self.build, list(first)
        crop, means = values["crop_size"], values["mean_value"]
        if values["mean_file"]:
            steps.append(build.make("Mean", meanFile=found_path(values["mean_file"], self.layer.span.source.name)))
        if crop:
            steps.append(build.make("RandomCrop" if self.is_training else "CenterCrop", size=crop))
        if values["mirror"] and self.is_training:
            steps.append(build.make("Flip"))
        if means and not values["mean_file"]:
            steps.append(build.make("Mean", ast.List(tuple(build.value(mean) for mean in means), build.span)))
        if values["scale"] != 1:
            ends = [build.value(0), build.value(float(f"{255 * values['scale']:.9g}"))]
            steps.append(build.make("Normalize", range=ast.List(tuple(ends), build.span)))
        if not steps:
            return {}
        return {"transforms": steps[0] if len(steps) == 1 else ast.List(tuple(steps), build.span)}

    def left_out(self, why: str, hint: str = "") -> None:
        """A warning that these data have no reader."""
        title = f"the data of `{self.layer.name}` are not read"
        self.problems.add(Code.NOT_SUPPORTED, title, self.layer.type_span, why, severity="warning",
                          hint=hint or "write a `reader` of your own into the imported file.")


#: How many folders above a net are looked at: nets lie two or three deep in Caffe's sources.
_LEVELS = 4


def found_path(written: str, beside: str) -> str:
    """Where a path of a net leads: Caffe counts from the folder in which it runs, often that of its own sources.

    As it is written, beside the net, or from a folder above the net; as it is written where it is nowhere.
    """
    if not written or os.path.exists(written) or os.path.isabs(written):
        return written
    folder = Path(beside).parent
    if (folder / written).exists():
        return str(folder / written)
    # A single name is no path from the folder of a program's sources, and may be anything further up.
    above = list(folder.absolute().parents)[:_LEVELS] if len(Path(written).parts) > 1 else []
    for base in above:
        if (base / written).exists():
            return str(base / written)
    by_name = folder / Path(written).name
    return str(by_name) if by_name.exists() else written
