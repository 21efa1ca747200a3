"""Forms of CNTK's older files: values by hand, since these forms are combinations that no oracle case has."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rows
import torch
from oracle_vectors import FOLDER

from netdsl.layers.layer import Shape, ShapeError

LEGACY = FOLDER.parent / "legacy-corpus"


def value_of(text: str, *tensors: torch.Tensor) -> torch.Tensor:
    """The example's row on tensors; those of parameter inputs have no batch axis."""
    layer = rows.row_from_example(text)
    parameters = type(layer).parameter_inputs
    shapes = [Shape(tuple(t.shape), False) if name in parameters else Shape(tuple(t.shape[1:]))
              for name, t in zip(type(layer).inputs, tensors, strict=True)]
    return rows.run(rows.module_of(layer, shapes), list(tensors))


def random(*dims: int) -> torch.Tensor:
    return torch.rand(dims, generator=torch.Generator().manual_seed(math.prod(dims)), dtype=torch.float64)


def test_a_matrix_of_filters_is_read_as_cntk_stores_it() -> None:
    """CNTK keeps `[maps x columns]` column by column and reads the same memory as [w x h x C x maps], the width first:
    Math/ConvolutionEngine.cpp reshapes it ("row-major kernel weight matrix").
    """
    maps, width, height, channels = 3, 2, 3, 2
    matrix = np.arange(maps * width * height * channels, dtype=float).reshape(maps, -1)
    memory = matrix.flatten(order="F")
    x = random(2, channels, 5, 6)
    wanted = torch.zeros(2, maps, 3, 5, dtype=torch.float64)
    for m in range(maps):
        for c in range(channels):
            for j in range(height):
                for i in range(width):
                    weight = memory[i + width * (j + height * (c + channels * m))]
                    wanted[:, m] += float(weight) * x[:, c, j:j + 3, i:i + 5]
    # A tensor of the file's shape [3 x 12] is stored with its axes turned round.
    got = value_of("Convolution (W, x, (2:3:2), mapDims = 3, stride = (1:1:2), autoPadding = false)",
                   torch.from_numpy(matrix.T.copy()), x)
    torch.testing.assert_close(got, wanted)


def test_the_extents_of_a_matrix_are_inferred() -> None:
    layer = rows.row_from_example("Convolution (W, x, (5:5), mapDims = 16)")
    assert layer.infer_inputs([Shape.of(16, 0, batched=False), Shape.of(28, 28, 3)])[0].file_dims == (16, 75)


def test_filters_that_move_over_the_channels() -> None:
    """All positions over the channels for the first map, then for the next (Math/ConvolveGeometry.h)."""
    x, weight = random(2, 5, 3, 4), random(3, 2, 1, 1)
    got = value_of("Convolution (W, x, (1:1:2), mapDims = 3, autoPadding = false)", weight, x)
    wanted = torch.stack([weight[m, 0] * x[:, c] + weight[m, 1] * x[:, c + 1]
                          for m in range(3) for c in range(4)], dim=1)
    torch.testing.assert_close(got, wanted)


def test_a_normalization_across_channels_by_convolution() -> None:
    """The sum over the window of channels that CNTK's AlexNet takes, with the channels as the third axis."""
    x, ones = random(2, 6, 3, 4), torch.ones(1, 5, 1, 1, dtype=torch.float64)
    got = value_of("Convolution (W, x, (1:1:5), mapDims = 1)", ones, x)
    wanted = torch.stack([x[:, max(0, c - 2):c + 3].sum(1) for c in range(6)], dim=1)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("text", [
    "Convolution (W, x, (3:3:2), stride = (2:2:2), autoPadding = (true:true:true))",
    "Convolution (W, x, (3:3:2), stride = (2:2:2), autoPadding = (true:true:false))",
    "Convolution (W, x, (3:3:2), stride = (2:2:1), autoPadding = (true:true:false), lowerPad = (0:0:0))",
    "Convolution (W, x, (3:3), mapDims = (1:1:4), stride = (2:2:2))",
])
def test_values_for_the_channels_change_nothing(text: str) -> None:
    weight, x = random(4, 2, 3, 3), random(2, 2, 7, 8)
    torch.testing.assert_close(value_of(text, weight, x), value_of("Convolution (W, x, (3:3), stride = 2)", weight, x))


def test_padding_over_the_channels_is_refused() -> None:
    layer = rows.row_from_example("Convolution (W, x, (3:3:2), autoPadding = (true:true:true))")
    with pytest.raises(ShapeError, match="more values"):
        layer.shape([Shape.of(3, 3, 2, 4, batched=False), Shape.of(8, 7, 2)])


@pytest.mark.parametrize("option", ["", ", mapDims = 2", ", mapDims = (1:1:2)"])
def test_maps_of_a_transposed_convolution_are_its_inputs(option: str) -> None:
    weight, x = random(2, 4, 3, 3), random(2, 2, 4, 5)
    got = value_of(f"ConvolutionTranspose (W, x, (3:3:4), stride = (2:2:1), autoPadding = false{option})", weight, x)
    torch.testing.assert_close(got, torch.nn.functional.conv_transpose2d(x, weight, stride=2))


@pytest.mark.skipif(not LEGACY.is_dir(), reason="needs ../shared/legacy-corpus")
def test_a_transposed_convolution_of_real_cntk() -> None:
    """The model pools the result and unpools it: its output has the largest of every 2 x 2, and 0 elsewhere."""
    with np.load(LEGACY / "models" / "upwards.npz") as arrays:
        found = {(name.split(":")[1], *arrays[name].shape): torch.from_numpy(arrays[name]).double() for name in arrays}
    weight, bias, x, z = (found[key] for key in (("W", 2, 3, 3, 3), ("b", 3, 1, 1), ("x", 2, 2, 5, 6),
                                                 ("z", 2, 3, 9, 11)))
    options = "(3:3:3), mapDims = 2, stride = (2:2:1), autoPadding = (true:true:false)"
    got = value_of(f"ConvolutionTranspose (W, x, {options})", weight, x) + bias
    assert (z != 0).sum() == 2 * 3 * 4 * 5
    torch.testing.assert_close(torch.where(z != 0, got, 0), z, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("groups", [2, 4])
def test_a_transposed_convolution_in_groups_is_torchs(groups: int) -> None:
    options = f"8, (3:4), stride = (2:1), groups = {groups}, initBias = 1"
    layer = rows.row_from_example(f"ConvolutionTransposeLayer {{{options}}}")
    x = random(2, 4, 5, 6)
    module = rows.module_of(layer, [Shape((4, 5, 6))])
    wanted = torch.nn.functional.conv_transpose2d(x, module.weight, module.bias, stride=(1, 2), groups=groups)
    torch.testing.assert_close(module(x), wanted)


def test_the_factor_of_scale_may_be_the_second() -> None:
    x, factor = random(2, 3, 4, 5), random(2, 1)
    wanted = x * factor.reshape(2, 1, 1, 1)
    torch.testing.assert_close(value_of("Scale", factor, x), wanted)
    torch.testing.assert_close(value_of("Scale", x, factor), wanted)
    channels = random(2, 3, 1, 1)
    torch.testing.assert_close(value_of("Scale", x, channels), x * channels)


def test_splice_repeats_extents_of_one() -> None:
    layer = rows.row_from_example("Splice {axis = 3}")
    x, y = random(2, 2, 4, 6), random(3, 1, 1)
    module = rows.module_of(layer, [Shape((2, 4, 6)), Shape((3, 1, 1), batched=False)])
    wanted = torch.cat([x, y.expand(2, 3, 4, 6)], dim=1)
    torch.testing.assert_close(module(x, y), wanted)


@pytest.mark.parametrize(("columns", "axes"), [(24, 3), (12, 2)])
def test_a_matrix_times_an_image_sums_over_its_elements(columns: int, axes: int) -> None:
    """As CNTK: the columns of the matrix count the elements of the image, the width fastest."""
    matrix, x = random(5, columns), random(2, 2, 3, 4)
    layer = rows.row_from_example("Times")
    module = rows.module_of(layer, [Shape((columns, 5), batched=False), Shape((2, 3, 4))])
    wanted = torch.einsum("oc,n...c->n...o", matrix, x.reshape(2, *([2] if axes == 2 else []), columns))
    torch.testing.assert_close(module(matrix.T.contiguous(), x), wanted)


def test_old_poolings_do_not_pad() -> None:
    x = random(2, 3, 7, 8)
    torch.testing.assert_close(value_of("MaxPooling (x, 2, 3, 2, 1)", x),
                               torch.nn.functional.max_pool2d(x, (3, 2), (1, 2)))
    torch.testing.assert_close(value_of("AveragePooling (x, 4, 3, 2, 1)", x),
                               torch.nn.functional.avg_pool2d(x, (3, 4), (1, 2)))
