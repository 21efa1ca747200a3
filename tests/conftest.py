"""Goldens: texts in files beside the tests. `--update-goldens` writes them; a missing or an orphaned one fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

Golden = Callable[[str, Path], None]
COMPARED, COMPLETE = pytest.StashKey[set[Path]](), pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the golden files instead of comparing")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["NETDSL_VERIFY"] = "1"  # the graph is verified behind every pass, in child processes too
    config.stash[COMPARED], config.stash[COMPLETE] = set(), not any("::" in argument for argument in config.args)


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.config.stash[COMPLETE] = False


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    """`golden(text, path)`: the file at the path, relative to the root of the project, holds this text."""
    config, used = request.config, False

    def compare(text: str, path: Path) -> None:
        nonlocal used
        used, path = True, config.rootpath / path
        config.stash[COMPARED].add(path)
        if config.getoption("--update-goldens"):
            path.write_text(text, encoding="utf-8", newline="")
        elif not path.is_file():
            pytest.fail(f"{path.name} is missing: run with --update-goldens and look at what it wrote")
        else:
            assert text == path.read_text(encoding="utf-8"), f"{path} differs; --update-goldens writes it anew"

    yield compare
    if not used:  # skipped: whether its files are orphans cannot be told
        config.stash[COMPLETE] = False


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist knows only its part
        output: dict[str, object] = config.workeroutput  # type: ignore[attr-defined]  # pytest-xdist sets it
        output["goldens"] = ([str(p) for p in config.stash[COMPARED]], config.stash[COMPLETE])
        return
    kinds = {(path.parent, path.suffix) for path in config.stash[COMPARED]}
    files = {path for folder, suffix in kinds for path in folder.glob(f"*{suffix}")}
    orphans = sorted(files - config.stash[COMPARED])
    if orphans and config.stash[COMPLETE] and not session.testsfailed:
        names = ", ".join(str(path.relative_to(config.rootpath)) for path in orphans)
        raise pytest.UsageError(f"golden files that no test compares: {names}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """What a worker of pytest-xdist compared."""
    paths, complete = getattr(node, "workeroutput", {}).get("goldens", ((), False))
    stash = node.config.stash  # type: ignore[attr-defined]
    stash[COMPARED] |= {Path(path) for path in paths}
    stash[COMPLETE] = stash[COMPLETE] and complete
