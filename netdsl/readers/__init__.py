"""Table 2: the readers, their transforms, and the embedded samples. A row is a class."""

from __future__ import annotations

from ..cache import cache_root
from ..spec import Spec, by_name
from .base import Reader, Sample, Transform
from .base64images import Base64Images
from .cifar import CIFAR10, CIFAR100
from .cifarpython import CIFAR10Python
from .color import Color, Grayscale, Hue, Intensity, Mean, Normalize
from .crops import CenterCrop, Crop, MultiViewCrop, RandomCrop
from .csvfile import CSV
from .ctf import CNTKText
from .folder import ImageFolder
from .geometry import Erase, Flip, Pad, Resize, Rotate, Scale
from .idx import IDX
from .joined import Joined
from .mapfile import MapFile
from .masks import ImageMasks
from .numpyfile import NumPy
from .samples import SampleCIFAR10, SampleImages, SampleMasks, SampleMNIST, sample_folder
from .synthetic import Synthetic

#: The rows in the order of the docs.
ROWS: tuple[type[Reader], ...] = (
    ImageFolder, MapFile, Base64Images, ImageMasks, IDX, CIFAR10, CIFAR100, CIFAR10Python, CNTKText, CSV, NumPy, Joined,
    Synthetic,
)
TRANSFORM_ROWS: tuple[type[Transform], ...] = (
    RandomCrop, CenterCrop, MultiViewCrop, Crop, Flip, Scale, Resize, Pad, Rotate, Erase, Mean, Normalize, Color, Hue,
    Intensity, Grayscale,
)
SAMPLE_ROWS: tuple[type[Sample], ...] = (SampleImages, SampleMasks, SampleMNIST, SampleCIFAR10)

#: The tables: rows by the name that files use.
READERS: dict[str, type[Reader]] = by_name(ROWS)
TRANSFORMS: dict[str, type[Transform]] = by_name(TRANSFORM_ROWS)
SAMPLES: dict[str, type[Sample]] = by_name(SAMPLE_ROWS)
#: Every name that a file may use for a row of these tables.
NAMES: dict[str, type[Spec]] = {**READERS, **TRANSFORMS, **SAMPLES}

__all__ = ["NAMES", "READERS", "ROWS", "SAMPLES", "SAMPLE_ROWS", "TRANSFORMS", "TRANSFORM_ROWS", "cache_root",
           "sample_folder"]
