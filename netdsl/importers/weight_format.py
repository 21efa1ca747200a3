"""What a row of the table of weight files is: tensors in a file that another system wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np

#: Name of a tensor of the network -> its shape, in torch's order of axes; in the order of the network.
Wanted = Mapping[str, tuple[int, ...]]


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

    @abstractmethod
    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray]:
        """Arrays by the network's names, in torch's order of axes.

        What the network does not want keeps the name that it has in the file, so that the report of loading can list
        it. Raises Failure (`checkpoint-mismatch`) where the file cannot be read.
        """

    @abstractmethod
    def tensors(self, path: Path) -> list[StoredTensor]:
        """What the file holds, in its order. Raises Failure like `read`."""
