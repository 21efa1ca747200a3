"""The orders of axes: a tensor of a model as torch's layers have it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .model_file import ModelNode, ModelTensor

if TYPE_CHECKING:
    import numpy as np


def layer_forms(tensor: ModelTensor, user: ModelNode) -> Iterator[np.ndarray[Any, Any]]:
    """The weights of a layer in the order that torch has them: by the operation that uses them."""
    array, rank = tensor.array(), len(tensor.dims)
    if user.operation in ("Times", "TransposeTimes") and user.inputs[0] == tensor.uid and rank:
        outer = min(int(user.options.get("outputRank") or 1), rank)
        if user.operation == "Times":  # [out x in], turned round: (in, out)
            outputs = math.prod(tensor.dims[:outer])
            yield array.reshape(-1, outputs).T
        else:
            yield array.reshape(math.prod(tensor.dims[rank - outer:]), -1)
    elif user.operation == "Convolution" and rank == 2 and user.inputs[0] == tensor.uid:
        yield _old_filters(array, user)


def _old_filters(array: np.ndarray[Any, Any], user: ModelNode) -> np.ndarray[Any, Any]:
    """Filters that are stored as a matrix of [maps x width * height * channels].

    Only the order of the numbers counts, and there they are one filter after the other, the width fastest; but the old
    engine for images with the channels innermost (HWC) multiplies by the matrix, so it has a filter in each row.
    """
    columns, maps = array.shape
    kernel = tuple(user.options.get("kernelShape") or ())
    extents = kernel[:2] if user.options.get("convolution2D") or len(kernel) < 3 else kernel[:-1]
    if not extents or math.prod(extents) == 0 or columns % math.prod(extents):
        return array
    shape = (maps, columns // math.prod(extents), *reversed(extents))
    return array.T.reshape(shape) if user.options.get("imageLayout") == 0 else array.reshape(shape)
