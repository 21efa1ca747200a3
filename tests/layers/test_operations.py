"""What the battery does not see of the operations: alignment with the batch, inference, data, starts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row_from_example

from netdsl.layers import LAYERS
from netdsl.layers.layer import Layer, Shape, ShapeError
from netdsl.lower import LayerModule
from netdsl.spec import OptionError

torch.set_num_threads(1)


def apply(layer: Layer, *pairs: tuple[torch.Tensor, Shape]) -> torch.Tensor:
    shapes = [shape for _, shape in pairs]
    output = dataclasses.replace(layer.shape(shapes), batched=any(shape.batched for shape in shapes))
    result = LayerModule(layer, shapes, output)(*(tensor for tensor, _ in pairs))
    assert isinstance(result, torch.Tensor)
    assert tuple(result.shape[int(output.batched):]) == output.dims
    return result


def numbers(*dims: int) -> torch.Tensor:
    return torch.arange(1, 1 + int(np.prod(dims)), dtype=torch.float64).reshape(dims).sin()


# --- broadcasting ------------------------------------------------------------------------------------


def test_a_batch_is_not_an_axis() -> None:
    x, b = numbers(5, 4), numbers(5, 4)
    got = apply(LAYERS["Plus"](), (x, Shape((4,))), (b, Shape((5, 4), batched=False)))
    torch.testing.assert_close(got, x[:, None, :] + b)


extents = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(first=extents, second=extents, batched=st.tuples(st.booleans(), st.booleans()))
def test_broadcasting_is_that_of_each_sample(first: list[int], second: list[int], batched: tuple[bool, bool]) -> None:
    shapes = [Shape(tuple(dims), own) for dims, own in zip((first, second), batched, strict=True)]
    samples = [numbers(*((3,) if shape.batched else ()), *shape.dims) for shape in shapes]
    layer = LAYERS["Minus"]()
    try:
        wanted = [np.subtract(*(t[i].numpy() if s.batched else t.numpy() for t, s in zip(samples, shapes, strict=True)))
                  for i in range(3)]
    except ValueError:
        with pytest.raises(ShapeError):
            layer.shape(shapes)
        return
    got = apply(layer, *zip(samples, shapes, strict=True))
    for i, one in enumerate(wanted):
        np.testing.assert_allclose(got[i] if any(batched) else got, one)


def test_hint_for_a_vector_of_channels() -> None:
    with pytest.raises(ShapeError) as raised:
        LAYERS["Plus"]().shape([Shape.of(16, 16, 32), Shape.of(32)])
    assert raised.value.title == "the two sides of `+` have different shapes"
    assert raised.value.label == "cannot add 16 x 16 x 32 and 32"
    assert "1:1:32" in raised.value.hint
    assert raised.value.input == 1


# --- products ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(outputs=st.lists(st.integers(1, 3), max_size=2), summed=st.lists(st.integers(1, 3), max_size=2),
       rest=st.lists(st.integers(1, 3), max_size=2), batched=st.tuples(st.booleans(), st.booleans()))
def test_times_is_a_sum_of_products(outputs: list[int], summed: list[int], rest: list[int],
                                    batched: tuple[bool, bool]) -> None:
    left, right = (Shape.of(*a, *b, batched=own) for (a, b), own in zip(((outputs, summed), (summed, rest)), batched,
                                                                         strict=True))
    tensors = [numbers(*((2,) if s.batched else ()), *s.dims) for s in (left, right)]
    got = apply(LAYERS["Times"](output_rank=len(outputs)), (tensors[0], left), (tensors[1], right))
    letters = {"o": "abc"[:len(outputs)], "s": "def"[:len(summed)], "r": "ghi"[:len(rest)]}
    terms = [("n" if own else "") + letters[x][::-1] + letters[y][::-1]  # type: ignore[str-unpack]
             for own, (x, y) in zip(batched, ("so", "rs"), strict=True)]
    result = ("n" if any(batched) else "") + letters["r"][::-1] + letters["o"][::-1]
    torch.testing.assert_close(got, torch.einsum(f"{','.join(terms)}->{result}", *tensors).reshape(got.shape))


@pytest.mark.parametrize(("text", "given", "other", "wanted"), [
    ("Times", (10, 0), (784,), (10, 784)),
    ("Times", (10, 0), (8, 8, 3), (10, 8)),
    ("Times {inferInputRankToMap = 0}", (10, 0), (8, 8, 3), (10, 8, 8, 3)),
    ("Times {inferInputRankToMap = 1}", (10, 0), (8, 8, 3), (10, 8, 8)),
    ("Times {outputRank = 2}", (3, 2, 0, 0), (4, 5), (3, 2, 4, 5)),
    ("TransposeTimes", (0, 3), (4,), (4, 3)),
    ("Plus", (0,), (10,), (10,)),
    ("Plus", (1, 1, 0), (8, 8, 3), (1, 1, 3)),
    ("ElementTimes", (0, 1, 3), (8, 8, 3), (8, 1, 3)),
])
def test_extents_of_parameters_are_inferred(text: str, given: tuple[int, ...], other: tuple[int, ...],
                                            wanted: tuple[int, ...]) -> None:
    layer = row_from_example(text)
    completed, same = layer.infer_inputs([Shape.of(*given, batched=False), Shape.of(*other)])
    assert (completed.file_dims, completed.batched) == (wanted, False)
    assert same == Shape.of(*other)
    parameter = LAYERS["ParameterTensor"](dims=given).with_shape(completed)
    assert parameter.shape([]) == completed


def test_times_refuses_what_cannot_be_inferred() -> None:
    layer = row_from_example("Times {inferInputRankToMap = 1}")
    with pytest.raises(ShapeError):
        layer.infer_inputs([Shape.of(10, 0, 7, 7, batched=False), Shape.of(8, 8)])


# --- data ----------------------------------------------------------------------------------------------


def deliver(text: str, tensor: torch.Tensor, **settings_: Any) -> torch.Tensor:
    layer = row_from_example(text)
    module = LayerModule(layer, [], layer.shape([]))
    module.settings.update(settings_)
    result = module(tensor)
    assert isinstance(result, torch.Tensor)
    return result


def test_bytes_become_numbers() -> None:
    image = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    assert deliver("Input {2:2:3}", image).dtype == torch.get_default_dtype()
    assert deliver("Input {2:2:3}", image, dtype=torch.float64).dtype == torch.float64
    assert torch.equal(deliver("ImageInput {2, 2, 3}", image), image.float())


def test_vectors_take_the_input_s_shape() -> None:
    flat = numbers(2, 12)
    assert torch.equal(deliver("Input {2:2:3}", flat), flat.reshape(2, 3, 2, 2))
    with pytest.raises(ValueError, match="the reader delivers 12, the input is 2 x 2 x 4"):
        deliver("Input {2:2:4}", flat)


def test_class_numbers_become_vectors() -> None:
    wanted = torch.eye(4)[[2, 0, 3]]
    for classes in (torch.tensor([2, 0, 3]), torch.tensor([[2], [0], [3]]), wanted.to_sparse()):
        assert torch.equal(deliver("Input {4}", classes), wanted)
    assert torch.equal(deliver("Input {1}", torch.tensor([2, 0, 3])), torch.tensor([[2.0], [0.0], [3.0]]))
    assert torch.equal(deliver("Input {1:1:4}", torch.tensor([2, 0, 3])), wanted[:, :, None, None])


def test_maps_of_classes_become_vectors_at_every_pixel() -> None:
    classes = torch.tensor([[[0, 1], [2, 2]], [[1, 1], [0, 0]]])
    got = deliver("Input {2:2:3}", classes)
    assert got.shape == (2, 3, 2, 2)
    assert torch.equal(got.argmax(1), classes)
    assert torch.equal(got.sum(1), torch.ones(2, 2, 2))


# --- parameters and constants ------------------------------------------------------------------------------


def start(layer: Layer, seed: int = 1, name: str = "w") -> torch.Tensor:
    module = LayerModule(layer, [], layer.shape([]))
    module.initialize(seed, name)
    result = module()
    assert isinstance(result, torch.Tensor)
    return result


def test_literal_is_a_matrix_of_rows_and_columns() -> None:
    layer = LAYERS["ParameterTensor"](dims=(2, 0), init_from_literal="1 2 3\n4 5 6")
    assert layer.shape([]) == Shape.of(2, 3, batched=False)
    assert start(layer).T.tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(OptionError, match="not made of numbers"):
        LAYERS["ParameterTensor"](dims=(2,), init_from_literal="1 b").validate()


def test_file_is_read_as_the_literal_is(tmp_path: Any) -> None:
    path = tmp_path / "w.txt"
    path.write_text("1 2 3\n4 5 6\n")
    layer = LAYERS["ParameterTensor"](dims=(2, 3), init_from_file_path=str(path))
    assert torch.equal(start(layer), start(LAYERS["ParameterTensor"](dims=(2, 3), init_from_literal="1 2 3\n4 5 6")))


def test_start_without_a_word_is_uniform() -> None:
    values = start(LAYERS["ParameterTensor"](dims=(100, 100)))
    assert 0.049 < values.abs().max() <= 0.05


def test_random_seed_is_the_parameter_s_own() -> None:
    own = LAYERS["ParameterTensor"](dims=(4, 4), init="heNormal", random_seed=5)
    assert torch.equal(start(own, 1, "a"), start(own, 2, "b"))
    run = LAYERS["ParameterTensor"](dims=(4, 4), init="heNormal")
    assert not torch.equal(start(run, 1, "a"), start(run, 2, "a"))
    assert torch.equal(start(run, 1, "a"), start(run, 1, "a"))


def test_multiplier_of_zero_makes_a_constant() -> None:
    layer = LAYERS["ParameterTensor"](dims=(4,), init_value=2.0, learning_rate_multiplier=0.0)
    assert [p.learned for p in layer.parameters([]).values()] == [False]
    assert [p.rate for p in dataclasses.replace(layer, learning_rate_multiplier=0.5).parameters([]).values()] == [0.5]


def test_two_starts_are_refused() -> None:
    with pytest.raises(OptionError, match="two initial values"):
        LAYERS["ParameterTensor"](dims=(4,), init="xavier", init_value=2.0).validate()


def test_constants_are_not_in_checkpoints() -> None:
    layer = LAYERS["ConstantTensor"](value=0.5, dims=(1, 1, 3))
    module = LayerModule(layer, [], layer.shape([]))
    assert module.state_dict() == {}
    assert torch.equal(start(layer), torch.full((3, 1, 1), 0.5))


# --- maps -----------------------------------------------------------------------------------------------


def image(*dims: int) -> tuple[torch.Tensor, Shape]:
    return numbers(2, *dims), Shape(dims)


def test_depth_to_space_is_that_of_cntk() -> None:
    # The example of CNTK's documentation: 8 channels that hold their own number.
    x = torch.arange(8.0).reshape(1, 8, 1, 1).expand(2, 8, 2, 3)
    got = apply(row_from_example("DepthToSpace {2}"), (x, Shape((8, 2, 3))))
    assert got[0, 0, :2, :4].tolist() == [[0, 2, 0, 2], [4, 6, 4, 6]]
    assert got[0, 1, :2, :4].tolist() == [[1, 3, 1, 3], [5, 7, 5, 7]]
    back = apply(row_from_example("SpaceToDepth {2}"), (got, Shape((2, 4, 6))))
    assert torch.equal(back, x)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
def test_padding_is_that_of_torch(mode: str) -> None:
    x, shape = image(3, 4, 5)
    layer = LAYERS["Padding"](lower_pad=(1, 2), upper_pad=(3, 0), mode=mode)
    torch.testing.assert_close(apply(layer, (x, shape)), torch.nn.functional.pad(x, (1, 3, 2, 0), mode=mode))


def test_channel_shuffle_is_that_of_torch() -> None:
    x, shape = image(6, 4, 4)
    assert torch.equal(apply(row_from_example("ChannelShuffle {2}"), (x, shape)),
                       torch.nn.functional.channel_shuffle(x, 2))


def test_upsampling_repeats_or_interpolates() -> None:
    x, shape = image(3, 4, 5)
    wanted = x.repeat_interleave(3, dim=-1).repeat_interleave(2, dim=-2)
    assert torch.equal(apply(LAYERS["Upsample"](factor=(3, 2)), (x, shape)), wanted)
    linear = apply(LAYERS["Upsample"](factor=(2,), mode="linear"), (x, shape))
    torch.testing.assert_close(linear, torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"))


def test_crop_takes_the_middle() -> None:
    x, shape = image(3, 8, 9)
    reference, small = image(1, 4, 4)
    assert torch.equal(apply(LAYERS["Crop"](), (x, shape), (reference, small)), x[:, :, 2:6, 2:6])
    assert torch.equal(apply(LAYERS["Crop"](offset_x=5, offset_y=0), (x, shape), (reference, small)),
                       x[:, :, 0:4, 5:9])


def test_maxout_takes_the_largest_of_neighbours() -> None:
    x, shape = image(6, 2, 2)
    got = apply(LAYERS["Maxout"](pieces=3), (x, shape))
    assert torch.equal(got, torch.stack([x[:, :3].amax(1), x[:, 3:].amax(1)], 1))


def test_prelu_is_that_of_torch() -> None:
    x, shape = image(3, 4, 4)
    module = LayerModule(LAYERS["PReLU"](), [shape], shape).double()
    module.initialize(1, "a")
    torch.testing.assert_close(module(x), torch.nn.functional.prelu(x, torch.full((3,), 0.25, dtype=torch.float64)))


@pytest.mark.parametrize("name", ["GELU", "SiLU", "Mish", "HardSwish", "ReLU6"])
def test_modern_activations_are_those_of_torch(name: str) -> None:
    x, shape = image(3, 4, 4)
    wanted = {"GELU": torch.nn.GELU(), "SiLU": torch.nn.SiLU(), "Mish": torch.nn.Mish(),
              "HardSwish": torch.nn.Hardswish(), "ReLU6": torch.nn.ReLU6()}[name](8 * x)
    torch.testing.assert_close(apply(LAYERS[name](), (8 * x, shape)), wanted)
    if name == "GELU":
        torch.testing.assert_close(apply(LAYERS[name](formula="tanh"), (x, shape)),
                                   torch.nn.functional.gelu(x, approximate="tanh"))


def test_intersection_over_union_counts_classes_that_occur() -> None:
    # Two of four pixels are class 0 in the labels, one of them is found; the other three are called class 1.
    labels, found = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, 1]])
    pair = [torch.nn.functional.one_hot(t, 3).movedim(-1, 1).double() for t in (labels, found)]
    got = apply(LAYERS["IntersectionOverUnionError"](axis=2), *((t, Shape((3, 4))) for t in pair))
    assert got.item() == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)
