"""Rows and options that other programs have, against torch or against what those programs compute, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rows
import torch
from torch.nn import functional

from netdsl.lower import LayerModule


def module(text: str, *dims: tuple[int, ...]) -> LayerModule:
    layer = rows.row_from_example(text)
    return rows.module_of(layer, rows.input_shapes(layer, dims))


def random(*dims: int) -> torch.Tensor:
    return torch.randn(dims, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


# --- normalization ------------------------------------------------------------------------------------


def test_running_statistics_of_caffe() -> None:
    """Caffe adds up with a fraction m per minibatch and divides by the sum of the weights (batch_norm_layer.cpp)."""
    m, size = 0.9, 4
    layer = module(f"BatchNormalizationLayer {{spatialRank = 2, affine = false, biasCorrection = true, "
                   f"normalizationTimeConstant = {-size / math.log(m)!r}}}", (5, 4, 3))
    assert not list(layer.parameters())
    mean, variance, weight = torch.zeros(3).double(), torch.zeros(3).double(), 0.0
    for step in range(5):
        x = random(size, 3, 4, 5) * (step + 1) + step
        y = layer(x)
        weight = weight * m + 1
        mean = mean * m + x.mean((0, 2, 3))
        variance = variance * m + x.var((0, 2, 3), correction=1)
        torch.testing.assert_close(layer.running_mean, mean / weight)
        torch.testing.assert_close(layer.running_variance, variance / weight)
        torch.testing.assert_close(y, functional.batch_norm(x, None, None, None, None, training=True, eps=1e-5))
    x = random(size, 3, 4, 5)
    torch.testing.assert_close(layer.eval()(x), functional.batch_norm(x, mean / weight, variance / weight, eps=1e-5))


def test_instance_and_layer_normalization_are_torchs() -> None:
    x = random(2, 3, 4, 5)
    torch.testing.assert_close(module("InstanceNormalizationLayer {affine = false}", (5, 4, 3))(x),
                               functional.instance_norm(x))
    torch.testing.assert_close(module("InstanceNormalizationLayer {affine = false, variance = false}", (5, 4, 3))(x),
                               x - x.mean((2, 3), keepdim=True))
    scaled = module("InstanceNormalizationLayer {initScale = 2, initBias = 1}", (5, 4, 3))(x)
    torch.testing.assert_close(scaled, 2 * functional.instance_norm(x) + 1)
    torch.testing.assert_close(module("GroupNormalizationLayer {3, affine = false}", (5, 4, 3))(x),
                               functional.group_norm(x, 3))
    last = module("LayerNormalizationLayer {perElement = true, rank = 1, initScale = 2}", (5, 4, 3))
    assert last.weight.shape == (5,)
    torch.testing.assert_close(last(x), functional.layer_norm(x, (5,), last.weight, last.bias))
    torch.testing.assert_close(module("LayerNormalizationLayer {affine = false, rank = 2}", (5, 4, 3))(x),
                               functional.layer_norm(x, (4, 5)))


# --- windows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [6, 7, 8, 9])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 2, 1), (3, 2, 0), (2, 2, 1), (4, 3, 2), (3, 3, 1)])
def test_means_over_the_padded_image_are_torchs(size: int, kernel: int, stride: int, pad: int) -> None:
    """torch's count_include_pad is Caffe's rule: the divisor is the window cut to the padded image."""
    x = random(2, 3, size, size + 1)
    pads = f"lowerPad = {pad}, upperPad = {pad}, " if pad else ""
    text = (f"AveragePoolingLayer {{({kernel}:{kernel}), stride = {stride}, {pads}ceilOutDim = true, "
            f"includePad = true, includeOverhang = false}}")
    wanted = functional.avg_pool2d(x, kernel, stride, pad, ceil_mode=True, count_include_pad=True)
    torch.testing.assert_close(module(text, (size + 1, size, 3))(x), wanted)


def test_the_rest_behind_the_last_position_is_dropped_on_request() -> None:
    x, weight = random(2, 2, 12, 12), random(4, 2, 3, 3)
    text = "(3:3), stride = 3, lowerPad = 1, upperPad = 1, dropRest = true"
    convolution = module(f"ConvolutionalLayer {{4, {text}, bias = false}}", (12, 12, 2))
    convolution.weight.data = weight
    torch.testing.assert_close(convolution(x), functional.conv2d(x, weight, None, 3, 1))
    torch.testing.assert_close(module(f"MaxPoolingLayer {{{text}}}", (12, 12, 2))(x), functional.max_pool2d(x, 3, 3, 1))
    torch.testing.assert_close(module(f"AveragePoolingLayer {{{text}, includePad = true}}", (12, 12, 2))(x),
                               functional.avg_pool2d(x, 3, 3, 1))


def test_regions_are_pooled_as_in_fast_rcnn() -> None:
    x = random(2, 3, 6, 7)
    rois = torch.tensor([[[0, 0, 96, 80], [16, 32, 60, 70], [100, 90, 300, 300]],
                         [[5, 5, 5, 5], [40, 0, 100, 40], [200, 200, 240, 240]]], dtype=torch.float64)
    wanted = torch.zeros(2, 3, 3, 3, 2, dtype=torch.float64)
    for n in range(2):
        for r in range(3):
            x1, y1, x2, y2 = (math.floor(v / 16 + 0.5) for v in rois[n, r].tolist())
            cell_w, cell_h = max(x2 - x1 + 1, 1) / 2, max(y2 - y1 + 1, 1) / 3
            for j in range(3):
                for i in range(2):
                    top, bottom = y1 + math.floor(j * cell_h), y1 + math.ceil((j + 1) * cell_h)
                    left, right = x1 + math.floor(i * cell_w), x1 + math.ceil((i + 1) * cell_w)
                    cell = x[n, :, min(top, 6):min(bottom, 6), min(left, 7):min(right, 7)]
                    wanted[n, r, :, j, i] = cell.amax((1, 2)) if cell.numel() else 0
    torch.testing.assert_close(module("ROIPooling (x, rois, (2:3))", (7, 6, 3), (4, 3))(x, rois), wanted)


# --- criteria --------------------------------------------------------------------------------------------


def test_a_label_is_ignored_and_the_mean_taken_as_torch_does() -> None:
    z = random(3, 5, 4, 6).requires_grad_()
    labels = torch.randint(0, 5, (3, 4, 6), generator=torch.Generator().manual_seed(1))
    labels[0, :3] = 255
    labels[1, 0, 0] = 255
    row = module('CrossEntropyWithSoftmax {axis = 3, ignoreLabel = 255, reduction = "mean"}', (6, 4, 1), (6, 4, 5))
    value = row(labels[:, None].double(), z).mean()
    wanted = functional.cross_entropy(z, labels, ignore_index=255)
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in (value, wanted)))
    errors = module("ClassificationError {axis = 3, ignoreLabel = 255}", (6, 4, 1), (6, 4, 5))
    wrong = (z.argmax(1) != labels) & (labels != 255)
    shares = wrong.flatten(1).sum(1) / (labels != 255).flatten(1).sum(1)
    torch.testing.assert_close(errors(labels[:, None].double(), z)[:, 0], shares.double(), check_dtype=False)


def test_a_label_among_the_classes_is_ignored_in_either_form() -> None:
    z, numbers = random(4, 3), torch.tensor([0, 2, 1, 2])
    wanted = functional.cross_entropy(z, numbers, ignore_index=2, reduction="none")
    for labels, extent in ((numbers[:, None].double(), 1), (functional.one_hot(numbers, 3).double(), 3)):
        row = module("CrossEntropyWithSoftmax {ignoreLabel = 2}", (extent,), (3,))
        torch.testing.assert_close(row(labels, z)[:, 0], wanted)


def test_yes_and_no_with_a_mean_over_the_known() -> None:
    z, labels = random(3, 6), torch.randint(0, 2, (3, 6), generator=torch.Generator().manual_seed(1)).double()
    labels[0, :4] = 2
    known = labels != 2
    wanted = functional.binary_cross_entropy_with_logits(z[known], labels[known])
    row = module('BinaryCrossEntropyWithSigmoid {ignoreLabel = 2, reduction = "mean"}', (6,), (6,))
    torch.testing.assert_close(row(labels, z).mean(), wanted)


@pytest.mark.parametrize("squared", [False, True])
def test_hinge_loss_is_caffes(squared: bool) -> None:
    """hinge_loss_layer.cpp: the score of the class changes its sign, then max (0, 1 + score) is summed."""
    z, numbers = random(4, 3).numpy(), [0, 2, 1, 1]
    terms = z.copy()
    terms[range(4), numbers] *= -1
    terms = np.maximum(0, 1 + terms)
    wanted = (terms ** (2 if squared else 1)).sum(1)
    row = module(f"HingeLoss {{squared = {str(squared).lower()}}}", (1,), (3,))
    torch.testing.assert_close(row(torch.tensor(numbers)[:, None].double(), torch.from_numpy(z))[:, 0],
                               torch.from_numpy(wanted))


def test_contrastive_loss() -> None:
    a, b, similar = random(4, 3), random(4, 3).flip(0) / 2, torch.tensor([[1.0], [0], [0], [1]]).double()
    square = ((a - b) ** 2).sum(1)
    for text, apart in (("", (1.5 - square.sqrt()).clamp(min=0) ** 2),
                        (", squaredDistance = true", (1.5 - square).clamp(min=0))):
        wanted = torch.where(similar[:, 0] == 1, square, apart) / 2
        got = module(f"ContrastiveLoss {{margin = 1.5{text}}}", (1,), (3,), (3,))(similar, a, b)
        torch.testing.assert_close(got[:, 0], wanted)
    same = a.clone().requires_grad_()
    module("ContrastiveLoss", (1,), (3,), (3,))(torch.zeros(4, 1).double(), same, a).sum().backward()
    assert torch.isfinite(same.grad).all(), "the root has no gradient at 0"


def test_smooth_error_is_fast_rcnns() -> None:
    z, labels, sigma = random(3, 4), random(3, 4).flip(0), 3.0
    row = module(f"SmoothL1Error {{beta = {1 / sigma ** 2!r}}}", (4,), (4,))
    d = (z - labels).abs()
    wanted = torch.where(d < 1 / sigma ** 2, 0.5 * (sigma * d) ** 2, d - 0.5 / sigma ** 2).sum(1)
    torch.testing.assert_close(row(labels, z)[:, 0], wanted)


# --- shapes ----------------------------------------------------------------------------------------------


def test_tiles_and_interpolation_are_torchs() -> None:
    x = random(2, 3, 4, 5)
    torch.testing.assert_close(module("Tile {(2:1:3)}", (5, 4, 3))(x), torch.tile(x, (1, 3, 1, 2)))
    for mode, named, aligned in (("nearest", "nearest", None), ("nearestCentre", "nearest-exact", None), ("linear",
                                 "bilinear", False), ("linear", "bilinear", True), ("cubic", "bicubic", False)):
        corners = ", alignCorners = true" if aligned else ""
        got = module(f"Interpolate {{(9:7), mode = \"{mode}\"{corners}}}", (5, 4, 3))(x)
        torch.testing.assert_close(got, functional.interpolate(x, size=(7, 9), mode=named, align_corners=aligned))
