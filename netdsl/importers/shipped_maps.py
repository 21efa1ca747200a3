"""The table of maps that netdsl has: for the layouts of names that many files of weights have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ShippedMap:
    """A map by name: what it is of, which networks it is for, and its lines."""

    title: str
    networks: str
    text: str


def _resnet(block: str, convolutions: int) -> str:
    """torchvision's ResNet onto `lib/residual.net`: blocks of a stage are numbered from 0 there and from 1 here."""
    return f"""# torchvision's ResNet -> lib/residual.net ({convolutions} convolutions a block)
**.num_batches_tracked           -> nothing
conv1.weight                     -> model.stem.conv.weight
bn1.running_var                  -> model.stem.norm.running_variance
bn1.*                            -> model.stem.norm.{{1}}
layer*.*.conv*.weight            -> model.stage{{1}}.{block}{{2+1}}.main.conv{{3}}.weight
layer*.*.bn*.running_var         -> model.stage{{1}}.{block}{{2+1}}.main.norm{{3}}.running_variance
layer*.*.bn*.*                   -> model.stage{{1}}.{block}{{2+1}}.main.norm{{3}}.{{4}}
layer*.*.downsample.0.weight     -> model.stage{{1}}.{block}{{2+1}}.shortcut.conv.weight
layer*.*.downsample.1.running_var -> model.stage{{1}}.{block}{{2+1}}.shortcut.norm.running_variance
layer*.*.downsample.1.*          -> model.stage{{1}}.{block}{{2+1}}.shortcut.norm.{{3}}
fc.*                             -> model.fc.{{1}}
1                                -> **.running_count
"""


def _vgg(stacks: tuple[int, ...]) -> str:
    """torchvision numbers convolutions, activations and poolings of VGG in one row."""
    lines, place = ["# torchvision's VGG without batch normalization -> lib/vgg.net"], 0
    for stack, count in enumerate(stacks, 1):
        for convolution in range(1, count + 1):
            lines.append(f"features.{place}.* -> model.stack{stack}.layerStack1.convolution{convolution}.{{1}}")
            place += 2
        place += 1
    lines += [f"classifier.{place}.* -> model.head.{name}.{{1}}" for place, name in
              ((0, "fc6"), (3, "fc7"), (6, "fc8"))]
    return "\n".join(lines) + "\n"


_ALEXNET = "# torchvision's AlexNet: five convolutions and three dense layers\n" + "".join(
    f"{theirs}.* -> model.{ours}.{{1}}\n" for theirs, ours in (
        ("features.0", "conv1"), ("features.3", "conv2"), ("features.6", "conv3"), ("features.8", "conv4"),
        ("features.10", "conv5"), ("classifier.1", "fc6"), ("classifier.4", "fc7"), ("classifier.6", "fc8")))

SHIPPED_MAPS: dict[str, ShippedMap] = {
    "torchvision-resnet": ShippedMap("torchvision's ResNet-18 and -34", "resnet18_imagenet, resnet34_imagenet",
                                     _resnet("basicBlock", 2)),
    "torchvision-resnet50": ShippedMap("torchvision's ResNet-50, -101 and -152", "resnet50_imagenet",
                                       _resnet("bottleneckBlock", 3)),
    "torchvision-vgg16": ShippedMap("torchvision's VGG-16 without batch normalization", "vgg16_imagenet",
                                    _vgg((2, 2, 3, 3, 3))),
    "torchvision-vgg19": ShippedMap("torchvision's VGG-19 without batch normalization", "vgg19_imagenet",
                                    _vgg((2, 2, 4, 4, 4))),
    "torchvision-alexnet": ShippedMap(
        "torchvision's AlexNet", "alexnet_imagenet with torchvision's 64, 192, 384, 256, 256 filters", _ALEXNET),
}
