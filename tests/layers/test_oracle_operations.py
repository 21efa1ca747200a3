"""The operations against real CNTK: forward, gradients, rejections (`../shared/oracle`, three groups).

Rows are made by hand from a case's options and run in float64. What CNTK computes in single precision
overflows at 3.4e38, so results are compared after rounding to that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import oracle_vectors
import pytest
import torch

from netdsl.layers import LAYERS
from netdsl.layers.layer import Layer, Shape, ShapeError
from netdsl.lower import LayerModule

torch.set_num_threads(1)

GROUPS = ("elementwise", "shape_linear", "criteria")
#: Cases that no row covers. Everything else has to be covered.
EXCLUDED = {
    "clip.tensors": "the bounds of Clip are numbers; for tensors there are ElementMin and ElementMax",
    **{f"edit-distance.{name}": "alignments of sequences are no row of these files" for name in (
        "plain", "batch", "penalties", "squash", "ignore", "squash-ignore", "identical")},
}
#: Cases whose gradient is a defect of CNTK; the values are compared.
GRADIENT_IS_A_DEFECT = {
    "ce.labels-not-normalised": "CNTK's gradient is softmax - labels even where that is not the derivative",
}
#: Cases covered when this test was written, by group; the numbers may grow.
COVERED = {"elementwise": 95, "shape_linear": 76, "criteria": 28}

Options = Mapping[str, Any]


def row(name: str, **options: Any) -> Layer:
    return LAYERS[name](**options)


def plain(name: str) -> Callable[[Options], Layer]:
    return lambda options: row(name)


def reduction(name: str) -> Callable[[Options], Layer]:
    return lambda options: row(name, axis=tuple(options.get("axes") or [options["axis"]]))


#: CNTK's op -> the row with the case's options.
ROWS: dict[str, Callable[[Options], Layer]] = {
    **{name: plain(name) for name in (
        "Sigmoid", "Tanh", "ReLU", "Exp", "Log", "Sqrt", "Abs", "Negate", "Reciprocal", "Floor", "Ceil", "Round", "Sin",
        "Cosine", "Sinh", "Cosh", "Asin", "Acos", "Asinh", "Atanh", "Atan", "Square", "StopGradient",
        "StraightThrough", "SELU", "Softsign", "Softmax", "LogSoftmax", "Hardmax", "Plus", "Minus", "ElementTimes",
        "ElementDivide", "LogPlus", "ElementMax", "ElementMin", "Pow", "Less", "LessEqual", "Equal", "NotEqual",
        "Greater", "GreaterEqual", "If", "CosDistance", "TransposeTimes", "Scale", "CrossEntropyWithSoftmax",
        "CrossEntropy", "SquareError", "Logistic", "WeightedLogistic", "BinaryCrossEntropy", "LambdaRank",
        "NDCG1Eval")},
    "LeakyReLU": lambda o: row("LeakyReLU", slope=o["alpha"]),
    "ELU": lambda o: row("ELU", alpha=o["alpha"]),
    "Softplus": lambda o: row("Softplus", steepness=float(o["steepness"])),
    "HardSigmoid": lambda o: row("HardSigmoid", alpha=o["alpha"], beta=o["beta"]),
    "Clip": lambda o: row("Clip", min_value=o["min"], max_value=o["max"]),
    "SoftmaxAxis": lambda o: row("Softmax", axis=o["axis"]),
    "LogSoftmaxAxis": lambda o: row("LogSoftmax", axis=o["axis"]),
    "ScalarTimes": lambda o: row("ScaleAndShift", scale=o["c"]),
    "ScalarDivide": lambda o: row("ScaleAndShift", scale=1 / o["c"]),
    "ScalarMinus": lambda o: row("ScaleAndShift", scale=-1.0, offset=o["c"]),
    "BooleanAnd": plain("And"),
    "BooleanOr": plain("Or"),
    "BooleanXor": plain("Xor"),
    "Slice": lambda o: row("Slice", begin_index=o["beginIndex"], end_index=o["endIndex"], axis=o["axis"]),
    "Splice": lambda o: row("Splice", axis=o["axis"]),
    "NewReshape": lambda o: row("Reshape", dims=tuple(o["dims"]), begin_axis=o["beginAxis"], end_axis=o["endAxis"]),
    "TransposeDimensions": lambda o: row("TransposeDimensions", axis1=o["axis1"], axis2=o["axis2"]),
    **{name: reduction(name) for name in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceLogSum",
                                          "ReduceProd")},
    "ReduceSum2": reduction("ReduceSum"),
    "Times": lambda o: row("Times", output_rank=o["outputRank"]),
    "CosDistanceNeg": lambda o: row("CosDistanceWithNegativeSamples", num_shifts=o["shift"],
                                    num_neg_samples=o["num"]),
    "CrossEntropyWithSoftmaxAxis": lambda o: row("CrossEntropyWithSoftmax", axis=o["axis"]),
    "ClassificationError": lambda o: row("ClassificationError", top_n=o["topN"]),
    "ClassificationErrorAxis": lambda o: row("ClassificationError", axis=o["axis"]),
}
#: Cases that CNTK's library writes with another function: that one has a row as well.
ALSO = {
    "slice.rowslice": row("RowSlice", begin_index=1, num_rows=2),
    "reshape.flat": row("Flatten"),
    "reshape.flatten-dimensions": row("FlattenDimensions", axis=1, num=2),
    "reshape.split-dimension": row("SplitDimension", axis=1, parts=2),
    "reshape.split-axis1": row("ReshapeDimension", axis=1, dims=(2, 2)),
    "transpose.1-3": row("TransposeAxes", permutation=(3, 2, 1)),
    "transpose.matrix": row("TransposeDimensions"),
}
#: The order of the inputs, where it is not that of the letters.
ORDER = ("factor", "cond", "labels", "gain", "W", "x", "z", "p", "w", "group")


def covered(case: oracle_vectors.Case) -> bool:
    return case["op"] in ROWS and case["id"] not in EXCLUDED


def all_cases() -> list[oracle_vectors.Case]:
    return [case for group in GROUPS for case in oracle_vectors.cases(group)]


def parameters(rejected: bool) -> list[Any]:
    found = [case for case in all_cases() if covered(case) and bool(case.get("expect_error")) is rejected]
    if not oracle_vectors.AVAILABLE:
        return oracle_vectors.parameters()
    return [pytest.param(case, id=case["id"]) for case in found]


def names_of(case: oracle_vectors.Case) -> list[str]:
    """The inputs in the order in which the row takes them."""
    names = {**case["inputs"], **case.get("params", {})}
    if "c" in names:
        return ["c", "a", "b"]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else -1, name))


def shapes_of(case: oracle_vectors.Case, names: list[str]) -> list[Shape]:
    return [Shape.of(*case["inputs"][name]["dims"]) if name in case["inputs"]
            else Shape.of(*case["params"][name]["dims"], batched=False) for name in names]


def module_of(layer: Layer, shapes: list[Shape]) -> LayerModule:
    output = dataclasses.replace(layer.shape(shapes), batched=any(shape.batched for shape in shapes))
    module = LayerModule(layer, shapes, output).double()
    module.initialize(1, "test")
    return module


def single(values: torch.Tensor) -> np.ndarray:
    """As single precision holds them: what is too large is infinite."""
    with np.errstate(over="ignore"):
        return values.detach().numpy().astype(np.float32)


@dataclasses.dataclass
class Result:
    """What a row computes for a case: per sample, and its gradients under the case's loss."""

    value: torch.Tensor
    gradients: dict[str, torch.Tensor]


def compute(case: oracle_vectors.Case, layer: Layer) -> Result:
    names = names_of(case)
    shapes = shapes_of(case, names)
    arrays = {**oracle_vectors.arrays(case, "inputs"), **oracle_vectors.arrays(case, "params")}
    tensors = {name: torch.from_numpy(arrays[name].astype(np.float64)).requires_grad_() for name in names}
    if "factor" in case["options"]:  # Scale takes its factor as a constant node
        tensors = {"factor": torch.tensor([case["options"]["factor"]], dtype=torch.float64), **tensors}
        shapes = [Shape((1,), batched=False), *shapes]
    module = module_of(layer, shapes)
    value = module(*tensors.values())
    assert tuple(value.shape[1:]) == module.output.dims
    weights = torch.from_numpy(oracle_vectors.array(case, case["lossWeights"])) if "lossWeights" in case else None
    sums_positions = weights is not None and weights.numel() > value.numel()
    loss = value.sum() if weights is None or sums_positions else (value * weights.reshape(value.shape)).sum()
    wanted = case.get("grads", {})
    found = torch.autograd.grad(loss, [tensors[name] for name in wanted], allow_unused=True) if (
        wanted and loss.requires_grad) else [None] * len(wanted)
    gradients = {name: torch.zeros_like(tensors[name]) if gradient is None else gradient
                 for name, gradient in zip(wanted, found, strict=True)}
    if sums_positions and weights is not None:
        # Our criterion is the sum over the positions; each of them has its weight in CNTK's loss.
        gradients = {name: gradient * weights for name, gradient in gradients.items()}
    if layer.is_weighted:  # CNTK's value is the mean, times the number of samples
        weights = layer.sample_weights(module, *tensors.values())
        value = value * weights * len(value) / weights.sum()
    return Result(value, gradients)


def check(case: oracle_vectors.Case, layer: Layer) -> None:
    result = compute(case, layer)
    for name, wanted in oracle_vectors.arrays(case, "outputs").items():
        value = result.value.detach()
        if name == "value":
            value = value.sum()
            if case["op"] == "WeightedLogistic":  # CNTK divides by the mean weight, in the value alone
                weight = oracle_vectors.arrays(case, "inputs")["w"]
                wanted = wanted * weight.mean()
        elif wanted.size > value.numel():
            wanted = wanted.reshape(len(wanted), -1).sum(1)
        oracle_vectors.assert_close(single(value), wanted.reshape(value.shape), f"{case['id']}: {name}")
    if case["id"] not in GRADIENT_IS_A_DEFECT:
        for name, wanted in oracle_vectors.arrays(case, "grads").items():
            oracle_vectors.assert_close(single(result.gradients[name]), wanted, f"{case['id']}: gradient of {name}")


@pytest.mark.parametrize("case", parameters(rejected=False))
def test_computes_what_cntk_does(case: oracle_vectors.Case) -> None:
    check(case, ROWS[case["op"]](case["options"]))
    if case["id"] in ALSO:
        check(case, ALSO[case["id"]])


@pytest.mark.parametrize("case", parameters(rejected=True))
def test_rejects_what_cntk_does(case: oracle_vectors.Case) -> None:
    layer = ROWS[case["op"]](case["options"])
    with pytest.raises(ShapeError) as raised:
        layer.shape(shapes_of(case, names_of(case)))
    assert raised.value.label
    assert raised.value.input is not None


@pytest.mark.skipif(not oracle_vectors.AVAILABLE, reason=oracle_vectors.MISSING)
def test_no_case_is_left_out() -> None:
    known = {case["id"] for case in all_cases()}
    assert set(EXCLUDED) <= known
    assert set(ALSO) <= known
    assert set(GRADIENT_IS_A_DEFECT) <= known
    assert [case["id"] for case in all_cases() if not covered(case) and case["id"] not in EXCLUDED] == []
    for group, number in COVERED.items():
        assert sum(covered(case) for case in oracle_vectors.cases(group)) >= number


# --- labels in other forms, which CNTK does not have ---------------------------------------------------


@pytest.mark.parametrize("name", ["CrossEntropyWithSoftmax", "ClassificationError"])
def test_class_numbers_are_one_hot_labels(name: str) -> None:
    draw = torch.Generator().manual_seed(3)
    z = torch.randn(7, 5, generator=draw, dtype=torch.float64)
    classes = torch.randint(5, (7, 1), generator=draw)
    layer = row(name)
    one_hot = torch.nn.functional.one_hot(classes[:, 0], 5).double()
    wanted = module_of(layer, [Shape((5,)), Shape((5,))])(one_hot, z)
    assert torch.equal(module_of(layer, [Shape((1,)), Shape((5,))])(classes.double(), z), wanted)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"class_weights": (1.0, 2.0, 0.5)}],
                         ids=["plain", "smooth", "weighted"])
def test_cross_entropy_is_that_of_torch(options: dict[str, Any]) -> None:
    draw = torch.Generator().manual_seed(4)
    z = torch.randn(4, 3, 2, 5, generator=draw, dtype=torch.float64)
    labels = torch.softmax(torch.randn(4, 3, 2, 5, generator=draw, dtype=torch.float64), 1)
    layer = row("CrossEntropyWithSoftmax", axis=3, **options)
    got = module_of(layer, [Shape((3, 2, 5)), Shape((3, 2, 5))])(labels, z)
    weights = options.get("class_weights")
    wanted = torch.nn.functional.cross_entropy(
        z, labels, reduction="none", label_smoothing=options.get("label_smoothing", 0.0),
        weight=None if weights is None else torch.tensor(weights, dtype=torch.float64))
    torch.testing.assert_close(got[:, 0], wanted.sum((1, 2)))


def test_nan_is_an_error() -> None:
    z = torch.tensor([[float("nan")] * 3, [1.0, float("nan"), 0.0], [0.0, 1.0, 0.0]])
    labels = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0]])
    layer = row("ClassificationError")
    got = LayerModule(layer, [Shape((3,)), Shape((3,))], Shape((1,)))(labels, z)
    assert got[:, 0].tolist() == [1.0, 1.0, 0.0]
