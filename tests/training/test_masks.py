"""Masks with pixels that have no class, through readers, networks, training and test; mixing of masks and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import netdsl
from netdsl.base.classes import NO_CLASS
from netdsl.base.source import Source
from netdsl.ir.program import Phase
from netdsl.layers.layer import Shape
from netdsl.readers.reader import SampleRng
from netdsl.training.data.mixing import mix
from netdsl.training.evaluation.inference import evaluate
from netdsl.training.loop import train

SIDE, CLASSES = 16, 3


def voc_like(folder: Path, count: int = 8, side: int = SIDE, classes: int = CLASSES) -> None:
    """Images with a thing of each class on the ground, outlined by 255; some samples have far more of it."""
    draw = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((side, side), np.uint8)
        kind, size = 1 + number % (classes - 1), side // 2
        top, left = draw.integers(1, side - size - 1, 2)
        mask[top - 1 : top + size + 1, left - 1 : left + size + 1] = 255
        mask[top : top + size, left : left + size] = kind
        if number % 3 == 0:
            mask[: side // 4] = 255
        image = np.where(mask == 255, 0, mask)[..., None] * 60 + draw.integers(0, 40, (side, side, 3))
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{number}.png")
        palette = Image.fromarray(mask, "P")
        palette.putpalette([0, 0, 0] * 256)
        palette.save(folder / "masks" / f"{number}.png")


def segmentation(folder: Path, sgd: str, labels: int = CLASSES, transforms: str = "") -> str:
    reader = f'ImageMasks {{"{folder}/images", "{folder}/masks", classes = {CLASSES}{transforms}}}'
    return f"""network = {{
        features = Input {{{SIDE}:{SIDE}:3}} ; labels = Input {{{SIDE}:{SIDE}:{labels}}}
        z = ConvolutionalLayer {{{CLASSES}, (3:3), pad = true}} (features / 256)
        ce = CrossEntropyWithSoftmax (labels, z, axis = 3) / ({SIDE} * {SIDE})
        errs = ClassificationError (labels, z, axis = 3) ; iou = IntersectionOverUnionError (labels, z, axis = 3)
        right = 1 - errs
        criterionNodes = ce ; evaluationNodes = errs : iou : right ; outputNodes = z
    }}
    reader = {{ train = {reader} ; test = {reader} }}
    SGD = {{ maxEpochs = 1 ; learningRate = 0.1 ; {sgd} }}"""


def checked(text: str) -> netdsl.CheckedProgram:
    return netdsl.check(Source("masks.net", text))


def by_hand(folder: Path, program: netdsl.CheckedProgram, run: Path) -> dict[str, float]:
    """ce, errs and iou of a run's network on the set, in plain torch with ignore_index."""
    module = netdsl.load_weights(netdsl.compile(program), run)
    files = sorted((folder / "images").iterdir())
    images = torch.from_numpy(np.stack([np.asarray(Image.open(file)) for file in files])).permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([np.asarray(Image.open(folder / "masks" / f.name)) for f in files])).long()
    with torch.no_grad():
        z = module(images)
    known, answer, ious = masks != 255, z.argmax(1), []
    for ours, theirs, there in zip(answer, masks, known, strict=True):
        pairs = [(ours[there] == c, theirs[there] == c) for c in range(CLASSES)]
        ious.append(float(np.mean([(a & b).sum().item() / (a | b).sum().item() for a, b in pairs if (a | b).any()])))
    return {"ce": torch.nn.functional.cross_entropy(z, masks, ignore_index=255, reduction="sum").item()
            / len(files) / SIDE**2,
            "errs": ((answer != masks) & known).sum().item() / known.sum().item(), "iou": 1 - float(np.mean(ious))}


@pytest.mark.parametrize("labels", [CLASSES, 1])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_void_pixels_are_left_out_whatever_the_minibatch(size: int, labels: int, tmp_path: Path) -> None:
    voc_like(tmp_path / "data")
    program = checked(segmentation(tmp_path / "data", f"minibatchSize = {size}", labels))
    result = train(program, out=tmp_path / "run", device="cpu")
    wanted = by_hand(tmp_path / "data", program, tmp_path / "run")
    assert result.test is not None
    assert {name: result.test[name] for name in wanted} == pytest.approx(wanted, rel=1e-5)
    assert result.test["right"] == pytest.approx(1 - wanted["errs"])
    found = evaluate(program, tmp_path / "run", phase="test")
    assert found.values["errs"] == pytest.approx(wanted["errs"])


@pytest.mark.parametrize("transforms", ["Rotate {30}", "RandomCrop {size = 16, pad = 4}", "Pad {2} : Scale {16:16}"])
def test_what_transforms_bring_in_has_no_class(transforms: str, tmp_path: Path) -> None:
    voc_like(tmp_path / "data")
    program = checked(segmentation(tmp_path / "data", "minibatchSize = 4", transforms=f", transforms = {transforms}"))
    result = train(program, out=tmp_path / "run", device="cpu")
    assert np.isfinite(list(result.train.values())).all()


def test_the_shipped_network_trains_on_masks_with_outlines(tmp_path: Path) -> None:
    for part in ("train", "test"):
        voc_like(tmp_path / part, 4, 72, 5)
    program = netdsl.check(netdsl.load("networks/fcn_segmentation.net", [
        f'dataDir="{tmp_path}"', "SGD.minibatchSize=2", "SGD.maxEpochs=1"]))
    result = train(program, out=tmp_path / "run", device="cpu")
    assert result.steps == 2
    assert np.isfinite(list((result.test or {}).values())).all()


# --- mixing -----------------------------------------------------------------------------------------------------

MIXUP, CUTMIX = torch.tensor([0.75, 0, 0, 0, 0]), torch.tensor([1, 0.0, 0.5, 0.0, 1.0])


def masks() -> torch.Tensor:
    return torch.tensor([[[0, 1], [2, NO_CLASS]], [[1, 1], [NO_CLASS, 0]]])


def test_masks_are_blended_pixel_by_pixel() -> None:
    shapes = {"features": Shape((3, 2, 2)), "labels": Shape((3, 2, 2))}
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    mixed = mix({"features": images, "labels": masks()}, MIXUP, shapes)
    one = torch.eye(3)
    torch.testing.assert_close(mixed["labels"][0, :, 0, 0], 0.75 * one[0] + 0.25 * one[1])
    torch.testing.assert_close(mixed["labels"][0, :, 1, 0], 0.75 * one[2])  # the other one has no class there
    torch.testing.assert_close(mixed["labels"][0, :, 1, 1], 0.25 * one[0])
    torch.testing.assert_close(mixed["features"][0], 0.75 * images[0] + 0.25 * images[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_cutmix_pastes_the_box_of_the_mask(channels: int) -> None:
    shapes = {"features": Shape((3, 2, 2)), "labels": Shape((channels, 2, 2))}
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    mixed = mix({"features": images, "labels": masks()}, CUTMIX, shapes)
    pasted = masks().clone()
    pasted[..., 0] = masks().flip(0)[..., 0]  # the left half of the other
    wanted = pasted[:, None].float() if channels == 1 else \
        torch.nn.functional.one_hot(pasted.clamp(min=0), 3).movedim(-1, 1) * (pasted != NO_CLASS)[:, None]
    torch.testing.assert_close(mixed["labels"], wanted.float())


def test_labels_of_two_classes_are_blended_as_numbers() -> None:
    mixed = mix({"features": torch.zeros(2, 3), "labels": torch.tensor([0, 1])}, MIXUP,
                {"features": Shape((3,)), "labels": Shape((1,))})
    torch.testing.assert_close(mixed["labels"], torch.tensor([[0.25], [0.75]]))
    binary = mix({"labels": torch.tensor([[[0, 1], [NO_CLASS, 0]], [[1, 1], [1, NO_CLASS]]])}, MIXUP,
                 {"labels": Shape((1, 2, 2))})
    torch.testing.assert_close(binary["labels"][0, 0], torch.tensor([[0.25, 1], [NO_CLASS, NO_CLASS]]))


def test_several_labels_are_blended_each_by_itself() -> None:
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
    mixed = mix({"labels": labels}, MIXUP, {"labels": Shape((3,))})
    torch.testing.assert_close(mixed["labels"][0], torch.tensor([0.75, 0, 1]))
    whole = mix({"labels": labels.long()}, MIXUP, {"labels": Shape((3,))})
    torch.testing.assert_close(whole["labels"], mixed["labels"])


@pytest.mark.parametrize("mixing", ["mixup = 0.4", "cutmix = 1", "mixup = 0.4 ; cutmix = 1"])
def test_segmentation_trains_with_mixing(mixing: str, tmp_path: Path) -> None:
    voc_like(tmp_path / "data")
    program = checked(segmentation(tmp_path / "data", f"minibatchSize = 4 ; {mixing}"))
    result = train(program, out=tmp_path / "run", device="cpu")
    assert np.isfinite(list(result.train.values())).all()


# --- other forms of masks ---------------------------------------------------------------------------------------


def test_masks_in_arrays(tmp_path: Path) -> None:
    voc_like(tmp_path / "data")
    files = sorted((tmp_path / "data" / "images").iterdir())
    np.save(tmp_path / "x.npy", np.stack([np.asarray(Image.open(file)) for file in files]))
    np.save(tmp_path / "y.npy", np.stack([np.asarray(Image.open(tmp_path / "data" / "masks" / f.name)) for f in files]))
    reader = f'NumPy {{"{tmp_path}/x.npy", "{tmp_path}/y.npy", layout = "HWC", targets = "mask"}}'
    text = segmentation(tmp_path / "data", "minibatchSize = 3")
    program = checked("".join([text[: text.index("reader =")], f"reader = {{ train = {reader} ; test = {reader} }}\n",
                               text[text.index("SGD ="):]]))
    result = train(program, out=tmp_path / "run", device="cpu")
    wanted = by_hand(tmp_path / "data", program, tmp_path / "run")
    assert {name: (result.test or {})[name] for name in wanted} == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("stored", "options"), [
    ((0, 1, 2, 255), ""), ((1, 2, 3, 0), ", void = 0, firstLabel = 1"), ((0, 1, 2, 11), ", void = 11")])
def test_other_numbers_for_no_class(stored: tuple[int, ...], options: str, tmp_path: Path) -> None:
    mask = np.array([[stored[3], stored[0]], [stored[1], stored[2]]], np.uint8)
    for name, array in (("images", np.zeros((2, 2, 3), np.uint8)), ("masks", mask)):
        (tmp_path / name).mkdir()
        Image.fromarray(array).save(tmp_path / name / "0.png")
    text = f"""network = {{ features = Input {{2:2:3}} ; labels = Input {{2:2:3}} ; outputNodes = labels }}
        reader = {{ train = ImageMasks {{"{tmp_path}/images", "{tmp_path}/masks", classes = 3{options}}} }}"""
    labels = checked(text).readers[Phase.TRAIN].open(False).batch([0], SampleRng()).arrays["labels"]
    assert labels.tolist() == [[[NO_CLASS, 0], [1, 2]]]


# --- one output -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("criterion", "compared"), [
    ("BinaryCrossEntropyWithSigmoid (labels, z)", "z"), ("BinaryCrossEntropy (labels, p)", "p"),
    ("SquareError (labels, z)", "z")])
def test_the_error_of_one_output_is_that_of_a_threshold(criterion: str, compared: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(60, 3)).astype(np.float32), draw.integers(0, 2, 60)
    rows = [",".join([*(f"{v:.6f}" for v in x), str(y)]) for x, y in zip(features, labels, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,spam", *rows]) + "\n")
    program = checked(f"""network = {{ features = Input {{3}} ; labels = Input {{1}}
        z = LinearLayer {{1}} (features) ; p = Sigmoid (z)
        ce = {criterion} ; errs = ClassificationError (labels, {compared})
        criterionNodes = ce ; evaluationNodes = errs ; outputNodes = {compared} }}
    reader = {{ train = CSV {{"{tmp_path}/t.csv"}} ; test = CSV {{"{tmp_path}/t.csv"}} }}
    SGD = {{ minibatchSize = 16 ; maxEpochs = 2 ; learningRate = 0.1 }}""")
    result = train(program, out=tmp_path / "run", device="cpu")
    module = netdsl.load_weights(netdsl.compile(program), result.checkpoint)
    with torch.no_grad():
        answer = module(torch.from_numpy(np.loadtxt(rows, np.float32, delimiter=",")[:, :3]))[:, 0] > (
            0.5 if compared == "p" else 0)
    assert result.test is not None
    assert result.test["errs"] == pytest.approx(float(np.mean(answer.numpy() != labels)))
