"""The row of CNTK's model files: their tensors under a network's names, in torch's order of axes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ....base.codes import Code
from ....base.failure import Failure, failure
from ....base.lazy import LazyModule
from ....base.source import Span
from ...place_matching import match_places
from ...weight_format import FoundArrays, NetworkTensors, StoredTensor, Wanted, WeightFormat
from .model_file import ModelFile, ModelTensor
from .model_forms import layer_forms
from .model_network import GraphWriter
from .model_places import counted_tensors, places_of_model, places_of_network
from .read_model import TITLE, looks_like_model, read_model

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: The tensors of a layer here, by what CNTK's library calls them.
_ROLES = {"W": "weight", "E": "weight", "b": "bias", "scale": "weight", "bias": "bias", "beta": "bias",
          "gamma": "weight", "runMean": "running_mean", "aggregate_mean": "running_mean",
          "runVariance": "running_variance", "aggregate_variance": "running_variance",
          "runCount": "running_count", "aggregate_count": "running_count", "run_sample_count": "running_count"}
#: Counts of samples, which files do not always have.
_COUNTS = (".count", ".running_count")
#: Parts of a path in CNTK that only say how its library is built.
_INNER = re.compile(r"\.?(arrayOfFunctions\[\d+\]|\bf\b)")


class CNTKModel(WeightFormat):
    """Models that CNTK saved: `.model` of CNTK 2, and the older stream in `.dnn`, `.cmf` and `.model`."""

    name: ClassVar[str] = "cntk"
    title: ClassVar[str] = TITLE
    suffixes: ClassVar[tuple[str, ...]] = (".model", ".dnn", ".cmf")

    def recognises(self, start: bytes) -> bool:
        return looks_like_model(start)

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(t.path, tuple(reversed(t.dims)), t.kind) for t in read_model(path).tensors.values()]

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        return {tensor.path: tensor.array() for tensor in read_model(path).tensors.values()}

    def facts(self, path: Path) -> list[tuple[str, str]]:
        model = read_model(path)
        format_text = f"{model.format}, version {model.version}" if model.format == "v1" else "v2 (CNTK 2)"
        groups = [(group, ", ".join(_shown(model, uid) for uid in uids))
                  for group, uids in model.groups.items() if uids]
        inputs = ", ".join(f"{value.name} [{' x '.join(map(str, value.dims))}]" for value in model.inputs.values())
        return [("format", format_text), ("inputs", inputs), *groups]

    def parts(self, path: Path) -> list[tuple[str, str, str]]:
        model = read_model(path)
        return [(_shown(model, node.uid), node.operation, ", ".join(_shown(model, uid) for uid in node.inputs))
                for node in model.nodes.values()]

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        model = read_model(path)
        return _Matched(path, model, wanted).arrays()


def _shown(model: ModelFile, uid: str) -> str:
    if uid in model.tensors:
        return model.tensors[uid].path
    if uid in model.inputs:
        return model.inputs[uid].name
    return model.nodes[uid].name or uid


class _Matched:
    """A model and a network: which tensor is which."""

    def __init__(self, path: Path, model: ModelFile, wanted: Wanted) -> None:
        self._path, self._model, self._wanted = path, model, wanted
        self._counted = counted_tensors(model)
        self._pairs: dict[str, tuple[str, str]] = {}
        uses = wanted.uses if isinstance(wanted, NetworkTensors) else ()
        self._alone = {name for use in uses if use.is_source for name in use.tensors}

    def arrays(self) -> FoundArrays:
        self._match_import()
        if not self._pairs:
            self._match_names()
            self._match_places()
        found = FoundArrays()
        for name, (uid, how) in self._pairs.items():
            tensor = self._model.tensors[uid]
            forms = self._forms(tensor, name in self._alone or name.endswith(".value"))
            array = next((form for form in forms if _fits(form.shape, self._wanted[name])), None)
            # What has other extents is handed on as it is: the report of loading says both shapes.
            array = forms[0] if array is None else array.reshape(self._wanted[name])
            found[name] = np.array(array, order="C")  # of its own: the file's bytes cannot be written to
            found.how[name] = tensor.path, how
        layers = {name.rpartition(".")[0] for name in self._pairs}
        for name, shape in self._wanted.items():
            if name not in found and name.endswith(_COUNTS) and name.rpartition(".")[0] in layers:
                found[name] = np.ones(shape, "f4")  # the statistics are there, so there were samples
        taken = {uid for uid, _ in self._pairs.values()}
        for uid, tensor in self._counted.items():
            if uid not in taken:
                found.setdefault(tensor.path, np.array(tensor.array()))
        return found

    def _match_import(self) -> None:
        """The names that the graph of this model has as a `.net` file, where the network is that file."""
        try:
            writer = GraphWriter(self._model, str(self._path))
            writer.module()
        except Failure:  # it has operations that cannot be written
            return
        pairs = {name: uid for uid, name in writer.tensor_names.items()}
        sizes = {name: self._model.tensors[uid].size for name, uid in pairs.items()}
        ours = {name: shape for name, shape in self._wanted.items() if name in pairs or not name.endswith(_COUNTS)}
        if ours and all(sizes.get(name) == math.prod(shape) for name, shape in ours.items()):
            self._pairs = {name: (pairs[name], "by the names of its import") for name in ours}

    # --- by name ----------------------------------------------------------------------------------

    def _match_names(self) -> None:
        """Tensors whose path in the model is the network's, as it is or by the rules of CNTK's library."""
        for rule, how in ((lambda path: (path, f"{path}.value"), "by name"), (_paths_here, "by CNTK's names"),
                          (_tails_here, "by CNTK's names")):
            theirs: dict[str, list[str]] = {}
            for uid, tensor in self._model.tensors.items():
                for path in rule(tensor.path):
                    theirs.setdefault(path, []).append(uid)
            self._pair_names(theirs, how)

    def _pair_names(self, theirs: dict[str, list[str]], how: str) -> None:
        taken = {uid for uid, _ in self._pairs.values()}
        for name, shape in self._wanted.items():
            if name in self._pairs:
                continue
            # In the network the layer may stand deeper: `model.h.weight` for the model's `h.W`.
            tails = [name.split(".", k)[-1] for k in range(name.count("."))]
            for tail in tails:
                uids = [uid for uid in theirs.get(tail, ()) if uid not in taken]
                same = [other for other in self._wanted if other.endswith(f".{tail}")]
                if len(uids) == 1 and (tail == name or len(same) <= 1):
                    if self._model.tensors[uids[0]].size == math.prod(shape) or tail == name:
                        self._pairs[name] = uids[0], how
                        taken.add(uids[0])
                    break

    # --- by place ---------------------------------------------------------------------------------

    def _match_places(self) -> None:
        """First with poolings and the order of what is joined as places of their own; what is left, without."""
        if not isinstance(self._wanted, NetworkTensors) or not self._wanted.uses:
            return
        known = {name: uid for name, (uid, _) in self._pairs.items()}
        ambiguous: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
        for fixed, marks in ((False, True), (False, False), (True, True)):
            left = [name for name in self._wanted if name not in self._pairs]
            if not left:
                return
            ours = places_of_network(self._wanted.uses, self._wanted, marks)
            found = match_places(ours, places_of_model(self._model, fixed, marks), known)
            ambiguous = found.ambiguous if not fixed else ambiguous
            for name in left:
                if name in found.pairs:
                    self._pairs[name] = found.pairs[name], "by place in the graph"
                    known[name] = found.pairs[name]
        doubtful = tuple(group for group in ambiguous if any(name in self._wanted for name in group[0]))
        if doubtful:
            raise self._ambiguous(doubtful)

    def _ambiguous(self, groups: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]) -> Exception:
        rows = []
        for ours, theirs in groups:
            if ours[0] in self._wanted:
                paths = [self._model.tensors[uid].path for uid in theirs if uid in self._model.tensors]
                rows.append(f"    network {', '.join(ours[:4])}; file {', '.join(paths[:4])}")
        return failure(
            Code.CHECKPOINT_MISMATCH, f"the tensors of `{self._path.name}` cannot be told apart",
            Span.nowhere(str(self._path)),
            body=("The names in the file are not the network's, and these have equal shapes at equal places of the "
                  "graph:", "\n".join(rows[:8])),
            hint="give the layers the names that they have in the file (`netdsl info` lists them), or say which is "
                 "which in a file for --map.")

    # --- order of axes ----------------------------------------------------------------------------

    def _forms(self, tensor: ModelTensor, alone: bool) -> list[np.ndarray[Any, Any]]:
        """A tensor as its layer would store it here, then as a parameter by itself would; that first if it is one."""
        users = [self._model.nodes[uid] for uid in self._model.users.get(tensor.uid, ())]
        plain = tensor.array()
        if alone or (users and users[0].layer == "Embedding"):
            return [plain, *(form for user in users[:1] for form in layer_forms(tensor, user))]
        return [*(form for user in users[:1] for form in layer_forms(tensor, user)), plain]


def _paths_here(path: str) -> Iterator[str]:
    """What a path of CNTK's library is here: `h.arrayOfFunctions[0].W` is `h.weight`."""
    layer, _, own = path.rpartition(".")
    if own in _ROLES:
        yield f"{_INNER.sub('', layer)}.{_ROLES[own]}".lstrip(".")


def _tails_here(path: str) -> Iterator[str]:
    """The same without what stands around the layer there: `model.h.W` may be `h.weight`."""
    for found in _paths_here(path):
        parts = found.split(".")
        yield from (".".join(parts[k:]) for k in range(1, len(parts) - 1))


def _fits(theirs: tuple[int, ...], ours: tuple[int, ...]) -> bool:
    """Whether two shapes are one but for extents of 1."""
    return [extent for extent in theirs if extent != 1] == [extent for extent in ours if extent != 1]

