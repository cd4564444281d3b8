"""The training loop: every step is a function of (seed, step), so a killed run resumes exactly."""

import json
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip import CLIP, get_tokenizer
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from trainer.tiny.config import TinyConfig
from trainer.tiny.data import MARGIN, TrainingSet, caption, training_set, truth
from trainer.tiny.network import build, contrast, normalised, publish

MAX_SCALE = 100.0
Log = Callable[[str], None]


def pick_device() -> torch.device:
    """The GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def rate_at(step: int, config: TinyConfig) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _augment(pictures: NDArray[np.uint8], rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """A random crop, a mirror image and a little light for each picture."""
    out = np.empty((len(pictures), side, side, 3), np.uint8)
    for i, picture in enumerate(pictures):
        y, x = rng.integers(0, MARGIN + 1, 2)
        crop = picture[y : y + side, x : x + side]
        crop = crop[:, ::-1] if rng.random() < 0.5 else crop
        light = rng.uniform(0.9, 1.1)
        out[i] = np.clip(crop * light, 0, 255).astype(np.uint8)
    return out


def batch_at(
    step: int, config: TinyConfig, data: TrainingSet, tokenizer: SimpleTokenizer
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures uint8 (B, S, S, 3), tokens (B, L) and truth (B, B) of one step."""
    rng = np.random.default_rng([config.seed, step])
    words = random.Random(f"{config.seed}-{step}")
    chosen = rng.choice(len(data.pictures), config.batch, replace=False)
    shown = data.kind_of[chosen]
    captions = [caption(words, data.kinds[k]) for k in shown]
    pictures = _augment(data.pictures[chosen], rng, config.image_size)
    tokens = tokenizer([c.text for c in captions])
    true = truth(captions, data.kinds, shown)
    return torch.from_numpy(pictures), tokens, torch.from_numpy(true)


def _optimizer(model: CLIP, config: TinyConfig) -> torch.optim.AdamW:
    decay = [p for p in model.parameters() if p.ndim > 1]
    keep = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decay, "weight_decay": config.weight_decay},
        {"params": keep, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))


def _save(path: Path, state: dict[str, Any]) -> None:
    """Write whole or not at all: a kill leaves the previous checkpoint."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def _step(
    model: CLIP, optimizer: torch.optim.AdamW, batch: tuple[Tensor, Tensor, Tensor], rate: float
) -> float:
    pictures, tokens, true = batch
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast(pictures.device.type, torch.bfloat16):
        image = model.encode_image(normalised(pictures), normalize=True)
        text = model.encode_text(tokens, normalize=True)
    scale = model.logit_scale.exp()
    loss = contrast(image.float(), text.float(), scale, true)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(MAX_SCALE))
    return float(loss.detach())


def train(config: TinyConfig, say: Log) -> CLIP:
    """Train to the configured number of steps, resuming where an earlier start stopped."""
    torch.set_num_threads(config.threads)
    device = pick_device()
    data = training_set(config)
    say(f"{len(data.pictures)} pictures of {config.specimens} specimens on {device}")
    model = build(config, device)
    optimizer = _optimizer(model, config)
    tokenizer = get_tokenizer("ViT-B-32", context_length=config.text["context_length"])
    kept, first = config.work / "checkpoint.pt", 0
    if kept.exists():
        state = torch.load(kept, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        say(f"resumed at step {first}")
    model.train()
    _run(model, optimizer, config, data, tokenizer, first, say)
    publish(model, config)
    return model


def _run(
    model: CLIP,
    optimizer: torch.optim.AdamW,
    config: TinyConfig,
    data: TrainingSet,
    tokenizer: SimpleTokenizer,
    first: int,
    say: Log,
) -> None:
    device, kept = pick_device(), config.work / "checkpoint.pt"
    start, losses = time.monotonic(), []
    with (config.work / "log.jsonl").open("a", encoding="utf-8") as log:
        for step in range(first, config.steps):
            pictures, tokens, true = batch_at(step, config, data, tokenizer)
            batch = pictures.to(device), tokens.to(device), true.to(device)
            losses.append(_step(model, optimizer, batch, rate_at(step, config)))
            done = step + 1
            if done % config.log_every == 0:
                pace = (done - first) * config.batch / (time.monotonic() - start)
                row = {"step": done, "loss": sum(losses) / len(losses), "pictures_per_s": pace}
                log.write(json.dumps(row) + "\n")
                log.flush()
                say(f"step {done}  loss {row['loss']:.4f}  {pace:.0f} pictures/s")
                losses.clear()
            if done % config.save_every == 0 or done == config.steps:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                _save(kept, state | {"step": done})
