"""Compare the parts of a program: reader against inputs, criteria against the rule, budgets. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.suggest import did_you_mean
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError, Description, describe_reader
from .blending import check_mixing
from .budgets import check_budgets
from .class_ids import find_class_differences, may_lack_classes
from .column_sizes import uneven_columns
from .compared import check_compared
from .frozen import check_frozen
from .groups import check_groups
from .labels import labels_begin_elsewhere, unused_first_class
from .metrics import check_metrics
from .multi_view import multi_view_diagnostic
from .reader_data import check_stream, data_diagnostic, find_missing_files
from .sample_keys import check_sampling
from .shared_data import shared_sources
from .special_nodes import check_order, check_roles
from .warnings import find_warnings


def check_program(program: CheckedProgram, whole: bool = True) -> list[Diagnostic]:
    """Every disagreement between the parts of a program whose shapes are known.

    `whole` is false where a part of the file could not be read: then nothing is said that rests on what is not
    there, no budget is counted, and no warning is given but that data are missing.
    """
    found = [*check_roles(program), *check_metrics(program), *check_groups(program), *check_order(program),
             *check_sampling(program)]
    if whole:
        found += [*check_budgets(program), *check_frozen(program)]
    # Each is asked once: it may mean to read a file.
    described = {phase: describe_reader(reader) for phase, reader in program.readers.items()}
    train = described.get(Phase.TRAIN)
    for phase, description in described.items():
        found += _check_reader(program, phase, description, train)
    found += [*check_compared(program, described), *check_mixing(program)]
    missing = list(find_missing_files(program, described))
    if not whole:
        return [*(d for d in found if d.is_error), *missing]
    return [*found, *shared_sources(program), *missing, *find_warnings(program, _count(train)),
            *unused_first_class(program, train), *filter(None, [uneven_columns(program, train)])]


def _count(description: Description | DataError | None) -> int | None:
    return description.count if isinstance(description, Description) else None


def _check_reader(program: CheckedProgram, phase: Phase, description: Description | DataError,
            training: Description | DataError | None) -> Iterator[Diagnostic]:
    if isinstance(description, DataError):
        yield data_diagnostic(program, phase, description)
        return
    yield from (data_diagnostic(program, phase, wrong, "warning") for wrong in description.warnings)
    inputs = {node.name: node for node in program.network if node.layer.is_input}
    others = find_class_differences(program, phase, description, training)
    yield from others.values()
    for stream in description.streams:
        node = inputs.get(stream.name)
        if node is not None and stream.name not in others and not may_lack_classes(stream, node, training):
            yield from check_stream(program, phase, description, stream, node)
    yield from labels_begin_elsewhere(program, phase, description, training)
    problem = multi_view_diagnostic(program, phase, {s.name: s.views for s in description.streams if s.views > 1})
    if problem is not None:
        yield problem
    delivered = {stream.name for stream in description.streams}
    why = description.unlabelled
    for name, node in inputs.items():
        if name not in delivered:
            yield Diagnostic(
                Code.READER_SHAPE, f"the {phase} reader delivers nothing for the input `{name}`",
                Label(program.readers.spans.get(phase, node.span), f"it delivers {', '.join(sorted(delivered))}"),
                related=(Label(node.span, did_you_mean(name, delivered - set(inputs)) or "this input"),),
                body=(f"{why.title}.",) if why is not None else (),
                hint=why.hint if why is not None else
                f"rename the input, or name the reader's data after it: "
                f"`featuresInput = \"{name}\"` or `labelsInput = \"{name}\"`.")
