"""The shipped networks written by hand in torch, from the papers and the published configurations.

They share nothing with netdsl: their parameters and multiply-adds are what its own counts are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Size = int | tuple[int, int]  #: height and width


class Side(nn.Module):
    """Branches side by side; their channels one after the other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Around(nn.Module):
    """`main` beside a shortcut, added up."""

    def __init__(self, main: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.main, self.shortcut = main, shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.shortcut(x)


class Heads(nn.Module):
    """Parts one after the other, each with an auxiliary head (or None); all outputs."""

    def __init__(self, parts: Sequence[nn.Module], heads: Sequence[nn.Module | None]) -> None:
        super().__init__()
        self.parts, self.heads = nn.ModuleList(parts), nn.ModuleList(h or nn.Identity() for h in heads)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for part, head in zip(self.parts, self.heads, strict=True):
            x = part(x)
            found.append(head(x))
        return found


def conv(i: int, o: int, size: Size, stride: int = 1, pad: Size | None = None, groups: int = 1,
         bias: bool = True) -> nn.Conv2d:
    same = size // 2 if isinstance(size, int) else (size[0] // 2, size[1] // 2)
    return nn.Conv2d(i, o, size, stride, same if pad is None else pad, groups=groups, bias=bias)


def normed(i: int, o: int, size: Size, stride: int = 1, pad: Size | None = None, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(i, o, size, stride, pad, groups, bias=False), nn.BatchNorm2d(o), nn.ReLU())


def pool(size: int, stride: int, pad: int = 0, ceil: bool = False) -> nn.MaxPool2d:
    return nn.MaxPool2d(size, stride, pad, ceil_mode=ceil)


def dense(*sizes: int) -> list[nn.Module]:
    return [nn.Flatten(), *(nn.Linear(i, o) for i, o in pairwise(sizes))]


def mean_pool(*sizes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), *dense(*sizes)]


def alexnet(groups: int, second: int, ceil: bool, flat: int, before: Iterable[nn.Module] = ()) -> nn.Sequential:
    return nn.Sequential(
        *before, conv(3, 96, 11, 4, 0), pool(3, 2, 0, ceil), conv(96, second, 5, groups=groups), pool(3, 2, 0, ceil),
        conv(second, 384, 3), conv(384, 384, 3, groups=groups), conv(384, 256, 3, groups=groups), pool(3, 2, 0, ceil),
        *dense(flat, 4096, 4096, 1000))


def cifar_convnet() -> nn.Sequential:
    return nn.Sequential(conv(3, 64, 3), conv(64, 64, 3), pool(3, 2), conv(64, 64, 3), conv(64, 64, 3), pool(3, 2),
                         *dense(49 * 64, 256, 128, 10))


def vgg(*counts: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 3
    for count, filters in zip(counts, (64, 128, 256, 512, 512), strict=True):
        layers += [conv(width if k == 0 else filters, filters, 3) for k in range(count)] + [pool(2, 2)]
        width = filters
    return nn.Sequential(*layers, *dense(25088, 4096, 4096, 1000))


def projection(i: int, o: int, stride: int) -> nn.Sequential:
    return nn.Sequential(conv(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))


def basic(i: int, width: int, stride: int, project: bool) -> Around:
    main = nn.Sequential(normed(i, width, 3, stride), conv(width, width, 3, bias=False), nn.BatchNorm2d(width))
    return Around(main, projection(i, width, stride) if project else None)


def bottleneck(i: int, width: int, stride: int, project: bool) -> Around:
    main = nn.Sequential(normed(i, width, 1), normed(width, width, 3, stride), *projection(width, 4 * width, 1))
    return Around(main, projection(i, 4 * width, stride) if project else None)


def stages(block: Callable[[int, int, int, bool], nn.Module], width: int, counts: Sequence[int],
           grows: int = 1) -> list[nn.Module]:
    """Stages of blocks, from `width` on twice as wide each; `grows`: the blocks' outputs are so much wider inside."""
    layers: list[nn.Module] = []
    i = width
    for stage, count in enumerate(counts):
        inside = width * 2**stage
        for k in range(count):
            stride = 2 if stage and k == 0 else 1
            layers.append(block(i, inside, stride, k == 0 and (stride > 1 or i != grows * inside)))
            i = grows * inside
    return layers


def cifar_resnet(blocks: int) -> nn.Sequential:
    return nn.Sequential(normed(3, 16, 3), *stages(basic, 16, [blocks] * 3), *mean_pool(64, 10))


def imagenet_resnet(*counts: int) -> nn.Sequential:
    return nn.Sequential(normed(3, 64, 7, 2), pool(3, 2, 1), *stages(basic, 64, counts), *mean_pool(512, 1000))


def resnet50() -> nn.Sequential:
    return nn.Sequential(normed(3, 64, 7, 2), pool(3, 2, 1), *stages(bottleneck, 64, (3, 4, 6, 3), 4),
                         *mean_pool(2048, 1000))


def resnet9() -> nn.Sequential:
    def around(width: int) -> Around:
        return Around(nn.Sequential(normed(width, width, 3), normed(width, width, 3)))

    return nn.Sequential(
        normed(3, 64, 3), normed(64, 128, 3), pool(2, 2), around(128), normed(128, 256, 3), pool(2, 2),
        normed(256, 512, 3), pool(2, 2), around(512), pool(4, 4), nn.Flatten(), nn.Linear(512, 10, bias=False))


def inception(i: int, n1: int, r3: int, n3: int, r5: int, n5: int, p: int) -> Side:
    return Side(conv(i, n1, 1), nn.Sequential(conv(i, r3, 1), conv(r3, n3, 3)),
                nn.Sequential(conv(i, r5, 1), conv(r5, n5, 5)), nn.Sequential(pool(3, 1, 1), conv(i, p, 1)))


def googlenet() -> Heads:
    def auxiliary(i: int) -> nn.Sequential:
        return nn.Sequential(nn.AvgPool2d(5, 3), conv(i, 128, 1), *dense(2048, 1024, 1000))

    front = nn.Sequential(
        conv(3, 64, 7, 2), pool(3, 2, 0, True), conv(64, 64, 1), conv(64, 192, 3), pool(3, 2, 0, True),
        inception(192, 64, 96, 128, 16, 32, 32), inception(256, 128, 128, 192, 32, 96, 64), pool(3, 2, 0, True),
        inception(480, 192, 96, 208, 16, 48, 64))
    middle = nn.Sequential(inception(512, 160, 112, 224, 24, 64, 64), inception(512, 128, 128, 256, 24, 64, 64),
                           inception(512, 112, 144, 288, 32, 64, 64))
    back = nn.Sequential(
        inception(528, 256, 160, 320, 32, 128, 128), pool(3, 2, 0, True), inception(832, 256, 160, 320, 32, 128, 128),
        inception(832, 384, 192, 384, 48, 128, 128), *mean_pool(1024, 1000))
    return Heads([front, middle, back], [auxiliary(512), auxiliary(528), None])


def bn_inception() -> nn.Sequential:
    def block(i: int, n1: int, r3: int, n3: int, rd: int, nd: int, p: int, pooling: nn.Module | None = None) -> Side:
        return Side(normed(i, n1, 1), nn.Sequential(normed(i, r3, 1), normed(r3, n3, 3)),
                    nn.Sequential(normed(i, rd, 1), normed(rd, nd, 3), normed(nd, nd, 3)),
                    nn.Sequential(pooling or nn.AvgPool2d(3, 1, 1), normed(i, p, 1)))

    def reduce(i: int, r3: int, n3: int, rd: int, nd: int) -> Side:
        return Side(nn.Sequential(normed(i, r3, 1), normed(r3, n3, 3, 2)),
                    nn.Sequential(normed(i, rd, 1), normed(rd, nd, 3), normed(nd, nd, 3, 2)), pool(3, 2, 1))

    return nn.Sequential(
        normed(3, 64, 7, 2), pool(3, 2, 1), normed(64, 64, 1), normed(64, 192, 3), pool(3, 2, 1),
        block(192, 64, 64, 64, 64, 96, 32), block(256, 64, 64, 96, 64, 96, 64), reduce(320, 128, 160, 64, 96),
        block(576, 224, 64, 96, 96, 128, 128), block(576, 192, 96, 128, 96, 128, 128),
        block(576, 160, 128, 160, 128, 160, 128), block(608, 96, 128, 192, 160, 192, 128),
        reduce(608, 128, 192, 192, 256), block(1056, 352, 192, 320, 160, 224, 128),
        block(1024, 352, 192, 320, 192, 224, 128, pool(3, 1, 1)), *mean_pool(1024, 1000))


def inception_v3() -> Heads:
    def pooled(i: int, o: int) -> nn.Sequential:
        return nn.Sequential(nn.AvgPool2d(3, 1, 1), normed(i, o, 1))

    def a(i: int, p: int) -> Side:
        return Side(normed(i, 64, 1), nn.Sequential(normed(i, 48, 1), normed(48, 64, 5)),
                    nn.Sequential(normed(i, 64, 1), normed(64, 96, 3), normed(96, 96, 3)), pooled(i, p))

    def c(w: int) -> Side:
        return Side(
            normed(768, 192, 1), nn.Sequential(normed(768, w, 1), normed(w, w, (1, 7)), normed(w, 192, (7, 1))),
            nn.Sequential(normed(768, w, 1), normed(w, w, (7, 1)), normed(w, w, (1, 7)), normed(w, w, (7, 1)),
                          normed(w, 192, (1, 7))), pooled(768, 192))

    def split() -> Side:
        return Side(normed(384, 384, (1, 3)), normed(384, 384, (3, 1)))

    def e(i: int) -> Side:
        return Side(normed(i, 320, 1), nn.Sequential(normed(i, 384, 1), split()),
                    nn.Sequential(normed(i, 448, 1), normed(448, 384, 3), split()), pooled(i, 192))

    b = Side(normed(288, 384, 3, 2, 0), nn.Sequential(normed(288, 64, 1), normed(64, 96, 3), normed(96, 96, 3, 2, 0)),
             pool(3, 2))
    d = Side(nn.Sequential(normed(768, 192, 1), normed(192, 320, 3, 2, 0)),
             nn.Sequential(normed(768, 192, 1), normed(192, 192, (1, 7)), normed(192, 192, (7, 1)),
                           normed(192, 192, 3, 2, 0)), pool(3, 2))
    body = nn.Sequential(
        normed(3, 32, 3, 2, 0), normed(32, 32, 3, 1, 0), normed(32, 64, 3), pool(3, 2), normed(64, 80, 1),
        normed(80, 192, 3, 1, 0), pool(3, 2), a(192, 32), a(256, 64), a(288, 64), b, c(128), c(160), c(160), c(192))
    auxiliary = nn.Sequential(nn.AvgPool2d(5, 3), normed(768, 128, 1), normed(128, 768, 5, 1, 0), *dense(768, 1000))
    return Heads([body, nn.Sequential(d, e(1280), e(2048), *mean_pool(2048, 1000))], [auxiliary, None])


def mobilenet() -> nn.Sequential:
    widths = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
              *[(512, 512, 1)] * 5, (512, 1024, 2), (1024, 1024, 1)]
    separable = [layer for i, o, stride in widths for layer in (normed(i, i, 3, stride, groups=i), normed(i, o, 1))]
    return nn.Sequential(normed(3, 32, 3, 2), *separable, *mean_pool(1024, 1000))


def densenet121() -> nn.Sequential:
    def step(i: int, o: int, size: int) -> nn.Sequential:
        return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), conv(i, o, size, bias=False))

    layers: list[nn.Module] = [*normed(3, 64, 7, 2), pool(3, 2, 1)]
    width = 64
    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            layers.append(Side(nn.Identity(), nn.Sequential(step(width, 128, 1), step(128, 32, 3))))
            width += 32
        if block < 3:
            layers += [step(width, width // 2, 1), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(width), *mean_pool(width, 1000))


class Segmentation(nn.Module):
    """Three stages of half the size each, scores at all of them, added up on the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.Sequential(normed(i, o, 3), normed(o, o, 3), pool(2, 2))
                                    for i, o in ((3, 32), (32, 64), (64, 128)))
        self.scores = nn.ModuleList(conv(width, 5, 1) for width in (32, 64, 128))
        self.up = nn.ModuleList(nn.ConvTranspose2d(5, 5, 4, 2, 1, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for stage, score in zip(self.stages, self.scores, strict=True):
            x = stage(x)
            maps.append(score(x))
        found = self.up[0](maps[2])
        found = self.up[1](found + maps[1])
        return self.up[2](found + maps[0])  # type: ignore[no-any-return]


class Product(nn.Module):
    """A matrix product of two values."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b


class Transformer(nn.Module):
    """A block of ViT, with attention written out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.seen, self.found, self.heads = Product(), Product(), heads
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        query, key, value = (part(y).unflatten(2, (self.heads, -1)).transpose(1, 2)
                             for part in (self.query, self.key, self.value))
        weights = (self.seen(query, key.transpose(2, 3)) / query.shape[-1] ** 0.5).softmax(3)
        x = x + self.out(self.found(weights, value).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """ViT: patches, a class token, positions, blocks, and what the token has gathered."""

    def __init__(self, side: int, patch: int, width: int, depth: int, heads: int, classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Transformer(width, heads) for _ in range(depth)), nn.LayerNorm(width))
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1) + self.positions
        return self.head(self.blocks(x)[:, 0])  # type: ignore[no-any-return]


#: name of the file -> how its network is made, and the size of an image
BY_HAND: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "alexnet_2012": (lambda: alexnet(2, 256, True, 9216, [nn.ZeroPad2d((0, 3, 0, 3))]), (3, 224, 224)),
    "alexnet_caffe": (lambda: alexnet(2, 256, True, 9216), (3, 227, 227)),
    "alexnet_imagenet": (lambda: alexnet(1, 192, False, 9216), (3, 227, 227)),
    "alexnet_neon": (lambda: alexnet(1, 256, False, 6400), (3, 224, 224)),
    "autoencoder_mnist": (lambda: nn.Sequential(conv(1, 1, 5), pool(4, 4), nn.Upsample(scale_factor=4),
                                                nn.ConvTranspose2d(1, 1, 5, padding=2, bias=False)), (1, 28, 28)),
    "bn_inception_imagenet": (bn_inception, (3, 224, 224)),
    "convnet_cifar10": (cifar_convnet, (3, 32, 32)),
    "convnet_cifar10_dataaug": (cifar_convnet, (3, 32, 32)),
    "convnet_cifar10_lrn": (cifar_convnet, (3, 32, 32)),
    "convnet_mnist": (lambda: nn.Sequential(
        conv(1, 32, 5), pool(3, 2), conv(32, 48, 3, 1, 0), pool(3, 2), conv(48, 64, 3, 1, 0), *dense(576, 96, 10)),
        (1, 28, 28)),
    "densenet121_imagenet": (densenet121, (3, 224, 224)),
    "fcn_segmentation": (Segmentation, (3, 64, 64)),
    "googlenet_imagenet": (googlenet, (3, 224, 224)),
    "inception_v3_imagenet": (inception_v3, (3, 299, 299)),
    "lenet_mnist": (lambda: nn.Sequential(conv(1, 20, 5, 1, 0), pool(2, 2), conv(20, 50, 5, 1, 0), pool(2, 2),
                                          *dense(800, 500, 10)), (1, 28, 28)),
    "mlp_mnist": (lambda: nn.Sequential(*dense(784, 768, 512, 256, 10)), (1, 28, 28)),
    "mobilenet_imagenet": (mobilenet, (3, 224, 224)),
    "regression_cifar10": (lambda: nn.Sequential(*dense(3072, 100, 3)), (3, 32, 32)),
    "resnet110_cifar10": (lambda: cifar_resnet(18), (3, 32, 32)),
    "resnet18_imagenet": (lambda: imagenet_resnet(2, 2, 2, 2), (3, 224, 224)),
    "resnet20_cifar10": (lambda: cifar_resnet(3), (3, 32, 32)),
    "resnet34_imagenet": (lambda: imagenet_resnet(3, 4, 6, 3), (3, 224, 224)),
    "resnet50_imagenet": (resnet50, (3, 224, 224)),
    "resnet9_cifar10": (resnet9, (3, 32, 32)),
    "vgg16_imagenet": (lambda: vgg(2, 2, 3, 3, 3), (3, 224, 224)),
    "vgg19_imagenet": (lambda: vgg(2, 2, 4, 4, 4), (3, 224, 224)),
    "vit_tiny_cifar10": (lambda: VisionTransformer(32, 4, 192, 12, 3, 10), (3, 32, 32)),
}


def counted(name: str) -> tuple[int, int]:
    """Parameters, and multiply-adds of convolutions and matrix products for one sample."""
    make, dims = BY_HAND[name]
    macs = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        if isinstance(module, nn.ConvTranspose2d):
            macs += inputs[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Conv2d):
            macs += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            macs += output.numel() * module.in_features
        elif isinstance(module, Product):
            macs += output.numel() * inputs[0].shape[-1]

    with torch.device("meta"):
        network = make().eval()
        for module in network.modules():
            module.register_forward_hook(count)
        with torch.no_grad():
            network(torch.zeros(1, *dims))
    return sum(parameter.numel() for parameter in network.parameters()), macs
