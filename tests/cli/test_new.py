"""`netdsl new`: what it writes is correct, runs, and fits the images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import Phase
from netdsl.scaffold import LIKE, choose_draft, draft_from_file, inspect_images
from netdsl.syntax.format.printer import format_text

from .conftest import Command

COLORS = {"blue": (40, 60, 220), "green": (40, 200, 60), "red": (220, 50, 40)}


def fill(folder: Path, classes: Sequence[str], count: int = 6, size: tuple[int, int] = (24, 24), grey: bool = False
         ) -> None:
    """Class folders with noisy images of a colour each."""
    draw = np.random.default_rng(len(classes))
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.clip(np.array(COLORS[name]) + draw.normal(0, 20, (size[1], size[0], 3)), 0, 255)
            image = Image.fromarray(pixels.astype(np.uint8))
            (image.convert("L") if grey else image).save(folder / name / f"{number}.png")


@pytest.fixture(autouse=True)
def _in_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_plan_is_timed_on_this_machine(command: Command) -> None:
    """The number is what a run takes: measured by training, not guessed from the size."""
    fill(Path("pics"), tuple(COLORS), count=30)
    answer = command("new", "--from", "pics")
    assert answer.code == 0, answer.err
    told = re.search(r"time +about (.+) on this machine, (.+) an epoch: ([\d,]+) images a second, "
                     r"measured on (\d+) updates of 8 images", " ".join(answer.out.split()))
    assert told, answer.out
    assert int(told[4]) >= 2
    assert int(told[3].replace(",", "")) > 10
    program = netdsl.check("pics.net")
    assert program.plan is not None
    assert 10 <= program.plan.epochs <= 40
    assert f"{program.plan.epochs} epochs, as many as end within about 10 minutes here" in " ".join(answer.out.split())
    assert not list(Path().glob("runs*"))


def test_a_slow_machine_gets_fewer_epochs() -> None:
    fill(Path("pics"), tuple(COLORS))
    made = draft_from_file(inspect_images(Path("pics")))
    assert [made.with_time(seconds).epochs for seconds in (0.1, 30, 600)] == [40, 20, 10]
    assert "maxEpochs     = 10" in made.with_time(600).text("x.net")
    assert choose_draft("mlp").with_time(600).epochs == choose_draft("mlp").epochs  # the plan that is known to work


@pytest.mark.parametrize("like", LIKE)
@pytest.mark.parametrize("size", [(24, 24), (80, 60), (300, 200)])
def test_every_kind_fits_a_folder(like: str, size: tuple[int, int]) -> None:
    fill(Path("pics"), ("red", "blue"), count=2, size=size)
    text = draft_from_file(inspect_images(Path("pics")), like).text("x.net")
    assert "@" not in text
    checked = netdsl.load(Source("x.net", text))
    assert not checked.errors
    assert [one.title for one in checked.diagnostics] == []


@pytest.mark.parametrize("like", LIKE)
def test_every_kind_is_correct_and_in_the_style(command: Command, like: str) -> None:
    answer = command("new", "--no-timing", "mine.net", "--like", like)
    assert answer.code == 0, answer.err
    checked = netdsl.load("mine.net")
    assert not checked.errors
    assert not checked.diagnostics
    text = Path("mine.net").read_text()
    assert format_text(Source("mine.net", text)) == text
    assert sum(line.lstrip().startswith("#") or "    # " in line for line in text.splitlines()) >= 10
    assert len(text.splitlines()) < 75


def test_the_default_trains_and_learns(command: Command) -> None:
    assert command("new", "--no-timing").code == 0
    answer = command("run", "mlp.net", "SGD.sample={maxEpochs=1}", "-q", "--device", "cpu", "--out", "r")
    assert answer.code == 0, answer.err
    tested = command("test", "mlp.net", "-c", "r", "--format", "json", "--device", "cpu")
    assert netdsl.load("mlp.net").program is not None
    assert __import__("json").loads(tested.out)["values"]["errs"] < 0.5


def test_from_class_folders(command: Command) -> None:
    fill(Path("pics"), tuple(COLORS))
    answer = command("new", "--no-timing", "--from", "pics")
    assert answer.code == 0, answer.err
    assert "3, the sub-folders of pics" in answer.out
    assert "24 x 24 x 3: all images are 24 x 24" in answer.out
    assert "held out" in answer.out
    program = netdsl.check("pics.net")
    assert program.network["features"].shape.file_dims == (24, 24, 3)
    assert program.network["labels"].shape.file_dims == (3,)
    assert program.plan is not None
    assert program.plan.block.validation == 0.2
    run = command("run", "pics.net", "-q", "--max-epochs", "1", "--device", "cpu", "--out", "r")
    assert run.code == 0, run.err


def test_from_a_split_of_photos_of_several_sizes(command: Command) -> None:
    fill(Path("p/train"), tuple(COLORS), size=(300, 200))
    fill(Path("p/Val"), tuple(COLORS), count=2, size=(180, 260))
    fill(Path("p/test"), tuple(COLORS), count=2)
    assert command("new", "--no-timing", "p.net", "--from", "p").code == 0
    program = netdsl.check("p.net")
    readers = program.readers
    assert Phase.TRAIN in readers
    assert Phase.VALIDATION in readers
    assert Phase.TEST in readers
    assert program.network["features"].shape.file_dims == (64, 64, 3)
    for reader, count in (
        (readers[Phase.TRAIN], 18),
        (readers[Phase.VALIDATION], 6),
        (readers[Phase.TEST], 6),
    ):
        data = reader.open(training=reader is readers.get(Phase.TRAIN))
        batch = data.batch(range(count), netdsl.readers.reader.SampleRng())
        assert (data.count, batch.arrays["features"].shape) == (count, (count, 3, 64, 64))
        assert abs(float(batch.arrays["features"].mean())) < 1


def test_the_values_are_measured(command: Command) -> None:
    fill(Path("pics"), tuple(COLORS))
    command("new", "--no-timing", "--from", "pics")
    data = netdsl.check("pics.net").readers[Phase.TRAIN].open(training=False)
    pixels = data.batch(range(data.count), netdsl.readers.reader.SampleRng()).arrays["features"]
    # Padding of crops is 0, so look at the centre crop, which is the whole image here.
    assert np.abs(pixels.mean(axis=(0, 2, 3))).max() < 0.02
    assert np.abs(pixels.std(axis=(0, 2, 3)) - 1).max() < 0.02


def test_grey_images_are_read_grey(command: Command) -> None:
    fill(Path("g"), ("red", "blue"), grey=True)
    assert command("new", "--no-timing", "--from", "g", "--like", "mlp").code == 0
    assert netdsl.check("g.net").network["features"].shape.file_dims == (24, 24, 1)


def test_nothing_is_overwritten(command: Command) -> None:
    Path("mine.net").write_text("mine")
    answer = command("new", "--no-timing", "mine")
    assert answer.code == 1
    assert "already exists" in answer.err
    assert Path("mine.net").read_text() == "mine"


def test_splits_of_other_classes_are_refused(command: Command) -> None:
    fill(Path("p/train"), ("red", "blue"))
    fill(Path("p/val"), tuple(COLORS))
    answer = command("new", "--no-timing", "--from", "p")
    assert answer.code == 1
    assert "only `val` has the class `green`" in answer.err


def test_a_split_may_lack_a_class_or_have_no_classes(command: Command) -> None:
    fill(Path("p/train"), tuple(COLORS))
    fill(Path("p/val"), ("red", "blue"))
    (Path("p/val") / "green").mkdir()
    fill(Path("p/test"), ("red",))
    for path in list(Path("p/test/red").iterdir()):
        path.rename(Path("p/test") / path.name)
    Path("p/test/red").rmdir()
    answer = command("new", "--no-timing", "--from", "p")
    assert answer.code == 0
    assert "p/test: it has no class folders" in answer.out
    assert command("check", "-q", "p.net").code == 0


def test_broken_and_unread_files_do_not_stop_it(command: Command) -> None:
    fill(Path("p"), tuple(COLORS))
    first = sorted(Path("p/red").iterdir())[0]
    first.write_bytes(first.read_bytes()[:60])
    Path("p/blue/photo.heic").write_bytes(b"x")
    answer = command("new", "--no-timing", "--from", "p")
    assert answer.code == 0
    assert str(first) in answer.out
    assert "damaged or cut short" in answer.out
    assert "1 file is skipped: .heic (1)" in answer.out
    assert "maxErrors = 10" in Path("p.net").read_text()
    assert command("run", "p.net", "-q", "SGD.maxEpochs=1", "--limit", "1").code == 0


def test_images_of_floating_point_numbers_get_a_range(command: Command) -> None:
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (Path("p") / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(draw.random((24, 24)).astype(np.float32)).save(Path("p") / name / f"{number}.tif")
    answer = command("new", "--from", "p")
    assert answer.code == 0
    assert "the stored values 0:1 become 0 to 255" in answer.out
    assert "valueRange = 0:1" in Path("p.net").read_text()
    assert command("check", "-q", "--data", "p.net").code == 0


def test_photos_that_are_stored_turned_are_turned(command: Command) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a", "b"):
        (Path("p") / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (24, 32), (200, 100, 10)).save(Path("p") / name / f"{number}.jpg", exif=exif)
    answer = command("new", "--no-timing", "--from", "p", "--like", "convnet")
    assert answer.code == 0
    assert "all images are 32 x 24" in answer.out
    assert "applyExifOrientation = true" in Path("p.net").read_text()
    assert command("check", "-q", "p.net").err == ""


@pytest.mark.parametrize(("prepare", "arguments", "code", "words"), [
    ((), ("--from", "gone"), 1, "there is no folder `gone`"),
    ((), ("--like", "transformer"), 2, "transformer"),
    (("one/a/x.png",), ("--from", "one"), 1, "a single sub-folder"),
    (("flat/x.png",), ("--from", "flat"), 1, "no sub-folders"),
    (("bad/a/x.png", "bad/b/y.png"), ("--from", "bad"), 1, "not an image"),
    (("empty/a/x.txt", "empty/b/y.txt"), ("--from", "empty"), 1, "has no images"),
])
def test_wrong_input(command: Command, prepare: tuple[str, ...], arguments: tuple[str, ...], code: int, words: str
                     ) -> None:
    for name in prepare:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("this is text")
    answer = command("new", "--no-timing", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
    assert "Hint:" in answer.err or "there is no folder" in answer.err
    assert not list(Path().glob("*.net"))
