"""How a run goes on from a checkpoint: what must not have changed, and what is put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .._version import __version__
from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..checks.class_ids import apply_checkpoint_classes
from ..checks.frozen import frozen_layers, frozen_text
from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import TrainingPlan
from ..optimizers.plan_text import plan_record
from ..passes.share_fit import share_fit, training_fit
from ..readers.reader import Dataset, Description, describe_reader
from ..runs import checkpoint
from ..runs.checkpoint import Identity
from ..runs.store import network_name, saved_state
from .build import tensor_spans
from .by_data import FROZEN, MEMORY
from .data.sampling import Sampling
from .evaluation.prediction import names_by_input
from .run_options import RunOptions
from .state import State

#: Keys of the training block that change nothing of what is computed; a resumed run may change them.
HARMLESS = frozenset({"keepCheckpoints", "keepCheckPointFiles", "numMBsToShowResult", "firstMBsToShowResult",
                      "loadWeights"})


def with_resumed_classes(program: CheckedProgram, options: RunOptions) -> CheckedProgram:
    """The program whose data number their classes as those of the run that goes on.

    Raises Failure where the training data have other classes than that run.
    """
    if options.resume is None or options.accept_changes:
        return program
    state = saved_state(checkpoint.find(Path(options.resume)))
    return apply_checkpoint_classes(share_fit(program, state.get("fit")), state.get("classNames", ()), Phase.TRAIN)


def resume(program: CheckedProgram, state: State, options: RunOptions, identity: Identity) -> None:
    """Go on from a checkpoint. Raises Failure where it is of another network, plan or data."""
    if options.resume is None:
        return
    path = checkpoint.find(Path(options.resume))
    saved = checkpoint.read(path)
    changes = checkpoint.differences(saved.state.get("identity", {}), identity)
    executable = state.executable
    if changes and not options.accept_changes:
        places = (changed_place(program, part, key) for part, key, *_ in changes)
        span = next((place for place in places if place is not None), Span.nowhere(program.source.name))
        raise checkpoint.refuse_changes(changes, span, path)
    checkpoint.load(executable.tensors(), saved.weights, tensor_spans(executable), path)
    try:
        state.restore(saved)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise failure(Code.CHECKPOINT_MISMATCH, "the optimizer's state in the checkpoint does not fit the plan",
                      Span.nowhere(program.source.name), body=(f"In {path}: {error}.",),
                      hint="start a new run from the checkpoint's weights instead: --weights "
                           f"{path}") from error


def changed_place(program: CheckedProgram, part: str, key: str) -> Span | None:
    """Where in the file something stands that has changed since a checkpoint."""
    if part == "network":
        return program.network[key].span if key in program.network else program.spans.get(key)
    if part == "plan" and program.plan is not None:
        return program.plan.spans.get(key)
    return program.readers.spans.get("train")


def identify(program: CheckedProgram, plan: TrainingPlan, sampling: Sampling) -> Identity:
    """What a resumed run must not have changed, in the notation of the file."""
    # Shapes follow from the inputs', so that a change is listed where it was made and not wherever it is felt.
    nodes = {node.name: f"{node.layer.show()} ({', '.join(use.node for use in node.inputs)})"
             + (f" with the weights of {node.weights}" if node.weights != node.name else "")
             for node in program.network}
    # `split` below says what `stratify` came to: a run from before there was that key set aside at random.
    keys = {key: text for key, text in plan.keys.items() if key not in HARMLESS and key != "stratify"}
    train = program.readers.get(Phase.TRAIN)
    data = {"train": str(train.fingerprint()) if train is not None else "", "samples": str(sampling.count),
            **({"split": sampling.split} if sampling.split else {})}
    roles = {name: ", ".join(program.special.get(name, ())) for name in ("criterionNodes", "evaluationNodes")}
    return {"network": {**nodes, **roles}, "plan": {**keys, "seed": str(plan.block.seed)}, "data": data}


def facts(program: CheckedProgram, options: RunOptions, plan: TrainingPlan, identity: Identity, dataset: Dataset,
          memory: float) -> dict[str, Any]:
    return {"name": network_name(program.source.name), "netdsl": __version__, "torch": torch.__version__,
            "seed": plan.block.seed, "sample": options.sample,
            "classNames": list(dataset.class_names), "inputNames": input_names(program), "fit": training_fit(program),
            "plan": plan_record(plan, frozen_text(program.network, plan)), "identity": identity,
            MEMORY: memory, FROZEN: frozen_layers(program.network, plan)}


def input_names(program: CheckedProgram) -> dict[str, list[str]]:
    """The names that the training data give classes and targets, by input; for predictions, which may lack the data."""
    train = program.readers.get(Phase.TRAIN)
    described = describe_reader(train) if train is not None else None
    return names_by_input(described) if isinstance(described, Description) else {}
