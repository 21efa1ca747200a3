"""The run directory: what was run, with what, and what came out, as files that can be read again."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from .._version import __version__
from ..base.atomic_files import clear_leftovers, finite, follow, point, write_json, write_text, writing
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from .store import DETAILS, ENVIRONMENT, LINES, OVERRIDES, RESOLVED, RESULT, SOURCE, read_records

if TYPE_CHECKING:
    import torch

TABLE, LOG = "metrics.csv", "log.txt"


@dataclass(frozen=True)
class SourceSnapshot:
    """What the caller knows of the file and the command line, to be kept with the run."""

    source: str
    resolved: str = ""
    overrides: tuple[str, ...] = ()


def choose_folder(name: str, out: Path | None, resume: Path | None, now: datetime) -> Path:
    """Where a run writes: `out`, the run that is resumed, or `runs/<name>/<time>`.

    Raises Failure `cannot-write` for a folder that holds something else.
    """
    if resume is not None:
        run = run_of(resume)
        if out is None or out.resolve() == run.resolve():
            return run
    if out is None:
        base = Path("runs") / name / now.strftime("%Y-%m-%d-%H%M%S")
        numbered = (base.with_name(f"{base.name}-{number}") for number in range(2, 1000))
        return base if not base.exists() else next(path for path in numbered if not path.exists())
    if out.is_file():
        raise _taken(out, "a file of this name exists")
    if out.is_dir() and any(out.iterdir()):
        is_run = (out / LINES).exists() or (out / SOURCE).exists()
        raise _taken(out, "the folder holds another run" if is_run else "the folder is not empty")
    return out


def run_of(checkpoint: Path) -> Path:
    """The run folder that a checkpoint (or the run folder itself, or its `latest` link) belongs to."""
    path = follow(checkpoint)
    for folder in (path, *path.parents[:2]):
        if (folder / LINES).exists() or (folder / SOURCE).exists():
            return folder
    return path


def _taken(out: Path, why: str) -> Failure:
    return failure(Code.CANNOT_WRITE, f"{why}: nothing is overwritten", Span.nowhere(str(out)),
                   body=(f"A run needs a folder of its own, and {out} is in use.",),
                   hint="name another folder with --out, or resume the run in it: --resume "
                        f"{out}")


class RunWriter:
    """An open run directory. Every line is on its way to the disk when the call returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        with writing(folder):
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            clear_leftovers(folder)
            self._lines: TextIO = (folder / LINES).open("a", encoding="utf-8")
            self._log: TextIO = (folder / LOG).open("a", encoding="utf-8")
        self._events = _event_writer(folder)
        self._leads = False

    def describe(self, texts: SourceSnapshot, environment: Mapping[str, Any]) -> None:
        """Keep the file as written and as resolved, the overrides, and the machine."""
        for name, text in ((SOURCE, texts.source), (RESOLVED, texts.resolved or texts.source),
                           (OVERRIDES, "".join(f"{line}\n" for line in texts.overrides))):
            write_text(self.folder / name, text)
        write_json(self.folder / ENVIRONMENT, dict(environment))

    def mark(self, pending: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Where the records stand, for a checkpoint: their bytes, which are on the disk now, and the line that follows.

        The line of an epoch is written behind its checkpoint. A run that is killed between the two has it from there.
        """
        with writing(self.folder / LINES):
            self._lines.flush()
            os.fsync(self._lines.fileno())
        return {"bytes": (self.folder / LINES).stat().st_size, "pending": pending}

    def go_back(self, mark: Mapping[str, Any], step: int) -> None:
        """The records as they were at a checkpoint's mark: the resumed run writes the others again.

        Checkpoints from before there were marks: all records up to the step.
        """
        with writing(self.folder):
            self._lines.close()
            text = (self.folder / LINES).read_bytes()
            if mark and len(text) >= mark["bytes"]:
                kept = text[: mark["bytes"]].decode("utf-8") + (_line(mark["pending"]) if mark["pending"] else "")
            else:
                kept = "".join(_line(line) for line in read_records(self.folder) if line.get("step", 0) <= step)
            write_text(self.folder / LINES, kept)
            self._lines = (self.folder / LINES).open("a", encoding="utf-8")
        self.table()

    def record(self, event: str, **values: Any) -> None:
        """A line of `metrics.jsonl`; curves also go to TensorBoard where it is installed."""
        with writing(self.folder / LINES):
            self._lines.write(_line({"event": event, **values}))
            self._lines.flush()
            if self._events is not None:
                for name, value in flat(values).items():
                    if isinstance(value, int | float):
                        self._events.add_scalar(f"{event}/{name}", value, values.get("step", 0))

    def point_latest_here(self) -> None:
        """Point the `latest` link at this run: a checkpoint is there, which is what most want of the latest run."""
        if not self._leads and self.folder.parent.name and self.folder.parent.parent.name == "runs":
            point(self.folder.parent / "latest", self.folder)
        self._leads = True

    def log(self, text: str) -> None:
        with writing(self.folder / LOG):
            self._log.write(text.rstrip("\n") + "\n")
            self._log.flush()

    def table(self) -> None:
        """Write `metrics.csv` anew from the records of the epochs: one row an epoch."""
        rows = [flat(line) for line in read_records(self.folder) if line["event"] == "epoch"]
        columns = list(dict.fromkeys(key for row in rows for key in row if key != "event"))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.folder / TABLE, text.getvalue())

    def result(self, values: Mapping[str, Any]) -> None:
        write_json(self.folder / RESULT, dict(values))

    def details(self, values: Mapping[str, Any]) -> None:
        """`test.json`: for every output what was counted, and the worst samples."""
        write_json(self.folder / DETAILS, dict(values))

    def close(self) -> None:
        """Every line was flushed when it was written; what a full disk did not take then is no second failure now."""
        for stream in (self._lines, self._log, self._events):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(finite(dict(values))) + "\n"


def discard_if_empty(folder: Path) -> None:
    """Remove the folder of a run that ended before its first record and checkpoint: bad data, say."""
    lines = folder / LINES
    if (lines.is_file() and lines.stat().st_size) or any((folder / "checkpoints").glob("*/")):
        return
    ours = {SOURCE, RESOLVED, OVERRIDES, LINES, LOG, ENVIRONMENT, "checkpoints"}
    if folder.is_dir() and all(path.name in ours or path.name.startswith("events.") for path in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"train": {"ce": 1}}` as `{"train.ce": 1}`; the columns of the table."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= {f"{key}.{inner}": item for inner, item in flat(value).items()}
        else:
            result[key] = value
    return result


def environment(device: torch.device, seed: int, command: Sequence[str] = ()) -> dict[str, Any]:
    """What the results may depend on: versions, machine, seed."""
    import numpy
    import safetensors
    import torch

    return {
        "netdsl": __version__, "python": platform.python_version(), "torch": torch.__version__,
        "numpy": numpy.__version__, "safetensors": safetensors.__version__,
        "platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "device": str(device),
        "deviceName": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "cuda": torch.version.cuda, "seed": seed, "command": list(command or sys.argv),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def _event_writer(folder: Path) -> Any:
    """TensorBoard's writer, where the extra is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
