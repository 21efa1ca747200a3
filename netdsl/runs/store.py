"""Runs on the disk: finding, listing and comparing them. Reads JSON only, so it needs no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.atomic_files import follow
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..importers.weight_table import weight_format_of

#: Files of a run folder; `netdsl.runs.writer` writes them.
SOURCE, RESOLVED, OVERRIDES = "source.net", "resolved.net", "overrides.txt"
LINES, RESULT, ENVIRONMENT, DETAILS = "metrics.jsonl", "result.json", "environment.json", "test.json"
REPORT = "report.html"
STATE = "state.json"

Values = dict[str, float | None]


@dataclass(frozen=True)
class Run:
    """A run's folder, read when asked. What a killed run has not written is empty."""

    folder: Path

    @cached_property
    def records(self) -> tuple[dict[str, Any], ...]:
        """The lines of `metrics.jsonl`, as they were when first asked for."""
        return tuple(read_records(self.folder))

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """What the run came to; None while it runs, and if it was stopped."""
        return _object(self.folder / RESULT)

    @cached_property
    def environment(self) -> dict[str, Any]:
        return _object(self.folder / ENVIRONMENT) or {}

    @cached_property
    def details(self) -> dict[str, Any]:
        """The confusion matrix and worst samples of the test at the end."""
        return _object(self.folder / DETAILS) or {}

    @cached_property
    def state(self) -> dict[str, Any]:
        """Position, plan and identity, from the last checkpoint."""
        checkpoint = self.checkpoint
        return (_object(checkpoint / STATE) if checkpoint is not None else None) or {}

    @property
    def checkpoint(self) -> Path | None:
        """The last checkpoint's folder, if there is one."""
        last = follow(self.folder / "checkpoints" / "last")
        return last if (last / STATE).is_file() else None

    @property
    def network(self) -> str:
        """The network's name: from the checkpoint, else from the folder around the run."""
        name = self.state.get("name") or self.environment.get("network")
        return str(name or self.folder.resolve().parent.name)

    @property
    def overrides(self) -> tuple[str, ...]:
        path = self.folder / OVERRIDES
        return tuple(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else ()

    @property
    def epochs(self) -> tuple[dict[str, Any], ...]:
        """The record of each epoch."""
        return tuple(line for line in self.records if line.get("event") == "epoch")

    @property
    def planned_epochs(self) -> int | None:
        text = str(self.state.get("plan", {}).get("keys", {}).get("maxEpochs", ""))
        return int(text) if text.isdigit() else None

    @property
    def status(self) -> str:
        """`finished`, `early stopping`, or how far an unfinished run is recorded."""
        if self.result is not None:
            return str(self.result.get("stopped") or "finished")
        return "not finished"

    @property
    def percentages(self) -> frozenset[str]:
        """Names of values that are shares, as far as the run says."""
        return frozenset((self.result or {}).get("percentages", ()))

    def values(self) -> dict[str, Values]:
        """The last values of each phase: {"train": {"ce": 0.1}, "test": ...}; phases without any are left out."""
        found: dict[str, Values] = {}
        for line in self.records:
            for phase in ("train", "validation", "test"):
                if line.get("event") in ("epoch", "test") and line.get(phase):
                    found[phase] = dict(line[phase])
        for phase in ("train", "validation", "test"):
            if self.result and self.result.get(phase):
                found[phase] = dict(self.result[phase])
        return found

    def to_json(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "network": self.network, "started": self.environment.get("started"),
                "status": self.status, "best": (self.result or {}).get("best"),
                "bestBy": (self.result or {}).get("bestBy"),
                "epochs": len(self.epochs), "plannedEpochs": self.planned_epochs,
                "seconds": (self.result or {}).get("seconds"), "values": self.values(),
                "overrides": list(self.overrides), "device": self.environment.get("device")}


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`; a last one that a killed process left half written is dropped."""
    path = folder / LINES
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [value for value in map(_json, lines) if isinstance(value, dict)]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _object(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None where there is none, or a damaged one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


# --- finding ------------------------------------------------------------------------------------------


def is_run(folder: Path) -> bool:
    return (folder / LINES).is_file() or (folder / RESULT).is_file()


def find_runs(folder: Path) -> list[Run]:
    """All runs below a folder, at most three levels down, oldest first; links (`latest`) are not followed."""
    found = [Run(path) for path in _run_folders(folder, 3)]
    return sorted(found, key=lambda run: (str(run.environment.get("started", "")), str(run.folder)))


def _run_folders(folder: Path, levels: int) -> Iterator[Path]:
    if is_run(folder):
        yield folder
        return
    if levels:
        for inner in sorted(folder.iterdir()):
            if inner.is_dir() and not inner.is_symlink() and not inner.name.startswith("."):
                yield from _run_folders(inner, levels - 1)


def locate_run(text: str, root: Path = Path("runs")) -> Path:
    """The path that a text means: itself, or the latest run of a network's name or of the folder of its runs."""
    path = Path(text)
    if not path.exists():
        return latest(text, root) or path
    return follow(path / "latest") if path.is_dir() and not is_run(path) and (path / "latest").exists() else path


def open_run(text: str, root: Path = Path("runs")) -> Run:
    """The run that a text means: its folder, or a network's name for its latest. Raises Failure."""
    given, folder = Path(text), locate_run(text, root)
    if folder.is_dir() and is_run(folder):
        return Run(folder)
    known = [run.folder.name for run in find_runs(root)] if root.is_dir() else []
    title = f"`{text}` is not a run folder" if given.exists() else f"there is no run `{text}`"
    hint = did_you_mean(given.name, known) or "`netdsl runs` lists them."
    raise failure(Code.NO_FILE, title, Span.nowhere(text), hint=hint,
                  body=(f"A run's folder has a file {LINES}.",) if given.exists() else ())


def file_of(text: str) -> str:
    """The file that a text means: itself, or of a run's folder the file that was run, as resolved.

    `configFile=x.cntk`, as CNTK's command line has it, means `x.cntk`.
    """
    text = re.sub(r"(?i)^configfile=", "", text)
    folder = Path(text)
    return str(folder / RESOLVED) if folder.is_dir() and is_run(folder) and (folder / RESOLVED).is_file() else text


def network_name(file: str) -> str:
    """A file's name as that of its runs' folder: `networks/alexnet.net` is `alexnet`; a run's file has the run's."""
    own = _run_of_file(file)
    return own.network if own is not None else re.sub(r"[^\w.-]+", "-", Path(file).stem) or "network"


def _run_of_file(file: str) -> Run | None:
    """The run whose resolved file this is (`file_of`); None for any other file."""
    path = Path(file)
    return Run(path.parent) if path.name == RESOLVED and is_run(path.parent) else None


def latest(network: str, root: Path = Path("runs")) -> Path | None:
    """The folder of a network's latest run, if it has one."""
    link = root / network / "latest"
    target = follow(link)
    return target if target.is_dir() else None


def checkpoint_of(file: str, given: str | None, root: Path = Path("runs")) -> Path:
    """The checkpoint or run that a command works on: the one given, else the latest run, else the weights in the file.

    Raises Failure where there is none of them.
    """
    if given is not None:
        path = locate_run(given, root)
        require_checkpoint(str(path))
        return path
    own = _run_of_file(file)
    if own is not None:
        require_checkpoint(str(own.folder))
        return own.folder
    found = latest(network_name(file), root)
    if (found is None or Run(found).checkpoint is None) and weight_format_of(Path(file)) is not None:
        return Path(file)  # a model with its weights in one file: ONNX, CNTK
    if found is None or Run(found).checkpoint is None:
        what = f"there is no run of `{network_name(file)}` to take a checkpoint from"
        raise failure(Code.NO_FILE, what, Span.nowhere(file),
                      body=(f"I looked for {root / network_name(file) / 'latest'} in {Path.cwd()}.",),
                      hint=f"train it with `netdsl run {file}`, or name a checkpoint with --checkpoint.")
    return found


def checkpoint_in(path: Path, which: str | None = None) -> Path:
    """The `best` or the `last` checkpoint of a run's folder; any other path as it is.

    Where neither is asked for: the best by validation data, or the last where training had none. What is best
    on the training data is mostly the last, and the run was tested with that one.
    """
    validated = any(epoch.get("validation") for epoch in Run(path).epochs) if is_run(path) else False
    wanted = which or ("best" if validated else "last")
    return next((found for link in (wanted, "last") if (found := _link_in(path, link)) is not None), path)


def _link_in(path: Path, link: str) -> Path | None:
    """The checkpoint that a link of a run's folder, or of its `checkpoints`, leads to."""
    for candidate in (path / "checkpoints" / link, path / link):
        found = follow(candidate)
        if (found / STATE).is_file():
            return found
    return None


def described_checkpoint(checkpoint: Path) -> str:
    """A checkpoint for people: its folder, and whether it is the best or the last of its run."""
    folder = checkpoint.parent.parent
    if checkpoint.parent.name != "checkpoints" or not is_run(folder):
        return str(checkpoint)
    best, last = (_link_in(folder, link) for link in ("best", "last"))
    by = next((str(line["bestBy"]) for line in reversed(Run(folder).epochs) if line.get("bestBy")), "")
    the_best = "the best" + (f" by {by}" if by else "")
    if best is None or last is None or best.name == last.name:
        which = f"{the_best}, and the last" if best is not None else "the last"
    elif checkpoint.name == best.name:
        which = f"{the_best}; --epoch last takes {last.name}"
    else:
        which = f"the last; --epoch best takes {best.name}, {the_best}" if checkpoint.name == last.name else ""
    return f"{checkpoint}" + (f" ({which})" if which else "")


def require_checkpoint(given: str) -> None:
    """Raise Failure for a path that does not exist, and for a folder that is neither a checkpoint nor a run with one.

    Whether a file holds weights is found out by whoever reads it.
    """
    path = Path(given)
    links = (path, path / "last", path / "checkpoints" / "last")
    if not path.is_file() and not any((follow(link) / STATE).is_file() for link in links):
        raise missing_checkpoint(given)


def missing_checkpoint(given: str) -> Failure:
    """The diagnostic for a checkpoint that does not exist, with the runs that are."""
    path = Path(given)
    title = f"there is no checkpoint in `{given}`" if path.exists() else f"there is no checkpoint `{given}`"
    near = [inner.name for inner in path.parent.iterdir()] if path.parent.is_dir() and not path.exists() else []
    below = path if path.is_dir() else Path("runs")
    found = [str(run.folder) for run in find_runs(below) if run.checkpoint is not None] if below.is_dir() else []
    listed = ("\n".join(f"    {folder}" for folder in found[-5:]),) if found else ()
    body = (f"These {'runs' if len(found) <= 5 else f'and {len(found) - 5} older runs'} are in {below}:", *listed)
    hint = did_you_mean(path.name, near) or "name a run's folder, or a folder of its `checkpoints`."
    return failure(Code.NO_FILE, title, Span.nowhere(given), body=body if found else (), hint=hint)


def saved_state(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint's folder says beside its tensors; empty for a plain safetensors file."""
    return _object(checkpoint / STATE) or {}
