"""Images as people have them: depth, transparency, colour modes, orientation, formats, and what is skipped."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from netdsl.readers import READERS
from netdsl.readers.files import kind_of
from netdsl.readers.formats.folder import image_paths
from netdsl.readers.formats.image_formats import FORMATS, UNREAD
from netdsl.readers.formats.pixels import Decoding, decode, decode_mask
from netdsl.readers.reader import DataError, Reader, SampleRng

GRAY = Decoding(grayscale=True)
WHITE = 255.0


def random(*shape: int, most: int = 256, seed: int = 0) -> np.ndarray:
    dtype = np.uint8 if most == 256 else np.uint16
    return np.random.default_rng(seed).integers(0, most, shape).astype(dtype)


def encoded(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=form, **more)
    return stream.getvalue()


def png16(values: np.ndarray, filters: bool = False, chunk: bytes = b"") -> bytes:
    """A PNG of 16 bits: height x width x 1 (grey), 2 (with alpha), 3 or 4, each row filtered by `up` if asked for."""
    height, width, channels = values.shape
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    kind = 0
    if filters:
        rows, kind = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8)), 2
    data = b"".join(bytes([kind]) + row.tobytes() for row in rows.astype(np.uint8))

    def part(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    between = part(b"tRNS", chunk) if chunk else b""
    pixels = part(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + between + pixels + part(b"IEND", b"")


def tiff16(values: np.ndarray, order: str, packed: bool = False) -> bytes:
    """A TIFF of 16 bits, height x width x channels, in one strip."""
    height, width, channels = values.shape
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    fields = [(256, width), (257, height), (258, 16), (259, 8 if packed else 1), (262, 1 if channels == 1 else 2),
              (273, 0), (277, channels), (278, height), (279, len(data))]
    bits_at = 8 + 2 + 12 * len(fields) + 4
    start = bits_at + 8
    entries = b""
    for tag, value in fields:
        if tag == 258 and channels > 2:
            entries += struct.pack(order + "HHII", tag, 3, channels, bits_at)
        else:
            entries += struct.pack(order + "HHII", tag, 4, 1, start if tag == 273 else value)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(fields)) + entries \
        + struct.pack(order + "I", 0) + struct.pack(order + "4H", 16, 16, 16, 16) + data


# --- depth -----------------------------------------------------------------------------------------------


def deep_files(values: np.ndarray) -> dict[str, bytes]:
    """The same numbers of 16 bits, grey or in colours, in every format that holds them."""
    high, wide, channels = values.shape
    digits = " ".join(map(str, values.ravel().tolist())).encode()
    magic = (b"P5", b"P2") if channels == 1 else (b"P6", b"P3")
    return {
        "png": png16(values), "png, filtered": png16(values, filters=True),
        "tiff <": tiff16(values, "<"), "tiff >": tiff16(values, ">"),
        "tiff <, packed": tiff16(values, "<", True), "tiff >, packed": tiff16(values, ">", True),
        "pnm": b"%b\n# a comment\n%d %d\n65535\n" % (magic[0], wide, high) + values.astype(">u2").tobytes(),
        "pnm, text": b"%b\n%d %d\n65535\n" % (magic[1], wide, high) + digits,
    }


@pytest.mark.parametrize("form", list(deep_files(random(1, 1, 1, most=65536))))
@pytest.mark.parametrize("channels", [1, 3])
def test_all_of_16_bits_are_kept(form: str, channels: int) -> None:
    values = random(9, 7, channels, most=65536)
    values[0, 0] = 65535
    values[0, 1] = 0
    values[0, 2] = 258  # an upper byte of 1 and a lower one of 2
    pixels = decode(deep_files(values)[form])
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, np.broadcast_to(values / 257, (9, 7, 3)), rtol=1e-6)
    gray = decode(deep_files(values)[form], GRAY)
    weights = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(gray[..., 0], (values / 257) @ weights if channels == 3 else values[..., 0] / 257,
                               rtol=1e-5)


def test_8_bits_written_as_16_are_the_same_values() -> None:
    values = random(5, 6, 3)
    np.testing.assert_allclose(decode(png16(values.astype(np.uint16) * 257)), values, atol=1e-4)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bits_with_alpha(channels: int) -> None:
    values = random(6, 5, channels, most=65536)
    alpha = values[..., -1:] / 65535
    colors = np.broadcast_to(values[..., : channels - 1] / 257, (6, 5, 3))
    below = np.array([10.0, 20.0, 30.0])
    np.testing.assert_allclose(decode(png16(values), Decoding(background=(10.0, 20.0, 30.0))),
                               colors * alpha + below * (1 - alpha), rtol=1e-4, atol=1e-3)


def test_a_transparent_colour_of_16_bits() -> None:
    gray = np.array([[[500], [501]]], np.uint16)
    np.testing.assert_allclose(decode(png16(gray, chunk=struct.pack(">H", 500)), GRAY)[..., 0], [[WHITE, 501 / 257]])
    color = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    pixels = decode(png16(color, chunk=struct.pack(">3H", 1, 2, 3)))
    np.testing.assert_allclose(pixels, [[[WHITE] * 3, [1 / 257, 2 / 257, 4 / 257]]], rtol=1e-5)


def test_a_value_range_says_what_is_black_and_white() -> None:
    values = np.array([[0, 1000, 4095]], np.uint16)
    twelve = Decoding(grayscale=True, value_range=(0, 4095))
    for data in (encoded(Image.fromarray(values)), encoded(Image.fromarray(values), "TIFF")):
        np.testing.assert_allclose(decode(data, twelve)[0, :, 0], [0, 1000 / 4095 * 255, 255], rtol=1e-6)
        with pytest.raises(DataError, match="the value 4095, outside of `valueRange`") as caught:
            decode(data, Decoding(value_range=(0, 4000)))
        assert caught.value.option == "valueRange"
        assert "0 to 4095" in caught.value.body[0]


@pytest.mark.parametrize(("values", "fitting"), [
    (np.array([[0.0, 0.25, 1.0]], np.float32), "0:1"), (np.array([[-5.0, 0, 300]], np.float32), "-5:1023"),
    (np.array([[-1024, 0, 3071]], np.int32), "-1024:4095"), (np.array([[0, 5, 70000]], np.int32), "0:70000"),
])
def test_32_bits_need_a_range_and_the_page_proposes_one(values: np.ndarray, fitting: str) -> None:
    data = encoded(Image.fromarray(values), "TIFF")
    with pytest.raises(DataError, match="nothing says which of the image's") as caught:
        decode(data)
    assert f"`valueRange = {fitting}`" in caught.value.hint
    low, high = map(float, fitting.split(":"))
    pixels = decode(data, Decoding(grayscale=True, value_range=(low, high)))
    np.testing.assert_allclose(pixels[..., 0], (values - low) * (255 / (high - low)), rtol=1e-6)


def test_numbers_that_are_none_are_refused() -> None:
    data = encoded(Image.fromarray(np.array([[0.0, np.nan]], np.float32)), "TIFF")
    with pytest.raises(DataError, match="no finite numbers"):
        decode(data, Decoding(value_range=(0, 1)))


def test_images_of_8_and_of_16_bits_in_one_batch(tmp_path: Path) -> None:
    small, deep = random(4, 5, 3), random(4, 5, 3, most=65536)
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(small)))
    (tmp_path / "b.png").write_bytes(png16(deep))
    (tmp_path / "list.txt").write_text(".../a.png\t0\n.../b.png\t1\n")
    reader = READERS["MapFile"](file=str(tmp_path / "list.txt"))
    opened = reader.open(True)
    for order in ([0, 1], [1, 0]):
        batch = opened.batch(order, SampleRng()).arrays["features"]
        expected = np.stack([(small, deep / 257)[index] for index in order]).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(batch, expected, rtol=1e-6)
    assert any("1 of 2 images looked at are 16-bit: 0 to 65535" in fact for fact in reader.describe().facts)
    assert opened.batch([0], SampleRng()).arrays["features"].dtype == np.uint8


# --- transparency and colours ----------------------------------------------------------------------------


def over(colors: np.ndarray, alpha: np.ndarray, below: tuple[float, ...]) -> np.ndarray:
    share = alpha[..., None] / 255
    return np.rint(colors * share + np.array(below) * (1 - share))


@pytest.mark.parametrize("below", [(255.0, 255.0, 255.0), (0.0, 0.0, 0.0), (10.0, 100.0, 200.0)])
def test_transparency_is_laid_over_the_background(below: tuple[float, float, float]) -> None:
    rgb, alpha = random(6, 5, 3), random(6, 5, seed=1)
    image = Image.fromarray(np.dstack([rgb, alpha]))
    how = Decoding(background=below)
    for form in ("PNG", "TIFF", "WEBP"):
        more = {"lossless": True, "exact": True} if form == "WEBP" else {}
        np.testing.assert_allclose(decode(encoded(image, form, **more), how), over(rgb, alpha, below), atol=1)
    gray = Image.merge("LA", (Image.fromarray(rgb[..., 0]), Image.fromarray(alpha)))
    expected = over(np.repeat(rgb[..., :1], 3, axis=2), alpha, below)
    np.testing.assert_allclose(decode(encoded(gray), how), expected, atol=1)
    np.testing.assert_allclose(decode(encoded(gray), Decoding(True, below))[..., 0],
                               expected @ [0.299, 0.587, 0.114], atol=1)


def test_the_background_is_white_unless_told() -> None:
    clear = Image.new("RGBA", (2, 1), (9, 9, 9, 0))
    assert (decode(encoded(clear)) == 255).all()


def test_transparent_colours_of_palettes_and_plain_images() -> None:
    numbers = random(6, 5) % 4
    colors = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)
    palette = Image.fromarray(numbers)
    palette.putpalette(colors.ravel().tolist())
    how = Decoding(background=(0.0, 0.0, 0.0))
    shown = colors[numbers].astype(float)
    shown[numbers == 2] = 0
    np.testing.assert_array_equal(decode(encoded(palette, transparency=2), how), shown)
    np.testing.assert_array_equal(decode(encoded(palette, "GIF", transparency=2), how), shown)
    shares = bytes([255, 128, 0, 255])  # palettes with an alpha for each entry
    alpha = np.frombuffer(shares, np.uint8)[numbers]
    np.testing.assert_allclose(decode(encoded(palette, transparency=shares), how),
                               over(colors[numbers], alpha, (0, 0, 0)), atol=1)
    gray = Image.fromarray(numbers * 50)
    np.testing.assert_array_equal(decode(encoded(gray, transparency=100), Decoding(True, (7.0, 7.0, 7.0)))[..., 0],
                                  np.where(numbers == 2, 7, numbers * 50))
    plain = Image.fromarray(colors[numbers])
    np.testing.assert_array_equal(decode(encoded(plain, transparency=(70, 80, 90)), how), shown)


def test_one_bit_and_lab() -> None:
    bits = random(6, 9) > 127
    for form in ("PNG", "TIFF", "PPM", "BMP"):
        np.testing.assert_array_equal(decode(encoded(Image.fromarray(bits), form), GRAY)[..., 0], bits * 255)
    lab = encoded(Image.new("RGB", (3, 3), (200, 100, 50)).convert("LAB"), "TIFF")
    np.testing.assert_allclose(decode(lab)[0, 0].astype(int), (200, 100, 50), atol=1)
    np.testing.assert_allclose(int(decode(lab, GRAY)[0, 0, 0]), 0.299 * 200 + 0.587 * 100 + 0.114 * 50, atol=1)


# --- orientation -----------------------------------------------------------------------------------------


def photo(pixels: np.ndarray, orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    return encoded(Image.fromarray(pixels), form, exif=exif, **more)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(orientation: int, form: str) -> None:
    data = photo(random(40, 64, 3), orientation, form)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    np.testing.assert_array_equal(decode(data, Decoding(turned=True)), upright)
    if form != "TIFF":  # Pillow turns these itself
        stored = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        np.testing.assert_array_equal(decode(data), stored)


def folder_of(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return str(folder)


def test_check_says_sizes_after_turning_and_warns_where_they_are_not_turned(tmp_path: Path) -> None:
    upright = random(24, 16, 3)
    folder = folder_of(tmp_path / "img", {
        "0/up.jpg": photo(upright, 1), "0/phone.jpg": photo(np.rot90(upright, 1).copy(), 6),
        "1/up.jpg": photo(upright, 1)})
    described = READERS["ImageFolder"](folder=folder).describe()
    assert described.streams[0].dims is None  # 16 x 24 and 24 x 16
    warning = described.warnings[0]
    assert warning.title == "1 of the 3 images looked at is stored turned, and read as stored"
    assert "phone.jpg" in warning.body[0]
    assert "applyExifOrientation = true" in warning.hint
    reader = READERS["ImageFolder"](folder=folder, apply_exif_orientation=True)
    described = reader.describe()
    assert described.streams[0].dims == (16, 24, 3)
    assert not described.warnings
    batch = reader.open(True).batch([0, 1, 2], SampleRng()).arrays["features"].astype(int)
    np.testing.assert_allclose(batch[0], batch[1], atol=24)  # JPEG of the turned picture
    assert abs(batch[0] - batch[1]).mean() < 4


def test_masks_are_turned_with_their_images(tmp_path: Path) -> None:
    upright, mask = random(8, 6, 3), random(8, 6) % 3
    turned = photo(np.rot90(upright, 1).copy(), 6, "PNG")
    folder_of(tmp_path, {"i/a.png": turned, "m/a.png": encoded(Image.fromarray(mask))})
    reader = READERS["ImageMasks"](images=str(tmp_path / "i"), masks=str(tmp_path / "m"), classes=3,
                                   apply_exif_orientation=True)
    assert reader.describe().streams[0].dims == (6, 8, 3)
    batch = reader.open(False).batch([0], SampleRng()).arrays
    np.testing.assert_array_equal(batch["features"][0], upright.transpose(2, 0, 1))
    np.testing.assert_array_equal(batch["labels"][0], mask)


@pytest.mark.parametrize(("image", "wrong"), [
    (Image.fromarray(np.array([[0, 2, 255]], np.uint16)), ""), (Image.fromarray(np.array([[0, 2, 255]], np.int32)), ""),
    (Image.fromarray(np.array([[0, 2, 256]], np.uint16)), "256"),
    (Image.fromarray(np.array([[0, -2, 5]], np.int32)), "-2"),
])
def test_masks_of_more_than_8_bits_hold_class_numbers(image: Image.Image, wrong: str) -> None:
    data = encoded(image, "TIFF")
    if wrong:
        with pytest.raises(DataError, match=f"the mask holds the number {wrong}"):
            decode_mask(data)
    else:
        np.testing.assert_array_equal(decode_mask(data)[..., 0], [[0, 2, 255]])


# --- formats ---------------------------------------------------------------------------------------------

#: What Pillow calls the format -> a file of it.
FILES = {form: encoded(Image.fromarray(random(4, 5, 3)), form) for form in FORMATS}


def test_every_suffix_is_read_by_every_reader(tmp_path: Path) -> None:
    names = [f"{suffix[1:]}{suffix}" for suffixes in FORMATS.values() for suffix in suffixes]
    contents = {f"{suffix[1:]}{suffix}": FILES[form] for form, suffixes in FORMATS.items() for suffix in suffixes}
    folder_of(tmp_path, {f"set/a/{name.upper() if index % 2 else name}": contents[name]
                         for index, name in enumerate(names)})
    folder = READERS["ImageFolder"](folder=str(tmp_path / "set"))
    assert folder.open(True).count == len(names)
    assert not folder.describe().warnings
    paths = list(image_paths(str(tmp_path / "set")))
    assert len(paths) == len(names)
    (tmp_path / "list.txt").write_text("".join(f"{path}\t0\n" for path in paths))
    listed = READERS["MapFile"](file=str(tmp_path / "list.txt")).open(True)
    every = range(len(names))
    np.testing.assert_array_equal(listed.batch(every, SampleRng()).arrays["features"],
                                  folder.open(True).batch(every, SampleRng()).arrays["features"])
    masks = {f"m/{name}.png": encoded(Image.fromarray(random(4, 5) % 3)) for name in (Path(p).stem for p in paths)}
    folder_of(tmp_path, masks)
    masked = READERS["ImageMasks"](images=str(tmp_path / "set" / "a"), masks=str(tmp_path / "m"), classes=3).open(True)
    assert masked.batch(every, SampleRng()).arrays["features"].shape == (len(names), 3, 4, 5)


def test_kinds_that_are_not_read_are_known_by_their_bytes() -> None:
    heads = {b"\0\0\0\x18ftypheic": "a HEIC image", b"\0\0\0\x18ftypmif1": "a HEIC image",
             b"\0\0\0\x20ftypavif": "an AVIF image", b"8BPS\0\1": "a Photoshop image",
             b"\0\0\0\x0cJXL \r\n": "a JPEG XL image", b"\0\0\0\x0cjP  \r\n": "a JPEG 2000 image",
             b"\0\0\0\x20ftypisom": "a video (MP4)"}
    for head, kind in heads.items():
        assert kind_of(head) == kind
    assert {kind for kind in heads.values() if kind.endswith("image")} <= {row.kind for row in UNREAD}


def test_what_is_skipped_is_counted_by_name(tmp_path: Path) -> None:
    picture = FILES["PNG"]
    folder = folder_of(tmp_path / "img", {
        "a/x.png": picture, "b/y.png": picture, "c.png": picture, "a/.hidden": b"",
        **{f"a/{k}.HEIC": b"x" for k in range(12)}, "b/deep/notes.txt": b"x", "b/z": b"x", "b/u.avif": b"",
        "b/v.avif": b""})
    described = READERS["ImageFolder"](folder=folder).describe()
    skipped, beside = described.warnings
    assert skipped.title == "16 files are skipped: .heic (12), .avif (2), .txt (1), without a suffix (1)"
    assert "Most Compatible" in skipped.hint
    assert beside.title == "1 image is skipped: beside the classes' folders"
    only_notes = folder_of(tmp_path / "noted", {"a/x.png": picture, "a/x.xml": b"<a/>", "b/y.png": picture})
    described = READERS["ImageFolder"](folder=only_notes).describe()
    assert not described.warnings
    assert "1 file is skipped: .xml (1)" in described.facts


def test_a_class_of_photos_that_are_not_read_is_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "img", {"a/x.png": FILES["PNG"], "b/x.heic": b"x", "b/y.HEIC": b""})
    with pytest.raises(DataError, match="the class folder `b` has no images") as caught:
        READERS["ImageFolder"](folder=folder).describe()
    assert caught.value.body == ("2 files are skipped: .heic (2).",)
    assert "convert the photos to JPEG" in caught.value.hint


# --- classes and labels ----------------------------------------------------------------------------------


def labels_of(reader: Reader) -> list[int]:
    opened = reader.open(False)
    return [int(label) for label in opened.batch(range(opened.count), SampleRng()).arrays["labels"]]


def test_folders_that_are_numbers_are_ordered_by_their_value(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "img", {f"{k}/x.png": FILES["PNG"] for k in range(12)})
    reader = READERS["ImageFolder"](folder=folder)
    assert reader.describe().streams[1].class_names == tuple(map(str, range(12)))
    assert labels_of(reader) == list(range(12))
    mixed = folder_of(tmp_path / "mixed", {f"{name}/x.png": FILES["PNG"] for name in ("10", "9", "b")})
    assert READERS["ImageFolder"](folder=mixed).describe().streams[1].class_names == ("10", "9", "b")


def test_an_empty_class_folder_is_an_error_in_training_only(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "val", {"a/x.png": FILES["PNG"], "c/x.png": FILES["PNG"]})
    (tmp_path / "val" / "b").mkdir()
    reader = READERS["ImageFolder"](folder=folder)
    for action in (reader.describe, lambda: reader.open(True)):
        with pytest.raises(DataError, match="the class folder `b` has no images"):
            action()
    judged = reader.with_classes(lambda _: ("a", "b", "c"))
    assert judged.describe().streams[1].class_names == ("a", "b", "c")
    assert labels_of(judged) == [0, 2]


def test_several_judgements_of_an_image(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a.png": FILES["PNG"], "b.png": FILES["PNG"]})
    (tmp_path / "votes.txt").write_text(".../a.png\t0\n.../b.png\t1\n.../a.png\t1\n.../b.png\t1\n")
    reader = READERS["MapFile"](file=str(tmp_path / "votes.txt"))
    assert labels_of(reader) == [0, 1, 1, 1]
    warning, = reader.describe().warnings
    assert (warning.title, warning.place) == ("1 image has several labels, each line a sample", "rows 1 and 3")
    (tmp_path / "ratings.txt").write_text(".../a.png\t3.5\n.../a.png\t2\n.../a.png\t3.5\n")
    reader = READERS["MapFile"](file=str(tmp_path / "ratings.txt"), targets="numbers")
    opened = reader.open(False)
    np.testing.assert_array_equal(opened.batch([0, 1, 2], SampleRng()).arrays["labels"], [[3.5], [2], [3.5]])
    assert not reader.describe().warnings
    assert "1 image has several labels, each line a sample" in reader.describe().facts


@pytest.mark.parametrize("lines", [["a.png", "my photo.png"], ["my photo.png", "a.png"]])
@pytest.mark.parametrize("block", [8, 1 << 17])
def test_a_list_of_paths_alone_has_no_labels(lines: list[str], block: int, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", block)
    folder_of(tmp_path, {"a.png": FILES["PNG"], "my photo.png": FILES["BMP"]})
    (tmp_path / "list.txt").write_text("".join(f".../{line}\n" for line in lines))
    reader = READERS["MapFile"](file=str(tmp_path / "list.txt"))
    described = reader.describe()
    assert [stream.name for stream in described.streams] == ["features"]
    assert described.unlabelled is not None
    batch = reader.open(True).batch([0, 1], SampleRng())
    assert list(batch.arrays) == ["features"]
    assert [Path(name.split(":")[0]).name for name in batch.names] == lines


def test_a_folder_of_images_alone_has_no_labels(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"b.png": FILES["PNG"], "a.png": FILES["PNG"], "notes.md": b""})
    reader = READERS["ImageFolder"](folder=folder)
    described = reader.describe()
    assert [stream.name for stream in described.streams] == ["features"]
    assert described.unlabelled is not None
    assert described.unlabelled.title == "`photos` has no sub-folders, so its images have no labels"
    batch = reader.open(True).batch([0, 1], SampleRng())
    assert [Path(name).name for name in batch.names] == ["a.png", "b.png"]
    assert list(batch.arrays) == ["features"]


def test_images_in_base64_without_labels(tmp_path: Path) -> None:
    import base64

    text = base64.b64encode(FILES["PNG"]).decode()
    (tmp_path / "x.b64").write_text(f"{text}\n{text}\n")
    reader = READERS["Base64Images"](file=str(tmp_path / "x.b64"))
    assert [stream.name for stream in reader.describe().streams] == ["features"]
    assert list(reader.open(True).batch([0, 1], SampleRng()).arrays) == ["features"]
    (tmp_path / "x.b64").write_text(f"{text}\n1\t{text}\n")
    with pytest.raises(DataError, match=r"row 2 .* has a label, and the first row has none"):
        reader.open(True)


@pytest.mark.parametrize("row", ["MapFile", "Base64Images"])
def test_labels_that_begin_at_1(row: str, tmp_path: Path) -> None:
    import base64

    folder_of(tmp_path, {"a.png": FILES["PNG"]})
    image = ".../a.png\t{}" if row == "MapFile" else "{}\t" + base64.b64encode(FILES["PNG"]).decode()
    (tmp_path / "list").write_text("".join(image.format(k) + "\n" for k in (1, 3, 2)))
    reader = READERS[row](file=str(tmp_path / "list"), first_label=1)
    assert labels_of(reader) == [0, 2, 1]
    stream = reader.describe().streams[1]
    assert (stream.classes, stream.labels_from, stream.label_span) == (3, 1, (1, 3))
    (tmp_path / "list").write_text(image.format(0) + "\n")
    with pytest.raises(DataError, match="class 0, out of range"):
        reader.open(False)


def test_a_damaged_image_has_cures_that_work(tmp_path: Path) -> None:
    whole = photo(random(40, 40, 3), 1)
    folder = folder_of(tmp_path / "img", {"a/x.jpg": whole, "a/y.jpg": whole[: len(whole) // 2], "b/x.jpg": whole})
    reader = READERS["ImageFolder"](folder=folder)
    with pytest.raises(DataError, match="damaged or cut short") as caught:
        reader.open(True).batch([0, 1], SampleRng())
    assert "`maxErrors = 10`" in caught.value.hint
    assert "netdsl check --data" in caught.value.hint
    assert reader.tolerant(10).open(True).count == 2


def masked(folder: Path, **options: object) -> Reader:
    for k in range(4):
        folder_of(folder, {f"i/{k}.png": encoded(Image.fromarray(random(8, 6, 3, seed=k))),
                           f"m/{k}.png": encoded(Image.fromarray(random(8, 6, seed=k) % 3))})
    return READERS["ImageMasks"](images=str(folder / "i"), masks=str(folder / "m"), classes=3, **options)


def test_bad_images_and_bad_masks_are_skipped_together(tmp_path: Path) -> None:
    masked(tmp_path)
    for name in ("i/1.png", "m/2.png"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) - 40])
    reader = READERS["ImageMasks"](images=str(tmp_path / "i"), masks=str(tmp_path / "m"), classes=3)
    with pytest.raises(DataError, match="damaged or cut short") as caught:
        reader.open(True).batch([0, 1, 2, 3], SampleRng())
    assert "`maxErrors = 10`" in caught.value.hint
    opened = reader.tolerant(2).open(False)
    assert (opened.count, len(opened.skipped)) == (2, 2)
    batch = opened.batch([0, 1], SampleRng())
    assert [Path(name).name for name in batch.names] == ["0.png", "3.png"]
    np.testing.assert_array_equal(batch.arrays["labels"], [random(8, 6, seed=k) % 3 for k in (0, 3)])
    with pytest.raises(DataError) as caught:
        reader.tolerant(1).open(False)
    assert "`maxErrors` allows 1, and there are more" in caught.value.hint


def test_a_mask_drawn_on_the_upright_photo_names_the_cure(tmp_path: Path) -> None:
    turned = photo(np.rot90(random(8, 6, 3), 1).copy(), 6, "PNG")
    folder_of(tmp_path, {"i/a.png": turned, "m/a.png": encoded(Image.fromarray(random(8, 6) % 3))})
    reader = READERS["ImageMasks"](images=str(tmp_path / "i"), masks=str(tmp_path / "m"), classes=3)
    with pytest.raises(DataError, match="different orientations") as caught:
        reader.open(False).batch([0], SampleRng())
    assert "applyExifOrientation = true" in caught.value.hint
