"""Names of Caffe as names of the language: `inception_3a/1x1` is `inception_3a_1x1`, the same in nets and weights."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...layers import NAMES as LAYERS

#: What a member of `network` may not be called: words of the language, and the names that mean something there.
_TAKEN = {"include", "true", "false", "if", "then", "else", "array", "featureNodes", "labelNodes", "criterionNodes",
          "evaluationNodes", "outputNodes", "budget", "network", "reader", "SGD"}


def legal_name(name: str) -> str:
    """A name in letters, digits and `_` that does not hide a layer or function of the language."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "layer"
    if plain[0].isdigit():
        plain = f"_{plain}"
    return f"{plain}_" if plain in _TAKEN or is_function(plain) else plain


def legal_names(names: Iterable[str]) -> dict[str, str]:
    """Names of a file -> names of the language, all different.

    Where two fall together the one that needed the fewest changes keeps the name; which one gets which number does
    not depend on their order in the file.
    """
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        found.setdefault(legal_name(name), []).append(name)
    legal: dict[str, str] = {group[0]: plain for plain, group in found.items() if len(group) == 1}
    taken = set(found)
    for plain, group in found.items():
        if len(group) == 1:
            continue
        for number, name in enumerate(sorted(group, key=lambda name: (name != plain, name)), 1):
            candidate = plain if number == 1 else f"{plain}_{number}"
            while number > 1 and candidate in taken:
                candidate += "_"
            taken.add(candidate)
            legal[name] = candidate
    return legal


#: Functions of the language that are no layers; `elaborate` knows what they do, a test compares.
_FUNCTIONS = {"Sequential", "Parallel", "MergeBinary", "LayerStack", "Length", "Repeat", "Map", "Min", "Max", "Mod",
              "IntDiv", "Sign", "Fac", "RoundUp", "RoundDown", "Replace", "Substr", "Format", "Fail", "IsArray",
              "IsDouble", "IsBool", "IsNone", "Identity", "None", "Inferred", "Infinity"}


def is_function(name: str) -> bool:
    """Whether a name already means a layer or a function, which a member of that name would hide."""
    return name in LAYERS or name in _FUNCTIONS
