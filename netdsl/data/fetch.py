"""Fetching the published data sets: whole or not at all, checked, and going on where a transfer broke off."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.atomic_files import new_file
from ..base.units import disk_text

_CHUNK = 1 << 16
_SECONDS = 30.0  #: without any byte, a transfer counts as broken off


class FetchError(Exception):
    """A file that could not be fetched; `hint` says what to do."""

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__(title)
        self.title, self.hint = title, hint


@dataclass(frozen=True)
class Remote:
    """A published file: its name, size in bytes and checksum."""

    name: str
    size: int
    sha256: str
    #: Members to unpack from a tar archive, by their path in it: path -> file name. Empty: a plain file.
    members: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DataSet:
    """A data set and where it is published: `places` are tried in turn, a file's name is put behind each."""

    places: tuple[str, ...]
    files: tuple[Remote, ...]
    summary: str


_CIFAR_MEMBERS = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin", "batches.meta.txt")

#: Everything that can be fetched. MNIST and Fashion-MNIST are IDX files in gzip, CIFAR-10 its binary version.
DATA_SETS: dict[str, DataSet] = {
    "mnist": DataSet(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (Remote("train-images-idx3-ubyte.gz", 9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
         Remote("train-labels-idx1-ubyte.gz", 28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
         Remote("t10k-images-idx3-ubyte.gz", 1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
         Remote("t10k-labels-idx1-ubyte.gz", 4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6")),
        "handwritten digits, 28 x 28, grey, 10 classes, 60,000 + 10,000 images, 11.6 MB"),
    "fashion-mnist": DataSet(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
         "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"),
        (Remote("train-images-idx3-ubyte.gz", 26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
         Remote("train-labels-idx1-ubyte.gz", 29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
         Remote("t10k-images-idx3-ubyte.gz", 4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
         Remote("t10k-labels-idx1-ubyte.gz", 5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5")),
        "articles of clothing, 28 x 28, grey, 10 classes, 60,000 + 10,000 images, 30.9 MB"),
    "cifar10": DataSet(
        ("https://www.cs.toronto.edu/~kriz/",),
        (Remote("cifar-10-binary.tar.gz", 170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                tuple((f"cifar-10-batches-bin/{name}", name) for name in _CIFAR_MEMBERS)),),
        "photos of animals and vehicles, 32 x 32, RGB, 10 classes, 50,000 + 10,000 images, 170 MB"),
}


@dataclass(frozen=True)
class DownloadProgress:
    """How far a file is. `resumed`: bytes that were there from an earlier transfer."""

    name: str
    done: int
    size: int
    resumed: int
    seconds: float


Report = Callable[[DownloadProgress], None]
Say = Callable[[str], None]


def fetch(data_set: DataSet, folder: Path, *, mirror: str | None = None, report: Report = lambda progress: None,
          say: Say = lambda text: None, attempts: int = 4, pause: float = 1.0) -> None:
    """Put the files of a data set into a folder; those that are there and right are left alone.

    A file is written as `NAME.part` and renamed when its checksum is right, so that a file under its
    name is whole. An existing `.part` is resumed. Raises FetchError.
    """
    places = (mirror if mirror.endswith("/") else mirror + "/",) if mirror else data_set.places
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for remote in data_set.files:
        if _is_there(remote, folder):
            say(f"{remote.name}: already there")
            continue
        _require_room(remote, folder)
        _fetch_file(remote, places, folder, report, say, attempts, pause)
        if remote.members:
            _unpack(remote, folder)
        say(f"{remote.name}: {remote.size:,} bytes, checksum OK"
            + (f", unpacked {len(remote.members)} files" if remote.members else ""))


def _is_there(remote: Remote, folder: Path) -> bool:
    if remote.members:
        return all((folder / name).is_file() for _, name in remote.members)
    path = folder / remote.name
    return path.is_file() and path.stat().st_size == remote.size and _sha256(path) == remote.sha256


def _require_room(remote: Remote, folder: Path) -> None:
    needed = remote.size * (3 if remote.members else 1)
    with _disk(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(f"{remote.name} needs {disk_text(needed)}, and {folder} has {disk_text(free)} free",
                         "free some space there, or choose another folder with --to.")


@dataclass(frozen=True)
class _Problem:
    """Why a try failed; `lasting` if another try at the same place would end alike."""

    text: str
    lasting: bool = False


def _fetch_file(remote: Remote, places: Sequence[str], folder: Path, report: Report, say: Say, attempts: int,
                pause: float) -> None:
    """Try the places in turn, again and again with growing pauses, until the file is there and right."""
    part = folder / f"{remote.name}.part"
    problems: list[str] = []
    left = list(places)
    for attempt in range(attempts):
        for place in tuple(left):
            problem = _try(place, part, remote, report)
            if problem is None:
                return
            if problem.lasting:
                left.remove(place)
            problems.append(f"{place}: {problem.text}")
            say(f"{remote.name}: {problems[-1]}" + ("; trying again" if left and attempt + 1 < attempts else ""))
        if not left:
            break
        if attempt + 1 < attempts:
            time.sleep(min(30.0, pause * 2**attempt))
    raise FetchError(f"{remote.name} could not be fetched: {'; '.join(dict.fromkeys(problems))}",
                     "use a mirror with --mirror URL, or copy the files there by hand.")


def _try(place: str, part: Path, remote: Remote, report: Report) -> _Problem | None:
    """One transfer from one place; None if the file is there and right."""
    try:
        resumed = _transfer(place + remote.name, part, remote, report)
    except urllib.error.HTTPError as error:
        passing = error.code in (408, 429) or error.code >= 500
        return _Problem(f"{error.code} {error.reason}", lasting=not passing)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        return _Problem(getattr(reason, "strerror", None) or str(reason) or type(error).__name__)
    except ValueError:
        raise FetchError(f"`{place}` is not an address", "write it as https://host/folder/.") from None
    if _accept(part, part.with_suffix(""), remote):
        return None
    return _Problem("checksum mismatch: this is not the published file", lasting=not resumed)


def _transfer(address: str, part: Path, remote: Remote, report: Report) -> bool:
    """Append what is missing to the `.part` file; begin anew where the server does not know how to go on.

    True if it went on with what was there.
    """
    have = part.stat().st_size if part.is_file() else 0
    if have >= remote.size:
        have = 0  # whole, but not accepted: of no use
    request = urllib.request.Request(address, headers={"User-Agent": "netdsl", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        goes_on = answer.status == 206 and str(answer.headers["Content-Range"]).startswith(f"bytes {have}-")
        resumed = have if goes_on else 0
        with _disk(part), part.open("ab" if resumed else "wb") as file:
            done = resumed
            while done < remote.size:
                chunk = _read(answer, min(_CHUNK, remote.size - done))
                if not chunk:
                    raise ConnectionError(f"the transfer stopped after {done:,} of {remote.size:,} bytes")
                file.write(chunk)
                done += len(chunk)
                report(DownloadProgress(remote.name, done, remote.size, resumed, time.perf_counter() - started))
    return goes_on


def _read(answer: http.client.HTTPResponse, count: int) -> bytes:
    try:
        return answer.read(count)
    except OSError as error:  # of the network; those of the disk are turned into FetchError elsewhere
        raise ConnectionError(str(error)) from error


def _accept(part: Path, target: Path, remote: Remote) -> bool:
    """Give the file its name if its checksum is right; else remove it, so that the next try begins anew."""
    right = _sha256(part) == remote.sha256
    with _disk(part):
        if right:
            os.replace(part, target)
        else:
            part.unlink()
    return right


def _sha256(path: Path) -> str:
    with _disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(remote: Remote, folder: Path) -> None:
    """Unpack the named members, each whole or not at all, and remove the archive. Paths in it do not matter."""
    archive = folder / remote.name
    with _disk(folder), tarfile.open(archive) as files:
        for member, name in remote.members:
            stream = files.extractfile(member)
            if stream is None:
                raise FetchError(f"{remote.name} has no file `{member}`")
            with new_file(folder / name) as temporary, temporary.open("wb") as target:
                shutil.copyfileobj(stream, target)
    archive.unlink()


class _disk:
    """Turns what the system says of a file or folder into a FetchError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, urllib.error.URLError | ConnectionError | TimeoutError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FetchError(f"the disk of {self.path} is full",
                             "free some space there; the transfer resumes where it stopped.") from error
        raise FetchError(f"{self.path} cannot be written: {error.strerror or error}",
                         "choose another folder with --to.") from error
