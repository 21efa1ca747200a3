"""The exception that carries diagnostics to whoever shows them."""

from __future__ import annotations

from collections.abc import Iterable

from .codes import Code
from .diagnostics import Diagnostic, Label
from .render import render_all
from .source import Span


class Failure(Exception):
    """The only exception a user's mistake ends in; carries every diagnostic found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        """Every diagnostic, as the command line prints them; on lines of their own behind Python's `Failure:`."""
        return "\n" + render_all(self.diagnostics)

    def __repr__(self) -> str:
        return f"Failure({', '.join(f'{d.code} at {d.primary.span}' for d in self.diagnostics)})"

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of an uncaught Failure: the diagnostics; where in Python it was raised says nothing."""
        return render_all(self.diagnostics, color=True).splitlines()

    def _repr_html_(self) -> str:
        from html import escape  # not at every start: only a notebook shows it

        return f"<pre>{escape(render_all(self.diagnostics))}</pre>"


def failure(code: Code, title: str, span: Span, label: str = "", **more: object) -> Failure:
    """A Failure with a single diagnostic, for the places that find one mistake."""
    return Failure([Diagnostic(code, title, Label(span, label), **more)])  # type: ignore[arg-type]
