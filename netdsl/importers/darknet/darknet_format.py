"""The row of the table of formats for darknet's `.cfg` files."""

from __future__ import annotations

import re

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Span
from ...syntax import ast
from ..building import Builder
from ..import_format import Imported, ImportFormat, ImportRequest
from .cfg_file import read_cfg
from .cfg_network import Network, Placed, read_sections
from .cfg_plan import Net, require_net


class Darknet(ImportFormat):
    """A network of darknet: sections in order, each taking the output of the one before."""

    name = "darknet"
    title = "a network of darknet"
    suffixes = (".cfg",)

    def recognises(self, text: str) -> bool:
        lines = (line.strip() for line in text.splitlines())
        first = next((line for line in lines if line and line[0] not in "#;"), "")
        return re.fullmatch(r"\[(net|network)\]", first) is not None

    def read(self, request: ImportRequest) -> Imported:
        source = request.source
        file = read_cfg(source)
        net = require_net(file.sections, Span.nowhere(source.name))
        start = net.extents()
        placed, notes = read_sections(file.sections[1:], start)
        network = Network(placed, start, source.span(placed[0].use.section.span.start, len(source.text)), file.comments)
        members, further = _members(net, network)
        module = ast.Module(tuple(members), source.span(0, len(source.text)), file.comments)
        return Imported(module, request.overrides, (*net.notes(), *notes, *further))


def _members(net: Net, network: Network) -> tuple[list[ast.Member], list[Diagnostic]]:
    build = Builder(Span.nowhere(network.span.source.name))
    inner = ast.Assign(ast.Identifier("network", build.span), ast.Record(tuple(network.members()), network.span),
                       network.span)
    if not network.is_trained:
        return [inner], [_no_training(net, network)]
    found: list[ast.Member] = [net.plan(*_of_parameters(network), network.normalizes), inner]
    notes: list[Diagnostic] = []
    if network.ending.startswith("softmax") and network.start.channels in (1, 3) and not network.start.flat:
        first = net.section.header.source.span(net.section.header.start, net.section.header.start)
        found.insert(0, Builder(first).assign("dataDir", "data"))
        found.append(net.reader(network.classes, network.start))
        notes = net.augmentation_note()
    if network.last < len(network.placed) - 1 and network.placed[network.last].made.loss:
        cost = network.placed[-1].use.section.header
        notes.append(Diagnostic(Code.DOUBTFUL, "the [cost] behind the last layer is left out", Label(
            cost, "the layer before has a loss of its own"), severity="note"))
    return found, notes


def _of_parameters(network: Network) -> tuple[list[str], dict[str, float]]:
    """The sections that are frozen, and the ones with a rate of their own, by the names of their parameters."""
    frozen: list[str] = []
    rates: dict[str, float] = {}
    stop = max((i for i, place in enumerate(network.placed) if place.use.flag("stopbackward")), default=-1)
    for index, place in enumerate(network.placed):
        if place.use.row.weights and index <= stop:
            frozen.append(place.name)
        if place.use.row.weights and place.use.number("learning_rate") != 1:
            rates[place.name] = place.use.number("learning_rate")
    return frozen, rates


def _no_training(net: Net, network: Network) -> Diagnostic:
    last: Placed = network.placed[-1]
    name = last.use.section.name
    why = f"netdsl has no loss for [{name}]" if last.made.loss else f"[{name}] has no loss"
    return Diagnostic(Code.NO_TRAINING, "this network can be checked and run, not trained",
                      Label(last.use.section.header, why), (Label(net.section.header, "its plan is not read"),),
                      severity="note")
