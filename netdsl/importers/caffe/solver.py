"""A solver of Caffe as the `SGD` block: the rule, its rates by update, and how long training lasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...base.units import any_of
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from .known_fields import Known, Problems, Values, choice, number, read_fields, text, unused, whole
from .known_fields import message as known_message
from .prototext import Message

SOLVER: dict[str, Known] = {
    "net": text(), "net_param": known_message(), "train_net": text(), "test_net": text(repeated=True),
    "train_net_param": known_message(), "test_net_param": known_message(repeated=True),
    "train_state": known_message(), "test_state": known_message(repeated=True),
    "type": text("SGD"), "solver_type": choice("SGD", "NESTEROV", "ADAGRAD", "RMSPROP", "ADADELTA", "ADAM"),
    "base_lr": number(0.0), "lr_policy": text(), "gamma": number(0.0), "power": number(0.0), "stepsize": whole(0),
    "stepvalue": whole(repeated=True), "max_iter": whole(0), "iter_size": whole(1), "momentum": number(0.0),
    "momentum2": number(0.999), "delta": number(1e-8), "rms_decay": number(0.99), "weight_decay": number(0.0),
    "regularization_type": text("L2"), "clip_gradients": number(-1.0), "random_seed": whole(-1),
    "test_interval": whole(0), "weights": text(repeated=True),
    "test_iter": unused("whole"), "test_initialization": unused("flag"), "test_compute_loss": unused("flag"),
    "display": unused("whole"), "average_loss": unused("whole"), "snapshot": unused("whole"),
    "snapshot_prefix": unused(), "snapshot_diff": unused("flag"), "snapshot_format": unused(),
    "snapshot_after_train": unused("flag"), "solver_mode": unused(), "device_id": unused("whole"),
    "debug_info": unused("flag"), "layer_wise_reduce": unused("flag"),
}
#: Why they have no effect, in one label.
UNUSED_WHY = "a run tests on all of its test data, prints by the clock and keeps checkpoints by itself"

_OLD_TYPES = {"SGD": "SGD", "NESTEROV": "Nesterov", "ADAGRAD": "AdaGrad", "RMSPROP": "RMSProp",
              "ADADELTA": "AdaDelta", "ADAM": "Adam"}
#: Updates between two looks at the test data where the solver does not say.
_INTERVAL = 1000


def is_solver(message: Message) -> bool:
    """Whether a text is a solver: it names a net or says how to train, and has no layers itself."""
    return not message.all("layer") and not message.all("layers") and any(
        message.all(name) for name in ("net", "net_param", "train_net", "train_net_param", "base_lr", "max_iter"))


@dataclass(frozen=True)
class Trained:
    """What the net says that the solver needs."""

    batch: int  #: samples of a minibatch of training; 0: not said
    multipliers: Sequence[tuple[str, object]]  #: members of `SGD` for rates and decays of single blobs


class SolverReading:
    """The fields of a solver, read once; mistakes are added to `problems`."""

    def __init__(self, message: Message, span: Span, problems: Problems) -> None:
        self.message, self.span, self.problems = message, span, problems
        self.values: Values = read_fields(message, SOLVER, "a solver", span, problems)

    def build(self, *fields: str) -> Builder:
        return Builder(self.values.place(*fields))

    def member(self, trained: Trained) -> ast.Member:
        """`SGD = { ... }`."""
        build = Builder(self.span)
        return build.assign("SGD", build.record(self._members(trained)))

    def _members(self, trained: Trained) -> list[ast.Member]:
        members: list[ast.Member] = []

        def add(name: str, value: object, *fields: str) -> None:
            members.append(self.build(*fields).assign(name, value))

        self._length(trained, add)
        self._rule(add)
        decay = self.values["weight_decay"]
        if decay:
            add(self._penalty(), decay, "weight_decay")
        clip = self.values["clip_gradients"]
        if clip > 0:
            # Caffe looks at the sum over `iter_size` minibatches, before it divides.
            add("gradientClipping", clip / self.values["iter_size"], "clip_gradients")
        for name, value in trained.multipliers:
            add(name, value)
        if self.values["random_seed"] >= 0:
            add("seed", self.values["random_seed"], "random_seed")
        for path in self.values["weights"][-1:]:
            add("loadWeights", path, "weights")
        return members

    def _length(self, trained: Trained, add: object) -> None:
        values, put = self.values, add
        assert callable(put)
        updates, pieces = values["max_iter"], values["iter_size"]
        if updates < 1:
            self.problems.add(Code.MISSING_OPTION, "the solver does not say how long it trains", self.span,
                              "`max_iter` is missing", hint="write `max_iter: 10000`, the number of updates.")
            updates = 1
        if pieces < 1:
            self.problems.add(Code.OPTION_TYPE, "`iter_size` is a number of minibatches", values.place("iter_size"),
                              "this is not above 0")
            pieces = 1
        batch = trained.batch or 256
        if not trained.batch:
            self.problems.add(Code.DOUBTFUL, "the net does not say how many samples a minibatch has", self.span,
                              "256 are taken", severity="warning", hint="set `SGD.minibatchSize`.")
        put("minibatchSize", batch)
        if pieces > 1:
            put("accumulate", pieces, "iter_size")
        interval = values["test_interval"] or min(updates, _INTERVAL)
        put("epochSize", interval * batch * pieces, "test_interval")
        # Enough for all updates: an epoch has at least `interval` of them, and more where a minibatch is smaller,
        # since none crosses the end of the data (in Caffe one may).
        put("maxEpochs", math.ceil(updates / interval), "max_iter")
        put("maxSteps", updates, "max_iter")

    # --- the rule --------------------------------------------------------------------------------------

    def kind(self) -> str:
        return _OLD_TYPES[self.values["solver_type"]] if "solver_type" in self.values else self.values["type"]

    def _rule(self, add: object) -> None:
        assert callable(add)
        kind, values = self.kind(), self.values
        build = self.build("type", "solver_type")
        rules = {
            "SGD": None, "Nesterov": None,
            "AdaGrad": build.make("Adagrad", epsilon=values["delta"], epsilonInside=False),
            "RMSProp": build.make("RMSProp", values["rms_decay"], epsilon=values["delta"]),
            "AdaDelta": build.make("Adadelta", values["momentum"], epsilon=values["delta"]),
            "Adam": build.make("Adam", values["momentum"], values["momentum2"], epsilon=values["delta"],
                               correctedEpsilon=False),
        }
        if kind not in rules:
            self.problems.diagnostics.append(not_supported(
                f"solver `{kind}` of Caffe", values.place("type", "solver_type"), "this type is not known",
                did_you_mean(kind, rules) or f"Caffe has {any_of(list(rules))}."))
            return
        if rules[kind] is not None:
            add("optimizer", rules[kind], "type", "solver_type")
        add("learningRate", self._rate(), "base_lr")
        if rules[kind] is None and values["momentum"]:
            add("momentum", values["momentum"], "momentum")
        elif kind in ("AdaGrad", "RMSProp") and values["momentum"]:
            self.problems.add(Code.CONFLICTING_KEYS, f"{kind} has no momentum", values.place("momentum"),
                              "Caffe refuses it as well", hint="remove `momentum`.")
        if kind == "Nesterov":
            add("nesterov", True, "type", "solver_type")

    def _penalty(self) -> str:
        kind = self.values["regularization_type"]
        if kind == "L1":
            self.problems.add(Code.DOUBTFUL, "L1 regularization works in another way here",
                              self.values.place("regularization_type"), "Caffe adds it to the gradient",
                              body=("netdsl moves the parameters towards 0 after the update, and stops at 0.",),
                              severity="warning")
            return "L1RegWeight"
        if kind != "L2":
            self.problems.add(Code.OPTION_TYPE, "`regularization_type` is L1 or L2",
                              self.values.place("regularization_type"), "this is something else")
        return "weightDecay" if self.kind() in ("SGD", "Nesterov") else "L2RegWeight"

    # --- the rate --------------------------------------------------------------------------------------

    def _rate(self) -> object:
        values = self.values
        policy, base, build = values["lr_policy"], values["base_lr"], self.build("lr_policy", "base_lr")
        if "base_lr" not in values:
            self.problems.add(Code.MISSING_OPTION, "the solver has no learning rate", self.span, "`base_lr` is missing",
                              hint="for example `base_lr: 0.01`.")
        for field in _NEEDED.get(policy, ()):
            if field not in values:
                self.problems.add(Code.MISSING_OPTION, f"the policy \"{policy}\" needs `{field}`",
                                  values.place("lr_policy"), f"`{field}` is missing")
                return base
        rates: Mapping[str, Callable[[], object]] = {
            "fixed": lambda: base,
            "step": lambda: build.make("StepDecay", base, every=values["stepsize"], factor=values["gamma"],
                                       unit="steps"),
            "exp": lambda: build.make("ExponentialDecay", base, values["gamma"], unit="steps"),
            "inv": lambda: build.make("InverseDecay", base, gamma=values["gamma"], power=values["power"],
                                      unit="steps"),
            "multistep": lambda: build.make("MultiStepDecay", base, at=values["stepvalue"], factor=values["gamma"],
                                            unit="steps"),
            "poly": lambda: build.make("PolynomialDecay", base, power=values["power"], over=values["max_iter"],
                                       unit="steps"),
            "sigmoid": lambda: build.make("SigmoidDecay", base, gamma=values["gamma"], middle=values["stepsize"],
                                          unit="steps"),
        }
        if policy not in rates:
            title = f"the learning rate policy \"{policy}\" is not known" if policy else "the solver has no `lr_policy`"
            self.problems.diagnostics.append(Diagnostic(
                Code.UNKNOWN_NAME, title, Label(values.place("lr_policy", "base_lr"), "this one" if policy else ""),
                hint=did_you_mean(policy, rates) or f"Caffe has {any_of([f'`{name}`' for name in rates])}."))
            return base
        return rates[policy]()


#: Fields without which a policy says nothing.
_NEEDED = {"step": ("gamma", "stepsize"), "exp": ("gamma",), "inv": ("gamma", "power"),
           "multistep": ("gamma", "stepvalue"), "poly": ("power",), "sigmoid": ("gamma", "stepsize")}
