"""Rows for the layers that images go through: convolutions, poolings, dense layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...base.codes import Code
from ...syntax import ast
from .known_fields import ENGINE, Known, choice, flag, number, unused, whole
from .known_fields import message as known_message
from .layer_row import Extents, LayerRow, Translation, shown
from .start_values import bias_options, weight_options


@dataclass(frozen=True)
class Spatial:
    """A window along one axis of the image."""

    size: int
    kernel: int
    stride: int
    pad: int
    dilation: int = 1

    @property
    def extent(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    @property
    def floored(self) -> int:
        return (self.size + 2 * self.pad - self.extent) // self.stride + 1

    @property
    def ceiled(self) -> int:
        """Caffe's pooling: rounded up; with padding the last window has to begin within image and padding."""
        count = -(-(self.size + 2 * self.pad - self.kernel) // self.stride) + 1
        return count - 1 if self.pad and (count - 1) * self.stride >= self.size + self.pad else count

    @property
    def is_same(self) -> bool:
        """What `pad = true` does as well."""
        return self.stride == 1 and 2 * self.pad == self.extent - 1 and self.kernel <= self.size

    @property
    def left_over(self) -> int:
        """Pixels of the image itself that no window reaches."""
        return max(0, self.size + self.pad - (self.floored - 1) * self.stride - self.extent)


def per_axis(values: Sequence[Any]) -> Any:
    """One value where all axes agree; else a list, width first."""
    return values[0] if len(set(values)) == 1 else list(reversed(values))


def extents(use: Translation, name: str, short: str, axes: int, default: int | None) -> list[int]:
    """`kernel_size: 3`, `kernel_size: 3 kernel_size: 5` or `kernel_h` and `kernel_w`: one for each axis, height first.
    """
    values, pair = use.values, [use.values[f"{short}_{axis}"] for axis in "hw"]
    listed = values[name] if isinstance(values[name], list) else [] if values[name] is None else [values[name]]
    if any(value is not None for value in pair):
        if listed:
            use.refuse(Code.CONFLICTING_KEYS, f"`{name}` and `{short}_h` or `{short}_w` are both there", name)
        found = [default if value is None else value for value in pair]
    else:
        found = listed or [default]
    if len(found) == 1:
        found *= axes
    if None in found:
        use.refuse(Code.MISSING_OPTION, f"the layer has no `{name}`", label="its extent is not said",
                   hint=f"`{name}: 3`, or `{short}_h` and `{short}_w`.")
    if len(found) != axes:
        use.refuse(Code.OPTION_TYPE, f"`{name}` has {len(found)} values for an image of {axes} axes", name,
                   f"{short}_h")
    whole_numbers = [int(value) for value in found if value is not None]
    for value in whole_numbers:
        if value < (0 if short == "pad" else 1):
            use.refuse(Code.OPTION_TYPE, f"`{name}` may not be {value}", name, f"{short}_h", f"{short}_w")
    return whole_numbers


def check_image(use: Translation) -> None:
    if len(use.shape) < 2:
        use.refuse(Code.SHAPE_MISMATCH, f"a {use.layer.type} layer needs an image, and `{use.layer.bottoms[0][0]}` is "
                   f"{shown(use.shape)}", label="this layer")


def too_large(use: Translation, window: Spatial) -> None:
    use.refuse(Code.FILTER_TOO_LARGE,
               f"a window of {window.extent} does not fit on an input of {window.size}", "kernel_size", "kernel_h",
               "kernel_w", label=f"with padding the input has {window.size + 2 * window.pad}")


def padding(windows: Sequence[Spatial]) -> dict[str, object]:
    """The options for padding; none where there is none."""
    if not any(window.pad for window in windows):
        return {}
    if all(window.is_same for window in windows):
        return {"pad": True}
    pad = per_axis([window.pad for window in windows])
    return {"lowerPad": pad, "upperPad": pad}


def stride(windows: Sequence[Spatial]) -> dict[str, object]:
    steps = per_axis([window.stride for window in windows])
    return {} if steps == 1 else {"stride": steps}


def square(values: Sequence[int]) -> list[int]:
    return list(reversed(values))


CONVOLUTION: dict[str, Known] = {
    "num_output": whole(), "bias_term": flag(True), "pad": whole(repeated=True), "kernel_size": whole(repeated=True),
    "stride": whole(repeated=True), "dilation": whole(repeated=True), "pad_h": whole(), "pad_w": whole(),
    "kernel_h": whole(), "kernel_w": whole(), "stride_h": whole(), "stride_w": whole(), "dilation_h": whole(),
    "dilation_w": whole(), "group": whole(1), "weight_filler": known_message(), "bias_filler": known_message(),
    "engine": ENGINE, "axis": whole(1), "force_nd_im2col": unused("flag")}


class Convolution(LayerRow):
    """`floor ((in + 2 pad - extent) / stride) + 1` positions; weights `[outputs, inputs / group, height, width]`."""

    types: ClassVar[tuple[str, ...]] = ("Convolution",)
    message, fields = "convolution_param", CONVOLUTION
    tensors = ("weight", "bias")
    becomes = "ConvolutionalLayer"

    def windows(self, use: Translation) -> list[Spatial]:
        check_image(use)
        if use.axis() != 1:
            use.unsupported("convolution whose `axis` is not 1", "axis")
        axes = len(use.shape) - 1
        found = [Spatial(*each) for each in zip(
            use.shape[1:], extents(use, "kernel_size", "kernel", axes, None), extents(use, "stride", "stride", axes, 1),
            extents(use, "pad", "pad", axes, 0), extents(use, "dilation", "dilation", axes, 1), strict=True)]
        self.check_counts(use)
        return found

    def groups(self, use: Translation) -> int:
        found: int = use.values["group"]
        return found

    def check_counts(self, use: Translation) -> None:
        outputs, groups = use.values["num_output"], self.groups(use)
        if not outputs or outputs < 1:
            use.refuse(Code.MISSING_OPTION, "the layer has no `num_output`", "num_output",
                       label="how many maps it makes is not said")
        if groups < 1 or use.shape[0] % groups or outputs % groups:
            use.refuse(Code.OPTION_TYPE, f"{use.shape[0]} input and {outputs} output maps cannot be divided into "
                       f"{groups} groups", "group", label="`group` has to divide both")

    def shapes(self, use: Translation) -> Sequence[Extents]:
        windows = self.windows(use)
        for window in windows:
            if window.floored < 1:
                too_large(use, window)
        return [(use.values["num_output"], *(window.floored for window in windows))]

    def options(self, use: Translation, windows: Sequence[Spatial]) -> dict[str, object]:
        found: dict[str, object] = stride(windows)
        dilation = per_axis([window.dilation for window in windows])
        if dilation != 1:
            found["dilation"] = dilation
        if (groups := self.groups(use)) != 1:
            found["groups"] = groups
        if not use.values["bias_term"]:
            found["bias"] = False
        return found

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        windows = self.windows(use)
        outputs, groups = use.values["num_output"], self.groups(use)
        size = 1
        for window in windows:
            size *= window.kernel
        options = {**padding(windows), **self.options(use, windows)}
        if any(window.pad for window in windows) and any(window.left_over for window in windows):
            options["dropRest"] = True
        options |= weight_options(use, use.shape[0] // groups * size, outputs * size)
        if use.values["bias_term"]:
            options |= bias_options(use)
        kernel = square([window.kernel for window in windows])
        return [("", use.build.make("ConvolutionalLayer", outputs, kernel, **options))]


class DepthwiseConvolution(Convolution):
    """A convolution of each channel by itself, whether or not the file writes `group` as well."""

    types = ("ConvolutionDepthwise", "DepthwiseConvolution")
    remark = "of forks; each channel by itself, with `group` or without"

    def groups(self, use: Translation) -> int:
        if "group" in use.values and use.values["group"] != use.shape[0]:
            use.refuse(Code.OPTION_TYPE, f"a depthwise convolution of {use.shape[0]} channels has {use.shape[0]} "
                       "groups", "group", label=f"not {use.values['group']}",
                       hint="leave `group` out; or, if these groups are meant, write `type: \"Convolution\"`.")
        return use.shape[0]


class Deconvolution(Convolution):
    """`stride (in - 1) + extent - 2 pad` positions; weights `[inputs, outputs / group, height, width]`."""

    types = ("Deconvolution",)
    becomes = "ConvolutionTransposeLayer"
    remark = ""

    def shapes(self, use: Translation) -> Sequence[Extents]:
        windows = self.windows(use)
        sizes = [window.stride * (window.size - 1) + window.extent - 2 * window.pad for window in windows]
        if min(sizes) < 1:
            use.refuse(Code.FILTER_TOO_LARGE, "the padding leaves nothing of the result", "pad", "pad_h")
        return [(use.values["num_output"], *sizes)]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        windows = self.windows(use)
        outputs, groups = use.values["num_output"], self.groups(use)
        size = 1
        for window in windows:
            size *= window.kernel
        pad = per_axis([window.pad for window in windows])
        options: dict[str, object] = {"lowerPad": pad, "upperPad": pad} if pad else {}
        options |= {**self.options(use, windows),
                    **weight_options(use, outputs // groups * size, use.shape[0] * size, plain=False, scale=0.001)}
        if use.values["bias_term"]:
            options |= bias_options(use)
        kernel = square([window.kernel for window in windows])
        return [("", use.build.make("ConvolutionTransposeLayer", outputs, kernel, **options))]


class InnerProduct(LayerRow):
    """All axes from `axis` on are one vector; weights `[outputs, inputs]`, with `transpose` `[inputs, outputs]`."""

    types, message = ("InnerProduct",), "inner_product_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "num_output": whole(), "bias_term": flag(True), "weight_filler": known_message(),
        "bias_filler": known_message(), "axis": whole(1), "transpose": flag(False)}
    tensors = ("weight", "bias")
    becomes = "LinearLayer"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        axis = use.axis()
        if not use.values["num_output"] or use.values["num_output"] < 1:
            use.refuse(Code.MISSING_OPTION, "the layer has no `num_output`", "num_output",
                       label="how many outputs it has is not said")
        return [(*use.shape[:axis - 1], use.values["num_output"])]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        axis, outputs = use.axis(), use.values["num_output"]
        inputs = 1
        for extent in use.shape[axis - 1:]:
            inputs *= extent
        options: dict[str, object] = {}
        if axis > 1:
            options["inputRank"] = len(use.shape) - axis + 1
        if not use.values["bias_term"]:
            options["bias"] = False
        turned = use.values["transpose"]
        options |= weight_options(use, outputs if turned else inputs, inputs if turned else outputs, plain=not turned)
        if use.values["bias_term"]:
            options |= bias_options(use)
        return [("", use.build.make("LinearLayer", outputs, **options))]

    def arrays(self, blobs: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        found = super().arrays(blobs, given)
        if "weight" in found:
            matrix = found["weight"].reshape(found["weight"].shape[-2:])
            wanted = given["wanted"].get("weight")
            # A file that was put together by hand may not say it; other extents than these cannot be meant.
            turned = given.get("transpose", wanted != matrix.shape and wanted == matrix.shape[::-1])
            found["weight"] = matrix.T.copy() if turned else matrix
        return found


class Pooling(LayerRow):
    """`ceil ((in + 2 pad - kernel) / stride) + 1` positions; the mean is over the window within image and padding."""

    types, message = ("Pooling",), "pooling_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "pool": choice("MAX", "AVE", "STOCHASTIC"), "pad": whole(), "pad_h": whole(), "pad_w": whole(),
        "kernel_size": whole(), "kernel_h": whole(), "kernel_w": whole(), "stride": whole(), "stride_h": whole(),
        "stride_w": whole(), "engine": ENGINE, "global_pooling": flag(False),
        "round_mode": choice("CEIL", "FLOOR"), "ceil_mode": flag(True)}
    tops = (1, 2)
    state = "mended"
    becomes = "MaxPoolingLayer, AveragePoolingLayer, GlobalMaxPoolingLayer, GlobalAveragePoolingLayer"
    remark = ("rounds up as Caffe does; a last window wholly outside the image, where Caffe writes -3.4e38, is left "
              "out with a warning")

    def windows(self, use: Translation) -> list[Spatial]:
        check_image(use)
        if use.values["pool"] == "STOCHASTIC":
            use.unsupported("stochastic pooling", "pool", hint="MAX and AVE are supported.")
        if len(use.layer.tops) > 1:
            use.unsupported("second top of a pooling layer (the places of the maxima)")
        axes = len(use.shape) - 1
        if use.values["global_pooling"]:
            return [Spatial(size, size, 1, 0) for size in use.shape[1:]]
        return [Spatial(*each) for each in zip(
            use.shape[1:], extents(use, "kernel_size", "kernel", axes, None),
            extents(use, "stride", "stride", axes, 1), extents(use, "pad", "pad", axes, 0), strict=True)]

    def ceils(self, use: Translation) -> bool:
        return use.values["round_mode"] == "CEIL" and bool(use.values["ceil_mode"])

    def counts(self, use: Translation, windows: Sequence[Spatial]) -> list[int]:
        found = []
        for window in windows:
            if window.size + 2 * window.pad < window.kernel:
                too_large(use, window)
            if window.pad >= window.kernel:
                use.refuse(Code.OPTION_TYPE, f"a padding of {window.pad} is as large as the window", "pad", "pad_h",
                           label=f"the window has {window.kernel}")
            count = window.ceiled if self.ceils(use) else window.floored
            if (count - 1) * window.stride >= window.size + window.pad:
                use.warn("the last window of a pooling begins behind the image", "stride", "kernel_size",
                         label=f"Caffe has {count} positions along {window.size}, the last of which sees nothing",
                         body=("Caffe writes -3.4e38 there (for the maximum) or not a number. Here that position is "
                               "left out, and the result is one smaller.",))
                count -= 1
            found.append(count)
        return found

    def shapes(self, use: Translation) -> Sequence[Extents]:
        return [(use.shape[0], *self.counts(use, self.windows(use)))]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        windows, average = self.windows(use), use.values["pool"] == "AVE"
        if use.values["global_pooling"]:
            return [("", use.build.make("GlobalAveragePoolingLayer" if average else "GlobalMaxPoolingLayer"))]
        options = {**stride(windows), **padding(windows)}
        if self.ceils(use) and any(window.ceiled != window.floored for window in windows):
            options["ceilOutDim"] = True
        if average and any(window.pad for window in windows):
            options["includePad"] = True
            if any((count - 1) * w.stride + w.kernel > w.size + 2 * w.pad
                   for count, w in zip(self.counts(use, windows), windows, strict=True)):
                options["includeOverhang"] = False
        kernel = square([window.kernel for window in windows])
        return [("", use.build.make("AveragePoolingLayer" if average else "MaxPoolingLayer", kernel, **options))]


class LRN(LayerRow):
    """`x / (k + alpha / n * sum of squares) ^ beta` over n channels, or over n x n pixels (k is 1 there)."""

    types, message = ("LRN",), "lrn_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "local_size": whole(5), "alpha": number(1.0), "beta": number(0.75),
        "norm_region": choice("ACROSS_CHANNELS", "WITHIN_CHANNEL"), "k": number(1.0), "engine": ENGINE}
    becomes = "LocalResponseNormalizationLayer; within channels a composition"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        if use.values["local_size"] % 2 == 0:
            use.refuse(Code.OPTION_TYPE, "`local_size` has to be odd", "local_size")
        return [use.shape]

    def within(self, use: Translation) -> bool:
        return bool(use.values["norm_region"] == "WITHIN_CHANNEL")

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        if self.within(use):
            return None
        options = {name: use.values[field] for name, field, default in (
            ("bias", "k", 1.0), ("alpha", "alpha", 0.0001), ("beta", "beta", 0.75)) if use.values[field] != default}
        radius = (use.values["local_size"] - 1) // 2
        return [("", use.build.make("LocalResponseNormalizationLayer", radius=radius, **options))]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        build, size = use.build, use.values["local_size"]
        window = Spatial(min(use.shape[1:]), size, 1, (size - 1) // 2)
        pad: dict[str, object] = {"lowerPad": window.pad, "upperPad": window.pad} if window.pad else {}
        pool = build.make("AveragePoolingLayer", [size, size], **pad, includePad=True)
        squares = build.call(pool, build.call("Square", inputs[0]))
        below = use.shifted(1.0, use.scaled(use.values["alpha"], squares))
        power = build.call("Pow", below, build.make("Constant", -use.values["beta"]))
        return [build.binary(inputs[0], ".*", power)]


class SPP(LayerRow):
    """Spatial pyramid: poolings into 1, 2 x 2, 4 x 4 ... cells, each as a vector, one after the other."""

    types, message = ("SPP",), "spp_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "pyramid_height": whole(1), "pool": choice("MAX", "AVE", "STOCHASTIC"), "engine": ENGINE}
    becomes = "Splice of poolings"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        check_image(use)
        height = use.values["pyramid_height"]
        if use.values["pool"] == "STOCHASTIC":
            use.unsupported("stochastic pooling", "pool", hint="MAX and AVE are supported.")
        if height < 1 or 2 ** (height - 1) > min(use.shape[1:]):
            use.refuse(Code.OPTION_TYPE, f"a pyramid of {height} levels does not fit on an image of "
                       f"{' x '.join(map(str, use.shape[1:]))}", "pyramid_height")
        return [(use.shape[0] * sum(4 ** level for level in range(height)),)]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        build, average, levels = use.build, use.values["pool"] == "AVE", []
        for level in range(use.values["pyramid_height"]):
            windows = []
            for size in use.shape[1:]:
                kernel = -(-size // 2 ** level)
                windows.append(Spatial(size, kernel, kernel, (kernel * 2 ** level - size + 1) // 2))
            options = {**stride(windows), **padding(windows)}
            if average and any(window.pad for window in windows):
                options |= {"includePad": True, "includeOverhang": False}
            pool = build.make("AveragePoolingLayer" if average else "MaxPoolingLayer",
                              square([window.kernel for window in windows]), **options)
            levels.append(build.call("Flatten", build.call(pool, inputs[0])))
        return [build.call("Splice", use.spread(levels))]
