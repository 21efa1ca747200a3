"""The parser that Lark makes from `grammars/net.lark`; Lark keeps what it computed in the cache."""

from __future__ import annotations

import contextlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Transformer

from ..base.cache import cache_root

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(folder: str) -> Path:
    """A folder that lies beside the package in a checkout and inside it in a wheel."""
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


@lru_cache(maxsize=1)
def grammar_text() -> str:
    return (shipped("grammars") / "net.lark").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def lark_parser() -> Lark:
    """The parser without a builder: for explaining mistakes."""
    return parser_with(None)


def parser_with(transformer: Transformer[Any, Any] | None) -> Lark:
    """A parser that hands what it reads to the transformer, or makes Lark's trees.

    Lark keeps its tables in the cache (making them takes 150 ms) and does without where a file is broken, of
    another version, or cannot be written.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        cache_root().mkdir(parents=True, exist_ok=True)
        return _parser(transformer, str(cache_root() / f"grammar-{version}.lark"))
    return _parser(transformer, False)


def _parser(transformer: Transformer[Any, Any] | None, cache: str | bool) -> Lark:
    return Lark(grammar_text(), parser="lalr", start=["start", "expression"], keep_all_tokens=True,
                maybe_placeholders=False, transformer=transformer, cache=cache)
