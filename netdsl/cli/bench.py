"""`netdsl bench FILE`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.text_table import Column, text_table
from ..base.units import plural
from .common_options import file_and_overrides
from .help_examples import examples
from .output import out, out_json, room
from .weights_options import device_option, format_option

if TYPE_CHECKING:
    from ..training.benchmark import LayerTimes, TimeSummary, Timings


@examples(
    ("netdsl bench digits.net", "where the time of a step goes"),
    ("netdsl bench digits.net --device cuda --minibatch 256", "on a GPU, with other minibatches"),
)
@click.command()
@file_and_overrides
@click.option("--minibatch", type=click.IntRange(1), help="Samples in a minibatch; by default the file's.")
@click.option("--iterations", type=click.IntRange(1), default=10, show_default=True, help="Measurements of each layer.")
@click.option("--warm-up", type=click.IntRange(0), default=2, show_default=True, help="Warm-up iterations.")
@device_option
@format_option("text", "json")
def bench(file: str, overrides: tuple[str, ...], minibatch: int | None, iterations: int, warm_up: int, device: str,
          form: str) -> int:
    """Times of FILE in milliseconds: each layer forward and backward, then forward, backward, update and iteration.

    Data are made up and lie on the device: reading is not timed. Each layer runs alone there; what a
    whole step saves or adds shows in the totals.
    """
    from ..compiler import check
    from ..training.benchmark import BenchOptions
    from ..training.benchmark import bench as measure

    found = measure(check(file, overrides), BenchOptions(device, minibatch, iterations, warm_up))
    if form == "json":
        out_json(_document(file, found))
        return 0
    out(f"{Path(file).name}: minibatch of {found.minibatch}, {plural(iterations, 'iteration')} after {warm_up} to warm "
        f"up, {found.precision}, {found.device}")
    out("\nlayers, median of milliseconds:")
    out("\n".join(f"    {line}" for line in _layer_rows(found)))
    out("\ntotals, milliseconds:")
    out("\n".join(f"    {line}" for line in _part_rows(found)))
    rate = f"{found.samples_per_second:,.1f} samples/s"
    if "iteration" in found.parts:
        gflops = 6e-9 * found.macs * found.samples_per_second
        rate += f", {gflops:,.1f} GFLOPS (a training step taken as 3 forward passes)"
    out(f"\n{rate}")
    return 0


LAYER_COLUMNS = (Column("name", cut=2, least=16), Column("layer", cut=1), Column("forward", right=True),
                 Column("backward", right=True), Column("share", right=True),
                 Column("GFLOPS", right=True, cut=3, least=0))
PART_COLUMNS = (Column(), *(Column(title, right=True) for title in ("mean", "median", "min", "max")))


def _layer_rows(found: Timings) -> list[str]:
    whole = sum(_both(layer) for layer in found.layers) or 1.0
    rows = []
    for layer in found.layers:
        flops = 2e-6 * layer.macs * found.minibatch / layer.forward.median if layer.macs and layer.forward.median else 0
        rows.append((layer.name, layer.layer, _milliseconds(layer.forward.median),
                     _milliseconds(layer.backward.median) if layer.backward is not None else "",
                     f"{100 * _both(layer) / whole:.1f} %", f"{flops:,.1f}" if flops else ""))
    rows.append(("sum", "", _milliseconds(sum(layer.forward.median for layer in found.layers)),
                 _milliseconds(sum(layer.backward.median for layer in found.layers if layer.backward)), "", ""))
    return text_table(LAYER_COLUMNS, rows, room() - 4, rule=True)


def _both(layer: LayerTimes) -> float:
    return layer.forward.median + (layer.backward.median if layer.backward is not None else 0.0)


def _part_rows(found: Timings) -> list[str]:
    rows = [(name, *map(_milliseconds, (times.mean, times.median, times.low, times.high)))
            for name, times in found.parts.items()]
    return text_table(PART_COLUMNS, rows, rule=True)


def _milliseconds(value: float) -> str:
    return f"{value:,.3f}" if value < 10 else f"{value:,.1f}"


def _document(file: str, found: Timings) -> dict[str, Any]:
    return {"network": file, "device": found.device, "precision": found.precision, "minibatch": found.minibatch,
            "iterations": found.iterations, "warmUp": found.warm_up, "unit": "ms",
            "layers": [{"name": layer.name, "layer": layer.layer, "macs": layer.macs, "forward": _times(layer.forward),
                        "backward": _times(layer.backward) if layer.backward is not None else None}
                       for layer in found.layers],
            "totals": {name: _times(times) for name, times in found.parts.items()},
            "samplesPerSecond": found.samples_per_second}


def _times(times: TimeSummary) -> dict[str, float]:
    return {{"low": "min", "high": "max"}.get(name, name): value for name, value in asdict(times).items()}
