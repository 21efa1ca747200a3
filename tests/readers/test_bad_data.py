"""Missing, damaged and wrong data of every format: a DataError with what, where and a fix, nothing else."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from known_data import COUNT, KNOWN, random_bytes, save_png, write_idx
from PIL import Image

from netdsl.readers import READERS
from netdsl.readers.files import reading
from netdsl.readers.formats.ctf import TextInput
from netdsl.readers.reader import DataError, Reader, SampleRng
from netdsl.readers.transforms.geometry import Scale

Make = Callable[[Path], Reader]


def read_everything(reader: Reader) -> None:
    dataset = reader.open(training=True)
    dataset.batch(range(dataset.count), SampleRng())


@dataclass(frozen=True)
class Case:
    name: str
    make: Make
    title: str
    path: str  #: end of the path that is named
    place: str = ""
    also: str = ""  #: a piece of the explanation or the hint
    described: bool = False  #: `describe` finds it too


# --- making data go wrong --------------------------------------------------------------------


def with_idx(images: bytes | None = None, labels: bytes | None = None, **options: object) -> Make:
    def make(folder: Path) -> Reader:
        write_idx(folder / "i", random_bytes(COUNT, 6, 8))
        write_idx(folder / "l", (np.arange(COUNT) % 3).astype(np.uint8))
        if images is not None:
            (folder / "i").write_bytes(images)
        if labels is not None:
            (folder / "l").write_bytes(labels)
        return READERS["IDX"](images=str(folder / "i"), labels=str(folder / "l"), **options)

    return make


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def cifar(content: bytes, row: str = "CIFAR10") -> Make:
    def make(folder: Path) -> Reader:
        (folder / "batch.bin").write_bytes(content)
        return READERS[row](files=(str(folder / "batch.bin"),))

    return make


def folder_with(files: dict[str, bytes], **options: object) -> Make:
    def make(folder: Path) -> Reader:
        (folder / "set").mkdir()
        for name, content in files.items():
            path = folder / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content) if not name.endswith("/.") else None
        return READERS["ImageFolder"](folder=str(folder / "set"), **options)

    return make


def listed(text: str, row: str = "MapFile", **options: object) -> Make:
    def make(folder: Path) -> Reader:
        save_png(folder / "a.png", random_bytes(4, 5, 3))
        save_png(folder / "b.png", random_bytes(4, 5, 3))
        with zipfile.ZipFile(folder / "z.zip", "w") as archive:
            archive.write(folder / "a.png", "a.png")
        (folder / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
        (folder / "list.txt").write_text(text.replace("@@", str(folder)))
        return READERS[row](file=str(folder / "list.txt"), **options)

    return make


def ctf(text: str | bytes, **options: object) -> Make:
    def make(folder: Path) -> Reader:
        (folder / "d.ctf").write_bytes(text if isinstance(text, bytes) else text.encode())
        sections = (TextInput(input="features", alias="x", dim=(3,)),
                    TextInput(input="labels", alias="y", dim=(4,), format="sparse"))
        return READERS["CNTKText"](file=str(folder / "d.ctf"), input=sections, **options)

    return make


def table(text: str, **options: object) -> Make:
    def make(folder: Path) -> Reader:
        (folder / "t.csv").write_text(text)
        return READERS["CSV"](file=str(folder / "t.csv"), **options)

    return make


def arrays(features: object, labels: object, **options: object) -> Make:
    def make(folder: Path) -> Reader:
        for name, content in (("x.npy", features), ("y.npy", labels)):
            if isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                np.save(folder / name, content, allow_pickle=True)
        return READERS["NumPy"](features=str(folder / "x.npy"), labels=str(folder / "y.npy"), **options)

    return make


def npz(content: bytes | None, name: str = "x") -> Make:
    def make(folder: Path) -> Reader:
        np.savez(folder / "d.npz", x=np.zeros((2, 3)), y=np.zeros(2, dtype=int))
        if content is not None:
            (folder / "d.npz").write_bytes(content)
        return READERS["NumPy"](features=name, labels="y", file=str(folder / "d.npz"))

    return make


def masked(mask: np.ndarray | None, second: bool = False, color: bool = False) -> Make:
    def make(folder: Path) -> Reader:
        save_png(folder / "i" / "a.png", random_bytes(4, 5, 3))
        save_png(folder / "m" / "b.png", np.zeros((4, 5), dtype=np.uint8))
        if mask is not None:
            save_png(folder / "m" / "a.png", np.repeat(mask[..., None], 3, axis=2) if color else mask)
        if second:
            save_png(folder / "i" / "a.bmp", random_bytes(4, 5, 3))
        return READERS["ImageMasks"](images=str(folder / "i"), masks=str(folder / "m"), classes=3)

    return make


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, ("echo this must not run > /tmp/netdsl-evil",))


def photo(suffix: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_bytes(size[1], size[0], 3)).save(stream, format=suffix)
    return stream.getvalue()


def huge_png() -> bytes:
    """A PNG of a few bytes whose header announces 40000 x 40000 pixels."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def deep_image() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 5), dtype=np.float32)).save(stream, format="TIFF")
    return stream.getvalue()


_GOOD = idx_bytes(random_bytes(COUNT, 6, 8))
_RECORD = bytes(3073)

CASES = (
    Case("idx wrong magic", with_idx(images=photo("PNG")), "`i` is not an IDX file", "/i", "byte 0", "a PNG image",
         True),
    Case("idx web page", with_idx(labels=b"<!DOCTYPE html><html>"), "`l` is not an IDX file", "/l", "byte 0",
         "web page", True),
    Case("idx git lfs", with_idx(images=b"version https://git-lfs.github.com/spec/v1\n"), "`i` is not an IDX file",
         "/i",
         "byte 0", "Git LFS pointer", True),
    Case("idx empty", with_idx(images=b""), "`i` is not an IDX file", "/i", "byte 0", "empty", True),
    Case("idx header cut", with_idx(images=_GOOD[:9]), "`i` ends within its header", "/i", "byte 9", "", True),
    Case("idx cut", with_idx(images=_GOOD[:-5]), "`i` is cut short", "/i", "byte 347", "7 x 6 x 8 numbers"),
    Case("idx too long", with_idx(images=_GOOD + b"x"), "`i` continues after its end", "/i", "byte 353"),
    Case("idx gzip cut", with_idx(images=gzip.compress(_GOOD)[:-20]), "the packed file `i` is damaged or cut short",
         "/i", "its end"),
    Case("idx gzip damaged", with_idx(images=gzip.compress(_GOOD)[:40] + b"\xff" * 60),
         "the packed file `i` is damaged or cut short", "/i"),
    Case("idx xz cut", with_idx(images=lzma.compress(_GOOD)[:-20]), "the packed file `i` is damaged or cut short",
         "/i"),
    Case("idx label too large", with_idx(label_dim=2), "class 2 is out of range: there are 2 classes", "/l", "record 2",
         "at least 3", True),
    Case("idx exchanged", with_idx(images=idx_bytes(np.zeros(7, np.uint8)), labels=_GOOD),
         "`i` holds 1 axes; images have 3, vectors 2", "/i", "byte 3", "swapped", True),
    Case("idx counts", with_idx(labels=idx_bytes(np.zeros(6, np.uint8))), "there are 7 images, but 6 labels", "/l",
         "byte 4", "of the same set", True),
    Case("idx transforms on vectors", with_idx(images=idx_bytes(random_bytes(7, 9)), transforms=(Scale(size=(4,)),)),
         "transforms are for images, and this file holds vectors", "/i", "", "", True),
    Case("cifar cut", cifar(_RECORD * 2 + b"abc"), "`batch.bin` is not a whole number of CIFAR records", "/batch.bin",
         "byte 6,146, record 2", "", True),
    Case("cifar empty", cifar(b""), "`batch.bin` is not a whole number of CIFAR records", "/batch.bin", "byte 0",
         "", True),
    Case("cifar label", cifar(_RECORD + b"\x0a" + _RECORD[1:]), "class 10 is out of range: there are 10 classes",
         "/batch.bin", "record 1, byte 3,073"),
    Case("cifar100 label", cifar(b"\0\x64" + _RECORD[1:], "CIFAR100"), "class 100 is out of range", "/batch.bin",
         "record 0, byte 1"),
    Case("cifar pickle evil", cifar(pickle.dumps({b"data": Evil(), b"labels": [1]}), "CIFAR10Python"),
         "`batch.bin` is not a batch of CIFAR-10's Python version", "/batch.bin", "byte 0", "it names `posix.system`"),
    Case("cifar pickle cut", cifar(pickle.dumps({b"data": [1] * 100})[:-20], "CIFAR10Python"),
         "`batch.bin` is not a batch of CIFAR-10's Python version", "/batch.bin", "byte 0"),
    Case("cifar pickle of a list", cifar(pickle.dumps([1, 2]), "CIFAR10Python"),
         "`batch.bin` is not a batch of CIFAR-10's Python version", "/batch.bin", "byte 0"),
    Case("cifar pickle label", cifar(pickle.dumps({b"data": random_bytes(2, 3072), b"labels": [3, 11]}),
                                     "CIFAR10Python"),
         "class 11 is out of range: there are 10 classes", "/batch.bin", "record 1"),
    Case("folder without classes", folder_with({"a.txt": b"x", "b.heic": b"x"}), "there are no images in `set`", "/set",
         "", "2 files are skipped: .txt (1), .heic (1)", True),
    Case("folder empty", folder_with({}), "there are no images in `set`", "/set", "", "", True),
    Case("folder without images", folder_with({"a/x.txt": b"", "b/y.txt": b""}), "there are no images in `set`", "/set",
         "", ".jpeg", True),
    Case("class without images", folder_with({"a/x.png": photo("PNG"), "b/y.txt": b""}),
         "the class folder `b` has no images", "/set/b", "", "1 file is skipped: .txt (1)", True),
    Case("too many classes", folder_with({"a/x.png": photo(), "b/x.png": photo()}, label_dim=1),
         "there are 2 classes, but `labelDim` is 1", "/set", "", "labelDim = 2", True),
    Case("zero-byte photo", folder_with({"a/x.jpg": b""}), "the image file is empty (0 bytes)", "/set/a/x.jpg",
         "byte 0",
         "", True),
    Case("photo cut", folder_with({"a/x.jpg": photo()[:-900]}), "the image file is damaged or cut short",
         "/set/a/x.jpg", "within its"),
    Case("photo header cut", folder_with({"a/x.jpg": photo()[:10]}), "the image file is damaged or cut short",
         "/set/a/x.jpg", "byte 0, the header", "a JPEG image", True),
    Case("png cut", folder_with({"a/x.png": photo("PNG")[:-900]}), "the image file is damaged or cut short",
         "/set/a/x.png", "within its"),
    Case("not a photo", folder_with({"a/x.jpg": b"<html>404</html>"}), "the file is not an image that I can read",
         "/set/a/x.jpg", "byte 0", "a web page", True),
    Case("huge", folder_with({"a/x.png": huge_png()}), "the image is too large to be read", "/set/a/x.png",
         "the header",
         "89 million", True),
    Case("deep", folder_with({"a/x.png": deep_image()}), "nothing says which of the image's floating-point",
         "/set/a/x.png", "", "valueRange = ", True),
    Case("sizes differ", folder_with({"a/x.png": photo("PNG"), "a/y.png": photo("PNG", (60, 48))}),
         "images of different sizes cannot go into one batch", "/set/a/y.png", "", "Scale {224:224}"),
    Case("map row", listed("a.png only\twhat\tis\tthis\n"), "row 1 of `list.txt` is not `path<TAB>label`", "/list.txt",
         "row 1", "", True),
    Case("map no label", listed(".../a.png\t1\n.../b.png\n"), "row 2 of `list.txt` is not `path<TAB>label`",
         "/list.txt",
         "row 2", "", True),
    Case("map label", listed(".../a.png\tcat\n"), "row 1 of `list.txt` has a label that is not a class number",
         "/list.txt", "row 1", "`cat`", True),
    Case("map label range", listed(".../a.png\t1\n\n.../b.png\t2\n", label_dim=2),
         "row 3 of `list.txt` has class 2, out of range", "/list.txt", "row 3", "classes are 0 to 1", True),
    Case("map some labels", listed(".../a.png\n.../a.png\t2\n"), "row 2 of `list.txt` has a label, and the first",
         "/list.txt", "row 2", "in every row, or in none", True),
    Case("map from 1", listed(".../a.png\t1\n.../b.png\t2\n", label_dim=2), "row 2 of `list.txt` has class 2, out of",
         "/list.txt", "row 2", "firstLabel = 1", True),
    Case("map below the first", listed(".../a.png\t1\n.../b.png\t0\n", first_label=1),
         "row 2 of `list.txt` has class 0, out of range", "/list.txt", "row 2", "firstLabel", True),
    Case("heic", folder_with({"a/x.jpg": b"\0\0\0\x20ftypheic" + bytes(60)}), "this is a HEIC image, which is not read",
         "/set/a/x.jpg", "byte 0", "Most Compatible", True),
    Case("avif", folder_with({"a/x.jpg": b"\0\0\0\x20ftypavif" + bytes(60)}), "this is an AVIF image, which is not",
         "/set/a/x.jpg", "byte 0", "mogrify", True),
    Case("map number", listed(".../a.png\t0.5\n.../b.png\tnan\n", targets="numbers"),
         "row 2 of `list.txt` does not have 1 finite numbers", "/list.txt", "row 2", "", True),
    Case("map missing image", listed(".../a.png\t1\n.../gone.png\t2\n"), "there is no image `gone.png`", "/gone.png",
         "row 2", "", True),
    Case("map missing member", listed("@@/z.zip@/b.png\t1\n"), "the archive `z.zip` has no `b.png`", "z.zip", "b.png",
         "",
         True),
    Case("map broken archive", listed("@@/broken.zip@/b.png\t1\n"),
         "the archive `broken.zip` is damaged or cannot be unpacked", "broken.zip", "b.png", "", True),
    Case("map empty", listed("\n\n"), "the list `list.txt` has no images", "/list.txt", "row 1", "", True),
    Case("base64 columns", listed("1\t2\t3\t4\n", "Base64Images"), "row 1 of `list.txt` is not `id<TAB>label",
         "/list.txt", "row 1", "", True),
    Case("base64 text", listed("0\t1\tab*c\n", "Base64Images"), "row 1 of `list.txt` is not base64", "/list.txt",
         "row 1, byte 0", "", True),
    Case("base64 label", listed("0\tx\tabcd\n", "Base64Images"),
         "row 1 of `list.txt` has a label that is not a class number", "/list.txt", "row 1", "", True),
    Case("base64 no image", listed("0\t1\tabcd\n", "Base64Images"), "the file is not an image that I can read",
         "/list.txt", "byte 0", "", True),
    Case("ctf too many", ctf("|x 1 2 3 |y 1:1\n|x 1 2 3 4 |y 1:1\n"), "row 2 has 4 values of `x`, not 3", "/d.ctf",
         "row 2",
         "", True),
    Case("ctf too few", ctf("|x 1 2 |y 1:1\n"), "row 1 has 2 values of `x`, not 3", "/d.ctf", "row 1", "", True),
    Case("ctf word", ctf("|x 1 2 z |y 1:1\n"), "row 1 has a value that is not a number", "/d.ctf", "row 1", "`z`",
         True),
    Case("ctf sparse as dense", ctf("|x 1:2 |y 1:1\n"), "row 1 has a value that is sparse, but read as dense", "/d.ctf",
         "row 1", "sparse", True),
    Case("ctf dense as sparse", ctf("|x 1 2 3 |y 1\n"), "row 1 has a sparse value that is not `index:value`", "/d.ctf",
         "row 1", "dense", True),
    Case("ctf index", ctf("|x 1 2 3 |y 4:1\n"), "row 1 has index 4 of `y`, out of range", "/d.ctf", "row 1",
         "`dim` is 4",
         True),
    Case("ctf index twice", ctf("|x 1 2 3 |y 1:1 1:1\n"), "row 1 gives an index of `y` twice", "/d.ctf", "row 1", "",
         True),
    Case("ctf missing input", ctf("|x 1 2 3\n"), "row 1 has no `|y`", "/d.ctf", "row 1", "alias", True),
    Case("ctf sequence", ctf("7 |x 1 2 3 |y 1:1\n7 |x 1 2 3 |y 1:1\n"), "row 2 holds a second `x` of one sequence",
         "/d.ctf", "row 2", "skipSequenceIds", True),
    Case("ctf head", ctf("abc |x 1 2 3 |y 1:1\n"), "row 1 does not begin with `|` or a sequence id", "/d.ctf",
         "row 1", "",
         True),
    Case("ctf infinite", ctf("|x 1 2 1e99 |y 1:1\n"), "row 1 has a value of `x` that is not finite", "/d.ctf",
         "row 1", "",
         True),
    Case("ctf utf-16", ctf("|x 1 2 3".encode("utf-16")), "`d.ctf` is UTF-16 text, and UTF-8 is read", "/d.ctf",
         "byte 0",
         "iconv", True),
    Case("ctf bytes", ctf(b"|x 1 2 3 |y 1:1\n\xff\xfe\xfd"), "a line of `d.ctf` is not UTF-8 text", "/d.ctf",
         "row 2, byte 1",
         "", True),
    Case("ctf empty", ctf(""), "`d.ctf` holds no samples", "/d.ctf", "row 1", "", True),
    Case("csv cells", table("a,b\n1,2\n3\n"), "row 3 has 1 cells, not 2", "/t.csv", "row 3", "", True),
    Case("csv word", table("a,b,c\n1,x,2\n"), "row 2 has no number in column `b`", "/t.csv", "row 2", "`x`", True),
    Case("csv empty cell", table("a,b,c\n1,,2\n"), "row 2 has no value in column `b`", "/t.csv", "row 2", "empty",
         True),
    Case("csv no class", table("a,b\n1,\n"), "row 2 has no class in column `b`", "/t.csv", "row 2", "", True),
    Case("csv unknown column", table("width,kind\n1,2\n", labels=("knid",)), "`t.csv` has no column `knid`", "/t.csv",
         "row 1", "did you mean `kind`?", True),
    Case("csv column number", table("1,2\n", labels=(5,)), "there is no 5", "/t.csv", "row 1", "", True),
    Case("csv unknown class", table("a,b\n1,catt\n", classes=("cat", "dog")),
         "row 2 has the class `catt`, which is not in `classes`", "/t.csv", "row 2", "did you mean `cat`?", True),
    Case("csv separator", table("a;b\n1;2\n"), "row 1 leaves no column for the features", "/t.csv", "row 1",
         "separator",
         True),
    Case("csv header twice", table("a,a,b\n1,2,3\n"), "row 1 names the column `a` twice", "/t.csv", "row 1", "", True),
    Case("csv quote", table('a,b\n1,"x\n'), "is not a row of a table", "/t.csv", "row ", "", True),
    Case("csv weight", table("a,w,b\n1,-1,3\n", weights="w"), "row 2 has a negative weight", "/t.csv", "row 2", "",
         True),
    Case("csv empty", table("a,b\n"), "`t.csv` has no rows of data", "/t.csv", "row 1", "", True),
    Case("npy no array", arrays(b"hello, world", np.zeros(3, int)), "`x.npy` is not a NumPy array", "/x.npy", "byte 0",
         "text that begins", True),
    Case("npy objects", arrays(np.array([Evil(), 2], dtype=object), np.zeros(2, int)),
         "`x.npy` does not hold plain numbers",
         "/x.npy", "the header", "never read", True),
    Case("npy text", arrays(np.array([["a"], ["b"]]), np.zeros(2, int)), "`x.npy` does not hold plain numbers",
         "/x.npy",
         "the header", "", True),
    Case("npy nan", arrays(np.array([[1.0], [np.nan]]), np.zeros(2, int)), "`x.npy` holds a value that is not finite",
         "/x.npy", "row 1"),
    Case("npy counts", arrays(np.zeros((3, 2)), np.zeros(2, int)), "there are 3 samples, but 2 in `y.npy`", "/y.npy",
         "the first axis"),
    Case("npy axes", arrays(np.zeros(3), np.zeros(3, int)), "features have 2, 3 or 4 axes, none of them empty",
         "/x.npy",
         "the header", "", True),
    Case("npy class", arrays(np.zeros((3, 2)), np.array([0, 1, -1])), "class -1 is out of range", "/y.npy", "row 2", "",
         True),
    Case("npz no archive", npz(b"PK\x03\x04 no archive"), "`d.npz` is not a whole .npz archive", "/d.npz", "x", "",
         True),
    Case("npz member", npz(None, "z"), "`d.npz` has no array `z`", "/d.npz", "z", "It has x, y", True),
    Case("mask missing", masked(None), "the image `a.png` has no mask", "/i/a.png", "", "", True),
    Case("mask size", masked(np.zeros((3, 5), np.uint8)), "an image and its mask have different sizes", "/m/a.png", "",
         "5 x 4 pixels, the mask 5 x 3"),
    Case("mask class", masked(np.full((4, 5), 3, np.uint8)), "class 3 is out of range: there are 3 classes", "/m/a.png",
         "pixel 0, 0"),
    Case("mask color", masked(np.zeros((4, 5), np.uint8), color=True),
         "a mask has to hold one class number for each pixel",
         "/m/a.png", "the header"),
    Case("mask twice", masked(np.zeros((4, 5), np.uint8), second=True), "two files are called `a`", "/i/a.", "", "",
         True),
)


def check(caught: DataError, case: Case, folder: Path) -> None:
    assert case.title in caught.title
    assert len(caught.title) <= 78
    assert not caught.title.endswith(".")
    assert case.path in caught.path or caught.path.endswith(case.path)
    assert case.place in caught.place
    assert case.also in " ".join((*caught.body, caught.hint))
    assert caught.hint or caught.body
    assert str(folder) not in caught.title


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_data(case: Case, tmp_path: Path) -> None:
    reader = case.make(tmp_path)
    with pytest.raises(DataError) as caught:
        read_everything(reader)
    check(caught.value, case, tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_describe_finds_what_it_can(case: Case, tmp_path: Path) -> None:
    reader = case.make(tmp_path)
    if not case.described:
        reader.describe()
        return
    with pytest.raises(DataError) as caught:
        reader.describe()
    check(caught.value, case, tmp_path)


def test_nothing_was_unpickled() -> None:
    assert not Path("/tmp/netdsl-evil").exists()


@pytest.mark.parametrize("row", sorted(set(KNOWN) - {"Synthetic"}))
def test_missing_files(row: str, tmp_path: Path) -> None:
    reader = KNOWN[row](tmp_path).reader
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=r"there is no (file|folder|image) `") as caught:
        reader.open(training=True)
    assert caught.value.path.startswith(str(tmp_path))
    assert "is there, but nothing called" in caught.value.body[0]
    assert caught.value.option or row == "Joined"
    assert caught.value.hint


@pytest.mark.parametrize("row", ["IDX", "CIFAR10", "MapFile", "CSV", "CNTKText", "NumPy", "Base64Images",
                                 "ImageFolder"])
def test_unreadable_files(row: str, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    reader = KNOWN[row](tmp_path).reader
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in paths:
        path.chmod(0)
    try:
        with pytest.raises(DataError, match="no permission to read") as caught:
            read_everything(reader)
    finally:
        for path in paths:
            path.chmod(0o644)
    assert Path(caught.value.path) in paths


@pytest.mark.parametrize("row", ["IDX", "CIFAR10", "MapFile", "CSV", "CNTKText", "NumPy", "CIFAR10Python",
                                 "Base64Images"])
def test_folders_in_place_of_files(row: str, tmp_path: Path) -> None:
    reader = KNOWN[row](tmp_path).reader
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            path.unlink()
            path.mkdir()
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_everything(reader)


@pytest.mark.parametrize("row", sorted(set(KNOWN) - {"Synthetic", "Joined", "ImageMasks"}))
@pytest.mark.parametrize("seed", range(6))
def test_damaged_bytes_never_escape_as_anything_else(row: str, seed: int, tmp_path: Path) -> None:
    """Bytes overwritten, cut off or added at random: the data are read, or a DataError says why not."""
    reader = KNOWN[row](tmp_path).reader
    draw = np.random.default_rng(seed)
    for path in [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]:
        data = bytearray(path.read_bytes())
        if seed % 3 == 0:
            data = data[: int(draw.integers(len(data)))]
        elif seed % 3 == 1:
            for place in draw.integers(0, len(data), 5):
                data[place] = int(draw.integers(256))
        else:
            data += draw.integers(0, 256, 9, dtype=np.uint8).tobytes()
        path.write_bytes(bytes(data))
    faults = []
    for action in (reader.describe, lambda: read_everything(reader)):
        try:
            action()
        except DataError as error:
            faults.append(error)
    assert all(error.path and len(error.title) <= 78 for error in faults)


@pytest.mark.parametrize(("fault", "title"), [
    (PermissionError(13, "Permission denied"), "no permission to read `x.bin`"),
    (FileNotFoundError(2, "No such file"), "there is no file `x.bin`"),
    (OSError(5, "Input/output error"), "`x.bin` cannot be read"),
    (EOFError("Compressed file ended before the end-of-stream marker"), "is damaged or cut short"),
])
def test_faults_of_the_system_name_the_file(fault: Exception, title: str, tmp_path: Path) -> None:
    path = str(tmp_path / "x.bin")
    with pytest.raises(DataError, match=title) as caught, reading(path, "files"):
        raise fault
    assert (caught.value.path, caught.value.option) == (path, "files")


# --- a few bad samples may be allowed --------------------------------------------------------


def test_bad_photos_are_passed_over_if_allowed(tmp_path: Path) -> None:
    known = KNOWN["ImageFolder"](tmp_path)
    bad = sorted((tmp_path / "set" / "cat").glob("0*.png"))[0]
    bad.write_bytes(b"")
    dataset = replace(known.reader, max_errors=1).open(training=True)
    assert dataset.count == COUNT - 1
    arrays = dataset.batch(range(COUNT - 1), SampleRng()).arrays
    np.testing.assert_array_equal(arrays["labels"], known.expected["labels"][1:])
    np.testing.assert_array_equal(arrays["features"], known.expected["features"][1:])
    assert [error.path for error in dataset.skipped] == [str(bad)]
    dataset = known.reader.open(training=True)
    for _ in range(2):
        with pytest.raises(DataError, match="is empty"):
            dataset.batch([0], SampleRng())


@pytest.mark.parametrize(("make", "rows"), [
    (ctf("|x 1 2 3 |y 1:1\n|x 1 2 |y 1:1\n|x 4 5 6 |y 0:1\n", max_errors=1), ["row 2"]),
    (table("a,b\n1,0\nx,1\n3,1\n", max_errors=1), ["row 3"]),
    (listed(".../a.png\t1\nrubbish\n.../b.png\t0\n", max_errors=1), ["row 2"]),
])
def test_bad_rows_are_passed_over_if_allowed(make: Make, rows: list[str], tmp_path: Path) -> None:
    reader = make(tmp_path)
    dataset = reader.open(training=True)
    assert dataset.count == 2
    assert len(dataset.batch([0, 1], SampleRng()).names) == 2
    assert [error.place for error in dataset.skipped] == rows
    with pytest.raises(DataError):
        replace(reader, max_errors=0).open(training=True)  # type: ignore[call-arg]
