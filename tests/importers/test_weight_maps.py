"""`--map`: weights under other names, on torchvision's layouts, and every mistake of a map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import netdsl
from netdsl.base.failure import Failure
from netdsl.cli.entry import run
from netdsl.importers.shipped_maps import SHIPPED_MAPS
from netdsl.importers.weight_map import fitting_map

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ROOT / "networks"


# --- torchvision's layouts, written by hand ------------------------------------------------------------


class Bottleneck(nn.Module):
    """A block of ResNet-50 with torchvision's names."""

    def __init__(self, channels: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False),
                                        nn.BatchNorm2d(4 * width)) if project else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample is not None else x))


class BasicBlock(nn.Module):
    """A block of ResNet-18 with torchvision's names."""

    def __init__(self, channels: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False),
                                        nn.BatchNorm2d(width)) if project else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.downsample(x) if self.downsample is not None else x))


class ResNet(nn.Module):
    def __init__(self, block: Callable[[int, int, int, bool], nn.Module], counts: tuple[int, ...], growth: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool, channels = nn.MaxPool2d(3, 2, 1), 64
        for stage, count in enumerate(counts, 1):
            width, blocks = 32 * 2**stage, []
            for number in range(count):
                stride = 2 if number == 0 and stage > 1 else 1
                blocks.append(block(channels, width, stride, stride > 1 or channels != growth * width))
                channels = growth * width
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


def vgg(stacks: tuple[int, ...]) -> nn.Module:
    layers, channels = [], 3
    for count, width in zip(stacks, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
             nn.Linear(4096, 1000)]
    whole = nn.Sequential()
    whole.add_module("features", nn.Sequential(*layers))
    whole.add_module("flatten", nn.Flatten())
    whole.add_module("classifier", nn.Sequential(*dense))
    return whole


def randomized(module: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.dim() == 1 and tensor.is_floating_point():
                tensor.uniform_(0.2, 0.8)
    return module.eval()


@pytest.mark.parametrize(("network", "name", "make"), [
    ("resnet50_imagenet", "torchvision-resnet50", lambda: ResNet(Bottleneck, (3, 4, 6, 3), 4)),
    ("resnet18_imagenet", "torchvision-resnet", lambda: ResNet(BasicBlock, (2, 2, 2, 2), 1)),
])
def test_resnet_of_torchvision_gives_the_same_outputs(network: str, name: str, make: Callable[[], nn.Module],
                                                      tmp_path: Path) -> None:
    module = randomized(make())
    save_file(module.state_dict(), tmp_path / "theirs.safetensors")
    ours = netdsl.load_weights(netdsl.compile(NETWORKS / f"{network}.net"), tmp_path / "theirs.safetensors", map=name)
    with pytest.raises(Failure, match=f"which netdsl knows: --map\\s+{name}"):
        netdsl.load_weights(netdsl.compile(NETWORKS / f"{network}.net"), tmp_path / "theirs.safetensors")
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected, found = module(x), ours.eval()(x)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_every_shipped_map_covers_its_network_and_nothing_else() -> None:
    """VGG and AlexNet by names and shapes alone: their dense layers are large."""
    made = {"torchvision-vgg16": ("vgg16_imagenet", (2, 2, 3, 3, 3)),
            "torchvision-vgg19": ("vgg19_imagenet", (2, 2, 4, 4, 4))}
    from netdsl.importers.weight_map import read_map

    for name, (network, stacks) in made.items():
        with torch.device("meta"):
            theirs = vgg(stacks).state_dict()
        program = netdsl.check(NETWORKS / f"{network}.net")
        ours = {f"{node.weights}.{own}": spec.dims for node in program.network for own, spec in node.layer.parameters(
            [program.network[use.node].shape for use in node.inputs]).items() if spec.saved}
        rules = read_map(name)
        mapped = {next(found for rule in rules if (found := rule.name_for(key))): tuple(tensor.shape)
                  for key, tensor in theirs.items()}
        assert mapped == ours, name
    assert set(SHIPPED_MAPS) == {*made, "torchvision-resnet", "torchvision-resnet50", "torchvision-alexnet"}


def test_docs_name_every_shipped_map() -> None:
    text = (ROOT / "docs" / "weights.md").read_text()
    assert [name for name in SHIPPED_MAPS if f"`{name}`" not in text] == []


# --- maps of one's own ---------------------------------------------------------------------------------

SMALL = """network = {
    features = Input {6:5:2}
    c = ConvolutionalLayer {3, (3:3)} (features)
    n = BatchNormalizationLayer {spatialRank = 2} (c)
    z = LinearLayer {4} (n)
    outputNodes = z
}
"""

#: Keras' layout: kernels (height, width, in, out), matrices (in, out) with the channels innermost.
KERAS = """conv2d/kernel -> c.weight, transpose 4:3:1:2    # filters
conv2d/bias   -> c.bias
bn/gamma      -> n.weight
bn/beta       -> n.bias
bn/moving_mean     -> n.running_mean
bn/moving_variance -> n.running_variance
dense*/kernel  -> z.weight, transpose 2:1
dense*/bias    -> z.bias
optimizer/**   -> nothing
1              -> n.running_count
"""


def _theirs() -> dict[str, np.ndarray]:
    values = np.random.default_rng(2)

    def made(*shape: int) -> np.ndarray:
        return values.normal(size=shape).astype("f4")

    return {"conv2d/kernel": made(3, 3, 2, 3), "conv2d/bias": made(3), "bn/gamma": made(3), "bn/beta": made(3),
            "bn/moving_mean": made(3), "bn/moving_variance": np.abs(made(3)), "dense_1/kernel": made(36, 4),
            "dense_1/bias": made(4), "optimizer/step/0": made(1)}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    monkeypatch.chdir(tmp_path)
    Path("small.net").write_text(SMALL)
    Path("keras.map").write_text(KERAS)
    theirs = _theirs()
    np.savez("theirs.npz", **theirs)
    return theirs


def test_a_map_with_groups_and_other_orders_of_axes(small: dict[str, np.ndarray]) -> None:
    found = netdsl.load_weights(netdsl.compile("small.net"), "theirs.npz", map="keras.map").tensors()
    assert np.array_equal(found["c.weight"].numpy(force=True), small["conv2d/kernel"].transpose(3, 2, 0, 1))
    assert np.array_equal(found["z.weight"].numpy(force=True), small["dense_1/kernel"].T)
    assert np.array_equal(found["n.running_variance"].numpy(force=True), small["bn/moving_variance"])
    assert found["n.running_count"].tolist() == [1]


@pytest.mark.parametrize(("line", "said"), [
    ("conv2d/kernel c.weight", "this is no line of a map"),
    ("conv2d/* -> c.{2}", "`{2}` stands for nothing"),
    ("conv2d/kernel -> c.weight, rotate 2", "`rotate 2` is no change of a tensor"),
    ("conv2d/kernel -> c.weight, transpose 2:1", "`conv2d/kernel` has 4 axes, and 2 are put in order"),
    ("conv2d/kernel -> c.weight, reshape 5:5", "has 54 numbers, and not 25"),
    ("conv2d/* -> c.bias", "two tensors of the file would be `c.bias`"),
    ("*/kernel -> layer{1+1}.weight", "`conv2d` is no number"),
    ("conv2d/kernel -> c.weight\nconv2d/bias -> c.bias", "missing in the checkpoint"),
    ("conv2d/kernel -> c.weight", "3 x 3 x 2 x 3"),
])
def test_mistakes_of_a_map(small: dict[str, np.ndarray], line: str, said: str) -> None:
    Path("mine.map").write_text(f"# mine\n{line}\n")
    with pytest.raises(Failure) as raised:
        netdsl.load_weights(netdsl.compile("small.net"), "theirs.npz", map="mine.map")
    text = " ".join(str(raised.value).split())
    assert said in text
    if "missing" not in said and said != "3 x 3 x 2 x 3":
        assert "mine.map:2:1" in text


def test_a_map_that_does_not_exist(small: dict[str, np.ndarray]) -> None:
    with pytest.raises(Failure, match="there is no map `torchvision-resnet5`"):
        netdsl.load_weights(netdsl.compile("small.net"), "theirs.npz", map="torchvision-resnet5")


def test_auto_by_order_by_shape_or_not_at_all(small: dict[str, np.ndarray]) -> None:
    module = netdsl.compile("small.net", seed=3)
    wanted = {name: tensor.numpy(force=True).copy() for name, tensor in module.tensors().items()
              if name != "n.running_count"}
    np.savez("order.npz", **{f"layer{k}": array for k, array in enumerate(wanted.values())})
    found = netdsl.load_weights(netdsl.compile("small.net", seed=4), "order.npz", map="auto").tensors()
    assert all(np.array_equal(found[name].numpy(force=True), array) for name, array in wanted.items())
    np.savez("mixed.npz", **{f"layer{k}": array for k, array in enumerate(reversed(list(wanted.values())))})
    with pytest.raises(Failure, match="cannot be told apart by their shapes"):
        netdsl.load_weights(netdsl.compile("small.net"), "mixed.npz", map="auto")


def test_the_command_line_says_what_was_loaded(small: dict[str, np.ndarray],
                                               capsys: pytest.CaptureFixture[str]) -> None:
    text = SMALL.replace("outputNodes = z", "labels = Input {4}\n    criterionNodes = ce := SquareError (labels, z)\n"
                         "    outputNodes = z")
    Path("data.txt").write_text("".join(f"|features {' '.join(['0.5'] * 60)} |labels 1 2 3 4\n" for _ in range(4)))
    Path("small.net").write_text(f"""{text}
reader = {{
    train = CNTKText {{"data.txt", input = {{features = {{dim = 60}}; labels = {{dim = 4}}}}}}
    test  = CNTKText {{"data.txt", input = {{features = {{dim = 60}}; labels = {{dim = 4}}}}}}
}}
SGD = {{ maxEpochs = 1
    minibatchSize = 2
    learningRate = 0.01 }}
""")
    weights = ["-c", "theirs.npz", "--map", "keras.map"]
    assert run(["test", "small.net", *weights]) == 0, capsys.readouterr().err
    assert "weights from theirs.npz: all 9 tensors (9 by the map)" in capsys.readouterr().err
    assert run(["predict", "small.net", "data.txt", *weights]) == 0
    captured = capsys.readouterr()
    assert "all 9 tensors (9 by the map)" in captured.err
    answers = netdsl.predict("small.net", "data.txt", "theirs.npz", map="keras.map", quiet=True)
    assert len(answers) == 4
    assert run(["train", "small.net", "--weights", "theirs.npz", "--map", "keras.map", "-o", "run"]) == 0
    assert "weights from theirs.npz: all 9 tensors (9 by the map)" in capsys.readouterr().out
    result = netdsl.train("small.net", weights="theirs.npz", map="keras.map", out="again", quiet=True)
    first, second = (netdsl.load_weights(netdsl.compile("small.net"), folder).tensors()
                     for folder in ("run", result.out))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_no_map_is_named_where_the_names_are_right() -> None:
    """A tensor of another shape under its right name is no matter of a map."""
    assert fitting_map(["conv.weight"], ["conv.weight"]) == ""
