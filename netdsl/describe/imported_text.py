"""A file of another system written as a `.net` file, and the proof that the text means the same."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping

from ..base.source import Files, Source
from ..compiler import CheckResult, examine
from ..ir.program import CheckedProgram
from ..syntax.format.printer import format_module, format_text
from .expand import expanded_members


def imported_text(checked: CheckResult) -> str:
    """The text of a checked file as `.net`, with the comments and line breaks of the original.

    Includes and overrides are in place, so that the text stands alone.
    """
    assert checked.module is not None
    members = expanded_members(checked.module.members, Files())
    text = format_module(dataclasses.replace(checked.module, members=members), checked.module.span.source)
    # Once more, with the places that things have now: lines that were apart in the original are aligned.
    return format_text(Source(checked.source.name, text))


def read_again(checked: CheckedProgram, text: str, name: str) -> CheckedProgram:
    """The program that the written text means. Raises AssertionError where it differs from the file's: our mistake."""
    files = checked.origin.files if checked.origin is not None else Files()
    program = examine(Source(name, text), (), files).require_network()
    differences = [*_differences("node", _nodes(checked), _nodes(program)),
                   *_differences("list", checked.special, program.special),
                   *_differences("key of SGD", _plan(checked), _plan(program)),
                   *_differences("reader", _readers(checked), _readers(program))]
    assert not differences, f"the text written for {checked.source.name} means something else: {differences[0]}"
    return program


def _nodes(program: CheckedProgram) -> Mapping[str, str]:
    return {node.name: f"{node.layer.show()} ({', '.join(use.node for use in node.inputs)}) of {node.weights}: "
                       f"{node.shape}" for node in program.network}


def _plan(program: CheckedProgram) -> Mapping[str, str]:
    return program.plan.keys if program.plan is not None else {}


def _readers(program: CheckedProgram) -> Mapping[str, str]:
    return {str(phase): reader.show() for phase, reader in program.readers.items()}


def _differences(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[str]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{what} {name} was {before.get(name)} and is {after.get(name)}"


def written_name(file: str) -> str:
    """Where the text of an imported file goes by default: beside the original, as `.net`."""
    return os.path.splitext(file)[0] + ".net"
