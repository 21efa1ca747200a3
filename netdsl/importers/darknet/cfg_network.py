"""Sections joined to a network: chains as `Sequential (...)`, everything else as values with names.

A section of which only the next one takes the output goes into a chain with it. A network that is one chain is
written as `model = Sequential (...)`, as a person would; otherwise each chain is a `block` with a number.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Diagnostic
from ...base.failure import Failure, failure
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...base.units import first_of
from ...syntax import ast
from ..building import Builder
from ..import_format import without_meaning
from .cfg_file import CfgSection
from .section_layers import helper_text
from .section_table import BY_NAME
from .section_type import Extents, Made, Use, unread_keys

FEATURES = -1  #: stands for the network's input among the numbers of sections


@dataclass(frozen=True)
class Placed:
    """A section that was read, with what it became."""

    use: Use
    made: Made
    name: str


def read_sections(sections: Sequence[CfgSection], start: Extents) -> tuple[list[Placed], list[Diagnostic]]:
    """Every section's row, key by key. Raises Failure with all mistakes of the first section that has one."""
    placed: list[Placed] = []
    made: list[Made] = []
    notes: list[Diagnostic] = []
    silent: list[tuple[str, Span]] = []
    counts: Counter[str] = Counter()
    _require_known(sections)
    extents = start
    for index, section in enumerate(sections):
        row = BY_NAME[section.name]
        use = Use(section, row, index, extents, made)
        unread_keys(use)
        result = row.read(use)
        counts[row.label] += 1
        placed.append(Placed(use, result, f"{row.label}{counts[row.label]}"))
        made.append(result)
        extents = result.extents
        notes += use.notes
        silent += [(key.name, section.entries[key.name].span) for key in row.keys
                   if not key.effect and key.name in section.entries]
    return placed, [*notes, *without_meaning(silent, "read and not used")]


def _require_known(sections: Sequence[CfgSection]) -> None:
    problems: list[Diagnostic] = []
    for section in sections:
        if section.name not in BY_NAME:
            hint = did_you_mean(section.name, list(BY_NAME)) or \
                f"the sections that can be read are {first_of(list(BY_NAME), 40)}."
            if section.name in ("net", "network"):
                hint = "[net] stands once, at the beginning."
            problems += failure(Code.UNKNOWN_NAME, f"there is no section [{section.name}]", section.header,
                                "darknet would go on without it", hint=hint).diagnostics
    if problems:
        raise Failure(problems)


@dataclass
class Network:
    """The members of `network` for sections that were read."""

    placed: Sequence[Placed]
    start: Extents
    span: Span  #: from the first section to the end of the file
    comments: Sequence[Span] = ()

    def __post_init__(self) -> None:
        self.build = Builder(Span.nowhere(self.span.source.name))
        self._comment_starts = sorted(comment.start for comment in self.comments)
        self.ending = self._ending()
        self._names: dict[int, str] = {FEATURES: "features"}
        self.users = self._users()

    # --- what the network ends in --------------------------------------------------------------

    def _ending(self) -> str:
        """The loss that the network ends in; "" for none. Behind a layer that has one, [cost] is left out."""
        own = self.placed[self.last].made.loss
        return own if own.startswith(("softmax", "logistic")) else self.placed[-1].made.loss

    @property
    def is_trained(self) -> bool:
        return self.ending in ENDINGS

    @property
    def normalizes(self) -> bool:
        """Whether there is a batch normalization."""
        return any(place.use.section.name == "batchnorm" or
                   ("batch_normalize" in {key.name for key in place.use.row.keys} and place.use.flag("batch_normalize"))
                   for place in self.placed)

    @property
    def last(self) -> int:
        """The section whose output is the network's: the last one that is no [cost]."""
        index = len(self.placed) - 1
        while index > 0 and self.placed[index].made.loss.startswith("cost"):
            index -= 1
        return index

    @property
    def classes(self) -> int:
        return self.placed[self.last].made.extents.size

    @property
    def scores(self) -> int:
        """The section before a softmax or logistic at the end: its output is what the criterion takes."""
        return self.last - 1 if self._output_loss in ("softmax", "logistic") else self.last

    @property
    def _output_loss(self) -> str:
        return self.placed[self.last].made.loss

    # --- chains --------------------------------------------------------------------------------

    def origin(self, index: int) -> int:
        """The section whose output this one's is: [route] to one section stands for that section."""
        while index != FEATURES and self.placed[index].made.layer is None and self.placed[index].made.value is None:
            index = self.placed[index].made.uses[0] if self.placed[index].made.uses else FEATURES
        return index

    def _users(self) -> Counter[int]:
        users: Counter[int] = Counter()
        for index, place in enumerate(self.placed):
            if place.made.value is not None:
                users.update(self.origin(use) for use in place.made.uses)
            elif place.made.layer is not None:
                users[self.origin(index - 1)] += 1
        return users

    def chains(self) -> list[list[int]]:
        """Sections in order; those of a list go into one `Sequential`."""
        found: list[list[int]] = []
        ends = {self.origin(self.scores), self.origin(self.last), *(self.origin(i) for i in self.detectors)}
        for index, place in enumerate(self.placed):
            if place.made.layer is None and place.made.value is None:
                continue
            if index == self.last and self.scores != self.last:
                continue  # softmax or logistic at the end: written with the criterion
            before = self.origin(index - 1)
            joins = place.made.layer is not None and found and found[-1][-1] == before and \
                self.users[before] == 1 and before not in ends and self.placed[before].made.layer is not None
            if joins:
                found[-1].append(index)
            else:
                found.append([index])
        return found

    @property
    def detectors(self) -> list[int]:
        return [index for index, place in enumerate(self.placed) if place.made.loss == "detector"]

    # --- members -------------------------------------------------------------------------------

    def members(self) -> list[ast.Member]:
        chains = self.chains()
        helpers = sorted({name for place in self.placed for name in place.use.helpers})
        found: list[ast.Member] = [member for name in helpers for member in self.build.members(helper_text(name))]
        found += [self.build.assign("features", self.build.parsed(f"Input {{{self.start.dims[1:-1]}}}"))]
        if self.is_trained:
            found.append(self.build.assign("labels", self.build.parsed(f"Input {{{self._label_dims}}}")))
        whole = len(chains) == 1 and len(chains[0]) > 1 and self.is_trained
        blocks = 0
        for chain, following in zip(chains, [*chains[1:], None], strict=True):
            blocks += len(chain) > 1
            span = self._covered(chain[0], chain[-1], following[0] if following else None)
            found.append(self._chain(chain, "model" if whole else f"block{blocks}", whole, span))
        return found + self._results()

    @property
    def _label_dims(self) -> str:
        extents = self.placed[self.last].made.extents
        return str(extents.size) if extents.flat or self._as_vector else extents.dims[1:-1]

    @property
    def _as_vector(self) -> bool:
        """Whether the scores are classes, for which criteria want a vector."""
        return self._output_loss.startswith("softmax")

    def _chain(self, chain: Sequence[int], name: str, whole: bool, span: Span) -> ast.Member:
        """One section as a value of its name, several as a `Sequential` of named steps."""
        first, last = self.placed[chain[0]], self.placed[chain[-1]]
        if len(chain) == 1 and not whole:
            name = first.name
        value = self._value(first) if len(chain) == 1 and not whole else self._sequence(chain, span)
        if first.made.layer is not None and not whole:
            value = Builder(first.use.section.header).call(value, self._output(first.use.index - 1))
        self._names[last.use.index] = f"model ({self._names[FEATURES]})" if whole else name
        return ast.Assign(ast.Identifier(name, first.use.section.header), value, span)

    def _value(self, place: Placed) -> ast.Expression:
        if place.made.layer is not None:
            return place.made.layer
        assert place.made.value is not None
        return place.made.value(self._output)

    def _sequence(self, chain: Sequence[int], span: Span) -> ast.Expression:
        steps: list[ast.Expression | ast.Step] = []
        first, last = (self.placed[index].use.section.header for index in (chain[0], chain[-1]))
        places = self._comment_starts
        commented = bisect.bisect_left(places, last.start) > bisect.bisect_right(places, first.start)
        for index, following in zip(chain, [*chain[1:], None], strict=True):
            place = self.placed[index]
            assert place.made.layer is not None
            own = self._covered(index, index, following, commented) if following is not None else \
                span.source.span(place.use.section.span.start, span.end)
            steps.append(ast.Step(ast.Identifier(place.name, place.use.section.header), place.made.layer, own))
        listed = ast.List(tuple(steps), span) if len(steps) > 1 else steps[0]
        argument = ast.Argument(None, listed, span)  # type: ignore[arg-type]
        return ast.Call(self.build.name("Sequential"), (argument,), False, span)

    def _covered(self, first: int, last: int, following: int | None, own_line: bool = False) -> Span:
        """From a section to where the next one begins, or a comment: blank lines between sections are left out."""
        source, header = self.span.source, self.placed[last].use.section.header
        end = self.placed[following].use.section.span.start if following is not None else self.span.end
        next_comment = bisect.bisect_left(self._comment_starts, header.end)
        commented = [place for place in self._comment_starts[next_comment:next_comment + 1] if place < end]
        start = self.placed[first].use.section.span.start
        if own_line:  # so that a comment stands above its own step
            end = max(end - 1, header.end)
        return source.span(start, min([end, *commented]))

    def _output(self, index: int) -> ast.Expression:
        return self.build.parsed(self._names[self.origin(index)])

    # --- what is computed with them ------------------------------------------------------------

    def _results(self) -> list[ast.Member]:
        build = self.build
        if not self.is_trained:
            named = [self._names[self.origin(index)] for index in [*self.detectors, self.last]]
            text = " : ".join(dict.fromkeys(named))
            return [build.assign("outputNodes", build.parsed(text))]
        scores = self._names[self.origin(self.scores)]
        extents = self.placed[self.scores].made.extents
        if self._as_vector and not extents.flat:
            scores = f"Flatten ({scores})"
        end = self.placed[self.last].made.layer if self.scores != self.last else None
        members = [build.assign("z", build.parsed(scores))]
        if end is not None:
            members.append(build.assign("prob", build.parsed(f"{self._function(end)} (z)")))
        for name, text in ENDINGS[self.ending].items():
            if name != "top5" or extents.size > 10:
                text = text.replace("SCALE", f"{self.placed[-1].made.factor / 2:g}")
                members.append(build.assign(name, build.parsed(text)))
        metrics = [name for name in ("errs", "top5") if any(m.name.text == name for m in members)]
        members.append(build.assign("criterionNodes", build.parsed("loss" if "loss" in ENDINGS[self.ending] else "ce")))
        if metrics:
            members.append(build.assign("evaluationNodes", build.parsed(" : ".join(metrics))))
        members.append(build.assign("outputNodes", build.parsed("prob" if end is not None else "z")))
        return list(members)

    def _function(self, layer: ast.Expression) -> str:
        return "Sigmoid" if self._output_loss == "logistic" else "Softmax"


#: How a network ends -> members of the written file; SCALE is half the factor of the loss.
ENDINGS: dict[str, dict[str, str]] = {
    "softmax": {"ce": "CrossEntropyWithSoftmax (labels, z)", "errs": "ClassificationError (labels, z)",
                "top5": "ClassificationError (labels, z, topN = 5)"},
    "softmax group": {"ce": "CrossEntropy (labels, z)", "errs": "ClassificationError (labels, z)",
                      "top5": "ClassificationError (labels, z, topN = 5)"},
    "logistic": {"ce": "BinaryCrossEntropyWithSigmoid (labels, z)"},
    "cost sse": {"loss": "SCALE * SquareError (labels, z)"},
    "cost L1": {"loss": "SCALE * 2 * AbsoluteError (labels, z)"},
}
