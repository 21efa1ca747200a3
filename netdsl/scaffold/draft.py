"""What a new file says: network, input, transforms and plan, by the images or by a well-known example.

The texts are in `templates/`; here is what is filled in, and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from .image_folder import ImageFolderFacts
from .new_file import filled


@dataclass(frozen=True)
class FileDraft:
    """A file to be: the values of its template, and what was chosen and why."""

    like: str
    title: str
    values: dict[str, str]
    epochs: int
    images: int  #: to train on
    reasons: tuple[tuple[str, str], ...] = ()
    is_fitted: bool = False  #: to a folder of images; its plan may be fitted to the machine

    def text(self, name: str) -> str:
        """The text of the file, in the one canonical style."""
        return filled("file", name=name, title=self.title, epochs=str(self.epochs), **self.values)

    def with_time(self, epoch_seconds: float) -> FileDraft:
        """As many epochs as end within MINUTES on this machine, within reason."""
        if not self.is_fitted:
            return self
        return replace(self, epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, int(60 * MINUTES / epoch_seconds))))


#: How long the plan for a folder of images takes at most, if that leaves it enough epochs to learn something.
MINUTES = 10
_FEWEST_EPOCHS, _MOST_EPOCHS = 10, 40


@dataclass(frozen=True)
class _Preset:
    """A network on well-known data: its input, and the number of images and classes there."""

    title: str
    width: int
    channels: int
    data: str
    reader: str
    epochs: int
    rate: float
    images: int
    classes: int = 10
    scaling: str = "Normalize {range = -1:1}"
    sample: str = "maxEpochs = 3"


_PRESETS = {
    "mlp": _Preset("A multi-layer perceptron on MNIST", 28, 1, "data/mnist", "mnist", 20, 0.05, 60_000),
    "convnet": _Preset("A convolutional network on CIFAR-10", 32, 3, "data/cifar10", "cifar", 40, 0.1, 50_000),
    "resnet": _Preset("A residual network on CIFAR-10", 32, 3, "data/cifar10", "cifar", 60, 0.1, 50_000),
    "alexnet": _Preset("AlexNet on photos of 1000 classes", 227, 3, "data/imagenet", "imagenet", 90, 0.01, 1_281_167,
                       1000, "Mean {114}", "maxEpochs = 6; minibatchSize = 16"),
}
LIKE = tuple(_PRESETS)

_KINDS = {"mlp": "A multi-layer perceptron", "convnet": "A convolutional network", "resnet": "A residual network",
          "alexnet": "AlexNet"}
#: Highest rates for AdamW: perceptrons and large dense layers want smaller ones.
_ADAM_RATES = {"mlp": 0.001, "convnet": 0.003, "resnet": 0.003, "alexnet": 0.0003}


def choose_draft(like: str) -> FileDraft:
    """A file for well-known data: `mlp` on MNIST, `convnet` and `resnet` on CIFAR-10, `alexnet` on ImageNet."""
    preset = _PRESETS[like]
    values = {**_shape(preset.width, preset.width, preset.channels, preset.classes), "data": preset.data,
              "scaling": preset.scaling, "network": _network(like, preset.width, preset.width),
              "reader": filled(preset.reader), "minibatch": "64",
              "rule": filled("sgd", rate=f"{preset.rate:g}", sample=preset.sample)}
    return FileDraft(like, preset.title, values, preset.epochs, preset.images)


def draft_from_file(found: ImageFolderFacts, like: str | None = None) -> FileDraft:
    """A file for a folder of images; `reasons` says what was chosen and why."""
    reasons = [("classes", f"{len(found.classes)}, the sub-folders of {found.split['train']}")]
    kind, why = (like, "as asked") if like is not None else _kind(found)
    reasons.append(("network", f"{kind}: {why}"))
    (width, height), why = _side(found, kind)
    channels = 1 if found.grey else 3
    reasons.append(("input", f"{width} x {height} x {channels}: {why}"))
    reader, held_out, data_reasons = _reader(found, width, height)
    minibatch = _minibatch(found.count)
    reasons += [*data_reasons, ("minibatch", f"{minibatch} images: about {math.ceil(found.count / minibatch):,} "
                                             f"updates in an epoch of {found.count:,}")]
    reasons += _odd_files(found)
    if found.smallest < 20:
        reasons.append(("note", f"the smallest class has {found.smallest} images; expect little of so few"))
    values = {**_shape(width, height, channels, len(found.classes)), "data": found.folder.as_posix(),
              "scaling": f"Normalize {{{_numbers(found.mean)}, {_numbers(found.deviation)}, range = 0:1}}",
              "network": _network(kind, width, height),
              "reader": reader, "minibatch": str(minibatch),
              "rule": filled("adamw", rate=f"{_ADAM_RATES[kind]:g}", validation=held_out)}
    title = f"{_KINDS[kind]} for the images in {found.folder.name or found.folder}"
    return FileDraft(kind, title, values, 20, found.count, tuple(reasons), is_fitted=True)


def _minibatch(count: int) -> int:
    """A power of two that makes about 60 updates of an epoch, 8 to 64; of very few images not more than a third."""
    size: int = 2 ** max(3, min(6, int(math.log2(max(8, count / 60)))))
    while size > max(1, count / 3):
        size //= 2
    return size


def _shape(width: int, height: int, channels: int, classes: int) -> dict[str, str]:
    return {"width": str(width), "height": str(height), "channels": str(channels), "classes": str(classes)}


def _network(kind: str, width: int, height: int) -> str:
    """The lines of the network."""
    side = min(width, height)
    stages = max(1, min(5, int(math.log2(max(2, side // 4)))))
    steps = " : ".join(f"stage{number} := Stage {{{min(256, 16 * 2**number)}}}" for number in range(1, stages + 1))
    stem = "Conv {filters, (3:3)" + (", stride = 2" if side >= 64 else "") + "} : Norm {} : ReLU"
    if side >= 160:
        stem += " : MaxPoolingLayer {(3:3), stride = 2, pad = true}"
    filters = "16" if side < 160 else "32"
    return filled(kind, stages=steps, stem=f"stem := {stem}", filters=filters)


def _odd_files(found: ImageFolderFacts) -> list[tuple[str, str]]:
    """What to tell of files that are not as they should be."""
    told = []
    if found.skipped:
        told.append(("skipped", f"{found.skipped}: {found.suggestion}"))
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
        most, why = 64, f"{found.count:,} images teach no finer details, and small ones are quick to learn from"
    elif found.count < 20_000:
        most, why = 128, f"{found.count:,} images teach few details beyond that"
    else:
        most, why = 224, "the usual size for photos"
    side = max(32, min(most, min(found.width, found.height) // 32 * 32))
    return (side, side), f"the images are about {size}; {why}" if side == most else f"the images are about {size}"


def _reader(found: ImageFolderFacts, width: int, height: int) -> tuple[str, str, list[tuple[str, str]]]:
    """Lines of the reader block, a further line of the training block, and the reasons."""
    if found.same_size and (found.width, found.height) == (width, height):
        training = f"RandomCrop {{size = {_extents(width, height)}, pad = {max(1, width // 8)}}} : Flip {{}} : normal"
        testing, why = "normal", "crops shifted by up to an eighth, and mirror images"
    else:
        least = 0.5 if found.count < 5000 else 0.3
        crop = f"RandomCrop {{areaRatio = {least}:1, aspectRatio = 0.75:1}}"
        training = f"{crop} : Flip {{}} : Scale {{{width}:{height}}} : normal"
        testing = f"CenterCrop {{}} : Scale {{{width}:{height}}} : normal"
        why = f"crops of {100 * least:.0f} to 100 % of the area, and mirror images; in tests the square in the middle"
    options = (", grayscale = true" if found.grey else "") + \
        (", applyExifOrientation = true" if found.turned else "") + \
        (f", valueRange = {_range_text(found.value_range)}" if found.value_range is not None else "") + \
        (f", maxErrors = {_tolerated(found)}" if found.broken else "")
    lines = [filled("folder", phase=phase, path=_below(found.folder, path), options=options,
                    transforms=training if phase == "train" else testing) for phase, path in found.split.items()]
    reasons = [("transforms", f"{why}; take Flip out where left and right matter"),
               ("values", f"mean and deviation of {found.looked_at - len(found.broken)} of the images")]
    if len(found.split) > 1:
        evaluates = [str(folder) for phase, folder in found.split.items() if phase != "train"]
        return "".join(lines), "", [*reasons, ("measured on", ", ".join(evaluates))]
    reasons.append(("measured on", "a fifth of the images, held out: there is no folder for it"))
    return "".join(lines), "validation    = 0.2    # the share of the images that is held out", reasons


def _below(folder: Path, inner: Path) -> str:
    return "$dataDir$" if inner == folder else f"$dataDir$/{inner.relative_to(folder).as_posix()}"


def _numbers(values: tuple[float, ...]) -> str:
    return ":".join(f"{value:.3f}" for value in values)


def _extents(width: int, height: int) -> str:
    return str(width) if width == height else f"{width}:{height}"
