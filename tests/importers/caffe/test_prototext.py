"""The text of protobuf: every form of a field, every mistake at its place, and nothing that ends in a traceback."""

from __future__ import annotations

import math
import random

import pytest

from netdsl.base.codes import Code
from netdsl.base.failure import Failure
from netdsl.base.source import Source
from netdsl.importers.caffe.prototext import Message, Scalar, Value, parse_text

Plain = dict[str, list[object]]


def plain(message: Message) -> Plain:
    def value(content: Value) -> object:
        return content.value if isinstance(content, Scalar) else plain(content)

    found: Plain = {}
    for field in message.fields:
        found.setdefault(field.name, []).append(value(field.value))
    return found


def read(text: str) -> Plain:
    return plain(parse_text(Source("net.prototxt", text)).message)


@pytest.mark.parametrize(("text", "expected"), [
    ("", {}),
    ("a: 1", {"a": [1.0]}),
    ("a { b: 2 } a: { b: 3 } a < b: 4 >", {"a": [{"b": [2.0]}, {"b": [3.0]}, {"b": [4.0]}]}),
    ("a: [1, 2]  a: 3", {"a": [1.0, 2.0, 3.0]}),
    ("a: []", {}),
    ("a [{ b: 1 }, { b: 2 }]", {"a": [{"b": [1.0]}, {"b": [2.0]}]}),
    ("a: 1, b: 2; c: 3", {"a": [1.0], "b": [2.0], "c": [3.0]}),
    ("a: -1.5e-3f b: .5 c: 5. d: 1e3", {"a": [-0.0015], "b": [0.5], "c": [5.0], "d": [1000.0]}),
    ("a: 0x1F b: 017 c: - 3", {"a": [31.0], "b": [15.0], "c": [-3.0]}),
    ("a: inf b: -inf", {"a": [math.inf], "b": [-math.inf]}),
    ("a: MAX b: true", {"a": ["MAX"], "b": ["true"]}),
    (r'a: "x\ty\x41\101\"" ', {"a": ['x\tyAA"']}),
    ("a: 'it is \"so\"' \"and\"\n'so'", {"a": ['it is "so"andso']}),
    (r'a: "\303\274"', {"a": ["ü"]}),
    ("# one\na: 1 # two\n# three", {"a": [1.0]}),
    ("[ext.of.fork]: 3", {"ext.of.fork": [3.0]}),
])
def test_forms(text: str, expected: Plain) -> None:
    assert read(text) == expected


def test_not_a_number() -> None:
    (value,) = read("a: nan")["a"]
    assert isinstance(value, float)
    assert math.isnan(value)


def test_comments_and_places() -> None:
    parsed = parse_text(Source("net.prototxt", "# first\nlayer {\n  name: \"a\"  # second\n}\n"))
    assert [span.text for span in parsed.comments] == ["# first", "# second"]
    name = parsed.message.messages("layer")[0].last("name")
    assert name is not None
    assert (name.span.line, name.span.column, name.span.text) == (3, 3, 'name: "a"')


@pytest.mark.parametrize(("text", "place", "title"), [
    ("layer { name: 1", "1:7", "`{` is not closed"),
    ("a:", "1:1", "a value was expected behind `a`"),
    ("a }", "1:3", "`:` or `{` was expected behind `a`"),
    ("a: 1 }", "1:6", "`}` closes nothing"),
    ("a { b: 1 >", "1:10", "`>` closes nothing"),
    ('a: "x', "1:4", "a text in quotes is not closed"),
    ("a: [1 2]", "1:7", "`,` or `]` was expected in a list"),
    ("a\n\n  3", "3:3", "`:` or `{` was expected behind `a`"),
    ("a: @", "1:4", "`@` is nothing that a text of protobuf can hold"),
    ("3: 4", "1:1", "the name of a field was expected, not `3`"),
    ("a: 12monkeys", "1:4", "`12monkeys` is nothing that a text of protobuf can hold"),
    ("[a", "1:1", "`[` is not closed"),
    ("a {" * 200, "1:303", "messages are nested more than 100 deep"),
])
def test_mistakes(text: str, place: str, title: str) -> None:
    with pytest.raises(Failure) as failed:
        read(text)
    (problem,) = failed.value.diagnostics
    assert (problem.code, problem.title) == (Code.SYNTAX, title)
    assert f"net.prototxt:{place}" == str(problem.primary.span)


def test_any_text_is_read_or_refused() -> None:
    """Broken pieces of a net: a value or a page, never another exception."""
    whole = 'layer { name: "c" type: "Convolution" param { lr_mult: 1 } dims: [1, -2.5] } # x\nlist < a: MAX >\n'
    draw = random.Random(1)
    for _ in range(3000):
        start = draw.randrange(len(whole))
        text = whole[start:draw.randrange(start, len(whole) + 1)]
        for _ in range(draw.randrange(3)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice('{}<>[]:,;"\'\\#\n\x00\ufffda0-.') + text[at:]
        try:
            read(text)
            continue
        except Failure as failed:
            problems = failed.diagnostics
        assert all(problem.code == Code.SYNTAX for problem in problems)
