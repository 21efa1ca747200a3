"""Layers against torch's own modules, and what single rows promise beyond the battery."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import rows
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import drawn_module as module
from rows import random
from torch import nn

from netdsl.base.failure import Failure
from netdsl.layers.convolution import convolve, prepare_convolution
from netdsl.layers.convolution_transpose import convolve_transposed, prepare_transposed
from netdsl.layers.initializers import Initializer
from netdsl.layers.layer import ParameterSpec, Shape, ShapeError
from netdsl.layers.pooling import pool_maximum, pool_mean, prepare_pooling
from netdsl.layers.windows import Sliding, Window
from netdsl.lower import LayerModule

quick = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.mark.parametrize(("text", "stock", "dims"), [
    ("ConvolutionalLayer {6, (3:5), stride = (2:1), lowerPad = (1:2), upperPad = (1:2), groups = 2}",
     nn.Conv2d(4, 6, (5, 3), stride=(1, 2), padding=(2, 1), groups=2), (9, 8, 4)),
    ("ConvolutionalLayer {4, (3:3), dilation = 2, bias = false}", nn.Conv2d(2, 4, 3, dilation=2, bias=False),
     (9, 8, 2)),
    ("ConvolutionalLayer {4, 3, pad = true}", nn.Conv1d(2, 4, 3, padding=1), (9, 2)),
    ("ConvolutionalLayer {4, (3:2:1), stride = 2}", nn.Conv3d(2, 4, (1, 2, 3), stride=2), (7, 6, 5, 2)),
    ("ConvolutionTransposeLayer {3, (3:4), stride = (2:3), lowerPad = 1, upperPad = 1}",
     nn.ConvTranspose2d(2, 3, (4, 3), stride=(3, 2), padding=1), (5, 4, 2)),
    ("ConvolutionTransposeLayer {3, (3:3), stride = 2, pad = true, outputShape = (8:10)}",
     nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), (4, 5, 2)),
    ("ConvolutionTransposeLayer {3, (2:3), dilation = 2}", nn.ConvTranspose2d(2, 3, (3, 2), dilation=2), (5, 4, 2)),
    ("MaxPoolingLayer {(3:2), stride = 2}", nn.MaxPool2d((2, 3), 2), (9, 8, 2)),
    ("MaxPoolingLayer {(3:3), stride = 2, lowerPad = 1, upperPad = 1}", nn.MaxPool2d(3, 2, 1), (9, 7, 2)),
    ("MaxPoolingLayer {(3:3), stride = 2, ceilOutDim = true}", nn.MaxPool2d(3, 2, ceil_mode=True), (8, 6, 2)),
    ("AveragePoolingLayer {(3:2), stride = 2}", nn.AvgPool2d((2, 3), 2), (9, 8, 2)),
    ("AveragePoolingLayer {(3:3), lowerPad = 1, upperPad = 1, includePad = true}", nn.AvgPool2d(3, 1, 1), (9, 8, 2)),
    ("AveragePoolingLayer {(3:3), lowerPad = 1, upperPad = 1}", nn.AvgPool2d(3, 1, 1, count_include_pad=False),
     (9, 8, 2)),
    ("GlobalMaxPoolingLayer {}", nn.AdaptiveMaxPool2d(1), (5, 4, 3)),
    ("GlobalAveragePoolingLayer {}", nn.AdaptiveAvgPool2d(1), (5, 4, 3)),
    ("LinearLayer {7}", nn.Sequential(nn.Flatten(), nn.Linear(24, 7)), (3, 2, 4)),
    ("LayerNormalizationLayer {perElement = true}", nn.LayerNorm((4, 2, 3)), (3, 2, 4)),
    ("GroupNormalizationLayer {2}", nn.GroupNorm(2, 6), (3, 2, 6)),
    ("GroupNormalizationLayer {6}", nn.InstanceNorm2d(6, affine=True), (3, 2, 6)),
    ("BatchNormalizationLayer {spatialRank = 2}", nn.BatchNorm2d(3), (5, 4, 3)),
    ("BatchNormalizationLayer {}", nn.BatchNorm1d(5), (5,)),
    ("LocalResponseNormalizationLayer {2, bias = 2, alpha = 0.5, beta = 0.75}",
     nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0), (4, 3, 8)),
    ("LocalResponseNormalizationLayer {1, alpha = 0.5, averageSquares = false}",
     nn.LocalResponseNorm(3, alpha=1.5, beta=0.75, k=1.0), (4, 3, 8)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_equals_torch(text: str, stock: nn.Module, dims: tuple[int, ...]) -> None:
    ours = module(text, dims)
    stock = stock.double()
    for (name, parameter) in stock.named_parameters():
        parameter.data = getattr(ours, name.split(".")[-1]).data.reshape(parameter.shape).clone()
    x = random(4, *reversed(dims)).requires_grad_()
    other = x.detach().clone().requires_grad_()
    y, wanted = ours(x), stock(other)
    torch.testing.assert_close(y, wanted)
    weights = random(*y.shape)
    (y * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(x.grad, other.grad)
    for name, parameter in stock.named_parameters():
        torch.testing.assert_close(getattr(ours, name.split(".")[-1]).grad.reshape(parameter.shape), parameter.grad)


# --- windows ----------------------------------------------------------------------------------------


@st.composite
def one_axis(draw: st.DrawFn) -> tuple[Window, ...]:
    """The windows of a random layer over one axis."""
    pad = draw(st.booleans())
    small = st.integers(0, 0 if pad else 3)
    sliding = Sliding("MaxPoolingLayer", (draw(st.integers(1, 5)),), (draw(st.integers(1, 4)),), (pad,),
                      (draw(small),), (draw(small),), (draw(st.integers(1, 2)),), draw(st.booleans()))
    try:
        return sliding.windows((draw(st.integers(1, 12)),))
    except ShapeError:
        return ()


def pixels(window: Window, position: int) -> list[int]:
    """The places under the filter, real ones and padding."""
    start = position * window.stride - window.lower
    return [start + element * window.dilation for element in range(window.kernel)]


@quick
@given(one_axis())
def test_convolution_is_its_definition(windows: tuple[Window, ...]) -> None:
    if not windows:
        return
    (window,) = windows
    x, weight = random(1, 1, window.size), random(1, 1, window.kernel)
    wanted = [sum(float(weight[0, 0, k]) * float(x[0, 0, place]) for k, place in enumerate(pixels(window, q))
                  if 0 <= place < window.size) for q in range(window.count)]
    y = convolve(x, weight, None, prepare_convolution(windows), 1)
    torch.testing.assert_close(y.flatten(), torch.tensor(wanted, dtype=torch.float64))


@quick
@given(one_axis(), st.booleans())
def test_pooling_is_its_definition(windows: tuple[Window, ...], counts_padding: bool) -> None:
    if not windows or windows[0].dilation > 1 or windows[0].has_empty:
        return
    (window,) = windows
    x = random(1, 1, window.size)
    under = [[float(x[0, 0, place]) for place in pixels(window, q) if 0 <= place < window.size]
             for q in range(window.count)]
    largest = pool_maximum(x, prepare_pooling(windows, True, False))
    assert largest.flatten().tolist() == [max(values) for values in under]
    mean = pool_mean(x, prepare_pooling(windows, False, counts_padding))
    wanted = [sum(values) / (window.kernel if counts_padding else len(values)) for values in under]
    torch.testing.assert_close(mean.flatten(), torch.tensor(wanted, dtype=torch.float64))


@quick
@given(one_axis())
def test_transposed_convolution_is_the_transpose(windows: tuple[Window, ...]) -> None:
    """What a convolution's gradient makes of an output is what the transposed convolution makes of it."""
    if not windows:
        return
    (window,) = windows
    x, weight = random(1, 1, window.size).requires_grad_(), random(1, 1, window.kernel)
    y = convolve(x, weight, None, prepare_convolution(windows), 1)
    given_output = random(*y.shape)
    (wanted,) = torch.autograd.grad(y, x, given_output)
    torch.testing.assert_close(convolve_transposed(given_output, weight, None, prepare_transposed(windows)), wanted)


@pytest.mark.parametrize(("size", "kernel", "stride", "lower", "upper"), [
    (8, 3, 2, 1, 0), (7, 3, 2, 1, 1), (8, 2, 1, 0, 1), (9, 11, 1, 5, 5), (20, 11, 4, 4, 3), (9, 2, 3, -1, 0),
    (28, 5, 1, 2, 2), (8, 1, 4, -1, -2),
])
def test_automatic_padding_is_cntks(size: int, kernel: int, stride: int, lower: int, upper: int) -> None:
    sliding = Sliding("x", (kernel,), (stride,), (True,), (0,), (0,))
    if kernel > size:
        with pytest.raises(ShapeError, match="does not fit"):
            sliding.windows((size,))
        return
    (window,) = sliding.windows((size,))
    assert (window.lower, window.upper) == (lower, upper)


def test_no_window_begins_behind_the_last_pixel() -> None:
    """CNTK returns garbage here: `pad` and `ceilOutDim` ask for a position too many."""
    for text, count in (("{(2:2), stride = 2, pad = true, ceilOutDim = true}", 3),
                        ("{(3:3), stride = 2, pad = true, ceilOutDim = true}", 4),
                        ("{(1:1), stride = 4, ceilOutDim = true}", 2),
                        ("{(1:1), stride = 2, ceilOutDim = true}", 3)):
        layer = rows.row_from_example(f"MaxPoolingLayer {text}")
        assert layer.shape([Shape.of(6, 6, 1)]) == Shape.of(count, count, 1)
        assert torch.isfinite(module(f"MaxPoolingLayer {text}", (6, 6, 1))(random(1, 1, 6, 6))).all()


def test_every_value_of_the_channels_axis_is_checked() -> None:
    for stride in ("(2:2:1)", "(2:2:3)"):  # the filters cover all channels: a stride there changes nothing
        accepted = rows.row_from_example(
            f"ConvolutionTransposeLayer {{3, (3:3), 2, stride = {stride}, pad = (true:true:false)}}")
        assert accepted.shape([Shape.of(4, 4, 2)]) == Shape.of(7, 7, 3)
    for text in ("pad = (true:true:true)", "lowerPad = (0:0:1)", "stride = (1:1:1:1)"):
        layer = rows.row_from_example(f"ConvolutionTransposeLayer {{3, (3:3), {text}}}")
        with pytest.raises(ShapeError) as raised:
            layer.shape([Shape.of(4, 4, 2)])
        assert raised.value.option == text.split()[0]


@pytest.mark.parametrize("text", ["{(3:3), pad = true, lowerPad = 1}", "{(3:3), pad = (true:false), upperPad = (1:0)}"])
def test_padding_twice_is_refused(text: str) -> None:
    with pytest.raises(ShapeError, match="not both"):
        rows.row_from_example(f"MaxPoolingLayer {text}").shape([Shape.of(8, 8, 2)])


def test_a_dilated_filter_may_hang_over_what_is_padded() -> None:
    layer = rows.row_from_example("ConvolutionalLayer {2, (3:3), pad = true, dilation = 2}")
    assert layer.shape([Shape.of(4, 4, 1)]) == Shape.of(4, 4, 2)
    bare = rows.row_from_example("ConvolutionalLayer {2, (3:3), dilation = 2}")
    with pytest.raises(ShapeError, match="does not fit") as raised:
        bare.shape([Shape.of(4, 4, 1)])
    assert "spans 5" in raised.value.body[0]


def test_padding_of_the_other_axis_is_accepted() -> None:
    layer = rows.row_from_example("MaxPoolingLayer {(3:3), pad = (true:false), lowerPad = (0:1), upperPad = (0:1)}")
    assert layer.shape([Shape.of(8, 8, 2)]) == Shape.of(8, 8, 2)


# --- unpooling -----------------------------------------------------------------------------------------


def test_unpooling_undoes_torchs_pooling() -> None:
    x = random(2, 3, 8, 6)
    pooled, places = nn.functional.max_pool2d(x, 2, 2, return_indices=True)
    wanted = nn.functional.max_unpool2d(pooled, places, 2, 2)
    y = module("MaxUnpoolingLayer {(2:2), stride = 2}", (3, 4, 3), (6, 8, 3))(pooled, x)
    torch.testing.assert_close(y, wanted)


# --- batch normalization ----------------------------------------------------------------------------------


def test_statistics_move_as_torchs_do() -> None:
    """With momentum `1 - exp (-N / T)`, after a first minibatch that replaces them."""
    ours, stock = module("BatchNormalizationLayer {spatialRank = 2, normalizationTimeConstant = 30}", (4, 3, 2)), \
        nn.BatchNorm2d(2, momentum=-math.expm1(-4 / 30)).double()
    ours.running_count.fill_(100)
    for _ in range(3):
        x = random(4, 2, 3, 4) * 3 + 1
        ours(x)
        stock(x)
    torch.testing.assert_close(ours.running_mean, stock.running_mean)
    torch.testing.assert_close(ours.running_variance, stock.running_var)
    assert ours.running_count.item() == 112


@pytest.mark.parametrize(("constant", "count", "share"), [
    ("0", 50, 1.0), ("20", 0, 1.0), ("20", 50, 1 - math.exp(-4 / 20)), ("-1", 12, 0.25), ("Infinity", 50, 0.0),
    ("Infinity", 0, 1.0),
])
def test_share_of_a_minibatch(constant: str, count: int, share: float) -> None:
    ours = module(f"BatchNormalizationLayer {{normalizationTimeConstant = {constant}}}", (3,))
    ours.running_count.fill_(count)
    ours.running_mean.fill_(10.0)
    x = random(4, 3)
    ours(x)
    torch.testing.assert_close(ours.running_mean, (1 - share) * 10 + share * x.mean(0))


def test_a_single_value_has_no_variance() -> None:
    """CNTK makes NaN of it."""
    ours = module("BatchNormalizationLayer {}", (3,))
    y = ours(random(1, 3))
    torch.testing.assert_close(y, ours.bias[None])
    assert torch.equal(ours.running_variance, torch.ones(3, dtype=torch.float64))
    assert torch.isfinite(ours.eval()(random(2, 3))).all()


def test_blending_weighs_running_statistics() -> None:
    ours = module("BatchNormalizationLayer {normalizationTimeConstant = Infinity, blendTimeConstant = 12}", (3,))
    ours.running_count.fill_(100)
    ours.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    ours.running_variance.copy_(torch.tensor([4.0, 5.0, 6.0]))
    x, weight = random(4, 3), 12 / 16
    mean = weight * ours.running_mean + (1 - weight) * x.mean(0)
    variance = weight * ours.running_variance + (1 - weight) * x.var(0, correction=0)
    wanted = (x - mean) / (variance + 1e-5).sqrt() * ours.weight + ours.bias
    torch.testing.assert_close(ours(x), wanted)


def test_the_plan_goes_before_the_file() -> None:
    ours = module("BatchNormalizationLayer {normalizationTimeConstant = Infinity}", (3,))
    ours.running_count.fill_(100)
    ours.settings["normalization_time_constant"] = 0.0
    x = random(4, 3)
    ours(x)
    torch.testing.assert_close(ours.running_mean, x.mean(0))


@pytest.mark.parametrize("counted", [True, False])
def test_the_function_equals_the_layer(counted: bool) -> None:
    layer = module("BatchNormalizationLayer {spatialRank = 2, normalizationTimeConstant = 9}", (4, 3, 2))
    dims = ((4, 3, 2), (2,), (1, 1, 2), (2,), (2,), *([(1,)] if counted else []))
    text = "BatchNormalization (x, s, b, m, v, {}spatial = true, normalizationTimeConstant = 9)"
    function = module(text.format("c, " if counted else ""), *dims)
    scale, bias = layer.weight.detach().clone().requires_grad_(), layer.bias.detach().clone().reshape(2, 1, 1)
    statistics = [nn.Parameter(torch.zeros(2).double()), nn.Parameter(torch.ones(2).double())]
    count = [nn.Parameter(torch.zeros(1).double())] if counted else []
    for _ in range(3):
        x = random(4, 2, 3, 4)
        torch.testing.assert_close(function(x, scale, bias, *statistics, *count), layer(x))
    torch.testing.assert_close(statistics[0].data, layer.running_mean)
    torch.testing.assert_close(statistics[1].data, layer.running_variance)
    assert (count[0] if counted else function.running_count).item() == 12
    x = random(4, 2, 3, 4)
    torch.testing.assert_close(function.eval()(x, scale, bias, *statistics, *count), layer.eval()(x))


def test_parameters_left_open_are_inferred() -> None:
    convolution = rows.row_from_example("Convolution (W, x, (3:3), mapDims = 5)")
    x = Shape.of(8, 7, 2)
    assert convolution.infer_inputs([Shape.of(3, 3, 0, 5, batched=False), x])[0] == Shape.of(3, 3, 2, 5, batched=False)
    transposed = rows.row_from_example("ConvolutionTranspose (W, x, (3:3:5), mapDims = 2)")
    assert transposed.infer_inputs([Shape.of(3, 3, 5, 0, batched=False), x])[0] == Shape.of(3, 3, 5, 2, batched=False)
    normal = rows.row_from_example("BatchNormalization (x, s, b, m, v, spatial = true)")
    vector = Shape.of(0, 1, batched=False)
    assert normal.infer_inputs([x, *[vector] * 4])[1:] == (Shape.of(2, 1, batched=False),) * 4


# --- dropout, embedding, regularization -------------------------------------------------------------------------


def test_the_files_own_rate_goes_first() -> None:
    x = torch.ones(4, 1000, dtype=torch.float64)
    bare, own = module("Dropout", (1000,)), module("Dropout {0.9}", (1000,))
    assert torch.equal(bare(x), x), "without a rate anywhere nothing is dropped"
    bare.settings["rate"] = own.settings["rate"] = 0.2
    torch.manual_seed(1)
    assert 0.15 < float((bare(x) == 0).double().mean()) < 0.25
    assert 0.85 < float((own(x) == 0).double().mean()) < 0.95


def test_class_numbers_look_up_what_one_hot_vectors_select() -> None:
    ours = module("EmbeddingLayer {4}", (10,))
    classes = torch.tensor([3, 0, 9])
    torch.testing.assert_close(ours(classes), ours(nn.functional.one_hot(classes, 10).double()))
    positions = torch.tensor([[1, 2], [3, 4], [5, 6]])
    ours = module("EmbeddingLayer {4}", (10, 2))
    torch.testing.assert_close(ours(positions), ours(nn.functional.one_hot(positions, 10).double()))


def test_embedding_from_a_file(tmp_path: Path) -> None:
    table = torch.arange(6, dtype=torch.float64).reshape(3, 2)  # three classes, vectors of two
    for transpose, lines in (("true", table), ("false", table.T)):
        path = tmp_path / f"{transpose}.txt"
        path.write_text("".join(" ".join(str(v) for v in line) + "\n" for line in lines.tolist()))
        layer = rows.row_from_example(f"EmbeddingLayer {{2, embeddingPath = '{path}', transpose = {transpose}}}")
        ours = rows.module_of(layer, [Shape.of(3)])
        torch.testing.assert_close(ours(torch.tensor([2, 0])), table[[2, 0]])
        assert not list(ours.parameters()), "a table from a file is not learned"


@pytest.mark.parametrize(("content", "title"), [
    (None, "cannot read"), ("1 2\n3\n", "not a table"), ("1 a\n", "not a table"), ("1 2\n3 4\n", "has 2 lines of 2"),
    ("1 2 3\n4 5 6\n", "has 2 lines of 3"),
])
def test_a_bad_file_is_explained(tmp_path: Path, content: str | None, title: str) -> None:
    path = tmp_path / "table.txt"
    if content is not None:
        path.write_text(content)
    layer: Any = rows.row_from_example(f"EmbeddingLayer {{2, embeddingPath = '{path}', transpose = true}}")
    with pytest.raises(Failure, match=title) as raised:
        rows.module_of(layer, [Shape.of(3)])
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "no-file"
    assert "embeddingPath" in diagnostic.primary.text
    assert diagnostic.hint


def test_regularization_of_batch_normalization_is_an_option() -> None:
    def regularized(text: str) -> set[bool]:
        owned: dict[str, ParameterSpec] = rows.row_from_example(text).parameters([Shape.of(4)])
        return {p.regularized for p in owned.values() if p.learned}

    assert regularized("BatchNormalizationLayer {}") == {True}
    assert regularized("BatchNormalizationLayer {disableRegularization = true}") == {False}


def test_a_stabilizer_starts_as_identity() -> None:
    for steepness in ("1", "4", "20"):
        layer = rows.row_from_example(f"StabilizerLayer {{{steepness}}}")
        x = random(2, 5)
        torch.testing.assert_close(rows.module_of(layer, [Shape.of(5)])(x), x, rtol=1e-6, atol=1e-6)


def test_starts_depend_on_seed_and_name_only() -> None:
    layer = rows.row_from_example("ConvolutionalLayer {4, (3:3)}")
    shapes = [Shape.of(8, 8, 2)]
    one, two, other = (LayerModule(layer, shapes, layer.shape(shapes)) for _ in range(3))
    one.initialize(1, "conv")
    two.initialize(1, "conv")
    other.initialize(1, "conv2")
    assert torch.equal(one.weight, two.weight)
    assert not torch.equal(one.weight, other.weight)


def test_a_bilinear_start_interpolates() -> None:
    tensor = torch.empty(2, 2, 4, 4)
    Initializer("bilinear", kernel=(4, 4)).fill(tensor, torch.Generator())
    y = nn.functional.conv_transpose2d(torch.ones(1, 2, 5, 5), tensor, stride=2)
    torch.testing.assert_close(y[:, :, 3:-3, 3:-3], torch.ones(1, 2, 6, 6))
