"""What Python has of the command line: the same options, the same defaults, the same messages."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.render import render_all
from ..base.source import Source, Span
from ..base.units import plural, seconds_of
from ..compiler import CheckResult, check
from ..ir.program import CheckedProgram, Phase

if TYPE_CHECKING:
    from torch import nn

    from ..training import EvalResult, Reporter, Result
    from ..training.evaluation.prediction import Answer

#: Whatever stands for a network: its file, a text, or what `load` and `check` make of it.
Network = CheckedProgram | CheckResult | str | Path | Source
PhaseName = Literal["train", "validation", "test"]


def train(program: Network, overrides: Sequence[str] = (), *, out: str | Path | None = None, device: str = "auto",
          resume: str | Path | None = None, accept_changes: bool = False, weights: str | Path | None = None,
          map: str | Path = "", allow_missing: Sequence[str] | str = (), seed: int | None = None,
          workers: int | None = None,
          max_epochs: int | None = None, max_steps: int | None = None, max_time: float | str | None = None,
          save_minutes: float = 15.0, limit: int | None = None, overfit: int | None = None, best: str | None = None,
          test: bool = True, require_data: bool = False, nan: Literal["stop", "continue"] = "stop",
          quiet: bool = False) -> Result:
    """Train as the file says, test, and write the run's folder and its report: `netdsl run`.

    `program` is a file, or what `check` made of one; `overrides` are `path=value` texts.

    out             the run's folder; None: `runs/NETWORK/TIME`
    device          "auto", "cpu", "cuda", "cuda:1"
    resume          a checkpoint, a run's folder or a network's name: continue at the exact next minibatch
    accept_changes  resume although plan or network have changed
    weights         begin with these weights: a checkpoint, a run's folder, a network's name
    map             which tensor of the weights is which: a file with lines `theirs -> ours`, "auto", or a map's name
    allow_missing   patterns of tensors that may start fresh: "model.fc8.*"
    seed            the run's seed; None: the file's
    workers         threads that read data; None: by the machine
    max_epochs, max_steps, max_time   end early; a time is seconds, or a text such as "1h30m"
    save_minutes    also a checkpoint within an epoch, so long after the last one
    limit           so many minibatches of each phase of an epoch
    overfit         train and evaluate on the same few minibatches
    best            the criterion or metric that chooses the best epoch; None: the first metric
    test            test at the end, where the file has test data
    require_data    refuse to run on the embedded sample
    nan             at a criterion that is not a number
    quiet           print nothing

    Raises Failure for everything that a user can mend, and Interrupted after Ctrl-C (all of it saved).
    """
    from ..training import Limits, RunOptions
    from .training_run import Console, train_network, write_run_report

    limits = Limits(max_epochs, max_steps, _seconds(max_time), limit, overfit)
    for name, value in (("max_epochs", max_epochs), ("max_steps", max_steps), ("limit", limit), ("overfit", overfit)):
        _require_count(name, value)
    options = RunOptions(device=device, out=out, resume=resume, accept_changes=accept_changes, weights=weights,
                         weight_map=str(map),
                         allow_missing=_texts(allow_missing), seed=seed, limits=limits, workers=workers, best=best,
                         save_minutes=save_minutes, test=test,
                         nan_continue=_one_of("nan", nan, ("stop", "continue")) == "continue")
    console = Console(_say(quiet), _warn(quiet), lambda heading: _reporter(quiet, heading))
    result = train_network(program, _texts(overrides), options, console, require_data=require_data)
    say = _say(quiet)
    if result.stopped:
        say(result.stopped)
    say(f"run folder: {result.out}")
    write_run_report(result.out, say, say)
    return result


def test(program: Network, checkpoint: str | Path | None = None, overrides: Sequence[str] = (), *,
         phase: PhaseName = "test", device: str = "auto", workers: int | None = None, limit: int | None = None,
         epoch: Literal["best", "last"] | None = None, map: str | Path = "", require_data: bool = False,
         quiet: bool = False) -> EvalResult:
    """Criterion and metrics of a checkpoint on a whole data set, in inference mode: `netdsl test`.

    `checkpoint` is what `-c` takes: a checkpoint, a run's folder, a safetensors file or a network's name; None:
    the file's latest run. Of a run `epoch` says which one: "best" or "last"; None: the best by validation data, or the
    last where there are none. `map` is that of `train`. `phase` says by which reader. The result has the worst
    samples, and for each output what was counted, such as its confusion matrix.
    """
    from ..training import Limits, RunOptions
    from ..training import test as evaluate
    from ..training.data.loader import skipped_samples_note
    from .programs import ready_program

    _one_of("phase", phase, tuple(Phase))
    evaluated = Phase(phase)
    _require_count("limit", limit)
    ready = ready_program(program, _texts(overrides), require_data=require_data,
                          phases=(Phase.VALIDATION, Phase.TRAIN) if evaluated is Phase.VALIDATION else (evaluated,))
    path = _checkpoint(ready.program, checkpoint, epoch, quiet)
    if ready.sample:
        _say(quiet)(f"SAMPLE DATA: {ready.sample}")
    _warn(quiet)(ready.warnings)
    options = RunOptions(device=device, workers=workers, limits=Limits(minibatches=limit), weight_map=str(map),
                         tell=_say(quiet))
    found = evaluate(ready.program, path, phase=phase, reporter=_reporter(quiet), options=options)
    if found.skipped:
        _say(quiet)(skipped_samples_note(found.skipped, phase))
    return found


def predict(program: Network, inputs: str | Path | Iterable[str | Path], checkpoint: str | Path | None = None,
            overrides: Sequence[str] = (), *, top: int = 5, classes: str | Path | None = None, minibatch: int = 32,
            device: str = "auto", epoch: Literal["best", "last"] | None = None, map: str | Path = "",
            quiet: bool = False) -> list[Answer]:
    """What a checkpoint says of images, folders of images, or files of rows, without labels: `netdsl predict`.

    One answer for each sample, in turn: `answer.values["z"]` is what the output z says, `answer.to_json ()` is what
    `--format json` prints. An input that cannot be read has its mistake in `answer.error`. `checkpoint`,
    `epoch` and `map` are those of `test`. `program` may be an ONNX file, which has its weights in it.
    """
    from ..training import RunOptions
    from .answers_for_files import answers_for, heads_for
    from .answers_from_onnx import is_onnx
    from .programs import ready_program

    _require_count("top", top)
    if is_onnx(program):
        if checkpoint is not None or epoch is not None:
            raise _wrong("an ONNX model has its weights in it", "leave `checkpoint` and `epoch` out.")
        _one_of("device", device, ("auto", "cpu"))
        return _predict_by_onnx(str(program), inputs, overrides, top, classes, minibatch, quiet)
    names = _names(inputs)
    given = _checked(program, _texts(overrides))
    # Transforms may read files that only the sample has (a mean image).
    ready = ready_program(given, phases=tuple(Phase) if given.readers.sample is not None else ())
    path = _checkpoint(ready.program, checkpoint, epoch, quiet)
    heads = heads_for(ready.program, path, top=top, classes=str(classes) if classes is not None else None)
    options = RunOptions(device=device, weight_map=str(map), tell=_say(quiet))
    return list(answers_for(ready.program, names, path, heads, minibatch=minibatch, options=options))


def _names(inputs: str | Path | Iterable[str | Path]) -> list[str]:
    return [str(inputs)] if isinstance(inputs, str | Path) else [str(name) for name in inputs]


def _predict_by_onnx(path: str, inputs: str | Path | Iterable[str | Path], overrides: Sequence[str], top: int,
                     classes: str | Path | None, minibatch: int, quiet: bool) -> list[Answer]:
    from .answers_from_onnx import OnnxModel

    model = OnnxModel.of(path, _texts(overrides), top=top, classes=None if classes is None else str(classes))
    _say(quiet)(f"model: {model.file.said}")
    return list(model.answers(_names(inputs), minibatch))


def export(program: Network, to: str, checkpoint: str | Path | None = None, overrides: Sequence[str] = (), *,
           out: str | Path | None = None, epoch: Literal["best", "last"] | None = None, untrained: bool = False,
           opset: int | None = None, fold_batch_norm: bool = False, with_preprocessing: bool = False,
           image_size: tuple[int, int] | None = None, quiet: bool = False) -> list[Path]:
    """Write a network with the weights of a checkpoint for other programs: `netdsl export`. Returns the files.

    `to` is a format: "onnx", "torch", "exported-program", "safetensors", "net"; `checkpoint` and `epoch`
    are those of `test`.

    out                 where to write; None: the network's name with the format's ending
    untrained           export the network as training would start, without a checkpoint
    opset               ONNX: the version of the operators; None: 18
    fold_batch_norm     ONNX: batch normalization goes into the layer before it
    with_preprocessing  exported program: images as bytes in, shares of the classes out, as the test reader makes them
    image_size          exported program with preprocessing: width and height of the images
    """
    from .export_network import FORMATS, ExportOptions, export_network

    _one_of("to", to, tuple(FORMATS))
    if untrained and (checkpoint is not None or epoch is not None):
        raise _wrong("`untrained` takes no checkpoint", "leave one of them out.")
    options = ExportOptions(opset, fold_batch_norm, with_preprocessing, image_size)
    say = _say(quiet)
    written = export_network(_checked(program, _texts(overrides)), to, None if checkpoint is None else str(checkpoint),
                             out, options, epoch=_epoch(epoch), untrained=untrained, tell=say)
    for line in (*(f"wrote {path}" for path in written.files), *written.notes):
        say(line)
    return list(written.files)


def load_weights(module: nn.Module, checkpoint: str | Path, *, map: str | Path = "",
                 epoch: Literal["best", "last"] | None = None) -> nn.Module:
    """Put the weights of a checkpoint into a compiled module, and return the module.

    `checkpoint` is what `-c` takes: a checkpoint's folder, a run's, a safetensors file, or a network's name for
    its latest run; or weights of another system, such as a model of CNTK. `epoch` is that of `test`, `map` that of
    `train`. Raises Failure unless every tensor of the module is in the checkpoint,
    in its shape.
    """
    from ..runs.store import checkpoint_in, checkpoint_of
    from ..training import RunOptions
    from ..training.evaluation.inference import load_into

    found = checkpoint_of("", str(checkpoint))
    return load_into(module, checkpoint_in(found, _epoch(epoch)), RunOptions(weight_map=str(map)))


def compile(program: Network, *, outputs: Sequence[str] = (), seed: int = 0, device: str = "cpu") -> nn.Module:
    """The network as an nn.Module that takes its inputs and gives its outputs.

    An input is a tensor with the minibatch first, then channels, height, width (torch's order, the reverse of the
    file's `28:28:1`). With one output the result is a tensor, with several a dict by node name; `outputs` names
    other nodes than the file's `outputNodes`. Weights start from `seed`; `load_weights` puts trained ones in.
    """
    from ..lower import network_module

    return network_module(_checked(program), _texts(outputs), seed).to(device)


@dataclass(frozen=True, repr=False)
class Drawing:
    """A drawing of a network: shown by notebooks as it is, and written by `save`."""

    data: str | bytes
    format: str

    def save(self, path: str | Path) -> Path:
        """Write it to a file."""
        from ..base.atomic_files import write_bytes

        write_bytes(Path(path), self.data if isinstance(self.data, bytes) else self.data.encode())
        return Path(path)

    def __str__(self) -> str:
        return self.data if isinstance(self.data, str) else repr(self)

    def __repr__(self) -> str:
        unit = "byte" if isinstance(self.data, bytes) else "character"
        return f"<Drawing {self.format}, {plural(len(self.data), unit)}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        kinds = {"svg": "image/svg+xml", "png": "image/png"}
        return {kinds.get(self.format, "text/plain"): self.data}


def graph(program: Network, overrides: Sequence[str] = (), *, format: str = "svg", depth: int | None = None,
          direction: Literal["tb", "lr"] = "tb", all: bool = False, plan: bool = False, out: str | Path | None = None
          ) -> Drawing:
    """Draw the network, or with `plan` the learning rate over the epochs: `netdsl graph`.

    `format` is one of svg, png, dot, mermaid, text. Groups below `depth` are one box; `all` draws repeated groups
    one by one, and activations as boxes. `out` also writes the drawing to a file.
    """
    from ..drawing import FORMATS, draw, draw_plan

    _one_of("format", format, tuple(FORMATS))
    _one_of("direction", direction, ("tb", "lr"))
    checked = _checked(program, _texts(overrides))
    if plan and (checked.plan is None or FORMATS[format].write_chart is None):
        raise failure(Code.NO_TRAINING, "the file has no training block, so there is no plan to draw"
                      if checked.plan is None else f"{format} cannot hold a plan", Span.nowhere(checked.source.name))
    data = draw_plan(checked, format) if plan else draw(
        checked, format, depth=depth, direction=direction, collapse=not all, fold=not all)
    drawing = Drawing(data, format)
    if out is not None:
        drawing.save(out)
    return drawing


# --- arguments ------------------------------------------------------------------------------------------


def _checked(program: Network, overrides: Sequence[str] = ()) -> CheckedProgram:
    """The program for what needs no data."""
    if isinstance(program, CheckedProgram) and not overrides:
        return program
    if isinstance(program, CheckedProgram | CheckResult):
        if not overrides:
            return program.require_network() if isinstance(program, CheckResult) else program
        origin = program.origin if isinstance(program, CheckedProgram) else program.require_network().origin
        return check(program.source, (*(origin.overrides if origin is not None else ()), *overrides))
    from ..compiler import load

    return load(program, overrides).require_network()


def _checkpoint(program: CheckedProgram, given: str | Path | None, epoch: str | None, quiet: bool) -> Path:
    from ..runs.store import checkpoint_in, checkpoint_of, described_checkpoint

    found = checkpoint_of(program.source.name, None if given is None else str(given))
    path = checkpoint_in(found, _epoch(epoch))
    _say(quiet)(f"checkpoint: {described_checkpoint(path)}")
    return path


def _epoch(given: str | None) -> str | None:
    return None if given is None else _one_of("epoch", given, ("best", "last"))


def _texts(given: Sequence[str] | str) -> tuple[str, ...]:
    """One text stands for a list of one: `"SGD.maxEpochs=3"`."""
    return (given,) if isinstance(given, str) else tuple(given)


def _seconds(given: float | str | None) -> float | None:
    try:
        return seconds_of(given) if isinstance(given, str) else given
    except ValueError as wrong:
        raise _wrong(str(wrong), 'write seconds, or a text with units: "45s", "30m", "1h30m".') from None


def _require_count(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise _wrong(f"`{name}` is {value}", "it has to be at least 1.")


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise _wrong(f"`{name}` cannot be {value!r}", f"use one of {', '.join(known)}.")
    return value


def _wrong(title: str, hint: str) -> Failure:
    return failure(Code.WRONG_ARGUMENTS, title, Span.nowhere("Python"), hint=hint)


# --- what is printed --------------------------------------------------------------------------------------


def _say(quiet: bool) -> Any:
    return (lambda text: None) if quiet else (lambda text: _write(sys.stdout, f"{text}\n"))


def _warn(quiet: bool) -> Any:
    def warn(warnings: Sequence[Diagnostic]) -> None:
        if warnings and not quiet:
            _write(sys.stderr, render_all(warnings))

    return warn


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _reporter(quiet: bool, heading: str = "") -> Reporter:
    import shutil

    from ..training import ConsoleReporter, Reporter

    if quiet:
        return Reporter()
    stream = sys.stdout
    return ConsoleReporter(stream, stream.isatty(), lambda: shutil.get_terminal_size((100, 24)).columns, heading)


def _program_html(program: CheckedProgram) -> str:
    from .notebook import program_html

    return program_html(program)


#: A program knows nothing of tables and drawings: what a notebook shows of it is handed down.
CheckedProgram.html = _program_html
