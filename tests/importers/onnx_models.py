"""Networks written by hand in PyTorch, for exporting to ONNX: their forms are those of networks that people have."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return torch.softmax(self.fc3(torch.relu(self.fc2(torch.sigmoid(self.fc1(x))))), dim=1)


class AlexNetLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.LocalResponseNorm(5, k=2.0),
            nn.MaxPool2d(3, 2), nn.Conv2d(16, 24, 5, padding=2, groups=2), nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(24, 32, 3, padding=1, bias=False), nn.LeakyReLU(0.1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(32, 40), nn.ELU(), nn.Linear(40, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.down = None if stride == 1 else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                                           nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.down is None else self.down(x)))


class ResNetLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.MaxPool2d(3, 2, 1))
        self.layers = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2), Block(16, 16, 1))
        self.fc = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.layers(self.stem(x)).mean(dim=(2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.up(functional.silu(self.down(scale))))


class MobileNetLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6())
        self.depth = nn.Sequential(nn.Conv2d(24, 24, 5, 2, 2, groups=24, bias=False), nn.BatchNorm2d(24), nn.ReLU6())
        self.se = SqueezeExcite(24)
        self.project = nn.Sequential(nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.project(self.se(self.depth(self.expand(x))))
        y = y + functional.avg_pool2d(x, 2)
        return functional.log_softmax(self.head(y.mean([2, 3])), dim=-1)


class UNetLike(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 12, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(12, 6, 2, stride=2)
        self.up2 = nn.ConvTranspose2d(12, 4, 3, 2, 1, output_padding=1)
        self.last = nn.Conv2d(6, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = functional.gelu(self.down1(functional.pad(x, (0, 1, 1, 0))))
        b = functional.gelu(self.down2(functional.max_pool2d(a, 2)), approximate="tanh")
        c = torch.cat((self.up1(b), a[:, :, :16, :16]), 1)
        d = functional.interpolate(c, scale_factor=2, mode="bilinear")[:, :4]
        e = functional.interpolate(c[:, 4:8], scale_factor=2, mode="nearest")
        joined = torch.cat((self.up2(c) + d * e, functional.interpolate(x, scale_factor=2)), 1)
        return torch.softmax(self.last(joined), 1)


class Mixed(nn.Module):
    """Shapes, reductions and arithmetic that networks hold here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.group = nn.LayerNorm(12), nn.GroupNorm(2, 8)
        self.tokens, self.slopes = nn.Linear(12, 8), nn.PReLU(8)
        self.shift = nn.Parameter(torch.randn(8, 1, 1))
        self.instance = nn.InstanceNorm2d(8, affine=True)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n = x.shape[0]
        grouped = self.slopes(self.group(x) + self.shift)
        shuffled = grouped.view(n, 2, 4, 6, 12).transpose(1, 2).reshape(n, 8, 6, 12)
        tokens = self.tokens(self.norm(shuffled.flatten(1, 2)))
        weights = torch.softmax(tokens @ tokens.transpose(1, 2) / 3.5, dim=-1)
        attended = (weights @ tokens).permute(0, 2, 1).unsqueeze(-1)
        first, second = self.instance(shuffled).chunk(2, dim=1)
        gate = torch.where(first > 0.2, first * second, torch.clamp(second, -0.5, 1.0) ** 2)
        up = functional.pixel_shuffle(gate, 2)
        norms = torch.linalg.vector_norm(x, dim=1, keepdim=True) + x.amax(1, keepdim=True)
        norms = norms - x.sum((1, 2, 3), keepdim=True)
        return attended.squeeze(-1).amax(dim=1), (up / (up.abs() + 1)).mean(dim=(1, 2, 3)) + norms[:, 0, 0, 2]


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.line = nn.Conv3d(1, 3, 3, padding=1), nn.Conv1d(36, 5, 3, stride=2, padding=2, dilation=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.max_pool3d(torch.relu(self.conv(x)), 2)
        return self.line(y.flatten(1, 3)).mean(2)


Maker = Callable[[], nn.Module]
#: name -> module, extents of a sample, channels first
MODELS: dict[str, tuple[Maker, tuple[int, ...]]] = {
    "lenet": (LeNet, (1, 28, 28)), "alexnet": (AlexNetLike, (3, 67, 63)), "resnet": (ResNetLike, (3, 33, 40)),
    "mobilenet": (MobileNetLike, (3, 32, 24)), "unet": (UNetLike, (2, 16, 16)), "mixed": (Mixed, (8, 6, 12)),
    "volume": (Volume, (1, 8, 6, 16)),
}


def made(name: str) -> tuple[nn.Module, torch.Tensor]:
    """A network with random weights and statistics, and two samples for it."""
    torch.manual_seed(7)
    maker, shape = MODELS[name]
    module = maker().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.5, 0.5)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.5, 1.5)  # type: ignore[arg-type]
            nn.init.uniform_(part.weight, 0.5, 1.5)
    return module, torch.randn(2, *shape)
