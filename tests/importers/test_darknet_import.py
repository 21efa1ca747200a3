"""darknet's `.cfg` files: what they become, and a page for each mistake."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import netdsl
from netdsl.base.render import render_all
from netdsl.base.source import Files, Source
from netdsl.compiler import CheckResult, load
from netdsl.describe.imported_text import imported_text, read_again
from netdsl.importers.darknet.activations import ACTIVATIONS
from netdsl.importers.darknet.cfg_file import read_cfg
from netdsl.importers.darknet.cfg_network import read_sections
from netdsl.importers.darknet.cfg_plan import require_net
from netdsl.importers.darknet.section_table import SECTIONS
from netdsl.importers.darknet.section_type import RefusedSection, SectionType

HERE = Path(__file__).parent / "darknet"
NETWORKS = sorted(HERE.glob("*.cfg"))
MISTAKES = sorted((HERE / "errors").glob("*.cfg"))


def checked(path: Path) -> CheckResult:
    return load(Source(path.name, path.read_text()), files=Files())


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_written_text(path: Path, golden: pytest.FixtureRequest) -> None:
    """The `.net` that is written, which means the same when it is read again."""
    result = checked(path)
    program = result.require_network()
    text = imported_text(result)
    read_again(program, text, path.with_suffix(".net").name)
    golden(text, path.with_suffix(".net"))  # type: ignore[operator]


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_extents_are_the_networks(path: Path) -> None:
    """What the importer computes of each section is what the network's own rules say."""
    sections = read_cfg(Source(path.name, path.read_text())).sections
    placed, _ = read_sections(sections[1:], require_net(sections, sections[0].header).extents())
    program = checked(path).require_network()
    sizes = {node.shape.size for node in program.network}
    assert all(place.made.extents.size in sizes for place in placed)
    shapes = {node.name.rpartition(".")[2]: node.shape for node in program.network}
    for place in placed:
        if place.name in shapes and not place.made.extents.flat and place.made.layer is not None:
            extents = place.made.extents
            assert shapes[place.name].file_dims == (extents.width, extents.height, extents.channels), place.name


@pytest.mark.parametrize("path", MISTAKES, ids=lambda p: p.stem)
def test_page(path: Path, golden: pytest.FixtureRequest) -> None:
    text = path.read_text()
    result = load(Source(path.name, text), ("dataDir=.",) if path.stem == "warnings" else (), files=Files())
    shown = [d for d in result.diagnostics if d.code != "reader-file"]
    assert bool(result.errors) != (path.stem == "warnings")
    golden(render_all(shown), path.with_suffix(".txt"))  # type: ignore[operator]


@pytest.mark.parametrize("row", SECTIONS, ids=lambda row: row.names[0])
def test_example_of_row(row: SectionType) -> None:
    """Each row's own example checks, under all of its names; what is refused is refused by its name."""
    before = {"detection": "[connected]\noutput=7\n"}.get(row.names[0], "[convolutional]\nfilters=8\n")
    for name in row.names:
        text = f"[net]\nwidth=24\nheight=16\nchannels=8\n[maxpool]\n{before}[{name}]\n" + row.example.replace(" ", "\n")
        result = load(Source("example.cfg", text + "\n"))
        if isinstance(row, RefusedSection):
            assert [d.code for d in result.errors] == ["not-supported"]
            assert f"[{name}]" in result.errors[0].title
        else:
            assert not result.errors, render_all(result.errors)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    """Every activation against darknet's formula, written out here."""
    import numpy as np
    import torch

    from netdsl.training.build import build

    text = f"[net]\nwidth=9\nheight=1\nchannels=1\n[activation]\nactivation={name}\n[activation]\nactivation=relu\n"
    program = load(Source("activation.cfg", text)).require_network()
    first = [node.name for node in program.network if node.name.startswith("block1.activation1")]
    x = np.array([-7.25, -4, -1.5, -0.5, 0.0, 0.25, 1.75, 3, 6.5], "float32")
    node = first[-1] if first else "features"
    executable = build(program, (node,), torch.device("cpu"), seed=0)
    found = executable.module(*executable.arguments({"features": torch.from_numpy(x.reshape(1, 1, 1, 9))}))[node]
    if not first:  # a single relu: `activation2` follows what linear leaves out
        assert name == "linear"
        return
    e, sigmoid, n = np.exp(x), 1 / (1 + np.exp(-x)), np.floor(x)
    wanted = {
        "logistic": sigmoid, "relu": x * (x > 0), "leaky": np.where(x > 0, x, 0.1 * x), "ramp": x * (x > 0) + 0.1 * x,
        "tanh": np.tanh(x), "elu": np.where(x >= 0, x, e - 1), "relie": np.where(x > 0, x, 0.01 * x),
        "swish": x * sigmoid, "mish": x * np.tanh(np.log1p(e)),
        "selu": np.where(x >= 0, 1.0507 * x, 1.0507 * 1.6732 * (e - 1)), "loggy": 2 * sigmoid - 1,
        "hardtan": np.clip(x, -1, 1),
        "lhtan": np.where(x < 0, 0.001 * x, np.where(x > 1, 0.001 * (x - 1) + 1, x)),
        "plse": np.where(x < -4, 0.01 * (x + 4), np.where(x > 4, 0.01 * (x - 4) + 1, 0.125 * x + 0.5)),
        "stair": np.where(n % 2 == 0, np.floor(x / 2), x - n + np.floor(x / 2)),
    }[name]
    np.testing.assert_allclose(found.detach().numpy().reshape(-1), wanted, rtol=1e-5, atol=1e-6)


def test_plan_by_updates() -> None:
    """Rates and lengths count updates; decay leaves biases alone; the rate is outside the velocity."""
    plan = checked(HERE / "residual.cfg").require_network().plan
    assert plan is not None

    def rate(step: int) -> float:
        return plan.rates_at(step * 64, 64, 0.0, step).rate

    assert rate(0) == 0
    assert rate(25) == pytest.approx(0.05 * 0.5**4)
    assert rate(50) == rate(99) == pytest.approx(0.05)
    assert rate(100) == rate(399) == pytest.approx(0.005)
    assert rate(400) == pytest.approx(0.0025)
    assert (plan.block.max_steps, plan.epochs, plan.block.epoch_size) == (12000, 12, 64000)
    assert plan.block.bias_decay_multiplier == 0
    assert plan.optimizer.show() == "MomentumSGD {rateInside = false}"
    chain = checked(HERE / "chain.cfg").require_network().plan
    assert chain is not None
    assert (chain.minibatch_size, chain.pieces, chain.update_size_at(0)) == (32, 4, 32)


@pytest.mark.parametrize(("policy", "step", "wanted"), [
    ("policy=step\nstep=10\nscale=.5", 25, 0.1 * 0.25), ("policy=exp\ngamma=.9", 3, 0.1 * 0.729),
    ("policy=poly\npower=2", 50, 0.1 * 0.25), ("policy=constant", 7, 0.1),
    ("policy=sigmoid\ngamma=.5\nstep=20", 22, 0.1 / (1 + 2.718281828459045**1.0))])
def test_policy(policy: str, step: int, wanted: float) -> None:
    text = f"[net]\nbatch=2\nwidth=4\nheight=4\nchannels=1\nlearning_rate=.1\nmax_batches=100\n{policy}\n" \
           "[connected]\noutput=3\nactivation=linear\n[softmax]\n"
    plan = load(Source("policy.cfg", text)).require_network().plan
    assert plan is not None
    assert plan.rates_at(step * 2, 2, 0.0, step).rate == pytest.approx(wanted)


def test_blanks_and_text_behind_numbers() -> None:
    """Blanks go everywhere, also out of the middle of a number; what stands behind one is not read."""
    text = "[ net ]\n w i d t h = 1 2\nheight=8px\nchannels = 3 ; colours\n\n" \
           "[connected]\noutput=5.9\nactivation=linear\n"
    result = load(Source("blanks.cfg", text))
    program = result.require_network()
    assert program.network["features"].shape.file_dims == (12, 8, 3)
    assert program.network["fc1"].shape.file_dims == (5,)
    assert any("`.9` behind the number" in d.title for d in result.diagnostics)


def test_crlf_and_recognition(tmp_path: Path) -> None:
    """A file is known by its first section as well as by its name, whatever ends its lines."""
    path = tmp_path / "network.txt"
    path.write_bytes((HERE / "chain.cfg").read_bytes().replace(b"\n", b"\r\n"))
    assert netdsl.load(path).require_network().network["model.conv1.conv"].shape.file_dims == (32, 28, 16)


def test_texts_that_are_changed() -> None:
    """Texts overwritten, cut and stuffed at random are pages, or networks that are written and read again."""
    original, random, pages = (HERE / "mini.cfg").read_text(), Random(1), 0
    pieces = ["[route]\nlayers=-1\n", "=", "-99", "[", "\n\n", "999999999", "layers=", "from=-2\n", "groups=3\n"]
    for _ in range(150):
        text = list(original)
        for _ in range(random.randint(1, 5)):
            place, kind = random.randrange(len(text)), random.randrange(3)
            if kind == 0:
                text[place] = random.choice("[]=#;,-0123456789.\nabc \t\0é")
            elif kind == 1:
                del text[place:place + random.randint(1, 30)]
            else:
                text[place:place] = random.choice(pieces)
        result = load(Source("changed.cfg", "".join(text)))
        if result.errors:
            assert render_all(result.errors)
            pages += 1
        else:
            read_again(result.require_network(), imported_text(result), "changed.net")
    assert 50 < pages < 150


def test_session_of_the_page() -> None:
    """The page of the documentation shows what `import` writes."""
    page = (Path(__file__).parents[2] / "docs" / "coming-from-darknet.md").read_text()
    cfg, net = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("ini", "net"))
    result = load(Source("pet.cfg", cfg))
    result.require_network()
    assert imported_text(result) == net
