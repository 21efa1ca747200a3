"""Image files: the formats that are read, their headers, and sizes changed. Pillow is imported here, on first use."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from types import ModuleType
from typing import Any

from ..arrays import np
from ..files import kind_of
from ..reader import DataError
from .image_formats import FORMATS, UNREAD

#: Larger images are refused: a few kilobytes of PNG can unpack to gigabytes.
MAXIMUM_PIXELS = 89_000_000
#: As many as JPEG can have in a row or a column.
MAXIMUM_SIDE = 65_535


@lru_cache(maxsize=1)
def pillow() -> ModuleType:
    """PIL.Image; its own warnings are off: large images are refused by `decode`."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged EXIF data and the like: what matters is an error
    return Image


def open_image(data: bytes) -> Any:
    """A Pillow image whose header is read and whose size is acceptable. Raises DataError without a path."""
    Image = pillow()
    if not data:
        raise DataError("the image file is empty (0 bytes)", place="byte 0", hint="fetch or copy it again.")
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except Image.DecompressionBombError:
        raise _too_large("hundreds of millions of pixels") from None
    except Exception:  # whatever a decoder makes of damaged bytes
        raise _not_an_image(data) from None
    if image.width * image.height > MAXIMUM_PIXELS or max(image.size) > MAXIMUM_SIDE:
        raise _too_large(f"{image.width} x {image.height} pixels")
    return image


def _not_an_image(data: bytes) -> DataError:
    kind = kind_of(data[:64])
    unread = next((row for row in UNREAD if kind == row.kind), None)
    if unread is not None:
        return DataError(f"this is {kind}, which is not read", place="byte 0", hint=unread.suggestion)
    if kind == "a TIFF image":
        return DataError("the TIFF file is damaged, or of a kind that is not read", place="byte 0, the header",
                         body=("Read are 1 to 16 bits grey, 32 bits grey, and colours of 8 or 16 bits.",),
                         hint="save it as PNG, or as a plain TIFF of 8 or 16 bits.")
    if kind.endswith("image"):
        return DataError("the image file is damaged or cut short", place="byte 0, the header",
                         body=(f"It begins as {kind}, but its header cannot be read.",), hint="fetch or copy it again.")
    return DataError("the file is not an image that I can read", place="byte 0", body=(f"It looks like {kind}.",),
                     hint="JPEG, PNG, BMP, WebP, PPM, GIF and TIFF are read.")


def _too_large(size: str) -> DataError:
    return DataError("the image is too large to be read", place="the header",
                     body=(f"Its header announces {size}; at most {MAXIMUM_PIXELS // 1_000_000} million pixels, and "
                           f"{MAXIMUM_SIDE:,} in a row, are read, since a small damaged or malicious file can claim "
                           "any size.",),
                     hint="scale the image down, or remove it from the data.")


_FILTERS = {"nearest": "NEAREST", "linear": "BILINEAR", "cubic": "BICUBIC", "lanczos": "LANCZOS"}


def resize(image: np.ndarray, width: int, height: int, interpolation: str) -> np.ndarray:
    """The image at another size, of the same type. `nearest` picks pixels; the others are antialiased."""
    if image.shape[:2] == (height, width):
        return image
    Image = pillow()
    method = getattr(Image.Resampling, _FILTERS[interpolation])
    channels = image.shape[2]
    if image.dtype == np.uint8 and channels in (1, 3):
        plain = np.ascontiguousarray(image[..., 0] if channels == 1 else image)
        result = np.asarray(Image.fromarray(plain).resize((width, height), method))
        return result[..., None] if channels == 1 else result
    kind = np.uint8 if image.dtype == np.uint8 else np.float32
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c], dtype=kind)) for c in range(channels)]
    planes = [np.asarray(plane.resize((width, height), method)) for plane in planes]
    return np.stack(planes, axis=2)


def rotate(image: np.ndarray, degrees: float, interpolation: str, fill: float) -> np.ndarray:
    """The image turned counter-clockwise about its centre, size kept, corners filled with one value."""
    Image = pillow()
    method = getattr(Image.Resampling, _FILTERS[interpolation])
    kind = np.uint8 if image.dtype == np.uint8 else np.float32
    value = int(fill) if kind is np.uint8 else fill
    planes = [np.asarray(Image.fromarray(np.ascontiguousarray(image[..., c], dtype=kind))
                         .rotate(degrees, method, fillcolor=value)) for c in range(image.shape[2])]
    return np.stack(planes, axis=2)
