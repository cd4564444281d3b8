"""Counts by facet: how many images a value would find, beside all else that is chosen.

What is included of a facet is left out while the facet itself is counted, so that its other values
show what adding them would find. An excluded value counts what leaving it out takes away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np

from core.census import Census, Kind, Mask
from core.db.tables import RANKS
from core.filters import Choice, Days, Filters, Taxon

FACETS = (
    *RANKS, "dataset", "institution", "collection", "country", "basis", "type_status", "sex",
    "life_stage", "view", "licence", "coordinates", "decade",
)  # fmt: skip
USUAL = (
    "order", "family", "country", "collection", "decade", "type_status", "basis", "sex",
    "life_stage", "view", "licence", "coordinates",
)  # fmt: skip
State = Literal["include", "exclude"]
Passing = Callable[[Filters], Awaitable[tuple[Census, Mask]]]
"""Which images pass filters."""


@dataclass(frozen=True)
class Value:
    """One value of a facet as first seen; of a dataset its id, of a decade its first year."""

    value: str
    count: int
    state: State | None


@dataclass(frozen=True)
class Facet:
    """Values, those chosen first, then the most common."""

    name: str
    values: list[Value]
    missing: int
    """Images that pass all else and say nothing of this."""
    missing_state: State | None
    more: bool
    """Whether there are further values."""


def filter_of(name: str, value: str) -> tuple[str, str]:
    """The filter and its value that mean `value` of the facet `name`."""
    if name in RANKS:
        return "taxon", f"{name}:{value}"
    if name == "decade":
        return "date", f"{value},{int(value) + 9:04}"
    return name, "\\" + value if value[:1] in ("-", "\\") else value


async def count(
    name: str, filters: Filters, passing: Passing, limit: int, fits: Callable[[str], bool]
) -> Facet:
    """One facet: at most `limit` values that `fits`, after those chosen."""
    included, excluded = _chosen(name, filters, (await passing(Filters()))[0])
    census, among = await passing(_without(name, filters, included, frozenset()))
    back = among
    if excluded:
        _, back = await passing(_without(name, filters, included, excluded))

    def tally() -> Facet:
        kind = census.kind(name)
        counts = kind.counts(among)
        taken = kind.counts(back) if excluded else counts
        for code in (kind.code.get(value) for value in excluded):
            if code is not None:
                counts[code] = taken[code]
        states: dict[str, State] = {value: "include" for value in sorted(included)}
        states |= {value: "exclude" for value in sorted(excluded)}
        values, more = _listed(name, kind, counts, states, limit, fits)
        missing = _missing(name, census, among)
        return Facet(name, values, missing, _state(filters.missing, name), more)

    return await asyncio.to_thread(tally)


def _listed(
    name: str,
    kind: Kind,
    counts: Any,
    states: Mapping[str, State],
    limit: int,
    fits: Callable[[str], bool],
) -> tuple[list[Value], bool]:
    chosen = [
        Value(kind.values[code], int(counts[code]), state)
        if (code := kind.code.get(value)) is not None
        else Value(value, 0, state)
        for value, state in states.items()
    ]
    codes = [
        code
        for code in np.flatnonzero(counts).tolist()
        if kind.values[code].lower() not in states and fits(kind.values[code])
    ]
    codes.sort(key=lambda code: (-int(counts[code]), kind.values[code]))
    kept = codes[:limit]
    if name == "decade":
        kept.sort(key=lambda code: kind.values[code])
    others = [Value(kind.values[code], int(counts[code]), None) for code in kept]
    return chosen + others, len(codes) > limit


def _missing(name: str, census: Census, among: Mask) -> int:
    if name == "coordinates":  # which has a value for that
        return 0
    if name == "decade":
        return int(np.count_nonzero(among & (census.start == 0)))
    return int(np.count_nonzero(among)) - census.kind(name).having(among)


def _chosen(name: str, filters: Filters, census: Census) -> tuple[frozenset[str], frozenset[str]]:
    """Values of the facet that are included and excluded, in small letters."""
    if name == "coordinates":
        said = filters.coordinates
        return (frozenset() if said is None else frozenset({str(said).lower()})), frozenset()
    choice: Choice[Any] = getattr(filters, _key(name))
    read = _reader(name, census.kind(name))
    include, exclude = (
        frozenset(text for value in values if (text := read(value)) is not None)
        for values in (choice.include, choice.exclude)
    )
    return include, exclude


def _key(name: str) -> str:
    return "taxon" if name in RANKS else "date" if name == "decade" else name


def _reader(name: str, kind: Kind) -> Callable[[Any], str | None]:
    """What a value of the filter is among those of the facet; None where it is none of them."""

    def rank(taxon: Taxon) -> str | None:
        text = taxon.name.lower()
        own = taxon.rank == name or (taxon.rank is None and text in kind.code)
        return text if own else None

    def decade(days: Days) -> str | None:
        first = days.first
        if first is None or first.year % 10 or (first.month, first.day) != (1, 1):
            return None
        return f"{first.year:04}" if days.last == date(first.year + 9, 12, 31) else None

    if name in RANKS:
        return rank
    return decade if name == "decade" else lambda value: str(value).lower()


def _without(
    name: str, filters: Filters, included: frozenset[str], excluded: frozenset[str]
) -> Filters:
    """The filters without what is chosen of this facet; a choice of others' stays."""
    missing = Choice(*(tuple(v for v in values if v != name) for values in _both(filters.missing)))
    if name == "coordinates":
        return replace(filters, coordinates=None, missing=missing)
    key = _key(name)
    choice: Choice[Any] = getattr(filters, key)
    if name in RANKS:
        dropped = {"include": included, "exclude": excluded}
        kept = [
            tuple(t for t in values if not (t.name.lower() in own and t.rank in (None, name)))
            for values, own in zip(_both(choice), dropped.values(), strict=True)
        ]
        left = Choice(*kept)
    else:  # any range of days stands in the way of every decade
        left = Choice((), () if excluded else choice.exclude)
    others: dict[str, Any] = {key: left}
    return replace(filters, missing=missing, **others)


def _both(choice: Choice[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return choice.include, choice.exclude


def _state(choice: Choice[str], name: str) -> State | None:
    if name in choice.include:
        return "include"
    return "exclude" if name in choice.exclude else None
