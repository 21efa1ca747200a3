"""Table 3: the optimizers, and the schedules of their rates. A row is a class; these are the lists of all rows."""

from __future__ import annotations

from ..spec import Spec, by_name
from .adam import Adam, Adamax, AdamW, Lion
from .adaptive import Adadelta, Adagrad, CNTKRMSProp, FSAdagrad, RMSProp
from .base import Optimizer
from .block import AutoAdjust, EarlyStopping, Multiplier
from .matrix import Muon
from .policies import ROWS as SCHEDULE_ROWS
from .schedule import Policy
from .sgd import LARS, MomentumSGD

ROWS: tuple[type[Optimizer], ...] = (
    MomentumSGD, Adam, AdamW, Adamax, Lion, Muon, LARS, Adagrad, RMSProp, CNTKRMSProp, FSAdagrad, Adadelta,
)
OPTIMIZERS: dict[str, type[Optimizer]] = by_name(ROWS)
SCHEDULES: dict[str, type[Policy]] = by_name(SCHEDULE_ROWS)
#: Rows that only the training block uses; AutoAdjust is written as a record, `AutoAdjust = { ... }`.
BLOCK_ROWS: tuple[type[Spec], ...] = (Multiplier, EarlyStopping, AutoAdjust)
#: Every name that a file may use.
NAMES: dict[str, type[Spec]] = {**OPTIMIZERS, **SCHEDULES, **by_name((Multiplier, EarlyStopping))}
