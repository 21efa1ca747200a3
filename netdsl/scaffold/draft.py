"""What a new file says: network, input, transforms and plan, by the images or by a well-known example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from .image_folder import ImageFolderFacts


@dataclass(frozen=True)
class FileDraft:
    """Everything that the text of a new file is made of."""

    like: str
    width: int
    height: int
    channels: int
    classes: int
    images: int  #: to train on
    minibatch: int
    epochs: int
    title: str
    data: str  #: the value of dataDir
    scaling: str  #: what brings the images' values to about -1..1
    reader: tuple[str, ...]  #: lines of the block; `normal` stands for `scaling`
    sgd: tuple[str, ...] = ()  #: more lines of the block
    reasons: tuple[tuple[str, str], ...] = ()  #: what was chosen, and why


#: What each kind is made for when there is no folder: input, data and sample.
_PRESETS = {
    "mlp": (28, 28, 1, "data/mnist"), "convnet": (32, 32, 3, "data/cifar10"), "resnet": (32, 32, 3, "data/cifar10"),
    "alexnet": (227, 227, 3, "data/imagenet"),
}
LIKE = tuple(_PRESETS)

_MNIST = ('train  = IDX {"$dataDir$/train-images-idx3-ubyte.gz", "$dataDir$/train-labels-idx1-ubyte.gz",',
          "              transforms = normal}",
          'test   = IDX {"$dataDir$/t10k-images-idx3-ubyte.gz", "$dataDir$/t10k-labels-idx1-ubyte.gz",',
          "              transforms = normal}",
          "sample = SampleMNIST {train = 4000, test = 1000}    # stands in while the data are not there")
_CIFAR = ('train  = CIFAR10 {array [1..5] (i => "$dataDir$/data_batch_$i$.bin"),',
          "                  transforms = RandomCrop {size = 32, pad = 4} : Flip {} : normal}",
          'test   = CIFAR10 {"$dataDir$/test_batch.bin", transforms = normal}',
          "sample = SampleCIFAR10 {train = 2000, test = 500}    # stands in while the data are not there")
_PHOTOS = ('train  = ImageFolder {"$dataDir$/train", labelDim = 1000,',
           "                      transforms = RandomCrop {sideRatio = 0.8:1} : Flip {} : Scale {227:227} : normal}",
           'test   = ImageFolder {"$dataDir$/val", labelDim = 1000,',
           "                      transforms = CenterCrop {sideRatio = 0.887} : Scale {227:227} : normal}",
           "sample = SampleImages {classes = 8, perClass = 24}    # stands in while the data are not there")


_KINDS = {"mlp": "A multi-layer perceptron", "convnet": "A convolutional network", "resnet": "A residual network",
          "alexnet": "AlexNet"}


def choose_draft(like: str) -> FileDraft:
    """A file for well-known data: `mlp` on MNIST, `convnet` and `resnet` on CIFAR-10, `alexnet` on ImageNet."""
    width, height, channels, data = _PRESETS[like]
    classes = 1000 if like == "alexnet" else 10
    reader = {"mlp": _MNIST, "alexnet": _PHOTOS}.get(like, _CIFAR)
    where = {"mlp": "MNIST", "alexnet": "photos of 1000 classes"}.get(like, "CIFAR-10")
    epochs = {"mlp": 20, "convnet": 40, "resnet": 60, "alexnet": 90}[like]
    small = "maxEpochs = 6; minibatchSize = 16" if like == "alexnet" else "maxEpochs = 3"
    scaling = "Mean {114}" if like == "alexnet" else "Normalize {range = -1:1}"
    title = f"{_KINDS[like]} on {where}"
    return FileDraft(like, width, height, channels, classes, 50_000, 64, epochs, title, data, scaling, reader, (
        f"sample        = {{ {small} }}    # while the sample stands in for the data",))


def draft_from_file(found: ImageFolderFacts, like: str | None = None) -> FileDraft:
    """A file for a folder of images; `reasons` says what was chosen and why."""
    reasons = [("classes", f"{len(found.classes)}, the sub-folders of {found.split['train']}")]
    kind, why = (like, "as asked") if like is not None else _kind(found)
    reasons.append(("network", f"{kind}: {why}"))
    (width, height), why = _side(found, kind)
    channels = 1 if found.grey else 3
    reasons.append(("input", f"{width} x {height} x {channels}: {why}"))
    reader, sgd, data_reasons = _reader(found, width, height)
    minibatch = 2 ** max(3, min(6, int(math.log2(max(8, found.count / 20)))))
    epochs = max(10, min(60, 60_000 // found.count))
    reasons += [*data_reasons,
                ("plan", f"minibatches of {minibatch}, {epochs} epochs: there are {found.count:,} images to train on")]
    reasons += _odd_files(found)
    if found.smallest < 20:
        reasons.append(("note", f"the smallest class has {found.smallest} images; expect little of so few"))
    scaling = f"Normalize {{{_numbers(found.mean)}, {_numbers(found.deviation)}, range = 0:1}}"
    title = f"{_KINDS[kind]} for the images in {found.folder.name or found.folder}"
    return FileDraft(kind, width, height, channels, len(found.classes), found.count, minibatch, epochs, title,
                 found.folder.as_posix(), scaling, reader, sgd, tuple(reasons))


def _odd_files(found: ImageFolderFacts) -> list[tuple[str, str]]:
    """What to tell of files that are not as they should be."""
    told = []
    if found.skipped:
        told.append(("skipped", f"{found.skipped}: {found.cure}"))
    if found.broken:
        first = found.broken[0]
        which = ", ".join(error.path for error in found.broken[:3]) + (", ..." if len(found.broken) > 3 else "")
        told.append(("broken", f"{len(found.broken)} of {found.looked_at} images looked at: {which} ({first.title}); "
                               f"`maxErrors` lets them be skipped"))
    if found.turned:
        told.append(("turned", "photos are stored turned; `applyExifOrientation` puts them upright, as viewers do"))
    if found.value_range is not None:
        told.append(("scale", f"the stored values {_range_text(found.value_range)} become 0 to 255 (`valueRange`), "
                              f"by the {found.looked_at} images looked at"))
    told += [("not used", f"{folder}: it has no class folders") for folder in found.unused]
    return told


def _range_text(value_range: tuple[float, float]) -> str:
    return ":".join(f"{value:.6g}" for value in value_range)


def _tolerated(found: ImageFolderFacts) -> int:
    """How many broken images to allow: twice the share of those looked at, 10 at least."""
    return max(10, math.ceil(2 * len(found.broken) / found.looked_at * found.count))


def _kind(found: ImageFolderFacts) -> tuple[str, str]:
    if min(found.width, found.height) < 96:
        return "convnet", f"the images are small ({found.width} x {found.height})"
    if found.count < 20_000:
        return "resnet", f"photos ({found.width} x {found.height}), and {found.count:,} are few for a larger network"
    return "resnet", f"{found.count:,} photos ({found.width} x {found.height})"


def _side(found: ImageFolderFacts, kind: str) -> tuple[tuple[int, int], str]:
    """Width and height of the network's input."""
    size = f"{found.width} x {found.height}"
    if kind == "alexnet":
        small = "; the images are smaller and get enlarged" if min(found.width, found.height) < 227 else ""
        return (227, 227), f"what AlexNet was made for{small}"
    if kind == "mlp":
        side = min(32, found.width, found.height)
        return (side, side), f"the images are {size}; more pixels only make the first layer larger"
    if found.same_size and max(found.width, found.height) <= 96:
        return (found.width, found.height), f"all images are {size}"
    if found.count < 5000:
        most, why = 128, f"with {found.count:,} images, details beyond that are learned by heart"
    else:
        most, why = 224, "the usual size for photos"
    side = max(32, min(most, min(found.width, found.height) // 32 * 32))
    return (side, side), f"the images are about {size}; {why}" if side == most else f"the images are about {size}"


def _reader(found: ImageFolderFacts, width: int, height: int
            ) -> tuple[tuple[str, ...], tuple[str, ...], list[tuple[str, str]]]:
    """Lines of the reader block, further lines of the training block, and the reasons."""
    if found.same_size and (found.width, found.height) == (width, height):
        training = f"RandomCrop {{size = {_extents(width, height)}, pad = {max(1, width // 8)}}} : Flip {{}} : normal"
        testing, why = "normal", "crops shifted by up to an eighth, and mirror images"
    else:
        crop = "RandomCrop {areaRatio = 0.3:1, aspectRatio = 0.75:1}"
        training = f"{crop} : Flip {{}} : Scale {{{width}:{height}}} : normal"
        testing = f"CenterCrop {{}} : Scale {{{width}:{height}}} : normal"
        why = "crops of 30 to 100 % of the area, and mirror images; in tests the square in the middle"
    options = (", grayscale = true" if found.grey else "") + \
        (", applyExifOrientation = true" if found.turned else "") + \
        (f", valueRange = {_range_text(found.value_range)}" if found.value_range is not None else "") + \
        (f", maxErrors = {_tolerated(found)}" if found.broken else "")
    folders = {phase: _below(found.folder, path) for phase, path in found.split.items()}
    lines: list[str] = []
    for phase, folder in folders.items():
        lines += [f'{phase:10} = ImageFolder {{"{folder}"{options},',
                  f"                          transforms = {training if phase == 'train' else testing}}}"]
    reasons = [("transforms", f"{why}; take Flip out where left and right matter"),
               ("values", f"mean and deviation of {found.looked_at - len(found.broken)} of the images")]
    if len(folders) > 1:
        judges = [str(found.split[phase]) for phase in folders if phase != "train"]
        return tuple(lines), (), [*reasons, ("judged by", ", ".join(judges))]
    held_out = ("validation    = 0.2    # the share of the images that is held out",)
    reasons.append(("judged by", "a fifth of the images, held out: there is no folder for it"))
    return tuple(lines), held_out, reasons


def _below(folder: Path, inner: Path) -> str:
    return "$dataDir$" if inner == folder else f"$dataDir$/{inner.relative_to(folder).as_posix()}"


def _numbers(values: tuple[float, ...]) -> str:
    return ":".join(f"{value:.3f}" for value in values)


def _extents(width: int, height: int) -> str:
    return str(width) if width == height else f"{width}:{height}"
