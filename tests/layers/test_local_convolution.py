"""LocalConvolution against its definition, position by position, in CNTK's order of filters."""

from __future__ import annotations

import pytest
import torch

import netdsl
from netdsl.base.source import Source

TEXT = """network = {{
    x = Input {{8:7:2}}
    W = ParameterTensor {{({rows}:18)}}
    y = LocalConvolution (W, x, (3:3), mapDims = 4{options})
    outputNodes = y
}}"""


@pytest.mark.parametrize(("options", "width", "height", "stride", "pad"), [
    ("", 8, 7, 1, 1), (", autoPadding = false", 6, 5, 1, 0), (", autoPadding = false, stride = 2", 3, 3, 2, 0)])
def test_every_position_has_its_filters(options: str, width: int, height: int, stride: int, pad: int) -> None:
    program = netdsl.check(Source("a.net", TEXT.format(rows=4 * width * height, options=options)))
    module = netdsl.compile(program)
    torch.manual_seed(1)
    images = torch.randn(3, 2, 7, 8)
    # Filters follow each other along the width, then the height, then the outputs; each is channels x height x width.
    filters = dict(module.tensors())["W.value"].reshape(4, height, width, 2, 3, 3)
    around = torch.nn.functional.pad(images, (pad,) * 4)
    expected = torch.zeros(3, 4, height, width)
    for i in range(height):
        for j in range(width):
            seen = around[:, :, i * stride:i * stride + 3, j * stride:j * stride + 3]
            expected[:, :, i, j] = torch.einsum("nchw,mchw->nm", seen, filters[:, i, j])
    assert torch.allclose(module(images), expected, atol=1e-6)


def test_equal_filters_everywhere_are_a_convolution() -> None:
    program = netdsl.check(Source("a.net", TEXT.format(rows=4 * 56, options="")))
    module = netdsl.compile(program)
    torch.manual_seed(2)
    images, kernel = torch.randn(2, 2, 7, 8), torch.randn(4, 2, 3, 3)
    with torch.no_grad():
        weight = dict(module.tensors())["W.value"]
        weight.copy_(kernel[:, None, None].expand(4, 7, 8, 2, 3, 3).reshape(weight.shape))
    assert torch.allclose(module(images), torch.nn.functional.conv2d(images, kernel, padding=1), atol=1e-5)
