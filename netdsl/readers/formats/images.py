"""Bytes -> pixels. Pillow is imported here only, on first use."""

from __future__ import annotations

import io
import math
import warnings
from functools import lru_cache
from types import ModuleType
from typing import Any

from ..arrays import np
from ..files import kind_of
from ..reader import DataError

#: Suffixes of the image files that a folder is searched for.
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm")
#: What Pillow is allowed to recognise; its rarer decoders are no use here and a larger target.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "PPM", "GIF", "TIFF")
#: Larger images are refused: a few kilobytes of PNG can unpack to gigabytes.
MAXIMUM_PIXELS = 89_000_000


@lru_cache(maxsize=1)
def pillow() -> ModuleType:
    """PIL.Image; its own warning of large images is off, `decode` refuses them."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    return Image


def open_image(data: bytes) -> Any:
    """A Pillow image whose header is read and whose size is acceptable. Raises DataError without a path."""
    Image = pillow()
    if not data:
        raise DataError("the image file is empty (0 bytes)", place="byte 0", hint="fetch or copy it again.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large("hundreds of millions of pixels") from None
    except Exception:  # whatever a decoder makes of damaged bytes
        raise _not_an_image(data) from None
    if image.width * image.height > MAXIMUM_PIXELS:
        raise _too_large(f"{image.width} x {image.height} pixels")
    return image


def _not_an_image(data: bytes) -> DataError:
    kind = kind_of(data[:64])
    if kind.endswith("image"):
        return DataError("the image file is damaged or cut short", place="byte 0, the header",
                         body=(f"It begins as {kind}, but its header cannot be read.",), hint="fetch or copy it again.")
    return DataError("the file is not an image that I can read", place="byte 0", body=(f"It looks like {kind}.",),
                     hint="JPEG, PNG, BMP, WebP, PPM, GIF and TIFF are read.")


def _too_large(size: str) -> DataError:
    return DataError("the image is too large to be read", place="the header",
                     body=(f"Its header announces {size}; at most {MAXIMUM_PIXELS // 1_000_000} million pixels are "
                           "read, since a small damaged or malicious file can claim any size.",),
                     hint="scale the image down, or take it out of the data.")


def decode(data: bytes, grayscale: bool = False, least_side: float | None = None) -> np.ndarray:
    """The pixels, height x width x 3 (RGB) or x 1, uint8.

    `least_side`: the shorter side that suffices; a larger JPEG may be decoded at 1/2, 1/4 or 1/8 of
    its size. An orientation in the EXIF data is ignored, as CNTK and Caffe do; transparency is
    dropped; 16-bit channels keep their upper 8 bits. Raises DataError without a path.
    """
    image = open_image(data)
    color = "L" if grayscale else "RGB"
    try:
        if least_side is not None and image.format == "JPEG":
            scale = least_side / min(image.size)
            if scale <= 0.5:
                image.draft(color, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        image.load()
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError("the image file is damaged or cut short", place=f"within its {len(data):,} bytes",
                        body=(f"Decoding says: {str(error).rstrip('.')}.",), hint="fetch or copy it again.") from None
    return as_array(image, color)


def as_array(image: Any, color: str) -> np.ndarray:
    """A loaded Pillow image in the mode `L` or `RGB`, as height x width x channels."""
    # A PGM with 16 bits comes as 32-bit numbers, scaled to 16.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        pixels = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)[..., None]
        return pixels if color == "L" else np.repeat(pixels, 3, axis=2)
    if image.mode in ("I", "F"):
        raise DataError("the image has a colour depth that is not read", place="the header",
                        body=("It has 32 bits a channel; 1, 2, 4, 8 and 16 are read.",),
                        hint="save it with 8 bits a channel.")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # else Pillow warns and guesses
    if image.mode != color:
        image = image.convert(color)
    pixels = np.asarray(image)
    return pixels[..., None] if color == "L" else pixels


def decode_mask(data: bytes) -> np.ndarray:
    """A mask of class numbers, height x width x 1, uint8: grey values, or indices of a palette image."""
    image = open_image(data)
    if image.mode not in ("L", "P", "1"):
        raise DataError("a mask has to hold one class number for each pixel", place="the header",
                        body=(f"This image has the colour mode {image.mode}.",),
                        hint="save masks as 8-bit grey or palette PNG, the class number as the value.")
    try:
        image.load()
    except Exception as error:
        raise DataError("the mask file is damaged or cut short", place=f"within its {len(data):,} bytes",
                        body=(f"Decoding says: {error}.",), hint="fetch or copy it again.") from None
    return np.asarray(image, dtype=np.uint8)[..., None]


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
