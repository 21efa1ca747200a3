"""Training: the loop, its data, its checkpoints and its records.

    result = train(program, out="runs/mine")        # raises Failure, Interrupted
    found = test(program, "runs/mine")              # a Judgement: values by name, confusion matrix, worst samples
    for prediction in predict(program, "runs/mine", dataset): ...
"""

from .evaluate import Judgement, WorstSample
from .inference import Prediction, predict, trained
from .inference import judge as test
from .loop import train
from .options import Interrupted, Limits, Result, RunOptions
from .progress import Lines, Reporter
from .record import Texts

__all__ = ["Interrupted", "Judgement", "Limits", "Lines", "Prediction", "Reporter", "Result", "RunOptions", "Texts",
           "WorstSample", "predict", "test", "train", "trained"]
