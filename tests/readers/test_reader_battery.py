"""What holds for every row of the reader table, on known data in its format."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_data import COUNT, KNOWN, Known

from netdsl.base.source import Source
from netdsl.elaborate import elaborate
from netdsl.ir.program import Phase
from netdsl.readers import READERS, ROWS, SAMPLE_ROWS, TRANSFORM_ROWS
from netdsl.readers.reader import SampleRng
from netdsl.readers.transforms.color import Color
from netdsl.readers.transforms.crops import RandomCrop
from netdsl.readers.transforms.geometry import Flip
from netdsl.readers.transforms.pipeline import ImageReader
from netdsl.syntax.parser import parse

ALL_ROWS = (*ROWS, *TRANSFORM_ROWS, *SAMPLE_ROWS)


IN_MEMORY = ("CIFAR10", "CIFAR100", "CIFAR10Python", "CNTKText", "CSV", "IDX", "Joined", "NumPy", "Synthetic")
IMAGES = tuple(sorted(name for name, row in READERS.items() if issubclass(row, ImageReader)))


@pytest.fixture(params=sorted(KNOWN))
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Known:
    return KNOWN[request.param](tmp_path)


def only(*names: str) -> pytest.MarkDecorator:
    """The test is about these rows."""
    return pytest.mark.parametrize("known", names, indirect=True)


def augmented(known: Known) -> ImageReader:
    """The same reader with random transforms."""
    steps = (RandomCrop(size=(4,), pad=1), Flip(), Color(brightness_radius=0.5, saturation_radius=0.5))
    assert isinstance(known.reader, ImageReader)
    return replace(known.reader, transforms=steps)


def test_every_row_has_known_data() -> None:
    assert set(KNOWN) == set(READERS)


def test_batches_are_the_known_data(known: Known) -> None:
    dataset = known.reader.open(training=True)
    assert dataset.count == COUNT
    batch = dataset.batch(range(COUNT), SampleRng())
    for name, expected in known.expected.items():
        np.testing.assert_array_equal(batch.arrays[name], expected)
        assert batch.arrays[name].dtype == expected.dtype, name
    assert len(batch.names) == COUNT
    assert len(set(batch.names)) == COUNT
    dataset.close()


def test_samples_can_be_picked_in_any_order(known: Known) -> None:
    dataset = known.reader.open(training=False)
    picked = [5, 0, 5, 3]
    batch, whole = dataset.batch(picked, SampleRng()), dataset.batch(range(COUNT), SampleRng())
    for name, array in batch.arrays.items():
        np.testing.assert_array_equal(array, whole.arrays[name][picked])
    assert batch.names == tuple(whole.names[k] for k in picked)


def test_description_says_what_is_delivered(known: Known) -> None:
    described = known.reader.describe()
    assert described.missing == ()
    assert described.count in (COUNT, None)
    arrays = known.reader.open(training=True).batch(range(COUNT), SampleRng()).arrays
    assert {stream.name for stream in described.streams} == set(arrays)
    for stream in described.streams:
        array = arrays[stream.name]
        assert stream.dims is not None
        if stream.classes is None:
            assert array.shape[1:] == tuple(reversed(stream.dims))
            assert array.dtype in (np.uint8, np.float32)
        else:
            assert array.dtype == np.int64
            assert array.max() < stream.classes == stream.dims[-1]
            assert array.shape[1:] == tuple(reversed(stream.dims[:-1]))


@only(*IN_MEMORY)
def test_resident_arrays_are_the_batches(known: Known) -> None:
    dataset = known.reader.open(training=True)
    in_memory = dataset.in_memory()
    assert in_memory is not None
    for name, array in dataset.batch(range(COUNT), SampleRng()).arrays.items():
        np.testing.assert_array_equal(in_memory[name], array)


@only(*IMAGES)
def test_same_draws_same_samples(known: Known) -> None:
    reader = augmented(known)
    first, second = reader.open(training=True), reader.open(training=True)
    assert first.in_memory() is None
    one = first.batch(range(COUNT), SampleRng(3, 1)).arrays
    two = second.batch(range(COUNT), SampleRng(3, 1)).arrays
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])
    assert (first.batch(range(COUNT), SampleRng(3, 2)).arrays["features"] != one["features"]).any()
    assert (first.batch(range(COUNT), SampleRng(4, 1)).arrays["features"] != one["features"]).any()


@only(*IMAGES)
def test_draws_do_not_depend_on_the_batch(known: Known) -> None:
    dataset = augmented(known).open(training=True)
    whole = dataset.batch(range(COUNT), SampleRng(0, 5)).arrays
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: dataset.batch([(3 * k) % COUNT], SampleRng(0, 5)).arrays, range(COUNT)))
    for k, part in enumerate(parts):
        for name, array in part.items():
            np.testing.assert_array_equal(array[0], whole[name][(3 * k) % COUNT])


@only(*IMAGES)
def test_testing_draws_nothing(known: Known) -> None:
    dataset = augmented(known).open(training=False)
    one, two = (dataset.batch(range(COUNT), SampleRng(0, epoch)).arrays for epoch in (0, 1))
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])
    assert one["features"].shape[-2:] == (4, 4)


@only(*(name for name in sorted(KNOWN) if name != "Synthetic"))
def test_missing_files_are_listed_not_raised(known: Known, tmp_path: Path) -> None:
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    described = known.reader.describe()
    assert described.missing
    assert all(str(tmp_path) in path for path in described.missing)


@only(*(name for name in IMAGES if name != "IDX"))
def test_color_order(known: Known) -> None:
    reader = replace(known.reader, color_order="BGR")
    assert reader.describe().streams[0].note.startswith("BGR") or type(reader).__name__ == "NumPy"
    arrays = reader.open(training=True).batch(range(COUNT), SampleRng()).arrays
    np.testing.assert_array_equal(arrays["features"], known.expected["features"][:, ::-1])


def test_use_shown_is_the_use(known: Known) -> None:
    """`show` writes a use that the language reads back to an equal reader."""
    shown = known.reader.show()
    text = f"network = {{\n x = Input {{1}}\n outputNodes = x\n}}\nreader = {{\n train = {shown}\n}}\n"
    program, problems = elaborate(parse(Source("shown.net", text)))
    assert not [p for p in problems if p.is_error]
    assert program is not None
    assert program.readers.get(Phase.TRAIN) == known.reader


@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.name())
def test_rows_are_documented(row: type) -> None:
    assert row.summary().endswith(".")  # type: ignore[attr-defined]
    assert row.examples  # type: ignore[attr-defined]
    for option in row.options():  # type: ignore[attr-defined]
        assert option.doc.endswith("."), option.name
        assert option.doc[0].isupper() or option.doc[0] in "`'", option.name


@pytest.mark.parametrize(("row", "example"), [(row, example) for row in ALL_ROWS for example in row.examples],
                         ids=lambda value: value if isinstance(value, str) else value.name())
def test_examples_are_read(row: Any, example: str) -> None:
    uses = {"reader": f"train = {example}", "sample": f"sample = {example}",
            "transform": f'train = ImageFolder {{"x", transforms = {example}}}'}
    text = f'dataDir = "d"\nnetwork = {{\n x = Input {{1}}\n outputNodes = x\n}}\nreader = {{\n {uses[row.what]}\n}}\n'
    program, problems = elaborate(parse(Source("example.net", text)))
    assert [p.title for p in problems if p.is_error] == []
    assert program is not None
    made = program.readers.sample if row.what == "sample" else program.readers.get(Phase.TRAIN)
    if row.what == "transform":  # type: ignore[attr-defined]
        (made,) = made.transforms
    assert isinstance(made, row)
