"""The ladder of one photo as the API shows it: rungs, candidates, evidence, what is lacking."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.identify import lacking, queries
from backend.identify.evidence import Found, Space
from backend.identify.schemas import (
    Boost,
    Candidate,
    EvidenceImage,
    IdentifyOptions,
    Named,
    Rung,
)
from backend.images import service as pictures
from backend.records import service as records
from backend.search import queries as found_queries
from core.db.tables import RANKS
from core.identification.ladder import climb
from core.identification.support import Support, stop
from core.identification.taxa import Taxa

NEAR_KM = 500.0
NEAR_FACTOR, SEASON_FACTOR = 2.0, 1.5
"""What a species counts more where the museum has a record of it nearby, or in season."""
LIKELY = 200
"""Species asked after for the boost."""
SPECIES = RANKS.index("species")
Floats = NDArray[np.float64]


async def build(
    conn: AsyncConnection, space: Space, support: Support, asked: IdentifyOptions, found: Found
) -> dict[str, Any]:
    """Rungs, where they stop, the evidence and what is lacking: fields of `Identified`."""
    taxa, evidence = space.taxa, found.evidence
    plain = evidence.shares(support.method, support.text_share)
    boosts = await _boosts(conn, taxa, plain, asked)
    factors = _factors(taxa, boosts)
    steps = climb(taxa, evidence, support.method, support.text_share, factors)
    supports = support.along(steps)
    last = stop(supports, asked.certainty)
    boosted = plain * factors
    boosted = boosted / boosted.sum() if boosted.sum() > 0 else boosted
    maker = _Candidates(space, support, found, boosted, boosts, asked)
    rungs = []
    for step, value in zip(steps, supports, strict=True):
        rungs.append(
            Rung.model_validate(
                {
                    "rank": RANKS[step.rank],
                    "taxon": None if step.code is None else taxa.names[step.rank][step.code],
                    "support": value,
                    "supported": last is not None and step.rank <= last and step.code is not None,
                    "candidates": maker.at(step.rank, step.code),
                }
            )
        )
    return {
        "rungs": rungs,
        "stops_at": None if last is None else RANKS[last],
        "named": _named(rungs, last),
        "left_out": sorted(found.own),
        "neighbours": await _shown(conn, found, asked),
        "lacks": await lacking.sentences(conn, space, asked, steps, NEAR_KM),
    }


def _named(rungs: Sequence[Rung], last: int | None) -> Named | None:
    if last is None:
        return None
    rung = rungs[last]
    chosen = next(each for each in rung.candidates if each.name == rung.taxon)
    return Named(
        rank=rung.rank,
        name=chosen.name,
        filter=chosen.filter,
        common_name=chosen.common_name,
        support=rung.support or 0.0,
    )


async def _boosts(
    conn: AsyncConnection, taxa: Taxa, shares: Floats, asked: IdentifyOptions
) -> dict[str, Boost]:
    """What lifts the likeliest species, by name."""
    place = None
    if asked.latitude is not None and asked.longitude is not None:
        place = (asked.latitude, asked.longitude)
    likely = [taxa.lineages[i].names[SPECIES] for i in np.argsort(-shares)[:LIKELY] if shares[i]]
    counts = await queries.occurrences(
        conn,
        [name for name in likely if name],
        place=place,
        month=asked.month,
        kilometres=NEAR_KM,
    )
    return {name: _boost(near, season) for name, (near, season) in counts.items()}


def _boost(near: int, season: int) -> Boost:
    factor = (NEAR_FACTOR if near else 1.0) * (SEASON_FACTOR if season else 1.0)
    return Boost(factor=factor, near=near, season=season, kilometres=NEAR_KM)


def _factors(taxa: Taxa, boosts: Mapping[str, Boost]) -> Floats:
    lifted = (boosts.get(lineage.names[SPECIES] or "") for lineage in taxa.lineages)
    return np.array([each.factor if each else 1.0 for each in lifted], np.float64)


class _Candidates:
    """Makes the candidates of every rank."""

    def __init__(
        self,
        space: Space,
        support: Support,
        found: Found,
        boosted: Floats,
        boosts: Mapping[str, Boost],
        asked: IdentifyOptions,
    ) -> None:
        self._taxa, self._found, self._boosts = space.taxa, found, boosts
        self._boosted, self._limit = boosted, asked.limit
        self._text = support.method != "specimens"
        self._votes = support.method != "text"

    def at(self, rank: int, chosen: int | None) -> list[Candidate]:
        """The best taxa of `rank`, among them always the chosen one."""
        scores = self._taxa.sums(rank, self._boosted)
        best = [int(code) for code in np.argsort(-scores)[: self._limit] if scores[code] > 0]
        if chosen is not None and chosen not in best:
            best[-1:] = [chosen]
        return [self._one(rank, code, float(scores[code])) for code in best]

    def _one(self, rank: int, code: int, score: float) -> Candidate:
        mine = self._taxa.codes[rank] == code
        evidence, name = self._found.evidence, self._taxa.names[rank][code]
        voters = [
            each
            for each in self._found.neighbours
            if (index := self._taxa.where.get(each.names)) is not None and mine[index]
        ]
        prompt = float(evidence.prompt[mine].max(initial=-1.0))
        lineage = self._taxa.lineages[int(mine.argmax())]
        return Candidate.model_validate(
            {
                "rank": RANKS[rank],
                "name": name,
                "filter": f"{RANKS[rank]}:{name}",
                "common_name": lineage.common_name if rank == SPECIES else None,
                "lineage": lineage.names[: rank + 1],
                "score": score,
                "text_score": float(evidence.text[mine].sum()) if self._text else None,
                "specimen_score": (
                    float(evidence.votes.shares[mine].sum()) if self._votes else None
                ),
                "neighbours": len(voters),
                "nearest": voters[0].cosine if voters else None,
                "prompt": prompt if self._text and prompt > -1 else None,
                "boost": self._boosts.get(name) if rank == SPECIES else None,
                "evidence": [each.image_id for each in voters],
            }
        )


async def _shown(
    conn: AsyncConnection, found: Found, asked: IdentifyOptions
) -> list[EvidenceImage]:
    rows = await found_queries.found(conn, [each.image_id for each in found.neighbours])
    shown = []
    for each in found.neighbours:
        if (row := rows.get(each.image_id)) is None:
            continue
        first = row.records[0] if row.records else None
        shown.append(
            EvidenceImage(
                cosine=each.cosine,
                image=pictures.describe(row.image),
                record=records.summary(first) if first else None,
                kilometres=_distance(asked, first) if first else None,
            )
        )
    return shown


def _distance(asked: IdentifyOptions, row: Any) -> float | None:
    """Kilometres from the place given to that of a record, on a sphere (haversine)."""
    there = (row["record_decimal_latitude"], row["record_decimal_longitude"])
    if asked.latitude is None or asked.longitude is None or None in there:
        return None
    (south, west), (north, east) = (
        (math.radians(asked.latitude), math.radians(asked.longitude)),
        tuple(map(math.radians, there)),
    )
    across = math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return round(
        12742 * math.asin(math.sqrt(min(1.0, math.sin((north - south) / 2) ** 2 + across))), 1
    )
