"""The lists of all readers, transforms and embedded samples, in the order of the docs."""

from __future__ import annotations

from ..spec import Spec, by_name
from .formats.base64images import Base64Images
from .formats.cifar import CIFAR10, CIFAR100
from .formats.cifarpython import CIFAR10Python
from .formats.csvfile import CSV
from .formats.ctf import CNTKText
from .formats.folder import ImageFolder
from .formats.idx import IDX
from .formats.lmdb_images import LMDB
from .formats.mapfile import MapFile
from .formats.masks import ImageMasks
from .formats.numpyfile import NumPy
from .joined import Joined
from .reader import Reader, Sample, Transform
from .synthetic.sample_data import SampleCIFAR10, SampleImages, SampleMasks, SampleMNIST
from .synthetic.synthetic import Synthetic
from .transforms.color import Color, Grayscale, Hue, Intensity, Mean, Normalize
from .transforms.crops import CenterCrop, Crop, MultiViewCrop, RandomCrop
from .transforms.geometry import Erase, Flip, Pad, Resize, Rotate, Scale

#: The rows in the order of the docs.
ROWS: tuple[type[Reader], ...] = (
    ImageFolder, MapFile, Base64Images, ImageMasks, LMDB, IDX, CIFAR10, CIFAR100, CIFAR10Python, CNTKText, CSV, NumPy,
    Joined, Synthetic,
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
