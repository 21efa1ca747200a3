"""The battery over the layer table: what holds for every row, whoever wrote it."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
import rows
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netdsl.base.failure import Failure
from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.layers import LAYERS, NAMES, ROWS
from netdsl.layers.accumulation import Sums
from netdsl.layers.layer import Example, Layer, Shape, ShapeError
from netdsl.lower import LayerModule
from netdsl.spec import OptionError

every_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.name()) for row in ROWS])
every_example = pytest.mark.parametrize(("row", "example"), [
    pytest.param(row, example, id=name) for name, row, example in rows.examples()])
every_refusal = pytest.mark.parametrize(("row", "example"), [
    pytest.param(row, example, id=name) for name, row, example in rows.examples(accepted=False)])

#: Rows whose gradient is not, by intent, the derivative of their values.
OWN_GRADIENT = {
    "StopGradient": "its gradient is 0",
    "StraightThrough": "its gradient is that of the identity",
    "CrossEntropyWithSoftmax": "its gradient is softmax - labels, also where the labels do not sum to 1",
    "Hardmax": "a step",
}
#: Rows without a value in bfloat16, with the reason.
NOT_IN_BFLOAT16: dict[str, str] = {}


def first_example(row: type[Layer]) -> Example:
    return next(example for example in row.examples if example.output is not None)


def smallest_example(row: type[Layer]) -> Example:
    accepted = [example for example in row.examples if example.output is not None]
    return min(accepted, key=lambda e: sum(math.prod(dims) for dims in (*e.inputs, e.output or ())))


# --- what is written about a row ----------------------------------------------------------------


@every_row
def test_is_documented(row: type[Layer]) -> None:
    assert len(row.documentation()) > 20
    assert row.summary().rstrip()[-1] in ".:", "the first paragraph is a sentence"
    assert row.examples
    assert any(example.output is not None for example in row.examples)
    assert row.family != "other"
    for option in row.options():
        assert option.doc.endswith("."), f"the sentence of `{option.name}` is missing or not a sentence"
        assert option.signature()


@every_row
def test_options_do_not_share_names_with_inputs(row: type[Layer]) -> None:
    names = [option.name for option in row.options()]
    assert len(set(names)) == len(names)
    assert not set(names) & set(row.inputs), "in a call, inputs and options stand in one bracket"
    assert row.optional_inputs <= len(row.inputs)
    assert set(row.parameter_inputs) <= set(row.inputs)
    assert set(row.from_plan) <= {option.field_name for option in row.options()}


def test_names_are_unique() -> None:
    assert len(LAYERS) == len(ROWS)
    aliases = [alias for row in ROWS for alias in row.aliases]
    assert not set(aliases) & set(LAYERS)
    assert len(NAMES) == len(ROWS) + len(set(aliases)) == len(ROWS) + len(aliases)


@pytest.mark.parametrize(("row", "example"), [
    pytest.param(row, example, id=name) for name, row, example in rows.examples(None)])
def test_shows_itself_as_a_file_writes_it(row: type[Layer], example: Example) -> None:
    layer = rows.row_from_example(example.text)
    assert type(layer) is row
    assert rows.row_from_example(layer.show()) == layer


@pytest.mark.parametrize(("row", "example"), [
    pytest.param(row, example, id=name) for name, row, example in rows.examples(None)])
def test_the_language_reads_it_the_same(row: type[Layer], example: Example) -> None:
    """Examples are lines of the language: the compiler makes this row, this shape, or a page for the refusal."""
    source = Source("example.net", rows.file_with(example, row))
    checked = examine(source)
    if example.output is None:
        assert checked.errors, source.text
        for diagnostic in checked.errors:
            page = render(diagnostic)
            assert "example.net" in page
            assert all(len(line) <= 78 for line in page.splitlines()[1:]), page
        return
    assert not checked.errors, "\n".join(map(render, checked.errors)) + source.text
    assert checked.program is not None
    node = checked.program.network[next(iter(checked.program.special.values()))[0]]
    assert node.layer == rows.row_from_example(example.text)
    assert node.shape.file_dims == example.output


# --- shapes, costs and tensors -------------------------------------------------------------------


@every_example
def test_rule_says_what_comes_out(row: type[Layer], example: Example) -> None:
    layer = rows.row_from_example(example.text)
    shapes = rows.example_shapes(layer, example)
    output = rows.output_shape(layer, shapes)
    assert output.file_dims == example.output
    check_module(layer, shapes, output)


def check_module(layer: Layer, shapes: tuple[Shape, ...], output: Shape) -> None:
    """The module's result has the rule's shape, its parameters the rule's number, and all is finite."""
    module = rows.module_of(layer, shapes)
    if not layer.inputs:
        # A source: data come from outside, everything else makes its own tensor.
        inputs = rows.tensors_for([output]) if layer.is_input else []
    else:
        inputs = rows.tensors_for(shapes, layer=layer)
    result = rows.run(module, inputs)
    wanted = (rows.BATCH, *output.dims) if output.batched and (inputs or not layer.is_input) else output.dims
    if not layer.inputs and not layer.is_input:
        wanted = output.dims  # the same for every sample
    if layer.is_set_metric:
        added = layer.accumulation(shapes)
        wanted = (added.numbers,) if isinstance(added, Sums) else (rows.BATCH, added.columns)
    assert tuple(result.shape) == wanted, "shape rule and tensor disagree"
    assert torch.isfinite(result).all()
    cost = layer.cost(shapes, output)
    assert cost.parameters == sum(p.numel() for p in module.parameters())
    assert cost.tensors == len(list(module.parameters()))
    assert cost.buffers == sum(b.numel() for b in module.buffers())
    assert min(dataclasses.astuple(cost)) >= 0


@every_refusal
def test_refuses_with_a_page(row: type[Layer], example: Example) -> None:
    layer = rows.row_from_example(example.text)
    with pytest.raises(ShapeError) as raised:
        layer.shape(rows.example_shapes(layer, example))
    check_message(row, raised.value, len(example.inputs))


def check_message(row: type[Layer], error: ShapeError, inputs: int) -> None:
    """The rules of writing: one line, the file's notation, a mark that exists."""
    title = error.title
    assert len(title) <= 78, f"{len(title)} columns: {title}"
    assert not title.endswith(".")
    assert title[0].islower() or title[0] in "`'0123456789" or title.split()[0] in NAMES
    for text in (title, error.label, error.hint, *error.body):
        assert not re.search(r"\(\d+, |\bNone\b|\[\d", text), f"Python's notation: {text}"
    assert error.label or error.hint, "the mark says nothing"
    assert error.option is None or row.option(error.option) is not None, f"no option {error.option}"
    assert error.input is None or 0 <= error.input < inputs
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", error.code)


@every_row
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_laws_hold_for_random_options(row: type[Layer], data: st.DataObject) -> None:
    example = smallest_example(row)
    layer = data.draw(rows.random_rows(rows.row_from_example(example.text)))
    shapes = rows.example_shapes(layer, example)
    refused = rows.refusal(layer, shapes)
    if isinstance(refused, OptionError):
        assert row.option(refused.option) is not None
    elif isinstance(refused, ShapeError):
        check_message(row, refused, len(shapes))
    if refused is not None:
        return
    output = rows.output_shape(layer, shapes)
    if not layer.inputs and not output.is_complete:
        return  # a parameter whose user infers the rest
    assert all(extent >= 1 for extent in output.dims), "an output without elements was not refused"
    for law, holds in layer.invariants(shapes, output):
        assert holds, f"{layer.show()} on {', '.join(map(str, shapes))} gives {output}, but {law}"
    if output.size <= 20_000:
        check_module(layer, shapes, output)


# --- numbers --------------------------------------------------------------------------------------


@every_example
def test_gradients_are_right(row: type[Layer], example: Example) -> None:
    layer = rows.row_from_example(example.text)
    shapes = rows.example_shapes(layer, example)
    output = rows.output_shape(layer, shapes)
    if not layer.inputs or layer.is_metric or not rows.is_small(shapes, output):
        pytest.skip("a source, a metric or large")
    module = rows.module_of(layer, shapes)
    inputs = [x.requires_grad_() for x in rows.tensors_for(shapes, layer=layer)]
    result = rows.run(module, inputs)
    if not result.requires_grad:
        pytest.skip("has no gradient")
    wanted = [*inputs, *module.parameters()]
    for gradient in torch.autograd.grad(result.sum(), wanted, allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()
    if row.name() in OWN_GRADIENT:
        return
    leaves = [x for x, g in zip(inputs, torch.autograd.grad(rows.run(module, inputs).sum(), inputs, allow_unused=True),
                                strict=True) if g is not None]
    names = [name for name, _ in module.named_parameters()]

    def function(*values: torch.Tensor) -> torch.Tensor:
        given = iter(values[: len(leaves)])
        arguments = [next(given) if any(x is leaf for leaf in leaves) else x for x in inputs]
        torch.manual_seed(7)
        return torch.func.functional_call(  # type: ignore[no-any-return]
            module, dict(zip(names, values[len(leaves) :], strict=True)), tuple(arguments))

    assert torch.autograd.gradcheck(function, (*leaves, *module.parameters()), fast_mode=True)


@every_row
def test_channels_last_changes_no_number(row: type[Layer]) -> None:
    for example in row.examples:
        layer = rows.row_from_example(example.text)
        if example.output is None or not any(len(dims) == 3 for dims in example.inputs):
            continue
        shapes = rows.example_shapes(layer, example)
        draws = row.family == "dropout"  # which draws in the order of the memory
        module, inputs = rows.module_of(layer, shapes).train(not draws), rows.tensors_for(shapes, layer=layer)
        plain = rows.run(module, inputs)
        module = rows.module_of(layer, shapes).train(not draws)
        other = rows.run(module.to(memory_format=torch.channels_last), [
            x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs])
        torch.testing.assert_close(other, plain, rtol=1e-9, atol=1e-9)
        return
    pytest.skip("takes no images in its examples")


@pytest.mark.parametrize("mixed", [False, True], ids=["all", "mixed"])
@every_row
def test_bfloat16_is_finite(row: type[Layer], mixed: bool) -> None:
    """Everything in bfloat16, and torch's mixed precision: parameters and statistics in float32."""
    if row.name() in NOT_IN_BFLOAT16:
        pytest.skip(NOT_IN_BFLOAT16[row.name()])
    example = smallest_example(row)
    layer = rows.row_from_example(example.text)
    shapes = rows.example_shapes(layer, example)
    if not layer.inputs:
        pytest.skip("a source")
    module = rows.module_of(layer, shapes).to(torch.float32 if mixed else torch.bfloat16)
    inputs = [x.to(torch.float32 if mixed and not s.batched else torch.bfloat16).requires_grad_()
              for x, s in zip(rows.tensors_for(shapes, layer=layer), shapes, strict=True)]
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        result = rows.run(module, inputs)
    assert torch.isfinite(result).all()
    if mixed:
        exact = rows.run(rows.module_of(layer, shapes), rows.tensors_for(shapes, layer=layer))
        # Not all of them: where a function has steps, rounding an input may lead over one.
        assert torch.isclose(result.double(), exact, rtol=0.1, atol=0.1).double().mean() >= 0.95
    if result.requires_grad:
        result.float().sum().backward()
        assert all(torch.isfinite(x.grad).all() for x in inputs if x.grad is not None)


@every_row
def test_a_constant_is_treated_as_one_sample(row: type[Layer]) -> None:
    if len(row.inputs) != 1 or row.inputs[0].endswith("..."):
        pytest.skip("has several inputs")
    example = smallest_example(row)
    layer = rows.row_from_example(example.text)
    shapes = rows.example_shapes(layer, example)
    alone = tuple(dataclasses.replace(shape, batched=False) for shape in shapes)
    refused = rows.refusal(layer, alone)
    if refused is not None:
        assert isinstance(refused, ShapeError)
        assert refused.code == "wrong-inputs"
        check_message(row, refused, 1)
        return
    x = rows.tensors_for(shapes, layer=layer)[0]
    batch = rows.run(rows.module_of(layer, shapes).eval(), [x])
    one = rows.run(rows.module_of(layer, alone).eval(), [x[0]])
    torch.testing.assert_close(one, batch[0])


@every_row
def test_evaluation_is_deterministic(row: type[Layer]) -> None:
    example = smallest_example(row)
    layer = rows.row_from_example(example.text)
    shapes = rows.example_shapes(layer, example)
    if not layer.inputs:
        pytest.skip("a source")
    module, inputs = rows.module_of(layer, shapes).eval(), rows.tensors_for(shapes, layer=layer)
    for own, key in row.from_plan.items():
        assert key[0].islower()
        module.settings[own] = 0.5
    assert torch.equal(module(*inputs), module(*inputs)), "draws or changes something outside of training"


# --- mistakes in options ---------------------------------------------------------------------------


class Unfit:
    """A value that no option takes."""


@every_row
def test_bad_options_are_diagnosed(row: type[Layer]) -> None:
    for option in row.options():
        with pytest.raises(Failure) as raised:
            rows.bound(row, named={option.name: Unfit()})
        codes = {d.code for d in raised.value.diagnostics}
        assert "option-type" in codes, f"`{option.name}` takes anything"
        assert codes <= {"option-type", "missing-option"}
    with pytest.raises(Failure) as raised:
        rows.bound(row, named={"noSuchOption": 1.0})
    assert "unknown-option" in {d.code for d in raised.value.diagnostics}
    if any(option.required for option in row.options()):
        with pytest.raises(Failure) as raised:
            rows.bound(row)
        assert {d.code for d in raised.value.diagnostics} == {"missing-option"}


# --- whole networks ---------------------------------------------------------------------------------


def alexnet(groups: int = 2, second: int = 256) -> list[Layer]:
    def conv(filters: int, kernel: int, divided: int = 1, **more: Any) -> Layer:
        return rows.bound(NAMES["ConvolutionalLayer"], [filters, [kernel, kernel]],
                          {"groups": divided, **more})

    pool = rows.bound(NAMES["MaxPoolingLayer"], [[3, 3]], {"stride": 2})
    norm = rows.bound(NAMES["LocalResponseNormalizationLayer"], [2])
    dense = [rows.bound(NAMES["DenseLayer"], [size]) for size in (4096, 4096, 1000)]
    return [conv(96, 11, stride=4), norm, pool, conv(second, 5, groups, pad=True), norm, pool, conv(384, 3, pad=True),
            conv(384, 3, groups, pad=True), conv(256, 3, groups, pad=True), pool, *dense]


@pytest.mark.parametrize(("groups", "second", "parameters", "macs", "neurons"), [
    pytest.param(2, 256, 60_965_224, 724_406_816, 659_272, id="two towers"),
    pytest.param(1, 256, 62_378_344, 1_135_256_096, 659_272, id="no groups"),
    pytest.param(1, 192, 62_003_496, None, None, id="CNTK's"),
])
def test_facts_of_alexnet(groups: int, second: int, parameters: int, macs: int | None, neurons: int | None) -> None:
    shape, shapes, costs = Shape.of(227, 227, 3), [], []
    for layer in alexnet(groups, second):
        output = layer.shape([shape])
        costs.append(layer.cost([shape], output))
        shape = output
        shapes.append(str(shape))
    assert shapes[0] == "55 x 55 x 96"
    assert shapes[2] == "27 x 27 x 96"
    assert shapes[-5:] == ["13 x 13 x 256", "6 x 6 x 256", "4096", "4096", "1000"]
    assert sum(cost.parameters for cost in costs) == parameters
    assert sum(cost.tensors for cost in costs) == 16
    assert macs is None or sum(cost.macs for cost in costs) == macs
    # CNTK's and Caffe's count the outputs of convolutions and dense layers.
    assert neurons is None or sum(cost.neurons for cost in costs) == neurons


def test_modules_have_torch_names() -> None:
    layer = rows.row_from_example("ConvolutionalLayer {6, (5:3), groups = 2}")
    module = LayerModule(layer, [Shape.of(8, 7, 4)], layer.shape([Shape.of(8, 7, 4)]))
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {"weight": (6, 2, 3, 5), "bias": (6,)}


def test_cross_entropy_is_exact_for_scores_in_bfloat16() -> None:
    """The gradient at a class that is all but certain is its distance from 1, which bfloat16 does not have."""
    layer = rows.row_from_example("CrossEntropyWithSoftmax")
    shapes = [Shape((2,)), Shape((2,))]
    scores = torch.tensor([[7.0, 0.0]], dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = rows.run(rows.module_of(layer, shapes), [torch.tensor([[1.0, 0.0]]), scores])
    loss.sum().backward()
    distance = 1 - torch.sigmoid(torch.tensor(7.0))
    assert loss.item() == pytest.approx(distance.item(), rel=1e-2)
    assert scores.grad is not None
    assert scores.grad[0, 0].item() == pytest.approx(-distance.item(), rel=1e-2)
