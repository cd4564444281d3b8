"""Joins the processes that torchrun or SLURM has started; a single process needs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as c10d

from core.errors import InvalidSetting

if TYPE_CHECKING:  # the loop itself needs nothing of what reads settings
    from core.settings import Launch

_PATIENCE = timedelta(hours=2)
"""How long ranks wait for one another: the first may be decoding pictures for all."""


@dataclass(frozen=True)
class Place:
    """Where one process stands."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0


def pick_device(name: str, local_rank: int) -> torch.device:
    """ "auto" is this process's own GPU, else Apple's, else the processor."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", local_rank % torch.cuda.device_count())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if name == "cuda" and torch.cuda.is_available():
        return torch.device("cuda", local_rank % torch.cuda.device_count())
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidSetting(f"device {name!r} cannot be used here") from error
    return device


@contextmanager
def joined(device: str, launch: "Launch") -> Iterator[Place]:
    """Join the other ranks, nccl between GPUs and gloo elsewhere, and part from them at the end."""
    chosen = pick_device(device, launch.local_rank)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if launch.world == 1:
        yield Place(0, 1, chosen)
        return
    c10d.init_process_group(
        "nccl" if chosen.type == "cuda" else "gloo",
        # torchrun already serves the meeting point that it names
        init_method="env://" if launch.told else f"tcp://{launch.address}:{launch.port}",
        rank=launch.rank,
        world_size=launch.world,
        timeout=_PATIENCE,
    )
    try:
        yield Place(launch.rank, launch.world, chosen)
    finally:
        c10d.destroy_process_group()
