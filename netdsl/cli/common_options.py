"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ..base.codes import Code
from ..base.diagnostics import Failure, failure, render_all
from ..base.source import Span
from ..compiler import CheckResult
from ..elaborate.overrides import is_override
from ..ir.program import Phase
from ..runs.store import file_of
from .output import color_wanted, err

F = TypeVar("F", bound=Callable[..., Any])


def file_and_overrides(command: F) -> F:
    """`FILE [a.b=value ...]`; a run's folder stands for the file that it ran, as resolved."""
    command = click.argument("overrides", nargs=-1, metavar="[NAME=VALUE]...")(command)
    return click.argument("file", metavar="FILE", callback=lambda _context, _parameter, file: file_of(file))(command)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files and overrides, told apart by their form."""
    # `SGD.maxEpochs =3` sets nothing and is no file either: its page says how it is written.
    overrides = [a for a in arguments if is_override(a) or ("=" in a and not a.split("=")[0].endswith(".net"))]
    return [file_of(a) for a in arguments if a not in overrides], overrides


def phase_option(default: Phase, help: str) -> Callable[[F], F]:
    """`--phase train|validation|test`, handed to the command as a Phase."""
    return click.option("--phase", type=click.Choice([phase.value for phase in Phase]), default=default.value,
                        show_default=True, callback=lambda _context, _option, value: Phase(value), help=help)


def loaded(file: str, overrides: Sequence[str] = ()) -> CheckResult:
    """The file, examined, for what needs no data; raises Failure with every error, prints the warnings."""
    from ..compiler import load

    checked = load(file, overrides)
    checked.require_network()
    report_warnings(checked)
    return checked


def report_warnings(checked: CheckResult) -> None:
    """The pages of what was found in a file without errors, to stderr."""
    if checked.diagnostics:
        err(render_all(checked.diagnostics, color=color_wanted(sys.stderr)))


def no_plan(checked: CheckResult) -> Failure:
    """The page for a file without `SGD`, where a plan is needed."""
    return failure(Code.NO_TRAINING, "the file has no `SGD` block, so there is no plan to train by",
                   Span.nowhere(checked.source.name),
                   hint="add `SGD = { minibatchSize = 64 ; maxEpochs = 10 ; learningRate = 0.1 ; momentum = 0.9 }`.")
