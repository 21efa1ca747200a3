"""Every shipped network: its facts, its table, its text, and that it runs and learns."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from networks_by_hand import counted

import netdsl
from netdsl.compiler import CheckResult
from netdsl.ir.network import Network, ShapedNode, totals
from netdsl.ir.program import Phase
from netdsl.syntax.format.printer import format_text

FOLDER = Path(__file__).parents[2] / "networks"
FILES = {path.stem: path for path in sorted(FOLDER.glob("*.net"))}
LIBRARY = sorted((FOLDER / "lib").glob("*.net"))

#: What is known of a network: parameters, their tensors, multiply-adds, neurons; None where nobody has published it.
#: Sources: the papers; Caffe's and CNTK's models; torchvision's for ResNet, VGG, DenseNet, Inception and MobileNet.
FACTS = {
    "alexnet_2012": (60_965_224, 16, 724_406_816, 659_272),
    "alexnet_caffe": (60_965_224, 16, 724_406_816, 659_272),
    "alexnet_imagenet": (62_003_496, 16, None, None),
    "alexnet_neon": (50_844_008, 16, 1_009_945_728, None),
    "bn_inception_imagenet": (11_285_224, None, None, None),
    "convnet_cifar10": (949_834, 14, None, None),
    "convnet_cifar10_dataaug": (949_834, 14, None, None),
    "convnet_cifar10_lrn": (949_834, 14, None, None),
    "convnet_mnist": (98_778, 10, None, None),
    "densenet121_imagenet": (7_978_856, None, None, None),
    "googlenet_imagenet": (13_378_280, 128, None, None),
    "inception_v3_imagenet": (27_161_264, None, None, None),
    "lenet_mnist": (431_080, 8, None, None),
    "mlp_mnist": (1_130_506, 8, None, None),
    "mobilenet_imagenet": (4_231_976, 83, 568_740_352, None),
    "resnet110_cifar10": (1_730_714, None, None, None),
    "resnet18_imagenet": (11_689_512, 62, 1_814_073_344, None),
    "resnet20_cifar10": (272_474, 65, None, None),
    "resnet34_imagenet": (21_797_672, 110, 3_663_761_408, None),
    "resnet50_imagenet": (25_557_032, 161, 4_089_184_256, None),
    "resnet9_cifar10": (6_573_120, None, None, None),
    "vgg16_imagenet": (138_357_544, 32, 15_470_264_320, None),
    "vgg19_imagenet": (143_667_240, 38, 19_632_062_464, None),
    "vit_tiny_cifar10": (5_362_762, 200, None, None),
}
#: Parameters that the outputs need, where training has more.
WITHOUT_AUXILIARY = {"googlenet_imagenet": 6_998_552, "inception_v3_imagenet": 23_834_568}
#: Too large to train in the fast tests: the networks for ImageNet.
LARGE = {name for name in FILES if name.startswith("alexnet") or name.endswith("_imagenet")}

every_network = pytest.mark.parametrize("name", FILES)


@cache
def checked(name: str) -> CheckResult:
    return netdsl.load(FILES[name])


def network(name: str) -> Network[ShapedNode]:
    return checked(name).require().network


def table(name: str) -> str:
    """What the golden files hold: a row for each node, and the sums."""
    nodes = network(name)
    sums = totals(nodes)
    rows = [("node", "shape", "parameters", "multiply-adds", "layer"),
            *((node.name, str(node.shape), f"{node.cost.parameters:,}", f"{node.cost.macs:,}", node.layer.show())
              for node in nodes),
            ("sum", "", f"{sums.parameters:,}", f"{sums.macs:,}",
             f"{sums.parameter_tensors} tensors, {sums.neurons:,} neurons")]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join("  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]),
                              row[3].rjust(widths[3]), row[4])) + "\n" for row in rows)


# --- the files ------------------------------------------------------------------------------------------


@every_network
def test_nothing_to_complain_about(name: str) -> None:
    """No mistake and no warning: no unused name, no option without effect, no data of another shape.

    That this machine has too little memory to train it is no fault of the file.
    """
    assert not [d for d in checked(name).diagnostics if not d.title.startswith("training on the CPU needs")]


@every_network
def test_every_file_can_be_trained_tested_and_run_without_data(name: str) -> None:
    program = checked(name).require()
    assert program.plan is not None
    assert None not in (program.readers.get(Phase.TRAIN), program.readers.get(Phase.TEST), program.readers.sample)
    assert program.criteria
    assert program.outputs
    text = FILES[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    sample = netdsl.load(FILES[name], sample="data").require().plan
    assert sample is not None
    assert sample.block != program.plan.block


@every_network
def test_header_says_what_it_is_and_the_right_number_of_parameters(name: str) -> None:
    """The first line names network and source; the first number of parameters stated is true."""
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    header = " ".join(line.lstrip("# ") for line in lines[: next(i for i, line in enumerate(lines) if line[:1] != "#")])
    stated = re.search(r"([\d,]+) parameters", header)
    assert stated
    assert int(stated[1].replace(",", "")) == totals(network(name)).parameters
    assert "ublished" in header


@pytest.mark.parametrize("path", [*FILES.values(), *LIBRARY], ids=lambda path: path.stem)
def test_canonical_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(netdsl.Source(path.name, text)) == text


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_every_library_file_is_used_and_says_how(path: Path) -> None:
    wanted = f'include "lib/{path.name}"'
    assert f"# Inside `network`: {wanted}\n" in path.read_text(encoding="utf-8")
    assert any(wanted in file.read_text(encoding="utf-8") for file in FILES.values())


# --- the facts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FACTS)
def test_published_facts(name: str) -> None:
    sums = totals(network(name))
    got = (sums.parameters, sums.parameter_tensors, sums.macs, sums.neurons)
    names = ("parameters", "tensors", "multiply-adds", "neurons")
    for what, value, wanted in zip(names, got, FACTS[name], strict=True):
        assert wanted is None or value == wanted, what


@pytest.mark.parametrize("name", WITHOUT_AUXILIARY)
def test_without_the_auxiliary_classifiers(name: str) -> None:
    needed = network(name).ancestors(checked(name).require().outputs)
    assert sum(node.cost.parameters for node in network(name) if node.name in needed) == WITHOUT_AUXILIARY[name]


@every_network
def test_table(name: str, golden: object) -> None:
    golden(table(name), Path("tests/networks") / f"{name}.txt")  # type: ignore[operator]


@every_network
def test_counts_are_those_of_the_network_written_by_hand(name: str) -> None:
    sums = totals(network(name))
    assert (sums.parameters, sums.macs) == counted(name)


def test_both_strides_of_resnet50() -> None:
    """The paper's bottleneck and torchvision's, which has more to compute with the same parameters."""
    text = FILES["resnet50_imagenet"].read_text(encoding="utf-8")
    assert text.count(", strideAt3x3 = true") == 3
    paper = netdsl.Source(str(FILES["resnet50_imagenet"]), text.replace(", strideAt3x3 = true", ""))
    sums = netdsl.load(paper).totals
    assert (sums.parameters, sums.macs) == (25_557_032, 3_857_973_248)


def test_the_library_can_be_included_whole() -> None:
    """No two files of it define the same name."""
    lines = "".join(f'    include "lib/{path.name}"\n' for path in LIBRARY)
    text = FILES["convnet_mnist"].read_text(encoding="utf-8").replace("network = {\n", "network = {\n" + lines, 1)
    assert not [d for d in netdsl.load(netdsl.Source(str(FILES["convnet_mnist"]), text)).diagnostics if d.is_error]


# --- running them ----------------------------------------------------------------------------------------


@every_network
def test_the_executable_has_the_shapes_and_parameters_of_the_table(name: str) -> None:
    """On torch's meta device: nothing is computed, whatever the size."""
    import torch

    from netdsl.lower import lower

    nodes, program = network(name), checked(name).require()
    with torch.device("meta"):
        executable = lower(nodes, (*program.outputs, *program.criteria, *program.metrics))
        inputs = {key: torch.empty(2, *shape.dims) for key, shape in executable.inputs.items()}
        executable.module.eval()
        values = executable(inputs)
    for node, value in values.items():
        assert tuple(value.shape) == (2, *nodes[node].shape.dims), node
    learned = executable.parameters()
    assert (sum(tensor.numel() for tensor, _ in learned.values()), len(learned)) == \
        (totals(nodes).parameters, totals(nodes).parameter_tensors)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
                                  for name in FILES])
def test_every_parameter_learns(name: str) -> None:
    """Two updates by the file's own plan: the criterion is finite, and a gradient reaches every parameter."""
    import torch

    from netdsl.training.build import build, trained_state

    torch.set_num_threads(1)
    program, device = checked(name).require(), torch.device("cpu")
    plan = program.plan
    assert plan is not None
    executable = build(program, program.criteria, device, seed=1)
    rule = trained_state(plan, executable, device).rule
    learned, reached = executable.parameters(), set()
    for step in range(2):
        values = executable(made_up(executable.inputs, seed=step))
        loss = sum(values[criterion].mean() for criterion in program.criteria)
        assert torch.isfinite(loss)
        loss.backward()
        reached |= {key for key, (tensor, _) in learned.items() if tensor.grad is not None and tensor.grad.any()}
        rule.step(plan.rates_at(2 * step, 2, step / 1000, step))
        for tensor, _ in learned.values():
            tensor.grad = None
    assert reached == set(learned)


def made_up(inputs: dict, seed: int) -> dict:  # type: ignore[type-arg]
    """Two samples: bytes as a reader gives them, and for labels one class in each (in each pixel)."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    samples = {}
    for name, shape in inputs.items():
        if name == "labels":
            dims = (2, 1, *shape.dims[1:])
            classes = torch.randint(shape.dims[0], dims, generator=draw)
            samples[name] = torch.zeros(2, *shape.dims).scatter(1, classes, 1.0)
        else:
            samples[name] = torch.randint(256, (2, *shape.dims), generator=draw).float()
    return samples
