"""The test reader's transforms as operations of torch, for images of one size.

Every step of a test is linear: cutting and padding pick pixels, scaling weighs them along each axis, a mean and a range
shift and multiply. So each step is laid down from what it does to probes (an image that is 1 in one column, a black
one, a white one), whatever transform it is, and then compared with the transforms themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..readers.reader import DataError, SampleRng, Transform
from .preprocessing import Preprocessing

#: Pillow's weights for grey, which it adds up in whole numbers of 16 bits.
_GREY = (19595, 38470, 7471)
#: In how many parts of 1 Pillow counts the weights of pixels that it scales.
_UNITS = 1 << 22


@dataclass(frozen=True)
class _Axis:
    """Along one axis: which pixels are picked, or how they are weighed."""

    picked: np.ndarray | None
    weights: np.ndarray  #: (result, source)

    @staticmethod
    def of(weights: np.ndarray) -> _Axis:
        rows = weights.max(axis=1, initial=0)
        selects = bool(np.all((weights == 0) | (weights == 1)) and np.all(weights.sum(axis=1) == 1) and rows.all())
        return _Axis(weights.argmax(axis=1) if selects else None, weights)


class _Moved(nn.Module):
    """Pixels moved: `(N, C, H, W)` -> `(N, C, H', W')`.

    Pillow weighs bytes in whole numbers of 22 bits and rounds after each axis, the width first: float64 holds that.
    """

    x: torch.Tensor
    y: torch.Tensor
    constant: torch.Tensor | None

    def __init__(self, across: _Axis, down: _Axis, constant: np.ndarray, rounds: bool) -> None:
        super().__init__()
        self.rounds = rounds
        self.picks_x, self.picks_y = across.picked is not None, down.picked is not None
        self.register_buffer("x", _along(across, rounds))
        self.register_buffer("y", _along(down, rounds))
        self.register_buffer("constant", torch.from_numpy(constant.astype(np.float32)) if constant.any() else None)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image = image.index_select(3, self.x) if self.picks_x else self._rounded(image.to(self.x.dtype) @ self.x.T)
        image = image.index_select(2, self.y) if self.picks_y else self._rounded(self.y @ image.to(self.y.dtype))
        return image if self.constant is None else image + self.constant

    def _rounded(self, image: torch.Tensor) -> torch.Tensor:
        return (image + 0.5).floor().clamp(0, 255).float() if self.rounds else image


def _along(axis: _Axis, rounds: bool) -> torch.Tensor:
    if axis.picked is not None:
        return torch.from_numpy(axis.picked.astype(np.int64))
    if not rounds:
        return torch.from_numpy(axis.weights.astype(np.float32))
    return torch.from_numpy(np.rint(axis.weights.astype(np.float64) * _UNITS) / _UNITS)


class _Views(nn.Module):
    """Several views of each image, one after the other: `(N, ...)` -> `(N V, ...)`."""

    def __init__(self, views: list[nn.Module]) -> None:
        super().__init__()
        self.views = nn.ModuleList(views)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.stack([view(image) for view in self.views], dim=1).flatten(0, 1)


class _Shifted(nn.Module):
    """`scale * image + offset`, numbers for each channel, or for each pixel of a mean image."""

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, scale: np.ndarray, offset: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("scale", torch.from_numpy(np.ascontiguousarray(scale.transpose(2, 0, 1))))
        self.register_buffer("offset", torch.from_numpy(np.ascontiguousarray(offset.transpose(2, 0, 1))))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * self.scale + self.offset


class ImagePreprocessing(nn.Module):
    """Images of bytes, `(N, height, width, 3)` in RGB -> the network's input, all views of an image in a row."""

    def __init__(self, given: Preprocessing, width: int, height: int) -> None:
        """Raises Failure for a transform that is not linear, and DataError where the size does not fit."""
        super().__init__()
        channels = given.dims[0]
        self.grey, self.reversed = channels == 1, channels == 3 and given.pipeline.order == "BGR"
        self.views = given.pipeline.views
        self.width, self.height = width, height
        steps: list[nn.Module] = []
        size, whole = (height, width), True
        for step in given.pipeline.steps:
            module, size, whole = _module_of(step, size, channels, whole)
            steps += [module] if module is not None else []
        if size != given.dims[1:]:
            raise DataError(f"images of {width} x {height} become {size[1]} x {size[0]}, and the network takes "
                            f"{given.dims[2]} x {given.dims[1]}")
        self.steps = nn.Sequential(*steps)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image = image.permute(0, 3, 1, 2)
        if self.grey:
            red, green, blue = (image[:, k : k + 1].to(torch.int32) * weight for k, weight in enumerate(_GREY))
            image = (red + green + blue + 0x8000) >> 16
        if self.reversed:
            image = image.flip(1)
        moved: torch.Tensor = self.steps(image.float())
        return moved


def _module_of(step: Transform, size: tuple[int, int], channels: int, whole: bool
               ) -> tuple[nn.Module | None, tuple[int, int], bool]:
    """A step for images of `size` (height, width), which are bytes if `whole`; the size and type after it."""
    draw = SampleRng().sample(0)

    def apply(image: np.ndarray) -> np.ndarray:
        return step.apply(image, draw, False)

    kind = np.uint8 if whole else np.float32
    trial = np.random.default_rng(0).integers(0, 256, (*size, channels)).astype(kind)
    done = apply(trial)
    if done.shape == trial.shape and np.array_equal(done, trial):
        return None, size, done.dtype == np.uint8
    if step.pointwise:
        black, white = (apply(np.full((*size, channels), value, kind)).astype(np.float64) for value in (0, 255))
        scale, offset = (white - black) / 255, black
        alike = not np.ptp(offset, axis=(0, 1)).any() and not np.ptp(scale, axis=(0, 1)).any()
        parts = (scale[:1, :1], offset[:1, :1]) if alike else (scale, offset)
        return _Shifted(*(part.astype(np.float32) for part in parts)), size, done.dtype == np.uint8
    black = apply(np.zeros((*size, 1), np.float32))
    views = black if step.views > 1 else black[None]
    across, down = _probed(apply, size, views, step.views)
    modules: list[nn.Module] = [_Moved(_Axis.of(x), _Axis.of(y), np.moveaxis(view, -1, 0), done.dtype == np.uint8)
                                for x, y, view in zip(across, down, views, strict=True)]
    module = _Views(modules) if step.views > 1 else modules[0]
    _require_equal(step, module, trial, done)
    return module, (views.shape[1], views.shape[2]), done.dtype == np.uint8


def _probed(apply: object, size: tuple[int, int], black: np.ndarray, views: int
            ) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each view the weights along the width and along the height: (result, source)."""
    assert callable(apply)
    height, width = size
    middle = black.shape[1] // 2, black.shape[2] // 2
    across = np.zeros((views, black.shape[2], width), np.float32)
    down = np.zeros((views, black.shape[1], height), np.float32)
    for column in range(width):
        probe = np.zeros((*size, 1), np.float32)
        probe[:, column] = 1
        result = apply(probe).reshape(black.shape) - black
        across[:, :, column] = result[:, middle[0], :, 0]
    for row in range(height):
        probe = np.zeros((*size, 1), np.float32)
        probe[row] = 1
        result = apply(probe).reshape(black.shape) - black
        down[:, :, row] = result[:, :, middle[1], 0]
    return list(across), list(down)


def _require_equal(step: Transform, module: nn.Module, trial: np.ndarray, done: np.ndarray) -> None:
    """A random image through both: pixels may differ by the rounding of one step."""
    given = torch.from_numpy(trial.astype(np.float32)).permute(2, 0, 1)[None]
    found = module(given).permute(0, 2, 3, 1).numpy()
    if not np.abs(found.reshape(done.shape) - done.astype(np.float32)).max() <= 1:
        raise failure(Code.CANNOT_EXPORT, f"`{step.show()}` cannot be put into an exported program",
                      Span.nowhere("the test reader"), body=("It is no linear operation on the pixels of an image.",),
                      hint="export the program without --with-preprocessing, and prepare the images outside.")
