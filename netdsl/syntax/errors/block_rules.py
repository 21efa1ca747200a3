"""Members whose `=` is missing before a brace."""

from __future__ import annotations

from ...base.diagnostics import Diagnostic
from .context import ErrorContext, page
from .replay import Edit


def block_without_equals(scene: ErrorContext) -> Diagnostic | None:
    """`SGD { a = 1 ; b = 2 }` and `Block (w) { DenseLayer {w} }`: read as parameters, which hold no members."""
    inside = scene.inside
    if inside is None or inside.role != "parameters" or scene.kind(inside.index) != "{" or scene.start is None:
        return None
    name = scene.words[scene.start].text[:30]
    as_record, as_value = (scene.replay.reach(Edit(inside.index, remove, ("=",))) for remove in (0, 1))
    if max(as_record, as_value) < scene.bad + 2:
        return None
    hint = f"write `{name} = {{ ... }}`."
    if as_value > as_record:
        parameters = " ".join(scene.source.text[scene.words[scene.start].end : scene.words[inside.index].start].split())
        hint = f"write `{name} {parameters[:30]} = ...`: behind the `=` stands the value, without braces."
    related = () if scene.line(scene.start) == scene.line(inside.index) else (scene.label(scene.start, "behind this"),)
    return page(scene, f"`{name}` has no `=`", scene.label(inside.index, "I expected `=` before this"), related,
                hint=hint)
