"""Kinds of image files by suffix: those that are read, those that people have and that are not, and the rest."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

#: What Pillow is allowed to recognise, and the suffixes of such files: every reader of image files reads all of them.
#: Pillow's rarer decoders are no use here and a larger target.
FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png",), "BMP": (".bmp",), "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "GIF": (".gif",), "TIFF": (".tif", ".tiff"),
}
SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)


@dataclass(frozen=True)
class Unread:
    """A format of images that people have and that is not read."""

    kind: str  #: as `kind_of` calls it
    suffixes: tuple[str, ...]
    suggestion: str


_CONVERT = "convert the files to PNG or JPEG, for example with ImageMagick: `magick mogrify -format png *{}`."
UNREAD = (
    Unread("a HEIC image", (".heic", ".heif", ".hif"),
           "convert the photos to JPEG, for example with ImageMagick: `magick mogrify -format jpg *.heic`; an iPhone "
           "takes JPEG with Settings > Camera > Formats > Most Compatible."),
    Unread("an AVIF image", (".avif",), _CONVERT.format(".avif")),
    Unread("a JPEG XL image", (".jxl",), _CONVERT.format(".jxl")),
    Unread("a JPEG 2000 image", (".jp2", ".j2k", ".jpx"), _CONVERT.format(".jp2")),
    Unread("a Photoshop image", (".psd",), _CONVERT.format(".psd")),
    Unread("an SVG drawing", (".svg",), _CONVERT.format(".svg")),
    Unread("an OpenEXR image", (".exr",), _CONVERT.format(".exr")),
    Unread("a DICOM image", (".dcm",), "convert the files to PNG of 16 bits, for example with `dcm2img`."),
    Unread("a raw photo", (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
           "develop the raw photos to JPEG or PNG first, for example with `darktable-cli`."),
)
#: Suffixes of files that often lie beside images and are no images.
_COMPANIONS = frozenset((".txt", ".md", ".xml", ".json", ".csv", ".tsv", ".db", ".ini", ".log", ".html", ".pdf",
                         ".yaml", ".yml", ".py", ".zip", ".mat", ".npy"))
#: So many suffixes are listed.
_LISTED = 6


@dataclass
class SkippedFiles:
    """Files that a search for images does not take, counted by suffix."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, path: str) -> None:
        self.counts[os.path.splitext(path)[1].lower()] += 1

    def __str__(self) -> str:
        total = sum(self.counts.values())
        listed = [f"{suffix or 'without a suffix'} ({count:,})" for suffix, count in self.counts.most_common(_LISTED)]
        if len(self.counts) > _LISTED:
            listed.append("...")
        return f"{total:,} {'file is' if total == 1 else 'files are'} skipped: {', '.join(listed)}"

    @property
    def surprising(self) -> bool:
        """Whether some of them may be meant as images."""
        return any(suffix not in _COMPANIONS for suffix in self.counts)

    @property
    def suggestion(self) -> str:
        """What to do about them."""
        for row in UNREAD:
            if any(suffix in self.counts for suffix in row.suffixes):
                return row.suggestion
        return f"images are the files {', '.join(SUFFIXES)}, in any case; convert or rename what is meant as one."
