"""Data layers of a net as the `reader` block."""

from __future__ import annotations

from collections.abc import Mapping

from ...base.source import Span
from ...syntax import ast
from ..building import Builder
from .data_source import TRANSFORM, DataSource
from .known_fields import Problems, read_fields
from .layer_rows import LAYER_TYPES
from .net_blobs import Made, Use
from .net_layers import PHASES
from .net_module import NetModule
from .net_translation import TranslatedUse
from .rows_data import DataRow

#: Phase -> the readers that its data become; the test data of a net are looked at during training, too.
_READERS = {"TRAIN": ("train",), "TEST": ("validation", "test")}


def reader_member(found: Mapping[int, TranslatedUse], network: NetModule, problems: Problems) -> ast.Member | None:
    """`reader = { train = ... ; validation = ... ; test = validation }`; None where no data can be read."""
    members: list[ast.Member] = []
    span: Span | None = None
    for phase in PHASES:
        readers = [reader for each in found.values() if phase in each.use.phases
                   and (reader := _reader(each, phase, found, network, problems)) is not None]
        if not readers:
            continue
        span = span or readers[0].span
        build = Builder(readers[0].span)
        value = readers[0] if len(readers) == 1 else build.make("Joined", ast.List(tuple(readers), build.span))
        first, *others = _READERS[phase]
        members.append(build.assign(first, value))
        members += [build.assign(other, build.name(first)) for other in others]
    return None if span is None else Builder(span).assign("reader", Builder(span).record(members))


def _reader(each: TranslatedUse, phase: str, found: Mapping[int, TranslatedUse], network: NetModule,
            problems: Problems) -> ast.Expression | None:
    if not isinstance(each.row, DataRow):
        return None
    layer = each.use.others.get(phase, each.use.layer)
    row = LAYER_TYPES[layer.type]
    if not isinstance(row, DataRow):
        return None
    told = Problems([], []) if layer is each.use.layer else problems  # the net's own layers are checked already
    values = read_fields(layer.parameter(row.message), row.fields, f"`{row.message}`", layer.span, told)
    transform = read_fields(layer.transform, TRANSFORM, "`transform_param`", layer.span, told)
    tops = range(len(each.use.layer.tops))
    source = DataSource(layer, values, transform, phase, Builder(layer.span), problems, each.shapes[0],
                        [network.nodes[Made(each.use.number, top)] for top in tops], classes_of(each.use, found))
    return row.reader(source)


def classes_of(use: Use, found: Mapping[int, TranslatedUse]) -> int | None:
    """How many classes the labels of a data layer number, as the losses and metrics that read them say."""
    label = Made(use.number, 1)
    for each in found.values():
        if each.use.bottoms[1:2] == (label,):
            count = each.row.classes(each.translation)
            if count is not None:
                return count
    return None


def batch_of(found: Mapping[int, TranslatedUse], phase: str = "TRAIN") -> int:
    """The samples of a minibatch of a phase; 0 where the net does not say."""
    for each in found.values():
        if phase in each.use.phases and isinstance(each.row, DataRow):
            layer = each.use.others.get(phase, each.use.layer)
            row = LAYER_TYPES[layer.type]
            values = read_fields(layer.parameter(row.message), row.fields, row.message, layer.span, Problems([], []))
            if "batch_size" in values:
                return int(values["batch_size"])
            if row.batch(each.translation):
                return row.batch(each.translation)
    return 0
