"""What commands that use a trained network share: the data, the checkpoint, how values are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..base.text_table import listed
from ..base.units import value_text
from ..compiler import CheckResult
from ..ir.program import Phase
from ..runs.store import checkpoint_in, checkpoint_of, described_checkpoint
from .common_options import report_warnings
from .completion import complete_checkpoint, complete_device
from .output import err, on_terminal

F = TypeVar("F", bound=Callable[..., Any])


def format_option(*forms: str) -> Callable[[F], F]:
    """`--format`, the first form being the default."""
    return click.option("--format", "form", type=click.Choice(forms), default=forms[0], show_default=True,
                        help="How to print it.")


def checkpoint_option(command: F) -> F:
    return click.option("--checkpoint", "-c", metavar="PATH|RUN", shell_complete=complete_checkpoint,
                        help="A checkpoint, a run's folder, a safetensors file, or weights of another system such as a "
                             "model of CNTK; by default the latest run.")(command)


def map_option(command: F) -> F:
    return click.option("--map", metavar="FILE|NAME", default="",
                        help="Which tensor of the weights is which: a file with lines `theirs -> ours`, a map that "
                             "netdsl has, or `auto`.")(command)


def epoch_option(command: F) -> F:
    return click.option("--epoch", type=click.Choice(["best", "last"]),
                        help="Which checkpoint of a run; by default the best by validation data, or the last where "
                             "there are none.")(command)


def device_option(command: F) -> F:
    return click.option("--device", default="auto", show_default=True, shell_complete=complete_device,
                        help="auto, cpu, cuda or cuda:N.")(command)


def loaded_with_data(file: str, overrides: Sequence[str], phase: Phase, require_data: bool = False) -> CheckResult:
    """The file with its real data, or its sample where those of the phase are missing, which is said on stderr."""
    from ..data.choose import choose_data

    # Validation data may be a part of the training data.
    phases = (Phase.VALIDATION, Phase.TRAIN) if phase is Phase.VALIDATION else (phase,)
    choice = choose_data(file, overrides, require_data=require_data, phases=phases)
    if choice.line:
        err(on_terminal(f"SAMPLE DATA: {choice.line}", sys.stderr))
    report_warnings(choice.checked)
    return choice.checked


def chosen_checkpoint(file: str, given: str | None, epoch: str | None) -> Path:
    """The checkpoint to work on; says on stderr which one it is. Raises Failure."""
    path = checkpoint_in(checkpoint_of(file, given), epoch)
    err(f"checkpoint: {described_checkpoint(path)}")
    return path


def value_lines(values: Mapping[str, float], percent: frozenset[str]) -> list[str]:
    """`ce    0.1234`, `errs  2.31 %`, one below the other."""
    return listed([(name, value_text(value, name in percent)) for name, value in values.items()])
