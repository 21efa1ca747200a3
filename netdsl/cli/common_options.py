"""Options and arguments that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ..base.diagnostics import Diagnostic
from ..base.render import render_all
from ..base.units import seconds_of
from ..compiler import CheckResult
from ..elaborate.overrides import is_override
from ..ir.program import Phase
from ..runs.store import file_of
from .completion import complete_file, complete_override
from .output import color_wanted, err

F = TypeVar("F", bound=Callable[..., Any])


def file_and_overrides(command: F) -> F:
    """`FILE [a.b=value ...]`; a run's folder stands for the file that it ran, as resolved."""
    command = click.argument("overrides", nargs=-1, metavar="[NAME=VALUE]...",
                             shell_complete=complete_override)(command)
    return click.argument("file", metavar="FILE", shell_complete=complete_file,
                          callback=lambda _context, _parameter, file: file_of(file))(command)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files and overrides, told apart by their form."""
    # `SGD.maxEpochs =3` sets nothing and is no file either: its message says how it is written.
    overrides = [a for a in arguments if is_override(a) or _sets_nothing(a)]
    return [file_of(a) for a in arguments if a not in overrides], overrides


def _sets_nothing(argument: str) -> bool:
    """Whether an argument is meant to set a value and does not."""
    name, equals, _ = argument.partition("=")
    return bool(equals) and not name.endswith(".net") and name.casefold() != "configfile"


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
    """The diagnostics of what was found in a file without errors, to stderr."""
    if checked.diagnostics:
        print_warnings(checked.diagnostics)


def print_warnings(warnings: Sequence[Diagnostic]) -> None:
    err(render_all(warnings, color=color_wanted(sys.stderr)))


class _Time(click.ParamType):
    """A time as people type it: `90`, `45s`, `30m`, `1h30m`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = value if isinstance(value, float) else seconds_of(value)
        except ValueError:
            self.fail(f"`{value}` is not a time; write seconds or units: 90, 45s, 30m, 1h30m, 2d", param, ctx)
        if not seconds > 0:
            self.fail("a time has to be longer than 0", param, ctx)
        return seconds


TIME = _Time()
