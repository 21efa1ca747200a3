"""Columns of very different sizes that go into the network as they are: most networks cannot be trained on them."""

from __future__ import annotations

import math

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError, Description, Stream

#: A column is large from this root mean square on if another one is smaller by this factor ...
_LARGE, _FACTOR = 50.0, 30.0
#: ... and by itself from this one on: a rate that suits the others is far too high for it.
_HUGE = 1000.0


def uneven_columns(program: CheckedProgram, training: Description | DataError | None) -> Diagnostic | None:
    """The warning for features that are not standardized, with a fix; None where they are, or are all alike."""
    for stream in training.streams if isinstance(training, Description) else ():
        extremes = _extremes(stream)
        if extremes is None or stream.name not in program.network:
            continue
        node = program.network[stream.name]
        if not _is_multiplied(program, node):
            continue
        (large, most), (small, least) = extremes
        body = f"`{large}` has numbers of about {_about(most)}" + (f", `{small}` of about {_about(least)}"
                                                                   if small != large else "")
        train = program.readers.get(Phase.TRAIN)
        is_option = train is not None and type(train).option("standardize") is not None
        suggestion = "set `standardize = true` in each reader" if is_option else \
            f"write `MeanVarNorm ({stream.name})` where the network takes `{stream.name}`"
        return Diagnostic(
            Code.DOUBTFUL, f"`{stream.name}` is not standardized, and its columns have very different sizes",
            Label(program.readers.spans.get("train", node.span), "read for `train`"), severity="warning",
            related=(Label(node.span, "goes into the network as it is"),), body=(f"{body}.",),
            hint=f"{suggestion}: the training data's means and deviations then bring all columns to one scale.")
    return None


def _extremes(stream: Stream) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """The largest and the smallest column that is not 0, where they are too far apart."""
    sizes = [(name, size) for name, size in stream.sizes if size > 0]
    if not sizes:
        return None
    large, small = max(sizes, key=lambda s: s[1]), min(sizes, key=lambda s: s[1])
    far = large[1] >= _HUGE or (large[1] >= _LARGE and large[1] >= _FACTOR * small[1])
    return (large, small) if far else None


def _is_multiplied(program: CheckedProgram, node: ShapedNode) -> bool:
    """Whether a layer multiplies the input by its weights as it is: nothing stands between that scales it."""
    return any(user.cost.macs and user.cost.parameters for user in program.network.users(node.name))


def _about(size: float) -> str:
    """One digit and zeros: 2,000."""
    digits = math.floor(math.log10(size))
    return f"{round(size / 10**digits) * 10**digits:,.{max(0, -digits)}f}"
