"""One training step: precision, gradient cache, clipping, and what to do when it cannot be done.

With micro-batches the loss still sees the whole batch (GradCache, Gao et al. 2021): features are
computed without a graph, the loss gives their gradients, and a second pass carries them into the
network. Both passes draw the same random numbers.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer import dist
from trainer.config_run import OptimSettings, Precision
from trainer.layers import Group
from trainer.losses import Objective, Outcome
from trainer.streams import sample_seed
from trainer.words import Words


@dataclass(frozen=True)
class Batch:
    """One rank's share of a step."""

    pixels: Tensor
    """uint8 [b, H, W, 3]."""
    tokens: Tensor
    """int64 [b, L]."""
    classes: Tensor
    """int64 [b]."""
    labels: Tensor | None = None
    """int64 [b]: what the head tells apart, where that is not the classes."""
    words: Words | None = None
    """What pictures show and texts claim, where a term asks which texts are true."""

    def pinned(self) -> "Batch":
        """The same where a GPU can fetch it by itself, while it computes."""
        parts = (self.pixels, self.tokens, self.classes, self.labels, self.words)
        moved = [part if part is None or part.is_cuda else part.pin_memory() for part in parts]
        return Batch(*moved)  # type: ignore[arg-type]

    def parts(self, size: int) -> Iterator["Batch"]:
        """Micro-batches of at most `size`."""
        for start in range(0, len(self.classes), size):
            cut = slice(start, start + size)
            yield Batch(self.pixels[cut], self.tokens[cut], self.classes[cut])


@dataclass(frozen=True)
class Report:
    """What a step came to; numbers, so that nothing holds on to the device."""

    loss: float
    gradient_norm: float
    values: list[float]
    floors: list[float]

    @property
    def applied(self) -> bool:
        """False where the update was left out because a number was not finite."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


class Stepped:
    """A step that a GPU may still be at."""

    def __init__(self, figures: Tensor) -> None:
        """`figures` float64: loss, norm of the gradient, every term's value, every term's floor."""
        self._figures = figures.to("cpu", non_blocking=True)
        self._end = torch.cuda.Event() if figures.is_cuda else None  # type: ignore[no-untyped-call]
        if self._end is not None:
            self._end.record()

    def read(self) -> Report:
        """Wait for this step, not for those begun after it."""
        if self._end is not None:
            self._end.synchronize()
        loss, norm, *terms = self._figures.tolist()
        half = len(terms) // 2
        return Report(loss, norm, terms[:half], terms[half:])


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """What the towers compute in; "auto" is bfloat16 on a GPU that has it, else float32."""
    if precision == "auto":
        able = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if able else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


class Stepper:
    """Takes batches and changes the weights."""

    def __init__(
        self,
        towers: nn.Module,
        objective: Objective,
        groups: Sequence[Group],
        optim: OptimSettings,
        beta2: float,
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        self.optimiser = _optimiser(groups, objective, optim, beta2)
        self._device = next(towers.parameters()).device
        self.scaler = torch.amp.GradScaler(
            self._device.type, enabled=dtype == torch.float16, init_scale=2.0**14
        )
        self._towers, self._objective = towers, objective
        self._clip, self._peak = optim.clip, optim.lr
        self._dtype, self._seed = dtype, seed
        self._trained = [p for group in self.optimiser.param_groups for p in group["params"]]

    def step(self, batch: Batch, number: int, factor: float, micro: int) -> Stepped:
        """One update at `factor` times the peak rate; the weights change only if all is finite."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._peak * factor * group["factor"]
        self.optimiser.zero_grad(set_to_none=True)
        outcome = self._backward(batch, number, micro)
        for parameter in self._objective.parameters():
            if parameter.grad is not None:
                dist.sum_over_ranks(parameter.grad).div_(dist.world_size())
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.get_total_norm([p.grad for p in self._trained if p.grad is not None])
        if self._clip is not None:
            nn.utils.clip_grads_with_norm_(self._trained, self._clip, norm)
        total = torch.stack([outcome.loss.detach().double(), norm.double()])
        self._update(total)
        return Stepped(torch.cat([total, outcome.values, outcome.floors]))

    def _update(self, total: Tensor) -> None:
        """Apply the gradient if `total` is finite, which the device knows without being waited for.

        Fused AdamW leaves a step out by the same flag that a gradient scaler gives it.
        """
        if not self.scaler.is_enabled():
            self.optimiser.found_inf = (~total.isfinite().all()).float()  # type: ignore[attr-defined]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        for pair in self._objective.logits:
            pair.cap_()

    def _backward(self, batch: Batch, number: int, micro: int) -> Outcome:
        parts = list(batch.parts(micro))
        if len(parts) == 1:
            return self._judge(*self._features(self._towers, parts[0], number, 0), batch)
        with torch.no_grad():
            plain = self._unwrapped()
            cached = [self._features(plain, part, number, i) for i, part in enumerate(parts)]
        images, texts = (torch.cat(side).requires_grad_() for side in zip(*cached, strict=True))
        outcome = self._judge(images, texts, batch)
        gradients = [side.grad.split(micro) for side in (images, texts)]  # type: ignore[union-attr]
        for i, part in enumerate(parts):
            with self._quiet() if i + 1 < len(parts) else nullcontext():
                features = self._features(self._towers, part, number, i)
                # A frozen tower's features take no gradient, and autograd would refuse them.
                live = [(f, side[i]) for f, side in zip(features, gradients, strict=True)
                        if f.requires_grad]  # fmt: skip
                torch.autograd.backward([f for f, _ in live], [g for _, g in live])
        return outcome

    def _judge(self, images: Tensor, texts: Tensor, batch: Batch) -> Outcome:
        """The loss of features [b, D], with its gradient carried as far as they reach."""
        known = [
            None if part is None else part.to(images.device, non_blocking=True)
            for part in (batch.classes, batch.labels, batch.words)
        ]
        outcome: Outcome = self._objective(images, texts, *known)
        self.scaler.scale(outcome.loss).backward()  # type: ignore[no-untyped-call]
        return outcome

    def _features(
        self, towers: nn.Module, part: Batch, number: int, place: int
    ) -> tuple[Tensor, Tensor]:
        """Features in float32; dropout depends on nothing but the seed, the step and the place."""
        key = f"{dist.rank()}:{place}"
        torch.manual_seed(sample_seed(self._seed, number, key))
        # A micro-batch at a time: the whole batch need not fit on the device.
        pixels, tokens = (p.to(self._device, non_blocking=True) for p in (part.pixels, part.tokens))
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            images, texts = towers(pixels, tokens)
        return images.float(), texts.float()

    def _unwrapped(self) -> nn.Module:
        towers = self._towers
        return towers.module if isinstance(towers, DistributedDataParallel) else towers

    def _quiet(self) -> AbstractContextManager[None]:
        """No exchange between ranks until the last micro-batch."""
        towers = self._towers
        return towers.no_sync() if isinstance(towers, DistributedDataParallel) else nullcontext()


def _optimiser(
    groups: Sequence[Group], objective: Objective, optim: OptimSettings, beta2: float
) -> torch.optim.AdamW:
    logits: list[Tensor] = [
        p for pair in objective.logits for p in pair.parameters() if p.requires_grad
    ]
    listed = [*groups, *([Group("objective", logits, 1.0, 0.0)] if logits else [])]
    if objective.head is not None:
        own = objective.head
        learnt: list[Tensor] = list(own.parameters())
        listed.append(Group("head", learnt, own.settings.lr_factor, 0.0))
    return torch.optim.AdamW(
        [
            {"params": g.parameters, "weight_decay": g.weight_decay, "factor": g.lr_factor}
            for g in listed
        ],
        lr=optim.lr,
        betas=(optim.beta1, beta2),
        eps=optim.eps,
        fused=True,
    )
