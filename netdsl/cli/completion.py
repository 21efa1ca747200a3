"""Completion in shells: files, runs, layers, paths of overrides; and `netdsl completion`, which prints the script."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from .help_examples import examples
from .output import err, out

#: What click asks, and the name it is asked by.
VARIABLE, PROGRAM = "_NETDSL_COMPLETE", "netdsl"

Items = list[CompletionItem]

_INSTALL = {
    "bash": 'eval "$(netdsl completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(netdsl completion zsh)" in ~/.zshrc',
    "fish": "netdsl completion fish > ~/.config/fish/completions/netdsl.fish",
}
#: Bash puts a blank behind a single answer, which is wrong behind `SGD.maxEpochs=` and `nets/`.
_NO_BLANK = "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/.] ]] && compopt -o nospace\n\n    return 0\n"


@examples(
    ('eval "$(netdsl completion bash)"', "in ~/.bashrc; the same for zsh in ~/.zshrc"),
    ("netdsl completion fish > ~/.config/fish/completions/netdsl.fish", "for fish"),
)
@click.command()
@click.argument("shell", type=click.Choice(tuple(_INSTALL)))
def completion(shell: str) -> int:
    """Print the script that completes commands, options, files, runs, layers and overrides in SHELL.

    It asks netdsl itself at every Tab, with the variable _NETDSL_COMPLETE.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE).source()
    if shell == "bash":
        script = script.replace("    return 0\n", _NO_BLANK, 1)
    out(script)
    if os.isatty(1):
        err(f"Hint: put `{_INSTALL[shell]}`.")
    return 0


# --- what can be completed ----------------------------------------------------------------------------------


def complete_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """`.net` files near by, shipped networks, and folders of runs; any path where there are none."""
    from ..syntax.parser import shipped

    folder = os.path.dirname(incomplete)
    found = [path for level in ("*.net", "*/*.net") for path in _inside(folder, level)]
    found += [f"networks/{path.name}" for path in sorted(shipped("networks").glob("*.net"))]
    return _matching(found, incomplete) or [CompletionItem(incomplete, type="file")]


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Networks that have runs, and the folders of runs."""
    return _matching(_runs(), incomplete) or [CompletionItem(incomplete, type="dir")]


def complete_checkpoint(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Runs and their checkpoints."""
    checkpoints = _inside(incomplete, "checkpoints/*") if incomplete.endswith("/") else []
    return _matching([*_runs(), *checkpoints], incomplete) or [CompletionItem(incomplete, type="file")]


def complete_layers(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Every name that `netdsl layers` knows."""
    from ..describe.option_tables import everything

    return _matching(sorted(everything()), incomplete)


def complete_device(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    return _matching(("auto", "cpu", "cuda", "cuda:0", "cuda:1"), incomplete)


def complete_format(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    from ..drawing import FORMATS

    return _matching(tuple(FORMATS), incomplete)


def complete_key(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """What runs can be sorted and chosen by."""
    from ..runs.side_by_side import fields
    from ..runs.store import find_runs

    folder = Path(str(context.params.get("folder") or "runs"))
    keys = dict.fromkeys(key for run in find_runs(folder) for key in fields(run)) if folder.is_dir() else {}
    return _matching(keys, incomplete.removeprefix("-"))


def complete_override(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Paths that can be set in the file on the command line: `dataDir=`, `SGD.maxEpochs=`."""
    if "=" in incomplete:
        return []
    files = context.params.get("file") or context.params.get("arguments") or ()
    file = next((name for name in ((files,) if isinstance(files, str) else files) if "=" not in name), None)
    return _matching([f"{path}=" for path in override_paths(file)], incomplete) if file is not None else []


def complete_file_or_override(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """For `netdsl check`: files first, then what can be set in them."""
    given = context.params.get("arguments") or ()
    overrides = complete_override(context, parameter, incomplete) if given else []
    return overrides if overrides else complete_file(context, parameter, incomplete)


def override_paths(file: str) -> list[str]:
    """The names at the top of a file, and the keys of its blocks. Empty for a file with a mistake in its text."""
    from ..base.failure import Failure
    from ..base.source import Files
    from ..compiler import read_source
    from ..optimizers.block import TrainingBlock
    from ..runs.store import file_of
    from ..syntax import ast
    from ..syntax.parser import parse

    try:
        members = parse(read_source(file_of(file), Files())).members
    except Failure:
        return []
    found: list[str] = []
    for member in members:
        if not isinstance(member, ast.Assign) or member.name.text == "network":
            continue
        name, value = member.name.text, member.value
        within = value.members if isinstance(value, ast.Record) else ()
        inner = [m.name.text for m in within if isinstance(m, ast.Assign)]
        if name == "SGD":
            inner += [option.name for option in TrainingBlock.options()]
        found += [f"{name}.{key}" for key in dict.fromkeys(inner)] if inner else [name]
    return sorted(found)


def _runs() -> list[str]:
    from ..runs.store import find_runs

    root = Path("runs")
    runs = find_runs(root) if root.is_dir() else []
    return list(dict.fromkeys([run.folder.parent.name for run in runs if run.folder.parent != root]
                              + [str(run.folder) for run in reversed(runs)]))


def _inside(folder: str, pattern: str) -> list[str]:
    """Paths below a folder, as they are typed."""
    root = Path(folder or ".")
    if not root.is_dir():
        return []
    return sorted(os.path.join(folder, path.relative_to(root)) for path in root.glob(pattern)
                  if not any(part.startswith(".") for part in path.relative_to(root).parts))


def _matching(names: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]
