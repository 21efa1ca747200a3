"""From an image of bytes to an input of the network: what the test reader does, as facts that other programs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.program import CheckedProgram, Phase
from ..readers.formats.images import pillow
from ..readers.reader import DataError, SampleRng
from ..readers.transforms.pipeline import ImageReader, Pipeline, channels_first


@dataclass(frozen=True)
class Preprocessing:
    """What becomes of an image before it is the input `name`, in the words of the test reader."""

    name: str
    reader: ImageReader
    pipeline: Pipeline
    dims: tuple[int, int, int]  #: of the network's input: channels, height, width

    def facts(self) -> dict[str, Any]:
        """Size, colour order, transforms, and `value = scale * pixel + offset` for each channel where that holds."""
        channels, height, width = self.dims
        order = self.pipeline.order if channels == 3 else "grey"
        steps = [step.show() for step in self.reader.transforms]
        return {"width": width, "height": height, "channels": channels, "colorOrder": order, "transforms": steps,
                "views": self.pipeline.views, **self._values()}

    def prepared(self, image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """An image of bytes (height x width x 3, RGB) as the network's input, its views along the first axis."""
        if self.dims[0] == 1:
            image = np.asarray(pillow().fromarray(image).convert("L"))[..., None]
        ready = channels_first(self.pipeline.run(self.reader.in_order(image), draw)).astype(np.float32)
        return np.ascontiguousarray(ready.reshape(-1, *self.dims))

    def _values(self) -> dict[str, Any]:
        """The steps that change values are affine: two images tell what they do."""
        channels, height, width = self.dims
        only = Pipeline(tuple(step for step in self.pipeline.steps if step.pointwise), self.pipeline.order)
        draw = SampleRng().sample(0)
        black, white = (only.run(np.full((height, width, channels), value, np.uint8), draw).astype(np.float64)
                        for value in (0, 255))
        offset, scale = black, (white - black) / 255
        if np.ptp(offset, axis=(0, 1)).any():
            return {"scale": _listed(scale[0, 0]), "offset": "a mean image, for each pixel"}
        return {"scale": _listed(scale[0, 0]), "offset": _listed(offset[0, 0])}


def _listed(values: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def preprocessing_of(program: CheckedProgram, name: str) -> Preprocessing | None:
    """How an input is made from an image; None where it is no image, or no reader says how. Raises DataError."""
    shape = program.network[name].shape
    reader = next((found for phase in (Phase.TEST, Phase.VALIDATION, Phase.TRAIN) if phase in program.readers
                   and (found := program.readers[phase].images_for(name)) is not None), None)
    if not isinstance(reader, ImageReader) or shape.rank != 3:
        return None
    channels, height, width = shape.dims
    return Preprocessing(name, reader, reader.pipeline(training=False), (channels, height, width))


__all__ = ["DataError", "Preprocessing", "preprocessing_of"]
