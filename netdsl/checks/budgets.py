"""The limits that a file sets (`parameters <= 63e6`) against what the network costs."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..elaborate.budget import OPERATORS
from ..ir.network import totals
from ..ir.program import CheckedProgram
from ..spec import show_value
from .memory_estimate import estimate_memory


def check_budgets(program: CheckedProgram) -> Iterator[Diagnostic]:
    if not program.budgets:
        return
    total = totals(program.network)
    memory = estimate_memory(program)
    values = {"parameters": total.parameters, "parameterTensors": total.parameter_tensors, "macs": total.macs,
              "neurons": total.neurons, "activationBytes": memory.activation_bytes,
              "trainingBytes": memory.training_bytes}
    for budget in program.budgets:
        value = values[budget.quantity]
        if not OPERATORS[budget.operator](value, budget.limit):
            largest = sorted(program.network, key=lambda n: -n.cost.parameters)[:3]
            body = ("The largest by parameters: " + ", ".join(f"{n.name} ({n.cost.parameters:,})" for n in largest)
                    + ".",) if budget.quantity == "parameters" else ()
            yield Diagnostic(
                Code.BUDGET,
                f"the budget `{budget.quantity} {budget.operator} {show_value(budget.limit)}` is not met",
                Label(budget.span, f"the network has {value:,}"),
                body=body,
            )
