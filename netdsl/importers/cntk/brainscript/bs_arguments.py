"""The arguments of a call of a library function: whether they are CNTK's, and which of them have a meaning left."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.source import Span
from ....base.suggest import did_you_mean
from ....syntax import ast
from ...import_format import not_supported
from .bs_scopes import Scope, known_value
from .library_row import MEANINGLESS, LibraryRow, Same

#: Options that all functions take, whatever their row says.
_COMMON = frozenset(("tag", "precision", "imageLayout"))


@dataclass
class Arguments:
    """What was found in the arguments of one network text."""

    problems: list[Diagnostic]
    warnings: list[Diagnostic] = field(default_factory=list)
    dropped: list[tuple[str, Span]] = field(default_factory=list)  #: what has no effect

    def fit(self, row: LibraryRow, e: ast.Call) -> bool:
        """Whether the arguments are those of CNTK's function."""
        wanted, given = row.positional, [a for a in e.arguments if a.name is None]
        listed = signature_lines(row)
        if len(given) != len(wanted):
            span = given[len(wanted)].span if len(given) > len(wanted) else e.span
            label = "this one is too many" if len(given) > len(wanted) else f"`{wanted[len(given)]}` is missing here"
            hint = "arguments with a default are given by name." if len(given) > len(wanted) and row.optional else ""
            self.problems.append(Diagnostic(
                Code.WRONG_ARGUMENTS, f"CNTK's `{row.name}` takes {_count(len(wanted))} without a name, "
                f"here {'is' if len(given) == 1 else 'are'} {len(given)}", Label(span, label), body=listed,
                hint=hint))
            return False
        for argument in e.arguments:
            name = argument.name.text if argument.name is not None else ""
            if name and name not in row.optional and name not in _COMMON:
                label = f"`{name}` is given without a name" if name in wanted else did_you_mean(name, row.optional)
                self.problems.append(Diagnostic(
                    Code.UNKNOWN_OPTION, f"CNTK's `{row.name}` has no option `{name}`",
                    Label(argument.name.span if argument.name else argument.span, label), body=listed))
                return False
        return True

    def have_a_meaning(self, argument: ast.Argument, row: LibraryRow, scope: Scope) -> bool:
        """Whether an argument is to be written; those that only steer memory and engines are not."""
        name = argument.name.text if argument.name is not None else ""
        if name == "tag":
            return False
        if name == "disableRegularization" and row.name == "BatchNormalization":
            if not (isinstance(argument.value, ast.Boolean) and not argument.value.value):
                self.problems.append(not_supported(
                    "`disableRegularization` of the function `BatchNormalization`", argument.span,
                    hint="BatchNormalizationLayer has it, and so has `SGD.disableRegInBatchNormalization`."))
            return False
        if name not in MEANINGLESS:
            return True
        value = known_value(argument.value, scope)
        if name == "sharing" and value is False and isinstance(row, Same) and row.unshared:
            return False  # another row says it
        refused = {"imageLayout": value is not None and str(value).casefold() == "hwc", "sharing": value is not True}
        if refused.get(name):
            self.problems.append(not_supported(
                f"`{name} = {argument.value.span.text}`", argument.span, "this changes the meaning",
                "images are W x H x C, as with `imageLayout = 'CHW'`." if name == "imageLayout" else
                "filters are shared over all positions; LocalConvolution has one for each."))
        else:
            self.dropped.append((name, argument.name.span if argument.name else argument.span))
        return False

    def refuse(self, e: ast.Call) -> Callable[[str, str], None]:
        return lambda what, why: self.problems.append(not_supported(what, e.span, why))

    def note(self, e: ast.Call) -> Callable[[str], None]:
        def say(name: str) -> None:
            place = next((a.name.span for a in e.arguments if a.name is not None and a.name.text == name), e.span)
            if name == "value":
                self.warnings.append(Diagnostic(
                    Code.DOUBTFUL, "CNTK does not read `value` without `init = 'fixedValue'`",
                    Label(place, "the parameter starts uniform in +-0.05"), severity="warning",
                    hint="if the number is meant, write `initValue`."))
            else:
                self.dropped.append((name, place))
        return say


def signature_lines(row: LibraryRow) -> tuple[str, ...]:
    """CNTK's signature of a function, for the body of a page."""
    return ("    " + "\n        ".join(textwrap.wrap(row.signature, 70)),)


def _count(number: int) -> str:
    return f"{number or 'no'} argument{'' if number == 1 else 's'}"


