"""PyTorch source: a file without netdsl whose module computes what the network computes, forward and backward."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from networks_with_weights import FAST, SLOW, random_weights, shipped
from safetensors.torch import load_file

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram

GOLDENS = ("alexnet_imagenet", "autoencoder_mnist", "fcn_segmentation", "googlenet_imagenet", "resnet20_cifar10")


def exported(program: CheckedProgram, folder: Path) -> tuple[Path, Path, Path]:
    """The weights, the source and its own weights."""
    weights = random_weights(program, folder / "given.safetensors")
    source, own = netdsl.export(program, "torch", weights, out=folder / "exported.py", quiet=True)
    return weights, source, own


def module_of(source: Path, own: Path) -> torch.nn.Module:
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source.read_text(), source, "exec"), names)
    classes = [value for value in names.values() if isinstance(value, type) and issubclass(value, torch.nn.Module)]
    module: torch.nn.Module = classes[-1]()
    module.load_state_dict(load_file(own))  # strict
    return module.eval()


def assert_equal(program: CheckedProgram, folder: Path, most: float = 255) -> None:
    """Outputs, and gradients of the inputs and of every tensor, to 1e-5 of the largest; images are 0 to `most`."""
    weights, source, own = exported(program, folder)
    assert "netdsl" not in source.read_text().split('"""', 2)[2]
    network = netdsl.load_weights(netdsl.compile(program), weights).eval()
    module = module_of(source, own)
    generator = torch.Generator().manual_seed(3)
    shapes = [program.network[name].shape.dims for name in network.input_names]
    inputs = [(most if len(dims) > 1 else 1) * torch.rand((2, *dims), generator=generator) for dims in shapes]
    values, grads, sizes = _forward_and_backward(network, inputs)
    own_values, own_grads, own_sizes = _forward_and_backward(module, inputs)
    for expected, found in zip([*values, *grads], [*own_values, *own_grads], strict=True):
        assert (expected - found).abs().max() <= 1e-5 * expected.abs().max()
    assert [shape for shape, _ in sizes] == [shape for shape, _ in own_sizes]
    largest = max((norm for _, norm in sizes), default=0)
    assert all(abs(a - b) <= 1e-5 * largest for (_, a), (_, b) in zip(sizes, own_sizes, strict=True))


def _forward_and_backward(module: torch.nn.Module, inputs: list[torch.Tensor]) -> tuple[Any, Any, Any]:
    """Outputs, gradients of the inputs, and for each parameter its extents with the norm of its gradient."""
    given = [x.clone().requires_grad_() for x in inputs]
    found = module(*given)
    values = [*found.values()] if isinstance(found, dict) else [*found] if isinstance(found, tuple) else [found]
    total = sum((v * torch.linspace(-1, 1, v.numel()).reshape(v.shape)).sum() for v in values)
    if total.requires_grad:
        total.backward()
    grads = [torch.zeros_like(x) if x.grad is None else x.grad for x in given]
    sizes = sorted((tuple(p.shape), p.grad.double().norm().item()) for p in module.parameters() if p.grad is not None)
    return values, grads, sizes


@pytest.mark.parametrize("name", FAST)
def test_values_and_gradients(name: str, tmp_path: Path) -> None:
    assert_equal(shipped(name), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_values_and_gradients_of_large_networks(name: str, tmp_path: Path) -> None:
    assert_equal(shipped(name), tmp_path)


def text_of(name: str, folder: Path) -> str:
    source, _ = netdsl.export(shipped(name), "torch", untrained=True, out=folder / f"{name}.py", quiet=True)
    return source.read_text()


@pytest.mark.parametrize("name", GOLDENS)
def test_the_text(name: str, tmp_path: Path, golden: Any) -> None:
    golden(text_of(name, tmp_path), Path("tests/exporters/torch_goldens") / f"{name}.py.txt")


def test_ruff_has_nothing_to_say(tmp_path: Path) -> None:
    for name in (*FAST, "vit_tiny_cifar10"):
        text_of(name, tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    if subprocess.run([*ruff, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("ruff is not installed")
    for arguments in (["format", "--check"], ["check", "--select", "E,F,W,I,UP,B,C4,SIM"]):
        done = subprocess.run([*ruff, *arguments, "--isolated", "--line-length", "100", str(tmp_path)],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_without_netdsl(tmp_path: Path) -> None:
    exported(shipped("fcn_segmentation"), tmp_path)
    code = ("import sys; sys.modules['netdsl'] = None; import torch; from safetensors.torch import load_file; "
            "from exported import FcnSegmentation; model = FcnSegmentation(); "
            "print(model.load_state_dict(load_file('exported.safetensors'))); "
            "print(tuple(model.eval()(torch.zeros(2, 3, 64, 64)).shape))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["<All keys matched successfully>", "(2, 5, 64, 64)"]


def network(body: str) -> CheckedProgram:
    return netdsl.check(Source("small.net", f"network = {{ x = Input {{8:8:3}} ; {body} }}"))


@pytest.mark.parametrize("body", [
    "z = Softmax (LinearLayer {4} (x)) ; outputNodes = z",
    "f = DenseLayer {192} ; z = f (f (x)) ; outputNodes = z",  # shared weights
    "c = ConvolutionalLayer {3, (3:3), pad = true} ; a = c (x) ; b = c (a) ; z = a + b ; outputNodes = z : b",
    "z = ConvolutionalLayer {4, (4:4), pad = true, stride = 2} (x) ; outputNodes = z",  # padding of its own
    "z = AveragePoolingLayer {(4:4), stride = 3, pad = true} (x) ; outputNodes = z",
    "z = MaxPoolingLayer {(2:2), stride = 2, pad = true, ceilOutDim = true} (x) ; outputNodes = z",
    "z = LayerNormalizationLayer {} (x) .* LayerNormalizationLayer {perElement = true} (x) ; outputNodes = z",
    "W = ParameterTensor {(3:3:3:5)} ; z = Convolution (W, x, (3:3)) ; outputNodes = z",
    "b = ParameterTensor {(1:1:3)} ; c = Constant (2) ; z = Tanh (x + b) .* c ; outputNodes = z",
    "lambda = LinearLayer {3} (x) ; forward = ReLU (lambda) ; z = lambda - forward ; outputNodes = z",  # Python's words
    "z = BatchNormalizationLayer {} (x) ; outputNodes = z",
    "torch = LinearLayer {3} (x) ; F = ReLU (torch) ; nn = torch .* F ; z = nn - torch ; outputNodes = z",
    "F {n} = Sequential (a := DenseLayer {n} : b := Dropout {0.1} : ReLU) ;"
    " z = Sequential (F {3} : F {3} : F {4}) (x) ; outputNodes = z",
    "max_unpool2d = MaxPoolingLayer {(2:2), stride = 2} (x) ;"
    " z = MaxUnpoolingLayer {(2:2), stride = 2} (max_unpool2d, x) ; outputNodes = z : max_unpool2d",
    "z = Pass (x) ; outputNodes = z",
    "m = Mean (x) ; z = LinearLayer {2} ((x - m) .* InvStdDev (x)) ; outputNodes = z",
    "W = ParameterTensor {3} ; z = ReLU (W) ; y = LinearLayer {3} (x) ; outputNodes = y : W : z",
    "z = MaxUnpoolingLayer {(2:2), stride = 2} (MaxPoolingLayer {(2:2), stride = 2} (x), x) ; outputNodes = z",
    "z = ReduceLogSum (Splice (x : x, axis = 3)) ; outputNodes = z",
    "m = Sequential (LinearLayer {6} : PReLU : GELU {formula = 'tanh'} : Dropout {0.5} : LinearLayer {2}) ; z = m (x) ;"
    " outputNodes = z",
])
def test_small_networks(body: str, tmp_path: Path) -> None:
    assert_equal(network(body), tmp_path)
