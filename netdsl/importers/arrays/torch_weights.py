"""Weights that PyTorch saved: a `state_dict`, read by torch's own reader of weights alone, which runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..byte_reader import read_failure
from ..weight_format import FoundArrays, StoredTensor, Wanted, WeightFormat

if TYPE_CHECKING:
    import numpy as np

_WHAT = "a state_dict of PyTorch"
#: Under which keys training scripts keep the weights beside other things.
_INSIDE = ("state_dict", "model_state_dict", "model")

_MORE_THAN_WEIGHTS = ("a file that holds more than weights can run code when it is opened, so it never is: where you "
                      "trust it, save `module.state_dict ()` from it.")


class TorchStateDict(WeightFormat):
    """`.pt` and `.pth`, as `torch.save (module.state_dict (), path)` writes them."""

    name: ClassVar[str] = "torch"
    title: ClassVar[str] = _WHAT
    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth")

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(name, array.shape, array.dtype.name) for name, array in self.arrays(path).items()]

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        import torch

        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a pickle can be wrong in any way
            refused = type(error).__name__ == "UnpicklingError"
            why = "it is no archive of torch.save, or it holds more than tensors" if refused else _first_line(error)
            raise read_failure(path, _WHAT, why, _MORE_THAN_WEIGHTS if refused else "") from None
        weights = next((found[key] for key in _INSIDE if isinstance(found, Mapping)
                        and isinstance(found.get(key), Mapping)), found)
        if not isinstance(weights, Mapping) or not weights or not all(
                isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()):
            raise read_failure(path, _WHAT, f"it holds a {type(found).__name__} that is not names and tensors alone",
                               "save `module.state_dict ()`, and nothing else.")
        return {name: _plain(tensor) for name, tensor in weights.items()}

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        result = FoundArrays()
        result.update(self.arrays(path))
        result.how = {name: (name, "by name") for name in result if name in wanted}
        return result


def _plain(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor as an array of its own; NumPy has no bfloat16."""
    import torch

    plain = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    array: np.ndarray[Any, Any] = (plain.float() if plain.dtype is torch.bfloat16 else plain).contiguous().numpy()
    return array.copy()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
