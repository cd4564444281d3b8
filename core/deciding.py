"""Filters decided over a census, without the database: a million images in milliseconds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.census import Census, Mask
from core.db.conditions import FACETS
from core.db.tables import RANKS
from core.filters import Box, Choice, Days, Filters, Taxon

_ELSEWHERE = ("polygon", "text", "catalog", "record", "atlas")


def decided(census: Census, filters: Filters) -> Mask | None:
    """Which images pass `filters`, as `core.db.conditions` has it; None where only SQL can tell.

    Only ASCII is compared here (what else is a small letter, the database says), and only whole
    years.
    """
    if not (census.complete and _decidable(filters)):
        return None
    parts: list[tuple[Choice[Any], Callable[[Any], Mask]]] = [
        (filters.taxon, lambda taxon: _named(census, taxon)),
        (filters.bbox, lambda box: _inside(census, box)),
        (filters.date, lambda days: _within(census, days)),
        *((getattr(filters, kind), _saying(census, kind)) for kind in FACETS),
    ]
    passing = np.ones(len(census), np.bool_)
    for choice, which in parts:
        if choice.include:
            passing &= np.logical_or.reduce([which(value) for value in choice.include])
        for value in choice.exclude:
            passing &= ~which(value)
    for months, wanted in ((filters.month.include, True), (filters.month.exclude, False)):
        if months:
            passing &= _in_months(census, months) == wanted
    for name in filters.missing.include:
        passing &= ~census.says(name)
    for name in filters.missing.exclude:
        passing &= census.says(name)
    if filters.coordinates is not None:
        passing &= census.says("coordinates") == filters.coordinates
    return passing


def _decidable(filters: Filters) -> bool:
    if any(getattr(filters, name) for name in _ELSEWHERE):
        return False
    said = [str(value) for kind in FACETS for value in _all(getattr(filters, kind))]
    said += [taxon.name for taxon in _all(filters.taxon)]
    return all(each.isascii() for each in said) and all(map(_whole_years, _all(filters.date)))


def _all(choice: Choice[Any]) -> Sequence[Any]:
    return choice.include + choice.exclude


def _whole_years(days: Days) -> bool:
    first, last = days.first, days.last
    starts = first is None or (first.month, first.day) == (1, 1)
    return starts and (last is None or (last.month, last.day) == (12, 31))


def _saying(census: Census, kind: str) -> Callable[[object], Mask]:
    return lambda value: census.kind(kind).holds(str(value), len(census))


def _named(census: Census, taxon: Taxon) -> Mask:
    kinds = (taxon.rank,) if taxon.rank else (*RANKS, "name")
    held: Mask = np.logical_or.reduce([_saying(census, kind)(taxon.name) for kind in kinds])
    return held


def _inside(census: Census, box: Box) -> Mask:
    high = (census.latitude >= box.south) & (census.latitude <= box.north)
    east, west = census.longitude >= box.west, census.longitude <= box.east
    inside: Mask = high & (east & west if box.west <= box.east else east | west)
    return inside


def _within(census: Census, days: Days) -> Mask:
    within: Mask = census.start != 0
    if days.first:
        within = within & (census.start >= days.first.year)
    if days.last:
        within = within & (census.end <= days.last.year)
    return within


def _in_months(census: Census, months: Sequence[int]) -> Mask:
    """Which are surely of one of `months`."""
    other = 4095 & ~sum(1 << (month - 1) for month in set(months))
    inside: Mask = (census.months != 0) & (census.months & other == 0)
    return inside
