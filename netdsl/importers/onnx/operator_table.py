"""The table of ONNX's operators: a row for each."""

from __future__ import annotations

from .known_numbers import KNOWN
from .operator_type import OperatorType
from .operators_elementwise import ELEMENTWISE
from .operators_layers import LAYERS
from .operators_shape import SHAPES

OPERATORS: dict[str, OperatorType] = {row.name: row for row in (*LAYERS, *ELEMENTWISE, *SHAPES, *KNOWN)}
