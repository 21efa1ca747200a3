"""Positions without a class: left out of value, gradient and divisor of whatever compares classes, along any axis."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from rows import module_of, row_from_example

from netdsl.base.classes import NO_CLASS
from netdsl.layers import LAYERS
from netdsl.layers.layer import Layer, Shape
from netdsl.layers.sources import as_numbers

CLASSES, HEIGHT, WIDTH, COUNT = 3, 4, 5, 4


def classes_with_gaps(seed: int = 0) -> torch.Tensor:
    """(N, H, W) class numbers; none in a third of the pixels, and in all of the last sample."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.randint(CLASSES, (COUNT, HEIGHT, WIDTH), generator=draw)
    classes[torch.rand(classes.shape, generator=draw) < 0.3] = NO_CLASS
    classes[-1] = NO_CLASS
    return classes


def scores(channels: int = CLASSES, seed: int = 1) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(COUNT, channels, HEIGHT, WIDTH, generator=draw, dtype=torch.float64).requires_grad_()


def labels_in(form: str, classes: torch.Tensor) -> tuple[torch.Tensor, Shape]:
    """The labels as `Input {5:4:3}` or `Input {5:4:1}` gives them."""
    shape = Shape((CLASSES if form == "shares" else 1, HEIGHT, WIDTH))
    return as_numbers(classes, shape, torch.float64), shape


def compare(layer: Layer, labels: tuple[torch.Tensor, Shape], z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Value and weight of each sample."""
    module = module_of(layer, [labels[1], Shape(tuple(z.shape[1:]))])
    weights = layer.sample_weights(module, labels[0], z) if layer.is_weighted else torch.ones(COUNT, 1)
    return module(labels[0], z)[:, 0], weights[:, 0]


@pytest.mark.parametrize("form", ["shares", "numbers"])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"class_weights": (1.0, 2.0, 0.5)},
                                     {"label_smoothing": 0.2, "class_weights": (1.0, 2.0, 0.5)}])
def test_cross_entropy_is_torch_s_with_ignore_index(options: dict[str, Any], form: str) -> None:
    classes, z = classes_with_gaps(), scores()
    value, _ = compare(LAYERS["CrossEntropyWithSoftmax"](axis=3, **options), labels_in(form, classes), z)
    value.sum().backward()
    twin = scores()
    weight = torch.tensor(options["class_weights"], dtype=torch.float64) if "class_weights" in options else None
    wanted = torch.nn.functional.cross_entropy(twin, classes, weight, ignore_index=NO_CLASS, reduction="none",
                                               label_smoothing=options.get("label_smoothing", 0.0)).sum((1, 2))
    wanted.sum().backward()
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(z.grad, twin.grad)
    assert value[-1] == 0
    assert (z.grad.movedim(1, -1)[classes == NO_CLASS] == 0).all()


@pytest.mark.parametrize("form", ["shares", "numbers"])
def test_cross_entropy_of_probabilities(form: str) -> None:
    classes, z = classes_with_gaps(), scores()
    value, _ = compare(LAYERS["CrossEntropy"](axis=3), labels_in(form, classes), z.softmax(1))
    wanted = torch.nn.functional.cross_entropy(z, classes, ignore_index=NO_CLASS, reduction="none").sum((1, 2))
    torch.testing.assert_close(value, wanted)


@pytest.mark.parametrize("form", ["shares", "numbers"])
@pytest.mark.parametrize("top", [1, 2])
def test_errors_are_counted_among_pixels_that_have_a_class(form: str, top: int) -> None:
    classes, z = classes_with_gaps(), scores()
    value, weight = compare(LAYERS["ClassificationError"](axis=3, top_n=top), labels_in(form, classes), z)
    known = classes != NO_CLASS
    wrong = (z.topk(top, 1).indices != classes[:, None]).all(1) & known
    assert weight.tolist() == known.sum((1, 2)).tolist()
    torch.testing.assert_close(value * weight, wrong.sum((1, 2)).double())
    assert (value * weight).sum() / weight.sum() == pytest.approx((wrong.sum() / known.sum()).item())
    assert value[-1] == weight[-1] == 0


@pytest.mark.parametrize("form", ["shares", "numbers"])
def test_intersection_over_union_looks_at_pixels_that_have_a_class(form: str) -> None:
    classes, z = classes_with_gaps(), scores()
    value, weight = compare(LAYERS["IntersectionOverUnionError"](axis=3), labels_in(form, classes), z)
    for sample in range(COUNT - 1):
        known = classes[sample] != NO_CLASS
        label, found = classes[sample][known], z[sample].argmax(0)[known]
        shares = [((label == c) & (found == c)).sum() / ((label == c) | (found == c)).sum()
                  for c in range(CLASSES) if ((label == c) | (found == c)).any()]
        assert value[sample].item() == pytest.approx(1 - sum(shares).item() / len(shares))
    assert weight.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("form", ["shares", "numbers"])
@pytest.mark.parametrize("name", ["Precision", "Recall", "F1", "MeanIoU"])
def test_metrics_of_the_set_count_the_same_pixels(name: str, form: str) -> None:
    classes, z = classes_with_gaps(), scores()
    known = classes != NO_CLASS
    layer = LAYERS[name](axis=3)
    labels, shape = labels_in(form, classes)
    added = module_of(layer, [shape, Shape((CLASSES, HEIGHT, WIDTH))])(labels, z)
    flat = LAYERS[name]()
    wanted = module_of(flat, [Shape((CLASSES,)), Shape((CLASSES,))])(
        torch.nn.functional.one_hot(classes[known], CLASSES).double(), z.movedim(1, -1)[known])
    assert layer.result(added) == pytest.approx(flat.result(wanted))


@pytest.mark.parametrize(("name", "torch_s"), [
    ("BinaryCrossEntropyWithSigmoid", lambda z: z), ("BinaryCrossEntropy", torch.sigmoid), ("Logistic", torch.sigmoid)])
def test_masks_of_two_classes_and_one_score(name: str, torch_s: Any) -> None:
    classes = classes_with_gaps().clamp(max=1)
    z = scores(1)
    value, _ = compare(LAYERS[name](), labels_in("numbers", classes), torch_s(z))
    value.sum().backward()
    known = classes != NO_CLASS
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(
        z.detach()[:, 0], classes.clamp(min=0).double(), reduction="none") * known
    torch.testing.assert_close(value, wanted.sum((1, 2)))
    assert (z.grad[:, 0][~known] == 0).all()
    errors, weight = compare(LAYERS["ClassificationError"](axis=3), labels_in("numbers", classes), z)
    wrong = ((z[:, 0] > 0) != (classes == 1)) & known
    torch.testing.assert_close(errors * weight, wrong.sum((1, 2)).double())


def test_a_sigmoid_for_each_class_leaves_out_pixels_that_have_none() -> None:
    classes, z = classes_with_gaps(), scores()
    value, _ = compare(LAYERS["BinaryCrossEntropyWithSigmoid"](axis=3), labels_in("shares", classes), z)
    labels, _ = labels_in("shares", classes)
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(z, labels, reduction="none").sum(1)
    torch.testing.assert_close(value, (wanted * (classes != NO_CLASS)).sum((1, 2)))


@pytest.mark.parametrize("axis", [1, 2])
def test_any_axis_can_hold_the_classes(axis: int) -> None:
    """`Input {3:5}` and `Input {5:3}`: a row of 5 positions with 3 classes."""
    classes = torch.tensor([[0, NO_CLASS, 2, 1, NO_CLASS]])
    z = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels = torch.nn.functional.one_hot(classes.clamp(min=0), 3).double() * (classes != NO_CLASS)[..., None]
    if axis == 2:
        z, labels = z.transpose(1, 2), labels.transpose(1, 2)
    shape = Shape(tuple(z.shape[1:]))
    module = module_of(LAYERS["CrossEntropyWithSoftmax"](axis=axis, label_smoothing=0.1), [shape, shape])
    scores_last = z if axis == 1 else z.transpose(1, 2)
    wanted = torch.nn.functional.cross_entropy(scores_last[0], classes[0], ignore_index=NO_CLASS, reduction="sum",
                                               label_smoothing=0.1)
    assert module(labels, z).item() == pytest.approx(wanted.item())


def test_a_sample_without_a_class_is_left_out() -> None:
    """The class of a whole sample, without an axis."""
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    labels = as_numbers(torch.tensor([1, NO_CLASS, 3]), Shape((4,)), torch.float64)
    shapes = [Shape((4,)), Shape((4,))]
    layer = LAYERS["ClassificationError"]()
    assert layer.sample_weights(module_of(layer, shapes), labels, z)[:, 0].tolist() == [1, 0, 1]
    assert module_of(LAYERS["CrossEntropyWithSoftmax"](label_smoothing=0.3), shapes)(labels, z)[1].item() == 0


@pytest.mark.parametrize("bad", [3, -1, 255])
def test_a_number_that_is_no_class_is_not_a_number(bad: int) -> None:
    """On the CPU as on CUDA, where an index out of range would end the process."""
    given = as_numbers(torch.tensor([0, bad]), Shape((3,)), torch.float32)
    assert torch.equal(given[0], torch.tensor([1.0, 0, 0]))
    assert given[1].isnan().all()
    for name in ("CrossEntropyWithSoftmax", "ClassificationError"):
        value = module_of(row_from_example(name), [Shape((1,)), Shape((3,))])(
            torch.tensor([[0.0], [bad]], dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64))
        assert not value[0].isnan()
        assert value[1].isnan()


# --- one score ------------------------------------------------------------------------------------------------


def test_one_score_is_compared_with_the_threshold() -> None:
    z = torch.tensor([[-2.0], [0.3], [0.7], [float("nan")]], dtype=torch.float64)
    labels = torch.tensor([[0.0], [1.0], [0.0], [1.0]], dtype=torch.float64)
    shapes = [Shape((1,)), Shape((1,))]
    assert module_of(LAYERS["ClassificationError"](), shapes)(labels, z)[:, 0].tolist() == [0, 0, 1, 1]
    assert module_of(LAYERS["ClassificationError"](threshold=0.5), shapes)(labels, z)[:, 0].tolist() == [0, 1, 1, 1]


def test_labels_of_minus_one_and_one() -> None:
    labels = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    value = module_of(LAYERS["ClassificationError"](), [Shape((1,)), Shape((1,))])(labels, -labels)
    assert value[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("form", ["shares", "numbers"])
@pytest.mark.parametrize("name", ["CrossEntropyWithSoftmax", "CrossEntropy", "ClassificationError", "F1",
                                  "IntersectionOverUnionError"])
def test_nothing_is_read_on_the_host(name: str, form: str) -> None:
    """So a GPU never waits, and the step can be captured: a tensor without values has none to read."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        shape = Shape((CLASSES if form == "shares" else 1, HEIGHT, WIDTH))
        labels = as_numbers(torch.zeros(COUNT, HEIGHT, WIDTH, dtype=torch.int64), shape, torch.float64)
        layer = LAYERS[name](axis=3)
        module = module_of(layer, [shape, Shape((CLASSES, HEIGHT, WIDTH))])
        z = torch.zeros(COUNT, CLASSES, HEIGHT, WIDTH, dtype=torch.float64)
        module(labels, z)
        if layer.is_weighted:
            layer.sample_weights(module, labels, z)
