"""Every blob of our own corpus, whose values follow Caffe's rules (its README says what they rest on)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import CaffeRun, difference

HERE = Path(__file__).parent


@pytest.mark.parametrize(("name", "parameters", "statistics"), [("rounding", 959, 13), ("kinds", 3184, 0)])
def test_every_blob(name: str, parameters: int, statistics: int) -> None:
    """972 and 3,184 numbers in the files; those of batch normalization are no parameters here."""
    text = (HERE / f"{name}_deploy.prototxt").read_text(encoding="utf-8")
    text = "\n".join(line for line in text.splitlines() if "Silence" not in line)  # what nobody reads is not computed
    run = CaffeRun(text, HERE / f"{name}.caffemodel")
    expected = np.load(HERE / f"{name}.npz")
    assert run.parameters == parameters
    assert sum(expected[key].size for key in expected if key.startswith("blob:")) == parameters + statistics
    found = run.blobs({key[3:]: expected[key] for key in expected if key.startswith("in:")})
    compared = 0
    for key in expected:
        kind, _, top = key.partition(":")
        if kind != "out":
            continue
        wanted = expected[key]
        if top == "p4":  # Caffe's last row and column see nothing of the image
            wanted = wanted[:, :, :found[top].shape[2], :found[top].shape[3]]
        assert difference(found[top], wanted) < 1e-5, top
        compared += 1
    assert compared >= 17
