"""What the readers of network texts get besides the text: variables, files to include, and where notes go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...base.codes import Code
from ...base.diagnostics import Diagnostic
from ...base.failure import failure
from ...base.source import Files, Source, Span
from .config_section import Section
from .variables import Variables


@dataclass
class ConfigContext:
    """One configuration while it is read."""

    files: Files
    top: Section  #: the whole configuration
    action: Section  #: the section that trains
    sources: Sequence[Source] = ()  #: the files of the configuration
    notes: list[Diagnostic] = field(default_factory=list)
    comments: list[Span] = field(default_factory=list)  #: those of network texts, in forms that only they have

    @property
    def variables(self) -> Variables:
        return self.top.reading.variables

    def find(self, path: str, place: Span) -> Source:
        """The text of a file that a configuration or network text names.

        It is looked for as it is written, beside the file that names it, and beside the configuration.
        Raises Failure (`include-not-found`).
        """
        return find_file(self.files, path, place, [source.name for source in self.sources])


def find_file(files: Files, path: str, place: Span, beside: Sequence[str] = ()) -> Source:
    """See `ConfigContext.find`; `beside` are files in whose folders it may be."""
    wanted = path.replace("\\", "/")
    folders = ["", os.path.dirname(place.source.name), *(os.path.dirname(name) for name in beside)]
    paths = (wanted, os.path.basename(wanted))  # CNTK drops the folder of a path that leads nowhere
    places = list(dict.fromkeys(os.path.normpath(os.path.join(folder, p)) for p in paths for folder in folders))
    for at in places:
        if files.exists(at):
            try:
                return files.read(at)
            except (OSError, UnicodeDecodeError) as error:
                why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
                raise failure(Code.INCLUDE_NOT_FOUND, f"`{path}` cannot be read: {why}", place) from None
    raise failure(Code.INCLUDE_NOT_FOUND, f"there is no file `{path}`", place,
                  body=(f"I looked for {', '.join(places)}.",),
                  hint="paths count from the current folder, as in CNTK, or from the file that names them.")
