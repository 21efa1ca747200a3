"""The texts of new files: templates in the language itself, with `@name` where a value is filled in."""

from __future__ import annotations

from pathlib import Path
from string import Template

from ..base.source import Source
from ..syntax.format.printer import format_text

_TEMPLATES = Path(__file__).parent / "templates"


class _NetTemplate(Template):
    """`$` stands in texts of the language (`$dataDir$`), `@` nowhere."""

    delimiter = "@"


def filled(template: str, **values: str) -> str:
    """A template with its values; the template of a whole file is written in the one canonical style."""
    text = _NetTemplate((_TEMPLATES / f"{template}.net").read_text(encoding="utf-8")).substitute(values)
    return format_text(Source(values["name"], text)) if template == "file" else text
