"""The lists of all optimizers, schedules and rows of the training block, in the order of the docs."""

from __future__ import annotations

from ..spec import Spec, by_name
from .block import AutoAdjust, EarlyStopping, Multiplier
from .optimizer import Optimizer
from .rules.adam import Adam, Adamax, AdamW, Lion
from .rules.adaptive import Adadelta, Adagrad, CNTKRMSProp, FSAdagrad, RMSProp
from .rules.matrix import Muon
from .rules.sgd import LARS, MomentumSGD
from .schedules.policies import ROWS as SCHEDULE_ROWS
from .schedules.schedule import Policy

ROWS: tuple[type[Optimizer], ...] = (
    MomentumSGD, Adam, AdamW, Adamax, Lion, Muon, LARS, Adagrad, RMSProp, CNTKRMSProp, FSAdagrad, Adadelta,
)
OPTIMIZERS: dict[str, type[Optimizer]] = by_name(ROWS)
SCHEDULES: dict[str, type[Policy]] = by_name(SCHEDULE_ROWS)
#: Rows that only the training block uses; AutoAdjust is written as a record, `AutoAdjust = { ... }`.
BLOCK_ROWS: tuple[type[Spec], ...] = (Multiplier, EarlyStopping, AutoAdjust)
#: Every name that a file may use.
NAMES: dict[str, type[Spec]] = {**OPTIMIZERS, **SCHEDULES, **by_name((Multiplier, EarlyStopping))}
