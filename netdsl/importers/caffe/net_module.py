"""Translated layers -> the AST of a `.net` file, as a person would write it: runs as lists of named steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...base.source import NOWHERE, Source, Span
from ...syntax import ast
from ..building import Builder
from .layer_rows import ENDS
from .legal_names import is_function, legal_names
from .net_blobs import Made, Use, outputs
from .net_chains import SHORTEST, chain_name, chains_of
from .net_sharing import shared_layers, towers_of
from .net_translation import TranslatedUse


@dataclass
class NetModule:
    """The members of `network`, and where each blob of the net is found in it."""

    members: list[ast.Member]
    nodes: dict[Made, str] = field(default_factory=dict)  #: blob -> name of its node


def write_network(uses: Sequence[Use], found: Mapping[int, TranslatedUse], source: Source) -> NetModule:
    return _Writer(uses, found, source).run()


class _Writer:
    def __init__(self, uses: Sequence[Use], found: Mapping[int, TranslatedUse], source: Source) -> None:
        self.uses, self.found, self.source = uses, found, source
        wanted = [name for each in found.values() for name in names_wanted(each)]
        self.legal = legal_names(wanted)
        self.taken = set(self.legal.values())
        self.values: dict[Made, str] = {}
        self.module = NetModule([])
        self.functions: dict[int, tuple[str, list[str]]] = {}  #: first layer of a shared run -> function, its nodes
        self.applied: dict[str, int] = {}

    def run(self) -> NetModule:
        runs, again = towers_of(chains_of(self.found), self.found, shared_layers(self.found))
        chains = {run[0]: run for run in runs}
        repeats = {number: first for first, others in again.items() for number in others}
        within = {number for run in runs for number in run[1:]
                  if len(run) >= SHORTEST or run[0] in again or run[0] in repeats}
        whole = self._whole(runs)
        for number, each in self.found.items():
            chain = chains.get(number, [])
            if number in within or each.row.role in ("loss", "metric", "nothing"):
                continue
            if number in again or number in repeats:
                self._apply(chain, chains[repeats.get(number, number)])
            elif len(chain) >= SHORTEST:
                self._write_chain(chain, "model" if whole else "")
            else:
                self._write_layer(each)
        self._write_ends()
        return self.module

    def _apply(self, chain: Sequence[int], first: Sequence[int]) -> None:
        """A layer or run that is made once and applied to several blobs; the function is written before its first use.
        """
        last, made = self.found[chain[-1]], Made(chain[-1], 0)
        value = self._inputs(self.found[chain[0]])[0]
        if first[0] not in self.functions:
            self._make_function(first)
        function, names = self.functions[first[0]]
        name = self._name(last, 0)
        if name == function:
            name = self._free(f"{name}_{self.values[self.found[chain[0]].use.bottoms[0]]}")
        self._add(name, last.translation.build.call(function, value), last.translation.build, made)
        count = self.applied[function] = self.applied.get(function, 0) + 1
        ending = "" if count == 1 else f"_{count}"
        for number, node in zip(chain, names, strict=True):
            self.module.nodes[Made(number, 0)] = f"{node}{ending}"

    def _make_function(self, first: Sequence[int]) -> None:
        each = self.found[first[0]]
        if len(first) == 1:
            function = self._name(each, 0)
            ((_, value),) = each.steps or ()
            self.module.members.append(each.translation.build.assign(function, value))
            self.functions[first[0]] = (function, [function])
            return
        function = self._free("tower")
        names, sequential = self._sequential(first)
        self.module.members.append(each.translation.build.assign(function, sequential))
        self.functions[first[0]] = (function, [f"{function}.{name}" for name in names])

    def _whole(self, chains: Sequence[Sequence[int]]) -> bool:
        """Whether one run is the whole of the net, but for data and losses."""
        layers = [number for number, each in self.found.items() if each.row.role == "layer"]
        return len(chains) == 1 and len(chains[0]) == len(layers)

    # --- layers ----------------------------------------------------------------------------------------

    def _name(self, each: TranslatedUse, top: int) -> str:
        return self.legal[names_wanted(each)[top]]

    def _inputs(self, each: TranslatedUse) -> list[ast.Expression]:
        return [each.translation.build.name(self.values[made]) for made in each.use.bottoms]

    def _write_layer(self, each: TranslatedUse) -> None:
        results = each.results(self._inputs(each))
        for top, result in enumerate(results):
            name = self._name(each, top)
            self._add(name, result, each.translation.build, Made(each.use.number, top))

    def _add(self, name: str, value: ast.Expression, build: Builder, made: Made) -> None:
        self.module.members.append(build.assign(name, value))
        self.values[made] = self.module.nodes[made] = name

    def _write_chain(self, chain: Sequence[int], name: str) -> None:
        """A run as a Sequential that is applied: a function `model` where it is the whole net."""
        first, last = self.found[chain[0]], self.found[chain[-1]]
        names, model = self._sequential(chain)
        weighted = [own for own, number in zip(names, chain, strict=True) if self.found[number].row.tensors]
        wanted = name or self._free(chain_name(names, weighted))
        for number, own in zip(chain, names, strict=True):
            self.module.nodes[Made(number, 0)] = f"{wanted}.{own}"
        build, made = first.translation.build, Made(chain[-1], 0)
        value = build.name(self.values[first.use.bottoms[0]])
        if name:
            self.module.members.append(build.assign(name, model))
            result = self._free(names[-1])
            self.module.members.append(last.translation.build.assign(result, build.call(name, value)))
            self.values[made] = result
        else:
            self.module.members.append(build.assign(wanted, build.call(model, value)))
            self.values[made] = wanted

    def _sequential(self, chain: Sequence[int]) -> tuple[list[str], ast.Expression]:
        """`Sequential (name := layer : ...)`, and the names of the layers."""
        steps: list[ast.Step] = []
        before: Span | None = None
        names = [self._name(self.found[number], 0) for number in chain]
        for number, own in zip(chain, names, strict=True):
            each = self.found[number]
            for ending, function in each.steps or ():
                span = each.translation.build.span
                if before is not None and isinstance(function, ast.Name):
                    span = span.source.span(before.end, span.end)  # a plain function stands behind what it follows
                steps.append(ast.Step(ast.Identifier(f"{own}{ending}", span), function, span))
                before = span
        first = self.found[chain[0]]
        callee = ast.Name("Sequential", self._break_before(first.use.span))
        span = steps[0].span.to(steps[-1].span)
        return names, first.translation.build.call(callee, ast.List(tuple(steps), span))

    def _break_before(self, span: Span) -> Span:
        """The end of the line before a layer: what is written from there on begins a line."""
        line_end = self.source.text.rfind("\n", 0, span.start)
        return self.source.span(line_end, line_end) if line_end >= 0 else span

    def _free(self, name: str) -> str:
        """A name for a run, which is no layer's but may be that of a step in it."""
        used = {member.name.text for member in self.module.members if isinstance(member, ast.Assign)}
        candidate, number = name, 1
        while candidate in used or is_function(candidate):
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    # --- special lists ---------------------------------------------------------------------------------

    def _write_ends(self) -> None:
        end = Builder(self.source.span(len(self.source.text), len(self.source.text)))
        criteria: list[ast.Expression] = []
        metrics: list[ast.Expression] = []
        for each in self.found.values():
            if each.row.role not in ("loss", "metric"):
                self._weighted_blobs(each, criteria)
                continue
            results = each.results(self._inputs(each))
            name = self.legal[names_wanted(each)[0]]
            build = each.translation.build
            self.module.members.append(build.assign(name, results[0]))
            if each.use.layer.tops:
                self.module.nodes[Made(each.use.number, 0)] = name
            weight = (*each.use.layer.loss_weights, 1.0)[0]
            if each.row.role == "metric" or "TRAIN" not in each.use.phases:
                metrics.append(end.name(name))
            elif weight:
                criteria.append(end.name(name) if weight == 1 else ast.Binary(
                    "*", end.value(weight), end.name(name), end.span, NOWHERE))
        read = [made for made in outputs(self.uses, ENDS) if made in self.values
                and self.found[made.use].row.role not in ("data", "nothing") and not self._is_target(made)]
        lists = (("criterionNodes", criteria), ("evaluationNodes", metrics),
                 ("outputNodes", [end.name(self.values[made]) for made in read]))
        for name, items in lists:
            if items:
                value = items[0] if len(items) == 1 else ast.List(tuple(items), end.span)
                self.module.members.append(end.assign(name, value))

    def _is_target(self, made: Made) -> bool:
        """Whether a blob is only what others are compared with."""
        readers = [self.found[number] for number in self.uses[made.use].readers[made.top] if number in self.found]
        return bool(readers) and all(each.use.bottoms.index(made) == each.row.target for each in readers)

    def _weighted_blobs(self, each: TranslatedUse, criteria: list[ast.Expression]) -> None:
        """Any blob may have a loss weight; the sum of its numbers counts then."""
        build = each.translation.build
        for top, weight in enumerate(each.use.layer.loss_weights):
            made = Made(each.use.number, top)
            if weight and made in self.values and "TRAIN" in each.use.phases:
                value = build.name(self.values[made])
                total = value if each.shapes[top] == () else build.call("ReduceSum", value)
                criteria.append(each.translation.scaled(weight, total))


def names_wanted(each: TranslatedUse) -> list[str]:
    """The names of Caffe under which its results are known: its own, or of several tops theirs."""
    layer = each.use.layer
    if each.row.role == "data" or (len(layer.tops) > 1 and each.row.role == "layer"):
        return [name for name, _ in layer.tops]
    return [layer.name]
