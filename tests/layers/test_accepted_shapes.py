"""Ranks and shapes that CNTK takes, with the values that they have there."""

from __future__ import annotations

import pytest
import torch
from rows import module_of

import netdsl
from netdsl.base.source import Source
from netdsl.layers import LAYERS
from netdsl.layers.layer import Layer, Shape


def value(layer: Layer, *tensors: torch.Tensor) -> torch.Tensor:
    """The row on tensors that have a batch axis, in torch's order of axes."""
    result = module_of(layer, [Shape(tuple(t.shape[1:])) for t in tensors])(*tensors)
    assert isinstance(result, torch.Tensor)
    return result


def numbers(*dims: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, *dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_transpose_of_a_vector_times_a_vector_is_one_number() -> None:
    x, y = numbers(4), numbers(4, seed=1)
    torch.testing.assert_close(value(LAYERS["TransposeTimes"](), x, y), (x * y).sum(1, keepdim=True))


def test_the_transpose_of_a_vector_times_a_matrix_is_a_row() -> None:
    x, y = numbers(4), numbers(3, 4, seed=1)  # 4 and 4 x 3 in a file
    got = value(LAYERS["TransposeTimes"](), x, y)
    assert got.shape == (2, 3, 1)  # 1 x 3
    torch.testing.assert_close(got[..., 0], torch.einsum("ni,nki->nk", x, y))


def test_cntk_s_own_formula_of_weighted_classes() -> None:
    """CNTK's page of loss functions and its issue 657: `ReduceLogSum (z) - TransposeTimes (labels, z)`."""
    program = netdsl.check(Source("byhand.net", """network = {
        z = Input {3} ; labels = Input {3}
        table = ParameterTensor {(1:3), learningRateMultiplier = 0, initFromLiteral = '1 9 4'}
        byHand = (ReduceLogSum (z) - TransposeTimes (labels, z)) .* (table * labels)
        row = CrossEntropyWithSoftmax (labels, z, classWeights = 1:9:4)
        plain = -TransposeTimes (labels, LogSoftmax (z)) ; ce = CrossEntropyWithSoftmax (labels, z)
        outputNodes = byHand : row : plain : ce
    }"""))
    module = netdsl.compile(program)
    found = module(z=torch.randn(5, 3), labels=torch.eye(3)[[0, 1, 2, 1, 0]])
    torch.testing.assert_close(found["byHand"].reshape(-1), found["row"].reshape(-1))
    torch.testing.assert_close(found["plain"].reshape(-1), found["ce"].reshape(-1))


def test_a_khatri_rao_product_of_tensors_counts_elements_in_their_order() -> None:
    x, y = numbers(2, 3), numbers(4, seed=1)
    wanted = torch.einsum("ni,nj->nji", x.flatten(1), y).flatten(1)
    torch.testing.assert_close(value(LAYERS["KhatriRaoProduct"](), x, y), wanted)


@pytest.mark.parametrize(("factor", "x"), [((1,), (3, 4)), ((1, 1), (4,)), ((4,), (3, 4)), ((3, 1), (3, 4)),
                                           ((4,), (4,))])
def test_scale_is_element_times(factor: tuple[int, ...], x: tuple[int, ...]) -> None:
    f, t = numbers(*factor), numbers(*x, seed=1)
    rank = max(len(factor), len(x)) if f[0].numel() > 1 else len(x)
    wanted = f.reshape(2, *(1,) * (rank - len(factor)), *factor) * t if f[0].numel() > 1 else \
        f.reshape(2, *(1,) * len(x)) * t
    torch.testing.assert_close(value(LAYERS["Scale"](), f, t), wanted)


def test_clip_between_tensors() -> None:
    program = netdsl.check(Source("clip.net", """network = {
        x = Input {4} ; low = Input {1} ; high = ParameterTensor {4, initValue = 0.5}
        both = Clip (low, high, x) ; half = Clip (-0.25, high, x) ; plain = Clip (-0.25, 0.5, x)
        outputNodes = both : half : plain
    }"""))
    x, low = torch.randn(6, 4, requires_grad=True), torch.full((6, 1), -0.25)
    found = netdsl.compile(program)(x=x, low=low)
    for name in ("both", "half"):
        torch.testing.assert_close(found[name], x.clamp(-0.25, 0.5))
    found["both"].sum().backward()
    torch.testing.assert_close(x.grad, ((x >= -0.25) & (x <= 0.5)).float())


def test_an_axis_beyond_the_shapes_stacks() -> None:
    x, y = numbers(4), numbers(4, seed=1)
    got = value(LAYERS["Splice"](axis=3), x, y)
    assert torch.equal(got, torch.stack((x, y), 1)[:, :, None])
