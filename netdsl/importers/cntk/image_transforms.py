"""Transforms of CNTK's image readers -> those of netdsl: a row for each `type`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...base.codes import Code
from ...base.failure import failure
from ...base.suggest import did_you_mean
from ...syntax import ast
from ..building import Builder
from ..mapped_text import MappedText
from .config_context import ConfigContext
from .config_keys import ConfigKey, KeyTable
from .config_section import Section, items_of
from .config_values import number_of

_CROPS = {"center": "center", "randomside": "randomSide", "randomarea": "randomArea", "multiview10": "multiView10"}
_JITTERS = {"uniratio": "uniRatio", "none": "none"}


@dataclass(frozen=True)
class TransformRow:
    """A transform: its keys, and what becomes of them (None: nothing is left to do)."""

    name: str
    keys: tuple[str, ...]
    read: Callable[[Reading], ast.Expression | None]


@dataclass
class Reading:
    """One transform while it is read."""

    context: ConfigContext
    section: Section

    @property
    def builder(self) -> Builder:
        return Builder(self.section.text.span(0, len(self.section.text.text)))

    def number(self, key: str) -> ast.Expression:
        value = self.section.own(key)
        if value is None:
            raise failure(Code.MISSING_OPTION, f"Scale needs `{key}`", self.section.span, "it is not given here")
        number_of(value, key)
        return replace(self.context.variables.expression(value), span=self.builder.span)

    def numbers(self, *keys: str) -> dict[str, object]:
        """Those of the keys that are given, as numbers or ranges of them."""
        return {key: self.range(value) for key in keys if (value := self.section.own(key)) is not None}

    def range(self, value: MappedText) -> ast.Expression:
        """`0.5:1` as a list; one number as it is."""
        items = [item.value for item in items_of(value)]
        if len(items) == 1:
            number_of(value, "a range")
            return self.context.variables.expression(value)
        numbers = [Builder(item.span(0, len(item.text))).value(number_of(item, "a range")) for item in items]
        return ast.List(tuple(numbers), value.span(0, len(value.text)))

    def word(self, key: str, words: dict[str, str]) -> str | None:
        value = self.section.own(key)
        if value is None or not value.text:
            return None
        if value.text.casefold() not in words:
            raise failure(Code.OPTION_TYPE, f"`{key}` takes {', '.join(words.values())}",
                          value.span(0, len(value.text)), did_you_mean(value.text, words.values()))
        return words[value.text.casefold()]


def listed_transforms(context: ConfigContext, stream: Section) -> list[ast.Expression]:
    """`transforms = ({ type = "Crop" ... } : ...)` of a deserializer."""
    found = []
    for text in stream.items("transforms"):
        section = stream.inner(text, "transform")
        kind = section.own("type")
        row = TRANSFORMS.get(kind.text.casefold()) if kind is not None else None
        if row is None:
            place = kind.span(0, len(kind.text)) if kind is not None else section.span
            near = did_you_mean(kind.text, [row.name for row in TRANSFORMS.values()]) if kind is not None else ""
            raise failure(Code.NOT_SUPPORTED, f"netdsl has no transform `{kind.text if kind else ''}` of CNTK", place,
                          near)
        table = KeyTable(row.name, {key.casefold(): ConfigKey(key) for key in ("type", *row.keys)})
        context.report_keys(section, table)
        step = row.read(Reading(context, section))
        if step is not None:
            found.append(step)
    return found


def old_transforms(context: ConfigContext, stream: Section) -> list[ast.Expression]:
    """The steps that the old ImageReader always takes, in its order: crop, scale, colour, intensity, mean."""
    reading = Reading(context, stream)
    return [step for name in ("crop", "scale", "color", "intensity", "mean")
            if (step := TRANSFORMS[name].read(reading)) is not None]


# --- the rows ------------------------------------------------------------------------------------------------


def _crop(reading: Reading) -> ast.Expression | None:
    kind = reading.word("cropType", _CROPS) or "center"
    options: dict[str, object] = {} if kind == "center" else {"cropType": kind}
    jitter = reading.word("jitterType", _JITTERS)
    for key, value in reading.numbers("cropSize", "sideRatio", "areaRatio", "aspectRatio").items():
        if key == "aspectRatio" and kind in ("center", "multiView10"):
            continue  # CNTK looks at it for the random kinds only
        if isinstance(value, ast.Number) and value.value == 0:
            continue  # as if it were not there
        if isinstance(value, ast.List) and key != "cropSize" and jitter in (None, "none"):
            value = value.items[0]  # without a jitter only the start of a range is used
        options[key] = value
    if jitter == "uniRatio" and any(isinstance(value, ast.List) for value in options.values()):
        options["jitterType"] = jitter
    if kind in ("randomSide", "randomArea") and "cropSize" in options:
        del options["cropSize"]  # CNTK looks at it for center and multiview10 only
    if "hflip" in reading.section and kind != "multiView10":
        flips = reading.section.boolean("hflip")
        if flips != kind.startswith("random"):
            options["hflip"] = flips
    return reading.builder.make("Crop", **options) if options else None


def _scale(reading: Reading) -> ast.Expression | None:
    if "width" not in reading.section:
        return None
    size = [reading.number(key) for key in ("width", "height", "channels") if key in reading.section]
    options: dict[str, object] = {}
    interpolations = [item.text.casefold() for item in reading.section.items("interpolations")] \
        if "interpolations" in reading.section else []
    if interpolations and interpolations != ["linear"]:
        options["interpolations"] = interpolations if len(interpolations) > 1 else interpolations[0]
    mode = reading.word("scaleMode", {"fill": "fill", "crop": "crop", "pad": "pad"})
    if mode not in (None, "fill"):
        options["scaleMode"] = mode
    options |= reading.numbers("padValue")
    return reading.builder.make("Scale", ast.List(tuple(size), reading.builder.span), **options)


def _mean(reading: Reading) -> ast.Expression | None:
    value = reading.section.own("meanFile")
    if value is None or not value.text:
        return None
    return reading.builder.make("Mean", meanFile=reading.context.variables.string(value))


def _color(reading: Reading) -> ast.Expression | None:
    options = reading.numbers("brightnessRadius", "contrastRadius", "saturationRadius")
    options = {key: value for key, value in options.items()
               if not (isinstance(value, ast.Number) and value.value == 0)}
    return reading.builder.make("Color", **options) if options else None


def _intensity(reading: Reading) -> ast.Expression | None:
    value = reading.section.own("intensityFile")
    deviation = reading.section.own("intensityStdDev")
    if value is None or not value.text or deviation is None or number_of(deviation, "intensityStdDev") == 0:
        return None
    return reading.builder.make("Intensity", intensityFile=reading.context.variables.string(value),
                                intensityStdDev=reading.range(deviation))


def _nothing(reading: Reading) -> ast.Expression | None:
    """Images are stored channels first and as floats in any case."""
    return None


_ROWS = (
    TransformRow("Crop", ("cropType", "cropSize", "sideRatio", "areaRatio", "aspectRatio", "jitterType", "hflip"),
                 _crop),
    TransformRow("Scale", ("width", "height", "channels", "interpolations", "scaleMode", "padValue"), _scale),
    TransformRow("Color", ("brightnessRadius", "contrastRadius", "saturationRadius"), _color),
    TransformRow("Intensity", ("intensityFile", "intensityStdDev"), _intensity),
    TransformRow("Mean", ("meanFile",), _mean),
    TransformRow("Transpose", (), _nothing),
    TransformRow("Cast", ("precision",), _nothing),
)
#: By name, in small letters.
TRANSFORMS = {row.name.casefold(): row for row in _ROWS}
