"""The tables of docs/coming-from-caffe.md, made from the tables of the importer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from netdsl.importers.caffe.known_fields import Known
from netdsl.importers.caffe.layer_row import LayerRow, Refused
from netdsl.importers.caffe.layer_rows import ROWS
from netdsl.importers.caffe.old_layers import SECOND_FORM_TYPES
from netdsl.importers.caffe.solver import SOLVER
from netdsl.spec import show_value

_PLACE = re.compile(r"(<!-- tables -->\n).*(<!-- end of tables -->\n)", re.DOTALL)


def caffe_page(path: Path) -> str:
    """The page with its tables written anew; its prose is written by hand."""
    text = path.read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: match[1] + "\n".join(_tables()) + "\n" + match[2], text)


def _tables() -> list[str]:
    layers = [f"| {_types(row)} | {_cell(row.becomes)} | {_state(row)} | {_fields(row.fields)} | "
              f"{', '.join(f'`{name}`' for name in row.tensors)} |"
              for row in sorted(ROWS, key=lambda row: row.types) if not isinstance(row, Refused)]
    refused = [f"| `{name}` | {_cell(why)} |" for row in ROWS if isinstance(row, Refused)
               for name, why in sorted(row.reasons.items())]
    return ["", "| type | becomes | | fields, with Caffe's defaults | tensors of its blobs |", "|---|---|---|---|---|",
            *layers, "", "Refused by name:", "", "| type | why |", "|---|---|", *refused, "",
            f"Fields of a solver: {_fields(SOLVER)}.", ""]


def _types(row: LayerRow) -> str:
    old = [f"`{name}`" for name, (_, today) in SECOND_FORM_TYPES.items() if today in row.types]
    return ", ".join([f"`{name}`" for name in row.types]) + (f" (old {', '.join(old)})" if old else "")


def _state(row: LayerRow) -> str:
    return f"{row.state}: {_cell(row.remark)}" if row.remark else row.state


def _fields(fields: Mapping[str, Known]) -> str:
    shown = [f"`{name}`" + ("" if known.default in (None, "") else f" `{show_value(known.default)}`")
             for name, known in fields.items() if known.effect]
    silent = [f"`{name}`" for name, known in fields.items() if not known.effect]
    return ", ".join(shown) + (("; " if shown else "") + f"no effect: {', '.join(silent)}" if silent else "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
