"""Layers against real CNTK: convolution, pooling, dense, normalization, initializers.

Every case of the four groups is run: outputs, gradients of inputs and parameters, running statistics after every
minibatch, rejections. What is left out is left out by name, with the reason.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracle_vectors as oracle
import pytest
import rows
import torch

from netdsl.layers import NAMES
from netdsl.layers.initializers import TRUNCATED, Initializer, fans
from netdsl.layers.layer import Layer, Shape, ShapeError
from netdsl.lower import LayerModule

GROUPS = ("convolution", "pooling", "dense_norm", "initialisers")

#: Cases that CNTK itself gets wrong, and what we do instead.
REFUSED_BY_CNTK_ONLY = {
    "deconv.error.scalar-pad": "CNTK pads the channels as well; a scalar `pad` means the filter's axes",
}
#: Steps of cases whose stored numbers are a defect; everything else of the case is compared.
DEFECTS = {
    "batchnorm.spatial-blend": "CNTK forgets blendTimeConstant on the CPU: only the statistics are compared",
    "batchnorm.spatial-blend-infinity": "the same",
    "batchnorm.vector-blend": "the same",
    "batchnorm.sequences": "CNTK counts gaps between sequences as items: only steps without gaps are compared",
    "maxunpool.k2s2": "CNTK's gradient is not the true one: the output is compared",
    "maxunpool.k2s2-odd": "the same",
    "maxunpool.k3s3-pad": "the same",
    "maxunpool.k2s3": "the same",
    "maxunpool.own-pooling-k2s2": "the same",
    "maxunpool.overlap-k3s2": "the same",
}
#: How many cases of each group are compared; fewer is a failure.
COVERED = {"convolution": 66, "pooling": 84, "dense_norm": 51, "initialisers": 87}

#: Options of the oracle's cases that are named or meant otherwise in files.
_NOT_OPTIONS = ("activation", "unpoolInput", "sparseInput")


def layer_of(case: oracle.Case) -> Layer:
    """The row with the options of a case, bound as a file's options are."""
    options = {name: _value(value) for name, value in case["options"].items() if name not in _NOT_OPTIONS}
    op = case["op"]
    if op == "Convolution":
        options = {"kernelDims": options["filterShape"], "stride": options["stride"], "autoPadding": options["pad"],
                   "mapDims": options["numOutputChannels"]}
    if op == "LRN":
        op = "LocalResponseNormalizationLayer"
        options = {"bias": options["k"], "radius": options["n"], "alpha": options["alpha"], "beta": options["beta"]}
    return rows.bound(NAMES[op], named=options)


def _value(value: Any) -> Any:
    if value == "infinity":
        return math.inf
    if isinstance(value, list):
        return [_value(v) for v in value]
    if value == "true (scalar)":
        return True
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def own_layout(op: str, name: str, array: np.ndarray, outputs: int) -> tuple[str, np.ndarray]:
    """CNTK's parameter as ours: the name, and the array in torch's order of axes.

    Works for gradients as well. `outputs` is the number of axes of a linear layer's outputs.
    """
    if op in ("LinearLayer", "DenseLayer"):
        if name == "b":
            return "bias", array.reshape(-1)
        inner = math.prod(array.shape[: array.ndim - outputs])
        return "weight", array.reshape(inner, -1).T
    if op == "EmbeddingLayer":
        return "weight", array
    if op == "BilinearUpsamplingLayer":
        return "weight", np.stack([array[c, c] for c in range(array.shape[0])])[:, None]
    names = {"W": "weight", "b": "bias", "scale": "weight", "bias": "bias", "gain": "weight", "param": "weight"}
    return names[name], array.reshape(-1) if name in ("b", "scale", "bias", "gain") else array


def output_axes(case: oracle.Case) -> int:
    """The number of axes of a linear layer's outputs."""
    outputs = case["options"].get("outDim")
    return len(outputs) if isinstance(outputs, list) else 1


def module_for(case: oracle.Case, layer: Layer, shapes: list[Shape]) -> LayerModule:
    module = LayerModule(layer, shapes, rows.output_shape(layer, shapes))
    module.initialize(1, "test")
    module.double()
    for name, array in oracle.arrays(case, "params").items():
        if case["op"] == "EmbeddingLayer" and case["options"]["transpose"]:
            array = array.T
        own, values = own_layout(case["op"], name, array, output_axes(case))
        target = getattr(module, own)
        target.data.copy_(torch.from_numpy(np.ascontiguousarray(values)).reshape(target.shape))
    return module


def apply_activation(case: oracle.Case, y: torch.Tensor) -> torch.Tensor:
    functions = {None: lambda t: t, "ReLU": torch.relu, "Tanh": torch.tanh}
    return functions[case["options"].get("activation")](y)


def with_own_pooling(case: oracle.Case, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs; where the case unpools what it pools itself, that is one of them."""
    if "own-pooling" not in case["id"]:
        return arrays
    pooling = rows.bound(NAMES["MaxPoolingLayer"], named={
        name: _value(case["options"][name]) for name in ("filterShape", "stride", "pad")})
    shapes = [Shape(arrays["x"].shape[1:])]
    return {"u": rows.module_of(pooling, shapes)(torch.from_numpy(arrays["x"])).numpy(), **arrays}


def compare(case: oracle.Case, module: LayerModule, names: list[str],
            parameters: dict[str, torch.Tensor]) -> None:
    """Forward and backward of a case without steps."""
    arrays = with_own_pooling(case, oracle.arrays(case, "inputs"))
    inputs = {name: torch.from_numpy(array).requires_grad_() for name, array in arrays.items()}
    given = {**parameters, **inputs}
    y = apply_activation(case, module(*[given[name] for name in names]))
    oracle.assert_close(y, oracle.arrays(case, "outputs")["y"], "output")
    if case["id"] in DEFECTS or "lossWeights" not in case:
        return
    loss = (y * torch.from_numpy(oracle.array(case, case["lossWeights"])).reshape(y.shape)).sum()
    loss.backward()
    for name, wanted in oracle.arrays(case, "grads").items():
        if name in given:
            got, expected = given[name].grad, wanted
        else:
            if case["op"] == "EmbeddingLayer" and case["options"]["transpose"]:
                wanted = wanted.T
            own, expected = own_layout(case["op"], name, wanted, output_axes(case))
            if not module.owned[own].learned:
                continue
            got = getattr(module, own).grad
        assert got is not None
        oracle.assert_close(got.reshape(expected.shape), expected, f"gradient of {name}")


def run_static(case: oracle.Case) -> None:
    layer = layer_of(case)
    arrays = with_own_pooling(case, oracle.arrays(case, "inputs"))
    order = {"MaxUnpoolingLayer": ["u", "x"], "Convolution": ["W", "x"]}.get(case["op"], ["x"])
    parameters: dict[str, torch.Tensor] = {}
    if case["op"] == "Convolution":
        parameters["W"] = torch.from_numpy(oracle.arrays(case, "params")["W"]).requires_grad_()
        shapes = [Shape(tuple(parameters["W"].shape), batched=False), Shape(arrays["x"].shape[1:])]
        module = LayerModule(layer, shapes, rows.output_shape(layer, shapes)).double()
    else:
        shapes = [Shape(arrays[name].shape[1:]) for name in order]
        module = module_for(case, layer, shapes)
    assert module.output.dims == oracle.arrays(case, "outputs")["y"].shape[1:], "shape rule"
    compare(case, module.train(), order, parameters)


def run_rejection(case: oracle.Case) -> None:
    if case["id"] == "conv.error.channel-mismatch":
        layer = rows.bound(NAMES["Convolution"], [[3.0, 3.0, 2.0]], {"mapDims": 3.0, "autoPadding": True})
        shapes = [Shape.of(3, 3, 2, 3, batched=False), Shape((4, 6, 6))]
    else:
        layer = layer_of(case)
        shapes = [Shape(tuple(entry["shape"][1:])) for entry in case["inputs"].values()]
    if case["id"] in REFUSED_BY_CNTK_ONLY:
        assert layer.shape(shapes).size > 0
        return
    with pytest.raises(ShapeError) as raised:
        layer.shape(shapes)
    if "larger-than-input" in case["id"]:
        assert raised.value.code == "filter-too-large"


def run_batch_normalization(case: oracle.Case) -> None:
    layer = layer_of(case)
    dims = tuple(case["steps"][0]["inputs"]["x"]["shape"][1:])
    shapes = [Shape(dims)]
    module = module_for(case, layer, shapes)
    set_statistics(case, module, case["stateBefore"])
    for number, step in enumerate(case["steps"]):
        module.train(step["mode"] == "train")
        # A defect in the statistics of one step spoils all that follow: take over CNTK's state.
        spoiled = bool(step.get("zeroItemsIncluded")) and case["id"] in DEFECTS
        run_step(case, module, step, f"step {number}", compare_values=not spoiled and "blend" not in case["id"],
                 compare_statistics=not spoiled)
        if spoiled:
            set_statistics(case, module, step["stateAfter"])


def set_statistics(case: oracle.Case, module: LayerModule, state: dict[str, Any]) -> None:
    for own, name in (("running_mean", "runMean"), ("running_variance", "runVariance")):
        target = getattr(module, own)
        target.copy_(torch.from_numpy(oracle.array(case, state[name])).reshape(target.shape))
    module.running_count.fill_(state["runCount"])


def run_step(case: oracle.Case, module: LayerModule, step: dict[str, Any], what: str, compare_values: bool,
             compare_statistics: bool) -> None:
    x = torch.from_numpy(oracle.arrays(case, "inputs", step)["x"]).requires_grad_()
    module.zero_grad()
    y = module(x)
    if compare_values or step["mode"] != "train":
        oracle.assert_close(y, oracle.arrays(case, "outputs", step)["y"], f"{what}: output", 10)
    if compare_values and "grads" in step:
        (y * torch.from_numpy(oracle.array(case, step["lossWeights"])).reshape(y.shape)).sum().backward()
        got = {"x": x.grad, "scale": module.weight.grad, "bias": module.bias.grad}
        for name, wanted in oracle.arrays(case, "grads", step).items():
            oracle.assert_close(got[name], wanted, f"{what}: gradient of {name}", 10)
    if compare_statistics and "stateAfter" in step:
        after = step["stateAfter"]
        oracle.assert_close(module.running_mean, oracle.array(case, after["runMean"]), f"{what}: running mean")
        oracle.assert_close(module.running_variance, oracle.array(case, after["runVariance"]),
                            f"{what}: running variance")
        assert float(module.running_count) == after["runCount"]


def run_dropout(case: oracle.Case) -> None:
    options, statistics = case["options"], case["statistics"]
    shape = Shape.of(*options["dims"])
    module = LayerModule(rows.bound(NAMES["Dropout"]), [shape], shape).double()
    module.settings["rate"] = options["dropoutRate"]
    x = torch.full((options["samples"], *shape.dims), 3.0, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(5)
    y = module.train()(x)
    kept = (y != 0).double()
    assert kept.numel() == statistics["elements"]
    # Both are draws of the same distribution: five standard deviations of their difference.
    spread = math.sqrt(2 * options["dropoutRate"] * (1 - options["dropoutRate"]) / kept.numel())
    assert abs(float(kept.mean()) - statistics["keepRatio"]) <= 5 * spread
    assert torch.allclose(y[kept > 0], torch.tensor(3.0 * statistics["expectedScale"], dtype=torch.float64))
    y.sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, kept * statistics["expectedScale"])
    assert torch.equal(module.eval()(x), x)
    assert statistics["freshMaskEachMinibatch"] == (not torch.equal(module.train()(x), y))
    by_element, by_sample = kept.flatten(1).mean(0).std(), kept.flatten(1).mean(1).std()
    assert float(by_element) == pytest.approx(statistics["perElementKeepRatio_std"], rel=0.25)
    assert float(by_sample) == pytest.approx(statistics["perSampleKeepRatio_std"], rel=0.4)


def run_initializer(case: oracle.Case) -> None:
    options = case["options"]
    if case["op"] == "initialiser-bilinear":
        channels, kernel = options["channels"], options["kernel"]
        tensor = torch.empty(channels, channels, kernel, kernel)
        Initializer("bilinear", kernel=(kernel, kernel)).fill(tensor, torch.Generator())
        oracle.assert_close(tensor, oracle.arrays(case, "outputs")["W"], "kernel")
        return
    if case["op"] == "initialiser-constant":
        tensor = torch.empty(2, 3)
        Initializer(value=options["initValue"]).fill(tensor, torch.Generator())
        oracle.assert_close(tensor, oracle.arrays(case, "outputs")["W"], "constant")
        return
    start = initializer_of_layer(case)
    dims = tuple(reversed(options["dims"]))
    assert (start.fan_in, start.fan_out) == (case["fanIn"], case["fanOut"])
    distribution, statistics = case["distribution"], case["statistics"]
    if "sigma" in distribution:
        assert start.spread() == pytest.approx(distribution["sigma"], rel=1e-6)
    else:
        assert start.spread() * math.sqrt(3) == pytest.approx(distribution["high"], rel=1e-6)
    assert start.standard_deviation() == pytest.approx(statistics["std"], rel=0.02)
    tensor = torch.empty(dims)
    start.fill(tensor, torch.Generator().manual_seed(11))
    assert tensor.numel() == statistics["elements"]
    spread = start.standard_deviation()
    assert float(tensor.std()) == pytest.approx(spread, rel=0.02)
    assert float(tensor.std()) == pytest.approx(statistics["std"], rel=0.03)
    assert abs(float(tensor.mean())) <= 5 * spread / math.sqrt(tensor.numel())
    shares = torch.quantile(tensor.flatten(), torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99]))
    for got, wanted in zip(shares.tolist(), statistics["percentile_1_25_50_75_99"], strict=True):
        assert got == pytest.approx(wanted, abs=0.06 * spread)
    if "sigma" not in distribution:
        assert distribution["low"] <= float(tensor.min()) <= float(tensor.max()) <= distribution["high"]
    elif "truncated" in distribution["kind"]:
        assert float(tensor.abs().max()) <= 2 * start.spread()


def initializer_of_layer(case: oracle.Case) -> Initializer:
    """The start of the weight of the layer that the case describes; by the bare rule for rows of others."""
    options = case["options"]
    named = {"init": options["init"], "initValueScale": options["initValueScale"]}
    dims, kind = options["dims"], case["id"].split(".")[1]
    if kind in ("linear", "linear-image"):
        layer, shape = rows.bound(NAMES["LinearLayer"], [float(dims[0])], named), Shape.of(*dims[1:])
    elif kind in ("conv", "conv-rect"):
        layer = rows.bound(NAMES["ConvolutionalLayer"], [float(dims[3]), [float(d) for d in dims[:2]]], named)
        shape = Shape.of(30, 30, dims[2])
    elif kind == "deconv":
        layer = rows.bound(NAMES["ConvolutionTransposeLayer"], [float(dims[2]), [float(d) for d in dims[:2]]], named)
        shape = Shape.of(30, 30, dims[3])
    elif kind == "embedding":
        layer, shape = rows.bound(NAMES["EmbeddingLayer"], [float(dims[0])], named), Shape.of(dims[1])
    else:
        fan = fans(dims, options["initFilterRank"], options["initOutputRank"])
        known = options["init"][0].lower() + options["init"][1:]
        return Initializer(known, options["initValueScale"], fan_in=fan[0], fan_out=fan[1])
    return layer.parameters([shape])["weight"].init


def run_case(case: oracle.Case) -> None:
    if "expect_error" in case:
        run_rejection(case)
    elif case["group"] == "initialisers":
        run_initializer(case)
    elif case["op"] == "BatchNormalizationLayer":
        run_batch_normalization(case)
    elif case["op"] == "Dropout":
        run_dropout(case)
    else:
        run_static(case)


@pytest.mark.parametrize("case", [p for group in GROUPS for p in oracle.parameters(group)])
def test_equals_cntk(case: oracle.Case) -> None:
    run_case(case)


@pytest.mark.skipif(not oracle.AVAILABLE, reason=oracle.MISSING)
def test_covers_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """No case drops out unseen, and every exception names a case that is there."""
    known = {case["id"]: case for group in GROUPS for case in oracle.cases(group)}
    assert set(DEFECTS) | set(REFUSED_BY_CNTK_ONLY) <= set(known)
    assert {name for name, case in known.items() if "cntk_bug" in case} <= set(DEFECTS)
    counts = {group: sum(case["id"] not in REFUSED_BY_CNTK_ONLY for case in oracle.cases(group)) for group in GROUPS}
    with capsys.disabled():
        print(f"\nCNTK cases compared: {', '.join(f'{group} {count}' for group, count in counts.items())}; "
              f"{len(DEFECTS)} of them but for a defect of CNTK's, {len(REFUSED_BY_CNTK_ONLY)} left out")
    assert all(counts[group] >= COVERED[group] for group in GROUPS), counts


def test_truncated_normal_is_narrower() -> None:
    """The constant is the standard deviation of a normal distribution cut at two of its own."""
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    assert pytest.approx(math.sqrt(1 - 4 * density / math.erf(math.sqrt(2)))) == TRUNCATED
