"""The update of all parameters at once: what is common to the rules of the optimizer table.

Split so that the device part can be compiled or captured: `advance` works out the coefficients of a
step on the host and copies them into one small tensor; `update` is tensor operations only, reads
that tensor, and may be replayed from a CUDA graph with new coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..base.seeds import seed_for
from .optimizer import Optimizer, ParamGroup, RuleSettings, StepRates, TrainedParameter

if TYPE_CHECKING:
    import torch


class UpdateRule:
    """An optimizer row at work on its parameters.

    `step` takes the gradients from `.grad` (the mean over the minibatch; None counts as 0) and uses
    them up: their contents are undefined afterwards.
    """

    def __init__(self, row: Optimizer, parameters: Sequence[TrainedParameter],
                 settings: RuleSettings | None = None) -> None:
        settings = settings or RuleSettings()
        self.row, self.settings = row, settings
        self.counters: dict[str, float] = {"step": 0.0, **row.counters}
        self.groups = _param_groups(row, parameters, settings)
        self._coefficients: list[torch.Tensor] = []
        self._numbers: list[tuple[float, ...]] = []
        self._noise = 0.0

    # -- one step -------------------------------------------------------------------------------

    def step(self, rates: StepRates) -> None:
        """Update all parameters from their gradients."""
        self.advance(rates)
        self.update()

    def advance(self, rates: StepRates) -> None:
        """Work out the coefficients of the next step and put them where `update` reads them."""
        import torch

        self.counters["step"] += 1
        self.row.advance(self.counters, rates)
        self._noise = rates.noise
        l1 = self.settings.regularization.l1
        rows = []
        for group in self.groups:
            own = replace(rates, rate=rates.rate * group.rate)
            shrink = l1 * group.decay * own.mean_rate
            rows.append((own.scale, shrink, *self.row.coefficients(own, self.counters)))
        if not self._coefficients:
            self._coefficients = [torch.empty(len(row), dtype=b.parameters[0].dtype, device=b.parameters[0].device)
                                  for b, row in zip(self.groups, rows, strict=True)]
        self._numbers = rows
        for tensor, row in zip(self._coefficients, rows, strict=True):
            on_gpu = tensor.device.type == "cuda"  # pinned, so that the copy does not wait for the device
            tensor.copy_(torch.tensor(row, dtype=tensor.dtype, pin_memory=on_gpu), non_blocking=on_gpu)

    @property
    def capturable(self) -> bool:
        """True if `update` may be captured once and replayed; noise is seeded on the host, step by step."""
        return not self.settings.has_noise

    def update(self) -> None:
        """The device part of a step."""
        import torch

        with torch.no_grad():
            for group in self.groups:
                group.gradients = [_gradient(p) for p in group.parameters]
            self._clip()
            for index, group in enumerate(self.groups):
                if not self._update_fused(index):
                    self._update_group(group, self._coefficients[index])
                self._shrink_to_zero(group, self._coefficients[index])
                group.gradients = []
            if self.settings.has_noise and self._noise > 0:
                self._add_noise()

    def _update_group(self, group: ParamGroup, coefficients: torch.Tensor) -> None:
        import torch

        scale, _, *own = coefficients.unbind()
        l2 = self.settings.regularization.l2 * group.decay
        if l2:
            torch._foreach_add_(group.gradients, group.parameters, alpha=l2)
        if self.settings.sums and not self.row.linear:
            torch._foreach_mul_(group.gradients, scale)
        self.row.update(group, own)

    def _update_fused(self, index: int) -> bool:
        """The same in one pass over memory, three to seven times faster (measured); False where it is not to be had.

        Only on the CPU: there the numbers of the step are at hand, and nothing is captured.
        """
        import torch

        group = self.groups[index]
        if group.parameters[0].device.type != "cpu" or torch.compiler.is_compiling() or not _alike(group):
            return False
        scale, _, *own = self._numbers[index]
        return self.row.fused(group, own, scale if self.settings.sums and not self.row.linear else 1.0,
                              self.settings.regularization.l2 * group.decay)

    def _shrink_to_zero(self, group: ParamGroup, coefficients: torch.Tensor) -> None:
        """The proximal step of L1: towards 0 by as much as said, but not past it."""
        import torch

        if self.settings.regularization.l1 * group.decay:
            shrink = coefficients[1]
            for parameter in group.parameters:
                parameter.sub_(torch.clamp(parameter, -shrink, shrink))

    def _clip(self) -> None:
        import torch

        limits = self.settings.regularization
        gradients = [g for group in self.groups for g in group.gradients]
        if limits.clip_value is not None:
            torch._foreach_clamp_min_(gradients, -limits.clip_value)
            torch._foreach_clamp_max_(gradients, limits.clip_value)
        if limits.clip_tensor_norm is not None:
            norms = torch._foreach_norm(gradients)
            for gradient, norm in zip(gradients, norms, strict=True):
                gradient.mul_(_shrink(norm, limits.clip_tensor_norm))
        if limits.clip_norm is not None:
            factor = _shrink(global_norm(gradients), limits.clip_norm)
            torch._foreach_mul_(gradients, factor)

    def _add_noise(self) -> None:
        import torch

        for index, group in enumerate(self.groups):
            generator = torch.Generator(device=group.parameters[0].device)
            generator.manual_seed(seed_for(self.settings.seed, "noise", index, int(self.counters["step"])))
            for parameter in group.parameters:
                noise = torch.empty_like(parameter).normal_(0, self._noise, generator=generator)
                parameter.add_(noise)

    # -- state ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that the rule remembers: `<parameter>.<slot>`, and `counters.<name>` as float64 scalars."""
        import torch

        state = {f"{name}.{slot}": tensor for group in self.groups for slot, tensors in group.state.items()
                 for name, tensor in zip(group.names, tensors, strict=True)}
        return state | {f"counters.{name}": torch.tensor(value, dtype=torch.float64)
                        for name, value in self.counters.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over a saved state, in place. Raises ValueError naming what does not fit."""
        mine = self.state_dict()
        differing = sorted(set(mine) ^ set(state))
        if differing:
            where = "missing from the saved state" if differing[0] in mine else "not a part of this optimizer's state"
            raise ValueError(f"{differing[0]} is {where}")
        for name, tensor in mine.items():
            if tensor.shape != state[name].shape:
                raise ValueError(f"{name} has shape {tuple(state[name].shape)}, here it is {tuple(tensor.shape)}")
            if name.startswith("counters."):
                self.counters[name.removeprefix("counters.")] = float(state[name])
            else:
                tensor.copy_(state[name])

    def state_bytes(self) -> int:
        """Memory of the state tensors."""
        return sum(t.numel() * t.element_size() for group in self.groups
                   for tensors in group.state.values() for t in tensors)


def global_norm(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The 2-norm of all numbers of all tensors together, as a 0-dim tensor."""
    import torch

    norms = torch.stack([norm.float() for norm in torch._foreach_norm(list(tensors))])
    return norms.square().sum().sqrt()


def _shrink(norm: torch.Tensor, limit: float) -> torch.Tensor:
    """The factor that brings a norm down to the limit; 1 where it is not above it."""
    import torch

    return torch.where(norm > limit, limit / norm, torch.ones_like(norm))


def _gradient(parameter: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _alike(group: ParamGroup) -> bool:
    """Whether all tensors are float32 and lie in memory the same way and without gaps, as fused kernels need."""
    import torch

    if group.parameters[0].dtype != torch.float32:
        return False
    for index, (parameter, gradient) in enumerate(zip(group.parameters, group.gradients, strict=True)):
        dense = parameter.is_contiguous() or (parameter.dim() == 4
                                              and parameter.is_contiguous(memory_format=torch.channels_last))
        tensors = (gradient, *(tensors[index] for tensors in group.state.values()))
        if not dense or any(t.stride() != parameter.stride() for t in tensors):
            return False
    return True


def _param_groups(row: Optimizer, parameters: Sequence[TrainedParameter], settings: RuleSettings) -> list[ParamGroup]:
    """The parameters that are trained, gathered by what is said of them, in the order of first occurrence."""
    import torch

    groups: dict[tuple[object, ...], ParamGroup] = {}
    for trained in parameters:
        if trained.rate == 0:
            continue
        tensor, decay = trained.tensor, trained.decay if trained.regularized else 0.0
        kind, slots = row.kind(tensor.shape), row.slots(tensor.shape, settings.has_momentum)
        key = (trained.rate, decay, kind, slots, tensor.device, tensor.dtype)
        group = groups.setdefault(key, ParamGroup(trained.rate, decay, kind, state={slot: [] for slot in slots}))
        group.names.append(trained.name)
        group.parameters.append(tensor)
        for slot in slots:
            group.state[slot].append(torch.full_like(tensor, row.start(slot), requires_grad=False))
    return list(groups.values())
