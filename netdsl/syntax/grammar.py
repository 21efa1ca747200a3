"""The parser that Lark makes from `grammars/net.lark`; its tables are made once and kept in the cache."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Transformer
from lark.grammar import Rule
from lark.lexer import TerminalDef

from ..base.cache import cached_file

_PACKAGE = Path(__file__).resolve().parent.parent
_START = ["start", "expression"]


def shipped(folder: str) -> Path:
    """A folder that lies beside the package in a checkout and inside it in a wheel."""
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


@lru_cache(maxsize=1)
def grammar_text() -> str:
    return (shipped("grammars") / "net.lark").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def lark_parser() -> Lark:
    """The parser without a builder: for explaining mistakes by replay."""
    return parser_with(None)


def parser_with(transformer: Transformer[Any, Any] | None) -> Lark:
    """A parser that hands what it reads to the transformer, or makes Lark's trees."""
    key = hashlib.blake2b(f"{lark.__version__}\n{grammar_text()}".encode(), digest_size=16).hexdigest()
    try:
        return _from_tables(cached_file("grammar.json", key, _tables), transformer)
    except (AttributeError, AssertionError, LookupError, TypeError, ValueError):
        # What Lark calls its own is not promised between versions; the grammar always works.
        return _from_grammar(transformer)


def _from_grammar(transformer: Transformer[Any, Any] | None) -> Lark:
    return Lark(grammar_text(), parser="lalr", start=_START, keep_all_tokens=True, maybe_placeholders=False,
                transformer=transformer)


def _tables() -> dict[str, Any]:
    """All that Lark computes from the grammar, as plain data (150 ms; reading it back takes 5)."""
    data, memo = _from_grammar(None).memo_serialize([TerminalDef, Rule])
    return {"data": data, "memo": memo}


def _from_tables(tables: dict[str, Any], transformer: Transformer[Any, Any] | None) -> Lark:
    """The parser from its tables; JSON has made texts of the keys that are numbers."""
    data = tables["data"]
    table = data["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(actions) for state, actions in _numbered(table["states"]).items()}
    parser: Lark = Lark._load_from_dict(data, _numbered(tables["memo"]), transformer=transformer)  # type: ignore[no-untyped-call]
    return parser


def _numbered(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}
