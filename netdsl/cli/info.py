"""`netdsl info CHECKPOINT`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..base.text_table import Column, listed, text_table
from ..base.units import disk_text, first_of, plural, value_text
from ..runs.store import Run, locate_run, missing_checkpoint
from .completion import complete_checkpoint
from .help_examples import examples
from .output import out, out_json, room
from .weights_options import format_option

if TYPE_CHECKING:
    from ..runs.inspect import Contents, TensorFacts


@examples(
    ("netdsl info digits", "the latest run of digits.net"),
    ("netdsl info AlexNet.model", "a model that CNTK saved"),
    ("netdsl info runs/digits/latest/checkpoints/best --all", "one checkpoint, with the optimizer's tensors"),
)
@click.command()
@click.argument("checkpoint", metavar="CHECKPOINT|RUN", shell_complete=complete_checkpoint)
@click.option("--all", "everything", is_flag=True, help="Also the optimizer's tensors.")
@format_option("text", "json")
def info(checkpoint: str, everything: bool, form: str) -> int:
    """What a CHECKPOINT holds: network, epoch, metrics, tensors with the range of their numbers, versions.

    Weights of other systems, too: a model of CNTK is shown with its nodes and its version.
    """
    path = locate_run(checkpoint)
    if not path.exists():
        raise missing_checkpoint(checkpoint)
    from ..runs.inspect import contents

    found = contents(path)
    record = _record(found)
    if form == "json":
        out_json(_document(found, record))
        return 0
    out("\n".join(_heading(found, record)))
    for title, tensors in (("tensors", found.tensors), ("trainer", found.trainer if everything else ())):
        if tensors:
            total = sum(tensor.size for tensor in tensors)
            out(f"\n{title}: {len(tensors)}, {total:,} numbers")
            out("\n".join(f"    {line}" for line in _table(tensors)))
    if found.nodes:
        out(f"\nnodes: {len(found.nodes)}")
        out("\n".join(f"    {line}" for line in text_table(NODE_COLUMNS, found.nodes, room() - 4)))
    return 0


def _record(found: Contents) -> dict[str, Any]:
    """What the run wrote of the epoch that the checkpoint is of; empty outside a run."""
    run = Run(found.path.parent.parent)
    return next((line for line in reversed(run.epochs) if line.get("step") == found.state.get("step")), {})


def _heading(found: Contents, record: dict[str, Any]) -> list[str]:
    state = found.state
    rows = [("checkpoint" if not found.facts else "file", f"{found.path} ({disk_text(found.bytes)})")]
    rows += found.facts
    if state:
        rows.append(("network", str(state.get("name", "?"))))
        rows.append(("position", f"after {plural(state.get('epoch', 0), 'epoch')}, "
                                 f"{state.get('step', 0):,} updates, {state.get('samples', 0):,} samples"))
        for phase in ("train", "validation"):
            if record.get(phase):
                rows.append((phase, ", ".join(f"{name} {value_text(value, False)}"
                                              for name, value in record[phase].items())))
        rows += [(key, text) for key, text in state.get("plan", {}).get("description", ())
                 if key in ("rule", "minibatch")]
        rows.append(("seed", str(state.get("seed", "?"))))
        rows.append(("written by", f"netdsl {state.get('netdsl', '?')}, torch {state.get('torch', '?')}"))
        if state.get("classNames"):
            rows.append(("classes", f"{len(state['classNames'])}: {first_of(state['classNames'], 8)}"))
    return listed(rows, width=room())


TENSOR_COLUMNS = (Column("name", cut=2, least=16), Column("shape", cut=3), Column("type", cut=1, least=0),
                  Column("min", right=True), Column("mean", right=True), Column("max", right=True), Column())


NODE_COLUMNS = (Column("name"), Column("operation"), Column("takes", cut=1, least=12))


def _table(tensors: tuple[TensorFacts, ...]) -> list[str]:
    rows = [(t.name, t.shape, t.kind, f"{t.low:.4g}", f"{t.mean:.4g}", f"{t.high:.4g}",
             f"{t.bad:,} not finite" if t.bad else "") for t in tensors]
    return text_table(TENSOR_COLUMNS, rows, room() - 4)


def _document(found: Contents, record: dict[str, Any]) -> dict[str, Any]:
    state = found.state
    keys = ("name", "epoch", "step", "samples", "seed", "netdsl", "torch", "classNames", "plan")
    values = {phase: record[phase] for phase in ("train", "validation") if record.get(phase)}
    nodes = [{"name": name, "operation": operation, "takes": takes} for name, operation, takes in found.nodes]
    return {"checkpoint": str(found.path), "bytes": found.bytes, **{key: state.get(key) for key in keys},
            "facts": dict(found.facts), "nodes": nodes, "values": values,
            "tensors": [_tensor(t) for t in found.tensors], "trainer": [_tensor(t) for t in found.trainer]}


def _tensor(facts: TensorFacts) -> dict[str, Any]:
    from ..base.atomic_files import finite

    document: dict[str, Any] = finite({"min": facts.low, "max": facts.high, "mean": facts.mean})
    return {"name": facts.name, "dims": list(facts.dims), "type": facts.kind, **document, "notFinite": facts.bad}
