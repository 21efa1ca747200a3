"""Model files of CNTK 2: a dictionary with the variables and the functions of a graph -> ModelFile.

A layer of CNTK's Python is a block: a function that stands for others. Blocks are replaced here by what they stand
for, and leave their names: the operation that a block ends with has the block's name, and its parameters
have the path `block.W`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...byte_reader import BadBytes
from .dictionary_values import Array, Axis, DictionaryReader
from .model_file import GraphParts, ModelFile, ModelInput, ModelNode, ModelTensor

#: CNTK's numbers of its operations, by place.
OPERATIONS = tuple(re.findall(r"\w+", """
Negate Sigmoid Tanh ReLU Exp Log Sqrt Floor Abs Reciprocal Softmax Hardmax TransposeAxes Where Slice Dropout Reshape
Pooling SumAll Plus Minus ElementTimes Equal NotEqual Less LessEqual Greater GreaterEqual PackedIndex GatherPacked
ScatterPacked Times TransposeTimes Convolution SquaredError CrossEntropyWithSoftmax ClassificationError PastValue
FutureValue ReduceElements BatchNormalization Clip Select Splice Combine RandomSample RandomSampleInclusionFrequency
ROIPooling Logistic OptimizedRNNStack ReconcileDynamicAxis LogSoftmax LogPlus CosDistance Sin Cos Pass Block Unpooling
LambdaRank NDCG EditDistanceError NoOp LabelsToGraph StopGradient ELU ForwardBackward CosDistanceWithNegativeSamples
OneHot Pow ToSequence ToSequenceLike UnpackSequence Assign Gather StableSigmoid RandomDistribution Sinh Cosh UnpackBatch
ToBatch Asin Acos Pad Crop Atanh Asinh TopK Squeeze ConstantOp LatticeSequenceWithSoftmax Cast EyeLike CustomProxy
StraightThrough Tan Atan ConvolutionSequenceShape
"""))

#: Versions of a function that are known; CNTK 2.7 wrote this one.
NEWEST_FUNCTION = 24

_OUTPUT = re.compile(r"(.+)_Output_(\d+)")
_INPUT, _PARAMETER, _CONSTANT, _PLACEHOLDER = 0, 2, 3, 4


def read_dictionary(data: bytes) -> ModelFile:
    """The model in the bytes of a file. Raises BadBytes."""
    found = DictionaryReader(data).read()
    if found.get("type") != "CompositeFunction":
        what = found.get("type")
        raise BadBytes(0, f"it holds {f'a {what}' if what else 'no function'}, and not a model")
    return _Graph(found).model()


class _Graph:
    """The functions of a file by uid, with what stands for what."""

    def __init__(self, composite: dict[str, Any]) -> None:
        self._composite = composite
        self.functions: dict[str, dict[str, Any]] = {}
        self._stand_in: dict[str, str] = {}  # placeholder of a block -> what the block is applied to
        for function in _dictionaries(composite, "primitive_functions"):
            self.functions[_text(function, "uid")] = function
        for function in self.functions.values():
            keys, values = (_texts(function, f"block_function_composite_arguments_map_{part}")
                            for part in ("keys", "values"))
            self._stand_in.update(zip(keys, values, strict=False))
        self._blocks = {root: uid for uid, function in self.functions.items()
                        if (root := self._root(function)) is not None}
        self._around = self._enclosing_blocks()

    def _root(self, function: dict[str, Any]) -> str | None:
        inner = function.get("block_function_composite")
        return _text(inner, "root") if isinstance(inner, dict) else None

    def model(self) -> ModelFile:
        version = self._composite.get("version")
        parts = GraphParts("v2", version if isinstance(version, int) else 0)
        for uid, function in self.functions.items():
            operation = self._operation(function)
            if operation not in ("Block", "Combine"):
                name, layer = self._name_of(uid, function)
                inputs = tuple(self.resolve(taken, function) for taken in _texts(function, "inputs"))
                options = function.get("attributes") or {}
                if not isinstance(options, dict):
                    raise BadBytes(function["#at"], f"the attributes of `{uid}` should be a dictionary")
                parts.nodes[uid] = ModelNode(uid, name, operation, inputs, options, function["#at"], layer)
        self._add_variables(parts)
        root = _text(self._composite, "root")
        if root not in self.functions:
            raise BadBytes(self._composite["#at"], f"the model ends in `{root}`, which the file does not have")
        parts.groups["output"] = tuple(dict.fromkeys(self._ends(root)))
        return parts.finished()

    def _operation(self, function: dict[str, Any]) -> str:
        if function.get("type") != "PrimitiveFunction":
            return str(function.get("type") or "function without a type")
        number, version = function.get("op"), function.get("version")
        if isinstance(version, int) and version > NEWEST_FUNCTION:
            raise BadBytes(function["#at"], f"a function of version {version}: {NEWEST_FUNCTION} is the newest known")
        if not isinstance(number, int) or not 0 <= number < len(OPERATIONS):
            raise BadBytes(function["#at"], f"operation {number}, which there is not")
        operation: str = OPERATIONS[number]
        return operation

    def resolve(self, uid: str, user: dict[str, Any]) -> str:
        """What a uid stands for behind placeholders, blocks and lists: a node, a tensor or an input."""
        seen = set[str]()
        while uid not in seen:
            seen.add(uid)
            if uid in self._stand_in:
                uid = self._stand_in[uid]
                continue
            output = _OUTPUT.fullmatch(uid)
            if output is None or output[1] not in self.functions:
                return uid
            function = self.functions[output[1]]
            operation = self._operation(function)
            if operation == "Block":
                uid = f"{self._root(function)}_Output_{output[2]}"
            elif operation == "Combine":
                items = _texts(function, "inputs")
                if int(output[2]) >= len(items):
                    raise BadBytes(function["#at"], f"`{uid}` of {len(items)} values")
                uid = items[int(output[2])]
            else:
                return output[1]
        raise BadBytes(user["#at"], f"`{uid}` stands for itself")

    def _ends(self, uid: str) -> Iterator[str]:
        """What a function comes to: itself, or each value of a list."""
        function, seen = self.functions[uid], {uid}
        while self._operation(function) == "Block":
            inner = self._root(function) or ""
            if inner not in self.functions or inner in seen:
                break
            seen.add(inner)
            function = self.functions[inner]
        if self._operation(function) == "Combine":
            for taken in _texts(function, "inputs"):
                yield self.resolve(taken, function)
        else:
            yield self.resolve(f"{uid}_Output_0", function)

    # --- names ------------------------------------------------------------------------------------

    def _name_of(self, uid: str, function: dict[str, Any]) -> tuple[str, str]:
        """The name of a node, and the block that it is the result of: those of the outermost block with a name."""
        name, layer, seen = str(function.get("name") or ""), "", set[str]()
        while uid in self._blocks and uid not in seen:
            seen.add(uid)
            uid = self._blocks[uid]
            block = self.functions[uid]
            name = str(block.get("name") or "") or name
            layer = str(block.get("block_function_op_name") or "") or layer
        return name, layer

    def _enclosing_blocks(self) -> dict[str, str]:
        """The innermost block around each function."""
        around: dict[str, str] = {}
        for root, block in self._blocks.items():
            waiting = [root]
            while waiting:
                uid = waiting.pop()
                if uid in around or uid not in self.functions or uid == block:
                    continue
                around[uid] = block
                for taken in _texts(self.functions[uid], "inputs"):
                    output = _OUTPUT.fullmatch(taken)
                    if output is not None and taken not in self._stand_in:
                        waiting.append(output[1])
        return around

    def _path(self, uid: str, name: str) -> str:
        """The names of the blocks around a function, then a name."""
        names, seen = [name], set[str]()
        while uid in self._around and uid not in seen:
            seen.add(uid)
            uid = self._around[uid]
            names.append(str(self.functions[uid].get("name") or ""))
        return ".".join(part for part in reversed(names) if part)

    # --- variables --------------------------------------------------------------------------------

    def _add_variables(self, parts: GraphParts) -> None:
        users: dict[str, str] = {}
        for uid, function in self.functions.items():
            if self._operation(function) not in ("Block", "Combine"):
                for taken in _texts(function, "inputs"):
                    users.setdefault(taken, uid)
        variables = [v for v in _dictionaries(self._composite, "inputs") if v.get("kind") != _PLACEHOLDER]
        paths = {(uid := _text(v, "uid")): self._path(users.get(uid, ""), str(v["name"])) if v.get("name") else uid
                 for v in variables}
        times = Counter(paths.values())
        for variable in variables:
            uid, kind, at = _text(variable, "uid"), variable.get("kind"), variable["#at"]
            dims = variable.get("shape") or ()
            if not isinstance(dims, tuple):
                raise BadBytes(at, f"`{uid}` has no shape")
            if kind == _INPUT:
                axes = tuple(axis.name for axis in _list(variable, "dynamic_axis") if isinstance(axis, Axis))
                parts.inputs[uid] = ModelInput(uid, str(variable.get("name") or uid), dims,
                                               tuple(name for name in axes if name != "defaultBatchAxis"))
            elif kind in (_PARAMETER, _CONSTANT):
                value = variable.get("value")
                if not isinstance(value, Array) or value.values is None:
                    raise BadBytes(at, f"`{uid}` has no numbers")
                if value.dims != dims:
                    raise BadBytes(at, f"`{uid}` says {list(dims)} and has {list(value.dims)}")
                path = paths[uid] if times[paths[uid]] == 1 else f"{uid}.{variable.get('name') or 'value'}"
                parts.tensors[uid] = ModelTensor(uid, path, dims, value.values, value.values.dtype.name,
                                                 kind == _PARAMETER, at)
            else:
                raise BadBytes(at, f"`{uid}` is a variable of kind {kind}, which there is not")


def _text(entries: dict[str, Any], key: str) -> str:
    value = entries.get(key)
    if not isinstance(value, str) or not value:
        raise BadBytes(entries["#at"], f"`{key}` should be a text")
    return value


def _list(entries: dict[str, Any], key: str) -> list[Any]:
    value = entries.get(key) or []
    if not isinstance(value, list):
        raise BadBytes(entries["#at"], f"`{key}` should be a list")
    return value


def _texts(entries: dict[str, Any], key: str) -> list[str]:
    items = _list(entries, key)
    if not all(isinstance(item, str) for item in items):
        raise BadBytes(entries["#at"], f"`{key}` should be a list of texts")
    return items


def _dictionaries(entries: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = _list(entries, key)
    if not all(isinstance(item, dict) for item in items):
        raise BadBytes(entries["#at"], f"`{key}` should be a list of dictionaries")
    return items
