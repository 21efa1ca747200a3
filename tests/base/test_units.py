"""Numbers, times and texts as people read and type them."""

from __future__ import annotations

import pytest

from netdsl.base.units import (
    clip_left,
    clip_text,
    count_text,
    disk_text,
    duration,
    first_of,
    memory_text,
    plural,
    seconds_of,
)


@pytest.mark.parametrize(("text", "seconds"), [
    ("90", 90), ("1.5", 1.5), ("45s", 45), ("30m", 1800), ("1h", 3600), ("1h30m", 5400), ("1 h 30 min", 5400),
    ("2 days", 172800), ("1.5H", 5400), (".5h", 1800), ("1d2h3m4s", 93784), ("90 seconds", 90),
])
def test_times_that_are_typed(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "  ", "h", "1x", "1h1h", "1m1h", "-5", "1h-5m", "one hour", "1:30", "1e3", "nan"])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        seconds_of(text)


@pytest.mark.parametrize(("seconds", "text"), [
    (0.26, "0.3 s"), (41, "41 s"), (2460, "41 min"), (12000, "3 h 20 min"), (172800, "2 days 0 h"),
    (100 * 3600, "4 days 4 h"),
])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_and_bytes() -> None:
    assert [plural(n, "epoch") for n in (0, 1, 2000)] == ["0 epochs", "1 epoch", "2,000 epochs"]
    assert plural(3, "minibatch", "minibatches") == "3 minibatches"
    assert [count_text(n) for n in (0, 950, 9999, 61_100, 999_700, 2_293_000, 1_820_000_000)] == [
        "0", "950", "9,999", "61.1 k", "1 M", "2.29 M", "1.82 G"]
    assert [memory_text(n) for n in (12, 2048, 3 * 2**20, 11 * 2**30)] == ["12 bytes", "2.0 KiB", "3.0 MiB", "11.0 GiB"]
    assert [disk_text(n) for n in (12, 3000, 170_000_000)] == ["12 bytes", "3 kB", "170 MB"]


def test_texts_that_are_cut() -> None:
    assert clip_text("convolution", 11) == "convolution"
    assert clip_text("convolution", 8) == "convo..."
    assert clip_text("convolution", 2) == "co"
    assert clip_left("runs/mine/checkpoints", 14) == "...checkpoints"
    assert first_of(["a", "b", "c"], 2) == "a, b and 1 more"
    assert first_of(["a", "b"], 2) == "a, b"
