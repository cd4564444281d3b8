"""Runs a function of a test module in several processes joined by gloo."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.paths import ROOT

_CHILD = """
import importlib, pickle, sys, torch, torch.distributed as c10d
rank, world, where, module, name = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
torch.set_num_threads(1)
c10d.init_process_group("gloo", init_method=f"file://{where}/meet", rank=rank, world_size=world)
result = getattr(importlib.import_module(module), name)()
with open(f"{where}/{rank}.pkl", "wb") as out:
    pickle.dump(result, out)
c10d.barrier()
c10d.destroy_process_group()
"""


def on_ranks(world: int, module: str, name: str) -> list[object]:
    """What `module.name()` returns on each of `world` ranks."""
    with tempfile.TemporaryDirectory() as where:
        arguments = [str(world), where, module, name]
        children = [
            subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(rank), *arguments],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(world)
        ]
        errors = [child.communicate(timeout=120)[1] for child in children]
        assert all(child.returncode == 0 for child in children), "\n".join(errors)
        return [pickle.loads((Path(where) / f"{rank}.pkl").read_bytes()) for rank in range(world)]
