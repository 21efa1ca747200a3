"""What the network sees, for people: samples as pictures, with the mean and scaling left out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.seeds import seed_for
from ..base.units import clip_while
from ..readers.formats.images import pillow
from ..readers.reader import DataError, Reader, SampleRng
from .image_grid import corner, image_grid

#: Pictures are enlarged by whole factors until their longer side has about so many pixels.
_SIDE = 96


@dataclass(frozen=True)
class Picture:
    """A sample as pixels, height x width x 3 or x 1, uint8, with what is known of it."""

    pixels: np.ndarray
    caption: str
    name: str = ""


@dataclass(frozen=True)
class ImageLayout:
    """How to make pictures of a reader's samples: which of its inputs, in which order of colours."""

    input: str
    labels: str | None
    bgr: bool
    class_names: tuple[str, ...]

    @staticmethod
    def at(reader: Reader, class_names: Sequence[str] = ()) -> ImageLayout:
        """Raises DataError where no input of the reader is an image."""
        described = reader.describe()
        images = [s for s in described.streams if s.classes is None and (s.dims is None or _like_image(s.dims))]
        if not images:
            shapes = ", ".join(f"{s.name}: {' x '.join(map(str, s.dims or ()))}" for s in described.streams)
            raise DataError("none of the reader's inputs is an image", body=(f"It delivers {shapes}.",))
        labels = next((s for s in described.streams if s.classes is not None and len(s.dims or ()) <= 1), None)
        names = tuple(class_names) or (labels.class_names if labels is not None else ())
        bgr = reader.color_order_of(images[0].name) == "BGR"
        return ImageLayout(images[0].name, labels.name if labels is not None else None, bgr, names)

    def caption(self, label: int | None) -> str:
        if label is None:
            return ""
        return self.class_names[label] if label < len(self.class_names) else f"class {label}"


def _like_image(dims: tuple[int, ...]) -> bool:
    return len(dims) == 3 and dims[2] in (1, 3) and min(dims[:2]) > 1


def pictures(reader: Reader, indices: Sequence[int], *, training: bool, seed: int = 0, epoch: int = 0,
             class_names: Sequence[str] = ()) -> list[Picture]:
    """Samples as pictures; of a sample with several views, the first. Raises DataError."""
    shown = reader.for_viewing()
    dataset = shown.open(training)
    try:
        look = ImageLayout.at(shown, tuple(class_names) or dataset.class_names)
        batch = dataset.batch(list(indices), SampleRng(seed, epoch))
    finally:
        dataset.close()
    images = np.asarray(batch.arrays[look.input])
    labels = batch.arrays.get(look.labels) if look.labels is not None else None
    return [Picture(as_pixels(image[0] if image.ndim == 4 else image, look.bgr),
                    look.caption(int(labels[row]) if labels is not None and labels.ndim == 1 else None),
                    batch.names[row] if batch.names else f"sample {indices[row]}")
            for row, image in enumerate(images)]


def as_pixels(image: np.ndarray, bgr: bool = False) -> np.ndarray:
    """Channels first, any numbers -> height x width x channels, uint8.

    Values within 0..255 are taken as they are; others are stretched so that the least is black and
    the greatest white.
    """
    image = np.moveaxis(image, 0, -1)
    if image.dtype != np.uint8:
        image = image.astype(np.float64)
        low, high = float(image.min()), float(image.max())
        if low < -0.5 or high > 255.5 or high <= 1.0:
            image = (image - low) * (255 / (high - low) if high > low else 0)
        image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return image[..., ::-1] if bgr and image.shape[-1] == 3 else image


def chosen(count: int, wanted: int, seed: int) -> list[int]:
    """Indices of `wanted` samples out of `count`, drawn by the seed."""
    random = np.random.Generator(np.random.PCG64(seed_for(seed, "sheet")))
    return [int(index) for index in random.permutation(count)[:wanted]]


def png_of(pixels: np.ndarray) -> bytes:
    """Pixels as a PNG file."""
    buffer = io.BytesIO()
    _image(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _image(pixels: np.ndarray) -> Any:
    plain = np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return pillow().fromarray(plain)


def contact_sheet(shown: Sequence[Picture], title: str = "") -> bytes:
    """All pictures on a sheet, each with its caption, as a PNG file."""
    Image = pillow()
    from PIL import ImageDraw, ImageFont

    height, width = (max(p.pixels.shape[axis] for p in shown) for axis in (0, 1))
    zoom = max(1, round(_SIDE / max(height, width)))
    cell = height * zoom + 28, max(width * zoom, 64) + 12
    columns = max(1, min(len(shown), round((len(shown) * cell[0] * 1.6 / cell[1]) ** 0.5)))
    grid = image_grid([p.pixels.repeat(zoom, axis=0).repeat(zoom, axis=1) for p in shown], columns, cell)
    top, left = 34 if title else 8, 12
    sheet = Image.new("RGB", (grid.shape[1] + left, grid.shape[0] + top + 4), "#ffffff")
    sheet.paste(_image(grid).convert("RGB"), (left, top))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    draw.text((left, 10), _fitting(title, draw, ImageFont.load_default(14), sheet.width - 20), fill="#1f2933",
              font=ImageFont.load_default(14))
    for number, picture in enumerate(shown):
        y, x = corner(number, columns, cell)
        caption = _fitting(picture.caption, draw, font, cell[1] - 12)
        draw.text((left + x, top + y + picture.pixels.shape[0] * zoom + 4), caption, fill="#52606d", font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _fitting(text: str, draw: Any, font: Any, width: float) -> str:
    """The text, cut at its end if it is wider."""
    shown = text.encode("latin-1", "replace").decode("latin-1")
    return clip_while(lambda piece: draw.textlength(piece, font=font) > width, shown)
