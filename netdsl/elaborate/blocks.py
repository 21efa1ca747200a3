"""The blocks of a file: `reader` and `SGD`."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Diagnostic, Failure, Label, did_you_mean, failure
from ..optimizers.plan import TrainingBlock, TrainingPlan
from ..program import Readers
from ..readers.base import Reader, Sample
from ..source import Span
from ..spec import Bound, bind
from . import errors
from .apply import argument_for
from .evaluator import Evaluator
from .values import Lazy, Place, RecordValue, Scope

PHASES = ("train", "test", "validation")


def read_readers(evaluator: Evaluator, lazy: Lazy, problems: list[Diagnostic]) -> Readers:
    """`reader = { train = ...; test = ...; validation = ...; sample = ... }`"""
    record = lazy.force()
    if not isinstance(record, RecordValue):
        raise errors.wrong_type("`reader` has to be a record with `train`, `test`, `validation`, `sample`", lazy.span,
                                record)
    found: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    for name, member in record.members.items():
        if name not in (*PHASES, "sample"):
            problems.append(_unknown_phase(name, record.names[name]))
            continue
        try:
            value = member.force()
            wanted: type = Sample if name == "sample" else Reader
            if not isinstance(value, wanted):
                what = "a sample such as `SampleImages {}`" if name == "sample" else "a reader such as `ImageFolder {...}`"
                raise errors.wrong_type(f"`reader.{name}` has to be {what}", member.span, value)
            found[name] = value
            spans[name] = member.span
            spec, written, options = evaluator.spec_spans.get(id(value), (value, member.span, {}))
            spans[name] = written
            spans.update({f"{name}.{option}": span for option, span in options.items()})
        except Failure as failed:
            problems.extend(failed.diagnostics)
    return Readers(**found, spans=spans)


def _unknown_phase(name: str, span: Span) -> Diagnostic:
    known = (*PHASES, "sample")
    return Diagnostic("unknown-key", f"`reader` has no key `{name}`", Label(span, did_you_mean(name, known)),
                      body=(f"Its keys are {', '.join(known)}.",))


def read_plan(evaluator: Evaluator, lazy: Lazy, problems: list[Diagnostic]) -> TrainingPlan | None:
    """`SGD = { ... }`: every key is known to the table, or an error."""
    record = lazy.force()
    if not isinstance(record, RecordValue):
        raise errors.wrong_type("`SGD` has to be a record", lazy.span, record)
    name_span = lazy.name.span if lazy.name is not None else lazy.span
    bound = block(evaluator, TrainingBlock, record, "SGD", name_span)
    plan, warnings = TrainingPlan.from_block(bound.spec, dict(bound.spans), name_span)
    problems.extend(warnings)
    return plan


def block(evaluator: Evaluator, spec: type, record: RecordValue, title: str, span: Span) -> Bound:
    """A record as the options of a Spec; unknown members are `unknown-key`."""
    place = Place(Scope("SGD"), False)
    named = {name: argument_for(evaluator, member, place, record.names[name])
             for name, member in record.members.items()}
    return bind(spec, [], named, span, title=title, unknown_code="unknown-key")


def missing_block(name: str, span: Span, why: str) -> Failure:
    return failure("no-training", f"the file has no `{name}` block", span, why)
