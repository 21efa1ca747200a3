"""Known data in every format: for each reader row a use of it and the arrays it has to deliver."""

from __future__ import annotations

import base64
import gzip
import io
import lzma
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datum_writer import datum, write_database
from PIL import Image

from netdsl.readers import READERS
from netdsl.readers.formats.ctf import TextInput
from netdsl.readers.reader import Reader

COUNT = 7


@dataclass(frozen=True)
class Known:
    reader: Reader
    expected: dict[str, np.ndarray]


def random_bytes(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Height x width x 3, or height x width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")


def write_idx(path: Path, array: np.ndarray, code: int = 8) -> None:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(array.dtype.newbyteorder(">")).tobytes())


def _labels(count: int = COUNT, classes: int = 3) -> np.ndarray:
    return np.arange(count, dtype=np.int64) % classes


def image_folder(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 6, 8, 3), np.sort(_labels())
    names = ["cat", "dog", "emu"]
    suffixes = [".png", ".PNG", ".bmp", ".ppm", ".Bmp", ".webp", ".png"]
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "set" / names[label] / ("deep" if index == 1 else ".") / f"{index:02d}{suffixes[index]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = {"lossless": True} if suffixes[index] == ".webp" else {}
        Image.fromarray(image).save(path, **more)
    (folder / "set" / "cat" / "notes.txt").write_text("not an image")
    (folder / "set" / "cat" / ".hidden.png").write_bytes(b"not an image")
    order = sorted(range(COUNT), key=lambda k: (labels[k], "deep/01" if k == 1 else f"{k:02d}"))
    return Known(READERS["ImageFolder"](folder=str(folder / "set")),
                 {"features": images[order].transpose(0, 3, 1, 2), "labels": labels[order]})


def map_file(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 5, 4, 3), _labels()
    lines = []
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for index, image in enumerate(images):
            save_png(folder / f"i {index}.png", image)
            if index % 2:
                archive.write(folder / f"i {index}.png", f"inner/{index}.png")
                lines.append(f"{folder}/images.zip@/inner/{index}.png\t{labels[index]}")
            else:
                lines.append(f".../i {index}.png\t{labels[index]}")
    (folder / "map.txt").write_text("\n".join(lines) + "\n\n")
    return Known(READERS["MapFile"](file=str(folder / "map.txt"), label_dim=3),
                 {"features": images.transpose(0, 3, 1, 2), "labels": labels})


def base64_images(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 5, 4, 3), _labels()
    with open(folder / "images.b64", "wb") as stream:
        for index, image in enumerate(images):
            png = io.BytesIO()
            Image.fromarray(image).save(png, format="PNG")
            stream.write(b"%d\t%d\t%s\n" % (100 + index, labels[index], base64.b64encode(png.getvalue())))
    return Known(READERS["Base64Images"](file=str(folder / "images.b64")),
                 {"features": images.transpose(0, 3, 1, 2), "labels": labels})


def image_masks(folder: Path) -> Known:
    images = random_bytes(COUNT, 6, 8, 3)
    masks = random_bytes(COUNT, 6, 8, seed=2) % 4
    masks[:, 0, 0] = 255
    for index in range(COUNT):
        save_png(folder / "images" / f"{index}.png", images[index])
        save_png(folder / "masks" / f"{index}.png", masks[index])
    wanted = np.where(masks == 255, -100, masks.astype(np.int64))
    return Known(READERS["ImageMasks"](images=str(folder / "images"), masks=str(folder / "masks"), classes=4),
                 {"features": images.transpose(0, 3, 1, 2), "labels": wanted})


def idx(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 6, 8), _labels()
    write_idx(folder / "images-idx3-ubyte", images)
    write_idx(folder / "labels-idx1-ubyte", labels.astype(np.uint8))
    packed = folder / "images-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress((folder / "images-idx3-ubyte").read_bytes()))
    (folder / "images-idx3-ubyte").unlink()
    return Known(READERS["IDX"](images=str(folder / "images-idx3-ubyte"), labels=str(folder / "labels-idx1-ubyte.gz")),
                 {"features": images[:, None], "labels": labels})


def cifar10(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 3, 32, 32), _labels(classes=10)
    records = np.concatenate([labels.astype(np.uint8)[:, None], images.reshape(COUNT, -1)], axis=1)
    (folder / "a.bin").write_bytes(records[:4].tobytes())
    (folder / "b.bin.xz").write_bytes(lzma.compress(records[4:].tobytes()))
    return Known(READERS["CIFAR10"](files=(str(folder / "a.bin"), str(folder / "b.bin"))),
                 {"features": images, "labels": labels})


def cifar100(folder: Path) -> Known:
    images, fine = random_bytes(COUNT, 3, 32, 32), _labels(classes=100) * 14
    records = np.concatenate([(fine // 5).astype(np.uint8)[:, None], fine.astype(np.uint8)[:, None],
                              images.reshape(COUNT, -1)], axis=1)
    (folder / "train.bin").write_bytes(records.tobytes())
    return Known(READERS["CIFAR100"](files=(str(folder / "train.bin"),)), {"features": images, "labels": fine})


def cifar10_python(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 3, 32, 32), _labels(classes=10)
    batch = {b"data": images.reshape(COUNT, -1), b"labels": labels.tolist(), b"batch_label": b"training batch 1 of 5",
             b"filenames": [b"a.png"] * COUNT}
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    return Known(READERS["CIFAR10Python"](files=(str(folder / "data_batch_1"),)),
                 {"features": images, "labels": labels})


def cntk_text(folder: Path) -> Known:
    features = np.random.default_rng(3).normal(size=(COUNT, 6)).astype(np.float32)
    labels = np.eye(4, dtype=np.float32)[_labels(classes=4)]
    lines = [f"{k} |x {' '.join(repr(float(v)) for v in features[k])} |# a comment |# with a pipe |other 1 "
             f"|y {int(labels[k].argmax())}:1" for k in range(COUNT)]
    (folder / "data.ctf").write_text("\n".join(lines))
    sections = (TextInput(input="features", alias="x", dim=(3, 2)),
                TextInput(input="labels", alias="y", dim=(4,), format="sparse"))
    return Known(READERS["CNTKText"](file=str(folder / "data.ctf"), input=sections),
                 {"features": features.reshape(COUNT, 2, 3), "labels": labels})


def csv_file(folder: Path) -> Known:
    features = np.random.default_rng(3).normal(size=(COUNT, 2)).astype(np.float32)
    names, labels = ["ant", "bee", "cow"], _labels()
    rows = [f'{float(a)!r},"{names[k]}", {float(b)!r},{index / 10}'
            for index, ((a, b), k) in enumerate(zip(features, labels, strict=True))]
    (folder / "t.csv").write_text("width,kind,height,trust\n" + "\n".join(rows) + "\n")
    return Known(READERS["CSV"](file=str(folder / "t.csv"), labels=("kind",), weights="trust"),
                 {"features": features, "labels": labels,
                  "weights": (np.arange(COUNT) / 10).astype(np.float32)[:, None]})


def numpy_file(folder: Path) -> Known:
    images, targets = random_bytes(COUNT, 3, 6, 8), np.random.default_rng(0).normal(size=(COUNT, 2))
    np.savez_compressed(folder / "d.npz", x=images, y=targets)
    return Known(READERS["NumPy"](features="x", labels="y", file=str(folder / "d.npz")),
                 {"features": images, "labels": targets.astype(np.float32)})


def joined(folder: Path) -> Known:
    left, right = random_bytes(COUNT, 5), np.random.default_rng(0).normal(size=(COUNT, 2)).astype(np.float32)
    np.save(folder / "left.npy", left)
    np.save(folder / "right.npy", right)
    np.save(folder / "y.npy", _labels())
    make = READERS["NumPy"]
    readers = (make(features=str(folder / "left.npy"), labels=str(folder / "y.npy"), features_input="left"),
               make(features=str(folder / "right.npy"), labels=str(folder / "y.npy"), features_input="right",
                    labels_input="again"))
    return Known(READERS["Joined"](readers=readers), {"left": left.astype(np.float32), "right": right,
                                                      "labels": _labels(), "again": _labels()})


def synthetic(folder: Path) -> Known:
    reader = READERS["Synthetic"](dims=(4, 3, 2), classes=3, count=COUNT)
    # There is no other source for its values; that they can be learned has a test of its own.
    return Known(reader, {"labels": _labels()})


def lmdb_images(folder: Path) -> Known:
    images, labels = random_bytes(COUNT, 3, 6, 8), _labels()
    path = write_database(folder / "set_lmdb", [datum(image, int(label)) for image, label in zip(images, labels,
                                                                                            strict=True)])
    reader = READERS["LMDB"](file=str(path), label_dim=3)  # type: ignore[call-arg]
    return Known(reader, {"features": images[:, ::-1], "labels": labels})


KNOWN: dict[str, Callable[[Path], Known]] = {
    "ImageFolder": image_folder, "MapFile": map_file, "Base64Images": base64_images, "ImageMasks": image_masks,
    "LMDB": lmdb_images, "IDX": idx, "CIFAR10": cifar10, "CIFAR100": cifar100, "CIFAR10Python": cifar10_python,
    "CNTKText": cntk_text, "CSV": csv_file, "NumPy": numpy_file, "Joined": joined, "Synthetic": synthetic,
}
