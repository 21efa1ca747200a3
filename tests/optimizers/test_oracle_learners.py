"""Every learner of real CNTK 2.7: our plan and rule reproduce its parameters after each minibatch."""

from __future__ import annotations

import math
from typing import Any

import oracle_vectors
import pytest

from netdsl.optimizers.bind_block import plan_of
from netdsl.optimizers.optimizer import Optimizer
from netdsl.optimizers.plan import TrainingBlock, TrainingPlan
from netdsl.optimizers.rules.adam import Adam, Adamax
from netdsl.optimizers.rules.adaptive import Adadelta, Adagrad, CNTKRMSProp, FSAdagrad
from netdsl.optimizers.rules.sgd import MomentumSGD
from netdsl.optimizers.schedules.schedule import PiecewiseConstant, Schedule, Segment


def schedule(entry: dict[str, Any]) -> Schedule:
    """A schedule of the oracle with epochs of one sample, so that each may have its own epoch size."""
    size = entry["epochSizeInSamples"] or 1
    return PiecewiseConstant(tuple(Segment(value, count * size) for count, value in entry["values"]))


def rate_field(options: dict[str, Any]) -> str:
    """The key of the rate: IGNORE is the classical one, and 1 is per sample."""
    reference = options["lr"]["referenceMinibatchSize"]
    return {"IGNORE": "learning_rate", 1: "learning_rates_per_sample"}.get(reference, "learning_rates_per_mb")


def momentum_field(entry: dict[str, Any]) -> str:
    if "time constant" in entry.get("unit", ""):
        return "momentum_as_time_constant"
    return {"IGNORE": "momentum", 1: "momentum_per_sample"}.get(entry["referenceMinibatchSize"], "momentum_per_mb")


def constant_of(entry: dict[str, Any]) -> float:
    (_, value), = entry["values"]
    return float(value)


def adam(options: dict[str, Any]) -> Optimizer:
    """CNTK's Adam or Adamax; the memories are constants of the row."""
    references = {options[key]["referenceMinibatchSize"] for key in ("momentum", "varianceMomentum")}
    (reference,) = references
    row = Adamax if options.get("adamax") else Adam
    return row(beta1=constant_of(options["momentum"]), beta2=constant_of(options["varianceMomentum"]),
               unit_gain=options["unit_gain"], epsilon=options.get("epsilon", 1e-8), corrected_epsilon=False,
               reference_size=0 if reference == "IGNORE" else reference)


def rms_prop(options: dict[str, Any]) -> Optimizer:
    return CNTKRMSProp(gamma=options["gamma"], increase=options["inc"], decrease=options["dec"], maximum=options["max"],
                   minimum=options["min"], average_multiplier=options["need_ave_multiplier"])


def fs_adagrad(options: dict[str, Any]) -> Optimizer:
    per_sample = constant_of(options["varianceMomentum"])
    return FSAdagrad(variance_time_constant=-1 / math.log(per_sample), unit_gain=options["unit_gain"])


ROWS: dict[str, Any] = {
    "sgd": lambda o: MomentumSGD(),
    "momentum_sgd": lambda o: MomentumSGD(unit_gain=o["unit_gain"]),
    "nesterov": lambda o: MomentumSGD(unit_gain=o["unit_gain"], nesterov=True),
    "adam": adam,
    "adagrad": lambda o: Adagrad(average_multiplier=o["need_ave_multiplier"]),
    "rmsprop": rms_prop,
    "fsadagrad": fs_adagrad,
    "adadelta": lambda o: Adadelta(rho=o["rho"], epsilon=o["epsilon"]),
}


def plan_for(options: dict[str, Any]) -> TrainingPlan:
    """The plan that a file with these options would mean; all minibatches are meant for 4 samples."""
    row = ROWS[options["type"]](options)
    keys: dict[str, Any] = {rate_field(options): schedule(options["lr"])}
    if row.uses_momentum and "momentum" in options:
        keys[momentum_field(options["momentum"])] = schedule(options["momentum"])
    if "gradient_clipping_threshold_per_sample" in options:
        keys["clipping_threshold"] = options["gradient_clipping_threshold_per_sample"]
        keys["clipping_with_truncation"] = options["gradient_clipping_with_truncation"]
    block = TrainingBlock(
        max_epochs=1000, minibatch_size=PiecewiseConstant((Segment(4, None),)), optimizer=row, epoch_size=1,
        l1_weight=options.get("l1_regularization_weight", 0.0), l2_weight=options.get("l2_regularization_weight", 0.0),
        **keys)
    return plan_of(block, {})[0]


@pytest.mark.parametrize("case", oracle_vectors.parameters("learners"))
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_trajectory(case: dict[str, Any], precision: str) -> None:
    """In float64 by the rules as written, in float32 by torch's fused kernels where a rule has one."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    dtype = getattr(torch, precision)
    data = {name: torch.from_numpy(a).to(dtype) for name, a in oracle_vectors.arrays(case, "inputs").items()}
    weights = {name: torch.from_numpy(a).to(dtype).requires_grad_()
               for name, a in oracle_vectors.arrays(case, "params").items()}
    wanted = oracle_vectors.arrays(case, "trajectory")
    plan = plan_for(case["options"])
    rule = plan.build([plan.group(f"net.{name}", tensor) for name, tensor in weights.items()])
    seen = 0
    for step, size in enumerate(case["minibatchSizes"]):
        x, labels = data["x"][seen : seen + size], data["labels"][seen : seen + size]
        h = (functional.conv2d(x, weights["W1"]) + weights["b1"]).relu()
        z = torch.einsum("nchw,chwo->no", h, weights["W2"]) + weights["b2"]
        loss = functional.cross_entropy(z, labels)
        assert loss.item() == pytest.approx(case["lossPerMinibatch"][step], rel=2e-4, abs=2e-5)
        loss.backward()
        rule.step(plan.rates_at(seen, size, float(seen), step))
        seen += size
        for name, tensor in weights.items():
            oracle_vectors.assert_close(tensor, wanted[name][step + 1], f"{name} after minibatch {step + 1}")
            tensor.grad = None
