"""Which text is true of which picture: what the text claims against what the picture shows.

Both are rows of codes with one column for each attribute, such as the class, the genus, the view or
a trait, so that any pair of a batch is judged on the device by comparing numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer import dist

ANY = "any"
"""Claims that a picture shows some value of an attribute, whichever."""
_NOTHING, _ANY, _NEVER = 0, -1, -2
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Said:
    """A text and the attributes it names; `claims` None is true of its own picture only."""

    text: str
    claims: Mapping[str, str] | None


class Ledger:
    """Numbers for the attributes that pictures show and texts name."""

    def __init__(self, shown: Sequence[Mapping[str, str]]) -> None:
        """`shown` gives each picture's attributes; "" is the same as absent."""
        self._column = {name: i for i, name in enumerate(sorted({k for row in shown for k in row}))}
        self._codes: list[dict[str, int]] = [{} for _ in self._column]
        self.facts: Codes = np.zeros((len(shown), len(self._column)), dtype=np.int32)
        """int32 [n, K]: from 1, and 0 for what a picture does not show."""
        for i, row in enumerate(shown):
            for name, value in row.items():
                if value:
                    codes = self._codes[self._column[name]]
                    column = self._column[name]
                    self.facts[i, column] = codes.setdefault(value, len(codes) + 1)

    def claims(self, said: Sequence[Mapping[str, str] | None]) -> Codes:
        """int32 [m, K]: a code of `facts`, 0 for nothing claimed, -1 for any, -2 for what no
        picture shows.
        """
        out: Codes = np.full((len(said), len(self._column)), _NOTHING, dtype=np.int32)
        for i, row in enumerate(said):
            if row is None or not row.keys() <= self._column.keys():
                out[i] = _NEVER
                continue
            for name, value in row.items():
                column = self._column[name]
                known = self._codes[column].get(value, _NEVER)
                out[i, column] = _ANY if value == ANY else known
        return out


def holds(facts: Tensor, claims: Tensor) -> Tensor:
    """bool [n, m]: whether every claim of row j of `claims` [m, K] is met by row i of `facts`."""
    out = torch.ones(len(facts), len(claims), dtype=torch.bool, device=facts.device)
    for fact, claim in zip(facts.T[:, :, None], claims.T[:, None, :], strict=True):
        out &= (claim == _NOTHING) | (claim == fact) | ((claim == _ANY) & (fact > 0))
    return out


@dataclass(frozen=True)
class Words:
    """int32 [b, K] each: `facts` of a batch's pictures and `claims` of its texts; see `Ledger`."""

    facts: Tensor
    claims: Tensor

    @property
    def is_cuda(self) -> bool:
        """Whether a GPU has them."""
        return self.facts.is_cuda

    def pin_memory(self) -> "Words":
        """The same where a GPU can fetch it by itself."""
        return Words(self.facts.pin_memory(), self.claims.pin_memory())

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "Words":
        """The same on `device`."""
        parts = (self.facts, self.claims)
        return Words(*(part.to(device, non_blocking=non_blocking) for part in parts))

    def gathered(self) -> "Words":
        """Those of all ranks, in rank order."""
        return Words(dist.gather_rows(self.facts), dist.gather_rows(self.claims))

    def block(self, rows: Tensor, columns: Tensor) -> Tensor:
        """bool [rows, columns]: which texts are true of which pictures, each of its own always."""
        own = rows[:, None] == columns[None, :]
        return own | holds(self.facts[rows], self.claims[columns])
