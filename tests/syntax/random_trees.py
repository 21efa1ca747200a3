"""Random modules: every node of the AST in every place where the grammar allows it, without a source."""

from __future__ import annotations

from hypothesis import strategies as st

from netdsl.base.source import NOWHERE
from netdsl.syntax import ast

RESERVED = {"if", "then", "else", "true", "false", "array", "include"}
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

names = st.one_of(
    st.sampled_from(["x", "labelDim", "Conv", "_", "ifs", "thenValue", "e5", "ConvolutionalLayer", "a1"]),
    st.text(LETTERS + "0123456789", min_size=1, max_size=12).filter(lambda t: not t[0].isdigit() and t not in RESERVED),
)
identifiers = names.map(lambda text: ast.Identifier(text, NOWHERE))
numbers = st.one_of(
    st.integers(0, 10**18).map(float), st.floats(0, 1e300, allow_nan=False), st.sampled_from([0.1, 1e-7, 1e21, 0.5]),
).map(lambda value: ast.Number(abs(value), NOWHERE))
plain_names = names.map(lambda text: ast.Name(text, NOWHERE))
texts = st.text(st.characters(exclude_characters="'\"$\r", exclude_categories=("Cs",)), min_size=1, max_size=10)


def _select(parts: list[str]) -> ast.Name | ast.Select:
    value: ast.Name | ast.Select = ast.Name(parts[0], NOWHERE)
    for part in parts[1:]:
        value = ast.Select(value, ast.Identifier(part, NOWHERE), NOWHERE)
    return value


interpolations = st.lists(names, min_size=1, max_size=3).map(lambda parts: ast.Interpolation(_select(parts), NOWHERE))


@st.composite
def strings(draw: st.DrawFn) -> ast.String:
    """Parts as the parser cuts them: texts, single dollar signs and names never run together."""
    parts: list[str | ast.Interpolation] = []
    for part in draw(st.lists(st.one_of(texts, st.just("$"), interpolations), max_size=4)):
        if not (parts and isinstance(part, str) and part != "$" and isinstance(parts[-1], str) and parts[-1] != "$"):
            parts.append(part)
    quote = draw(st.sampled_from(["", "'", '"']))
    return ast.String(tuple(p + quote if isinstance(p, str) and p != "$" else p for p in parts), NOWHERE)


atoms = st.one_of(numbers, strings(), st.booleans().map(lambda b: ast.Boolean(b, NOWHERE)), plain_names)
OPERATORS = [">>", "<<", "||", "&&", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", ".*", "%", "**"]


def _compound(values: st.SearchStrategy) -> st.SearchStrategy:
    steps = st.builds(ast.Step, identifiers, values, st.just(NOWHERE))
    arguments = st.builds(ast.Argument, st.none() | identifiers, values, st.just(NOWHERE))
    parameters = st.builds(ast.Parameter, identifiers, st.none() | values, st.just(NOWHERE))
    lists = st.lists(values | steps, min_size=2, max_size=5).map(tuple)
    single = steps.map(lambda step: (step,))
    groups = st.lists(st.lists(parameters, max_size=3).map(tuple), min_size=1, max_size=2)
    members = st.one_of(
        st.builds(ast.Assign, identifiers, values, st.just(NOWHERE)),
        st.builds(lambda name, groups, value, braces: ast.Define(name, tuple(groups), value, NOWHERE,
                                                                 tuple(braces[: len(groups)])),
                  identifiers, groups, values, st.lists(st.booleans(), min_size=2, max_size=2)),
        st.builds(ast.AssignElements, identifiers, identifiers, values, values, values, st.just(NOWHERE)),
        st.builds(ast.Override, st.lists(identifiers, min_size=2, max_size=3).map(tuple), values, st.just(NOWHERE)),
    )
    changes = st.builds(ast.Record, st.lists(members, max_size=2).map(tuple), st.just(NOWHERE))
    members |= st.builds(ast.Include, texts.map(lambda text: text.replace("\n", "")), st.just(NOWHERE),
                         st.none() | changes)
    return st.one_of(
        st.builds(ast.Unary, st.sampled_from("+-!"), values, st.just(NOWHERE)),
        st.builds(ast.Binary, st.sampled_from(OPERATORS), values, values, st.just(NOWHERE), st.just(NOWHERE)),
        st.builds(ast.List, lists | single, st.just(NOWHERE)),
        st.builds(ast.Function, st.lists(identifiers, min_size=1, max_size=3).map(tuple), values, st.just(NOWHERE)),
        st.builds(ast.Conditional, values, values, values, st.just(NOWHERE)),
        st.builds(ast.Select, values, identifiers, st.just(NOWHERE)),
        st.builds(ast.Index, values, values, st.just(NOWHERE)),
        st.builds(ast.Call, values, st.lists(arguments, max_size=4).map(tuple), st.booleans(), st.just(NOWHERE)),
        st.builds(ast.Parentheses, values, st.just(NOWHERE)),
        st.builds(ast.Record, st.lists(members, max_size=4).map(tuple), st.just(NOWHERE)),
        st.builds(ast.Array, values, values, values, st.just(NOWHERE)),
    )


expressions = st.recursive(atoms, _compound, max_leaves=25)
modules = st.lists(
    st.builds(ast.Assign, identifiers, expressions, st.just(NOWHERE)), max_size=4,
).map(lambda members: ast.Module(tuple(members), NOWHERE))
