"""What a row of the table of weight files is: tensors in a file that another system wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

#: Name of a tensor of the network -> its shape, in torch's order of axes; in the order of the network.
Wanted = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class NetworkUse:
    """A node of the network, as far as weights are concerned."""

    name: str
    tensors: tuple[str, ...]  #: full names of its tensors: `model.conv1.weight`
    inputs: tuple[str, ...]  #: names of the nodes it takes
    size: int = 0  #: numbers in an input of the network; 0 for every other node
    family: str = ""  #: the family of its row: "convolution", "pooling"
    is_source: bool = False  #: a parameter that stands by itself, as in `W * x`


class NetworkTensors(dict[str, tuple[int, ...]]):
    """The tensors that a network wants, with the graph around them: for files whose names are not the network's."""

    def __init__(self, shapes: Wanted, uses: tuple[NetworkUse, ...] = ()) -> None:
        super().__init__(shapes)
        self.uses = uses


class FoundArrays(dict[str, "np.ndarray[Any, Any]"]):
    """Arrays by the network's names, and for each what it is in the file and how it was found: "by name"."""

    def __init__(self) -> None:
        super().__init__()
        self.how: dict[str, tuple[str, str]] = {}
        self.left_out: tuple[str, ...] = ()  #: layers of the file that the network does not have, where that is usual


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file has it, for `netdsl info`."""

    name: str
    shape: tuple[int, ...]
    kind: str = "float32"


class WeightFormat(ABC):
    """A row of the table: one kind of file with weights. Reading one never runs code, and its sizes are checked."""

    name: ClassVar[str]
    title: ClassVar[str]  #: "weights of Caffe"
    suffixes: ClassVar[tuple[str, ...]]  #: in lower case, with the dot

    def recognises(self, start: bytes) -> bool:
        """Whether a file that begins like this is one, whatever its name is."""
        return False

    @abstractmethod
    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        """Arrays by the network's names, in torch's order of axes.

        What the network does not want keeps the name that it has in the file, so that the report of loading can list
        it. A FoundArrays also says how each was found. Raises Failure (`checkpoint-mismatch`) where the file cannot
        be read.
        """

    @abstractmethod
    def tensors(self, path: Path) -> list[StoredTensor]:
        """What the file holds, in its order. Raises Failure like `read`."""

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        """All arrays by the file's names, in torch's order of axes where that is known. Raises Failure like `read`."""
        return self.read(path, {})

    def facts(self, path: Path) -> list[tuple[str, str]]:
        """What else `netdsl info` says of a file: lines of a name and a text."""
        return []

    def parts(self, path: Path) -> list[tuple[str, str, str]]:
        """The nodes of the graph in a file, for `netdsl info`: name, operation, what it takes."""
        return []
