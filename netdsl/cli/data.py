"""`netdsl data fetch` and `netdsl data show`"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..base.units import plural
from ..checks.reader_data import data_diagnostic
from ..data.fetch import DATA_SETS, DownloadProgress, FetchError, fetch
from ..ir.program import Phase
from ..readers.reader import DataError
from ..runs.store import network_name
from .common_options import file_and_overrides, phase_option
from .help_examples import examples
from .output import err, out, write_file
from .weights_options import loaded_with_data


@click.group()
def data() -> None:
    """Fetch the published data sets; look at the samples that a network sees."""


# --- fetch ----------------------------------------------------------------------------------------------


@examples(
    ("netdsl data fetch mnist", "into data/mnist"),
    ("netdsl data fetch cifar10 --to /data/cifar10", "into another folder"),
)
@data.command("fetch")
@click.argument("name", metavar="mnist|fashion-mnist|cifar10")
@click.option("--to", "folder", metavar="DIR", help="Where to put the files; by default data/NAME.")
@click.option("--mirror", metavar="URL", help="A mirror with files of the same names.")
def fetch_command(name: str, folder: str | None, mirror: str | None) -> int:
    """Fetch a data set, check it, and go on where an earlier transfer broke off.

    What is there and right is not fetched again. A file has its name only when its checksum is right.
    """
    if name not in DATA_SETS:
        near = did_you_mean(name, DATA_SETS)
        known = "\n".join(f"    {known:14} {data_set.summary}" for known, data_set in DATA_SETS.items())
        raise click.UsageError(f"there is no data set `{name}`{'; ' + near if near else ''}\n{known}\n",
                               click.get_current_context())
    target = Path(folder or Path("data") / name)
    try:
        fetch(DATA_SETS[name], target, mirror=mirror, report=_Bar(), say=_say)
    except FetchError as error:
        _clear_line()
        err(f"error: {error.title}")
        if error.hint:
            err(f"Hint: {error.hint}")
        return 1
    out(f"{name} is in {target}")
    out(f"    netdsl run FILE dataDir={target}")
    return 0


def _say(text: str) -> None:
    _clear_line()
    err(text)


def _clear_line() -> None:
    if sys.stderr.isatty():
        err("\r\033[2K", nl=False)


class _Bar:
    """One live line on a terminal; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self.shown = time.perf_counter()

    def __call__(self, progress: DownloadProgress) -> None:
        now = time.perf_counter()
        live = sys.stderr.isatty()
        if now - self.shown < (0.2 if live else 10.0):
            return
        self.shown = now
        speed = (progress.done - progress.resumed) / max(progress.seconds, 1e-3)
        left = (progress.size - progress.done) / max(speed, 1.0)
        text = (f"{progress.name}  {progress.done / 1e6:,.1f} of {progress.size / 1e6:,.1f} MB, "
                f"{speed / 1e6:,.1f} MB/s, {left:,.0f} s left")
        err(f"\r\033[2K{text}" if live else text, nl=not live)


# --- show -----------------------------------------------------------------------------------------------


@examples(
    ("netdsl data show digits.net", "32 samples as the network sees them: digits.samples.png"),
    ("netdsl data show digits.net --phase test --count 100 -o test.png", "a hundred of the test data"),
)
@data.command("show")
@file_and_overrides
@click.option("--out", "-o", "target", metavar="FILE.png", help="The picture; by default FILE.samples.png.")
@click.option("--count", type=click.IntRange(1, 400), default=32, show_default=True, help="How many samples.")
@phase_option(Phase.TRAIN, "Which of the file's readers.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Draws other samples, and other random transforms.")
@click.option("--epoch", type=click.IntRange(1), default=1, help="The random transforms of this epoch.")
def show_command(file: str, overrides: tuple[str, ...], target: str | None, count: int, phase: Phase, seed: int,
                 epoch: int) -> int:
    """Write a sheet of samples of FILE as the network sees them, with their classes.

    Crops, mirror images and colours are those of training; the mean and the scale of the values are
    left out, so that the pictures look like pictures.
    """
    from ..data.preview import chosen, contact_sheet, pictures

    program = loaded_with_data(file, overrides, phase).require()
    reader = program.readers.get(phase)
    if reader is None and phase is Phase.VALIDATION and program.plan is not None and program.plan.block.validation:
        raise failure(Code.NO_TRAINING, "the validation data are a part of the training data",
                      program.plan.spans.get("validation", Span.nowhere(program.source.name)), "held out by this key",
                      hint="`--phase train` shows samples of both.")
    if reader is None:
        raise failure(
            Code.NO_TRAINING,
            f"the file has no {'training' if phase == Phase.TRAIN else phase} data",
            Span.nowhere(program.source.name),
            hint=f"add `{phase} = ...` to the reader.",
        )
    try:
        opened = reader.open(phase is Phase.TRAIN)
        total = opened.count
        opened.close()
        shown = pictures(reader, chosen(total, count, seed), training=phase is Phase.TRAIN, seed=seed, epoch=epoch - 1)
    except DataError as error:
        raise Failure([data_diagnostic(program, phase, error)]) from error
    target = target or f"{network_name(file)}.samples.png"
    write_file(target, contact_sheet(shown, f"{network_name(file)}: {plural(len(shown), 'sample')} of `{phase}`"))
    if target != "-":
        height, width, channels = shown[0].pixels.shape
        err(f"wrote {target}: {plural(len(shown), 'sample')} of {total:,}, {width} x {height} x {channels}")
    return 0
