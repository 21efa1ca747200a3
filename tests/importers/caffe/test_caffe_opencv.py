"""Published networks against OpenCV 4's engine for Caffe: the same text, the same file of weights, every blob."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import caffe_networks
import numpy as np
import pytest
from caffe_networks import PUBLISHED, Net, write_caffemodel
from caffe_runs import CaffeRun, difference

from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.ir.network import totals

#: OpenCV's own engine and torch add in different orders.
TOLERANCE = 1e-5


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_of_parameters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published for the networks, of which the statistics of batch normalization are no parameters here."""
    monkeypatch.setattr(Net, "draws", False)
    make, numbers, statistics = PUBLISHED[name]
    net = make()
    program = examine(Source("net.prototxt", net.text)).require()
    assert net.numbers == numbers
    assert totals(program.network).parameters == numbers - statistics


def compare(net: Net, folder: Path) -> dict[str, float]:
    """The largest difference of each layer, as a part of its largest number."""
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless below 5 is not installed")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip("this OpenCV does not read nets of Caffe; `opencv-python-headless<5` does")
    text, weights = folder / "deploy.prototxt", folder / "net.caffemodel"
    text.write_text(net.text, encoding="utf-8")
    write_caffemodel(weights, net.weights)
    image = np.random.default_rng(0).standard_normal((1, *net.shape), np.float32) * np.float32(50)
    run = CaffeRun(net.text, weights)
    assert len(run.report.loaded) == len(run.executable.tensors())
    found = run.blobs({"data": image})
    theirs = cv2.dnn.readNetFromCaffe(str(text), str(weights))
    theirs.enableFusion(False)
    theirs.enableWinograd(False)
    theirs.setInput(image, "data")
    expected = dict(zip(net.layers, theirs.forward(net.layers), strict=True))
    assert set(net.layers) <= set(found)
    return {name: difference(found[name], expected[name]) for name in net.layers}


SMALL: dict[str, Callable[[], Net]] = {
    "LeNet": caffe_networks.lenet, "SqueezeNet": partial(caffe_networks.squeezenet, 67),
    "MobileNet": partial(caffe_networks.mobilenet, 64), "GoogLeNet": partial(caffe_networks.googlenet, 96)}


@pytest.mark.parametrize("name", SMALL)
def test_every_blob_of_small_images(name: str, tmp_path: Path) -> None:
    assert max(compare(SMALL[name](), tmp_path).values()) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_blob_as_published(name: str, tmp_path: Path) -> None:
    assert max(compare(PUBLISHED[name][0](), tmp_path).values()) < TOLERANCE
    (tmp_path / "net.caffemodel").unlink()
