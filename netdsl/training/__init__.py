"""Training: the loop, its data, its checkpoints and its records.

    result = train(program, out="runs/mine")          # Failure, Interrupted
    values = test(program, "runs/mine")
"""

from .loop import train
from .options import Interrupted, Limits, Result, RunOptions
from .progress import Lines, Reporter
from .record import Texts

__all__ = ["Interrupted", "Limits", "Lines", "Reporter", "Result", "RunOptions", "Texts", "train"]
