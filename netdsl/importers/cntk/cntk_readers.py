"""`reader = [ ... ]` of a configuration -> a reader of a `.net` file: a row for each `readerType`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...base.codes import Code
from ...base.failure import failure
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from .config_context import ConfigContext
from .config_keys import READER_KEYS, STREAM_KEYS
from .config_section import Section
from .image_transforms import listed_transforms, old_transforms


@dataclass(frozen=True)
class Option:
    """An option of the row that is made, and where it stands in the configuration (None: it follows from the rest)."""

    name: str
    value: object
    place: Span | None = None
    key: Span | None = None


Options = list[Option]
_NAME = re.compile(r"[A-Za-z_]\w*")
#: Keys of a stream in a text file that `CNTKText` has as well; entries of `reader`.
_STREAM, _PHASES = ("dim", "alias", "format"), ("train", "validation", "test", "sample")


@dataclass(frozen=True)
class ReaderRow:
    """A kind of reader or deserializer."""

    name: str
    row: str  #: the row of netdsl's table; empty: there is none
    read: Callable[[Reading], ast.Expression | None]
    why: str = ""


@dataclass
class Reading:
    """One reader or deserializer while it is read."""

    context: ConfigContext
    section: Section
    row: ReaderRow
    training: bool
    inside: bool = False  #: a `Joined`

    @property
    def taken(self) -> frozenset[str]:
        """Names that mean something else inside `input`: its streams, and their options."""
        inputs = self.section.section("input")
        return frozenset((*_PHASES, *_STREAM, *(inputs.names() if inputs is not None else ())))

    @property
    def builder(self) -> Builder:
        return Builder(self.section.text.span(0, len(self.section.text.text)))

    def string(self, key: str, section: Section | None = None) -> ast.Expression:
        """A key that is a path or another text. Raises Failure where it is missing."""
        section = section or self.section
        value = section.value(key)
        if value is None or not value.text:
            raise failure(Code.MISSING_OPTION, f"{self.row.name} needs `{key}`", section.span, "it is not given here")
        return self.context.variables.string(value, self.taken)

    def number(self, key: str, section: Section) -> ast.Expression | None:
        value = section.own(key)
        if value is None:
            return None
        section.number(key)  # raises where it is none
        return self.context.variables.expression(value, self.taken)

    def option(self, name: str, value: object, key: str, section: Section) -> Option:
        """An option that stands in a section under a key."""
        return Option(name, value, section.entry_span(key), section.key_span(key))

    def shared(self) -> Options:
        """Options of all readers. Inside a `Joined` the order is that reader's business."""
        options: Options = []
        if not self.inside and self.training and not randomizes(self.section):
            options.append(Option("randomize", False))
        errors = self.section.own("maxErrors")
        if errors is not None and self.section.number("maxErrors") and not self.inside:
            options.append(self.option("maxErrors", self.context.variables.expression(errors), "maxErrors",
                                       self.section))
        return options

    def make(self, file: ast.Expression, options: Options) -> ast.Call:
        """`Row {file, option = value, ...}`, options in the order of the configuration."""
        placed = sorted((o for o in (*options, *self.shared()) if o.place is not None and o.place.start >= file.span.end
                         and o.place.source is file.span.source), key=_start)
        others = [o for o in (*options, *self.shared()) if o.name not in {p.name for p in placed}]
        arguments, at = [ast.Argument(None, file, file.span)], file.span
        for option in (*placed, *others):
            place = option.place if option in placed and option.place is not None else _behind(at)
            key = option.key if option in placed and option.key is not None else place
            value = Builder(place).value(option.value)  # type: ignore[arg-type]
            arguments.append(ast.Argument(ast.Identifier(option.name, key), value, place))
            at = place
        name = ast.Name(self.row.row, Span(file.span.source, file.span.start, file.span.start))
        return ast.Call(name, tuple(arguments), True, self.builder.span)


def _start(option: Option) -> int:
    return option.place.start if option.place is not None else 0


def _behind(span: Span) -> Span:
    return Span(span.source, span.end, span.end)


def randomizes(section: Section) -> bool:
    """`randomize` is true, "auto", or a number of samples; false and "none" keep the order."""
    return section.string("randomize", "auto").casefold() not in ("false", "f", "0", "none")


def read_reader(context: ConfigContext, section: Section, training: bool) -> ast.Expression | None:
    """The reader of a section; None for one that netdsl does not have, which is noted."""
    kind = section.own("readerType")
    deserializers = section.items("deserializers") if "deserializers" in section else []
    context.report_keys(section, READER_KEYS)
    if kind is None and not deserializers:
        raise failure(Code.MISSING_OPTION, "a reader needs a `readerType` or `deserializers`", section.span)
    parts = []
    if deserializers:
        for text in deserializers:
            inner = section.inner(text, "deserializer")
            context.report_keys(inner, READER_KEYS)
            parts.append(_read(context, inner, inner.string("type"), inner.value_span("type"), training,
                               len(deserializers) > 1))
    else:
        assert kind is not None
        parts.append(_read(context, section, kind.text, kind.span(0, len(kind.text)), training, False))
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) or not found:
        return None
    if len(found) == 1:
        return found[0]
    builder = Builder(section.text.span(0, len(section.text.text)))
    options = {} if randomizes(section) or not training else {"randomize": False}
    return builder.make("Joined", ast.List(tuple(found), builder.span), **options)


def _read(context: ConfigContext, section: Section, kind: str, place: Span, training: bool, inside: bool
          ) -> ast.Expression | None:
    row = READERS.get(kind.casefold())
    if row is None:
        near = did_you_mean(kind, [row.name for row in READERS.values()])
        raise failure(Code.NOT_SUPPORTED, f"netdsl has no reader `{kind}` of CNTK", place, near)
    if not row.row:
        context.refuse(not_supported(f"{row.name} of CNTK", place, row.why,
                                     hint="write the data in CNTK's text format, which `CNTKText` reads."))
        return None
    return row.read(Reading(context, section, row, training, inside))


# --- the rows ---------------------------------------------------------------------------------------------------


def _text_format(reading: Reading) -> ast.Expression:
    """CNTKTextFormatReader: `CNTKText {file, input = { name = { dim ; alias ; format } }}`."""
    inputs = reading.section.section("input")
    if inputs is None:
        raise failure(Code.MISSING_OPTION, f"{reading.row.name} needs `input`", reading.section.span)
    members: list[ast.Member] = []
    for name in inputs.names():
        stream = inputs.section(name)
        if stream is None:
            raise failure(Code.OPTION_TYPE, f"`{name}` has to be a section", inputs.key_span(name),
                          hint=f"for example `{name} = {{ dim = 784 ; format = \"dense\" }}`.")
        if not _NAME.fullmatch(name):
            raise failure(Code.OPTION_TYPE, f"no input of a network can be called `{name}`", inputs.key_span(name),
                          "a name is made of letters, digits and `_`", hint="is a separator missing before it?")
        reading.context.report_keys(stream, STREAM_KEYS)
        members.append(Builder(stream.span).assign(name, _stream(reading, stream)))
    place = inputs.text.span(0, len(inputs.text.text))
    options = [reading.option("input", ast.Record(tuple(members), place), "input", reading.section)]
    if reading.section.boolean("skipSequenceIds"):
        options.append(reading.option("skipSequenceIds", True, "skipSequenceIds", reading.section))
    return reading.make(reading.string("file"), options)


def _stream(reading: Reading, stream: Section) -> ast.Record:
    members: list[ast.Member] = []
    for key in stream.names():
        value = stream.own(key)
        name = key.casefold() if key.casefold() in _STREAM else None
        if value is None or name is None:
            continue
        expression = reading.number(key, stream) if name == "dim" else \
            reading.context.variables.string(value, reading.taken)
        if name == "format":
            expression = Builder(stream.value_span(key)).value(value.text.casefold())
        assert expression is not None
        members.append(ast.Assign(ast.Identifier(name, stream.key_span(key)), expression, stream.entry_span(key)))
    if "dim" not in stream:
        raise failure(Code.MISSING_OPTION, f"the input `{stream.name}` needs `dim`", stream.span)
    return ast.Record(tuple(members), stream.text.span(0, len(stream.text.text)))


def _old_images(reading: Reading) -> ast.Expression:
    """ImageReader: one section with `width` (features), one with `labelDim`."""
    features, labels = _sections(reading.section, "width"), _sections(reading.section, "labelDim")
    if len(features) != 1 or len(labels) != 1:
        raise failure(Code.MISSING_OPTION, "ImageReader needs one section with `width` and one with `labelDim`",
                      reading.section.span)
    return _images(reading, features[0], labels[0], old_transforms(reading.context, features[0]))


def _sections(section: Section, key: str) -> list[Section]:
    """The sections inside one that have a key of their own."""
    found = [section.section(entry.name) for entry in section.entries() if entry.is_section]
    return [inner for inner in found if inner is not None and key in inner]


def _new_images(reading: Reading) -> ast.Expression:
    """ImageDeserializer and Base64ImageDeserializer: `input` with a stream of images and one of labels."""
    inputs = reading.section.section("input")
    if inputs is None:
        raise failure(Code.MISSING_OPTION, f"{reading.row.name} needs `input`", reading.section.span)
    labels = _sections(inputs, "labelDim")
    features = [inner for name in inputs.names() if (inner := inputs.section(name)) is not None
                and "labelDim" not in inner]
    if len(features) != 1:
        raise failure(Code.MISSING_OPTION, f"{reading.row.name} needs one stream of images in `input`", inputs.span)
    steps = listed_transforms(reading.context, features[0])
    return _images(reading, features[0], labels[0] if labels else None, steps)


def _images(reading: Reading, features: Section, labels: Section | None, steps: Sequence[ast.Expression]
            ) -> ast.Expression:
    context = reading.context
    options: Options = []
    context.report_keys(features, STREAM_KEYS)
    if steps:
        place = steps[0].span.to(steps[-1].span) if len(steps) > 1 else steps[0].span
        options.append(Option("transforms", steps[0] if len(steps) == 1 else ast.List(tuple(steps), place), place,
                              Span(place.source, place.start, place.start)))
    if labels is not None:
        context.report_keys(labels, STREAM_KEYS)
        options.append(reading.option("labelDim", reading.number("labelDim", labels), "labelDim", labels))
    grey = reading.section.boolean("grayscale", _grey(features))
    options.append(Option("grayscale", True) if grey else Option("colorOrder", "BGR"))
    if features.name != "features":
        options.append(Option("featuresInput", features.name))
    if labels is not None and labels.name != "labels":
        options.append(Option("labelsInput", labels.name))
    return reading.make(reading.string("file"), options)


def _grey(features: Section) -> bool:
    """The old reader takes grey values where the stream has one channel."""
    return features.number("channels") == 1 if "width" in features and "channels" in features else False


def _table(reading: Reading) -> ast.Expression:
    """UCIFastReader: columns of a table, `features = [dim start]`, `labels = [start labelDim labelType]`."""
    labels = [s for key in ("labelDim", "labelType", "labelMappingFile") for s in _sections(reading.section, key)]
    names = {section.name for section in labels}
    features = [section for section in _sections(reading.section, "dim") if section.name not in names]
    if len(features) != 1 or len(names) > 1:
        raise failure(Code.NOT_SUPPORTED, "netdsl reads a UCIFastReader with one section of features and one of labels",
                      reading.section.span)
    options = [_placed("columns", _columns(reading, features[0], "dim"), features[0])]
    if labels:
        options += _labels(reading, labels[0])
    for name, section in (("featuresInput", features[0]), *((("labelsInput", labels[0]),) if labels else ())):
        reading.context.report_keys(section, STREAM_KEYS)
        if section.name != name.removesuffix("Input"):
            options.append(Option(name, section.name))
    options += [Option("separator", "blanks"), Option("header", False)]
    return reading.make(reading.string("file"), options)


def _labels(reading: Reading, section: Section) -> Options:
    if section.string("labelType", "category").casefold() == "regression":
        return [_placed("labels", _columns(reading, section, "labelDim"), section), Option("targets", "numbers")]
    options = [_placed("labels", section.number("start") or 0.0, section)]
    mapping = section.own("labelMappingFile")
    if mapping is not None and reading.context.files.exists(mapping.text):
        names = reading.context.files.read(mapping.text).text.split("\n")
        options.append(Option("classes", [name.strip() for name in names if name.strip()]))
    return options


def _placed(name: str, value: object, section: Section) -> Option:
    """An option that stands for a whole section."""
    return Option(name, value, section.text.span(0, len(section.text.text)), section.span)


def _columns(reading: Reading, section: Section, count: str) -> ast.Expression:
    """Columns `start` to `start + dim - 1`."""
    start, number = int(section.number("start") or 0), int(section.number(count) or 1)
    span = section.text.span(0, len(section.text.text))
    place = Builder(span)
    if number == 1:
        return place.value(start)
    last, index = place.value(start + number - 1), ast.Identifier("i", span)
    return ast.Array(place.value(start), last, ast.Function((index,), place.name("i"), span), span)


def _never(reading: Reading) -> ast.Expression | None:
    raise AssertionError(reading.row.name)


_SPEECH = "it reads features and labels of speech recognition"
_WORDS = "it reads sequences of words"
_ROWS = (
    ReaderRow("CNTKTextFormatReader", "CNTKText", _text_format),
    ReaderRow("CNTKTextFormatDeserializer", "CNTKText", _text_format),
    ReaderRow("ImageReader", "MapFile", _old_images),
    ReaderRow("ImageDeserializer", "MapFile", _new_images),
    ReaderRow("Base64ImageDeserializer", "Base64Images", _new_images),
    ReaderRow("UCIFastReader", "CSV", _table),
    *(ReaderRow(name, "", _never, _SPEECH) for name in (
        "HTKMLFReader", "HTKDeserializers", "Kaldi2Reader", "KaldiReader", "HTKFeatureDeserializer",
        "HTKMLFDeserializer", "HTKMLFBinaryDeserializer", "LatticeDeserializer")),
    *(ReaderRow(name, "", _never, _WORDS) for name in ("LMSequenceReader", "LUSequenceReader", "DSSMReader",
                                                       "LibSVMBinaryReader", "SparsePCReader")),
    *(ReaderRow(name, "", _never, "it reads a binary form of CNTK's own") for name in (
        "CNTKBinaryReader", "CNTKBinaryFormatDeserializer", "BinaryReader")),
)
#: By name, in small letters.
READERS = {row.name.casefold(): row for row in _ROWS}
