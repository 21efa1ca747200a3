"""Specs: what stands behind `Name {options}` in a `.net` file. Imports `base`.

A Spec is a frozen dataclass. Its fields are the options: each has a kind (what values it takes), a
default and one sentence. Layers, readers, transforms, optimizers and the training block are tables
of Specs; binding, messages, reference pages and completion are derived from the fields.

The option's name in the file is the field's name in camel case, by rule: `filter_shape` is
`filterShape`. A field may carry `name=` where CNTK's spelling is not derivable (`L2RegWeight`).
"""

from __future__ import annotations

from .binding import MANY, Bound, BoundArgument, bind, describe_value, signature_body
from .kinds import (
    Applicable,
    Choice,
    Dims,
    Either,
    Flag,
    FunctionKind,
    Integer,
    Kind,
    LanguageValue,
    ListOf,
    Mismatch,
    Number,
    Optional,
    PerAxis,
    ScheduleKind,
    ScheduleValue,
    SpecOf,
    Text,
    show_value,
)
from .rows import REQUIRED, Option, OptionError, S, Spec, by_name, camel, option, table_row

__all__ = [
    "MANY",
    "REQUIRED",
    "Applicable",
    "Bound",
    "BoundArgument",
    "Choice",
    "Dims",
    "Either",
    "Flag",
    "FunctionKind",
    "Integer",
    "Kind",
    "LanguageValue",
    "ListOf",
    "Mismatch",
    "Number",
    "Option",
    "OptionError",
    "Optional",
    "PerAxis",
    "S",
    "ScheduleKind",
    "ScheduleValue",
    "Spec",
    "SpecOf",
    "Text",
    "bind",
    "by_name",
    "camel",
    "describe_value",
    "option",
    "show_value",
    "signature_body",
    "table_row",
]
