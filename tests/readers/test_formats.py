"""What single formats can do beyond the battery: class lists, lists of images, tables, joins, odd images."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_data import COUNT, KNOWN, random_bytes, save_png, write_idx
from PIL import Image

from netdsl.readers import READERS
from netdsl.readers.files import open_plain, text_blocks
from netdsl.readers.formats.ctf import InputSections, TextInput
from netdsl.readers.formats.pixels import Decoding, decode
from netdsl.readers.reader import DataError, Reader, SampleRng
from netdsl.readers.tables.table_file import TableFile
from netdsl.readers.transforms.color import Normalize
from netdsl.readers.transforms.crops import MultiViewCrop
from netdsl.readers.transforms.geometry import Flip, Pad, Scale
from netdsl.spec import Mismatch, OptionError

SHARED = Path(__file__).parents[3] / "shared" / "data"


def needs(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{'/'.join(parts)}")
    return path


def encoded(image: Image.Image, suffix: str, **more: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=suffix, **more)
    return stream.getvalue()


# --- images of all kinds ---------------------------------------------------------------------


def test_modes_of_images_become_rgb() -> None:
    rgb = random_bytes(6, 5, 3)
    gray = Image.fromarray(rgb[..., 0])
    np.testing.assert_array_equal(decode(encoded(gray, "PNG")), np.repeat(rgb[..., :1], 3, axis=2))
    np.testing.assert_array_equal(decode(encoded(gray, "PNG"), Decoding(grayscale=True)), rgb[..., :1])
    palette = Image.fromarray(rgb[..., 0] % 4)
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    np.testing.assert_array_equal(decode(encoded(palette, "PNG"))[..., 0], rgb[..., 0] % 4 * 30 + 10)
    binary = Image.fromarray(rgb[..., 0] > 127)
    np.testing.assert_array_equal(decode(encoded(binary, "PNG"))[..., 0], (rgb[..., 0] > 127) * 255)


def test_cmyk_photos_have_their_colours() -> None:
    rgb = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    data = encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=95)
    np.testing.assert_allclose(decode(data).astype(int), rgb, atol=4)


# --- folders and lists -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["words", "index"])
def test_class_file_fixes_the_numbers(tmp_path: Path, kind: str) -> None:
    known = KNOWN["ImageFolder"](tmp_path)
    classes = [("emu", "a bird"), ("ant", "no folder for this one"), ("cat", "a cat"), ("dog", "a dog")]
    path = tmp_path / "classes"
    path.write_text("\n".join(f"{name} {title}" for name, title in classes) if kind == "words"
                    else json.dumps({str(k): pair for k, pair in enumerate(classes)}))
    reader = replace(known.reader, class_file=str(path))
    stream = reader.describe().streams[1]
    assert (stream.classes, stream.class_names) == (4, tuple(title for _, title in classes))
    dataset = reader.open(training=True)
    arrays = dataset.batch(range(COUNT), SampleRng()).arrays
    order = np.argsort(np.array([2, 3, 0])[known.expected["labels"]], kind="stable")
    np.testing.assert_array_equal(arrays["labels"], np.array([2, 3, 0])[known.expected["labels"]][order])
    np.testing.assert_array_equal(arrays["features"], known.expected["features"][order])
    assert dataset.class_names == stream.class_names


@pytest.mark.parametrize(("text", "title"), [
    ("cat\ndog\nemus\n", "the folder `emu` is not in the list"), ("cat\ncat\n", "the class `cat` is listed twice"),
    ("", "is empty"), ('{"0": 3}', "is not a list of classes"),
])
def test_bad_class_files(tmp_path: Path, text: str, title: str) -> None:
    known = KNOWN["ImageFolder"](tmp_path)
    (tmp_path / "classes").write_text(text)
    with pytest.raises(DataError, match=title) as caught:
        replace(known.reader, class_file=str(tmp_path / "classes")).describe()
    assert str(tmp_path) in caught.value.path


def test_sizes_follow_from_the_transforms_alone(tmp_path: Path) -> None:
    for index, size in enumerate([(20, 10), (30, 40), (8, 8)]):
        save_png(tmp_path / "set" / "a" / f"{index}.png", random_bytes(size[1], size[0], 3))
    reader = READERS["ImageFolder"](folder=str(tmp_path / "set"))
    assert reader.describe().streams[0].dims is None
    assert replace(reader, transforms=(Scale(size=(12, 9)), Pad(pixels=1))).describe().streams[0].dims == (14, 11, 3)
    gone = replace(reader, folder=str(tmp_path / "gone"), transforms=(Scale(size=(12, 9)),), grayscale=True)
    assert gone.describe().streams[0].dims == (12, 9, 1)


def test_map_file_of_numbers_caffe_and_three_columns(tmp_path: Path) -> None:
    for name in "ab":
        save_png(tmp_path / f"{name}.png", random_bytes(4, 5, 3))
    row, path = READERS["MapFile"], tmp_path / "list.txt"
    path.write_text(".../a.png\t0.5 -1\n.../b.png\t2e3 4\n")
    reader = row(file=str(path), targets="numbers")
    assert reader.describe().streams[1].dims == (2,)
    np.testing.assert_array_equal(reader.open(True).batch([1, 0], SampleRng()).arrays["labels"], [[2000, 4], [0.5, -1]])
    path.write_text(f"{tmp_path}/a.png 3\n7\t.../b.png\t1\n")
    dataset = row(file=str(path)).open(True)
    batch = dataset.batch([0, 1], SampleRng())
    np.testing.assert_array_equal(batch.arrays["labels"], [3, 1])
    assert batch.names[1].endswith("b.png: row 2 of list.txt")


def test_map_file_with_a_folder_in_front(tmp_path: Path) -> None:
    for k in range(3):
        save_png(tmp_path / "pictures" / "a" / f"{k}.png", np.full((2, 3, 3), 10 * k, np.uint8))
    for text in ("a/0.png 1\na/1.png 0\na/2.png 1\n", "/a/0.png 1\n/a/1.png 0\n\n/a/2.png 1\n"):
        (tmp_path / "list.txt").write_text(text)
        reader = READERS["MapFile"](file=str(tmp_path / "list.txt"), root_folder=str(tmp_path / "pictures") + "/")
        assert reader.describe().count == 3
        batch = reader.open(training=False).batch(range(3), SampleRng())
        assert batch.arrays["features"][:, 0, 0, 0].tolist() == [0, 10, 20]
        assert batch.arrays["labels"].tolist() == [1, 0, 1]


def test_map_file_tells_of_paths_beside_the_list(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", random_bytes(4, 5, 3))
    (tmp_path / "list.txt").write_text("a.png\t0\n")
    with pytest.raises(DataError, match=r"there is no image `a.png`") as caught:
        READERS["MapFile"](file=str(tmp_path / "list.txt")).describe()
    assert "`.../a.png`" in caught.value.hint


def test_archives_are_read_from_several_threads(tmp_path: Path) -> None:
    known = KNOWN["MapFile"](tmp_path)
    dataset = known.reader.open(training=True)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda k: dataset.batch([k % COUNT], SampleRng()).arrays["features"][0], range(80)))
    for k, result in enumerate(results):
        np.testing.assert_array_equal(result, known.expected["features"][k % COUNT])
    dataset.close()


def test_ten_views_have_an_axis_of_their_own(tmp_path: Path) -> None:
    known = KNOWN["CIFAR10"](tmp_path)
    reader = replace(known.reader, transforms=(MultiViewCrop(size=(28,)), Normalize(range=(0, 1))))
    stream = reader.describe().streams[0]
    assert (stream.views, stream.dims) == (10, (28, 28, 3))
    features = reader.open(training=False).batch([2, 3], SampleRng()).arrays["features"]
    assert features.shape == (2, 10, 3, 28, 28)
    np.testing.assert_allclose(features[0, 0] * 255, known.expected["features"][2, :, :28, :28], atol=1e-3)


def test_views_of_masks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="every pixel has a class"):
        replace(KNOWN["ImageMasks"](tmp_path).reader, transforms=(MultiViewCrop(size=(4,)),)).validate()


def test_masks_follow_the_flip(tmp_path: Path) -> None:
    known = KNOWN["ImageMasks"](tmp_path)
    reader = replace(known.reader, transforms=(Flip(probability=1), Pad(pixels=1)))
    arrays = reader.open(training=True).batch(range(COUNT), SampleRng()).arrays
    np.testing.assert_array_equal(arrays["features"][..., 1:-1, 1:-1], known.expected["features"][..., ::-1])
    np.testing.assert_array_equal(arrays["labels"][..., 1:-1, 1:-1], known.expected["labels"][..., ::-1])
    assert (arrays["labels"][:, 0] == -100).all()


# --- IDX -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code"), [("i1", 9), ("i2", 11), ("i4", 12), ("f4", 13), ("f8", 14)])
def test_idx_types(tmp_path: Path, kind: str, code: int) -> None:
    values = np.arange(-6, 6, dtype=kind).reshape(3, 4)
    write_idx(tmp_path / "i", values, code)
    write_idx(tmp_path / "l", np.zeros(3, np.uint8))
    reader = READERS["IDX"](images=str(tmp_path / "i"), labels=str(tmp_path / "l"))
    assert reader.describe().streams[0].dims == (4,)
    features = reader.open(True).batch([0, 1, 2], SampleRng()).arrays["features"]
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, values)


# --- CNTK text -------------------------------------------------------------------------------


def ctf(path: Path, text: str, **options: object) -> dict[str, np.ndarray]:
    path.write_text(text)
    sections = (TextInput(input="features", dim=(2,)), TextInput(input="labels", dim=(3,), format="sparse"))
    dataset = READERS["CNTKText"](file=str(path), input=sections, **options).open(training=True)
    return dataset.batch(range(dataset.count), SampleRng()).arrays


def test_one_sequence_over_two_lines(tmp_path: Path) -> None:
    arrays = ctf(tmp_path / "d", "4 |features 1 2\n4 |labels 2:1\n|# nothing new\n5\t|labels \t|features 3 4\n")
    np.testing.assert_array_equal(arrays["features"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(arrays["labels"], [[0, 0, 1], [0, 0, 0]])


def test_lines_without_ids_are_samples(tmp_path: Path) -> None:
    text = "|features 1 2 |labels 0:1\n|features 3 4 |labels 1:0.5 2:0.5\n"
    np.testing.assert_array_equal(ctf(tmp_path / "d", text)["labels"], [[1, 0, 0], [0, 0.5, 0.5]])
    same = ctf(tmp_path / "d", text.replace("|features", "0 |features"), skip_sequence_ids=True)
    np.testing.assert_array_equal(same["features"], [[1, 2], [3, 4]])


def test_input_sections_are_checked() -> None:
    kind = InputSections()
    good = kind.convert({"x": {"dim": [4.0, 3.0], "format": "SPARSE"}})
    assert good == (TextInput(input="x", dim=(4, 3), format="sparse"),)
    for wrong in ({}, 3, {"x": 3}, {"x": {"dims": 4}}, {"x": {"dim": 0.5}}, {"x": {}}):
        with pytest.raises(Mismatch):
            kind.convert(wrong)


def test_wide_sparse_data_stay_sparse(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("".join(f"|x {k}:1 {k + 7}:2\n" for k in range(50)))
    reader = READERS["CNTKText"](file=str(tmp_path / "d"),
                                 input=(TextInput(input="x", dim=(2_000_000,), format="sparse"),))
    dataset = reader.open(training=True)
    assert dataset.in_memory() is None
    batch = dataset.batch([3, 49], SampleRng()).arrays["x"]
    assert batch.shape == (2, 2_000_000)
    assert batch[1, 49] == 1
    assert batch[1, 56] == 2
    assert batch.sum() == 6


# --- tables and arrays -----------------------------------------------------------------------


def test_csv_columns_by_number_and_targets(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1;2;3;4\n5;6;7;8\n")
    reader = READERS["CSV"](file=str(tmp_path / "t.csv"), columns=(2, 0), labels=(1, 3), targets="numbers",
                            separator=";")
    arrays = reader.open(True).batch([0, 1], SampleRng()).arrays
    np.testing.assert_array_equal(arrays["features"], [[3, 1], [7, 5]])
    np.testing.assert_array_equal(arrays["labels"], [[2, 4], [6, 8]])
    assert reader.describe().streams[1].dims == (2,)


def test_csv_classes_by_list_and_by_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,dog\n2,cat\n")
    reader = READERS["CSV"](file=str(tmp_path / "t.csv"), classes=("dog", "emu", "cat"), header=False)
    assert reader.describe().streams[1].class_names == ("dog", "emu", "cat")
    np.testing.assert_array_equal(reader.open(True).batch([0, 1], SampleRng()).arrays["labels"], [0, 2])
    (tmp_path / "t.csv").write_text("1,4\n2,0\n")
    assert READERS["CSV"](file=str(tmp_path / "t.csv")).describe().streams[1].classes == 5


def test_numpy_layouts_weights_and_fortran_order(tmp_path: Path) -> None:
    images = random_bytes(4, 6, 8, 3)
    np.save(tmp_path / "x.npy", np.asfortranarray(images))
    np.save(tmp_path / "y.npy", np.array([0, 1, 2, 1], dtype=np.int32))
    np.save(tmp_path / "w.npy", np.array([1, 0.5, 0, 2]))
    reader = READERS["NumPy"](features=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy"),
                              weights=str(tmp_path / "w.npy"), layout="HWC", transforms=(Flip(probability=1),))
    described = reader.describe()
    assert described.streams[0].dims == (8, 6, 3)
    assert described.count == 4
    arrays = reader.open(training=True).batch(range(4), SampleRng()).arrays
    np.testing.assert_array_equal(arrays["features"], images[:, :, ::-1].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(arrays["weights"], [[1], [0.5], [0], [2]])


# --- several readers -------------------------------------------------------------------------


def test_joined_by_id(tmp_path: Path) -> None:
    images = KNOWN["Base64Images"](tmp_path)
    lines = [f"{100 + k} |size {k}" for k in reversed(range(COUNT))]
    (tmp_path / "sizes.ctf").write_text("\n".join(lines))
    sizes = READERS["CNTKText"](file=str(tmp_path / "sizes.ctf"), input=(TextInput(input="size", dim=(1,)),))
    joined = READERS["Joined"](readers=(images.reader, sizes), by="id")
    assert {stream.name for stream in joined.describe().streams} == {"features", "labels", "size"}
    arrays = joined.open(training=True).batch([2, 6, 0], SampleRng()).arrays
    np.testing.assert_array_equal(arrays["size"], [[2], [6], [0]])
    np.testing.assert_array_equal(arrays["features"], images.expected["features"][[2, 6, 0]])
    (tmp_path / "sizes.ctf").write_text("\n".join(lines[1:]))
    with pytest.raises(DataError, match="the sample `106` is missing"):
        joined.open(training=True)
    (tmp_path / "sizes.ctf").write_text("\n".join([*lines, lines[0]]))
    with pytest.raises(DataError, match="two samples have the id"):
        joined.open(training=True)


def test_joined_readers_have_to_fit(tmp_path: Path) -> None:
    joined = KNOWN["Joined"](tmp_path).reader
    first, second = joined.readers  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="two of the joined readers deliver `labels`"):
        replace(joined, readers=(first, replace(second, labels_input="labels"))).describe()
    np.save(tmp_path / "right.npy", np.zeros((COUNT + 1, 2)))
    np.save(tmp_path / "y2.npy", np.zeros(COUNT + 1, int))
    longer = replace(joined, readers=(first, replace(second, labels=str(tmp_path / "y2.npy"))))
    for action in (longer.describe, lambda: longer.open(True)):
        with pytest.raises(DataError, match="different numbers of samples"):
            action()
    with pytest.raises(DataError, match="gives its samples no ids"):
        replace(longer, by="id").open(True)
    with pytest.raises(OptionError, match="maxErrors"):
        replace(joined, readers=(READERS["MapFile"](file="x", max_errors=1),)).validate()


# --- without torch, and real data ------------------------------------------------------------


def test_describing_needs_neither_torch_nor_pillow(tmp_path: Path) -> None:
    program = ("import sys; from netdsl.readers import READERS\n"
               "READERS['ImageFolder'](folder='nowhere').describe()\n"
               "print([m for m in ('torch', 'PIL', 'networkx', 'lark') if m in sys.modules])")
    code = "import netdsl.readers.reader\n" + program
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in result.stdout
    assert "PIL" not in result.stdout


def test_real_mnist() -> None:
    folder = needs("mnist")
    reader = READERS["IDX"](images=f"{folder}/t10k-images-idx3-ubyte", labels=f"{folder}/t10k-labels-idx1-ubyte")
    dataset = reader.open(training=False)
    in_memory = dataset.in_memory()
    assert in_memory is not None
    assert dataset.count == reader.describe().count == 10_000
    np.testing.assert_array_equal(in_memory["labels"][:8], [7, 2, 1, 0, 4, 1, 4, 9])
    np.testing.assert_array_equal(np.bincount(in_memory["labels"]), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974,
                                                                    1009])
    assert abs(float(in_memory["features"].mean()) - 33.79) < 0.01


def test_real_cifar10() -> None:
    path = needs("cifar10", "test_batch.bin.xz")
    dataset = READERS["CIFAR10"](files=(str(path.with_suffix("")),)).open(training=False)
    in_memory = dataset.in_memory()
    assert in_memory is not None
    np.testing.assert_array_equal(np.bincount(in_memory["labels"]), [1000] * 10)
    means = in_memory["features"].mean(axis=(0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.4942, 0.4851, 0.4504], atol=2e-3)
    assert dataset.class_names[in_memory["labels"][0]] == "cat"


def test_real_photos() -> None:
    folder, classes = needs("imagenet-one-each"), needs("imagenet-classes", "synset_words.txt")
    reader = READERS["ImageFolder"](folder=str(folder), class_file=str(classes), transforms=(Scale(size=(64, 64)),))
    described = reader.describe()
    assert described.count == 1000
    assert described.streams[0].dims == (64, 64, 3)
    assert described.streams[1].class_names[0].startswith("tench")
    dataset = reader.open(training=False)
    arrays = dataset.batch([0, 500, 999], SampleRng()).arrays
    np.testing.assert_array_equal(arrays["labels"], [0, 500, 999])


def test_real_iris() -> None:
    reader = READERS["CSV"](file=str(needs("tabular", "iris.csv")))
    described = reader.describe()
    assert described.count == 150
    assert described.streams[0].dims == (4,)
    assert described.streams[1].class_names == ("setosa", "versicolor", "virginica")


def test_real_atis() -> None:
    path = needs("atis", "atis.test.ctf")
    sections = (TextInput(input="features", alias="S0", dim=(943,), format="sparse"),
                TextInput(input="labels", alias="S2", dim=(129,), format="sparse"))
    reader = READERS["CNTKText"](file=str(path), input=sections, skip_sequence_ids=True)
    dataset = reader.open(training=False)
    assert dataset.count == 10984
    arrays = dataset.batch(range(500), SampleRng()).arrays
    np.testing.assert_array_equal(arrays["features"].sum(axis=1), np.ones(500))
    with pytest.raises(DataError, match="of one sequence"):
        replace(reader, skip_sequence_ids=False).describe()


# --- links, line ends, packed files ----------------------------------------------------------


def test_links_that_lead_in_a_circle_are_passed_over(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_png(tmp_path / name / "0.png", random_bytes(4, 4, 3))
    reader = READERS["ImageFolder"](folder=str(tmp_path))
    for link, target in (("a/self", "self"), ("a/here", "."), ("a/up", ".."), ("b/other", "../b"), ("round", "round")):
        (tmp_path / link).symlink_to(target)
    with pytest.raises(DataError, match="`round` is a broken link"):
        reader.describe()
    (tmp_path / "round").unlink()
    assert reader.describe().count == 2
    dataset = reader.open(training=False)
    assert dataset.batch([0, 1], SampleRng()).arrays["labels"].tolist() == [0, 1]


def test_a_dead_link_is_named(tmp_path: Path) -> None:
    save_png(tmp_path / "a" / "0.png", random_bytes(4, 4, 3))
    (tmp_path / "a" / "1.png").symlink_to("gone.png")
    dataset = READERS["ImageFolder"](folder=str(tmp_path)).open(training=False)
    with pytest.raises(DataError, match=r"`1\.png` is a broken link") as caught:
        dataset.batch([1], SampleRng())
    assert "`gone.png`" in caught.value.body[0]
    (tmp_path / "b").symlink_to("/not/mounted")
    with pytest.raises(DataError, match="`b` is a broken link"):
        READERS["ImageFolder"](folder=str(tmp_path)).describe()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(["a,b", "1,x", "", "2,y"]).encode())
    assert [line for _, lines in text_blocks(str(path)) for line in lines] == ["a,b", "1,x", "", "2,y"]
    batch = READERS["CSV"](file=str(path)).open(training=False).batch([0, 1], SampleRng())
    assert batch.names == ("row 2", "row 4")
    assert batch.arrays["features"].tolist() == [[1], [2]]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_do_not_depend_on_how_much_is_read_at_once(size: int, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", size)
    path = tmp_path / "t.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntw\xc3\xb6\rthree\nfour\xff\n")
    found = []
    with pytest.raises(DataError, match="is not UTF-8 text") as caught:
        found.extend(line for first, lines in text_blocks(str(path)) for line in enumerate(lines, first))
    assert found == [(1, "one"), (2, ""), (3, "twö"), (4, "three")]
    assert caught.value.place == "row 5, byte 5"


@pytest.mark.parametrize("suffix", [".gz", ".xz", ""])
def test_a_closed_stream_leaves_no_file_open(suffix: str, tmp_path: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc")
    packed = {".gz": gzip.compress, ".xz": lzma.compress, "": bytes}[suffix](b"text")
    path = tmp_path / f"t{suffix}"
    path.write_bytes(packed)
    stream = open_plain(path)
    assert stream.read() == b"text"
    stream.close()
    links = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if
             os.path.lexists(f"/proc/self/fd/{name}")]
    assert str(path) not in links


# --- tables, quickly and row by row ----------------------------------------------------------


def csv_arrays(path: Path, text: str, **options: object) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    path.write_text(text)
    dataset = READERS["CSV"](file=str(path), **options).open(training=False)
    batch = dataset.batch(range(dataset.count), SampleRng())
    return batch.arrays, batch.names


@pytest.mark.parametrize("options", [
    {}, {"weights": "w", "ids": "id"}, {"columns": ("b", 0), "labels": ("kind",)}, {"ids": 2, "header": True},
    {"columns": ("a", "b"), "labels": ("w", "b"), "targets": "numbers", "weights": "w"},
])
def test_a_row_with_quotes_is_read_as_one_without(options: dict[str, object], tmp_path: Path) -> None:
    rows = [f"{k}.5, {-k}e-3 ,s{k % 3},{k + 1},c{k % 4}" for k in range(50)]
    options = {"columns": ("a", "b"), **options} if options else {"columns": ("a", "b")}
    plain = csv_arrays(tmp_path / "t.csv", "a,b,id,w,kind\n" + "\n".join(rows), **options)
    quoted = [row.replace("s", '"s').replace(",", '",', 3).replace('"', "", 2) for row in rows]
    slow = csv_arrays(tmp_path / "t.csv", 'a,b,id,w,"kind"\n' + "\n".join(quoted), **options)
    assert '"' in quoted[0]
    assert plain[1] == slow[1] == tuple(f"row {k + 2}" for k in range(50))
    assert plain[0].keys() == slow[0].keys()
    for name, array in plain[0].items():
        np.testing.assert_array_equal(array, slow[0][name])
        assert array.dtype == slow[0][name].dtype


def test_rows_in_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", 40)
    text = "a,b\n" + "".join(f'{k},{"x" if k % 7 else "y"}\n' for k in range(60)) + '60,"x"\n61,"two\nlines"\n\n62,y\n'
    arrays, names = csv_arrays(tmp_path / "t.csv", text)
    np.testing.assert_array_equal(arrays["features"][:, 0], range(63))
    assert names[-3:] == ("row 62", "row 64", "row 66")
    with pytest.raises(DataError, match="row 66 has no value in column `a`"):
        csv_arrays(tmp_path / "t.csv", text.replace("62,", "?,"))


@pytest.mark.parametrize("cell", ["1_0", "1e39", "-inf", "0x10", "1 2", "1,5", "1,234", "%", "5 %%", "truee"])
@pytest.mark.parametrize("quoted", [False, True])
def test_cells_that_are_no_number(cell: str, quoted: bool, tmp_path: Path) -> None:
    kind = '"x"' if quoted else "x"
    with pytest.raises(DataError, match="row 3 has no number in column `a`"):
        csv_arrays(tmp_path / "t.csv", f"a;b\n1;{kind}\n{cell};{kind}\n3;{kind}\n", separator=";")


def test_a_class_number_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3 has a class number that is too large") as caught:
        csv_arrays(tmp_path / "t.csv", "a,b\n1,2\n1,99999999999999999999\n")
    assert "targets" in caught.value.hint


@pytest.mark.parametrize(("header", "said"), [("0,1,2", True), ("0,1,kind", True), ("1,2,3", False), ("a,b,c", False),
                                              ("0,x,kind", False)])
def test_a_header_of_numbers_is_pointed_out(header: str, said: bool, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n5,6,1\n7,8,2\n")
    columns = (0,)
    facts = " ".join(READERS["CSV"](file=str(tmp_path / "t.csv"), columns=columns).describe().facts)
    assert ("`header = true`" in facts) == said
    listed = READERS["CSV"](file=str(tmp_path / "t.csv"), columns=columns, header=True).describe().facts
    assert not any("header" in fact for fact in listed)


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    os.utime(path, (1, 1))
    reader = READERS["CSV"](file=str(path))
    assert reader.describe().count == 2

    count, wrapped = [], TableFile.read
    monkeypatch.setattr(TableFile, "read", lambda table: count.append(1) or wrapped(table))

    def read(made: Reader) -> tuple[list[list[float]], int]:
        values = made.open(training=True).in_memory()["features"].tolist()
        return values, len(count)

    assert read(reader) == ([[1], [2]], 0)
    assert read(reader.with_classes(lambda _: ("y", "x"))) == ([[1], [2]], 0)
    path.write_text("a,b\n3,x\n4,y\n")
    assert read(reader) == ([[3], [4]], 1)
    os.utime(path, (2, 2))
    assert read(reader) == ([[3], [4]], 2)
    assert read(reader) == ([[3], [4]], 2)
    assert read(replace(reader, max_errors=1)) == ([[3], [4]], 3)


# --- CNTK's text format, quickly and line by line --------------------------------------------


def ctf_batch(path: Path, text: str, **options: object) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    path.write_text(text)
    sections = (TextInput(input="f", dim=(3,)), TextInput(input="l", dim=(4,), format="sparse"))
    dataset = READERS["CNTKText"](file=str(path), input=sections, **options).open(training=False)
    batch = dataset.batch(range(dataset.count), SampleRng())
    return batch.arrays, batch.names


@pytest.mark.parametrize("block", [20, 100, 1 << 17])
@pytest.mark.parametrize("form", ["|f {k} 1e-2 -.5 |l {l}:1", "{k} |l {l}:1 0:0.5 |x 7 |f {k} +1 3|# note",
                                  "|l |f 1 2 {k} "])
def test_lines_at_once_and_one_by_one_are_the_same(form: str, block: int, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [form.format(k=k, l=k % 3 + 1) for k in range(40)]
    monkeypatch.setattr("netdsl.readers.files._BLOCK", block)
    quick = ctf_batch(tmp_path / "d", "\n".join(lines))
    monkeypatch.setattr("netdsl.readers.formats.ctf.CNTKText._quickly", lambda *_: False)
    slow = ctf_batch(tmp_path / "d", "\n".join(lines))
    assert quick[1] == slow[1] == tuple(f"row {k + 1}" for k in range(40))
    for name, array in quick[0].items():
        np.testing.assert_array_equal(array, slow[0][name])
        assert array.dtype == slow[0][name].dtype


@pytest.mark.parametrize("block", [20, 60, 1 << 17])
def test_a_sequence_is_one_sample_in_any_block(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", block)
    text = "".join(f"{k} |f {k} 1 2 |l {k % 4}:1\n" for k in range(9))
    text += "9 |f 9 1 2\n9 |l 1:1\n|# more of it\n10 |f 10 1 2 |l\n"
    arrays, names = ctf_batch(tmp_path / "d", text)
    assert arrays["f"][:, 0].tolist() == list(range(11))
    assert names[-2:] == ("row 10", "row 13")
    with pytest.raises(DataError, match="row 10 holds a second `f` of one sequence"):
        ctf_batch(tmp_path / "d", text.replace("9 |f", "8 |f"))


@pytest.mark.parametrize(("line", "title", "column", "also"), [
    ("|f 1 2 x |l 1:1", "has a value that is not a number", 8, "Value 3 of `f` is `x`."),
    ("7 |f 1\t2_0 3 |l 1:1", "has a value that is not a number", 8, "Value 2 of `f` is `2_0`."),
    ("|f 1 2 3 |l 1:1 2_0:1", "has a sparse value that is not `index:value`", 17, "Value 2 of `l` is `2_0:1`."),
    ("|f 1 2 3 |l 1:1 +2:1", "has a sparse value that is not `index:value`", 17, "Value 2 of `l` is `+2:1`."),
    ("|f 1 2 3 |l 1:1_0", "has a sparse value that is not `index:value`", 13, "Value 1 of `l` is `1:1_0`."),
    ("|f 1 2 3 |l 1:1 4:1", "has index 4 of `l`, out of range", 17, "`dim` is 4"),
    ("|f 1 2 3 |l 1:1 1:1", "gives an index of `l` twice", 17, "Value 2 of `l`"),
    ("|f 1 nan 3 |l 1:1", "has a value of `f` that is not finite", 6, "Value 2 of `f` is `nan`."),
    ("|f 1 2 1e39 |l 1:1", "has a value of `f` that is not finite", 8, "Value 3 of `f`"),
    ("|f 1 2 3 |l 1:1 |", "has a `|` with nothing after it", 17, "name and values"),
    ("1 |", "has a `|` with nothing after it", 3, "name and values"),
    ("| |l 1:1", "has a `|` with nothing after it", 1, "name and values"),
])
def test_a_bad_value_is_named_with_its_place(line: str, title: str, column: int, also: str, tmp_path: Path) -> None:
    text = "|f 1 2 3 |l 0:1\n" * 3 + line + "\n" + "|f 1 2 3 |l 0:1\n" * 3
    with pytest.raises(DataError) as caught:
        ctf_batch(tmp_path / "d", text, skip_sequence_ids=True)
    assert caught.value.title == f"row 4 {title}"
    assert caught.value.place == f"row 4, column {column}"
    assert also in caught.value.body[0]
    arrays, names = ctf_batch(tmp_path / "d", text, skip_sequence_ids=True, max_errors=1)
    assert len(arrays["f"]) == 6
    assert names[3] == "row 5"


# --- lists of images, quickly and line by line -----------------------------------------------


def map_rows(path: Path, text: str, **options: object) -> tuple[list[str], list[int], list[object]]:
    path.write_text(text)
    rows = READERS["MapFile"](file=str(path), **options)._rows()  # type: ignore[attr-defined]
    return rows.paths, list(rows.numbers), rows.targets.tolist()


@pytest.mark.parametrize("block", [10, 100, 1 << 17])
@pytest.mark.parametrize(("form", "options"), [
    (".../x {k}.png\t{l}", {"label_dim": 3}), ("id{k}\t .../x {k}.png \t{l} ", {}), (".../x {k}.png  {l}", {}),
    (".../x {k}.png\t{l} -0.5", {"targets": "numbers"}),
])
def test_a_list_at_once_and_line_by_line_is_the_same(form: str, options: dict[str, object], block: int, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(form.format(k=k % 30, l=k % 3) for k in range(40)) + "\n\n"
    monkeypatch.setattr("netdsl.readers.files._BLOCK", block)
    quick = map_rows(tmp_path / "list", text, **options)
    assert quick[0] == [f"{tmp_path}/x {k % 30}.png" for k in range(40)]
    assert quick[1] == list(range(1, 41))
    assert quick[2] == [[k % 3, -0.5] if "targets" in options else k % 3 for k in range(40)]
    monkeypatch.setattr("netdsl.readers.formats.mapfile.MapFile._quickly", lambda *_: False)
    assert map_rows(tmp_path / "list", text, **options) == quick


@pytest.mark.parametrize("block", [10, 1 << 17])
@pytest.mark.parametrize(("label", "options", "title"), [
    ("1_0", {}, "has a label that is not a class number"), ("3", {"label_dim": 3}, "has class 3, out of range"),
    ("99999999999", {}, "has a label that is not a class number"),
    ("1_0", {"targets": "numbers"}, "has a label that is not a number"),
    ("1 2", {"targets": "numbers"}, "does not have 1 finite numbers"),
    ("1e39", {"targets": "numbers"}, "does not have 1 finite numbers"),
])
def test_a_bad_label_is_named(label: str, options: dict[str, object], title: str, block: int, tmp_path: Path,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", block)
    text = f"a.png\t0\nb.png\t1\nc.png\t{label}\nd.png\t2\n"
    with pytest.raises(DataError, match=f"row 3 of `list` {title}"):
        map_rows(tmp_path / "list", text, **options)
    paths, numbers, _ = map_rows(tmp_path / "list", text, max_errors=1, **options)
    assert (paths, numbers) == (["a.png", "b.png", "d.png"], [1, 2, 4])


def test_the_row_that_opens_a_quote_is_named(tmp_path: Path) -> None:
    rows = [f"{k},{k % 2}" for k in range(30_000)]
    rows[11_000] = '"5,1'
    (tmp_path / "t.csv").write_text("x,kind\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="row 11002 is not a row of a table") as caught:
        READERS["CSV"](file=str(tmp_path / "t.csv")).open(False)
    assert "It continues to row" in caught.value.body[0]
