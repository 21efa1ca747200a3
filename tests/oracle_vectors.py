"""The reference vectors made with real CNTK 2.7 (`../shared/oracle`): cases, their arrays, the tolerance.

The axes are those of torch: CNTK's `[W x H x C]` is stored as `(C, H, W)`, with the batch first where
there is one. `../shared/oracle/README.md` describes every field of a case.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "oracle"
AVAILABLE = (FOLDER / "index.json").is_file()
MISSING = "needs ../shared/oracle"

Case = dict[str, Any]


@functools.cache
def _index() -> tuple[Case, ...]:
    if not AVAILABLE:
        return ()
    return tuple(json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))["cases"])


@functools.cache
def _file(name: str) -> Mapping[str, np.ndarray]:
    with np.load(FOLDER / name) as arrays:
        return dict(arrays)


def cases(group: str | None = None, op: str | tuple[str, ...] | None = None) -> Iterator[Case]:
    """The cases of a group, of an op (or several), or of both; all of them without either."""
    ops = (op,) if isinstance(op, str) else op
    for case in _index():
        if (group is None or case["group"] == group) and (ops is None or case["op"] in ops):
            yield case


def parameters(group: str | None = None, op: str | tuple[str, ...] | None = None) -> list[Any]:
    """The cases as pytest parameters named by their id; one visible skip where the vectors are missing.

    `@pytest.mark.parametrize("case", oracle_vectors.parameters("pooling"))`
    """
    if not AVAILABLE:
        return [pytest.param({}, id="missing", marks=pytest.mark.skip(reason=MISSING))]
    return [pytest.param(case, id=case["id"]) for case in cases(group, op)]


def array(case: Case, entry: Mapping[str, Any]) -> np.ndarray:
    """The array of an entry (`case["inputs"]["x"]`), as float64 unless it holds whole numbers."""
    values = _file(case["file"])[entry["key"]]
    return values.astype(np.float64) if values.dtype.kind == "f" else values


def arrays(case: Case, field: str, where: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
    """All arrays of a field by name: `arrays(case, "grads")`, `arrays(case, "outputs", case["steps"][0])`."""
    entries = (case if where is None else where).get(field, {})
    return {name: array(case, entry) for name, entry in entries.items()}


def tolerance(wanted: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """What `|got - wanted|` may be, element by element; `factor` 10 for batch normalization and networks."""
    finite = np.abs(wanted[np.isfinite(wanted)])
    return factor * (2e-4 * np.abs(wanted) + 2e-5 * max(1.0, float(finite.max(initial=0.0))))


def assert_close(got: Any, wanted: np.ndarray, what: str = "", factor: float = 1.0) -> None:
    """Fail with the worst element unless `got` (a tensor or array) agrees; NaN equals NaN, inf equals inf.

    The shapes have to be equal but for axes of extent 1 (a scalar may be stored as `(N,)` or `(N, 1)`).
    """
    have = np.asarray(got.detach().cpu().numpy() if hasattr(got, "detach") else got, dtype=np.float64)
    wanted = np.asarray(wanted, dtype=np.float64)
    if [d for d in have.shape if d != 1] != [d for d in wanted.shape if d != 1]:
        pytest.fail(f"{what}: shape {have.shape}, CNTK has {wanted.shape}")
    have = have.reshape(wanted.shape)
    with np.errstate(invalid="ignore"):
        close = np.abs(have - wanted) <= tolerance(wanted, factor)
    close |= (have == wanted) | (np.isnan(have) & np.isnan(wanted))
    if not close.all():
        worst = np.unravel_index(int(np.argmin(close)), close.shape)
        pytest.fail(f"{what}: {int((~close).sum())} of {close.size} differ; at {tuple(map(int, worst))} "
                    f"{have[worst]!r}, CNTK has {wanted[worst]!r}")
