"""Files of a few lines that ask for more than any machine has end in one page, soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.elaborate import limits

#: text of members -> what the page has to say
ENDLESS = {
    "array": ("a = array [0..10**9] (i => i)", "elements"),
    "element": ("a = array [0..10**9] (i => i) ; b = a[5]", "elements"),
    "indexed": ("a[i:0..10**9] = i", "elements"),
    "repeat": ("a = Repeat (10**9, 3)", "elements"),
    "repeats": ("a = Repeat (10**5, Repeat (10**5, 1))", "elements"),
    "stack": ("z = LayerStack {10**9, i => DenseLayer {4}} (x)", "elements"),
    "layers": ("z = LayerStack {10**4, i => DenseLayer {4}} (x)", "steps"),
    "doubled list": ("a0 = 1:2 ;" + ";".join(f"a{i + 1} = a{i} : a{i}" for i in range(40)) + "; b = Length (a40)",
                     "elements"),
    "doubled text": ("a0 = 'ab' ;" + ";".join(f"a{i + 1} = a{i} + a{i}" for i in range(40)), "characters"),
    "woven text": ("a0 = 'ab' ;" + ";".join(f'a{i + 1} = "$a{i}$$a{i}$"' for i in range(40)), "characters"),
    "replaced text": ("a0 = 'aaaaaaaa' ;" + ";".join(f"a{i + 1} = Replace (a{i}, 'a', a{i})" for i in range(9)),
                      "characters"),
    "recursion": ("f (n) = f (n + 1) ; a = f (0)", "deep"),
    "number": ("f (n) = 1 + f (n + 1) ; a = f (0)", "deep"),
    "tree": ("f (n) = f (n + 1) + f (n + 2) ; a = f (0)", "deep"),
    "list": ("f (n) = n : f (n + 1) ; a = Length (f (0))", "deep"),
    "text": ("f (s) = f (s + 'a') ; a = f ('')", "deep"),
    "omega": ("f (g) = g (g) ; a = f (f)", "deep"),
    "lambda": ("f = n => f (n + 1) ; a = f (0)", "deep"),
    "network": ("f (n, x) = f (n + 1, DenseLayer {4} (x)) ; z = f (0, x)", "deep"),
    "record": ("f (n) = { r = f (n + 1).r } ; a = f (0).r", "values"),
    "default": ("f (a = f ()) = a ; b = f ()", "deep"),
    "fibonacci": ("fib (n) = if n < 2 then n else fib (n - 1) + fib (n - 2) ; a = fib (40)", "steps"),
    "counted down": ("f (n) = if n == 0 then 0 else f (n - 1) ; a = f (10**9)", "deep"),
}

#: what cannot be computed, and is no bug of netdsl
NO_NUMBERS = (
    "a = array [0..Infinity] (i => i)", "a = Repeat (Infinity, 1)", "a = (1:2:3)[Infinity]", "a = Infinity % 3",
    "a = (1:2:3)[Infinity - Infinity]", "a = Substr ('abc', Infinity, 1)", "a = (1:2:3) << 0.5", "a = (1:2:3) << -1",
    "a = Fac (10**9)", "a = Fac (1.5)", "a = Fac (-1)", "z = LayerStack {Infinity, i => ReLU} (x)",
    "budget = parameters <= (Infinity - Infinity)",
)


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    """A fiftieth of the limits: the same paths, without the seconds."""
    limits.set_factor(0.02)
    yield
    limits.set_factor(1)


def _diagnostics(members: str) -> list[netdsl.Diagnostic]:
    text = f"network = {{ x = Input {{8}} ; {members} ; out = ReLU (x) ; outputNodes = out }}"
    return list(netdsl.load(Source("endless.net", text)).diagnostics)


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_evaluation_ends_in_one_page(name: str) -> None:
    members, words = ENDLESS[name]
    errors = [d for d in _diagnostics(members) if d.is_error]
    assert [d.code for d in errors] == ["evaluation-limit"]
    assert words in errors[0].title
    assert errors[0].primary.span.text


@pytest.mark.parametrize("members", NO_NUMBERS)
def test_what_is_no_whole_number_is_said(members: str) -> None:
    errors = [d for d in _diagnostics(members) if d.is_error]
    assert errors
    assert "evaluation-limit" not in {d.code for d in errors}


def test_the_page_names_the_chain_of_calls() -> None:
    page = _diagnostics("f (n) = g (n) ; g (n) = f (n + 1) ; a = f (0)")[0]
    assert "f -> g -> f -> ... -> f (1,001 calls)" in page.body[0]
    assert page.related[0].span.text == "f (0)"


def test_a_factor_moves_the_limits() -> None:
    members = "f (n) = if n == 0 then 1 else f (n - 1) ; a = f (1500) ; z = DenseLayer {a} (x)"
    assert [d.code for d in _diagnostics(members) if d.is_error] == ["evaluation-limit"]
    limits.set_factor(1)
    assert [d for d in _diagnostics(members) if d.is_error] == []


def test_deep_networks_are_far_from_the_limits() -> None:
    limits.set_factor(1)
    members = "f (n) = if n == 0 then (x => x) else (x => DenseLayer {2} (f (n - 1) (x))) ; z = f (3000) (x)"
    assert [d for d in _diagnostics(members) if d.is_error] == []


def test_a_file_of_unknown_names_does_not_compare_each_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(netdsl.elaborate.errors, "did_you_mean", lambda name, known: compared.append(len(known)) or "")
    found = _diagnostics(" ; ".join(f"a{i} = nix{i}" for i in range(1000)))
    assert sum(d.code == "unknown-name" for d in found) == 1000
    assert 0 < sum(compared) <= limits.COMPARISONS
