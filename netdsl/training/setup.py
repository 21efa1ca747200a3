"""From a program and options to everything the loop needs, with every mistake found before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from .._version import __version__
from ..base.atomic_files import probe
from ..base.codes import Code
from ..base.diagnostics import Failure, did_you_mean, failure
from ..base.source import Span
from ..base.units import first_of, plural
from ..checks.class_ids import apply_checkpoint_classes
from ..checks.frozen import frozen_layers, frozen_text, moved_tensors, nothing_trained
from ..checks.multi_view import multi_view_diagnostic
from ..ir.program import CheckedProgram, Phase
from ..lower import Executable, lower
from ..optimizers.plan import TrainingPlan
from ..optimizers.plan_text import plan_record
from ..optimizers.schedules.schedule import constant
from ..passes.share_fit import share_fit, training_fit
from ..readers.reader import DataError, Dataset, Description, describe_reader
from ..runs import checkpoint
from ..runs import writer as record
from ..runs.checkpoint import CheckpointManager, Identity
from ..runs.store import network_name, saved_state
from .by_data import FROZEN, MEMORY, memory_note, resumed_notes, set_memory
from .data.loader import Loader, open_loader
from .data.mixing import Mixing
from .data.opening import data_errors, default_workers, open_dataset, read_ahead
from .data.sample_choice import make_sampling, part_of, read_groups, with_saved_split
from .data.sampling import Sampling
from .device import choose_device
from .evaluation.details import Details
from .evaluation.evaluate import Evaluator, ranked_names
from .evaluation.prediction import names_by_input
from .precompute import precompute, with_statistics
from .progress import Reporter
from .run_options import OVERFIT_UPDATES, RunOptions
from .running_metrics import RunningMetrics
from .state import State
from .step import Precision, TrainingStep, choose_precision

#: Keys of the training block that change nothing of what is computed; a resumed run may change them.
HARMLESS = frozenset({"keepCheckpoints", "keepCheckPointFiles", "numMBsToShowResult", "firstMBsToShowResult",
                      "loadWeights"})


@dataclass
class Job:
    """A training, set up. The loop reads it and changes `state` alone."""

    program: CheckedProgram
    plan: TrainingPlan
    options: RunOptions
    reporter: Reporter
    device: torch.device
    seed: int
    state: State
    step: TrainingStep
    feed: Loader
    sampling: Sampling
    mixing: Mixing
    validation: Evaluator | None
    folder: Path
    keeper: CheckpointManager
    facts: dict[str, Any]  #: what checkpoints say of the run beside its state
    skipped: tuple[DataError, ...]  #: bad samples of the training data that are skipped
    notes: tuple[str, ...] = ()  #: what is told before the first update: of start weights, statistics, classes


@contextmanager
def prepare_job(program: CheckedProgram, options: RunOptions, reporter: Reporter) -> Iterator[Job]:
    """Set a training up; readers and threads are closed afterwards. Raises Failure."""
    program = with_resumed_classes(program, options)
    plan = with_seed(required_plan(program), options.seed)
    if options.resume is not None:
        plan = with_saved_split(plan, saved_state(checkpoint.find(Path(options.resume))), resumed=True)
    if options.limits.overfit is not None:
        plan = overfit_plan(plan, options.limits.overfit)
    check_best(program, options.best)
    seed, device = plan.block.seed, choose_device(options.device)
    executable = build(program, (*program.criteria, *program.metrics), device, seed)
    executable = with_statistics(program, executable, device, seed)
    with ExitStack() as stack:
        state = trained_state(plan, executable, device)
        begun_with = load_initial_weights(program, plan, state, options)
        dataset = open_dataset(program, Phase.TRAIN, options.limits.overfit is None)
        stack.callback(dataset.close)
        read_ahead(program, options, device, reporter)
        with data_errors(program, Phase.TRAIN):
            sampling = make_sampling(program, plan, options, dataset)
        state.totals.reserve(sampling.epoch_length)
        memory = set_memory(program, plan, state.executable, options, sampling)
        feed = make_loader(program, Phase.TRAIN, dataset, device, options, seed, stack)
        precomputed = compute_statistics(program, plan, state, options, feed, sampling)
        precision = choose_precision(plan.block.precision, device)
        step = TrainingStep(executable, program.criteria, state.rule, precision, feed.expand,
                            -(-plan.update_size_at(0) // plan.pieces) if plan.pieces > 1 else 0)
        step.totals = state.totals
        identity = identify(program, plan, sampling)
        resume(program, state, options, identity)
        folder = record.choose_folder(network_name(program.source.name), as_path(options.out),
                                      as_path(options.resume), datetime.now())
        stack.callback(record.discard_if_empty, folder)
        probe(folder / "checkpoints", 2 * state.bytes())
        validation = make_validator(program, executable, precision, plan, options, stack)
        mixing = Mixing(plan.block.mixup, plan.block.cutmix, seed)
        keep = 0 if plan.block.keep_check_point_files else plan.block.keep_checkpoints
        manager = CheckpointManager(folder / "checkpoints", keep)
        notes = (begun_with, precomputed, class_change_note(options, dataset.class_names),
                 *resumed_notes(program, plan, options), memory_note(program, plan, memory))
        yield Job(program, plan, options, reporter, device, seed, state, step, feed, sampling, mixing, validation,
                  folder, manager, facts(program, options, plan, identity, dataset, memory), dataset.skipped, notes)


def with_resumed_classes(program: CheckedProgram, options: RunOptions) -> CheckedProgram:
    """The program whose data number their classes as those of the run that goes on.

    Raises Failure where the training data have other classes than that run.
    """
    if options.resume is None or options.accept_changes:
        return program
    state = saved_state(checkpoint.find(Path(options.resume)))
    return apply_checkpoint_classes(share_fit(program, state.get("fit")), state.get("classNames", ()), Phase.TRAIN)


def required_plan(program: CheckedProgram) -> TrainingPlan:
    """The plan of a program that can be trained. Raises Failure."""
    where = Span.nowhere(program.source.name)
    if program.plan is None:
        raise failure(Code.NO_TRAINING, "the file has no `SGD` block, so it says nothing of training", where,
                      hint="add one: `SGD = { maxEpochs = 10 ; learningRate = 0.01 }`.")
    if Phase.TRAIN not in program.readers:
        raise no_data_failure(program, Phase.TRAIN)
    if not program.criteria:
        raise failure(Code.NO_CRITERION, "the network has no criterion, so it cannot be trained", where,
                      hint="name what is to be made small: `criterionNodes = CrossEntropyWithSoftmax (labels, z)`.")
    return program.plan


def no_data_failure(program: CheckedProgram, phase: Phase) -> Failure:
    """The page for a phase that the file has no reader for."""
    there = list(program.readers)
    title = (
        f"the file names no data to {phase} on"
        if phase is not Phase.VALIDATION
        else "the file names no validation data"
    )
    if not there:
        return failure(Code.NO_TRAINING, title, Span.nowhere(program.source.name), "there is no `reader` in this file",
                       hint="add a reader: `reader = { train = ... ; test = ... }`.")
    held_out = program.plan is not None and program.plan.block.validation and Phase.VALIDATION not in there
    phases = [*there, Phase.VALIDATION] if held_out else there
    others = "" if phase is Phase.TRAIN else f", or judge by other data: --phase {' or --phase '.join(phases)}"
    return failure(Code.NO_TRAINING, title, program.readers.spans.get(there[0], Span.nowhere(program.source.name)),
                   f"the reader has data for {' and '.join(f'`{name}`' for name in there)} only",
                   hint=f"add `{phase} = ...` beside it{others}.")


def check_best(program: CheckedProgram, name: str | None) -> None:
    """Raise Failure if the metric that is to choose the best checkpoint is none of the network's."""
    known = ranked_names(program)
    if name is not None and name not in known:
        raise failure(Code.UNKNOWN_NAME, f"there is no criterion or metric called `{name}`",
                      program.spans.get("criterionNodes") or Span.nowhere(program.source.name),
                      body=(f"There are {', '.join(f'`{other}`' for other in known)}.",), hint=did_you_mean(name, known)
                      or "name one of them; `evaluationNodes` lists what is measured beside the criterion.")


def with_seed(plan: TrainingPlan, seed: int | None) -> TrainingPlan:
    return plan if seed is None else replace(plan, block=replace(plan.block, seed=seed))


def overfit_plan(plan: TrainingPlan, minibatches: int) -> TrainingPlan:
    """The plan for learning a few minibatches by heart: its highest rate throughout, nothing that holds it back."""
    block = replace(plan.block, max_epochs=max(plan.epochs, -(-OVERFIT_UPDATES // minibatches)), max_steps=None,
                    dropout_rate=constant(0), mixup=0.0, cutmix=0.0, ema=0.0, early_stopping=None, auto_adjust=None)
    return replace(plan, rate=constant(plan.highest_rate), block=block)


def build(program: CheckedProgram, roots: tuple[str, ...], device: torch.device, seed: int) -> Executable:
    """The network on its device, weights at their start, filters laid out channels last."""
    with device:
        executable = lower(program.network, roots, averaged=_averaged(program, roots))
    executable.initialize(seed)
    executable.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return executable


def _averaged(program: CheckedProgram, roots: Iterable[str]) -> list[str]:
    """Which roots are means over the samples of a data set."""
    return [name for name in roots if name in program.criteria or name in program.metrics]


def trained_state(plan: TrainingPlan, executable: Executable, device: torch.device) -> State:
    """The rule at work on what is trained. Raises Failure for patterns that fit nothing, or if nothing is."""
    learned = executable.parameters()
    network = executable.network
    problems = plan.check_names(learned, moved_tensors(network, executable.layers))
    if problems:
        raise Failure(problems)
    groups = []
    for name, (tensor, parameter) in learned.items():
        layer = executable.layers[name.rpartition(".")[0]].layer
        groups.append(plan.group(name, tensor, rate=parameter.rate, regularized=parameter.regularized,
                                 is_normalization=layer.family == "normalization"))
        tensor.requires_grad_(groups[-1].rate != 0)
    if not any(group.rate for group in groups):
        raise Failure([nothing_trained(network[executable.roots[0]], plan)])
    executable.freeze(name for name in frozen_layers(network, plan) if name in executable.layers)
    rule = plan.build(groups)
    averaged = {name: tensor for name, tensor in executable.tensors().items() if tensor.is_floating_point()}
    return State(
        executable, rule, plan.average(averaged), plan.control(), RunningMetrics(executable, executable.roots, device)
    )


def load_initial_weights(program: CheckedProgram, plan: TrainingPlan, state: State, options: RunOptions) -> str:
    """Start from given weights, where the file or the command line names some; what was loaded, in words."""
    source = options.weights or plan.block.load_weights
    if not source or options.resume is not None:
        return ""
    path = checkpoint.find(Path(source))
    spans = tensor_spans(state.executable)
    wanted = state.executable.tensors()
    report = checkpoint.load(wanted, checkpoint.read_weights(path), spans, path, options.allow_missing)
    restart_average(plan, state)
    loaded = set(report.loaded)
    fresh = [name for name in wanted if name not in loaded]
    what = f"all {plural(len(wanted), 'tensor')}" if not fresh else \
        f"{len(loaded):,} of {plural(len(wanted), 'tensor')}; {first_of(fresh, 6)} start afresh"
    return f"weights from {path}: {what}"


def compute_statistics(program: CheckedProgram, plan: TrainingPlan, state: State, options: RunOptions, feed: Loader,
                       sampling: Sampling) -> str:
    """`Mean` and its like, where a run begins that has them; what to tell of it. A resumed run has them already."""
    if options.resume is not None:
        return ""
    most = options.limits.minibatches
    samples = sampling if most is None else sampling.subsample(most * plan.minibatch_size)
    with data_errors(program, Phase.TRAIN):
        told = precompute(program, state.executable, feed, samples, plan.minibatch_size)
    if told:
        restart_average(plan, state)
    return told


def restart_average(plan: TrainingPlan, state: State) -> None:
    """Begin the average of the weights from what they are now."""
    if state.average is not None:
        state.average = plan.average(dict(zip(state.average.names, state.average.parameters, strict=True)))


def class_change_note(options: RunOptions, now: Sequence[str]) -> str:
    """What to tell where given weights were trained with other classes, or with the same in another order."""
    if options.weights is None or options.resume is not None:
        return ""
    then = saved_state(checkpoint.find(Path(options.weights))).get("classNames", ())
    place = next((k for k, names in enumerate(zip(then, now, strict=False)) if names[0] != names[1]), None)
    if place is None:
        return ""
    return f"the weights were trained with other classes: class {place} was {then[place]} and is {now[place]} here"


def tensor_spans(executable: Executable) -> dict[str, Any]:
    """Where the layer of each tensor stands in the file."""
    return {name: layer.span for name in executable.tensors()
            if (layer := executable.layers[name.rpartition(".")[0]]).span is not None}


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
                      hint="begin a new run with the checkpoint's weights instead: --weights "
                           f"{path}") from error


def changed_place(program: CheckedProgram, part: str, key: str) -> Span | None:
    """Where in the file something stands that has changed since a checkpoint."""
    if part == "network":
        return program.network[key].span if key in program.network else program.spans.get(key)
    if part == "plan" and program.plan is not None:
        return program.plan.spans.get(key)
    return program.readers.spans.get("train")


# --- data ------------------------------------------------------------------------------------------------


def make_loader(
    program: CheckedProgram,
    phase: Phase,
    dataset: Dataset,
    device: torch.device,
    options: RunOptions,
    seed: int,
    stack: ExitStack,
) -> Loader:
    with data_errors(program, phase):
        feed = open_loader(dataset, device, seed, options.workers or default_workers(device))
    stack.callback(feed.close)
    return feed


def make_validator(
    program: CheckedProgram,
    executable: Executable,
    precision: Precision,
    plan: TrainingPlan,
    options: RunOptions,
    stack: ExitStack,
) -> Evaluator | None:
    """Who judges each epoch: the validation reader, or the part of the training data that is held out."""
    if options.limits.overfit is not None or (Phase.VALIDATION not in program.readers and not plan.block.validation):
        return None
    return make_evaluator(program, executable, precision, Phase.VALIDATION, plan, options, stack)


def make_evaluator(
    program: CheckedProgram,
    executable: Executable,
    precision: Precision,
    phase: Phase,
    plan: TrainingPlan | None,
    options: RunOptions,
    stack: ExitStack,
    detail: bool = False,
) -> Evaluator:
    """A judge by the data of a phase: its reader's, or the part of the training data that is held out for it."""
    reader = phase
    if phase is Phase.VALIDATION and Phase.VALIDATION not in program.readers:
        reader = Phase.TRAIN
    dataset = open_dataset(program, reader, False)  # without the random transforms of training
    stack.callback(dataset.close)
    feed = make_loader(program, reader, dataset, precision.device, options, 0, stack)
    counts = count_views(program, reader)
    page = multi_view_diagnostic(program, reader, counts)
    if page is not None:
        raise Failure([page])
    with data_errors(program, reader):
        groups = read_groups(program, executable.roots, dataset)
    part = part_of(program, plan, phase, dataset, groups) if reader is Phase.TRAIN else None
    size = max(1, (plan.minibatch_size if plan is not None else 64) // max(counts.values(), default=1))
    if detail:
        with precision.device:
            executable = lower(program.network, (*executable.roots, *Details.roots(program)), share=executable,
                               averaged=_averaged(program, executable.roots))
    sampling = Sampling(dataset.count if part is None else len(part), 0, shuffle=False, chosen=part,
                        groups=groups)
    return Evaluator(program, executable, feed, sampling, size, precision, phase, counts, detail,
                 dataset.skipped)


def count_views(program: CheckedProgram, phase: Phase) -> dict[str, int]:
    """Inputs that the reader delivers as several views of each sample."""
    reader = program.readers[phase]
    with data_errors(program, phase):
        return {stream.name: stream.views for stream in reader.describe().streams if stream.views > 1}


# --- what is trained, for checkpoints --------------------------------------------------------------------


def identify(program: CheckedProgram, plan: TrainingPlan, sampling: Sampling) -> Identity:
    """What a resumed run must not have changed, in the notation of the file."""
    # Shapes follow from the inputs', so that a change is listed where it was made and not wherever it is felt.
    nodes = {node.name: f"{node.layer.show()} ({', '.join(use.node for use in node.inputs)})"
             + (f" with the weights of {node.weights}" if node.weights != node.name else "")
             for node in program.network}
    # `split` below says what `stratify` came to: a run from before there was that key set aside at random.
    keys = {key: text for key, text in plan.keys.items() if key not in HARMLESS and key != "stratify"}
    train = program.readers.get(Phase.TRAIN)
    data = {"train": str(train.content()) if train is not None else "", "samples": str(sampling.count),
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


def as_path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
