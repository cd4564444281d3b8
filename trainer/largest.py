"""How large a batch a machine can step: doubled until it does not fit."""

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from trainer.assemble import Facts, objective
from trainer.config import Config
from trainer.engine import make_stepper
from trainer.engine_step import Batch, Stepper
from trainer.launch import Place
from trainer.network import Released, Towers

_CLASSES = 1000


@dataclass(frozen=True)
class Tried:
    """One batch: whether it fits, seconds of a step, and the most memory of the device in use."""

    batch: int
    micro: int
    fits: bool
    seconds: float = float("nan")
    peak_mb: float = float("nan")
    """NaN where the device does not say, as a processor does not."""


def try_batches(
    config: Config, released: Released, place: Place, *, least: int, most: int, steps: int = 2
) -> Iterator[Tried]:
    """Step with `least` random samples, twice that, and so on, up to `most` or the first misfit.

    Network, precision, loss and `run.micro` are those of `config`; samples are random, of 1,000
    classes. The first of `steps` warms up and does not count, unless it is the only one.
    """
    stepper = random_stepper(config, released, place, most)
    batch = least
    while batch <= most:
        micro = min(config.run.micro or batch, batch)
        tried = _try(stepper, random_batch(released, batch), micro, place.device, steps)
        yield tried
        if not tried.fits:
            return
        batch *= 2


def random_stepper(config: Config, released: Released, place: Place, batch: int) -> Stepper:
    """The stepper of a run on random samples."""
    own = replace(config, sample=replace(config.sample, batch=batch))
    loss = objective(own, random_facts(released, batch), place.device)
    return make_stepper(own, released, Towers(released).to(place.device), loss, place)


def random_batch(released: Released, size: int) -> Batch:
    """`size` samples of noise; each text has its end mark, as the largest token, in its place."""
    high, wide = released.preprocess.size
    # Noise in one picture is enough: no step takes longer for what it sees.
    pixels = torch.zeros(size, high, wide, 3, dtype=torch.uint8)
    pixels[:1].random_(0, 256)
    tokens = released.tokenizer(["a photo of a small tortoiseshell"]).repeat(size, 1)
    return Batch(pixels, tokens, torch.arange(size) % _CLASSES)


def random_facts(released: Released, size: int) -> Facts:
    """What an objective asks of `size` samples of classes that are nobody's relatives."""
    return Facts(
        np.arange(size) % _CLASSES,
        np.arange(_CLASSES)[:, None],
        np.eye(_CLASSES),
        log_scale=released.log_scale,
        bias=released.bias,
        width=int(released.model_cfg["embed_dim"]),
    )


def _try(stepper: Stepper, batch: Batch, micro: int, device: torch.device, steps: int) -> Tried:
    size, cuda = len(batch.classes), device.type == "cuda"
    if cuda:
        batch = batch.pinned()
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    try:
        for number in range(steps):
            began = time.monotonic()
            stepper.step(batch, number, 1.0, micro).read()
            seconds.append(time.monotonic() - began)
    except torch.OutOfMemoryError:
        return Tried(size, micro, fits=False)
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else float("nan")
    return Tried(size, micro, True, min(seconds[1:] or seconds), peak)
