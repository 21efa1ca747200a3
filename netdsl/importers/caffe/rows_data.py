"""Rows for layers that bring data: what they say of the shapes of their blobs; reading them is the reader's part."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ...base.codes import Code
from ...base.units import plural
from ...readers.formats.lmdb_images import LMDB
from ...readers.reader import DataError
from ...syntax import ast
from .data_source import TRANSFORM, DataSource, found_path
from .known_fields import Known, Problems, choice, flag, number, read_fields, text, unused, whole
from .known_fields import message as known_message
from .layer_row import Extents, LayerRow, Translation, Untranslated
from .prototext import Message, Scalar

#: Part of a database's name -> the data that Caffe's examples mean by it, and the extents of their images.
KNOWN_SETS: dict[str, tuple[str, Extents]] = {
    "siamese": ("pairs of MNIST's digits", (2, 28, 28)), "mnist": ("MNIST", (1, 28, 28)),
    "cifar": ("CIFAR", (3, 32, 32))}


class DataRow(LayerRow):
    """A layer without bottoms whose tops are inputs of the network."""

    role = "data"
    inputs, tops = (0, 0), (1, 1000)

    def image(self, use: Translation) -> Extents | None:
        """The extents of the first top, None where the file does not say."""
        return None

    def batch(self, use: Translation) -> int:
        """The samples of a minibatch, of training where the phases differ; 0 where the file does not say."""
        layer = use.others.get("TRAIN", use.layer)
        if "batch_size" not in self.fields or layer.type not in self.types:
            return 0
        values = read_fields(layer.parameter(self.message), self.fields, "", layer.span, Problems([], []))
        return int(values["batch_size"] or 0)

    def reader(self, source: DataSource) -> ast.Expression | None:
        """The reader that gives the same samples; None where there is none, which may be among the problems."""
        return None

    def shapes(self, use: Translation) -> Sequence[Extents]:
        found = []
        for index, (name, span) in enumerate(use.layer.tops):
            shape = use.given_shapes.get(name, self.image(use) if index == 0 else ())
            if shape is None:
                use.problems.add(
                    Code.MISSING_OPTION, f"the size of `{name}` is not said", span, "it is known only from the data",
                    hint=f"say it behind the file's name, width first: `{name}=28:28:1`.")
                raise Untranslated
            found.append(shape)
        return found

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.make("Input", use.dims(shape)) for shape in self.shapes(use)]

    def transformed(self, use: Translation, height: int, width: int, channels: int) -> Extents | None:
        """The extents behind `transform_param`; zeros where they are not known."""
        values = read_fields(use.layer.transform, TRANSFORM, "`transform_param`", use.layer.span, use.problems)
        crop = values["crop_size"]
        if not crop and not (height and width):
            return None
        if values["force_color"] or values["force_gray"]:
            channels = 3 if values["force_color"] else 1
        if not channels:
            means = len(values["mean_value"])
            channels = means if means > 1 else 3
            if means <= 1:
                use.problems.add(Code.DOUBTFUL, "how many channels the images have is not said", use.layer.span,
                                 "they are taken as colour images, of 3", severity="note",
                                 hint=f"say it behind the file's name: `{use.layer.tops[0][0]}={crop}:{crop}:1`.")
        return (channels, crop, crop) if crop else (channels, height, width)


class Input(DataRow):
    types, message = ("Input",), "input_param"
    fields: ClassVar[Mapping[str, Known]] = {"shape": known_message()}
    becomes = "Input"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        given = use.layer.parameter(self.message).all("shape")
        messages = [f.value for f in given if isinstance(f.value, Message)]
        count = len(use.layer.tops)
        if len(messages) not in (1, count):
            what = "no shape" if not messages else plural(len(messages), "shape")
            use.refuse(Code.MISSING_OPTION, f"{what} for {plural(count, 'input')}", "shape",
                       label="the shape is not said",
                       hint="`input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } }`.")
        found = [tuple(use.dims_in(shape)[1:]) for shape in messages] * (count if len(messages) == 1 else 1)
        return [use.given_shapes.get(name, shape)
                for (name, _), shape in zip(use.layer.tops, found, strict=True)]

    def batch(self, use: Translation) -> int:
        """The samples of a minibatch that the file states."""
        for shape in use.layer.parameter(self.message).messages("shape"):
            for f in shape.all("dim"):
                return int(float(f.value.value)) if isinstance(f.value, Scalar) and f.value.is_whole else 0
        return 0


class Data(DataRow):
    types, message = ("Data",), "data_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "source": text(), "batch_size": whole(0), "rand_skip": unused("whole"), "backend": choice("LEVELDB", "LMDB"),
        "scale": number(1.0), "mean_file": text(), "crop_size": whole(0), "mirror": flag(False),
        "force_encoded_color": flag(False), "prefetch": unused("whole")}
    becomes = "Input"

    def image(self, use: Translation) -> Extents | None:
        stored = stored_extents(found_path(use.values["source"], use.layer.span.source.name))
        if use.values["force_encoded_color"]:
            stored = (3, *stored[1:])
        if not stored[1] and not use.values["crop_size"] and not use.layer.transform.all("crop_size"):
            stored = self._by_name(use) or stored
        return self.transformed(use, stored[1], stored[2], stored[0])

    def _by_name(self, use: Translation) -> Extents | None:
        """The extents of a well-known set, where the database is not there and its name says which one it is."""
        name = use.values["source"].lower()
        known = next((key for key in KNOWN_SETS if key in name), None)
        if known is None:
            return None
        what, extents = KNOWN_SETS[known]
        title, span = f"the database `{use.values['source']}` is not there", use.place("source")
        if not any(told.title == title for told in use.problems.diagnostics):
            width_first = ":".join(str(extent) for extent in reversed(extents))
            use.problems.add(Code.DOUBTFUL, title, span, f"its name says {what}: images of {width_first} are taken",
                             severity="warning",
                             hint=f"say it behind the file's name if it is not: `{use.layer.tops[0][0]}=28:28:1`.")
        return extents

    def reader(self, source: DataSource) -> ast.Expression | None:
        if source.values["backend"] == "LEVELDB" and "backend" in source.values:
            source.left_out("they are in a LevelDB, which netdsl does not read",
                            "make an LMDB of them: `convert_imageset -backend lmdb`.")
            return None
        given: dict[str, object] = {"labelDim": source.classes} if source.classes else {}
        if source.transform["force_gray"]:
            given["grayscale"] = True
        return source.build.make("LMDB", source.path("source"), **given, **source.color(), **source.transforms(),
                                 **source.names(), **({"randomize": False} if source.is_training else {}))


class ImageData(DataRow):
    types, message = ("ImageData",), "image_data_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "source": text(), "batch_size": whole(1), "rand_skip": unused("whole"), "shuffle": flag(False),
        "new_height": whole(0), "new_width": whole(0), "is_color": flag(True), "scale": number(1.0),
        "mean_file": text(), "crop_size": whole(0), "mirror": flag(False), "root_folder": text()}
    becomes = "Input"

    def image(self, use: Translation) -> Extents | None:
        return self.transformed(use, use.values["new_height"], use.values["new_width"],
                                3 if use.values["is_color"] else 1)

    def reader(self, source: DataSource) -> ast.Expression | None:
        values = source.values
        given: dict[str, object] = {}
        if values["root_folder"]:
            given["rootFolder"] = found_path(values["root_folder"], source.layer.span.source.name)
        if len(source.inputs) > 1:
            given |= {"labelDim": source.classes} if source.classes else {"targets": "numbers"}
        if not values["is_color"] or source.transform["force_gray"]:
            given["grayscale"] = True
        size = [source.build.value(values[name]) for name in ("new_width", "new_height")]
        first = [source.build.make("Scale", ast.List(tuple(size), source.build.span))] if values["new_height"] else []
        order = {"randomize": False} if source.is_training and not values["shuffle"] else {}
        return source.build.make("MapFile", source.path("source"), **given, **source.color(),
                                 **source.transforms(first), **source.names(), **order)


class WindowData(DataRow):
    types, message = ("WindowData",), "window_data_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "source": text(), "scale": number(1.0), "mean_file": text(), "batch_size": whole(0), "crop_size": whole(0),
        "mirror": flag(False), "fg_threshold": number(0.5), "bg_threshold": number(0.5), "fg_fraction": number(0.25),
        "context_pad": whole(0), "crop_mode": text("warp"), "cache_images": unused("flag"), "root_folder": text()}
    becomes = "Input"
    state = "mended"
    remark = "the net can be checked and its weights used; the data cannot be read"

    def reader(self, source: DataSource) -> ast.Expression | None:
        source.left_out("windows of images are not read")
        return None

    def image(self, use: Translation) -> Extents | None:
        return self.transformed(use, 0, 0, 3)


class MemoryData(DataRow):
    types, message = ("MemoryData",), "memory_data_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "batch_size": whole(0), "channels": whole(0), "height": whole(0), "width": whole(0)}
    becomes = "Input"

    def image(self, use: Translation) -> Extents | None:
        shape = tuple(use.values[name] for name in ("channels", "height", "width"))
        return shape if all(shape) else None


class HDF5Data(DataRow):
    types, message = ("HDF5Data",), "hdf5_data_param"
    fields: ClassVar[Mapping[str, Known]] = {"source": text(), "batch_size": whole(0), "shuffle": flag(False)}
    becomes = "Input"
    state = "mended"
    remark = "the net can be checked and its weights used; the data cannot be read"

    def reader(self, source: DataSource) -> ast.Expression | None:
        source.left_out("HDF5 is not read", "save the arrays with NumPy, and read them with `NumPy {...}`.")
        return None


class DummyData(DataRow):
    types, message = ("DummyData",), "dummy_data_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "data_filler": known_message(repeated=True), "shape": known_message(repeated=True),
        "num": whole(repeated=True), "channels": whole(repeated=True), "height": whole(repeated=True),
        "width": whole(repeated=True)}
    becomes = "Input"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        values, count = use.values, len(use.layer.tops)
        found = [tuple(use.dims_in(shape)[1:]) for shape in values["shape"]]
        if not found:
            found = list(zip(values["channels"], values["height"], values["width"], strict=False))
        if len(found) not in (1, count):
            use.refuse(Code.MISSING_OPTION, f"{plural(len(found), 'shape')} for {plural(count, 'top')}", "shape",
                       label="one for all, or one for each")
        return found * (count if len(found) == 1 else 1)

    def reader(self, source: DataSource) -> ast.Expression | None:
        if not source.shape:
            return None
        classes = {"classes": source.classes} if source.classes and source.classes > 1 else {}
        dims = [source.build.value(extent) for extent in reversed(source.shape)]
        return source.build.make("Synthetic", source.build.list(dims), **classes, **source.names())


def stored_extents(path: str) -> Extents:
    """Channels, height and width of the images of a database, zeros where they are not known."""
    if not os.path.exists(path):
        return (0, 0, 0)
    try:
        width, height, channels = LMDB(file=path).stored
    except DataError:  # told by the reader
        return (0, 0, 0)
    return (channels, height or 0, width or 0)
