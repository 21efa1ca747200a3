"""What the transforms and readers of images do at the edges: rounding, fills, stacks, grey arrays, bad images."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from known_data import random_bytes, save_png
from PIL import Image

from netdsl.readers import READERS
from netdsl.readers.formats.pixels import Decoding, decode
from netdsl.readers.memory import ArrayDataset
from netdsl.readers.reader import DataError, SampleRng, Transform
from netdsl.readers.transforms.color import Color, Mean, Normalize
from netdsl.readers.transforms.crops import CenterCrop, Crop, MultiViewCrop, RandomCrop
from netdsl.readers.transforms.geometry import Erase, Pad, Rotate, Scale
from netdsl.readers.transforms.pipeline import Pipeline


def image_of(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def draw(seed: int = 0) -> np.random.Generator:
    return SampleRng(seed).sample(0)


def size_of(step: Transform, width: int, height: int, training: bool = False, seed: int = 0) -> tuple[int, int]:
    """Width and height of what a step makes of an image."""
    result = Pipeline.of([step], "RGB", training).run(image_of(width, height), draw(seed))
    return result.shape[-2], result.shape[-3]


# --- sizes of crops are CNTK's ---------------------------------------------------------------


@pytest.mark.parametrize(("side", "ratio", "wanted"), [
    (10, 0.25, 3), (10, 0.45, 5), (10, 0.44, 4), (100, 0.887, 89), (256, 0.875, 224), (3, 0.1, 1), (2, 0.75, 2),
])
def test_sides_are_rounded_halves_up(side: int, ratio: float, wanted: int) -> None:
    for step in (CenterCrop(side_ratio=ratio), RandomCrop(side_ratio=(ratio,)), MultiViewCrop(side_ratio=ratio)):
        assert size_of(step, side, side + 3) == (wanted, wanted)
        assert Pipeline.of([step], "RGB", False).dims((side, side + 3, 3))[:2] == (wanted, wanted)


def test_areas_round_the_square_and_truncate_the_rectangle() -> None:
    assert size_of(RandomCrop(area_ratio=(0.5,)), 10, 11) == (7, 7)  # sqrt(55) = 7.416
    assert size_of(RandomCrop(area_ratio=(0.55,)), 10, 11) == (8, 8)  # sqrt(60.5) = 7.778
    # A square of 8, then sqrt(64 * 0.75) = 6.93 and sqrt(64 / 0.75) = 9.24.
    assert size_of(RandomCrop(area_ratio=(0.55,), aspect_ratio=(0.75,)), 10, 11) == (6, 9)


def test_a_rectangle_that_does_not_fit_is_made_smaller_in_testing() -> None:
    assert size_of(RandomCrop(area_ratio=(0.08, 1)), 200, 100) == (100, 100)
    assert size_of(RandomCrop(area_ratio=(0.6,), aspect_ratio=(0.5, 1)), 200, 100) == (74, 100)  # of 95 x 127
    assert size_of(RandomCrop(area_ratio=(1,), aspect_ratio=(1.5, 2.5)), 100, 200) == (100, 49)  # of 199 x 99
    image = image_of(200, 100)
    result = RandomCrop(area_ratio=(0.08, 1)).apply(image, draw(), False)
    np.testing.assert_array_equal(result, image[:, 50:150])


def test_a_center_crop_draws_its_size_in_training() -> None:
    step = Crop(side_ratio=(0.3, 1), jitter_type="uniRatio")
    step.validate()
    assert Pipeline.of([step], "RGB", True).random
    sizes = {size_of(step, 40, 50, True, seed)[0] for seed in range(60)}
    assert 12 <= min(sizes) < 16
    assert 36 < max(sizes) <= 40
    assert size_of(step, 40, 50) == (26, 26)
    image = image_of(40, 50)
    for training in (True, False):
        result = Pipeline.of([step], "RGB", training).run(image, draw(1))
        side = len(result)
        left, top = (40 - side) // 2, (50 - side) // 2
        np.testing.assert_array_equal(result, image[top : top + side, left : left + side])


def test_ten_views_by_ratio() -> None:
    image = image_of(30, 20)
    steps = [Crop(crop_type="multiView10", side_ratio=(0.8,)), Scale(size=(8, 8))]
    assert Pipeline.of(steps, "RGB", False).run(image, draw()).shape == (10, 8, 8, 3)
    assert Pipeline.of(steps, "RGB", False).dims((None, None, 3)) == (8, 8, 3)
    views = Pipeline.of(steps[:1], "RGB", False).run(image, draw())
    np.testing.assert_array_equal(views[3], image[4:, 14:])
    np.testing.assert_array_equal(views[9], image[2:18, 7:23][:, ::-1])


def test_without_a_size_crop_takes_what_cntk_takes() -> None:
    image = image_of(30, 20)
    np.testing.assert_array_equal(Pipeline.of([Crop()], "RGB", False).run(image, draw()), image)
    views = Pipeline.of([Crop(crop_type="multiView10")], "RGB", False).run(image, draw())
    np.testing.assert_array_equal(views, np.stack([image] * 5 + [image[:, ::-1]] * 5))
    assert size_of(Crop(crop_type="randomSide"), 30, 20) == (20, 20)


# --- what is filled in -----------------------------------------------------------------------


@pytest.mark.parametrize("value", [300.0, -2.0, 114.5])
def test_fills_that_no_byte_holds_make_the_image_float(value: float) -> None:
    image = image_of(8, 6)
    corner = {"pad": Pad(pixels=2, value=value), "crop": RandomCrop(size=(12, 10), pad=2, pad_value=value),
              "scale": Scale(size=(8, 8), scale_mode="pad", pad_value=value),
              "rotate": Rotate(degrees=180, pad_value=value)}
    for name, step in corner.items():
        result = step.apply(image_of(9, 41) if name == "rotate" else image, draw(2), True)
        assert result.dtype == np.float32, name
        assert result[0, 0, 0] == value, name
    result = Erase(probability=1, value=value).apply(image_of(40, 40), draw(), True)
    assert (result == value).any()
    assert Erase(probability=0, value=value).apply(image, draw(), True).dtype == np.float32
    assert Scale(size=(8, 6), scale_mode="pad", pad_value=value).apply(image, draw(), True).dtype == np.float32
    inside = Pad(pixels=2, value=value).apply(image, draw(), True)[2:-2, 2:-2]
    np.testing.assert_array_equal(inside, image)


def test_fills_that_a_byte_holds_leave_bytes() -> None:
    image = image_of(8, 6)
    for step in (Pad(pixels=2, value=255), RandomCrop(size=(9,), pad=2, pad_value=7), Rotate(degrees=20, pad_value=0),
                 Erase(probability=1, value=114), Scale(size=(9, 9), scale_mode="pad", pad_value=114)):
        assert step.apply(image, draw(), True).dtype == np.uint8


def test_minus_one_repeats_the_border_where_it_is_said_to() -> None:
    image = image_of(8, 6)
    for step in (RandomCrop(size=(12, 10), pad=2, pad_value=-1), Pad(pixels=2, mode="edge")):
        result = step.apply(image, draw(), True)
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result[0, 0], image[0, 0])
    normalized = Normalize(range=(-1, 1)).apply(image, draw(), True)
    assert Pad(pixels=2, value=-1).apply(normalized, draw(), True)[0, 0, 0] == -1
    assert Pad(pixels=2, value=-1).apply(image, draw(), True)[0, 0, 0] == -1


# --- values, also of whole stacks ------------------------------------------------------------


POINTWISE = (Normalize(mean=(0.485, 0.456, 0.406), standard_deviation=(0.229, 0.224, 0.225), range=(0, 1)),
             Normalize(mean=(0.5,), range=(0, 1)), Mean(value=(123.68, 116.78, 103.94)), Mean(value=(114,)))


@pytest.mark.parametrize("step", POINTWISE, ids=str)
def test_numbers_of_channels_are_the_formula_in_every_layout(step: Transform) -> None:
    stack = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), dtype=np.uint8)
    if isinstance(step, Normalize):
        deviation = np.float32(step.standard_deviation)
        factor = np.float32((step.range[1] - step.range[0]) / 255) / deviation
        wanted = stack.astype(np.float32) * factor + (np.float32(step.range[0]) - np.float32(step.mean)) / deviation
    else:
        assert isinstance(step, Mean)
        wanted = stack.astype(np.float32) - np.float32(step.value)
    planes = np.ascontiguousarray(stack.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    for images in (stack, planes, stack.astype(np.float32)):
        kept = images.copy()
        np.testing.assert_array_equal(step.apply(images, draw(), False), wanted)
        np.testing.assert_array_equal(step.apply(images[0], draw(), False), wanted[0])
        np.testing.assert_array_equal(step.apply(images[0, 2:8, ::-1], draw(), False), wanted[0, 2:8, ::-1])
        np.testing.assert_array_equal(images, kept)


def test_stacks_are_transformed_in_blocks() -> None:
    images = np.random.default_rng(0).integers(0, 256, (600, 3, 5, 6), dtype=np.uint8)
    steps = [CenterCrop(size=(4, 3)), Normalize(range=(0, 1))]
    pipeline = Pipeline.of(steps, "RGB", False)
    result = pipeline.run_all(images.transpose(0, 2, 3, 1))
    assert result.transpose(0, 3, 1, 2).flags.c_contiguous  # the data set then keeps it without a copy
    for index in (0, 255, 256, 511, 512, 599):
        np.testing.assert_array_equal(result[index], pipeline.run(images[index].transpose(1, 2, 0), draw()))
    data = ArrayDataset({"features": images[:1]}, images="features", pipeline=pipeline)
    np.testing.assert_array_equal(data.batch([0], SampleRng()).arrays["features"][0], result[0].transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 1, 3), (3, 20_000, 3)])
def test_saturation_is_the_same_in_strips(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result = Color(saturation_radius=0.9).apply(image.astype(np.float32), draw(3), True)
    generator = draw(3)
    generator.uniform(size=2)
    ratio = np.float32(1 + generator.uniform(-0.9, 0.9))
    values = image.astype(np.float32)
    top = values.max(axis=2, keepdims=True)
    spread = np.maximum(top - values.min(axis=2, keepdims=True), np.float32(1e-6))
    np.testing.assert_array_equal(result, top - (top - values) * np.minimum(ratio, top / spread))


# --- grey arrays -----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_numpy_arrays_become_grey(layout: str, kind: type, tmp_path: Path) -> None:
    images = random_bytes(4, 3, 5, 6)
    np.save(tmp_path / "x.npy", (images if layout == "CHW" else images.transpose(0, 2, 3, 1)).astype(kind))
    np.save(tmp_path / "y.npy", np.arange(4))
    reader = READERS["NumPy"](features=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy"), layout=layout,
                              grayscale=True, color_order="BGR")
    stream = reader.describe().stream("features")
    assert stream is not None
    assert stream.dims == (6, 5, 1)
    gray = np.einsum("nchw,c->nhw", images, [0.299, 0.587, 0.114])[:, None]
    result = reader.open(False).batch(range(4), SampleRng()).arrays["features"]
    assert result.dtype == (np.uint8 if kind is np.uint8 else np.float32)
    np.testing.assert_allclose(result, np.rint(gray) if kind is np.uint8 else gray, atol=1e-4)


def test_grey_of_four_channels_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", random_bytes(4, 4, 5, 6))
    np.save(tmp_path / "y.npy", np.arange(4))
    reader = READERS["NumPy"](features=str(tmp_path / "x.npy"), labels=str(tmp_path / "y.npy"), grayscale=True)
    for action in (reader.describe, lambda: reader.open(False)):
        with pytest.raises(DataError, match="`grayscale` is for images with three channels, and these have 4"):
            action()


# --- bad images are skipped ------------------------------------------------------------------


def photos(folder: Path, count: int, bad: set[int], suffix: str = "JPEG") -> tuple[Path, list[bytes]]:
    """A list of photos, each with its number as the class; the bad ones are cut in their middle."""
    contents = []
    for index in range(count):
        stream = io.BytesIO()
        Image.fromarray(image_of(96, 80, seed=index)).save(stream, format=suffix)
        data = stream.getvalue()
        contents.append(data[: len(data) // 2] if index in bad else data)
        (folder / f"{index}.jpg").write_bytes(contents[-1])
    (folder / "list.txt").write_text("".join(f".../{index}.jpg\t{index}\n" for index in range(count)))
    return folder / "list.txt", contents


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("training", [True, False])
def test_truncated_photos_take_no_part(suffix: str, training: bool, tmp_path: Path) -> None:
    file, contents = photos(tmp_path, 9, {0, 4, 8}, suffix)
    dataset = READERS["MapFile"](file=str(file), label_dim=9, max_errors=3).open(training)
    good = [1, 2, 3, 5, 6, 7]
    assert dataset.count == len(good)
    batch = dataset.batch(range(dataset.count), SampleRng())
    assert batch.arrays["labels"].tolist() == good
    assert [Path(name.split(":")[0]).name for name in batch.names] == [f"{index}.jpg" for index in good]
    for row, index in enumerate(good):
        np.testing.assert_array_equal(batch.arrays["features"][row], decode(contents[index]).transpose(2, 0, 1))
    assert [Path(error.path).name for error in dataset.skipped] == ["0.jpg", "4.jpg", "8.jpg"]
    with pytest.raises(DataError, match=r"damaged or cut short|not an image that I can read") as caught:
        READERS["MapFile"](file=str(file), label_dim=9, max_errors=2).open(training)
    assert caught.value.path.endswith("/8.jpg")
    assert caught.value.place


def test_bad_lines_and_bad_images_count_together(tmp_path: Path) -> None:
    file, _ = photos(tmp_path, 4, {1})
    file.write_text(file.read_text() + "rubbish\n")
    dataset = READERS["MapFile"](file=str(file), label_dim=4, max_errors=2).open(True)
    assert dataset.batch(range(dataset.count), SampleRng()).arrays["labels"].tolist() == [0, 2, 3]
    assert len(dataset.skipped) == 2
    dataset = READERS["MapFile"](file=str(file), label_dim=4, max_errors=1).open(True)
    with pytest.raises(DataError, match="damaged or cut short"):
        dataset.batch(range(dataset.count), SampleRng())


def test_none_of_the_images_can_be_read(tmp_path: Path) -> None:
    file, _ = photos(tmp_path, 2, {0, 1})
    with pytest.raises(DataError, match="none of the images can be read") as caught:
        READERS["MapFile"](file=str(file), max_errors=5).open(True)
    assert caught.value.path
    assert "damaged or cut short" in caught.value.body[0]


def test_ids_of_base64_images_follow(tmp_path: Path) -> None:
    _, contents = photos(tmp_path, 3, {1})
    lines = [b"%c\t%d\t%s\n" % (65 + index, index, base64.b64encode(data)) for index, data in enumerate(contents)]
    (tmp_path / "x.b64").write_bytes(b"".join(lines))
    dataset = READERS["Base64Images"](file=str(tmp_path / "x.b64"), max_errors=1).open(True)
    assert dataset.ids == ("A", "C")
    assert dataset.batch([1], SampleRng()).arrays["labels"].tolist() == [2]


# --- odd images ------------------------------------------------------------------------------


def test_pgm_with_16_bits() -> None:
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000 + 17
    binary = b"P5\n5 4\n65535\n" + pixels.astype(">u2").tobytes()
    gray = Decoding(grayscale=True)
    np.testing.assert_allclose(decode(binary, gray)[..., 0], pixels / 257, rtol=1e-6)
    np.testing.assert_allclose(decode(binary), np.repeat((pixels / 257)[..., None], 3, axis=2), rtol=1e-6)
    text = b"P2\n2 1\n1000\n500 1000\n"
    np.testing.assert_array_equal(decode(text, gray)[..., 0], [[127.5, 255]])


def test_a_path_with_a_nul_byte_is_an_error(tmp_path: Path) -> None:
    for path in ("a\0.png", "z\0.zip@/a.png"):
        (tmp_path / "list.txt").write_text(f".../{path}\t1\n")
        reader = READERS["MapFile"](file=str(tmp_path / "list.txt"))
        for action in (reader.describe, lambda opened=reader: opened.open(True).batch([0], SampleRng())):
            with pytest.raises(DataError, match="a path cannot hold a NUL byte") as caught:
                action()
            assert "\0" not in caught.value.path
            assert "row 1" in caught.value.place


@pytest.mark.parametrize("head", [b"", b"id 0\t"])
def test_base64_text_with_a_byte_order_mark(head: bytes, tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", image_of(5, 4))
    line = head + b"1\t" + base64.b64encode((tmp_path / "a.png").read_bytes()) + b"\n"
    (tmp_path / "x.b64").write_bytes(b"\xef\xbb\xbf" + line * 2)
    reader = READERS["Base64Images"](file=str(tmp_path / "x.b64"))
    assert reader.describe().count == 2
    dataset = reader.open(False)
    assert dataset.ids == (("id 0", "id 0") if head else ())
    arrays = dataset.batch([0, 1], SampleRng()).arrays
    assert arrays["labels"].tolist() == [1, 1]
    np.testing.assert_array_equal(arrays["features"][0], image_of(5, 4).transpose(2, 0, 1))
