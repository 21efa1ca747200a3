"""A small network, trained once, for the tests of the commands."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import netdsl.cli

NETWORK = """dataDir = "data/mnist"
network = {
    model = Sequential (hidden := DenseLayer {24, activation = ReLU} : classes := LinearLayer {10})
    features = Input {28:28:1}
    labels   = Input {10}
    z        = model (features / 256)
    ce   = CrossEntropyWithSoftmax (labels, z)
    errs = ClassificationError (labels, z)
    criterionNodes  = ce
    evaluationNodes = errs
    outputNodes     = z
}
reader = {
    train  = IDX {"$dataDir$/train-images-idx3-ubyte.gz", "$dataDir$/train-labels-idx1-ubyte.gz"}
    test   = IDX {"$dataDir$/t10k-images-idx3-ubyte.gz", "$dataDir$/t10k-labels-idx1-ubyte.gz"}
    sample = SampleMNIST {train = 400, test = 100}
}
SGD = { minibatchSize = 32 ; maxEpochs = 2 ; learningRate = 0.1 ; momentum = 0.9 }
"""


@dataclass(frozen=True)
class Answer:
    """What a command ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


def call(*arguments: str) -> Answer:
    """A command of `netdsl`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = netdsl.cli.run(arguments)
    return Answer(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Samples are made here, once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETDSL_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `small.net` and two runs of it, the second with another rate."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "small.net").write_text(NETWORK)
    with chdir(folder):
        for overrides in ((), ("SGD.learningRate=0.05",)):
            answer = call("run", "small.net", *overrides, "--quiet", "--device", "cpu",
                          "--out", f"runs/small/{len(overrides)}")
            assert answer.code == 0, answer.err
            assert "report.html" in answer.out
        (folder / "runs" / "small" / "latest").unlink(missing_ok=True)
        (folder / "runs" / "small" / "latest").symlink_to("1")
    return folder


@pytest.fixture
def work(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `trained`, as the current one."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def command(cache: Path) -> Command:
    return call
