"""What is kept on this machine between runs: samples, and tables that take long to make."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cache_root() -> Path:
    """The folder of all of it: `NETDSL_CACHE`, or the platform's folder for caches."""
    given = os.environ.get("NETDSL_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "netdsl" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "netdsl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netdsl"


def cached_file(name: str, key: str, make: Callable[[], Any]) -> Any:
    """A value of JSON's kinds: from the cache if it was kept there under this key, else made and kept.

    Nothing depends on the cache: a file that is missing, broken or of another key is made anew, and
    a folder that cannot be written is left alone.
    """
    with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError, TypeError):
        kept = json.loads((cache_root() / name).read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["value"]
    text = json.dumps({"key": key, "value": make()})
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        _write(cache_root() / name, text)
    return json.loads(text)["value"]  # what a later run gets


def _write(path: Path, text: str) -> None:
    """In one piece: another process sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
