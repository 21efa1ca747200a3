"""bf16 on a processor without such instructions: said before it is trained six to ten times slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.base import processor
from netdsl.base.diagnostics import apply_fix
from netdsl.base.source import Source
from netdsl.compiler import examine

TEXT = """network = {
    x = Input {4} ; y = Input {2}
    criterionNodes = CrossEntropyWithSoftmax (y, LinearLayer {2} (x))
}
SGD = { maxEpochs = 1 ; learningRate = 0.1 ; precision = "PRECISION" }
"""
INTEL = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 amx_tile amx_bf16\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16 dgh\n"
OLD = "processor\t: 0\nflags\t\t: fpu avx2 avx512f\nbugs\t\t: bf16\n"
UNKNOWN = "cpu\t\t: POWER9, altivec supported\n"


@pytest.fixture(autouse=True)
def asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    processor.multiplies_bf16.cache_clear()
    monkeypatch.setattr(processor, "GPU_DEVICES", ())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def set_processor(monkeypatch: pytest.MonkeyPatch, folder: Path, info: str | None) -> None:
    path = folder / "cpuinfo"
    if info is not None:
        path.write_text(info)
    monkeypatch.setattr(processor, "CPU_INFO", path)


def warned(precision: str) -> list[str]:
    checked = examine(Source("small.net", TEXT.replace("PRECISION", precision)))
    return [d.title for d in checked.diagnostics]


@pytest.mark.parametrize(("info", "known"), [(INTEL, True), (ARM, True), (OLD, False), (UNKNOWN, None), (None, None)])
def test_what_the_system_says(info: str | None, known: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                              ) -> None:
    set_processor(monkeypatch, tmp_path, info)
    assert processor.multiplies_bf16() is known
    assert bool(warned("bf16")) is (known is False)
    assert warned("float") == warned("auto") == []


def test_the_cure_and_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_processor(monkeypatch, tmp_path, OLD)
    source = Source("small.net", TEXT.replace("PRECISION", "bf16"))
    warning, = examine(source).diagnostics
    assert apply_fix(warning.fix, source) == TEXT.replace("PRECISION", "auto")
    monkeypatch.setattr(processor, "GPU_DEVICES", (tmp_path,))
    assert warned("bf16") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert warned("bf16") != []
