"""The layers of a net, each through its row: shapes by Caffe's rules, and every mistake at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.suggest import did_you_mean
from ...base.units import plural
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from .known_fields import Problems, read_fields
from .layer_row import Extents, LayerRow, Translation, Untranslated
from .layer_rows import LAYER_TYPES
from .net_blobs import Use
from .net_layers import LAYER_FIELDS, Layer


@dataclass
class TranslatedUse:
    """A layer with its row and what the row needs; `shapes` are those of its tops."""

    use: Use
    row: LayerRow
    translation: Translation
    shapes: tuple[Extents, ...]
    steps: tuple[tuple[str, ast.Expression], ...] | None = None  #: what it is as steps of a Sequential

    def results(self, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        """What its tops become."""
        if self.steps is None:
            return self.row.results(self.translation, inputs)
        value = inputs[0]
        for _, function in self.steps:
            value = self.translation.build.call(function, value)
        return [value]


def translate(uses: Sequence[Use], problems: Problems, given_shapes: Mapping[str, Extents],
              ) -> dict[int, TranslatedUse]:
    """By number of the use; a layer that cannot be translated has none, nor have those that depend on it."""
    trains = any(LAYER_TYPES[use.layer.type].role == "loss" for use in uses if use.layer.type in LAYER_TYPES)
    found: dict[int, TranslatedUse] = {}
    batch = 0
    for use in uses:
        row = LAYER_TYPES.get(use.layer.type)
        if row is None:
            if use.layer.type:  # else that is an error already
                problems.diagnostics.append(unknown_type(use.layer))
            continue
        errors = problems.errors
        values = read_fields(use.layer.parameter(row.message), row.fields, f"`{row.message}`", use.layer.span, problems)
        _check_fields(use.layer, row, problems)
        if problems.errors > errors or len(use.bottoms) != len(use.layer.bottoms) or any(
                made.use not in found for made in use.bottoms):
            continue
        bottoms = tuple(found[made.use].shapes[made.top] for made in use.bottoms)
        translation = Translation(use.layer, values, bottoms, Builder(use.layer.span), problems, trains, batch,
                                  use.others, given_shapes)
        try:
            _check_counts(translation, row)
            each = TranslatedUse(use, row, translation, tuple(row.shapes(translation)))
            steps = row.steps(translation)
            if steps is not None:
                each.steps = tuple(steps)
            elif row.role != "nothing":  # looked at here already, so that all mistakes are told at once
                row.results(translation, [translation.build.name("x")] * len(bottoms))
        except Untranslated:
            continue
        batch = batch or row.batch(translation)
        found[use.number] = each
    return found


def unknown_type(layer: Layer) -> Diagnostic:
    return not_supported(f"layer `{layer.type}` of Caffe", layer.type_span, "this type of layer is not known",
                         hint=did_you_mean(layer.type, LAYER_TYPES))


def _check_counts(use: Translation, row: LayerRow) -> None:
    for what, given, (least, most) in (("bottom", use.layer.bottoms, row.inputs), ("top", use.layer.tops, row.tops)):
        if not least <= len(given) <= most:
            wanted = str(least) if least == most else f"{least} or more" if most >= 1000 else f"{least} to {most}"
            use.problems.add(Code.WRONG_INPUTS, f"{use.layer.type} has {wanted} {what}{'s' if wanted != '1' else ''}, "
                             f"not {len(given)}", use.layer.span, f"this layer has {plural(len(given), what)}")
            raise Untranslated


#: Messages that a layer may have whatever its type, and the messages of all types.
_MESSAGES = {row.message for row in LAYER_TYPES.values() if row.message}


def _check_fields(layer: Layer, row: LayerRow, problems: Problems) -> None:
    """Warn of fields that no layer of Caffe has, or none of this type."""
    for f in layer.message.fields:
        if f.name in LAYER_FIELDS or f.name == row.message or row.state == "not supported":
            continue
        known = f.name in _MESSAGES
        label = f"a layer of type {layer.type} does not read it" if known else "it is left out"
        title = (f"`{f.name}` belongs to another type of layer" if known
                 else f"a layer of Caffe has no field `{f.name}`")
        problems.diagnostics.append(Diagnostic(
            Code.UNKNOWN_KEY, title, Label(f.name_span, label), severity="warning",
            hint=did_you_mean(f.name, [*LAYER_FIELDS, row.message] if row.message else LAYER_FIELDS)))
