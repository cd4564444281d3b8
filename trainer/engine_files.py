"""The files of a run: checkpoints that are whole or absent, and metrics one JSON object a line."""

import json
import math
import os
from pathlib import Path
from typing import Any

import torch

from core.errors import UnreadableSource

LAST, BEST = "last.pt", "best.pt"


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write to a file beside it, to the disk, then in place of `path`: a crash leaves the old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Tensors and plain values only, so that a checkpoint cannot run code; UnreadableSource."""
    try:
        found: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreadableSource(f"{path} is not a checkpoint of this trainer: {reason}") from error
    return found


class MetricLog:
    """Rows with a "step", appended; `rewind` drops what a crash left past the checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, row: dict[str, Any]) -> None:
        """Append one row; numbers that are not finite are written as null."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row), allow_nan=False) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """All whole rows; a line cut off by a crash is left out."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def rewind(self, step: int) -> None:
        """Keep only rows up to and including `step`."""
        kept = [row for row in self.rows() if row["step"] <= step]
        part = self.path.with_suffix(".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        os.replace(part, self.path)


def plain(value: Any) -> Any:
    """The same for JSON: numbers that are not finite, which it does not know, become null."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
