"""Files that hold no network: what they are, and what to do with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl


@pytest.mark.parametrize(("name", "data", "words", "cure"), [
    ("w.caffemodel", b"\x0a\x03net\xff\xfe", "weights of Caffe", "-c "),
    ("w.weights", b"\0\0\0\0\2\0\0\0\xff\xff", "weights of darknet", "-c "),
    ("x.cntk", "command = fit".encode("utf-16"), "it is UTF-16 text", "iconv -f UTF-16"),
    ("x.prototxt", "name: 'a'".encode("utf-16"), "it is UTF-16 text", "iconv -f UTF-16"),
])
def test_a_file_without_a_network_is_named(name: str, data: bytes, words: str, cure: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(netdsl.Failure) as caught:
        netdsl.load(path)
    (page,) = caught.value.diagnostics
    assert words in page.title
    assert cure in page.hint
