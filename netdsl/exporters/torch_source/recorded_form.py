"""The form of a layer that has no usual one in PyTorch: what its `forward` calls, written out.

`forward` runs twice, on minibatches of different size, and every call of torch is noted. Numbers that differ between
the two runs come from the size of the minibatch, and become `x.shape[0]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, resolve_name

from ...layers.layer import Shape
from ...lower import LayerModule
from ..unexportable import example_of

#: Minibatches of the two runs: extents of layers are hardly ever multiples of both.
_BATCHES = (7, 11)

_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "true_divide": "/", "__add__": "+", "__sub__": "-",
              "__mul__": "*", "__truediv__": "/", "ge": ">=", "gt": ">", "le": "<=", "lt": "<", "eq": "==", "ne": "!=",
              "matmul": "@", "__matmul__": "@", "__pow__": "**", "pow": "**", "__and__": "&", "__or__": "|"}
_REVERSED = {"__radd__": "+", "__rsub__": "-", "__rmul__": "*", "__rtruediv__": "/", "__rpow__": "**", "__rdiv__": "/"}
#: A part of an expression that is longer gets a line of its own.
_LONG = 40
#: What asks for a value: such a layer is another program for other numbers.
_ASKING = {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "numpy", "nonzero"}


class NotWritable(Exception):
    """The layer cannot be written out; the reason in words."""


@dataclass
class _Value:
    """A tensor of the first run: how it is written, and how many times it is used."""

    text: str
    uses: int = 0
    name: str = ""  #: of the local variable, where it needs one
    atom: bool = True  #: needs no parentheses


@dataclass
class _Recorder(TorchFunctionMode):
    """Notes every call of torch with its arguments and result."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = resolve_name(func) or str(func)
        short = name.rpartition(".")[2]
        if short in _ASKING:
            raise NotWritable(f"what it computes depends on values (`{short}`)")
        if _tensors(result):
            self.calls.append((name, tuple(args), dict(kwargs), result))
        return result


@dataclass(frozen=True)
class RecordedForm:
    """Lines that compute what the last expression needs, and that expression, with `{0}`, `{1}` for the inputs and
    `{own:NAME}` for tensors of the layer; `{line:K}` are the local variables of the lines."""

    lines: tuple[str, ...]
    expression: str


def recorded(module: LayerModule, shapes: Sequence[Shape]) -> RecordedForm:
    """What `forward` of a layer in inference mode calls. Raises NotWritable."""
    module = module.eval()
    runs = []
    for batch in _BATCHES:
        inputs = [example_of(shape, batch).requires_grad_() for shape in shapes]  # as in training
        with torch.enable_grad(), _Recorder() as recorder:
            result = module.layer.forward(module, *inputs)
        runs.append((recorder.calls, inputs, result))
    first, second = runs
    if [call[0] for call in first[0]] != [call[0] for call in second[0]]:
        raise NotWritable("what it computes depends on the size of the minibatch")
    return _Writer(module, first[1], shapes).written(first[0], second[0], first[2])


class _Writer:
    """Calls of the first run as text, numbers compared with those of the second."""

    def __init__(self, module: LayerModule, inputs: Sequence[torch.Tensor], shapes: Sequence[Shape]) -> None:
        self.values: dict[int, _Value] = {id(tensor): _Value(f"{{{k}}}") for k, tensor in enumerate(inputs)}
        self.values |= {id(getattr(module, own)): _Value(f"{{own:{own}}}") for own in module.owned}
        self.batched = next((f"{{{k}}}" for k, shape in enumerate(shapes) if shape.batched), "{0}")
        self.kept: list[Any] = []  # ids stay those of these tensors

    def written(self, calls: Sequence[Any], twins: Sequence[Any], result: torch.Tensor) -> RecordedForm:
        counts: dict[int, int] = {}
        for _, args, kwargs, _ in calls:
            for tensor in _tensors((args, kwargs)):
                counts[id(tensor)] = counts.get(id(tensor), 0) + 1
        lines: list[str] = []
        for (name, args, kwargs, value), (_, twin_args, twin_kwargs, _) in zip(calls, twins, strict=True):
            text, atom = self._call(name, args, kwargs, twin_args, twin_kwargs)
            parts = _tensors(value)
            several = len(parts) > 1 or not isinstance(value, torch.Tensor)
            used = sum(counts.get(id(part), 0) for part in parts)
            in_place = any(part is argument for part in parts for argument in _tensors(args))
            is_long = used and not in_place and len(text) > _LONG
            if (used > 1 and not in_place) or is_long:
                lines.append(text)
                text, atom = f"{{line:{len(lines) - 1}}}", True
            for index, part in enumerate(parts):
                self.kept.append(part)
                self.values[id(part)] = _Value(f"{text}[{index}]" if several else text, atom=atom or several)
        if id(result) not in self.values:
            raise NotWritable("it returns what torch does not see")
        return RecordedForm(tuple(lines), self.values[id(result)].text)

    def _call(self, name: str, args: Any, kwargs: Any, twin_args: Any, twin_kwargs: Any) -> tuple[str, bool]:
        short = name.rpartition(".")[2]
        if name.endswith(".__get__"):
            return f"{self._operand(args[0])}.{name.split('.')[-2]}", True
        if short == "__getitem__":
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            twin = twin_args[1] if isinstance(twin_args[1], tuple) else (twin_args[1],)
            inside = ", ".join(self._text(a, b) for a, b in zip(index, twin, strict=True))
            return f"{self._operand(args[0])}[{inside}]", True
        if short == "__setitem__":
            raise NotWritable("it writes into a tensor")
        method = name.startswith("torch.Tensor.")
        if method and short in _OPERATORS and len(args) == 2 and not kwargs:
            return f"{self._operand(args[0])} {_OPERATORS[short]} {self._operand(args[1], twin_args[1])}", False
        if method and short in _REVERSED and len(args) == 2:
            return f"{self._operand(args[1], twin_args[1])} {_REVERSED[short]} {self._operand(args[0])}", False
        if method and short in ("neg", "__neg__"):
            return f"-{self._operand(args[0])}", False
        plain = [self._text(a, b) for a, b in zip(args, twin_args, strict=True)]
        named = [f"{key}={self._text(value, twin_kwargs[key])}" for key, value in kwargs.items()
                 if value is not None or key == "dim"]
        if method:
            # In place, of a value that nothing else uses: the same without.
            plain_name = short.removesuffix("_") if not short.endswith("__") else short
            return f"{self._operand(args[0])}.{plain_name}({', '.join([*plain[1:], *named])})", True
        return f"{_imported(name)}({', '.join([*plain, *named])})", True

    def _operand(self, value: Any, twin: Any = None) -> str:
        text = self._text(value, value if twin is None else twin)
        known = self.values.get(id(value)) if isinstance(value, torch.Tensor) else None
        negative = not isinstance(value, torch.Tensor) and text.startswith("-")
        return f"({text})" if negative or (known is not None and not known.atom) else text

    def _text(self, value: Any, twin: Any) -> str:
        """A value as source; a whole number that differs from its twin counts samples."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.values:
                raise NotWritable("it uses a tensor that is no input and none of its own")
            return self.values[id(value)].text
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, bool) or value is None:
            return repr(value)
        if isinstance(value, torch.dtype):
            return str(value)
        if isinstance(value, torch.device):
            return f"{self.batched}.device"
        if value is Ellipsis:
            return "..."
        if isinstance(value, slice):
            parts = [("" if part is None else self._text(part, other)) for part, other in
                     zip((value.start, value.stop, value.step), (twin.start, twin.stop, twin.step), strict=True)]
            return ":".join(parts[:2]) + (f":{parts[2]}" if parts[2] else "")
        if isinstance(value, tuple | list):
            inside = ", ".join(self._text(a, b) for a, b in zip(value, twin, strict=True))
            return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
        return self._number(value, twin)

    def _number(self, value: Any, twin: Any) -> str:
        if isinstance(value, int):
            if value == twin:
                return str(value)
            if value * _BATCHES[1] == twin * _BATCHES[0] and value % _BATCHES[0] == 0:
                factor = value // _BATCHES[0]
                return f"{self.batched}.shape[0]" if factor == 1 else f"{factor} * {self.batched}.shape[0]"
            raise NotWritable("it counts with the size of the minibatch")
        if isinstance(value, float):
            return repr(value) if value == value and abs(value) != float("inf") else f'float("{value}")'
        raise NotWritable(f"it uses a {type(value).__name__}")


def _imported(name: str) -> str:
    """torch's own name as the source imports it."""
    return name.replace("torch.nn.functional.", "F.") if name.startswith("torch.nn.functional.") else name


def _tensors(value: Any) -> list[torch.Tensor]:
    """All tensors in a nest of tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in _tensors(part)]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part)]
    return []


__all__ = ["NotWritable", "RecordedForm", "recorded"]
