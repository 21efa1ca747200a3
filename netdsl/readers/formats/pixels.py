"""Image files -> pixels: depth, transparency, colour modes and orientation, the same for every reader.

Pixels are on the scale 0..255, whatever the file's. Files of 8 bits or less give uint8; files of more
give float32 with fractions, so that no bit is lost: 16 bits hold 65536 values, and float32 keeps all.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

from ..arrays import np
from ..reader import DataError
from .images import open_image, pillow

#: The EXIF tag that says how the camera was held.
_ORIENTATION = 0x0112
#: TIFF's tag of the bits of a sample.
_BITS = 258
#: What stands in Pillow's name of a raw mode for 16 bits a channel, and for the same bytes the other way round.
_SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
_LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Decoding:
    """What a reader wants of the files' pixels."""

    grayscale: bool = False
    #: What lies under transparent pixels: red, green, blue, 0..255.
    background: tuple[float, float, float] = (255.0, 255.0, 255.0)
    #: The stored values that become 0 and 255, for files of more than 8 bits; None: what the format says.
    value_range: tuple[float, float] | None = None
    #: Whether photos are turned as their EXIF data say.
    turned: bool = False


PLAIN = Decoding()


def orientation_of(image: Any) -> int:
    """How an image has to be turned to be upright, 1 to 8 as EXIF counts; 1: it is. TIFF is turned by Pillow."""
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data say nothing
        return 1
    return found if found in range(1, 9) else 1


def upright_size(image: Any, how: Decoding) -> tuple[int, int]:
    """Width and height as the image comes out."""
    width, height = image.size
    return (height, width) if how.turned and orientation_of(image) >= 5 else (width, height)


def depth_of(image: Any) -> str:
    """What an image of more than 8 bits a channel holds, by its header: `16-bit`, `floating-point`; else empty."""
    if image.mode == "F":
        return "floating-point"
    if image.mode == "I" and image.format not in ("PPM", "PNG"):
        return "32-bit"
    return "16-bit" if image.mode.startswith("I") or _deep_color(image) is not None else ""


def decode(data: bytes, how: Decoding = PLAIN, least_side: float | None = None) -> np.ndarray:
    """The pixels, height x width x 3 (RGB) or x 1, 0..255: uint8, or float32 for files of more than 8 bits.

    `least_side`: the shorter side that suffices; a larger JPEG may be decoded at 1/2, 1/4 or 1/8 of
    its size. Raises DataError without a path.
    """
    image = open_image(data)
    color = "L" if how.grayscale else "RGB"
    deep, stored_as = _deep_color(image), _tile(image)
    try:
        if least_side is not None and image.format in ("JPEG", "MPO"):
            scale = least_side / min(image.size)
            if scale <= 0.5:
                image.draft(color, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        image.load()
        deep_pixels = _both_bytes(image, data, deep) if deep is not None else None
    except DataError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise _damaged("image", data, error) from None
    if deep_pixels is not None:
        pixels = _from_deep_color(*deep_pixels, image.info.get("transparency"), how)
    elif image.mode.startswith(("I", "F")):
        pixels = _from_deep_gray(image, stored_as, how)
    else:
        pixels = _from_bytes(image, how)
    return turned(pixels, orientation_of(image)) if how.turned else pixels


def decode_mask(data: bytes, how: Decoding = PLAIN) -> np.ndarray:
    """A mask of class numbers, height x width x 1, uint8: grey values, or indices of a palette image."""
    image = open_image(data)
    if image.mode not in ("L", "P", "1") and not image.mode.startswith("I"):
        raise DataError("a mask has to hold one class number for each pixel", place="the header",
                        body=(f"This image has the colour mode {image.mode}.",),
                        hint="save masks as 8-bit grey or palette PNG, the class number as the value.")
    try:
        image.load()
        numbers = np.asarray(image)
    except Exception as error:
        raise _damaged("mask", data, error) from None
    if numbers.dtype.itemsize > 1 and (numbers.min() < 0 or numbers.max() > 255):
        wrong = int(numbers.max() if numbers.max() > 255 else numbers.min())
        raise DataError(f"the mask holds the number {wrong}, and class numbers are 0 to 255",
                        hint="write the class number of each pixel, 255 where it has none.")
    mask = numbers.astype(np.uint8)[..., None]
    return turned(mask, orientation_of(image)) if how.turned else mask


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels, height x width x channels, turned upright by EXIF's number of how they are stored."""
    if orientation == 1:
        return pixels
    if orientation >= 5:  # rows are columns
        pixels = pixels.transpose(1, 0, 2)
    down = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    across = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[down, across])


def _damaged(what: str, data: bytes, error: Exception) -> DataError:
    return DataError(f"the {what} file is damaged or cut short", place=f"within its {len(data):,} bytes",
                     body=(f"Decoding says: {str(error).rstrip('.')}.",), hint="fetch or copy it again.")


# --- 8 bits or less -------------------------------------------------------------------------------------


def _from_bytes(image: Any, how: Decoding) -> np.ndarray:
    try:
        if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
            image = _over(image.convert("RGBA"), how.background)
        if image.mode == "LAB":  # Pillow has no way from here to grey
            image = image.convert("RGB")
        color = "L" if how.grayscale else "RGB"
        if image.mode != color:
            image = image.convert(color)
    except ValueError:
        raise DataError(f"the colours of the image are of the kind {image.mode}, which is not read",
                        place="the header", hint="save it as RGB.") from None
    pixels = np.asarray(image)
    return pixels[..., None] if how.grayscale else pixels


def _over(image: Any, background: tuple[float, float, float]) -> Any:
    """An RGBA image laid over a colour: an RGB image."""
    pixels = np.asarray(image)
    alpha = pixels[..., 3:].astype(np.float32) / 255
    mixed = pixels[..., :3] * alpha + np.asarray(background, np.float32) * (1 - alpha)
    return pillow().fromarray(np.rint(mixed).astype(np.uint8))


# --- more than 8 bits -----------------------------------------------------------------------------------


def _tile(image: Any) -> tuple[str, Any]:
    """The codec of the file's pixels and what it is told, before they are loaded."""
    first = image.tile[0] if image.tile else ("", None, 0, None)
    return first[0], first[3]


def _from_deep_gray(image: Any, stored_as: tuple[str, Any], how: Decoding) -> np.ndarray:
    values: np.ndarray = np.asarray(image).astype(np.float64)
    most: float | None = 65535.0
    if image.format == "PPM" and image.mode == "I":  # Pillow stretches what the file says to 16 bits
        most = float(stored_as[1][1]) if stored_as[0].startswith("ppm") else 65535.0
        values = np.rint(values * (most / 65535))
    elif image.format == "TIFF":
        bits = image.tag_v2.get(_BITS, (16,))[0]
        most = 2.0**bits - 1 if image.mode.startswith("I;16") else None
    elif image.mode == "F":
        most = None
    gray = _scaled(values, how.value_range or ((0.0, most) if most is not None else None), depth_of(image) or "16-bit")
    key = image.info.get("transparency")
    if isinstance(key, int):
        gray = np.where(values == key, np.float32(np.dot(how.background, _LUMINANCE)), gray)
    return np.repeat(gray[..., None], 1 if how.grayscale else 3, axis=2)


def _scaled(values: np.ndarray, value_range: tuple[float, float] | None, depth: str) -> np.ndarray:
    """Stored values on the scale 0..255, float32. Raises DataError for values that are not on it."""
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise DataError("the image has values that are no finite numbers", hint="write the image without NaN and Inf.")
    low, high = float(values.min()), float(values.max())
    if value_range is None:
        raise DataError(f"nothing says which of the image's {depth} numbers are black and white",
                        option="valueRange", body=(f"Its values are {low:.6g} to {high:.6g}.",),
                        hint="say which stored values become 0 and 255: `valueRange = "
                             f"{':'.join(f'{value:.6g}' for value in proposed_range(low, high))}`.")
    if low < value_range[0] or high > value_range[1]:
        wrong = high if high > value_range[1] else low
        raise DataError(f"the image has the value {wrong:.6g}, outside of `valueRange`", option="valueRange",
                        body=(f"Its values are {low:.6g} to {high:.6g}, and {value_range[0]:g} to {value_range[1]:g} "
                              "are read as 0 to 255.",), hint="widen `valueRange`; values are never cut off silently.")
    return ((values - value_range[0]) * (255 / (value_range[1] - value_range[0]))).astype(np.float32)


def proposed_range(low: float, high: float) -> tuple[float, float]:
    """What to take for `valueRange` where the values are these: 0:1 for shares, else the next whole number of bits."""
    start = 0.0 if low >= 0 else low
    if high <= 1:
        return start, 1.0
    return start, next((float(2**bits - 1) for bits in (8, 10, 12, 14, 16) if high <= 2**bits - 1), high)


def unscaled_values(data: bytes) -> tuple[float, float] | None:
    """The smallest and largest value of an image that needs a `valueRange`; None for others, and for bad ones."""
    try:
        image = open_image(data)
        if depth_of(image) in ("", "16-bit"):
            return None
        values = np.asarray(image)
        return float(values.min()), float(values.max())
    except Exception:  # whoever decodes it says what is wrong
        return None


def _deep_color(image: Any) -> str | None:
    """How colours of 16 bits a channel are stored, before the image is loaded; None: 8 bits, or grey."""
    codec, told = _tile(image)
    raw = told[0] if isinstance(told, tuple) and told else told
    if image.mode.startswith(("I", "F")) or not isinstance(raw, str):
        return None
    if codec.startswith("ppm"):
        return "ppm" if told[1] > 255 else None
    return raw if ";16" in raw else None


def _both_bytes(image: Any, data: bytes, raw: str) -> tuple[np.ndarray, int | None]:
    """A colour image whose channels have 16 bits, and its largest value if the file says one.

    Pillow decodes such files and then keeps the upper byte of each number. Asked for the other order of
    bytes it keeps the lower ones; the two together are what the file holds.
    """
    if raw == "ppm":
        return _ppm_numbers(data)
    kind, order = raw.partition(";")[0], raw[raw.index(";") :]
    again = open_image(data)
    if raw == "LA;16B":  # as many bytes as RGBA has: grey and alpha, the upper byte of each first
        _retile(again, "RGBA")
        grey_and_alpha = np.asarray(again).astype(np.uint16)
        both = grey_and_alpha[..., 0::2] << 8 | grey_and_alpha[..., 1::2]
        return both[..., (0, 0, 0, 1)], None
    if kind not in ("RGB", "RGBA") or order not in _SWAPPED:
        raise DataError(f"16 bits a channel are not read of colours stored as {raw.split(';')[0]}",
                        place="the header", hint="save it as RGB, or with 8 bits a channel.")
    _retile(again, kind + _SWAPPED[order])
    return np.asarray(image).astype(np.uint16) << 8 | np.asarray(again), None


def _retile(image: Any, raw: str) -> None:
    """Let the file's bytes be taken for another raw mode when the image is loaded."""
    codec, extents, offset, told = image.tile[0]
    args = (raw, *told[1:]) if isinstance(told, tuple) else raw
    tile = (codec, extents, offset, args)
    kind = type(image.tile[0])  # a plain tuple before Pillow 11
    image.tile = [tile if kind is tuple else kind(*tile)]


def _ppm_numbers(data: bytes) -> tuple[np.ndarray, int]:
    """The numbers of a PPM file whose colours have more than 8 bits, binary (P6) or written out (P3)."""
    words: list[bytes] = []
    position = 0
    while len(words) < 4:
        end = position
        while data[end : end + 1].strip():
            end += 1
        if data[position : position + 1] == b"#":
            end = data.index(b"\n", position)
        elif end > position:
            words.append(data[position:end])
        position = max(end, position) + (end == position)
    width, height, most = (int(word) for word in words[1:])
    if words[0] == b"P6":
        numbers = np.frombuffer(data, ">u2", width * height * 3, position + 1)
    else:
        numbers = np.array(data[position:].split()[: width * height * 3], dtype=np.uint16)
    return numbers.reshape(height, width, 3).astype(np.uint16), most


def _from_deep_color(values: np.ndarray, most: int | None, key: Any, how: Decoding) -> np.ndarray:
    """Colours of 16 bits, with alpha or not, on the scale 0..255. `key`: the colour that is transparent, if one is."""
    pixels = _scaled(values[..., :3], how.value_range or (0.0, float(most or 65535)), "16-bit")
    below = np.asarray(how.background, np.float32)
    if values.shape[-1] == 4:
        alpha = (values[..., 3:] / 65535).astype(np.float32)
        pixels = pixels * alpha + below * (1 - alpha)
    if isinstance(key, tuple):
        pixels = np.where((values[..., :3] == key).all(axis=2, keepdims=True), below, pixels)
    return pixels @ np.array(_LUMINANCE, np.float32)[:, None] if how.grayscale else pixels
