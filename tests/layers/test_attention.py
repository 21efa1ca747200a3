"""Attention and what stands around it, against torch's own modules and against the formulas."""

from __future__ import annotations

import math

import pytest
import torch
from rows import drawn_module as module
from rows import random
from torch import nn

from netdsl.layers.attention import rotated
from netdsl.lower import LayerModule


def stock(made: LayerModule, width: int, found: int, heads: int) -> nn.MultiheadAttention:
    """torch's own layer with the same weights."""
    theirs = nn.MultiheadAttention(width, heads, batch_first=True, kdim=found, vdim=found, dtype=torch.float64)
    with torch.no_grad():
        parts = [getattr(made, f"{name}Weight") for name in ("query", "key", "value")]
        if theirs.in_proj_weight is not None:
            theirs.in_proj_weight.copy_(torch.cat(parts))
        else:
            for name, part in zip("qkv", parts, strict=True):
                getattr(theirs, f"{name}_proj_weight").copy_(part)
        theirs.in_proj_bias.copy_(torch.cat([getattr(made, f"{name}Bias") for name in ("query", "key", "value")]))
        theirs.out_proj.weight.copy_(made.outWeight)
        theirs.out_proj.bias.copy_(made.outBias)
    return theirs


@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_is_torch_s(causal: bool) -> None:
    made = module(f"MultiHeadAttentionLayer {{4, causal = {str(causal).lower()}}}", (8, 5))
    x, mine = random(3, 5, 8).requires_grad_(), random(3, 5, 8).requires_grad_()
    mask = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None
    theirs, _ = stock(made, 8, 8, 4)(x, x, x, attn_mask=mask)
    ours = made(mine)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(mine.grad, x.grad)


def test_cross_attention_is_torch_s() -> None:
    made = module("MultiHeadAttentionLayer {2}", (8, 5), (6, 7))
    x, memory = random(3, 5, 8), random(3, 7, 6, seed=6)
    theirs, _ = stock(made, 8, 6, 2)(x, memory, memory)
    torch.testing.assert_close(made(x, memory), theirs)


def test_groups_of_heads_share_keys_and_values() -> None:
    grouped = module("MultiHeadAttentionLayer {4, kvHeads = 2}", (8, 5))
    whole = module("MultiHeadAttentionLayer {4}", (8, 5))
    with torch.no_grad():
        for name in ("query", "out"):
            getattr(whole, f"{name}Weight").copy_(getattr(grouped, f"{name}Weight"))
            getattr(whole, f"{name}Bias").copy_(getattr(grouped, f"{name}Bias"))
        for name in ("key", "value"):  # heads 0 and 1 have what head 0 of the groups has
            for part in ("Weight", "Bias"):
                given = getattr(grouped, f"{name}{part}").reshape(2, 2, -1)
                getattr(whole, f"{name}{part}").copy_(
                    given.repeat_interleave(2, 0).reshape(getattr(whole, f"{name}{part}").shape))
    x = random(3, 5, 8)
    torch.testing.assert_close(grouped(x), whole(x))


def test_a_causal_position_does_not_see_what_follows() -> None:
    made = module("MultiHeadAttentionLayer {2, causal = true, rotary = true}", (8, 6))
    x = random(2, 6, 8)
    changed = x.clone()
    changed[:, 4:] += 1
    torch.testing.assert_close(made(x)[:, :4], made(changed)[:, :4], rtol=0, atol=1e-12)
    assert not torch.allclose(made(x)[:, 4:], made(changed)[:, 4:])


def test_rotary_products_depend_on_the_distance_alone() -> None:
    query, key = random(1, 1, 1, 8), random(1, 1, 1, 8, seed=6)
    queries, keys = rotated(query.expand(1, 1, 9, 8)), rotated(key.expand(1, 1, 9, 8))
    products = (queries @ keys.transpose(-1, -2))[0, 0]
    for distance in range(-4, 5):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(products[0, 1], products[0, 2])


def test_rotary_turns_pairs_of_the_halves() -> None:
    x = random(1, 3, 4)
    found = module("RotaryEmbedding {}", (4, 3))(x)[0]
    for position in range(3):
        for i, speed in enumerate((1.0, 1 / 100)):
            angle = position * speed
            a, b = x[0, position, i].item(), x[0, position, i + 2].item()
            assert found[position, i].item() == pytest.approx(a * math.cos(angle) - b * math.sin(angle), abs=1e-6)
            assert found[position, i + 2].item() == pytest.approx(b * math.cos(angle) + a * math.sin(angle), abs=1e-6)


def test_sinusoids_are_the_paper_s() -> None:
    found = module("PositionalEmbeddingLayer {'sinusoidal'}", (5, 4))(torch.zeros(1, 4, 5, dtype=torch.float64))[0]
    for position in range(4):
        for i in range(5):
            angle = position / 10000 ** (2 * (i // 2) / 5)
            wanted = math.sin(angle) if i % 2 == 0 else math.cos(angle)
            assert found[position, i].item() == pytest.approx(wanted, abs=1e-6)


def test_patches_are_a_convolution_row_by_row() -> None:
    made = module("PatchEmbeddingLayer {5, (2:3)}", (8, 9, 3))
    x = random(2, 3, 9, 8)
    theirs = nn.functional.conv2d(x, made.weight, made.bias, (3, 2)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(made(x), theirs)
    one = x[:, :, 3:6, 2:4]  # the second patch of the second row
    torch.testing.assert_close(made(x)[:, 5], torch.einsum("nchw,dchw->nd", one, made.weight) + made.bias)


def test_a_class_token_stands_before_the_others() -> None:
    made = module("ClassTokenLayer {}", (4, 3))
    x = random(2, 3, 4)
    found = made(x)
    torch.testing.assert_close(found[:, 1:], x)
    torch.testing.assert_close(found[:, 0], made.weight.expand(2, 4))


@pytest.mark.parametrize(("gate", "function"), [
    ("sigmoid", torch.sigmoid), ("gelu", nn.functional.gelu), ("silu", nn.functional.silu), ("relu", torch.relu),
    ("none", lambda x: x)])
def test_gated_units(gate: str, function) -> None:
    x = random(2, 3, 8)
    torch.testing.assert_close(module(f"GLU {{'{gate}'}}", (8, 3))(x), x[..., :4] * function(x[..., 4:]))
    if gate == "sigmoid":
        torch.testing.assert_close(module("GLU {}", (8, 3))(x), nn.GLU()(x))


def test_rms_normalization_is_torch_s() -> None:
    made = module("RMSNormalizationLayer {epsilon = 0.01}", (6, 3))
    theirs = nn.RMSNorm(6, eps=0.01, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(made.weight)
    x = random(2, 3, 6)
    torch.testing.assert_close(made(x), theirs(x))


def test_squeeze_and_excite_by_hand() -> None:
    made = module("SqueezeExciteLayer {2}", (5, 4, 6))
    x = random(2, 6, 4, 5)
    means = x.mean((2, 3))
    factors = torch.sigmoid((torch.relu(means @ made.squeezeWeight.T + made.squeezeBias)) @ made.exciteWeight.T
                            + made.exciteBias)
    torch.testing.assert_close(made(x), x * factors[..., None, None])


def test_stochastic_depth_drops_whole_samples() -> None:
    made = module("StochasticDepth {0.25}", (4, 3))
    x = torch.ones(4000, 3, 4, dtype=torch.float64)
    torch.manual_seed(1)
    made.train()
    found = made(x).reshape(4000, -1)
    assert found.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert (found.amin(1) == found.amax(1)).all()
    assert found[:, 0].eq(0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    made.eval()
    assert made(x) is x
