"""The blocks of a file: `reader` and `SGD`."""

from __future__ import annotations

from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.failure import Failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..ir.program import Phase, Readers
from ..optimizers.bind_block import plan_of
from ..optimizers.plan import TrainingBlock, TrainingPlan
from ..readers import TRANSFORMS
from ..readers.reader import Reader, Sample
from ..spec import Bound, bind
from ..syntax import ast
from . import errors
from .apply import argument_for
from .evaluator import ExpressionEvaluator
from .values import Environment, Lazy, NamedPlace, RecordValue, RowValue, Scope, Thunk

#: Keys of which a block has one; a sample's own takes the place of the others.
RIVALS = (("learningRate", "learningRatesPerMB", "learningRatesPerSample"),
          ("momentum", "momentumPerMB", "momentumPerSample", "momentumAsTimeConstant"))


def read_readers(evaluator: ExpressionEvaluator, lazy: Lazy, problems: list[Diagnostic]) -> Readers:
    """`reader = { train = ...; test = ...; validation = ...; sample = ... }`"""
    record = lazy.force()
    if not isinstance(record, RecordValue):
        raise errors.wrong_type("`reader` has to be a record with `train`, `test`, `validation`, `sample`", lazy.span,
                                record)
    by_phase: dict[Phase, Reader] = {}
    sample: Sample | None = None
    spans: dict[str, Span] = {}
    for name, member in record.members.items():
        if name not in (*Phase, "sample"):
            problems.append(_unknown_phase(name, record.names[name]))
            continue
        try:
            value = member.force()
            wanted: type = Sample if name == "sample" else Reader
            if not isinstance(value, wanted):
                what = "a sample such as `SampleImages {}`" if name == "sample" else \
                    "a reader such as `ImageFolder {...}`"
                raise errors.wrong_type(f"`reader.{name}` has to be {what}", member.span, value)
            if isinstance(value, Sample):
                sample = value
            elif isinstance(value, Reader):
                by_phase[Phase(name)] = value
            spans[name] = member.span
            _, written, options = evaluator.spec_spans.get(id(value), (value, member.span, {}))
            spans[name] = written
            spans.update({f"{name}.{option}": span for option, span in options.items()})
        except Failure as failed:
            problems.extend(failed.diagnostics)
    return Readers(by_phase, sample, spans)


def prepare_reader(top: RecordValue) -> None:
    """Inside `reader` a name that is both a layer and a transform is the transform; before anything is evaluated."""
    lazy = top.members.get("reader")
    if isinstance(lazy, Thunk):
        lazy.environment = Environment(_transforms_first(lazy.environment), lazy.environment, "the transforms")


def _transforms_first(environment: Environment) -> dict[str, Any]:
    """Names that are layers in a network and transforms in a reader: `Scale`, `Crop`."""
    return {name: RowValue(row) for name, row in TRANSFORMS.items()
            if isinstance(found := environment.find(name), RowValue) and found.row is not row}


def _unknown_phase(name: str, span: Span) -> Diagnostic:
    known = (*Phase, "sample")
    shared = Reader.option(name)
    hint = f"it is an option of each reader: `train = CSV {{..., {name} = ...}}`." if shared is not None else ""
    return Diagnostic(Code.UNKNOWN_KEY, f"`reader` has no key `{name}`", Label(span, did_you_mean(name, known)),
                      body=(f"Its keys are {', '.join(known)}.",), hint=hint)


def _nothing_to_replace(sample: Sample, span: Span, severity: str = "error") -> Diagnostic:
    name = sample.replaces
    return Diagnostic(Code.UNKNOWN_NAME, f"the sample replaces `{name}`, which is not at the top of the file",
                      Label(span, "this run would use these data"), severity=severity,
                      hint=f'write `{name} = "data"` at the top, with the folder of the data, and `"${name}$/..."` in '
                           "the reader: the sample's folder is put in its place.")


def sample_warning(top: RecordValue, sample: Sample | None) -> Diagnostic | None:
    """A sample that could not stand in for the data, since the file has no name to put its folder into."""
    reader = top.members["reader"].force() if "reader" in top.members else None
    if sample is None or sample.replaces in top.members or not isinstance(reader, RecordValue):
        return None
    return _nothing_to_replace(sample, reader.members["sample"].span, "warning")


def take_sample(top: RecordValue, folder: str) -> None:
    """Set the name that the sample replaces to the sample's folder."""
    reader = top.members["reader"].force() if "reader" in top.members else None
    if not isinstance(reader, RecordValue) or "sample" not in reader.members:
        return
    sample = reader.members["sample"].force()
    if not isinstance(sample, Sample):
        return
    lazy = top.members.get(sample.replaces)
    if lazy is None or lazy.name is None:
        raise Failure([_nothing_to_replace(sample, reader.members["sample"].span)])
    assert isinstance(lazy, Thunk)
    lazy.expression = ast.String((folder,), lazy.span)


def read_plan(
    evaluator: ExpressionEvaluator, lazy: Lazy, problems: list[Diagnostic], sample: bool
) -> TrainingPlan | None:
    """`SGD = { ... }`: every key is known to the table, or an error.

    `SGD.sample` is a record of keys for the run on the embedded sample; it is checked in any case.
    """
    record = lazy.force()
    if not isinstance(record, RecordValue):
        raise errors.wrong_type("`SGD` has to be a record", lazy.span, record)
    name_span = lazy.name.span if lazy.name is not None else lazy.span
    variants = [_without_sample(record)]
    if "sample" in record.members:
        variants.append(_with_sample(record))
    plans: list[TrainingPlan] = []
    for variant in variants:
        bound = block(evaluator, TrainingBlock, variant, "SGD", name_span)
        plan, warnings = plan_of(bound.spec, dict(bound.spans), name_span)
        # A sample's fewer epochs leave the ends of schedules unreached: no mistake.
        problems.extend(w for w in warnings if not plans or w.code != Code.SCHEDULE_UNREACHABLE)
        plans.append(plan)
    return plans[-1] if sample else plans[0]


def _without_sample(record: RecordValue) -> RecordValue:
    members = {name: member for name, member in record.members.items() if name != "sample"}
    return RecordValue(members, record.environment, record.span, record.names)


def _with_sample(record: RecordValue) -> RecordValue:
    own = record.members["sample"].force()
    if not isinstance(own, RecordValue):
        raise errors.wrong_type("`SGD.sample` has to be a record of keys of `SGD`", record.members["sample"].span, own)
    members, names = _without_sample(record).members, {**record.names}
    for name, member in own.members.items():
        given = members.get(name)
        # What the command line says goes before what the sample wants.
        if given is None or given.span.source.name != "command line":
            members[name], names[name] = member, own.names[name]
    for keys in RIVALS:
        if any(key in own.members for key in keys):
            for key in keys:
                if key not in own.members:
                    members.pop(key, None)
    return RecordValue(members, record.environment, record.span, names)


def block(evaluator: ExpressionEvaluator, spec: type, record: RecordValue, title: str, span: Span) -> Bound:
    """A record as the options of a Spec; unknown members are `unknown-key`."""
    place = NamedPlace(Scope("SGD"), False)
    named = {name: argument_for(evaluator, member, place, record.names[name])
             for name, member in record.members.items()}
    return bind(spec, [], named, span, title=title, unknown_code=Code.UNKNOWN_KEY)
