"""The text tower of a model, run no further than the text goes.

CLIP's text towers are causal and give what stands at the end mark: what comes after cannot matter,
yet open_clip computes all 77 positions. Towers that see forwards (SigLIP's) are run whole.
"""

from collections.abc import Callable
from typing import Any

import torch

from core.encoders.precision import halve, least_cosine, worthwhile

ENOUGH = 0.9999
"""Cosine with the whole tower in single precision, for a way of running it to be taken."""
PROBES = (
    "a",
    "a pinned specimen of Morpho menelaus, dorsal view, with blue wings, brown margins and a row"
    " of white spots, beside a scale bar, a colour card and three printed labels in a museum",
)
Run = Callable[[torch.Tensor], torch.Tensor]


class CutTower:
    """A causal text tower that reads up to the last end mark of the batch. Thread-safe."""

    def __init__(self, tower: Any) -> None:
        self._tower = tower
        self._pool = getattr(tower, "text_pool_type", None) or tower.pool_type
        self._end: Any = getattr(tower, "text_eos_id", None) or getattr(tower, "eos_id", None)
        self.autocast = torch.float32
        """What the layers compute in."""

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens [n, context] to vectors [n, dim], of any length."""
        tower = self._tower
        marks = tokens if self._pool == "argmax" else torch.eq(tokens, self._end).int()
        ends = marks.argmax(-1)
        length = int(ends.max()) + 1
        states = tower.token_embedding(tokens[:, :length]) + tower.positional_embedding[:length]
        half, device = self.autocast is not torch.float32, tokens.device.type
        with torch.autocast(device, dtype=self.autocast, enabled=half):
            states = tower.transformer(states, attn_mask=tower.attn_mask[:length, :length])
        rows = torch.arange(len(tokens), device=tokens.device)
        with torch.autocast(device, enabled=False):
            last: torch.Tensor = tower.ln_final(states[rows, ends].float())
            projection = tower.text_projection
            if isinstance(projection, torch.nn.Module):
                return projection(last)  # type: ignore[no-any-return]
            return last if projection is None else last @ projection


def shorten(network: Any, probes: torch.Tensor, *, here: bool) -> CutTower | None:
    """A quicker way to the same vectors as `network.encode_text`, or None where there is none.

    `network` is on the CPU in single precision. Both ways are compared on the tokens `probes`
    [n, context]. Where it will be run `here`, on the CPU, its layers may be kept in bfloat16.
    """
    tower = getattr(network, "text", network)
    if not _causal(tower):
        return None
    cut = CutTower(tower)
    whole = network.encode_text(probes)

    def same() -> bool:
        return least_cosine(cut(probes), whole) >= ENOUGH

    if not same():
        return None
    if here and worthwhile(tower.transformer):
        cut.autocast = torch.bfloat16
        if not halve(tower.transformer, same):
            cut.autocast = torch.float32
    return cut


def _causal(tower: Any) -> bool:
    needed = ("token_embedding", "positional_embedding", "transformer", "ln_final", "attn_mask")
    if any(getattr(tower, name, None) is None for name in needed):
        return False
    pool = getattr(tower, "text_pool_type", None) or getattr(tower, "pool_type", None)
    others = getattr(tower, "cls_emb", None) is not None or getattr(tower, "use_pad_mask", False)
    return pool in ("argmax", "eos") and not others
