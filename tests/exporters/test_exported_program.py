"""Exported programs: torch.export.load reads them, and with the preprocessing inside they say what `predict` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks_with_weights import FAST, SLOW, random_weights, shipped
from PIL import Image

import netdsl
from netdsl.base.failure import Failure
from netdsl.base.source import Source

NETWORK = """network = {
    features = Input {12:10:COLORS} ; labels = Input {3}
    z = LinearLayer {3} (ConvolutionalLayer {4, (3:3), activation = ReLU} (features / 256))
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}
reader = { test = ImageFolder {"photos", READER} }
"""
READERS = {
    "scale": "transforms = Scale {12:10}",
    "crop": "transforms = CenterCrop {sideRatio = 0.875} : Scale {12:10} : Mean {100 : 90 : 80}",
    "bgr": "colorOrder = 'BGR', transforms = Resize {16} : CenterCrop {size = 12:10} : Mean {104 : 117 : 123}",
    "normal": "transforms = Scale {12:10, interpolations = 'cubic'} : "
              "Normalize {0.485:0.456:0.406, 0.229:0.224:0.225, range = 0:1}",
    "pad": "transforms = Scale {12:10, scaleMode = 'pad', padValue = 114} : Flip {}",
    "edge": "transforms = Scale {12:10, scaleMode = 'pad'}",
    "lanczos": "transforms = Scale {12:10, interpolations = 'lanczos', scaleMode = 'crop'}",
    "nearest": "transforms = Scale {12:10, interpolations = 'nearest'}",
    "views": "transforms = Scale {20:18} : MultiViewCrop {12:10} : Mean {50}",
    "mean first": "transforms = Mean {10 : 20 : 30} : Scale {12:10}",
    "grey": "grayscale = true, transforms = Scale {12:10} : Mean {7}",
    "fractions": "transforms = Pad {3, value = 114.5} : Scale {12:10}",
}


def load(path: Path) -> Any:
    return torch.export.load(path).module()


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_outputs(name: str, tmp_path: Path) -> None:
    program = shipped(name)
    weights = random_weights(program, tmp_path / "w.safetensors")
    (path,) = netdsl.export(program, "exported-program", weights, out=tmp_path / "n.pt2", quiet=True)
    module, network = load(path), netdsl.load_weights(netdsl.compile(program), weights).eval()
    x = 255 * torch.rand(3, *program.network["features"].shape.dims)
    with torch.inference_mode():
        expected = network(x)
    assert (module(x)[0] - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("case", READERS)
def test_it_says_what_predict_says(case: str, tmp_path: Path) -> None:
    text = NETWORK.replace("COLORS", "1" if case == "grey" else "3").replace("READER", READERS[case])
    program = netdsl.check(Source("photos.net", text))
    weights = random_weights(program, tmp_path / "w.safetensors")
    (path,) = netdsl.export(program, "exported-program", weights, out=tmp_path / "n.pt2", quiet=True,
                            with_preprocessing=True, image_size=(47, 31))
    pixels = np.random.default_rng(2).integers(0, 256, (3, 31, 47, 3), dtype=np.uint8)
    names = []
    for number, image in enumerate(pixels):
        names.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image).save(names[-1])
    (shares,) = load(path)(torch.from_numpy(pixels))
    for answer, found in zip(netdsl.predict(program, names, weights, quiet=True, device="cpu"), shares, strict=True):
        expected = {guess.number: guess.share for guess in answer.values["z"].guesses}  # type: ignore[attr-defined]
        assert found.sum().item() == pytest.approx(1, abs=1e-5)
        # Of a few hundred pixels one may be rounded the other way by 1 of 255.
        assert [found[k].item() for k in range(3)] == pytest.approx([expected[k] for k in range(3)], abs=3e-4)


def page(**options: Any) -> str:
    with pytest.raises(Failure) as raised:
        netdsl.export(Source("photos.net", NETWORK.replace("COLORS", "3").replace("READER", READERS["crop"])),
                      "exported-program", untrained=True, quiet=True, **options)
    return str(raised.value).strip()


def test_the_size_of_images_has_to_be_known(tmp_path: Path) -> None:
    text = page(out=tmp_path / "n.pt2", with_preprocessing=True)
    assert text.startswith("error[wrong-arguments]: the size of the images is not known")
    assert "--image-size 640:480" in text
    assert "--image-size` is for" in page(out=tmp_path / "n.pt2", image_size=(10, 10))


def test_no_reader_no_preprocessing(tmp_path: Path) -> None:
    program = netdsl.check(Source("n.net", "network = { x = Input {4} ; z = LinearLayer {2} (x) ; outputNodes = z }"))
    with pytest.raises(Failure, match="no reader of images gives the input `x`"):
        netdsl.export(program, "exported-program", untrained=True, quiet=True, out=tmp_path / "n.pt2",
                      with_preprocessing=True)
