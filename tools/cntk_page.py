"""docs/cntk.md: every key, reader and function of CNTK, and what becomes of it, from the tables of the importer."""

from __future__ import annotations

from collections.abc import Iterable

from netdsl.importers.cntk.brainscript.bs_library import LIBRARY, OBJECTS, OPERATIONS
from netdsl.importers.cntk.cntk_actions import ACTIONS
from netdsl.importers.cntk.cntk_readers import READERS
from netdsl.importers.cntk.config_keys import TABLES, KeyTable, State
from netdsl.importers.cntk.image_transforms import TRANSFORMS
from netdsl.importers.cntk.ndl.mel import COMMANDS
from netdsl.importers.cntk.ndl.ndl_functions import FUNCTIONS, MISSING

_INTRODUCTION = """# CNTK's configurations: every key and function

netdsl opens CNTK's files (`.cntk`, `.config`, `.bs`, `.ndl`) as they are; [coming-from-cntk.md](coming-from-cntk.md)
shows how. Here is what becomes of each thing in them:

* **same**: it has the same name and meaning in a `.net` file;
* **mended**: it means the same and is written otherwise, or something about it is put right; how is said beside it;
* **no meaning**: it is accepted and not used, with a note;
* **not supported**: `netdsl check` says so by name. For keys of training and for data it is a warning there, and an
  error of `netdsl run`.

A key that is in none of the tables is not read, as in CNTK; netdsl warns, with the name that was probably meant.
"""


def cntk_page() -> list[str]:
    """The lines of the page."""
    parts = [*_INTRODUCTION.split("\n"), "## Keys", ""]
    for table in TABLES:
        parts += _keys(table)
    parts += ["## Actions", "", "| action | becomes |", "|---|---|"]
    kinds = {"train": "the file", "test": "`reader.test` of the file; `netdsl test` does it"}
    parts += [f"| `{action.name}` | {kinds.get(action.kind, action.instead)} |" for action in ACTIONS.values()]
    parts += ["", "## Readers", "", "| `readerType` or `type` | becomes |", "|---|---|"]
    parts += [f"| `{row.name}` | {f'`{row.row}`' if row.row else f'not supported: {row.why}'} |"
              for row in READERS.values()]
    parts += ["", "The colour order of images is BGR, as CNTK's, and values are 0 to 255. Shrunk images are "
              "antialiased, which CNTK's are not. The readers of a `Joined` are put together by the places of their "
              "samples; CNTK does it by the ids of sequences.", "", "### Transforms", "",
              "| `type` | keys |", "|---|---|"]
    parts += [f"| `{row.name}` | {', '.join(f'`{key}`' for key in row.keys) or 'it is done in any case'} |"
              for row in TRANSFORMS.values()]
    parts += ["", "## BrainScript: the core library", ""]
    for title, rows in LIBRARY.items():
        parts += [f"### {title}", "", "| function | state | |", "|---|---|---|"]
        parts += [f"| `{row.name}` | {row.state} | {_cell(row.how)} |" for row in sorted(rows, key=_name)]
        parts.append("")
    parts += ["### `new ComputationNode`", "",
              "`operation = '...'` takes the names of the functions above and these names of C++. Options that the",
              "record lacks are the arguments of the function around it.", "",
              "| operation | function of the library |", "|---|---|"]
    parts += [f"| `{name}` | `{ours}` |" for name, ours in sorted(OPERATIONS.items())]
    parts += [f"| `{name}` | the same, {row.how} |" for name, row in OBJECTS.items()]
    parts.append("")
    parts += ["## NDL", "", "Macros become functions; one whose text depends on its arguments (`init = kind`, "
              "`layer.W`) is written out at each call. What a macro's call makes is called by CNTK's path, as in "
              "`h1.W`. Of several criteria the first is trained, as in CNTK. `OutputNodes = z` does not rename `z`, "
              "as it does in CNTK.", ""]
    parts += ["| function | arguments | becomes |", "|---|---|---|"]
    parts += [f"| `{row.name}`{_aliases(row.aliases)} | `{_cell(row.arguments)}` | {_cell(row.how)} |"
              for row in FUNCTIONS]
    missing: dict[str, list[str]] = {}
    for name, what in MISSING.items():
        missing.setdefault(what, []).append(f"`{name}`")
    parts += ["", "Refused by name:", "", "| function | netdsl has no |", "|---|---|"]
    parts += [f"| {', '.join(names)} | {what} |" for what, names in missing.items()]
    commands = [f"`{name}`" for row in COMMANDS for name in (row.name, *row.aliases)]
    parts += ["", "## MEL", "", f"Edits of saved models are read and told, and not done: {', '.join(commands)}. "
              "A model file is read for its weights; the network is text. Make the change in the text, and "
              "`--weights MODEL` loads what still fits."]
    return [*parts, ""]


def _keys(table: KeyTable) -> list[str]:
    parts = [f"### {table.title}", "", "| key | state | |", "|---|---|---|"]
    same = [key.name for key in table.keys.values() if key.state is State.SAME]
    if same:
        parts.append(f"| {', '.join(f'`{name}`' for name in same)} | same | |")
    groups: dict[tuple[State, str], list[str]] = {}
    for key in table.keys.values():
        if key.state is not State.SAME:
            groups.setdefault((key.state, key.says), []).append(f"`{key.name}`")
    parts += [f"| {', '.join(names)} | {state} | {_cell(says)} |" for (state, says), names in groups.items()]
    return [*parts, ""]


def _name(row: object) -> str:
    return str(getattr(row, "name", "")).casefold()


def _aliases(names: Iterable[str]) -> str:
    return "".join(f", `{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
