"""The expression language: values of expressions in the scope of a small file."""

from __future__ import annotations

import pytest

from netdsl.base.failure import Failure
from netdsl.base.source import Files, Source
from netdsl.elaborate.elaborator import evaluate
from netdsl.spec import show_value
from netdsl.syntax.parser import parse, parse_expression


def value(expression: str, file: str = "", files: Files | None = None) -> object:
    module = parse(Source("test.net", file))
    return evaluate(parse_expression(Source("expression", expression)), module, files or Files(disk=False))


CASES = [
    ("1 + 2 * 3", "7"),
    ("2 ** 3 ** 2", "512"),
    ("-2 ** 2", "-4"),
    ("2 ** -1", "0.5"),
    ("7 % 3", "1"),
    ("0x10 + .5 + 1e2", "116.5"),
    ("10 - 4 - 3", "3"),
    ("1 / 4", "0.25"),
    ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2 && 1 == 1", "true"),
    ("!true || false", "false"),
    ("false && Fail ('never')", "false"),
    ("true || Fail ('never')", "true"),
    ("'a' + \"b\"", '"ab"'),
    ("'a' < 'b'", "true"),
    ("if 1 < 2 then 'yes' else Fail ('never')", '"yes"'),
    ("1:2:3", "(1:2:3)"),
    ("1:(2:3):4", "(1:2:3:4)"),
    ("(1:2:3)[1]", "2"),
    ("(1:2:3) << 1", "(2:3)"),
    ("Length (1:2:3)", "3"),
    ("Length ('word')", "4"),
    ("array [1..3] (i => i * i)", "(1:4:9)"),
    ("(array [3..5] (i => i * 2))[4]", "8"),
    ("Repeat (2, 1:2)", "(1:2:1:2)"),
    ("{a = b + 1 ; b = 2}.a", "3"),
    ("(x => x + 1) (2)", "3"),
    ("((x, y) => x - y) (5, 3)", "2"),
    ("((x => x + 1) >> (x => x * 10)) (2)", "30"),
    ("Map (x => x * 2, 1:2)", "(2:4)"),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[c[0] for c in CASES])
def test_value(expression: str, expected: str) -> None:
    assert show_value(value(expression)) == expected


FILE = """
    dataDir = "data/mnist" ; n = 3
    train   = "$dataDir$/train-$n$.gz" ; price = "5 $$"
    inner   = { deep = { value = 7 } }
    path    = "$inner.deep.value$"
    add {a, b = a + 1} = a + b
    scale {f} (x) = f * x
    fac (k) = if k == 0 then 1 else k * fac (k - 1)
    squares[i:0..3] = i * i
    fib[i:0..10] = if i < 2 then i else fib[i-1] + fib[i-2]
    widths = 16:32
    more = 8 : widths : 64
    even (k) = if k == 0 then true else odd (k - 1)
    odd (k) = if k == 0 then false else even (k - 1)
"""

IN_FILE = [
    ("train", '"data/mnist/train-3.gz"'),
    ("price", '"5 $$"'),
    ("path", '"7"'),
    ("add {1}", "3"),
    ("add {1, 5}", "6"),
    ("add {b = 5, a = 2}", "7"),
    ("add (4)", "9"),
    ("scale {3} (4)", "12"),
    ("Map (scale {3}, 1:2)", "(3:6)"),
    ("fac (10)", "3628800"),
    ("squares[3]", "9"),
    ("fib[10]", "55"),
    ("more", "(8:16:32:64)"),
    ("Length (more)", "4"),
    ("even (2001)", "false"),
]


@pytest.mark.parametrize(("expression", "expected"), IN_FILE, ids=[c[0] for c in IN_FILE])
def test_value_in_a_file(expression: str, expected: str) -> None:
    assert show_value(value(expression, FILE)) == expected


REFUSED = [
    ("unknown", "unknown-name"),
    ("x", "unknown-name"),
    ("dataDirr", "unknown-name"),
    ("1 / 0", "arithmetic"),
    ("1 + 'a'", "wrong-type"),
    ("1 .* 2", "wrong-type"),
    ("if 1 then 2 else 3", "wrong-type"),
    ("true && 1", "wrong-type"),
    ("!1", "wrong-type"),
    ("n (2)", "not-a-layer"),
    ("widths[2]", "index"),
    ("widths[0.5]", "wrong-type"),
    ("n[0]", "wrong-type"),
    ("inner.depe", "unknown-name"),
    ("n.x", "wrong-type"),
    ("add {1, 2, 3}", "wrong-arguments"),
    ("add {c = 1}", "wrong-arguments"),
    ("add {1, a = 2}", "duplicate-name"),
    ("add {}", "wrong-arguments"),
    ("Length ()", "wrong-arguments"),
    ("Length (1, 2)", "wrong-arguments"),
    ("{a = a}.a", "cycle"),
    ("{a = b ; b = c ; c = a}.a", "cycle"),
    ("{a = 1 ; a = 2}", "duplicate-name"),
    ("Fail ('stop')", "failed"),
    ("array [0..0.5] (i => i)", "wrong-type"),
    ("(-8) ** 0.5", "arithmetic"),
]


@pytest.mark.parametrize(("expression", "code"), REFUSED, ids=[c[0] for c in REFUSED])
def test_refusal(expression: str, code: str) -> None:
    with pytest.raises(Failure) as caught:
        value(expression, FILE)
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_cycle_shows_the_chain() -> None:
    with pytest.raises(Failure) as caught:
        value("width", "width = depth + 1\ndepth = height\nheight = width")
    assert "width -> depth -> height -> width" in caught.value.diagnostics[0].title


def test_recursion_as_deep_as_a_network() -> None:
    assert value("sum (5000)", "sum (k) = if k == 0 then 0 else k + sum (k - 1)") == 12502500.0


def test_include_brings_members_in_once() -> None:
    files = Files({"lib.net": "two = 2", "other.net": 'include "lib.net"\nfour = two + two'}, disk=False)
    assert value("two + four", 'include "lib.net"\ninclude "other.net"', files) == 6.0


def test_include_not_found_and_in_a_circle() -> None:
    with pytest.raises(Failure) as caught:
        value("1", 'include "nowhere.net"')
    assert caught.value.diagnostics[0].code == "include-not-found"
    files = Files({"a.net": 'include "b.net"', "b.net": 'include "a.net"'}, disk=False)
    with pytest.raises(Failure) as caught:
        value("1", 'include "a.net"', files)
    assert caught.value.diagnostics[0].code == "include-cycle"
