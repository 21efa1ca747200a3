"""Reading files for the readers: packed or plain, from folders or archives, every fault a DataError."""

from __future__ import annotations

import codecs
import gzip
import lzma
import os
import stat
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from ..base.units import clipped_middle, disk_text
from .reader import DataError

_PACKED = (".gz", ".xz")
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_SPACE = b" \t\r\n"
#: Bytes of a text that are read at once.
_BLOCK = 1 << 17
#: A file that was written less than this many nanoseconds ago may be written again without a newer time.
_SETTLED = 100_000_000
#: What is packed may unpack to so many bytes, or to so many times its own size: a few megabytes can hold any size.
LEAST_UNPACKED = 64 << 20
MOST_EXPANSION = 100
#: As many as a program has readers: for training, validation and test.
_MOST_KEPT = 3

T = TypeVar("T")

#: First bytes -> what people have when they have the wrong file.
_KINDS = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"), (b"BM", "a BMP image"),
    (b"PK\x03\x04", "a zip archive"), (_GZIP, "gzip data"), (_XZ, "xz data"), (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x02", "a Python pickle"), (b"\x80\x03", "a Python pickle"), (b"\x80\x04", "a Python pickle"),
    (b"version https://git-lfs", "a Git LFS pointer, the data themselves were not fetched"),
    (b"<!DOCTYPE", "a web page, such as a failed download leaves"), (b"<html", "a web page"), (b"<?xml", "XML"),
    (b"II*\0", "a TIFF image"), (b"MM\0*", "a TIFF image"), (b"8BPS", "a Photoshop image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"), (b"\0\0\0\x0cJXL ", "a JPEG XL image"), (b"\xff\x0a", "a JPEG XL image"),
    (b"<svg", "an SVG drawing"), (b"v/1\x01", "an OpenEXR image"), (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"), (b"\xfe\xff", "UTF-16 text"),
)

#: What stands after the first four bytes and `ftyp` -> the same.
_BRANDS = (
    *((brand, "a HEIC image") for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")),
    (b"avif", "an AVIF image"), (b"avis", "an AVIF image"), (b"crx", "a raw photo"),
    (b"", "a video (MP4)"),
)


def short(path: str | Path) -> str:
    """The file's own name, short enough for a headline."""
    return clipped_middle(Path(path).name or str(path), 36)


def kind_of(head: bytes) -> str:
    """What a file is, measured on its first bytes, for messages."""
    if not head:
        return "empty"
    for brand, kind in _BRANDS:
        if head[4:].startswith(b"ftyp" + brand):
            return kind
    for start, kind in _KINDS:
        if head.lstrip(_SPACE)[: len(start)].lower() == start.lower():
            return kind
    if all(32 <= byte < 127 or byte in _SPACE for byte in head[:64]):
        return f"text that begins with `{head[:24].decode().strip()}`"
    return "data that begin with the bytes " + head[:4].hex(" ")


def locate(path: str) -> Path | None:
    """The file, or its packed or unpacked twin (`x` for `x.gz`, `x.xz` for `x`); None if there is none."""
    given = Path(path)
    plain = given.with_suffix("") if given.suffix.lower() in _PACKED else given
    packed = [plain.with_name(plain.name + suffix) for suffix in _PACKED] if plain.name else []
    for candidate in (given, plain, *packed):
        if _exists(candidate):
            return candidate
    return None


def exists(path: str | Path) -> bool:
    """Whether something is there, as far as the system lets us know."""
    return _exists(Path(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder on the way may not be searched: opening it will say so
        return True


def missing_file(path: str, what: str = "file", option: str = "") -> DataError:
    """The error for a path where nothing is; it says how far the path exists."""
    if leads_nowhere(path):
        return dead_link(path, option)
    folder = Path(path).parent
    while not _exists(folder) and folder != folder.parent:
        folder = folder.parent
    body = f"The folder `{folder}` is there, but nothing called `{Path(path).relative_to(folder)}` in it."
    if not Path(path).is_absolute():
        body += f" Paths count from the current folder, `{Path.cwd()}`."
    return DataError(f"there is no {what} `{short(path)}`", path=path, option=option, body=(body,),
                     hint="correct the path, or set the folder on the command line, for example `dataDir=/my/data`.")


def leads_nowhere(path: str) -> bool:
    """Whether a path is a link to what does not exist, or to itself."""
    return os.path.islink(path) and not _exists(Path(path))


def dead_link(path: str, option: str = "") -> DataError:
    return DataError(f"`{short(path)}` is a broken link", path=path, option=option,
                     body=(f"It points to `{os.readlink(path)}`.",),
                     hint="restore what it points to, or delete the link.")


@contextmanager
def reading(path: str | Path, option: str = "") -> Iterator[None]:
    """Turn whatever goes wrong in reading a file into a DataError that names it."""
    name = short(path)
    try:
        yield
    except DataError as error:
        raise error.with_location(str(path), option=option) from None
    except FileNotFoundError:
        raise missing_file(str(path), option=option) from None
    except PermissionError:
        raise DataError(f"no permission to read `{name}`", path=str(path), option=option,
                        hint="give yourself permission to read it (`chmod u+r`), or use a copy of your own.") from None
    except IsADirectoryError:
        raise DataError(f"`{name}` is a folder, not a file", path=str(path), option=option,
                        hint="name the file inside it.") from None
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"the packed file `{name}` is damaged or cut short", path=str(path), option=option,
                        place=f"byte {_size(path):,} of the file (its end)" if _cut_short(error) else "",
                        body=(f"Unpacking says: {error}.",), hint="fetch the file again.") from None
    except OSError as error:
        raise DataError(f"`{name}` cannot be read", path=str(path), option=option,
                        body=(f"The system says: {error.strerror or error}.",)) from None


def _cut_short(error: Exception) -> bool:
    return isinstance(error, EOFError) or "incomplete" in str(error) or "ended before" in str(error)


def _size(path: str | Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def open_file(path: str | Path) -> IO[bytes]:
    """The bytes of a file as they are. Raises DataError for what is none: a pipe or a device may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise DataError(f"`{short(path)}` is {what}, not a file", path=str(path),
                        hint="write what it gives into a file, and name that.")
    return open(path, "rb")


def open_plain(path: str | Path) -> IO[bytes]:
    """The unpacked bytes of a file as a stream. What it is packed with is seen from its first bytes.

    A packed file ends in a DataError where it unpacks to far more than it holds.
    """
    with open_file(path) as stream:
        head = stream.read(6)
    # Opened by its path, so that closing the stream closes the packed file too.
    if head.startswith(_GZIP):
        return _Unpacked(gzip.open(path), path)  # type: ignore[return-value, arg-type]
    return _Unpacked(lzma.open(path), path) if head == _XZ else open(path, "rb")  # type: ignore[return-value]


def most_unpacked(packed: int) -> int:
    """How many bytes are unpacked at most, of so many packed ones."""
    return max(LEAST_UNPACKED, MOST_EXPANSION * packed)


def unpacks_to_too_much(name: str, packed: int, place: str = "") -> DataError:
    return DataError(f"`{name}` unpacks to more than {disk_text(most_unpacked(packed))}", place=place,
                     body=(f"It has {disk_text(packed)}. At most {MOST_EXPANSION} times as much is unpacked, since a "
                           "small damaged or malicious file can hold any size.",),
                     hint="unpack it yourself and name the unpacked file, if you know what it is.")


class _Unpacked:
    """A stream that unpacks, as far as a file of this size may."""

    def __init__(self, stream: IO[bytes], path: str | Path) -> None:
        self._stream, self._path = stream, path
        self._packed = os.stat(path).st_size
        self._left = most_unpacked(self._packed)

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(self._left + 1 if count < 0 else min(count, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise unpacks_to_too_much(short(self._path), self._packed)
        return data

    def seek(self, position: int) -> int:
        self._left += self._stream.tell() - position
        return self._stream.seek(position)

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()


def is_packed(path: str | Path) -> bool:
    """Whether the file is packed, by its first bytes. Raises DataError."""
    with reading(path), open_file(path) as stream:
        return stream.read(6).startswith((_GZIP, _XZ))


def required(path: str, option: str = "", what: str = "file") -> Path:
    """The file or its packed twin; DataError if it does not exist."""
    found = locate(path)
    if found is None:
        raise missing_file(path, what, option)
    return found


def read_all(path: str, option: str = "") -> bytes:
    """All unpacked bytes of a file or its packed twin. Raises DataError."""
    return read_head(path, -1, option)


def read_head(path: str, count: int, option: str = "") -> bytes:
    """The first unpacked bytes of a file, fewer if it is shorter; all for -1. Raises DataError."""
    found = required(path, option)
    with reading(found, option), open_plain(found) as stream:
        return stream.read(count)


def text_blocks(path: str, option: str = "", encoding: str | None = "utf-8") -> Iterator[tuple[int, list[str]]]:
    """The lines of a text, some at a time: the number of the first, and the lines without their ends.

    With `encoding = None` it is UTF-8, or UTF-16 where it begins with the mark of that.
    """
    found = required(path, option)
    number = 1
    with reading(found, option), open_plain(found) as opened:
        stream = _in_utf8(opened, found, encoding)
        for block in _whole_lines(stream):
            if number == 1:
                if block.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise DataError(f"`{short(found)}` is UTF-16 text, and UTF-8 is read", place="byte 0",
                                    hint="save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`.")
                block = block.removeprefix(b"\xef\xbb\xbf")
            try:
                lines = _lines(block.decode("utf-8"))
            except UnicodeDecodeError as error:
                good = block[: _line_end(block[: error.start])]
                yield number, _lines(good.decode("utf-8"))
                raise _not_text(found, block, len(good), error, number + len(_lines(good.decode("utf-8"))),
                                encoding is None) from None
            yield number, lines
            number += len(lines)


def _in_utf8(stream: IO[bytes], path: Path, encoding: str | None) -> IO[bytes]:
    """A stream of text as UTF-8; raises DataError, also later while it is read."""
    if encoding is None:
        head = stream.read(2)
        stream.seek(0)
        encoding = "utf-16" if head in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return stream if codecs.lookup(encoding).name == "utf-8" else _Recoded(stream, path, encoding)  # type: ignore[return-value]


class _Recoded:
    """The bytes of a text as if it were UTF-8."""

    def __init__(self, stream: IO[bytes], path: Path, encoding: str) -> None:
        self._stream, self._path, self._encoding = stream, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, count: int) -> bytes:
        block = self._stream.read(count)
        try:
            text = self._decoder.decode(block, final=not block)
            while block and not text:  # half of a character
                block = self._stream.read(count)
                text = self._decoder.decode(block, final=not block)
        except UnicodeError as error:
            raise DataError(f"`{short(self._path)}` is not {self._encoding} text", place="its text",
                            option="encoding", body=(f"Reading says: {error}.",),
                            hint="name the encoding that the file was saved in.") from None
        return text.encode()


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream in blocks that end where a line ends; lines end as in Unix, Windows or the old Mac OS."""
    begun: list[bytes] = []
    while block := stream.read(_BLOCK):
        # A last "\r" may be the first half of "\r\n".
        end = _line_end(block.removesuffix(b"\r"))
        if end:
            yield b"".join((*begun, block[:end]))
            begun = []
        begun.append(block[end:])
    if any(begun):
        yield b"".join(begun)


def _line_end(text: bytes) -> int:
    """The place after the last line end."""
    return max(text.rfind(b"\n"), text.rfind(b"\r")) + 1


def _lines(text: str) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _not_text(path: Path, block: bytes, start: int, error: UnicodeDecodeError, number: int, chooses: bool
              ) -> DataError:
    """The fault of the line that begins at `start` of the block; `chooses`: the reader has an option for it."""
    return DataError(f"a line of `{short(path)}` is not UTF-8 text",
                     place=f"row {number}, byte {error.start - start + 1}",
                     body=(f"The file looks like {kind_of(block)}.",) if number == 1 else (),
                     hint="save the file as UTF-8." if not chooses else
                     "name the file's encoding, for example `encoding = \"latin1\"`, or save it as UTF-8.")


_kept: dict[Hashable, Any] = {}
_kept_lock = threading.Lock()


def read_once(path: str, asked: Hashable, read: Callable[[], T]) -> T:
    """What `read` makes of a file; kept, so that `check`, the run and its validation read a file once.

    `asked` says what is made of it. A file that has changed since is read again.
    """
    found = locate(path)
    stamp = _stamp(found) if found is not None else None
    if stamp is None:
        return read()
    with _kept_lock:
        if (stamp, asked) in _kept:
            return _kept[stamp, asked]  # type: ignore[no-any-return]
    made = read()
    with _kept_lock:
        _kept[stamp, asked] = made
        while len(_kept) > _MOST_KEPT:
            del _kept[next(iter(_kept))]
    return made


def _stamp(path: Path) -> Hashable | None:
    """What changes when a file is written; None where that cannot be told."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    settled = time.time_ns() - found.st_mtime_ns > _SETTLED
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) if settled else None


class Archives:
    """Zip archives that stay open; members may be read from several threads."""

    def __init__(self) -> None:
        self._open: dict[str, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, archive: str, member: str) -> bytes:
        """The bytes of one member. Raises DataError naming the archive and the member."""
        with reading(archive), self._lock:
            try:
                if archive not in self._open:
                    self._open[archive] = zipfile.ZipFile(archive)
                return read_member(self._open[archive], member.lstrip("/"))
            except KeyError:
                raise DataError(f"the archive `{short(archive)}` has no `{short(member)}`", place=member,
                                hint="paths inside an archive are written after `@/`, as `unzip -l` lists them."
                                ) from None
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise DataError(f"the archive `{short(archive)}` is damaged or cannot be unpacked", place=member,
                                body=(f"Unpacking says: {error}.",), hint="make or fetch the archive again.") from None

    def close(self) -> None:
        with self._lock:
            for archive in self._open.values():
                archive.close()
            self._open.clear()


def read_member(archive: zipfile.ZipFile, member: str, count: int = -1) -> bytes:
    """The first bytes of a member of an archive; all for -1. Raises KeyError, and DataError for one that is a bomb."""
    info = archive.getinfo(member)
    if count < 0 and info.file_size > most_unpacked(info.compress_size):
        raise unpacks_to_too_much(short(member), info.compress_size, place=member)
    with archive.open(info) as stream:
        return stream.read(count)


def split_archive(path: str) -> tuple[str, str] | None:
    """`data.zip@/inner/name` -> the archive and the member; None for a plain path."""
    archive, mark, member = path.partition("@/")
    return (archive, member) if mark and archive.lower().endswith(".zip") else None
