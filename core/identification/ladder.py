"""From evidence by lineage to a ladder: at every rank the taxon that the evidence speaks for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.db.tables import RANKS
from core.identification.taxa import Taxa
from core.identification.votes import Tally

Method = Literal["text", "specimens", "both"]
METHODS: tuple[Method, ...] = ("text", "specimens", "both")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What speaks for each lineage, float64 [lineages] each; shares add up to 1, or are all 0."""

    text: Floats
    """Share of the zero-shot text prompts."""
    prompt: Floats
    """Cosine with the prompts, -1 where there are none."""
    votes: Tally
    """Of the nearest specimens."""

    def shares(self, method: Method, text_share: float) -> Floats:
        """Shares by `method`; of both, the prompts count for `text_share`."""
        if method == "text":
            return self.text
        if method == "specimens":
            return self.votes.shares
        return text_share * self.text + (1 - text_share) * self.votes.shares


@dataclass(frozen=True)
class Step:
    """The taxon chosen at one rank; `code` indexes `Taxa.names[rank]`, None: nothing is named."""

    rank: int
    code: int | None
    features: tuple[float, ...] = ()
    """What its support is judged by: share, log odds, best cosines."""


def climb(
    taxa: Taxa,
    evidence: Evidence,
    method: Method,
    text_share: float,
    boost: Floats | None = None,
) -> list[Step]:
    """The chosen taxon at every rank, each within the one above it.

    A rank that most of the evidence does not name is passed over. `boost` [lineages] multiplies
    the shares for the choice; the features are always of the picture alone.
    """
    plain = evidence.shares(method, text_share)
    shares = plain if boost is None else plain * boost
    inside = shares > 0
    steps = []
    for rank in range(len(RANKS)):
        codes = taxa.codes[rank]
        named = inside & (codes >= 0)
        held = float(shares[named].sum())
        if held == 0 or held < shares[inside].sum() / 2:
            steps.append(Step(rank, None))
            continue
        best = int(np.bincount(codes[named], weights=shares[named]).argmax())
        steps.append(Step(rank, best, _features(taxa, evidence, method, plain, rank, best)))
        inside = named & (codes == best)
    return steps


def _features(
    taxa: Taxa, evidence: Evidence, method: Method, shares: Floats, rank: int, code: int
) -> tuple[float, ...]:
    """Share of the evidence, log odds of it, and the best cosines within the taxon."""
    mine = taxa.codes[rank] == code
    share = float(shares[mine].sum())
    bounded = min(max(share, 0.002), 0.998)
    found = [share, float(np.log(bounded / (1 - bounded)))]
    if method != "specimens":
        found += [float(evidence.prompt[mine].max(initial=-1.0))]
    if method != "text":
        found += [float(evidence.votes.nearest.max(initial=-1.0))]
        found += [float(evidence.votes.nearest[mine].max(initial=-1.0))]
    return tuple(found)
