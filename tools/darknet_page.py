"""The tables of docs/coming-from-darknet.md, made from the tables of the importer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from netdsl.importers.darknet.cfg_plan import NET_KEYS
from netdsl.importers.darknet.section_table import SECTIONS
from netdsl.importers.darknet.section_type import COMMON_KEYS, LAYOUT_KEYS, Key, RefusedSection, SectionType
from netdsl.spec import show_value

_PLACE = re.compile(r"(<!-- tables -->\n).*(<!-- end of tables -->\n)", re.DOTALL)


def darknet_page(path: Path) -> str:
    """The page with its tables written anew; its prose is written by hand."""
    text = path.read_text()
    return _PLACE.sub(lambda match: match[1] + "\n".join(_tables()) + "\n" + match[2], text)


def _tables() -> list[str]:
    rows = [f"| {', '.join(f'`[{name}]`' for name in row.names)} | {_cell(row.becomes)} | {_keys(row.keys)} | "
            f"{_cell(row.weights)} | {_cell(_differs(row))} |" for row in SECTIONS]
    net = [f"| `{key.name}` | {_default(key)} | {_cell(_meaning(key))} |" for key in NET_KEYS]
    return ["", "| section | becomes | keys, with darknet's defaults | in `.weights` | differs |",
            "|---|---|---|---|---|", *rows, "",
            f"Every section may have {_keys(COMMON_KEYS)}. {', '.join(f'`{name}`' for name in LAYOUT_KEYS)} "
            "change how a `.weights` file is read, and are refused.", "", "Keys of `[net]`:", "",
            "| key | default | becomes |", "|---|---|---|", *net, ""]


def _differs(row: SectionType) -> str:
    return "refused by name" if isinstance(row, RefusedSection) else row.differs


def _meaning(key: Key) -> str:
    return key.meaning or ("" if key.effect else "nothing: accepted with a note")


def _default(key: Key) -> str:
    if key.default is None:
        return ""
    return f"`{key.default if isinstance(key.default, str) else show_value(key.default)}`"


def _keys(keys: Iterable[Key]) -> str:
    shown = [f"`{key.name}`" + (f" {_default(key)}" if key.default is not None else "") +
             (f" ({_cell(key.meaning)})" if key.meaning else "") for key in keys if key.effect]
    silent = [f"`{key.name}`" for key in keys if not key.effect]
    return "; ".join(shown) + (("; " if shown else "") + f"no effect: {', '.join(silent)}" if silent else "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
