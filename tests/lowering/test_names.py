"""Any legal name of the language works as a node, step, input or column name, from check to predict."""

from __future__ import annotations

import builtins
import csv
import keyword
import re
from pathlib import Path

import pytest
import torch
from torch import fx, nn

import netdsl
from netdsl.base.source import Source
from netdsl.lower import LayerModule

torch.set_num_threads(1)

#: Words that the language itself has taken (docs/language.md).
RESERVED = {"include", "true", "false", "if", "then", "else", "array"}
GRAPH_MODULE = dir(fx.GraphModule(nn.Module(), fx.Graph()))
OURS = ("self", "cls", "code", "graph", "meta", "inputs", "output", "layer", "span", "prepared", "settings", "owned",
        "weight", "bias", "input", "training", "n_x", "_x", "sample_weights_1")
NAMES = sorted(name for name in {*keyword.kwlist, *keyword.softkwlist, *GRAPH_MODULE, *dir(nn.Module()),
                                 *dir(LayerModule), *dir(builtins), *OURS}
               if re.fullmatch(r"[A-Za-z_]\w*", name) and name not in RESERVED)


def test_every_name_is_a_node() -> None:
    nodes = "".join(f"    {name} = LinearLayer {{2}} ({before})\n"
                    for before, name in zip(["first_input", *NAMES], NAMES, strict=False))
    text = f"network = {{\n    first_input = Input {{2}}\n{nodes}    outputNodes = {NAMES[-1]}\n}}"
    module = netdsl.compile(netdsl.check(Source("n.net", text)))
    x = wanted = torch.rand(3, 2)
    for name in NAMES:
        wanted = nn.functional.linear(wanted, module.tensors()[f"{name}.weight"], module.tensors()[f"{name}.bias"])
    torch.testing.assert_close(module(x), wanted)


def test_every_name_is_a_step() -> None:
    steps = " :\n        ".join(f"{name} := DenseLayer {{2, activation = Tanh}}" for name in NAMES)
    text = f"network = {{\n    x = Input {{2}}\n    z = Sequential (\n        {steps}) (x)\n    outputNodes = z\n}}"
    module = netdsl.compile(netdsl.check(Source("s.net", text)))
    x = wanted = torch.rand(3, 2)
    for name in NAMES:
        own = [module.tensors()[key] for key in module.tensors() if key.endswith((f".{name}.weight", f".{name}.bias"))]
        wanted = nn.functional.linear(wanted, *own).tanh()
    torch.testing.assert_close(module(x), wanted)


def test_names_that_come_out_alike_are_told_apart() -> None:
    source = """network = {
    a = { b = Input {2} } ; a_b = Input {2}
    x = a.b + 2 * a_b ; outputNodes = x
}"""
    module = netdsl.compile(netdsl.check(Source("alike.net", source)))
    values = module(**{"a.b": torch.tensor([[1.0, 2.0]]), "a_b": torch.tensor([[10.0, 20.0]])})
    assert values.tolist() == [[21.0, 42.0]]


@pytest.mark.parametrize("name", ["class", "self", "code", "training"])
def test_from_check_to_predict(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an input fed by a column, a step and a node at once: check, draw, train, save, resume, test, predict."""
    monkeypatch.chdir(tmp_path)
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["p", "q", name])
        writer.writerows([[0.1 * k, 1 - 0.1 * k, k % 2] for k in range(12)])
    Path("t.net").write_text(f"""network = {{
    features = Input {{2}} ; {name} = Input {{2}}
    net = Sequential ( {name} := DenseLayer {{3, activation = Tanh}} : LinearLayer {{2}} )
    z = net (features)
    ce = CrossEntropyWithSoftmax ({name}, z)
    criterionNodes = ce ; evaluationNodes = ClassificationError ({name}, z) ; outputNodes = z
}}
reader = {{ train = CSV {{"t.csv", labels = "{name}", labelsInput = "{name}"}}
           test = CSV {{"t.csv", labels = "{name}", labelsInput = "{name}"}} }}
SGD = {{ minibatchSize = 4 ; maxEpochs = 2 ; learningRate = 0.1 }}
""")
    program = netdsl.check("t.net")
    assert f"net.{name}" in program.network
    assert netdsl.graph(program) is not None
    first = netdsl.train(program, out="a", device="cpu", max_epochs=1, quiet=True)
    assert first.test is not None
    whole = netdsl.train(program, out="b", device="cpu", quiet=True)
    resumed = netdsl.train(program, out="a", resume="a", device="cpu", quiet=True)
    assert resumed.test == whole.test
    assert netdsl.test(program, checkpoint="b", epoch="last", quiet=True).values == whole.test
    assert len(list(netdsl.predict(program, "t.csv", checkpoint="b", quiet=True))) == 12
