"""The transforms: exact results on small images, and laws that hold for all rows."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.readers import TRANSFORM_ROWS
from netdsl.readers.formats.pixels import decode
from netdsl.readers.reader import DataError, SampleRng, Transform
from netdsl.readers.transforms.color import Color, Grayscale, Hue, Intensity, Mean, Normalize
from netdsl.readers.transforms.crops import CenterCrop, Crop, MultiViewCrop, RandomCrop
from netdsl.readers.transforms.geometry import Erase, Flip, Pad, Resize, Rotate, Scale
from netdsl.readers.transforms.pipeline import Pipeline
from netdsl.spec import OptionError

#: A use of each row for the laws below.
USES: tuple[Transform, ...] = (
    RandomCrop(side_ratio=(0.5,)), RandomCrop(size=(7, 5), pad=2), RandomCrop(area_ratio=(0.2, 0.9),
                                                                              aspect_ratio=(0.5, 2)),
    CenterCrop(side_ratio=0.75), CenterCrop(size=(6,)), MultiViewCrop(size=(6, 5)), MultiViewCrop(side_ratio=0.6),
    Crop(crop_type="randomSide"), Crop(side_ratio=(0.3, 1), jitter_type="uniRatio"), Flip(),
    Flip(vertical=True), Scale(size=(9, 4)), Scale(size=(5,), scale_mode="crop"), Scale(size=(12, 6), scale_mode="pad"),
    Scale(size=(4, 4), interpolations=("nearest", "cubic", "lanczos")), Resize(shorter_side=5), Pad(pixels=2),
    Pad(pixels=2, mode="reflect"), Rotate(degrees=30), Erase(probability=1), Mean(value=(1, 2, 3)),
    Normalize(mean=(0.5,), standard_deviation=(0.1, 0.2, 0.3), range=(0, 1)),
    Color(brightness_radius=0.5, contrast_radius=0.5, saturation_radius=0.5), Hue(radius=0.2),
    Intensity(intensity_std_dev=0.1), Grayscale(), Grayscale(probability=0.5, channels=3),
)


def image_of(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def draw(seed: int = 0) -> np.random.Generator:
    return SampleRng(seed).sample(0)


def test_every_row_is_used() -> None:
    assert {type(use) for use in USES} == set(TRANSFORM_ROWS)


@pytest.mark.parametrize("use", USES, ids=str)
@settings(max_examples=15, deadline=None)
@given(width=st.integers(7, 20), height=st.integers(7, 20), training=st.booleans(), seed=st.integers(0, 99))
def test_laws(use: Transform, width: int, height: int, training: bool, seed: int) -> None:
    """Announced extents hold, the input is not written to, equal draws give equal images."""
    training = training and use.views == 1
    image = image_of(width, height, seed=seed)
    kept = image.copy()
    pipeline = Pipeline.of([use], "RGB", training)
    result = pipeline.run(image, draw(seed))
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(result, pipeline.run(image, draw(seed)))
    assert result.dtype in (np.uint8, np.float32)
    wide, high, channels = pipeline.dims((width, height, 3))
    assert result.shape[-1] == channels
    assert wide is None or result.shape[-2] == wide
    assert high is None or result.shape[-3] == high
    if not training:
        np.testing.assert_array_equal(result, pipeline.run(image, draw(seed + 1)))
    if result.dtype == np.uint8 or isinstance(use, Color | Hue | Intensity):
        assert result.min() >= 0
        assert result.max() <= 255


@pytest.mark.parametrize("use", [use for use in USES if use.views == 1], ids=str)
@settings(max_examples=10, deadline=None)
@given(width=st.integers(7, 20), height=st.integers(7, 20), seed=st.integers(0, 99))
def test_masks_move_with_their_images(use: Transform, width: int, height: int, seed: int) -> None:
    """An image of two flat halves and its mask still agree wherever neither is mixed or brought in."""
    mask = np.zeros((height, width, 1), dtype=np.uint8)
    mask[:, width // 2 :] = 1
    image = np.repeat(mask * 200 + 20, 3, axis=2)
    moved, moved_mask = Pipeline.of([use], "RGB", True).run_with_mask(image, mask, draw(seed))
    assert moved.shape[:2] == moved_mask.shape[:2]
    assert set(np.unique(moved_mask)) <= {0, 1, 255}
    if isinstance(use, RandomCrop | CenterCrop | Flip | Crop):
        inside = moved_mask[..., 0] != 255
        np.testing.assert_array_equal(moved[..., 0][inside] > 120, moved_mask[..., 0][inside] == 1)


def test_center_crop_of_alexnet() -> None:
    image = image_of(300, 256)
    np.testing.assert_array_equal(CenterCrop(side_ratio=0.875).apply(image, draw(), True), image[16:240, 38:262])
    np.testing.assert_array_equal(CenterCrop(size=(10, 20)).apply(image, draw(), True), image[118:138, 145:155])


def test_random_crops_reach_every_place() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    crop = RandomCrop(size=(3,))
    corners = {int(crop.apply(image, draw(seed), True)[0, 0, 0]) for seed in range(60)}
    assert corners == {0, 1, 4, 5}
    padded = RandomCrop(size=(4,), pad=1, pad_value=99)
    shifts = {padded.apply(image, draw(seed), True).tobytes() for seed in range(150)}
    assert len(shifts) == 9


def test_random_area_respects_its_range() -> None:
    image = image_of(60, 40)
    crop = RandomCrop(area_ratio=(0.25, 0.5), aspect_ratio=(0.75, 4 / 3))
    for seed in range(50):
        height, width, _ = crop.apply(image, draw(seed), True).shape
        assert 0.2 < width * height / 2400 <= 0.5
        assert 0.7 < width / height < 1.45


def test_flip_is_the_mirror_image_half_the_time() -> None:
    image = image_of(5, 4)
    results = [Flip().apply(image, draw(seed), True) for seed in range(400)]
    flipped = sum(np.array_equal(result, image[:, ::-1]) for result in results)
    assert 150 < flipped < 250
    assert flipped + sum(np.array_equal(result, image) for result in results) == 400


def test_ten_views() -> None:
    image = image_of(6, 5)
    views = MultiViewCrop(size=(4, 3)).apply(image, draw(), False)
    assert views.shape == (10, 3, 4, 3)
    np.testing.assert_array_equal(views[0], image[:3, :4])
    np.testing.assert_array_equal(views[3], image[2:, 2:])
    np.testing.assert_array_equal(views[4], image[1:4, 1:5])
    np.testing.assert_array_equal(views[5:], views[:5, :, ::-1])


def test_ten_views_are_for_testing() -> None:
    with pytest.raises(DataError, match="MultiViewCrop is for testing"):
        Pipeline.of([MultiViewCrop(size=(4,))], "RGB", training=True)
    steps = [Resize(shorter_side=8), Crop(crop_type="multiView10", crop_size=(6,)), Normalize(range=(0, 1))]
    pipeline = Pipeline.of(steps, "RGB", training=False)
    assert pipeline.views == 10
    assert pipeline.run(image_of(20, 16), draw()).shape == (10, 6, 6, 3)


def test_crop_says_the_same_as_the_readable_rows() -> None:
    assert Crop(crop_type="randomSide", side_ratio=(0.8,)).expand() == (RandomCrop(side_ratio=(0.8,)), Flip())
    assert Crop(side_ratio=(0.8,)).expand() == (CenterCrop(side_ratio=0.8),)
    assert Crop(crop_type="multiView10", side_ratio=(0.8,)).expand() == (MultiViewCrop(side_ratio=0.8),)
    assert Crop(crop_type="multiView10", crop_size=(8,)).expand() == (MultiViewCrop(size=(8,)),)
    assert Crop().expand() == ()
    assert Crop(crop_type="randomArea", area_ratio=(0.1, 1), jitter_type="uniRatio", hflip=False).expand() == \
        (RandomCrop(area_ratio=(0.1, 1)),)
    with pytest.raises(OptionError, match="only use its start"):
        Crop(crop_type="randomSide", side_ratio=(0.1, 1)).validate()


@pytest.mark.parametrize("wrong", [
    RandomCrop(size=(3,), side_ratio=(0.5,)), RandomCrop(side_ratio=(1, 0.5)), RandomCrop(side_ratio=(0.1, 0.5, 1)),
    RandomCrop(size=(3,), aspect_ratio=(0.5, 2)), CenterCrop(size=(3,), side_ratio=0.5),
    MultiViewCrop(), MultiViewCrop(size=(3,), side_ratio=0.5), Crop(crop_type="multiView10", area_ratio=(0.5,)),
    Crop(crop_type="multiView10", side_ratio=(0.5, 1), jitter_type="uniRatio"), Crop(aspect_ratio=(0.5,)),
    Crop(crop_type="randomSide", crop_size=(3,)), Mean(), Mean(value=(1,), mean_file="x"), Normalize(range=(1, 0)),
    Scale(size=(1, 2, 3, 4)), Intensity(eigenvalues=(1, 2)), Grayscale(probability=0.5),
], ids=str)
def test_contradicting_options(wrong: Transform) -> None:
    with pytest.raises(OptionError):
        wrong.validate()


def test_scale_modes() -> None:
    image = np.full((4, 8, 3), 50, dtype=np.uint8)
    image[:, :2] = image[:, -2:] = 200
    assert Scale(size=(4, 4), interpolations=("nearest",)).apply(image, draw(), False)[:, 0].max() == 200
    cropped = Scale(size=(2, 2), scale_mode="crop").apply(image, draw(), False)
    np.testing.assert_array_equal(cropped, np.full((2, 2, 3), 50))
    padded = Scale(size=(8, 8), scale_mode="pad", pad_value=7).apply(image, draw(), False)
    assert padded[:2].max() == padded[-2:].max() == 7
    np.testing.assert_array_equal(padded[2:6], image)
    np.testing.assert_array_equal(Scale(size=(8, 8), scale_mode="pad").apply(image, draw(), False)[0], image[0])


def test_scale_says_where_channels_differ() -> None:
    with pytest.raises(DataError, match="Scale says 1 channels, but the images have 3"):
        Scale(size=(4, 4, 1)).dims((None, None, 3))


def test_linear_enlarging_interpolates() -> None:
    ramp = np.repeat(np.arange(0, 250, 10, dtype=np.float32)[None, :, None], 4, axis=0)
    doubled = Scale(size=(50, 4)).apply(ramp, draw(), False)[0, 2:-2, 0]
    np.testing.assert_allclose(np.diff(doubled), 5.0, atol=1e-3)


def test_small_images_name_both_sizes() -> None:
    for step in (RandomCrop(size=(8,)), CenterCrop(size=(8,)), MultiViewCrop(size=(8,))):
        with pytest.raises(DataError, match="an image is smaller than the crop") as caught:
            step.apply(image_of(7, 20), draw(), False)
        assert "7 x 20 pixels here, the crop 8 x 8" in caught.value.body[0]


def test_erase_writes_a_rectangle() -> None:
    image = np.full((20, 30, 3), 9, dtype=np.uint8)
    result = Erase(probability=1, area_ratio=(0.25,), aspect_ratio=(1,), value=200).apply(image, draw(), True)
    rows, columns = np.where(result[..., 0] == 200)
    assert (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1) == len(rows) == 144


def test_rotation_keeps_the_centre_and_fills_corners() -> None:
    image = np.full((21, 21, 1), 100, dtype=np.uint8)
    result = Rotate(degrees=90, pad_value=3).apply(image, draw(4), True)
    assert result[10, 10, 0] == 100
    np.testing.assert_array_equal(Rotate(degrees=90).apply(image, draw(4), False), image)


# --- values ----------------------------------------------------------------------------------


def test_normalize_is_torchvision_s_formula() -> None:
    image = image_of(4, 3)
    result = Normalize(mean=(0.485, 0.456, 0.406), standard_deviation=(0.229, 0.224, 0.225),
                       range=(0, 1)).apply(image, draw(), False)
    wanted = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(result, wanted, atol=1e-5)


def test_notes_follow_the_values() -> None:
    def note(*steps: Transform, order: str = "RGB", channels: int = 3) -> str:
        return Pipeline(steps, order).note(channels)

    assert note() == "RGB, 0..255"
    assert note(order="BGR") == "BGR, 0..255"
    assert note(channels=1) == "grey, 0..255"
    assert note(Normalize(range=(0, 1))) == "RGB, 0..1"
    assert note(Normalize(range=(-1, 1)), Flip()) == "RGB, -1..1"
    assert note(Normalize(mean=(0.5,), range=(0, 1))) == "RGB, normalized"
    assert note(Mean(value=(114,))) == "RGB, 0..255 less the mean"
    assert note(Grayscale()) == "grey, 0..255"


def test_brightness_and_contrast() -> None:
    image = np.full((4, 4, 3), 100, dtype=np.uint8)
    values = [int(Color(brightness_radius=0.5).apply(image, draw(s), True)[0, 0, 0]) for s in range(200)]
    assert 50 <= min(values) < 60
    assert 140 < max(values) <= 150
    values = [int(Color(contrast_radius=0.1).apply(image, draw(s), True)[0, 0, 0]) for s in range(200)]
    assert 90 <= min(values) < 92
    assert 108 < max(values) <= 110


@settings(max_examples=30, deadline=None)
@given(pixel=st.tuples(*[st.integers(0, 255)] * 3), ratio=st.floats(0, 2))
def test_saturation_is_that_of_hsv(pixel: tuple[int, int, int], ratio: float) -> None:
    import colorsys

    from netdsl.readers.transforms.color import _saturate

    hue, saturation, value = colorsys.rgb_to_hsv(*(p / 255 for p in pixel))
    wanted = np.array(colorsys.hsv_to_rgb(hue, min(1, saturation * ratio), value)) * 255
    result = _saturate(np.array(pixel, dtype=np.float32).reshape(1, 1, 3), ratio)
    np.testing.assert_allclose(result[0, 0], wanted, atol=0.01)


def test_hue_keeps_grey() -> None:
    gray = np.full((3, 3, 3), 77, dtype=np.uint8)
    np.testing.assert_array_equal(Hue(radius=0.5).apply(gray, draw(), True), gray)
    red = np.zeros((1, 1, 3), dtype=np.uint8)
    red[..., 0] = 90
    assert (Hue(radius=0.5).apply(red, draw(1), True) != red).any()


def test_lighting_moves_along_the_components() -> None:
    image = np.full((2, 2, 3), 128, dtype=np.float32)
    shifts = np.array([Pipeline.of([Intensity(intensity_std_dev=0.1)], "RGB", True).run(image, draw(s))[0, 0] - 128
                       for s in range(3000)])
    vectors = np.array([-0.5675, 0.7192, 0.4009, -0.5808, -0.0045, -0.8140, -0.5836, -0.6948, 0.4203]).reshape(3, 3)
    wanted = vectors @ np.diag((0.1 * np.array([55.46, 4.794, 1.148])) ** 2) @ vectors.T
    np.testing.assert_allclose(np.cov(shifts.T), wanted, rtol=0.1, atol=0.3)
    reverse = Pipeline.of([Intensity(intensity_std_dev=0.1)], "BGR", True).run(image, draw(0))[0, 0] - 128
    np.testing.assert_allclose(reverse[::-1], shifts[0], atol=1e-4)


def test_grey_is_the_luminance_in_either_order() -> None:
    image = image_of(4, 3)
    wanted = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    for order, stored in (("RGB", image), ("BGR", image[..., ::-1])):
        result = Pipeline.of([Grayscale()], order, False).run(stored, draw())
        np.testing.assert_allclose(result[..., 0], wanted, atol=1)


# --- mean files ------------------------------------------------------------------------------


def xml_mean(mean: np.ndarray) -> str:
    height, width, channels = mean.shape
    numbers = " ".join(f"{v:e}" for v in mean[..., ::-1].reshape(-1))
    return (f'<?xml version="1.0" ?>\n<opencv_storage>\n<Channel>{channels}</Channel>\n<Row>{height}</Row>\n'
            f'<Col>{width}</Col>\n<MeanImg type_id="opencv-matrix">\n<rows>1</rows>\n<cols>{mean.size}</cols>\n'
            f"<dt>f</dt>\n<data>{numbers}</data></MeanImg>\n</opencv_storage>\n")


def binary_mean(mean: np.ndarray, packed: bool) -> bytes:
    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    height, width, channels = mean.shape
    values = mean[..., ::-1].transpose(2, 0, 1).astype("<f4")
    head = b"".join(bytes([number << 3]) + varint(n) for number, n in ((1, 1), (2, channels), (3, height), (4, width)))
    if packed:
        return head + b"\x2a" + varint(values.nbytes) + values.tobytes()
    return head + b"".join(b"\x2d" + struct.pack("<f", v) for v in values.reshape(-1))


@pytest.mark.parametrize("kind", ["xml", "blob", "old blob", "npy", "channels"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_mean_files(tmp_path: Path, kind: str, order: str) -> None:
    mean = np.random.default_rng(0).normal(100, 20, (5, 6, 3)).astype(np.float32)
    path = tmp_path / "mean"
    if kind == "xml":
        path.write_text(xml_mean(mean))
    elif kind == "npy":
        with open(path, "wb") as stream:
            np.save(stream, mean[..., ::-1].transpose(2, 0, 1))
    elif kind == "channels":
        mean = mean[:1, :1]
        with open(path, "wb") as stream:
            np.save(stream, mean[0, 0, ::-1])
    else:
        path.write_bytes(binary_mean(mean, kind == "blob"))
    image = image_of(6, 5)
    stored = image if order == "RGB" else image[..., ::-1]
    pipeline = Pipeline.of([Mean(mean_file=str(path))], order, False)
    assert pipeline.dims((6, 5, 3)) == (6, 5, 3)
    result = pipeline.run(stored, draw())
    np.testing.assert_allclose(result if order == "RGB" else result[..., ::-1], image - mean, rtol=1e-5, atol=1e-3)


def test_mean_of_another_size_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mean.xml"
    path.write_text(xml_mean(np.zeros((5, 6, 3))))
    pipeline = Pipeline.of([Mean(mean_file=str(path))], "RGB", False)
    for run in (lambda: pipeline.dims((7, 5, 3)), lambda: pipeline.run(image_of(7, 5), draw())):
        with pytest.raises(DataError, match="different sizes") as caught:
            run()
        assert caught.value.path == str(path)
        assert "6 x 5 pixels, the images have 7 x 5" in caught.value.body[0]


@pytest.mark.parametrize("content", [b"", b"hello", b"<a><b></a>", b"<x/>", b"\x93NUMPY\x01\x00", b"\x10\x03\x2a\x7f"])
def test_damaged_mean_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mean"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not a (mean image|NumPy array)") as caught:
        Pipeline.of([Mean(mean_file=str(path))], "RGB", False)
    assert caught.value.path == str(path)


def test_intensity_file(tmp_path: Path) -> None:
    path = tmp_path / "pca.xml"
    path.write_text("<opencv_storage><EigVal><data>3 2 1</data></EigVal>"
                    "<EigVec><data>1 0 0 0 1 0 0 0 1</data></EigVec></opencv_storage>")
    image = np.full((1, 1, 3), 100, dtype=np.float32)
    step = Intensity(intensity_std_dev=1, intensity_file=str(path))
    red_green_blue = draw(2).normal(0, 1, 3) * [3, 2, 1]  # CNTK adds the rows in reverse to its BGR pixels
    for order, wanted in (("RGB", red_green_blue), ("BGR", red_green_blue[::-1])):
        shift = Pipeline.of([step], order, True).run(image, draw(2))[0, 0] - 100
        np.testing.assert_allclose(shift, wanted, rtol=1e-5)


# --- decoding at a fraction of the size ------------------------------------------------------


def test_needed_side() -> None:
    def needed(*steps: Transform) -> float | None:
        return Pipeline(steps).needed_side()

    assert needed(Scale(size=(227, 200))) == 227
    assert needed(RandomCrop(side_ratio=(0.5, 0.9)), Flip(), Scale(size=(100,))) == 200
    assert needed(CenterCrop(side_ratio=0.5), Resize(shorter_side=64)) == 128
    assert needed() is needed(Flip()) is needed(RandomCrop(size=(20,)), Scale(size=(10,))) is None


def test_large_photos_are_decoded_small_enough_and_alike() -> None:
    import io

    from PIL import Image

    y, x = np.mgrid[0:600, 0:900]
    smooth = np.stack([x / 4, y / 3, (x + y) / 6], axis=2).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(smooth).save(data, format="JPEG", quality=95)
    full, small = decode(data.getvalue()), decode(data.getvalue(), least_side=150)
    assert full.shape == (600, 900, 3)
    assert small.shape == (150, 225, 3)
    scale = Scale(size=(90, 60))
    difference = scale.apply(full, draw(), False).astype(int) - scale.apply(small, draw(), False)
    assert np.abs(difference).max() <= 4
