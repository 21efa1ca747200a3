"""Writing to disk so that a crash or a full disk never leaves half a file under a good name.

`new_file` and `new_folder` are the ways to do it; they raise what the system says. `writing` turns that into the page
of a run's folder, `write_result` into that of a file which a user asked for.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .codes import Code
from .failure import Failure, failure
from .source import Span
from .units import clip_left, disk_text


def cannot_write(path: Path, error: BaseException | str) -> Failure:
    """The diagnostic of a folder or disk that does not take what has to be written."""
    text = str(error)
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in text
    refused = getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS)
    shown = clip_left(str(path), 40)
    title = f"the disk of {shown} is full" if full else f"cannot write to {shown}"
    hint = "free some space there, or choose another folder with --out." if full else (
        "choose a folder that you can write to with --out." if refused else "choose another folder with --out.")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else text
    return failure(Code.CANNOT_WRITE, title, Span.nowhere(str(path)), hint=hint,
                   body=(f"The system says: {reason}.",
                         "Nothing half-written is left; checkpoints that were complete are still complete."))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says while writing into a `cannot-write` Failure."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def new_folder(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """A folder that appears under its name whole or not at all: written aside, synced, renamed. Raises OSError.

    A folder that has the name already is replaced, or with `replace = False` stays: another process was faster.
    """
    temporary = _aside(target)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        _sync(temporary)
        if replace and target.exists():
            old = target.with_name(f".{target.name}.old.tmp")
            os.rename(target, old)
            os.rename(temporary, target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            try:
                os.rename(temporary, target)
            except OSError:
                if replace or not target.is_dir():
                    raise
        _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A file that appears under its name whole or not at all, in place of one that has it. Raises OSError."""
    temporary = _aside(target)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Take a folder away at once: under another name first, so that a crash leaves no half of it under its own."""
    aside = _aside(folder)
    try:
        os.rename(folder, aside)
    except OSError:
        aside = folder
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    """A name beside the target that no other process uses, and that `clear_leftovers` knows."""
    return target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(3).hex()}.tmp")


def write_text(path: Path, text: str) -> None:
    """Replace a file at once. Raises Failure `cannot-write`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file at once. Raises Failure `cannot-write`."""
    with writing(path), new_file(path) as temporary:
        temporary.write_bytes(data)


def write_result(path: Path, data: str | bytes, hint: str = "") -> None:
    """Replace a file that a user asked for at once. Raises Failure `cannot-write`."""
    try:
        with new_file(path) as temporary:
            temporary.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    except OSError as error:
        raise failure(Code.CANNOT_WRITE, f"`{path}` cannot be written: {error.strerror or error}",
                      Span.nowhere(str(path)), hint=hint) from error


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file at once; numbers that are not finite become null, which every reader takes."""
    write_text(path, json.dumps(finite(value), indent=2) + "\n")


def finite(value: Any) -> Any:
    """The value with NaN and infinity as None, throughout."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def point(link: Path, target: Path) -> None:
    """Let `link` lead to a folder beside it: a symbolic link, or a text file where there are none."""
    temporary = link.with_name(f".{link.name}.tmp")
    with writing(link):
        temporary.unlink(missing_ok=True)
        try:
            os.symlink(target.name, temporary, target_is_directory=True)
        except (OSError, NotImplementedError):
            temporary.write_text(target.name + "\n", encoding="utf-8")
        os.replace(temporary, link)


def follow(path: Path) -> Path:
    """Where a link made by `point` leads; the path itself if it is none."""
    if path.is_file():
        with path.open("rb") as file:
            text = file.read(256).decode("utf-8", "replace").strip()
        # A pointer is one short name; anything else is some other file.
        if text and len(text) < 200 and "\n" not in text and (path.parent / text).is_dir():
            return path.parent / text
    return path.parent / os.readlink(path) if path.is_symlink() else path


def probe(folder: Path, needed: int) -> None:
    """Make sure before training that the folder takes files and has room for `needed` bytes."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".probe.tmp"
        try:
            trial.write_bytes(b"netdsl")
        finally:
            trial.unlink(missing_ok=True)
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise cannot_write(folder, OSError(errno.ENOSPC, f"{disk_text(free)} are free, and a checkpoint and the "
                                           f"one it replaces need {disk_text(needed)}"))


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed process left unfinished; give back what it was about to replace."""
    for old in folder.glob(".*.old.tmp"):
        kept = old.with_name(old.name[1 : -len(".old.tmp")])
        if not kept.exists():
            os.rename(old, kept)
    for leftover in folder.glob(".*.tmp"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make sure that a file or a folder's entries are on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
