"""Published architectures as nets of Caffe, written by functions of our own, with random weights for each blob.

The shapes are followed by Caffe's rules here as well (not by the importer's code), since blobs need them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

Blob = np.ndarray[Any, Any]


@dataclass
class Net:
    """A net that is being written: its text, its blobs, and the shape of each blob of numbers (C, H, W)."""

    name: str
    shape: tuple[int, ...]
    text: str = ""
    weights: list[tuple[str, str, list[Blob]]] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)

    #: False: blobs have their shapes and no numbers of their own.
    draws: ClassVar[bool] = True

    def __post_init__(self) -> None:
        dims = " ".join(f"dim: {extent}" for extent in (1, *self.shape))
        self.text = f'name: "{self.name}"\nlayer {{\n  name: "data"\n  type: "Input"\n  top: "data"\n' \
                    f"  input_param {{ shape: {{ {dims} }} }}\n}}\n"
        self.shapes["data"] = self.shape
        self._draw = np.random.default_rng(len(self.name))

    @property
    def numbers(self) -> int:
        return sum(blob.size for _, _, blobs in self.weights for blob in blobs)

    def layer(self, name: str, kind: str, bottoms: Sequence[str], top: str, shape: tuple[int, ...], options: str = "",
              blobs: Sequence[Blob] = ()) -> str:
        lines = [f'  name: "{name}"', f'  type: "{kind}"', *(f'  bottom: "{bottom}"' for bottom in bottoms),
                 f'  top: "{top}"', *([f"  {options}"] if options else [])]
        self.text += "layer {\n" + "\n".join(lines) + "\n}\n"
        self.shapes[top] = shape
        self.layers.append(name)
        if blobs:
            self.weights.append((name, kind, list(blobs)))
        return top

    def _normal(self, *shape: int, deviation: float = 1.0) -> Blob:
        if not self.draws:
            return np.broadcast_to(np.float32(0), shape)
        return self._draw.standard_normal(shape, np.float32) * np.float32(deviation)

    # --- layers ----------------------------------------------------------------------------------------

    def conv(self, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1, pad: int = 0, group: int = 1,
             bias: bool = True) -> str:
        channels, height, width = self.shapes[bottom]
        weight = self._normal(outputs, channels // group, kernel, kernel,
                              deviation=math.sqrt(2 / (channels // group * kernel * kernel)))
        options = f"convolution_param {{ num_output: {outputs} kernel_size: {kernel}"
        options += f" stride: {stride}" * (stride > 1) + f" pad: {pad}" * (pad > 0) + f" group: {group}" * (group > 1)
        options += " bias_term: false" * (not bias) + " }"
        shape = (outputs, *((extent + 2 * pad - kernel) // stride + 1 for extent in (height, width)))
        return self.layer(name, "Convolution", [bottom], name, shape, options,
                          [weight, *([self._normal(outputs, deviation=0.1)] if bias else [])])

    def dense(self, name: str, bottom: str, outputs: int) -> str:
        inputs = math.prod(self.shapes[bottom])
        return self.layer(name, "InnerProduct", [bottom], name, (outputs,),
                          f"inner_product_param {{ num_output: {outputs} }}",
                          [self._normal(outputs, inputs, deviation=math.sqrt(2 / inputs)),
                           self._normal(outputs, deviation=0.1)])

    def relu(self, name: str, bottom: str, kind: str = "ReLU") -> str:
        return self.layer(name, kind, [bottom], bottom, self.shapes[bottom])

    def dropout(self, name: str, bottom: str) -> str:
        return self.layer(name, "Dropout", [bottom], bottom, self.shapes[bottom],
                          "dropout_param { dropout_ratio: 0.5 }")

    def lrn(self, name: str, bottom: str) -> str:
        return self.layer(name, "LRN", [bottom], name, self.shapes[bottom],
                          "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def pool(self, name: str, bottom: str, kernel: int = 3, stride: int = 2, pad: int = 0, kind: str = "MAX") -> str:
        channels, *extents = self.shapes[bottom]
        counts = []
        for extent in extents:
            count = math.ceil((extent + 2 * pad - kernel) / stride) + 1
            counts.append(count - (pad > 0 and (count - 1) * stride >= extent + pad))
        return self.layer(name, "Pooling", [bottom], name, (channels, *counts),
                          f"pooling_param {{ pool: {kind} kernel_size: {kernel} stride: {stride}"
                          + f" pad: {pad}" * (pad > 0) + " }")

    def global_pool(self, name: str, bottom: str) -> str:
        return self.layer(name, "Pooling", [bottom], name, (self.shapes[bottom][0], 1, 1),
                          "pooling_param { pool: AVE global_pooling: true }")

    def norm(self, name: str, scale: str, bottom: str) -> str:
        """BatchNorm and Scale in place. The file holds sums; the third blob divides them."""
        channels, factor = self.shapes[bottom][0], np.float32(3.0)
        mean, variance = self._normal(channels, deviation=0.1), self._draw.uniform(0.5, 2, channels).astype(np.float32)
        self.layer(name, "BatchNorm", [bottom], bottom, self.shapes[bottom], "batch_norm_param { eps: 1e-05 }",
                   [mean * factor, variance * factor, np.array([factor])])
        return self.layer(scale, "Scale", [bottom], bottom, self.shapes[bottom], "scale_param { bias_term: true }",
                          [self._draw.uniform(0.5, 1.5, channels).astype(np.float32),
                           self._normal(channels, deviation=0.1)])

    def concat(self, name: str, bottoms: Sequence[str]) -> str:
        channels = sum(self.shapes[bottom][0] for bottom in bottoms)
        return self.layer(name, "Concat", bottoms, name, (channels, *self.shapes[bottoms[0]][1:]))

    def add(self, name: str, bottoms: Sequence[str]) -> str:
        return self.layer(name, "Eltwise", bottoms, name, self.shapes[bottoms[0]])

    def softmax(self, name: str, bottom: str) -> str:
        return self.layer(name, "Softmax", [bottom], name, self.shapes[bottom])


# --- files ------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field_bytes(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format that has a length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def blob_bytes(blob: Blob) -> bytes:
    return field_bytes(7, field_bytes(1, b"".join(map(_varint, blob.shape)))) + \
        field_bytes(5, np.ascontiguousarray(blob, "<f4").tobytes())


def write_caffemodel(path: Path, weights: Sequence[tuple[str, str, Sequence[Blob]]], name: str = "net") -> Path:
    """A binary net with its weights, as Caffe writes one today: layers in field 100."""
    with path.open("wb") as file:
        file.write(field_bytes(1, name.encode()))
        for layer, kind, blobs in weights:
            content = field_bytes(1, layer.encode()) + field_bytes(2, kind.encode())
            file.write(field_bytes(100, content + b"".join(field_bytes(7, blob_bytes(blob)) for blob in blobs)))
    return path


# --- architectures ----------------------------------------------------------------------------------------


def lenet(size: int = 28) -> Net:
    """LeCun et al. 1998, as Caffe's example of MNIST has it."""
    net = Net("LeNet", (1, size, size))
    x = net.pool("pool1", net.conv("conv1", "data", 20, 5), 2)
    x = net.pool("pool2", net.conv("conv2", x, 50, 5), 2)
    x = net.relu("relu1", net.dense("ip1", x, 500))
    net.softmax("prob", net.dense("ip2", x, 10))
    return net


def alexnet(norm_first: bool = True) -> Net:
    """Krizhevsky et al. 2012 in two groups; CaffeNet pools before it normalizes."""
    net = Net("AlexNet" if norm_first else "CaffeNet", (3, 227, 227))
    x = "data"
    for number, (outputs, kernel, stride, pad, group) in enumerate(((96, 11, 4, 0, 1), (256, 5, 1, 2, 2)), 1):
        x = net.relu(f"relu{number}", net.conv(f"conv{number}", x, outputs, kernel, stride, pad, group))
        if norm_first:
            x = net.pool(f"pool{number}", net.lrn(f"norm{number}", x))
        else:
            x = net.lrn(f"norm{number}", net.pool(f"pool{number}", x))
    for number, outputs, group in ((3, 384, 1), (4, 384, 2), (5, 256, 2)):
        x = net.relu(f"relu{number}", net.conv(f"conv{number}", x, outputs, 3, 1, 1, group))
    x = net.pool("pool5", x)
    for number in (6, 7):
        x = net.dropout(f"drop{number}", net.relu(f"relu{number}", net.dense(f"fc{number}", x, 4096)))
    net.softmax("prob", net.dense("fc8", x, 1000))
    return net


def caffenet() -> Net:
    return alexnet(norm_first=False)


def vgg16() -> Net:
    """Simonyan and Zisserman 2014, configuration D."""
    net, x = Net("VGG16", (3, 224, 224)), "data"
    for stage, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for number in range(1, count + 1):
            x = net.relu(f"relu{stage}_{number}", net.conv(f"conv{stage}_{number}", x, outputs, 3, 1, 1))
        x = net.pool(f"pool{stage}", x, 2)
    for number in (6, 7):
        x = net.dropout(f"drop{number}", net.relu(f"relu{number}", net.dense(f"fc{number}", x, 4096)))
    net.softmax("prob", net.dense("fc8", x, 1000))
    return net


def googlenet(size: int = 224) -> Net:
    """Szegedy et al. 2014, without the auxiliary classifiers. Names with slashes, as published."""
    net = Net("GoogLeNet", (3, size, size))

    def conv(name: str, relu: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
        return net.relu(relu, net.conv(name, bottom, outputs, kernel, stride, kernel // 2))

    def inception(name: str, bottom: str, one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> str:
        branches = [conv(f"{name}/1x1", f"{name}/relu_1x1", bottom, one, 1)]
        for kernel, (reduce, outputs) in ((3, three), (5, five)):
            part = f"{kernel}x{kernel}"
            x = conv(f"{name}/{part}_reduce", f"{name}/relu_{part}_reduce", bottom, reduce, 1)
            branches.append(conv(f"{name}/{part}", f"{name}/relu_{part}", x, outputs, kernel))
        x = net.pool(f"{name}/pool", bottom, 3, 1, 1)
        branches.append(conv(f"{name}/pool_proj", f"{name}/relu_pool_proj", x, pool, 1))
        return net.concat(f"{name}/output", branches)

    x = net.pool("pool1/3x3_s2", conv("conv1/7x7_s2", "conv1/relu_7x7", "data", 64, 7, 2))
    x = conv("conv2/3x3_reduce", "conv2/relu_3x3_reduce", net.lrn("pool1/norm1", x), 64, 1)
    x = net.pool("pool2/3x3_s2", net.lrn("conv2/norm2", conv("conv2/3x3", "conv2/relu_3x3", x, 192, 3)))
    x = inception("inception_3a", x, 64, (96, 128), (16, 32), 32)
    x = net.pool("pool3/3x3_s2", inception("inception_3b", x, 128, (128, 192), (32, 96), 64))
    x = inception("inception_4a", x, 192, (96, 208), (16, 48), 64)
    x = inception("inception_4b", x, 160, (112, 224), (24, 64), 64)
    x = inception("inception_4c", x, 128, (128, 256), (24, 64), 64)
    x = inception("inception_4d", x, 112, (144, 288), (32, 64), 64)
    x = net.pool("pool4/3x3_s2", inception("inception_4e", x, 256, (160, 320), (32, 128), 128))
    x = inception("inception_5a", x, 256, (160, 320), (32, 128), 128)
    x = inception("inception_5b", x, 384, (192, 384), (48, 128), 128)
    x = net.dropout("pool5/drop_7x7_s1", net.pool("pool5/7x7_s1", x, net.shapes[x][1], 1, kind="AVE"))
    net.softmax("prob", net.dense("loss3/classifier", x, 1000))
    return net


def squeezenet(size: int = 227) -> Net:
    """Iandola et al. 2016, version 1.1."""
    net = Net("SqueezeNet", (3, size, size))
    x = net.pool("pool1", net.relu("relu_conv1", net.conv("conv1", "data", 64, 3, 2)))
    for number, (squeeze, expand, pooled) in enumerate((
            (16, 64, False), (16, 64, True), (32, 128, False), (32, 128, True), (48, 192, False), (48, 192, False),
            (64, 256, False), (64, 256, False)), 2):
        name = f"fire{number}"
        x = net.relu(f"{name}/relu_squeeze1x1", net.conv(f"{name}/squeeze1x1", x, squeeze, 1))
        x = net.concat(f"{name}/concat", [
            net.relu(f"{name}/relu_expand1x1", net.conv(f"{name}/expand1x1", x, expand, 1)),
            net.relu(f"{name}/relu_expand3x3", net.conv(f"{name}/expand3x3", x, expand, 3, 1, 1))])
        x = net.pool(f"pool{number}", x) if pooled else x
    x = net.relu("relu_conv10", net.conv("conv10", net.dropout("drop9", x), 1000, 1))
    net.softmax("prob", net.global_pool("pool10", x))
    return net


def nin() -> Net:
    """Lin et al. 2013, for ImageNet."""
    net, x = Net("NIN", (3, 224, 224)), "data"
    for number, (name, outputs, inner, kernel, stride, pad) in enumerate((
            ("conv1", 96, 96, 11, 4, 0), ("conv2", 256, 256, 5, 1, 2), ("conv3", 384, 384, 3, 1, 1),
            ("conv4-1024", 1024, 1024, 3, 1, 1))):
        x = net.relu(f"relu{3 * number}", net.conv(name, x, outputs, kernel, stride, pad))
        x = net.relu(f"relu{3 * number + 1}", net.conv(f"cccp{2 * number + 1}", x, inner, 1))
        x = net.relu(f"relu{3 * number + 2}", net.conv(f"cccp{2 * number + 2}", x, 1000 if number == 3 else inner, 1))
        if number < 3:
            x = net.pool(f"pool{number + 1}", x)
            x = net.dropout("drop", x) if number == 2 else x
    net.softmax("prob", net.global_pool("pool4", x))
    return net


def resnet50(size: int = 224) -> Net:
    """He et al. 2015, the stride in the first convolution of a block; conv1 has a bias, as published."""
    net = Net("ResNet-50", (3, size, size))

    def conv(ending: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
        x = net.conv(f"res{ending}", bottom, outputs, kernel, stride, kernel // 2, bias=False)
        return net.norm(f"bn{ending}", f"scale{ending}", x)

    x = net.norm("bn_conv1", "scale_conv1", net.conv("conv1", "data", 64, 7, 2, 3))
    x = net.pool("pool1", net.relu("conv1_relu", x))
    for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 2):
        for index in range(count):
            block, stride = f"{stage}{'abcdef'[index]}", 2 if index == 0 and stage > 2 else 1
            short = conv(f"{block}_branch1", x, 4 * width, 1, stride) if index == 0 else x
            y = net.relu(f"res{block}_branch2a_relu", conv(f"{block}_branch2a", x, width, 1, stride))
            y = net.relu(f"res{block}_branch2b_relu", conv(f"{block}_branch2b", y, width, 3))
            y = conv(f"{block}_branch2c", y, 4 * width, 1)
            x = net.relu(f"res{block}_relu", net.add(f"res{block}", [short, y]))
    x = net.pool("pool5", x, net.shapes[x][1], 1, kind="AVE")
    net.softmax("prob", net.dense("fc1000", x, 1000))
    return net


def mobilenet(size: int = 224) -> Net:
    """Howard et al. 2017: depthwise convolutions are convolutions with as many groups as maps."""
    net = Net("MobileNet", (3, size, size))

    def conv(name: str, bottom: str, outputs: int, kernel: int, stride: int = 1, group: int = 1) -> str:
        x = net.conv(name, bottom, outputs, kernel, stride, kernel // 2, group, bias=False)
        return net.relu(f"relu_{name}", net.norm(f"{name}/bn", f"{name}/scale", x))

    x = conv("conv1", "data", 32, 3, 2)
    names = ["2_1", "2_2", "3_1", "3_2", "4_1", "4_2", *(f"5_{number}" for number in range(1, 7)), "6"]
    widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for name, width in zip(names, widths, strict=True):
        halves = name in ("2_2", "3_2", "4_2", "5_6")
        channels = net.shapes[x][0]
        x = conv(f"conv{name}/sep", conv(f"conv{name}/dw", x, channels, 3, 2 if halves else 1, channels), width, 1)
    net.softmax("prob", net.conv("fc7", net.global_pool("pool6", x), 1000, 1))
    return net


def mobilenet_v2(size: int = 224) -> Net:
    """Sandler et al. 2018: narrow blobs between the blocks, and skips over blocks of stride 1."""
    net = Net("MobileNetV2", (3, size, size))

    def conv(name: str, bottom: str, outputs: int, kernel: int, stride: int = 1, group: int = 1, relu: bool = True
             ) -> str:
        x = net.conv(name, bottom, outputs, kernel, stride, kernel // 2, group, bias=False)
        x = net.norm(f"{name}/bn", f"{name}/scale", x)
        return net.relu(f"relu_{name}", x) if relu else x

    x, block = conv("conv1", "data", 32, 3, 2), 0
    for expand, outputs, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                           (6, 160, 3, 2), (6, 320, 1, 1)):
        for index in range(count):
            name, before, width = f"block{block}", x, net.shapes[x][0] * expand
            y = conv(f"{name}/expand", x, width, 1)
            y = conv(f"{name}/dwise", y, width, 3, stride if index == 0 else 1, width)
            x = conv(f"{name}/linear", y, outputs, 1, relu=False)
            x = net.add(f"{name}/sum", [before, x]) if index else x
            block += 1
    x = net.global_pool("pool6", conv("conv6_4", x, 1280, 1))
    net.softmax("prob", net.conv("fc7", x, 1000, 1))
    return net


#: Name -> what makes it, the numbers that a file of it holds, and how many of them batch normalizations keep.
PUBLISHED: dict[str, tuple[Callable[[], Net], int, int]] = {
    "LeNet": (lenet, 431_080, 0),
    "AlexNet": (alexnet, 60_965_224, 0),
    "CaffeNet": (caffenet, 60_965_224, 0),
    "VGG16": (vgg16, 138_357_544, 0),
    "GoogLeNet": (googlenet, 6_998_552, 0),
    "SqueezeNet": (squeezenet, 1_235_496, 0),
    "NIN": (nin, 7_595_176, 0),
    "ResNet-50": (resnet50, 25_610_269, 53_173),
    "MobileNet": (mobilenet, 4_253_891, 21_915),
    "MobileNetV2": (mobilenet_v2, 3_540_189, 34_229),
}
