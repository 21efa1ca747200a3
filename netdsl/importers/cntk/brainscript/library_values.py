"""Values of CNTK's library, and its functions on numbers, lists and texts."""

from __future__ import annotations

from .library_row import Composed, LibraryRow, Same, Spelled, Value
from .library_spelled import write_concatenation, write_first, write_format, write_list, write_pooling_layer

VALUES: tuple[LibraryRow, ...] = (
    Value("None", "None"),
    Value("Inferred", "Inferred"),
    Value("BS.Constants.None", "None"),
    *(Value(f"BS.Constants.{name}", text) for name, text in
      (("Zero", "0"), ("One", "1"), ("True", "1"), ("False", "0"))),
    Value("BS.Boolean.True", "1"),
    Value("BS.Boolean.False", "0"),
    Same("BS.Constants.IsNone (x)"),
    Same("Length (x)", names={"x": "list"}),
    Same("Repeat (N, what)", names={"N": "count", "what": "value"}, note="one flat list; CNTK's nests pairs"),
    Same("Sign (x)"),
    Same("Min (a, b)"),
    Same("Max (a, b)"),
    Same("Fac (n)"),
    Same("Mod (x, y)"),
    Same("IntDiv (x, y)"),
    Same("IsArray (a)", names={"a": "x"}),
    Same("IsDouble (a)", names={"a": "x"}),
    Same("IsBool (a)", names={"a": "x"}),
    Same("Fail (what)", names={"what": "message"}),
    Same("Replace (s, from, to)", names={"s": "text"}),
    Same("Substr (s, begin, num)", names={"s": "text", "num": "count"}),
    Spelled("Format (value, format)", write_format, "`Format (value)`; a format is refused"),
    Spelled("Print (value, format = '')", write_first, "the value alone: nothing is printed"),
    Spelled("_AsArray (x)", write_list, "`Repeat (1, x)`"),
    Spelled("_AsNodes (inputs)", write_first, "its argument: numbers become nodes where they are used"),
    Spelled("_ConcatArrays (aOrScalar, bOrScalar)", write_concatenation, "`(a : b)`"),
    Composed("_ForceResizeArray (N, arrayOrScalar)",
             "Resized (count, value) = array [0..count - 1] "
             "(i => Repeat (1, value)[Min (i, Length (Repeat (1, value)) - 1)])"),
    Composed("_AreElementsTheSame (arr, L)",
             "AllTheSame (list, count) = if count < 2 then true "
             "else list[count - 1] == list[count - 2] && AllTheSame (list, count - 1)"),
    Spelled("_PoolingLayer {poolKind, filterShape, stride = 1, pad = false, lowerPad = 0, upperPad = 0, "
            "ceilOutDim = false, includePad = false}", write_pooling_layer, "a function that calls `Pooling`"),
)
