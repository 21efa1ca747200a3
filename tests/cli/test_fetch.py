"""`netdsl data fetch` against a server on this machine: resuming, refusing, going on, giving up."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from netdsl.data import fetch
from netdsl.data.fetch import DATA_SETS, DataSet, DownloadProgress, FetchError, Remote

from .conftest import Command

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes, several chunks


class Server(http.server.ThreadingHTTPServer):
    """Hands out `files`; the switches make it as bad as servers are."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.knows_ranges = True
        self.breaks_after: list[int] = []  #: bytes after which the next transfers break off
        self.refusals: list[int] = []  #: status codes of the next answers
        self.requests: list[tuple[str, str]] = []  #: path and Range header

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range", "")
        server.requests.append((self.path, wanted))
        if server.refusals:
            self.send_error(server.refusals.pop(0))
            return
        content = server.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.knows_ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: server.breaks_after.pop(0)] if server.breaks_after else body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def remote(content: bytes = CONTENT, name: str = "data.bin") -> Remote:
    return Remote(name, len(content), hashlib.sha256(content).hexdigest())


def get(server: Server, folder: Path, *, wanted: Remote | None = None, attempts: int = 3) -> list[str]:
    """Fetch one file; what was said."""
    said: list[str] = []
    fetch.fetch(DataSet((server.address,), (wanted or remote(),), ""), folder, say=said.append, attempts=attempts,
                pause=0.0)
    return said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.files["data.bin"] = CONTENT
    seen: list[DownloadProgress] = []
    data_set = DataSet((server.address,), (remote(),), "")
    fetch.fetch(data_set, tmp_path / "a" / "b", report=seen.append)
    assert (tmp_path / "a" / "b" / "data.bin").read_bytes() == CONTENT
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].size == len(CONTENT)
    fetch.fetch(data_set, tmp_path / "a" / "b")
    assert len(server.requests) == 1


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.files["data.bin"] = CONTENT
    (tmp_path / "data.bin").write_bytes(CONTENT[:-1] + b"?")
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.files["data.bin"], server.breaks_after = CONTENT, [100_000, 50_000]
    said = get(server, tmp_path)
    ranges = [wanted for _, wanted in server.requests]
    assert ranges[0] == ""
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in ranges[1:]]
    assert 0 < starts[0] <= 100_000
    assert starts[0] < starts[1] <= 150_000
    assert names(tmp_path) == ["data.bin"]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert any("the transfer stopped after" in line for line in said)


def test_a_later_call_goes_on_too(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1234])
    server.files["data.bin"] = CONTENT
    get(server, tmp_path)
    assert server.requests == [("/data.bin", "bytes=1234-")]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"x" * 5000)
    server.files["data.bin"], server.knows_ranges = CONTENT, False
    get(server, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_wrong_part_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"x" * 5000)
    server.files["data.bin"] = CONTENT
    get(server, tmp_path)
    assert [wanted for _, wanted in server.requests] == ["bytes=5000-", ""]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused(server: Server, tmp_path: Path) -> None:
    server.files["data.bin"] = CONTENT[:-1] + b"?"
    with pytest.raises(FetchError, match="checksum mismatch"):
        get(server, tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1  # the same place hands out the same again


@pytest.mark.parametrize(("refusals", "requests"), [([503, 429], 3), ([404] * 9, 1)])
def test_passing_refusals_are_tried_again(server: Server, tmp_path: Path, refusals: list[int], requests: int) -> None:
    server.files["data.bin"], server.refusals = CONTENT, refusals
    if requests == 1:
        with pytest.raises(FetchError, match="404"):
            get(server, tmp_path)
    else:
        get(server, tmp_path)
    assert len(server.requests) == requests


def test_the_next_place_is_taken(server: Server, tmp_path: Path) -> None:
    server.files["good/data.bin"] = CONTENT
    places = (f"{server.address}bad/", f"{server.address}good/")
    fetch.fetch(DataSet(places, (remote(),), ""), tmp_path)
    assert [path for path, _ in server.requests] == ["/bad/data.bin", "/good/data.bin"]


def test_an_archive_is_unpacked_and_nothing_else_of_it(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("set/a.bin", b"aaa"), ("set/b.bin", b"bb"), ("../evil", b"!")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    packed = buffer.getvalue()
    wanted = dataclasses.replace(remote(packed, "set.tar.gz"), members=(("set/a.bin", "a.bin"), ("set/b.bin", "b.bin")))
    server.files["set.tar.gz"] = packed
    get(server, tmp_path / "in", wanted=wanted)
    assert names(tmp_path / "in") == ["a.bin", "b.bin"]
    assert names(tmp_path) == ["in"]
    get(server, tmp_path / "in", wanted=wanted)
    assert len(server.requests) == 1


def test_a_full_disk_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(FetchError, match="needs 307 kB, and"):
        fetch.fetch(DataSet(("http://127.0.0.1:9/",), (remote(),), ""), tmp_path)


def test_the_command(server: Server, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["data.bin"] = CONTENT
    monkeypatch.setitem(DATA_SETS, "mnist", DataSet(("http://127.0.0.1:9/",), (remote(),), ""))
    answer = command("data", "fetch", "mnist", "--to", str(tmp_path / "m"), "--mirror", server.address.rstrip("/"))
    assert answer.code == 0, answer.err
    assert f"dataDir={tmp_path / 'm'}" in answer.out
    assert (tmp_path / "m" / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("mnits",), 2, "did you mean `mnist`?"),
    ((), 2, "mnist|fashion-mnist|cifar10"),
    (("mnist", "--mirror", "nowhere"), 1, "is not an address"),
    (("mnist", "--mirror", "file.txt/x", "--to", "taken"), 1, "taken"),
])
def test_wrong_input(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
                     code: int, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    answer = command("data", "fetch", *arguments)
    assert answer.code == code
    assert words in answer.err
    assert "Hint:" in answer.err


def test_the_table_is_that_of_the_published_files() -> None:
    """Sizes and checksums of the real files, where they are at hand."""
    shared = Path(__file__).parents[3] / "shared" / "data"
    if not shared.is_dir():
        pytest.skip("needs ../shared/data")
    for name in ("mnist", "fashion-mnist"):
        for file in DATA_SETS[name].files:
            content = (shared / name / file.name).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
    assert sum(file.size for file in DATA_SETS["cifar10"].files) == 170_052_171
