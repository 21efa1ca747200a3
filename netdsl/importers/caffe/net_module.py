"""Translated layers -> the AST of a `.net` file, as a person would write it: runs as lists of named steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...base.source import Source, Span
from ...syntax import ast
from ..building import Builder
from .layer_rows import ENDS
from .legal_names import is_function, legal_name, legal_names
from .net_blobs import Made, Use, outputs
from .net_chains import SHORTEST, chain_name, chains_of
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

    def run(self) -> NetModule:
        chains = {chain[0]: chain for chain in chains_of(self.found)}
        within = {number for chain in chains.values() for number in chain[1:] if len(chain) >= SHORTEST}
        whole = self._whole(chains)
        for number, each in self.found.items():
            chain = chains.get(number, [])
            if number in within or each.row.role in ("loss", "metric", "nothing"):
                continue
            if len(chain) >= SHORTEST:
                self._write_chain(chain, "model" if whole else "")
            else:
                self._write_layer(each)
        self._write_ends()
        return self.module

    def _whole(self, chains: Mapping[int, Sequence[int]]) -> bool:
        """Whether one run is the whole of the net, but for data and losses."""
        layers = [number for number, each in self.found.items() if each.row.role == "layer"]
        return len(chains) == 1 and len(next(iter(chains.values()))) == len(layers)

    # --- layers ----------------------------------------------------------------------------------------

    def _name(self, each: TranslatedUse, top: int) -> str:
        return self.legal[names_wanted(each)[top]]

    def _inputs(self, each: TranslatedUse) -> list[ast.Expression]:
        return [each.translation.build.name(self.values[made]) for made in each.use.bottoms]

    def _write_layer(self, each: TranslatedUse) -> None:
        results = each.row.results(each.translation, self._inputs(each))
        for top, result in enumerate(results):
            name = self._name(each, top)
            self._add(name, result, each.translation.build, Made(each.use.number, top))

    def _add(self, name: str, value: ast.Expression, build: Builder, made: Made) -> None:
        self.module.members.append(build.assign(name, value))
        self.values[made] = self.module.nodes[made] = name

    def _write_chain(self, chain: Sequence[int], name: str) -> None:
        steps: list[ast.Step] = []
        before: Span | None = None
        names = [self._name(self.found[number], 0) for number in chain]
        weighted = [own for own, number in zip(names, chain, strict=True) if self.found[number].row.tensors]
        first, last = self.found[chain[0]], self.found[chain[-1]]
        wanted = name or self._free(chain_name(names, weighted))
        for number, own in zip(chain, names, strict=True):
            each = self.found[number]
            for ending, function in each.row.steps(each.translation) or ():
                span = each.translation.build.span
                if before is not None and isinstance(function, ast.Name):
                    span = span.source.span(before.end, span.end)  # a plain function stands behind what it follows
                steps.append(ast.Step(ast.Identifier(f"{own}{ending}", span), function, span))
                before = span
            self.module.nodes[Made(number, 0)] = f"{wanted}.{own}"
        build = first.translation.build
        sequential = ast.Name("Sequential", self._break_before(first.use.span))
        model = build.call(sequential, ast.List(tuple(steps), steps[0].span.to(steps[-1].span)))
        value = build.name(self.values[first.use.bottoms[0]])
        made = Made(last.use.number, 0)
        if name:
            self.module.members.append(build.assign(name, model))
            result = self._free(names[-1])
            self.module.members.append(last.translation.build.assign(result, build.call(name, value)))
            self.values[made] = result
        else:
            self.module.members.append(build.assign(wanted, build.call(model, value)))
            self.values[made] = wanted

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
        criteria: list[ast.Expression] = []
        metrics: list[ast.Expression] = []
        for each in self.found.values():
            if each.row.role not in ("loss", "metric"):
                self._weighted_blobs(each, criteria)
                continue
            results = each.row.results(each.translation, self._inputs(each))
            name = self.legal[names_wanted(each)[0]]
            build = each.translation.build
            self.module.members.append(build.assign(name, results[0]))
            if each.use.layer.tops:
                self.module.nodes[Made(each.use.number, 0)] = name
            weight = (*each.use.layer.loss_weights, 1.0)[0]
            if each.row.role == "metric" or "TRAIN" not in each.use.phases:
                metrics.append(build.name(name))
            elif weight:
                criteria.append(each.translation.scaled(weight, build.name(name)))
        end = Builder(self.source.span(len(self.source.text), len(self.source.text)))
        read = [made for made in outputs(self.uses, ENDS) if made in self.values
                and self.found[made.use].row.role not in ("data", "nothing")]
        lists = (("criterionNodes", criteria), ("evaluationNodes", metrics),
                 ("outputNodes", [end.name(self.values[made]) for made in read]))
        for name, items in lists:
            if items:
                value = items[0] if len(items) == 1 else ast.List(tuple(items), end.span)
                self.module.members.append(end.assign(name, value))

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
    if each.row.role == "data" or len(layer.tops) > 1 and each.row.role == "layer":
        return [name for name, _ in layer.tops]
    return [layer.name]


def node_name(name: str) -> str:
    return legal_name(name)
