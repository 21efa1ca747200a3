"""darknet's `[net]`: the extents of the input, and the plan and the transforms that it describes.

darknet counts updates, and `batch` samples make one: `subdivisions` pieces are computed one after the other and their
gradients added up. Weight decay reaches the kernels and matrices alone, times the batch, which the rate is divided by
again; the rate multiplies the velocity when it is applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure, failure
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...spec import show_value
from ...syntax import ast
from ..building import Builder
from ..import_format import without_meaning
from .cfg_file import CfgSection, Entry
from .section_type import NUMBER, NUMBERS, TEXT, WHOLE, WHOLES, Extents, Key, unknown_key

#: Updates that are called an epoch: darknet itself has none.
EPOCH = 1000

NET_KEYS: tuple[Key, ...] = (
    Key("batch", default=1, least=1, meaning="`minibatchSize`: samples of one update"),
    Key("subdivisions", default=1, least=1, meaning="`numSubminibatches`"),
    Key("width", default=0, least=0, meaning="`Input`"), Key("height", default=0, least=0, meaning="`Input`"),
    Key("channels", default=0, least=0, meaning="`Input`"),
    Key("inputs", default=0, least=0, meaning="`Input`, where there is no image"),
    Key("learning_rate", NUMBER, 0.001, 0, "`learningRate`"), Key("momentum", NUMBER, 0.9, 0, "`momentum`"),
    Key("decay", NUMBER, 0.0001, 0, "`weightDecay`, of kernels and matrices alone"),
    Key("policy", TEXT, "constant", meaning="constant; step: `StepDecay`; steps: `MultiStepDecay`; exp: "
        "`ExponentialDecay`; poly: `PolynomialDecay`; sigmoid: `SigmoidDecay`; random is refused"),
    Key("burn_in", default=0, least=0, meaning="`Warmup` with `power` and `peak`"),
    Key("power", NUMBER, 4.0, meaning="the exponent of poly and of the burn-in"),
    Key("max_batches", default=0, least=0, meaning="`maxSteps`; `epochSize` is 1000 updates"),
    Key("step", default=1, least=1), Key("scale", NUMBER, 1.0, 0), Key("steps", WHOLES), Key("scales", NUMBERS),
    Key("gamma", NUMBER, 1.0), Key("adam", default=0, meaning="`Adam`"), Key("B1", NUMBER, 0.9, 0),
    Key("B2", NUMBER, 0.999, 0), Key("eps", NUMBER, 1e-7, 0),
    Key("max_crop", meaning="`RandomCrop`: the shorter side is drawn from min_crop to max_crop"),
    Key("min_crop", meaning="`RandomCrop`"), Key("angle", NUMBER, 0.0, 0, "`Rotate`"),
    Key("aspect", NUMBER, 1.0, 0, "`RandomCrop {aspectRatio = ...}`"),
    Key("saturation", NUMBER, 1.0, 0, "`Color {saturationRadius = ...}`"),
    Key("exposure", NUMBER, 1.0, 0, "`Color {brightnessRadius = ...}`"), Key("hue", NUMBER, 0.0, 0, "`Hue`"),
    *(Key(name, TEXT, effect=False) for name in (
        "time_steps", "notruth", "random", "max_ratio", "min_ratio", "center", "clip", "seen", "flip")),
)
_BY_NAME = {key.name: key for key in NET_KEYS}
_POLICIES = ("constant", "step", "steps", "exp", "poly", "sigmoid", "random")


@dataclass(frozen=True)
class Net:
    """The section `[net]`, its numbers by name."""

    section: CfgSection

    def number(self, name: str) -> float:
        entry, key = self.section.entries.get(name), _BY_NAME[name]
        if entry is None:
            return float(key.default or 0)
        value = entry.whole() if key.kind == WHOLE else entry.number()
        if key.least is not None and value < key.least:
            raise entry.wrong(f"at least {key.least:g} is needed")
        return value

    def whole(self, name: str) -> int:
        return int(self.number(name))

    def entry(self, name: str) -> Entry | None:
        return self.section.entries.get(name)

    def notes(self) -> list[Diagnostic]:
        entries = self.section.entries
        unknown = [unknown_key(entry, list(_BY_NAME)) for name, entry in entries.items() if name not in _BY_NAME]
        silent = [(name, entry.span) for name, entry in entries.items()
                  if name in _BY_NAME and not _BY_NAME[name].effect]
        return [*unknown, *without_meaning(silent, "read and not used")]

    # --- the input -----------------------------------------------------------------------------

    def extents(self) -> Extents:
        """The shape of the input. Raises Failure where there is none."""
        width, height, channels = self.whole("width"), self.whole("height"), self.whole("channels")
        if width and height and channels:
            return Extents(width, height, channels)
        if self.whole("inputs"):
            return Extents(1, 1, self.whole("inputs"), flat=True)
        wrong = next((self.section.entries[name] for name in ("width", "height", "channels")
                      if name in self.section.entries and not self.whole(name)), None)
        if wrong is not None:
            raise wrong.wrong("an image has at least one pixel")
        missing = next(name for name in ("width", "height", "channels") if not self.whole(name))
        raise self.section.missing(missing, "width=224, height=224 and channels=3")

    # --- the plan ------------------------------------------------------------------------------

    @property
    def pieces(self) -> int:
        return self.whole("subdivisions")

    @property
    def update_size(self) -> int:
        """Samples that make an update: whole pieces."""
        size = self.whole("batch") // self.pieces * self.pieces
        entry = self.entry("subdivisions")
        if size == 0 and entry is not None:
            raise entry.wrong(f"a batch of {self.whole('batch')} cannot be divided into so many pieces")
        return size

    def plan(self, frozen: list[str], rates: dict[str, float], normalizes: bool) -> ast.Assign:
        """`SGD = {...}`; `frozen` and `rates` are the sections with `stopbackward` and `learning_rate`."""
        members: list[tuple[str, str, str]] = [("batch", "minibatchSize", str(self.update_size))]
        if self.pieces > 1:
            members.append(("subdivisions", "numSubminibatches", str(self.pieces)))
        steps, optimizer = self.whole("max_batches"), self._optimizer()
        epochs = math.ceil(steps / EPOCH) if steps else EPOCH
        members += [("max_batches", "epochSize", f"{self.update_size * min(steps or EPOCH, EPOCH)}"),
                    ("max_batches", "maxEpochs", f"{epochs}")]
        members += [("max_batches", "maxSteps", f"{steps}")] if steps else []
        members += [("adam", "optimizer", optimizer), ("learning_rate", "learningRate", self._rate(steps))]
        if not self.whole("adam"):
            members.append(("momentum", "momentum", show_value(self.number("momentum"))))
        if self.number("decay"):
            members += [("decay", "weightDecay", show_value(self.number("decay"))), ("", "biasDecayMultiplier", "0")]
            members += [("", "disableRegInBatchNormalization", "true")] if normalizes else []
        if normalizes:  # the running statistics move by a hundredth with each piece
            memory = -(self.update_size // self.pieces) / math.log(0.99)
            members.append(("", "batchNormalizationTimeConstant", f"{memory:.6g}"))
        if frozen:
            members.append(("", "freeze", " : ".join(f"'{name}'" for name in frozen)))
        if rates:
            members.append(("", "multipliers", " : ".join(
                f"Multiplier {{'{name}', rate = {show_value(rate)}}}" for name, rate in rates.items())))
        record = ast.Record(tuple(self._assign(*member) for member in members), self.section.span)
        return ast.Assign(ast.Identifier("SGD", self.section.header), record, self.section.span)

    def _assign(self, key: str, name: str, text: str) -> ast.Member:
        entry = self.section.entries.get(key)
        build = Builder(entry.span if entry is not None else Span.nowhere(self.section.header.source.name))
        return build.assign(name, build.parsed(text))

    def _optimizer(self) -> str:
        if not self.whole("adam"):
            return "MomentumSGD {rateInside = false}"
        # darknet's moments are of the summed gradient, so its epsilon is too
        epsilon = show_value(self.number("eps") / self.update_size)
        return (f"Adam {{beta1 = {show_value(self.number('B1'))}, beta2 = {show_value(self.number('B2'))}, "
                f"epsilon = {epsilon}, correctedEpsilon = false}}")

    def _rate(self, steps: int) -> str:
        """The schedule of the rate, counted in updates. Raises Failure for a policy that there is not."""
        rate, policy = show_value(self.number("learning_rate")), self._policy()
        power, gamma = show_value(self.number("power")), show_value(self.number("gamma"))
        over = f", over = {steps}" if steps else ""
        by_policy = {
            "constant": rate,
            "step": f"StepDecay {{{rate}, every = {self.whole('step')}, factor = {show_value(self.number('scale'))}, "
                    "unit = 'steps'}",
            "exp": f"ExponentialDecay {{{rate}, {gamma}, unit = 'steps'}}",
            "poly": f"PolynomialDecay {{{rate}, power = {power}{over}, unit = 'steps'}}",
            # darknet's sign of gamma is the opposite of Caffe's
            "sigmoid": f"SigmoidDecay {{{rate}, gamma = {show_value(-self.number('gamma'))}, "
                       f"middle = {self.whole('step')}, unit = 'steps'}}",
        }
        text = self._steps(rate) if policy == "steps" else by_policy[policy]
        burn_in = self.whole("burn_in")
        if not burn_in:
            return text
        return f"Warmup {{{text}, epochs = {burn_in}, power = {power}, peak = {rate}, unit = 'steps'}}"

    def _policy(self) -> str:
        entry = self.entry("policy")
        if entry is None:
            return "constant"
        if entry.value == "random":
            raise failure(Code.NOT_SUPPORTED, "netdsl has no random learning rate", entry.span,
                          "this is not supported", hint="use one of constant, step, steps, exp, poly and sigmoid.")
        if entry.value not in _POLICIES:
            raise failure(Code.UNKNOWN_NAME, f"there is no policy `{entry.value}`", entry.value_span,
                          "darknet would take constant", hint=did_you_mean(entry.value, _POLICIES) or
                          f"use one of {', '.join(_POLICIES)}.")
        return entry.value

    def _steps(self, rate: str) -> str:
        steps, scales = self.entry("steps"), self.entry("scales")
        if steps is None or scales is None:
            missing = "steps" if steps is None else "scales"
            raise self.section.missing(missing, "steps=40000,60000" if steps is None else "scales=.1,.1")
        places, factors = steps.wholes(), scales.numbers()
        if len(places) > len(factors):
            raise scales.wrong(f"{len(places)} steps need as many scales")
        factors = factors[:len(places)]
        if places != sorted(places) or min(places) < 0:
            raise steps.wrong("write the steps from small to large")
        if len(set(factors)) == 1:
            factor = "" if factors[0] == 0.1 else f", factor = {show_value(factors[0])}"
            return f"MultiStepDecay {{{rate}, at = {':'.join(map(str, places))}{factor}, unit = 'steps'}}"
        shown = ":".join(show_value(factor) for factor in factors)
        return f"MultiStepDecay {{{rate}, at = {':'.join(map(str, places))}, factors = {shown}, unit = 'steps'}}"

    # --- the data ------------------------------------------------------------------------------

    def reader(self, classes: int, extents: Extents) -> ast.Assign:
        """Folders of photos with the transforms that `[net]` describes; darknet lists its images in a file apart."""
        build = Builder(Span.nowhere(self.section.header.source.name))
        size, grey = f"{extents.width}:{extents.height}", ", grayscale = true" if extents.channels == 1 else ""
        ends = f"Scale {{{size}}} : Normalize {{range = 0:1}}"
        train = " : ".join([*self._augmentation(extents), ends])
        text = (f"train = ImageFolder {{\"$dataDir$/train\", labelDim = {classes}{grey}, transforms = {train}}}\n"
                f"test = ImageFolder {{\"$dataDir$/val\", labelDim = {classes}{grey}, "
                f"transforms = CenterCrop {{sideRatio = 1}} : {ends}}}\n")
        return build.assign("reader", build.record(build.members(text)))

    def _augmentation(self, extents: Extents) -> list[str]:
        width = extents.width
        smallest, largest = (self.entry(name).whole() if self.entry(name) else default  # type: ignore[union-attr]
                             for name, default in (("min_crop", width), ("max_crop", 2 * width)))
        for name, value in (("min_crop", smallest), ("max_crop", largest)):
            entry = self.entry(name)
            if value < 1 and entry is not None:
                raise entry.wrong("at least 1 pixel is needed")
        low, high = (show_value(round(min(width / value, 1), 6)) for value in (largest, max(smallest, 1)))
        side = low if low == high else f"({low}:{high})"
        aspect = self._factor("aspect")
        found = [f"RandomCrop {{sideRatio = {side}" +
                 (f", aspectRatio = ({show_value(min(aspect, 1 / aspect))}:"
                  f"{show_value(round(max(aspect, 1 / aspect), 6))})" if aspect != 1 else "") + "}"]
        if self.number("angle"):
            found.append(f"Rotate {{{show_value(self.number('angle'))}}}")
        found.append("Flip {}")
        if self.number("hue"):
            found.append(f"Hue {{{show_value(min(self.number('hue'), 0.5))}}}")
        colors = [f"{option} = {show_value(round(min(1 - min(factor, 1 / factor), 1), 6))}" for option, factor in (
            ("brightnessRadius", self._factor("exposure")), ("saturationRadius", self._factor("saturation")))
            if factor != 1]
        return [*found, f"Color {{{', '.join(colors)}}}"] if colors and extents.channels == 3 else \
            [text for text in found if extents.channels == 3 or not text.startswith("Hue")]

    def _factor(self, name: str) -> float:
        value, entry = self.number(name), self.entry(name)
        if value <= 0 and entry is not None:
            raise entry.wrong("a factor above 0 belongs here")
        return value

    def augmentation_note(self) -> list[Diagnostic]:
        """Said where transforms stand for darknet's own, which draw otherwise."""
        entry = next((self.section.entries[name] for name in ("saturation", "exposure", "aspect", "max_crop")
                      if name in self.section.entries), None)
        if entry is None:
            return []
        return [Diagnostic(Code.DOUBTFUL, "the augmentation of [net] is that of netdsl's transforms", Label(
            entry.span, "darknet draws factors, netdsl ratios and differences"), severity="note")]


def require_net(sections: tuple[CfgSection, ...], source_span: Span) -> Net:
    """The first section. Raises Failure where it is another one, or where there is nothing behind it."""
    if not sections:
        raise failure(Code.NO_NETWORK, "the file has no sections", source_span, hint="begin it with `[net]`.")
    if sections[0].name not in ("net", "network"):
        raise Failure(failure(Code.NO_NETWORK, "the first section has to be [net]", sections[0].header,
                              "this one is first", hint="put `[net]` with width, height and channels before it."
                              ).diagnostics)
    if len(sections) == 1:
        raise failure(Code.NO_NETWORK, "there are no layers behind [net]", sections[0].header)
    return Net(sections[0])
