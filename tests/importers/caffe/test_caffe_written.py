"""What `netdsl import` writes for small nets: goldens, which are read again as the same network."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.api.importing import text_of_import
from netdsl.base.render import render_all

HERE = Path(__file__).parent
NETS = (*sorted((HERE / "written").glob("*.prototxt")), HERE / "kinds_deploy.prototxt", HERE / "old_v1.prototxt",
        HERE / "rounding_deploy.prototxt")


@pytest.mark.parametrize("net", NETS, ids=lambda path: path.stem)
def test_written(net: Path, golden: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(net.parent)
    text, _, notes = text_of_import(net.name, (), str(Path(net.name).with_suffix(".net")))
    told = "".join(f"# {line}".rstrip() + "\n" for line in render_all(notes).splitlines()) if notes else ""
    golden(text + ("\n" + told if told else ""), HERE / "written" / f"{net.stem}.net")  # type: ignore[operator]
