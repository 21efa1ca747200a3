"""Records with a section for each input of the network, as `CNTKText` and `CSV` take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...spec import Kind, Mismatch, Spec, table_row


@table_row
class InputSection(Spec):
    """Base of the rows that say of one input where a file has its values."""

    what: ClassVar[str] = "input section"

    #: Name of the network's input; not an option, it is the section's name.
    input: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Sections(Kind):
    """A record with a section for each input: `{features = {dim = 784}; labels = {dim = 10}}`. Becomes a tuple."""

    row: type[InputSection]
    example: str  #: a section, for messages

    @property
    def expected(self) -> str:
        return f"a record of input sections such as `{{features = {self.example}}}`"

    def convert(self, value: Any) -> Any:
        if isinstance(value, tuple) and value and all(isinstance(v, self.row) for v in value):
            return value
        if not isinstance(value, Mapping):
            raise Mismatch(self.expected)
        sections = tuple(self._section(name, section) for name, section in value.items())
        if not sections:
            raise Mismatch(self.expected)
        return sections

    def _section(self, name: str, section: Any) -> InputSection:
        if not isinstance(section, Mapping):
            raise Mismatch(f"a section such as `{self.example}` for each input, also for `{name}`")
        values: dict[str, Any] = {}
        for key, value in section.items():
            known = self.row.option(key)
            if known is None:
                names = [o.name for o in self.row.options()]
                raise Mismatch(f"sections with the keys {', '.join(names[:-1])} and {names[-1]}; `{key}` of `{name}` "
                               "is none of them")
            try:
                values[known.field_name] = known.kind.convert(value)
            except Mismatch as wrong:
                raise Mismatch(f"{wrong} as `{key}` of `{name}`") from None
        needed = next((o.name for o in self.row.options() if o.required and o.field_name not in values), None)
        if needed is not None:
            raise Mismatch(f"a `{needed}` in every section; `{name}` has none")
        return self.row(input=name, **values)

    def show(self, value: Any) -> str:
        return "{" + "; ".join(f"{section.input} = {{{_shown(section)}}}" for section in value) + "}"


def _shown(section: InputSection) -> str:
    values = [(o, section.value_of(o)) for o in type(section).options()]
    return "; ".join(f"{o.name} = {o.kind.show(value)}" for o, value in values if o.required or value != o.default)
