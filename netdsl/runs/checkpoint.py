"""Checkpoints: folders of safetensors and JSON that appear whole or not at all, and never run code.

    checkpoints/epoch-0003/weights.safetensors   parameters and buffers under the file's names
                           trainer.safetensors   slots of the optimizer, averaged weights
                           state.json            position, seeds, controller, versions, what was trained
    checkpoints/last, checkpoints/best           lead to one of them
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..base.atomic_files import cannot_write, clear_leftovers, follow, new_folder, point, remove_folder, writing
from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.units import first_of, plural
from ..importers.weight_format import FoundArrays
from ..importers.weight_map import fitting_map, mapped_arrays
from ..importers.weight_table import other_weights_hint, weight_format_of
from ..ir.network import Network, ShapedNode
from ..layers.layer import Shape
from .network_tensors import network_tensors
from .store import STATE, saved_state

WEIGHTS, TRAINER = "weights.safetensors", "trainer.safetensors"
Tensors = Mapping[str, torch.Tensor]
#: What a run's checkpoints are called.
_NAME = re.compile(r"(epoch|step)-\d+")


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds: weights by the file's names, the trainer's tensors, and plain values."""

    weights: Tensors
    trainer: Tensors
    state: dict[str, Any]


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint as a whole. Raises Failure `cannot-write`; an older one under the name survives."""
    with writing(folder), new_folder(folder) as temporary:
        # One entry only: safetensors writes several in any order, and equal weights are to be equal files.
        try:
            save_file(portable(snapshot.weights), temporary / WEIGHTS, metadata={"format": "pt"})
            save_file(portable(snapshot.trainer), temporary / TRAINER)
        except SafetensorError as error:  # what the system said, in other words
            raise cannot_write(folder, error) from error
        state = {**snapshot.state, "digests": {name: digest(temporary / name) for name in (WEIGHTS, TRAINER)}}
        (temporary / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        for name in (WEIGHTS, TRAINER):  # safetensors lets nobody else read what it writes
            (temporary / name).chmod((temporary / STATE).stat().st_mode)


def digest(path: Path) -> str:
    """What tells a file's bytes from others: a disk or a transfer may change one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def portable(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Tensors as a file can hold them: on the CPU, each with memory of its own."""
    # clone: tied weights have one name already, but a view into a larger buffer must not drag it along.
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def size(snapshot: Snapshot) -> int:
    """Bytes that a checkpoint takes on the disk, about."""
    tensors = [*snapshot.weights.values(), *snapshot.trainer.values()]
    return sum(t.numel() * t.element_size() for t in tensors) + (1 << 16)


def read(path: Path) -> Snapshot:
    """A checkpoint from its folder, or from a link to one. Raises Failure `checkpoint-mismatch`."""
    folder = follow(path)
    if folder.is_file():
        raise _unreadable(path, f"`{path.name}` is no checkpoint and no file of weights that can be read",
                          "It begins like none of those that netdsl knows.", other_weights_hint(path))
    if not (folder / STATE).is_file():
        found = sorted(p.parent.name for p in path.parent.glob(f"*/{STATE}")) if path.parent.is_dir() else []
        raise _unreadable(path, "there is no checkpoint here", f"I looked for {WEIGHTS} and {STATE} in this folder.",
                          f"beside it are {', '.join(found)}." if found else "")
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        digests = state.pop("digests", {})
        return Snapshot(_tensors(folder / WEIGHTS, digests), _tensors(folder / TRAINER, digests), state)
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(path, "the checkpoint cannot be read", f"{type(error).__name__}: {error}",
                          "use another checkpoint of the run; `best` and `last` point to two of them.") from error


class FoundTensors(dict[str, torch.Tensor]):
    """Tensors by the network's names; of another system's file also what each is there, and how it was found."""

    how: Mapping[str, tuple[str, str]] = MappingProxyType({})
    left_out: tuple[str, ...] = ()  #: layers of the file that the network does not have, where that is usual


def read_weights(path: Path, wanted: Tensors | None = None, network: Network[ShapedNode] | None = None,
                 weight_map: str = "") -> FoundTensors:
    """The weights of a checkpoint, of a safetensors file or of a file of another system. Raises Failure.

    `wanted` are the network's tensors: another system's names are matched with theirs, and where the names say nothing
    the places in the graph of `network`; or, where one is given, by a map (see importers/weight_map.py).
    """
    row, ours = weight_format_of(path), network_tensors(wanted or {}, network)
    if weight_map:
        plain = row.arrays(path) if row is not None else _as_arrays(read_weights(path))
        return _needed(_as_tensors(mapped_arrays(plain, ours, weight_map, path)), wanted, ours)
    if row is not None:
        return _needed(_as_tensors(row.read(path, ours)), wanted, ours)
    if path.suffix == ".safetensors" and path.is_file():
        try:
            return FoundTensors(_tensors(path, saved_state(path.parent).get("digests", {})))
        except (OSError, ValueError, SafetensorError) as error:
            raise _unreadable(path, "the weights cannot be read", str(error), "") from error
    return FoundTensors(read(path).weights)


def _needed(found: FoundTensors, wanted: Tensors | None, ours: Mapping[str, object]) -> FoundTensors:
    """Without what belongs to a part of the network that is not computed."""
    kept = FoundTensors({name: t for name, t in found.items() if wanted is None or name in wanted or name not in ours})
    kept.how, kept.left_out = found.how, found.left_out
    return kept


def _as_arrays(tensors: Tensors) -> dict[str, Any]:
    """Arrays of tensors; NumPy has no bfloat16."""
    return {name: (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
            for name, tensor in tensors.items()}


def _as_tensors(arrays: Mapping[str, Any]) -> FoundTensors:
    found = FoundTensors({name: torch.from_numpy(array) for name, array in arrays.items()})
    if isinstance(arrays, FoundArrays):
        found.how, found.left_out = arrays.how, arrays.left_out
    return found


def _tensors(path: Path, digests: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The tensors of a file. Raises ValueError where it has other bytes than those that were written."""
    written = digests.get(path.name)
    if written is not None and digest(path) != written:
        raise ValueError(f"the bytes of {path.name} are not those that were written: checksum mismatch")
    return load_file(path)


def is_weight_file(path: Path) -> bool:
    return path.is_file() and (path.suffix == ".safetensors" or weight_format_of(path) is not None)


def find(path: Path) -> Path:
    """The checkpoint that a path means: itself, or the last one of a run folder."""
    for candidate in (path, path / "last", path / "checkpoints" / "last"):
        target = follow(candidate)
        if (target / STATE).is_file() or is_weight_file(target):
            return target
    return path


def _unreadable(path: Path, title: str, why: str, hint: str) -> Failure:
    return failure(Code.CHECKPOINT_MISMATCH, title, Span.nowhere(str(path)), body=(why,), hint=hint)


# --- the folder of a run's checkpoints --------------------------------------------------------------


@dataclass(frozen=True)
class CheckpointManager:
    """The `checkpoints` folder of a run: keeps the last few and the best."""

    folder: Path
    keep: int = 3

    def prepare(self) -> None:
        """The folder, without what a killed process left unfinished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        clear_leftovers(self.folder)
        for path in self.folder.glob("*-*/"):
            if not path.is_symlink() and not (path / STATE).is_file() and _NAME.fullmatch(path.name):
                remove_folder(path)

    def save(self, name: str, snapshot: Snapshot, best: bool, needed: str | None = None) -> Path:
        """Write a checkpoint, lead `last` (and `best`) to it, and drop what is not kept (`needed` is)."""
        target = self.folder / name
        write(target, snapshot)
        point(self.folder / "last", target)
        if best:
            point(self.folder / "best", target)
        self._prune(needed)
        return target

    def names(self) -> list[str]:
        """All checkpoints, oldest first: by updates done."""
        found = []
        for path in self.folder.glob(f"*/{STATE}"):
            if path.parent.is_symlink() or path.parent.name.startswith("."):
                continue
            found.append((json.loads(path.read_text(encoding="utf-8")).get("step", 0), path.parent.name))
        return [name for _, name in sorted(found)]

    def target(self, link: str) -> str | None:
        path = self.folder / link
        return follow(path).name if path.exists() else None

    def go_back(self, step: int, last: str, best: str | None, needed: str | None) -> None:
        """As the folder was when the checkpoint `last` had been written at this step: links, and what is kept."""
        for name in self.names():
            if json.loads((self.folder / name / STATE).read_text(encoding="utf-8")).get("step", 0) > step:
                remove_folder(self.folder / name)
        for link, target in (("last", last), ("best", best)):
            if target is not None and (self.folder / target / STATE).is_file():
                point(self.folder / link, self.folder / target)
            elif os.path.lexists(self.folder / link) and not (self.folder / link).is_dir():
                (self.folder / link).unlink()
        self._prune(needed)

    def _prune(self, needed: str | None) -> None:
        names = self.names()
        kept = {self.target("best"), self.target("last"), needed}
        kept |= set([name for name in names if name.startswith("epoch-")][-self.keep :]) if self.keep else set(names)
        for name in names:
            if name not in kept:
                remove_folder(self.folder / name)


# --- does a checkpoint fit? --------------------------------------------------------------------------


@dataclass(frozen=True)
class LoadReport:
    """What became of each tensor when weights were loaded."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]  #: the network has it, the checkpoint does not
    unexpected: tuple[str, ...]  #: the checkpoint has it, the network does not
    other_shape: tuple[tuple[str, Shape, Shape], ...]  #: name, the network's shape, the checkpoint's
    how: tuple[tuple[str, int], ...] = ()  #: how another system's tensors were found, and how many of them
    left_out: tuple[str, ...] = ()  #: layers that only another system's file has, where that is usual there

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.other_shape)

    def words(self, wanted: Sequence[str], of: Path | None = None) -> str:
        """What was loaded: `all 320 tensors (267 by the map)`, `4 of 6 tensors; fc8.weight, fc8.bias start fresh`."""
        loaded = set(self.loaded)
        fresh = [name for name in wanted if name not in loaded]
        what = f"all {plural(len(wanted), 'tensor')}" if not fresh else \
            f"{len(loaded):,} of {plural(len(wanted), 'tensor')}; {first_of(fresh, 6)} start fresh"
        how = ", ".join(f"{count:,} {way}" for way, count in self.how)
        names = first_of([f"`{name}`" for name in self.left_out], 4)
        left = f"; the network has no {names}, which the file has" if names else ""
        return what + (f" ({how})" if how else "") + (f" of {of}" if of else "") + left


def load(wanted: Tensors, found: Tensors, spans: Mapping[str, Span], path: Path,
         allow_missing: Sequence[str] = ()) -> LoadReport:
    """Copy tensors by name into the network's. Raises Failure unless all fit.

    `allow_missing` holds patterns (`model.fc8.*`) of tensors that keep their start although the
    checkpoint has none, or one of another shape; what only the checkpoint has is then left out.
    """
    excused = [name for name in wanted if any(fnmatch.fnmatchcase(name, pattern) for pattern in allow_missing)]
    same = [name for name in wanted if name in found and wanted[name].shape == found[name].shape]
    report = LoadReport(
        tuple(same),
        tuple(name for name in wanted if name not in found and name not in excused),
        () if allow_missing else tuple(name for name in found if name not in wanted),
        tuple((name, Shape(tuple(tensor.shape)), Shape(tuple(found[name].shape))) for name, tensor in wanted.items()
              if name in found and tensor.shape != found[name].shape and name not in excused),
        _ways(found, same),
        found.left_out if isinstance(found, FoundTensors) else (),
    )
    if not report.fits:
        raise Failure([_misfit(report, spans, path, fitting_map(found, wanted))])
    with torch.no_grad():
        for name in same:
            wanted[name].copy_(found[name])
    return report


def _ways(found: Tensors, loaded: Sequence[str]) -> tuple[tuple[str, int], ...]:
    how = found.how if isinstance(found, FoundTensors) else {}
    return tuple(Counter(how[name][1] for name in loaded if name in how).most_common())


def _misfit(report: LoadReport, spans: Mapping[str, Span], path: Path, fitting: str) -> Diagnostic:
    first = next(iter([name for name, _, _ in report.other_shape] or report.missing), "")
    primary = spans.get(first) or Span.nowhere(str(path))
    counts = [f"{len(names)} {what}" for names, what in (
        (report.loaded, "loaded"), (report.missing, "missing"), (report.unexpected, "unexpected"),
        (report.other_shape, "of another shape")) if names]
    body = [f"I compared the network with {path}: {', '.join(counts)}."]
    if report.other_shape:
        width = max(len(name) for name, _, _ in report.other_shape[:8])
        rows = [f"    {name:<{width}}  network {ours}, checkpoint {theirs}"
                for name, ours, theirs in report.other_shape[:8]]
        body += ["These have another shape:", "\n".join(rows + _more(report.other_shape))]
    for title, names in (("These are missing in the checkpoint:", report.missing),
                         ("Only the checkpoint has these:", report.unexpected)):
        if names:
            body += [title, "\n".join([f"    {name}" for name in names[:8]] + _more(names))]
    label = f"`{first}` does not fit" if first in spans else ""
    layers = dict.fromkeys(name.rpartition(".")[0] or name
                           for name in [*(name for name, _, _ in report.other_shape), *report.missing] or ["model"])
    patterns = " ".join(f"--allow-missing '{pattern}'"
                        for pattern in ([f"{layer}.*" for layer in layers] if len(layers) <= 4 else ["*"]))
    hint = f"use a checkpoint of this network, or name the tensors that may start fresh: {patterns}."
    if fitting:
        hint = f"the names are those of another layout, which netdsl knows: --map {fitting}."
    elif report.missing and report.unexpected and not report.loaded:
        hint += " Where only the names differ, --map FILE says which tensor is which."
    return Diagnostic(Code.CHECKPOINT_MISMATCH, "the checkpoint does not fit the network", Label(primary, label),
                      body=tuple(body), hint=hint)


def _more(items: Sequence[object], shown: int = 8) -> list[str]:
    return [f"    and {len(items) - shown} more"] if len(items) > shown else []


# --- is it the same training? -------------------------------------------------------------------------

#: part of the training -> key -> what the file says, in its notation
Identity = dict[str, dict[str, str]]


def differences(before: Mapping[str, Mapping[str, str]], now: Identity) -> list[tuple[str, str, str, str]]:
    """(part, key, then, now) for everything that has changed since the checkpoint."""
    changed = []
    for part in dict.fromkeys([*before, *now]):
        then, today = before.get(part, {}), now.get(part, {})
        for key in dict.fromkeys([*then, *today]):
            if then.get(key) != today.get(key):
                changed.append((part, key, then.get(key, "absent"), today.get(key, "absent")))
    return changed


def refuse_changes(changes: Sequence[tuple[str, str, str, str]], span: Span, path: Path) -> Failure:
    """The diagnostic that lists what has changed since a checkpoint was written."""
    network = any(part == "network" for part, *_ in changes)
    rows = [f"    {part}: {key}\n        then  {then}\n        now   {now}" for part, key, then, now in changes[:8]]
    data_alone = all(part == "data" for part, *_ in changes)
    what = "this is not the network" if network else "these are not the data" if data_alone else \
        "this is not the plan"
    return failure(
        Code.CHECKPOINT_MISMATCH, f"{what} that the checkpoint was trained with", span,
        "" if span.start == 0 else "this has changed",
        body=(f"A resumed run continues as if it had never stopped. Since {path} was written, this has changed:",
              "\n".join(rows + _more(changes))),
        hint=f"undo the change, or start a new run from these weights: --weights {path}." if network else
             "undo the change, or continue with it: --accept-changes.")
