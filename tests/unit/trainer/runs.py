"""A run small enough for a unit test: a random network of open_clip on six kinds of picture."""

import math
import os
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP

from core.encoders.preprocess import Preprocess
from trainer import dist, typed
from trainer.assemble import Facts, objective, stream
from trainer.config import Config
from trainer.engine import Engine
from trainer.engine_step import Batch
from trainer.launch import Place
from trainer.network import Released
from trainer.streams import sample_seed, share_of_rank

SIDE, LENGTH, CLASSES, SAMPLES = 16, 6, 6, 60
MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": LENGTH, "vocab_size": 32, "width": 32, "heads": 2, "layers": 2},
}
BASE = """
model: {id: tiny}
seed: 3
sample: {batch: 16}
loss: [{kind: softmax, target: class}]
optim: {lr: 3e-3}
run: {samples: 128, every: 64, save: 32, precision: fp32, log_every: 1, device: cpu}
"""


def config(*changes: str) -> Config:
    settings = typed.parse(BASE)
    for change in changes:
        settings = typed.override(settings, change)
    return typed.build(Config, settings)


def released(dropout: float = 0.0) -> Released:
    torch.manual_seed(5)
    network = CLIP(MODEL["embed_dim"], MODEL["vision_cfg"], MODEL["text_cfg"])
    if dropout:
        network.visual.patch_dropout = torch.nn.Dropout(dropout)
    return Released(
        network.train(),
        lambda texts: torch.stack([tokens_of(int(text)) for text in texts]),
        Preprocess((SIDE, SIDE), (0.5,) * 3, (0.5,) * 3, resize_mode="squash"),
        math.log(10),
        None,
        MODEL,
        LENGTH,
    )


def tokens_of(kind: int) -> torch.Tensor:
    return torch.tensor([30, 1 + kind, 2 + kind, 31, 0, 0])


def pixels_of(kind: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 60, (SIDE, SIDE, 3))
    noise[..., kind % 3] += 100
    noise[: SIDE // 2 if kind > 2 else SIDE] += 60
    return noise.astype(np.uint8)


def loader(settings: Config):
    """Batches as this rank sees them, each draw of a sample with noise of its own."""
    classes = np.arange(SAMPLES) % CLASSES
    facts = Facts(
        classes, np.arange(CLASSES)[:, None], log_scale=math.log(10), width=MODEL["embed_dim"]
    )
    drawn = stream(settings, facts)

    def load(step: int) -> Batch:
        batch = drawn.batch(step)
        place = share_of_rank(np.arange(len(batch)), dist.rank(), dist.world_size())
        seeds = [
            sample_seed(settings.seed, step * len(batch) + int(p), str(batch[p])) for p in place
        ]
        kinds = [int(classes[batch[p]]) for p in place]
        pixels = [pixels_of(kind, seed) for kind, seed in zip(kinds, seeds, strict=True)]
        tokens = torch.stack([tokens_of(kind) for kind in kinds])
        return Batch(torch.from_numpy(np.stack(pixels)), tokens, torch.tensor(kinds))

    return load, facts


def engine(folder: Path, settings: Config, hooks=None, *, load=None, dropout=0.0) -> Engine:
    own, facts = loader(settings)
    place = Place(dist.rank(), dist.world_size(), torch.device("cpu"))
    return Engine(
        settings, released(dropout), objective(settings, facts), load or own, folder, place, hooks
    )


def losses(folder: Path) -> list[float]:
    from trainer.engine_files import MetricLog

    return [row["loss"] for row in MetricLog(folder / "metrics.jsonl").rows() if "loss" in row]


def on_this_rank() -> list[float]:
    """Train in the folder that the environment names; used by several ranks at once."""
    folder = Path(os.environ["RUN_FOLDER"])
    made = engine(folder, config(*os.environ["RUN_CHANGES"].split()))
    made.train()
    return losses(folder)
