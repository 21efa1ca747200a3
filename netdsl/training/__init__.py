"""Training: the loop, its data, evaluation and prediction. Imports `lower`, `runs`, `data` and what is below them.

    result = train(program, out="runs/mine")        # raises Failure, Interrupted
    found = test(program, "runs/mine")              # an EvalResult: values by name, confusion matrix, worst samples
    for prediction in predict(program, "runs/mine", dataset): ...
"""

from ..runs.writer import SourceSnapshot
from .evaluation.details import HeadCounts, WorstSample
from .evaluation.evaluate import EvalResult
from .evaluation.inference import Prediction, load_trained, predict
from .evaluation.inference import evaluate as test
from .loop import train
from .progress import ConsoleReporter, Reporter
from .run_options import Interrupted, Limits, Result, RunOptions

__all__ = [
    "ConsoleReporter",
    "EvalResult",
    "HeadCounts",
    "Interrupted",
    "Limits",
    "Prediction",
    "Reporter",
    "Result",
    "RunOptions",
    "SourceSnapshot",
    "WorstSample",
    "load_trained",
    "predict",
    "test",
    "train",
]
