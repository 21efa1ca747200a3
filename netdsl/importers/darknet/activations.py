"""darknet's activations, by name: how the language writes each."""

from __future__ import annotations

from ...base.codes import Code
from ...base.failure import failure
from ...base.suggest import did_you_mean
from .section_type import Use

#: name -> the function in the language; "" is none. `swish` and `mish` are of AlexeyAB's fork.
ACTIVATIONS: dict[str, str] = {
    "linear": "",
    "logistic": "Sigmoid",
    "relu": "ReLU",
    "leaky": "LeakyReLU {0.1}",
    "ramp": "(x => ReLU (x) + 0.1 * x)",
    "tanh": "Tanh",
    "elu": "ELU",
    "selu": "(x => 1.0507 * ELU (x, alpha = 1.6732))",
    "swish": "SiLU",
    "mish": "Mish",
    "relie": "LeakyReLU {0.01}",
    "loggy": "(x => 2 * Sigmoid (x) - 1)",
    "hardtan": "Clip {-1, 1}",
    "lhtan": "(x => 0.999 * Clip (0, 1, x) + 0.001 * x)",
    "plse": "(x => 0.115 * Clip (-4, 4, x) + 0.01 * x + 0.5)",
    "stair": "(x => Floor (x / 2) + (x - Floor (x)) .* (Floor (x) - 2 * Floor (x / 2)))",
}
#: name -> what a function of the written file that ends in it is called: `ConvNormLeaky`.
HELPER_NAMES = {name: name.capitalize() for name in ACTIVATIONS} | {"linear": "", "relu": "ReLU"}


def activation_of(use: Use) -> str:
    """The name of a section's activation. Raises Failure for one that darknet does not know (it takes relu then)."""
    name = use.text("activation")
    entry = use.entry("activation")
    if name not in ACTIVATIONS and entry is not None:
        raise failure(Code.UNKNOWN_NAME, f"there is no activation `{name}`", entry.value_span,
                      "darknet would take relu instead",
                      hint=did_you_mean(name, list(ACTIVATIONS)) or f"use one of {', '.join(ACTIVATIONS)}.")
    return name


def option_of(name: str) -> str:
    """`, activation = ReLU`, or nothing."""
    return f", activation = {ACTIVATIONS[name]}" if ACTIVATIONS[name] else ""
