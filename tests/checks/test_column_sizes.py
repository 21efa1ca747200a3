"""Columns of very different sizes: a warning before training, with a fix that works, and named where it diverged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netdsl
from netdsl.base.failure import Failure
from netdsl.base.source import Source
from netdsl.compiler import CheckResult, examine

TITLE = "`features` is not standardized, and its columns have very different sizes"


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rooms, feet, year = random.integers(1, 8, 80), random.normal(2000, 500, 80).round(), random.integers(1950, 2020, 80)
    x, price = np.stack([rooms, feet, year], 1).astype(np.float32), 50 * feet + 9000 * rooms + 100 * (year - 1950)
    rows = "".join(f"{a:g},{b:g},{c:g},{y:g}\n" for (a, b, c), y in zip(x, price, strict=True))
    (tmp_path / "h.csv").write_text("rooms,squarefeet,year,price\n" + rows)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", price.astype(np.float32))
    lines = (f"|features {a:g} {b:g} {c:g} |labels {y:g}\n" for (a, b, c), y in zip(x, price, strict=True))
    (tmp_path / "h.ctf").write_text("".join(lines))
    return tmp_path


CSV = 'CSV {"@/h.csv", targets = "numbers"}'
READERS = {"csv": CSV, "npy": 'NumPy {"@/x.npy", "@/y.npy", targets = "numbers"}',
           "ctf": 'CNTKText {"@/h.ctf", input = {features = {dim = 3} ; labels = {dim = 1}}}'}


def check(folder: Path, reader: str, z: str = "LinearLayer {1} (features)", epochs: int = 60) -> CheckResult:
    text = f"""network = {{
    features = Input {{3}} ; labels = Input {{1}}
    z = {z}
    criterionNodes = SquareError (labels, z) ; outputNodes = z
}}
reader = {{ train = {reader} }}
SGD = {{ minibatchSize = 10 ; maxEpochs = {epochs} ; learningRate = 0.01 }}
"""
    return examine(Source("houses.net", text.replace("@", str(folder))))


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_raw_columns_are_doubted(reader: str, houses: Path) -> None:
    page, = check(houses, reader).diagnostics
    assert (page.severity, page.title) == ("warning", TITLE)
    assert "numbers of about 2,000" in page.body[0]
    assert ("`standardize = true`" if reader == CSV else "`MeanVarNorm (features)`") in page.hint


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_the_cure_works(reader: str, houses: Path) -> None:
    """Without it training diverges, and the page of that names it; with it the prices are learned."""
    with pytest.raises(Failure) as caught:
        netdsl.train(check(houses, reader).require(), device="cpu", out=houses / "raw")
    page = caught.value.diagnostics[0]
    assert page.code == "diverged"
    assert page.hint.startswith(TITLE)
    repaired = check(houses, CSV.replace("}", ", standardize = true}")) if reader == CSV else \
        check(houses, reader, "LinearLayer {1} (MeanVarNorm (features))")
    assert not repaired.diagnostics
    result = netdsl.train(repaired.require(), device="cpu", out=houses / "cured")
    (error,) = result.train.values()
    assert error < 1e6  # the prices' variance is 9e8


@pytest.mark.parametrize("z", ["LinearLayer {1} (BatchNormalizationLayer {} (features))",
                               "LinearLayer {1} (features / 1000)", "LinearLayer {1} (FeatureMVNLayer {} (features))"])
def test_what_is_scaled_in_the_network_is_not_doubted(z: str, houses: Path) -> None:
    assert not check(houses, CSV, z).diagnostics


def test_ordinary_columns_are_not_doubted(houses: Path) -> None:
    """Iris and Titanic can be trained on as they are."""
    rows = "".join(f"{5 + k % 3},{0.2 + k % 2},{20 + k},{k}\n" for k in range(40))
    (houses / "h.csv").write_text("rooms,squarefeet,year,price\n" + rows)
    assert not check(houses, CSV).diagnostics
