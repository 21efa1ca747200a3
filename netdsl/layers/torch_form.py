"""How a layer is written in PyTorch source: what a person would write for it, as data. Nothing here runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor. One with `default` is left out where it has that value."""

    name: str
    value: Any
    default: Any = None
    positional: bool = False


@dataclass(frozen=True)
class Call:
    """The constructor of a module: `nn.Conv2d(3, 96, kernel_size=11, stride=4)`."""

    name: str
    arguments: tuple[Argument, ...] = ()

    @staticmethod
    def of(name: str, *positional: tuple[str, Any], **keywords: Any) -> Call:
        """Positional arguments with their names; a keyword is a value, or `(value, default)` as a `Default`."""
        given = tuple(Argument(key, value, positional=True) for key, value in positional)
        return Call(name, (*given, *(
            Argument(key, value.value, value.default) if isinstance(value, Default) else Argument(key, value)
            for key, value in keywords.items())))


@dataclass(frozen=True)
class Default:
    """The value of an argument, and the one that torch takes where nothing is said."""

    value: Any
    default: Any


@dataclass(frozen=True)
class TorchForm:
    """A layer in PyTorch: a module with a name, or an expression, or both.

    `expression` has `{self}` for the module, and `{0}`, `{1}` for the inputs. `before` are modules for what the
    expression does to the input before the module has it, for places where only modules can stand
    (`nn.Sequential`). `own` maps the layer's tensors to those of the module.
    """

    expression: str = "{self}({0})"
    module: Call | None = None
    before: tuple[Call, ...] = ()
    #: What stands for an expression without a module inside `nn.Sequential`.
    as_module: Call | None = None
    own: Mapping[str, str] = field(default_factory=dict)
    #: Tensors of the layer that the module has none of: they are for training alone.
    left_out: tuple[str, ...] = ()
    #: Functions that the expression calls and torch does not have; `exporters/` has their texts.
    helpers: tuple[str, ...] = ()

    @property
    def is_identity(self) -> bool:
        return self.expression == "{0}"


#: A layer that does nothing outside of training, or to values.
IDENTITY = TorchForm("{0}")


def function(expression: str, module: str = "", **keywords: Any) -> TorchForm:
    """A function of torch without tensors: `F.relu({0})`, which is `nn.ReLU()` among modules."""
    return TorchForm(expression, as_module=Call.of(module, **keywords) if module else None)


def alike(values: Sequence[int]) -> int | tuple[int, ...]:
    """One number where all axes have the same."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def padding_call(pads: Sequence[int], value: float = 0.0) -> Call:
    """The module that pads an input: amounts as `F.pad` takes them, the last axis first."""
    axes = len(pads) // 2
    return Call.of(f"nn.ConstantPad{axes}d", ("padding", tuple(pads)), ("value", value))


def padded_input(pads: Sequence[int], value: str = "") -> str:
    """The input with padding, if there is any."""
    return f"F.pad({{0}}, {tuple(pads)}{f', value={value}' if value else ''})" if any(pads) else "{0}"
