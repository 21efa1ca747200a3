"""Single values of a configuration: numbers and booleans as CNTK writes them."""

from __future__ import annotations

import math
import re

from ...base.codes import Code
from ...base.failure import failure
from ..mapped_text import MappedText

_TRUE, _FALSE = ("t", "true", "T", "True", "TRUE", "1"), ("f", "false", "F", "False", "FALSE", "0", "")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?f?")
#: Infinity as Microsoft's C library prints it.
_INFINITE = re.compile(r"([+-]?)1?#?inf(inity)?", re.IGNORECASE)


def number_of(value: MappedText, key: str) -> float:
    """A number. Raises Failure (`option-type`)."""
    found = read_number(value.text)
    if found is None:
        raise failure(Code.OPTION_TYPE, f"`{key}` takes a number", value.span(0, len(value.text)),
                      f"this is `{value.text}`")
    return found


def read_number(text: str) -> float | None:
    """A number as CNTK writes it, `1#INF` among them; None for another text."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text.rstrip("f"))
    infinite = _INFINITE.fullmatch(text)
    return None if infinite is None else -math.inf if infinite[1] == "-" else math.inf


def boolean_of(value: MappedText, key: str) -> bool:
    """True or false in the spellings that CNTK reads. Raises Failure (`option-type`)."""
    if value.text in _TRUE or value.text in _FALSE:
        return value.text in _TRUE
    raise failure(Code.OPTION_TYPE, f"`{key}` takes true or false", value.span(0, len(value.text)),
                  f"this is `{value.text}`", hint="CNTK reads t, true, True, TRUE, 1 and f, false, False, FALSE, 0.")
