"""What each operation of a v1 model file stores of its options: a table, by the version of the file.

The stream has no lengths, so an option is found only by reading everything before it. What stands here was worked
out from the `Load` functions of CNTK's public sources; an operation that is not here stores nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ....base.lazy import LazyModule
from ...byte_reader import BadBytes, ByteReader

np: Any = LazyModule("numpy")

Options = dict[str, Any]
Payload = Callable[[ByteReader, int, str], Options]

#: The newest version of the format; CNTK 2.7 writes it.
NEWEST = 31
#: Axes of a shape.
MOST_AXES = 64


def shape(reader: ByteReader, old: bool = False) -> tuple[int, ...]:
    """Extents, each of 32 bits, behind their number. Very old files have width, height, channels of 64 bits."""
    at, rank = reader.at, reader.uint32("the number of axes")
    first = reader.uint32("an extent") if rank else 0
    if old and rank and first == 0:
        width, height = reader.uint64("an extent"), reader.uint64("an extent")
        return height, rank, width  # stored in the order C, W, H
    if rank > MOST_AXES:
        raise BadBytes(at, f"a shape of {rank:,} axes")
    return (first, *(reader.uint32("an extent") for _ in range(rank - 1))) if rank else ()


def matrix(reader: ByteReader, kind: str) -> Any:
    """A matrix, its numbers column by column: an array of one axis."""
    at = reader.at
    if (letter := bytes(reader.take(1, "the kind of a matrix"))) != b"d":
        raise BadBytes(at, "a matrix is sparse, which is not supported" if letter == b"s" else "no matrix begins here")
    marker(reader, "BMAT")
    at, width = reader.at, reader.uint64("the bytes of an element")
    form = {4: "<f4", 8: "<f8", 2: "<f2"}.get(width)
    if form is None or (kind and form != kind):
        raise BadBytes(at, f"the elements of a matrix take {width} bytes each")
    reader.wide_text("the name of a matrix")
    reader.int32("the form of a matrix")
    rows, columns = reader.uint64("the rows of a matrix"), reader.uint64("the columns of a matrix")
    values = np.frombuffer(reader.take(rows * columns * width, f"a matrix of {rows:,} x {columns:,}"), form)
    marker(reader, "EMAT")
    return values


def marker(reader: ByteReader, name: str) -> None:
    """A word that has to stand here."""
    at = reader.at
    if not next_is(reader, name):
        raise BadBytes(at, f"`{name}` should stand here")
    reader.at += 2 * len(name) + 2


def next_is(reader: ByteReader, name: str) -> bool:
    wanted = name.encode("utf-16-le") + b"\0\0"
    return bytes(reader.data[reader.at : min(reader.at + len(wanted), reader.end)]) == wanted


def _flags(reader: ByteReader) -> tuple[bool, ...]:
    return tuple(reader.flag("a truth value") for _ in range(reader.count("a number of truth values")))


# --- inputs and parameters -----------------------------------------------------------------------


def _parameter(reader: ByteReader, version: int, kind: str) -> Options:
    if version >= 3:
        rate, dims = reader.float32("a rate"), shape(reader)
    else:
        rate = float(reader.flag("whether it is learned"))
        rows, columns = reader.uint64("rows"), reader.uint64("columns")
        dims = (rows, columns) if rows else (*shape(reader, old=True), *((columns,) if columns > 1 else ()))
    at, values = reader.at, matrix(reader, kind)
    if math.prod(dims) != values.size:
        raise BadBytes(at, f"a parameter of {list(dims)} has {values.size:,} numbers")
    return {"dims": dims, "values": values, "learned": rate != 0}


def _input(reader: ByteReader, version: int, kind: str) -> Options:
    rows, _ = reader.uint64("rows"), reader.uint64("columns")
    dims, axis = shape(reader, old=True), ""
    if rows and rows != math.prod(dims):
        dims = (rows,)
    if version >= 8:
        at, axes = reader.at, reader.uint32("a number of dynamic axes")
        if axes > 1:
            raise BadBytes(at, f"an input with {axes} dynamic axes")
        axis = reader.wide_text("the name of a dynamic axis") if axes else ""
    if version >= 10:
        reader.float32("a rate")
    return {"dims": dims, "axis": axis}


def _computed_statistic(reader: ByteReader, version: int, kind: str) -> Options:
    reader.flag("whether it is computed")
    return {"values": matrix(reader, kind)}


# --- windows -------------------------------------------------------------------------------------


def _windows(reader: ByteReader, version: int, kind: str) -> Options:
    """What Convolution and Pooling share since version 5."""
    found: Options = {"kernelShape": shape(reader), "mapCount": shape(reader), "strides": shape(reader),
                      "sharing": _flags(reader), "autoPadding": _flags(reader), "lowerPad": shape(reader),
                      "upperPad": shape(reader)}
    found["poolingType"] = reader.int32("the kind of pooling") - 1  # 0 none, 1 max, 2 average; v2: 0 max, 1 average
    found["imageLayout"] = reader.int32("the layout of images")
    reader.uint64("the memory of a convolution")
    found["transpose"] = reader.flag("whether it is transposed") if version >= 9 else False
    found["outputShape"] = shape(reader) if version >= 20 else ()
    found["ceilOutDim"] = reader.flag("how extents are rounded") if version >= 21 else False
    found["includePad"] = reader.flag("whether padding counts") if version >= 23 else False
    return found


def _convolution(reader: ByteReader, version: int, kind: str) -> Options:
    if version >= 5:
        found = _windows(reader, version, kind)
        found["convolution2D"] = reader.flag("whether it is the old convolution")
        found["dilation"] = shape(reader) if version >= 18 else (1,)
        return found
    extents = [reader.uint64("an extent") for _ in range(4)]
    maps, layout = reader.uint32("the maps"), reader.uint32("the layout of images")
    pad = reader.flag("whether it pads")
    reader.uint64("the memory of a convolution")
    return {"kernelShape": (*extents[:2], 1), "mapCount": (maps,), "strides": (*extents[2:], 1), "sharing": (True,),
            "autoPadding": (pad,), "lowerPad": (0,), "upperPad": (0,), "imageLayout": layout, "transpose": False,
            "outputShape": (), "ceilOutDim": False, "convolution2D": True, "dilation": (1,)}


def _old_pooling(reader: ByteReader, version: int, kind: str) -> Options:
    width, layout = reader.uint32("a width"), reader.uint32("the layout of images")
    height, across, down = (reader.uint64("an extent") for _ in range(3))
    return {"poolingWindowShape": (width, height), "strides": (across, down), "autoPadding": (False,),
            "lowerPad": (0,), "upperPad": (0,), "ceilOutDim": False, "imageLayout": layout}


# --- the others ----------------------------------------------------------------------------------


def _batch_normalization(reader: ByteReader, version: int, kind: str) -> Options:
    if version < 6:
        return _old_batch_normalization(reader)
    found: Options = {"spatial": reader.flag("whether it is spatial"),
                      "normalizationTimeConstant": reader.float64("a time constant"),
                      "blendTimeConstant": reader.float64("a time constant")}
    found["imageLayout"] = reader.int32("the layout of images")
    if version == 19:  # kept only whether there are any
        reader.flag("whether there are samples")
    else:
        count = reader.uint64("a number of samples")
        found["samples"] = count if version >= 13 else 16 * count  # CNTK's own guess of a minibatch
    found["epsilon"] = reader.float64("epsilon")
    reader.flag("the engine")
    return found


def _old_batch_normalization(reader: ByteReader) -> Options:
    written = reader.int32("a version")
    reader.int32("a version")
    reader.flag("whether it evaluates")
    found: Options = {"spatial": reader.flag("whether it is spatial"), "blendTimeConstant": 0.0, "epsilon": 1e-5,
                      "normalizationTimeConstant": 0.0, "samples": 0}
    constant = reader.float64("a time constant")
    if written >= 0x00010004:
        found["normalizationTimeConstant"] = constant
    if written >= 0x00010002:
        found["imageLayout"] = reader.int32("the layout of images")
        found["samples"] = 16 * reader.uint64("a number of minibatches")
    if written >= 0x00010003:
        found["epsilon"] = reader.float64("epsilon")
        reader.flag("the engine")
    return found


def _reduce(reader: ByteReader, version: int, kind: str) -> Options:
    at, count = reader.at, reader.int32("a number of axes") if version >= 27 else 1
    if not 0 <= count <= MOST_AXES:
        raise BadBytes(at, f"a reduction over {count} axes")
    axes = [reader.int32("an axis") for _ in range(count)]
    found: Options = {"axes": axes, "reductionOpName": reader.wide_text("the name of a reduction")}
    found["reductionKeepDimensions"] = reader.flag("whether axes stay") if version >= 24 else True
    return found


def _slice(reader: ByteReader, version: int, kind: str) -> Options:
    at, count = reader.at, reader.int32("a number of axes") if version >= 22 else 1
    if not 1 <= count <= MOST_AXES:
        raise BadBytes(at, f"a slice along {count} axes")
    parts = []
    for _ in range(count):
        begin, extent = reader.int64("a begin"), reader.int64("an extent")
        axis = reader.int32("an axis") if version >= 3 else 1
        stride = reader.int32("a stride") if version >= 27 else 1
        parts.append((axis, begin, begin + extent, stride))
    return {"parts": parts}


def _reshape(reader: ByteReader, version: int, kind: str) -> Options:
    return {"beginAxis": reader.int32("an axis"), "endAxis": reader.int32("an axis"), "newShape": shape(reader)}


def _legacy_reshape(reader: ByteReader, version: int, kind: str) -> Options:
    rows = reader.uint64("rows")
    dims = shape(reader, old=True)
    return {"newShape": dims if math.prod(dims) == rows else (rows,), "beginAxis": 0, "endAxis": 0}


def _transpose(reader: ByteReader, version: int, kind: str) -> Options:
    if version < 3:
        return {"axes": (1, 2)}
    first, second = reader.int32("an axis"), reader.int32("an axis")
    if version >= 25 and first == second == 0:
        return {"permutation": [reader.uint64("an axis") for _ in range(reader.count("a number of axes", 8))]}
    return {"axes": (first, second)}


def _times(reader: ByteReader, version: int, kind: str) -> Options:
    found: Options = {"outputRank": reader.uint64("a rank") if version >= 3 else 1}
    if version >= 12:
        reader.int32("a rank")
    return found


def _splice(reader: ByteReader, version: int, kind: str) -> Options:
    return {"axis": reader.int32("an axis") if version >= 3 else 1}


def _random_state(reader: ByteReader, version: int, kind: str) -> Options:
    if version >= 16:
        reader.uint64("a seed")
        reader.uint64("an offset")
    return {}


def _delay(reader: ByteReader, version: int, kind: str) -> Options:
    found: Options = {"offset": reader.int32("a time step")}
    if version > 3:
        shape(reader)
    else:
        reader.take(16, "an extent")
    if version >= 2:
        found["initialState"] = reader.float32("a state") if kind != "<f8" else reader.float64("a state")
    return found


def _crop(reader: ByteReader, version: int, kind: str) -> Options:
    return {"offset": (reader.float64("an offset"), reader.float64("an offset"))}


def _axis_name(reader: ByteReader, version: int, kind: str) -> Options:
    return {"axis": reader.wide_text("the name of an axis")}


def _where(reader: ByteReader, version: int, kind: str) -> Options:
    return _axis_name(reader, version, kind) if version >= 11 else {}


def _repeat(reader: ByteReader, version: int, kind: str) -> Options:
    return {"numRepeats": reader.uint64("a number")}


def _roi_pooling(reader: ByteReader, version: int, kind: str) -> Options:
    found: Options = {"roiOutputShape": shape(reader)}
    if version >= 26:
        reader.int32("the kind of pooling")
        reader.float64("a scale")
    return found


def _penalties(reader: ByteReader, version: int, kind: str) -> Options:
    for _ in range(3):
        reader.float32("a penalty")
    reader.flag("whether it squashes")
    reader.take(8 * reader.count("a number of tokens", 8), "tokens")
    return {}


def _alignment(reader: ByteReader, version: int, kind: str) -> Options:
    return {"delayConstraint": reader.int32("a delay"), "blankTokenId": reader.uint64("a token")}


#: By the operation's name in the file.
PAYLOADS: dict[str, Payload] = {
    "LearnableParameter": _parameter, "InputValue": _input, "SparseInputValue": _input, "Image": _input,
    "SparseImage": _input, "Mean": _computed_statistic, "InvStdDev": _computed_statistic,
    "Convolution": _convolution, "Pooling": _windows, "MaxUnpooling": _windows, "MaxPooling": _old_pooling,
    "AveragePooling": _old_pooling, "ROIPooling": _roi_pooling, "BatchNormalization": _batch_normalization,
    "ReduceElements": _reduce, "Slice": _slice, "RowSlice": _slice, "Reshape": _reshape,
    "DeprecatedReshape": _legacy_reshape, "LegacyReshape": _legacy_reshape, "TransposeDimensions": _transpose,
    "Times": _times, "TransposeTimes": _times, "RowStack": _splice, "Splice": _splice, "Dropout": _random_state,
    "PastValue": _delay, "FutureValue": _delay, "Delay": _delay, "Crop": _crop, "RowRepeat": _repeat,
    "Where": _where, "EditDistanceError": _penalties, "ForwardBackward": _alignment,
}

#: Operations that store nothing.
PLAIN = frozenset(re.findall(r"\w+", """
Abs Acos Asin Asinh Atan Atanh ClassificationError Clip CosDistance CosDistanceWithNegativeSamples Cosh Cosine
CrossEntropy CrossEntropyWithSoftmax DiagTimes DynamicAxis ElementDivide ElementTimes Equal ErrorPrediction Exp
ExponentialLinearUnit Floor GatherPacked Greater GreaterEqual Hardmax If KhatriRaoProduct LambdaRank Less LessEqual Log
LogPlus LogSoftmax Logistic Minus NDCG1Eval Negate NoOp NotEqual PackedIndex Pass PerDimMeanVarDeNormalization
PerDimMeanVarNormalization Plus Pow Reciprocal ReconcileDynamicAxis RectifiedLinear ScatterPacked Sigmoid Sin Sinh
Softmax Softplus Softsign Sqrt SquareError StableSigmoid StopGradient StraightThrough SumElements Tan Tanh TransposeAxis
"""))
