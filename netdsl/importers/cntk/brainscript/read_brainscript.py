"""BrainScriptNetworkBuilder of a configuration, for the table of network builders."""

from __future__ import annotations

from ....base.codes import Code
from ....base.diagnostics import Diagnostic
from ....base.failure import failure
from ....syntax import ast
from ..config_context import ConfigContext


def read_network(context: ConfigContext, key: str) -> tuple[ast.Record, list[Diagnostic]]:
    """The network of a key, and notes; its comments are told to the context. Raises Failure."""
    from .bs_network import read_network_text  # the library's table is for those who read CNTK's files

    text = context.action.value(key)
    if text is None or not text.text:
        raise failure(Code.NO_NETWORK, f"`{key}` has no value", context.action.key_span(key),
                      hint=f"write `{key} = {{ ... }}`.")
    network = read_network_text(text, context)
    context.comments += network.comments
    others = {source for _, source in network.included}
    context.text_comments += [comment for comment in network.comments if comment.source in others]
    context.texts += [(place.end, source) for place, source in network.included]
    context.left_out += network.left_out
    return network.record, network.notes
