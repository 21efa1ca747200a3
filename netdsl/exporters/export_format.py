"""What a row of the table of export formats is, and what it is given: a network in inference mode, with weights."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from .. import _version
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..checks.outputs import Output, outputs_of
from ..ir.program import CheckedProgram
from ..lower import Executable, NetworkModule, network_module
from ..runs import checkpoint
from ..runs.store import network_name, saved_state
from ..training.evaluation.inference import load_into


@dataclass(frozen=True)
class ExportOptions:
    """What a user may choose; each format takes some of them (`ExportFormat.options`)."""

    opset: int | None = None
    fold_batch_norm: bool = False
    with_preprocessing: bool = False
    image_size: tuple[int, int] | None = None  #: width and height

    def given(self) -> list[str]:
        """The options that are not at their default."""
        return [part.name for part in fields(self) if getattr(self, part.name) != part.default]


@dataclass(frozen=True)
class ExportRequest:
    """A program, the checkpoint that gives its weights (None: as it starts), and where to write."""

    program: CheckedProgram
    checkpoint: Path | None
    target: Path
    options: ExportOptions = field(default_factory=ExportOptions)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs that are exported. Raises Failure where there are none."""
        found = outputs_of(self.program)
        if not found:
            raise failure(Code.NO_CRITERION, "the network has no outputs, so there is nothing to export",
                          Span.nowhere(self.program.source.name), hint="name them in the network: `outputNodes = z`.")
        return found

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """What people call the outputs, in order."""
        return tuple(self.program.shown_name(output.node) for output in self.outputs)

    @cached_property
    def module(self) -> NetworkModule:
        """The outputs alone, in inference mode, with the weights of the checkpoint. Raises Failure."""
        seed = self.program.plan.block.seed if self.program.plan is not None else 0
        module = network_module(self.program, [output.node for output in self.outputs], seed)
        if self.checkpoint is not None:
            load_into(module, self.checkpoint)
        return module.eval()

    @property
    def executable(self) -> Executable:
        return self.module.executable

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """What the checkpoint says beside its tensors: names of classes, columns, position."""
        return saved_state(checkpoint.find(self.checkpoint)) if self.checkpoint is not None else {}

    @property
    def network_name(self) -> str:
        return network_name(self.program.source.name)

    def facts(self) -> dict[str, str]:
        """Where the weights come from: what every exported file says of itself."""
        position = f"after {self.state['epoch']} epochs" if "epoch" in self.state else ""
        weights = "untrained" if self.checkpoint is None else position or "from a file of weights"
        return {"netdsl": _version.__version__, "network": self.network_name, "weights": weights}


@dataclass(frozen=True)
class Exported:
    """What was written, and what is to be said of it, a line each."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


class ExportFormat(ABC):
    """A row of the table: one kind of file."""

    name: ClassVar[str]  #: for `--to`
    title: ClassVar[str]  #: "an ONNX model"
    suffix: ClassVar[str]  #: of the file, with the dot
    options: ClassVar[tuple[str, ...]] = ()  #: those of ExportOptions that it takes
    modules: ClassVar[tuple[str, ...]] = ()  #: what has to be installed beside netdsl
    extra: ClassVar[str] = ""  #: the extra of the package that installs them
    doc: ClassVar[str]  #: a sentence or two

    @abstractmethod
    def write(self, request: ExportRequest) -> Exported:
        """Write the file, and those beside it, whole or not at all. Raises Failure."""

    def check(self, request: ExportRequest) -> None:
        """Refuse what this format cannot do before anything is computed. Raises Failure."""
        unknown = [name for name in request.options.given() if name not in self.options]
        if unknown:
            raise _wrong_option(self.name, unknown[0], self.options)
        require_modules(self.modules, f"to write {self.title}", f"'netdsl[{self.extra}]'")
        source = Path(request.program.source.name)
        if source.exists() and request.target.exists() and request.target.samefile(source):
            raise failure(Code.CANNOT_WRITE, f"`{request.target}` is the file that is exported",
                          Span.nowhere(str(request.target)), hint="name another file with --out.")


def require_modules(names: Sequence[str], purpose: str, install: str) -> None:
    """Raise Failure unless these packages are installed; `install` is what pip is told."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise failure(Code.NOT_INSTALLED, f"{' and '.join(missing)} {verb} needed {purpose}, and {verb} not installed",
                      Span.nowhere("netdsl"), hint=f"install {them}: `pip install {install}`.")


def _wrong_option(form: str, option: str, known: tuple[str, ...]) -> Failure:
    def typed(name: str) -> str:
        return f"`--{name.replace('_', '-')}`"

    takes = f"{form} takes {', '.join(map(typed, known))}." if known else f"{form} takes no options of its own."
    return failure(Code.WRONG_ARGUMENTS, f"{typed(option)} is not for the format {form}", Span.nowhere("netdsl export"),
                   body=(takes,), hint="leave the option out, or choose another format with --to.")
