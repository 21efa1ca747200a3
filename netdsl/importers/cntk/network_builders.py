"""Which key of a configuration describes the network, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...base.diagnostics import Diagnostic
from ...base.failure import Failure
from ...syntax import ast
from ..import_format import not_supported
from . import simple_builder
from .brainscript import read_brainscript
from .config_context import ConfigContext
from .ndl import read_ndl

Read = Callable[[ConfigContext, str], tuple[ast.Record, list[Diagnostic]]]


@dataclass(frozen=True)
class NetworkBuilder:
    """A key that describes a network."""

    key: str
    what: str
    read: Read


def _missing(what: str) -> Read:
    def read(context: ConfigContext, key: str) -> tuple[ast.Record, list[Diagnostic]]:
        raise Failure([not_supported(what, context.action.key_span(key))])
    return read


#: In the order in which CNTK looks for them: the first that is there counts, and the text of the others is not read.
BUILDERS: tuple[NetworkBuilder, ...] = (
    NetworkBuilder("createNetwork", "a network in BrainScript's C++ form", _missing("network made by createNetwork")),
    NetworkBuilder("SimpleNetworkBuilder", "a stack of layers", simple_builder.read_network),
    NetworkBuilder("NDLNetworkBuilder", "a network in NDL", read_ndl.read_network),
    NetworkBuilder("BrainScriptNetworkBuilder", "a network in BrainScript", read_brainscript.read_network),
    NetworkBuilder("ExperimentalNetworkBuilder", "a network in BrainScript", read_brainscript.read_network),
)
