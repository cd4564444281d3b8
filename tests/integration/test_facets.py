"""Counts by facet against a plain count over the records."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from core import facets, versions
from core.counting import Counting
from core.db import facts
from core.db.tables import RANKS
from core.filters import Choice, Days, Filters, Taxon
from core.vectors import copy_vectors
from tests.integration.collection import spec, vectors
from tests.integration.test_filters import Collection, some_filters

COLUMNS = {"institution": "institution_code", "collection": "collection_code",
           "basis": "basis_of_record", "sex": "sex", "life_stage": "life_stage"}  # fmt: skip
DECADES = [Days(date(year, 1, 1), date(year + 9, 12, 31)) for year in (1890, 1920)]


def anything(value: str) -> bool:
    """Fits every value."""
    return bool(value)


def said(made: Collection, own: UUID, name: str) -> set[str]:
    """What an image says of a facet, in small letters."""
    rows = made.current(own)
    first = rows[0] if rows else {}
    if name in ("view", "licence"):
        found: Any = [made.images[own][name]]
    elif name == "dataset":
        found = [str(made.images[own]["dataset_id"]), *(str(row["dataset_id"]) for row in rows)]
    elif name == "country":
        found = [row["country_code"] or row["country"] for row in rows]
    elif name == "type_status":
        words = " ".join(row["type_status"] or "" for row in rows)
        found = "".join(c if c.isalpha() else " " for c in words).split()
    elif name == "coordinates":
        found = [str(first.get("decimal_latitude") is not None)]
    elif name == "decade":
        found = [decade(first)]
    else:
        found = [row.get(COLUMNS.get(name, name)) for row in rows]
    return {value.lower() for value in found if value}


def decade(row: dict[str, Any]) -> str | None:
    if row.get("event_start") is None:
        return None
    of = {row[end].year // 10 for end in ("event_start", "event_end")}
    return f"{of.pop()}0" if len(of) == 1 else None


def chosen(name: str, choice: Choice[Any]) -> tuple[set[str], set[str]]:
    def spelt(value: Any) -> str | None:
        if name in RANKS:
            return value.name.lower() if value.rank in (None, name) else None
        if name == "decade":
            return f"{value.first.year}" if value in DECADES else None
        return str(value).lower()

    include, exclude = (
        {s for v in values if (s := spelt(v))} for values in (choice.include, choice.exclude)
    )
    return include, exclude


def without(filters: Filters, name: str, known: set[str], *, exclude: bool) -> Filters:
    """The filters as they are when the facet itself is counted."""
    kept = Choice(
        tuple(v for v in filters.missing.include if v != name),
        tuple(v for v in filters.missing.exclude if v != name),
    )
    filters = replace(filters, missing=kept)
    if name == "coordinates":
        return replace(filters, coordinates=None)
    key = "taxon" if name in RANKS else "date" if name == "decade" else name
    choice = getattr(filters, key)

    def stays(value: Any) -> bool:
        own = isinstance(value, Taxon) and value.rank in (None, name)
        return isinstance(value, Taxon) and not (own and value.name.lower() in known)

    left = Choice(
        tuple(v for v in choice.include if stays(v)),
        tuple(v for v in choice.exclude if stays(v)) if exclude else choice.exclude,
    )
    return replace(filters, **{key: left})


def plain_count(made: Collection, name: str, filters: Filters) -> tuple[Counter[str], int]:
    everything = {value for own in made.images for value in said(made, own, name)}
    passing = made.passing(without(filters, name, everything, exclude=False))
    counts = Counter(value for own in passing for value in said(made, own, name))
    key = "taxon" if name in RANKS else "date" if name == "decade" else name
    if name != "coordinates":
        _, excluded = chosen(name, getattr(filters, key))
        back = made.passing(without(filters, name, everything, exclude=True))
        for value in excluded & everything:
            counts[value] = sum(value in said(made, own, name) for own in back)
    missing = sum(not said(made, own, name) for own in passing)
    if name == "decade":  # what is dated less exactly is not undated
        first = (made.current(own)[:1] for own in passing)
        missing = sum(not rows or rows[0]["event_start"] is None for rows in first)
    return +counts, missing


def asked(chance: random.Random) -> Iterator[Filters]:
    yield Filters()
    yield Filters(taxon=Choice((Taxon("Lepidoptera", "order"),), (Taxon("Pieridae"),)))
    yield Filters(taxon=Choice((Taxon("Morus"), Taxon("Danaus", "genus"))))
    yield Filters(date=Choice(tuple(DECADES)))
    yield Filters(date=Choice((), (DECADES[1],)), country=Choice(("BR", "PE"), ("Gold Coast",)))
    for _ in range(15):
        yield replace(some_filters(chance), atlas=Choice())  # nothing is on an atlas here


async def fill(conn: AsyncConnection, made: Collection) -> versions.Version:
    await made.store(conn)
    version = await versions.ensure(conn, "v", spec(8))
    await copy_vectors(conn, version, list(made.images), vectors(len(made.images), 8))
    await facts.refresh(conn, list(made.images))
    return version


async def test_counts_are_what_a_plain_count_says(engine: AsyncEngine) -> None:
    made = Collection(120, seed=21)
    counting = Counting()
    some = 0
    async with engine.begin() as conn:
        version = await fill(conn, made)

        async def passing(filters: Filters) -> Any:
            return await counting.passing(conn, version, filters)

        chance = random.Random(5)
        for filters in asked(chance):
            for name in chance.sample(facets.FACETS, 8):
                found = await facets.count(name, filters, passing, 1000, anything)
                wanted, missing = plain_count(made, name, filters)
                shown = {each.value.lower(): each.count for each in found.values if each.count}
                assert shown == wanted, (name, filters)
                assert found.missing == missing, (name, filters)
                some += len(wanted) > 1
                if name != "coordinates":
                    key = "taxon" if name in RANKS else "date" if name == "decade" else name
                    include, exclude = chosen(name, getattr(filters, key))
                    states = {each.value.lower(): each.state for each in found.values}
                    assert {v for v, s in states.items() if s == "exclude"} >= exclude & set(states)
                    assert {v for v, s in states.items() if s == "include"} >= include & set(states)
    assert some > 60


async def test_a_choice_of_the_facet_itself_is_left_out_and_listed_first(
    engine: AsyncEngine,
) -> None:
    made = Collection(120, seed=3)
    counting = Counting()
    async with engine.begin() as conn:
        version = await fill(conn, made)

        async def count(filters: Filters, limit: int) -> facets.Facet:
            async def passing(others: Filters) -> Any:
                return await counting.passing(conn, version, others)

            return await facets.count("country", filters, passing, limit, anything)

        free = {each.value: each.count for each in (await count(Filters(), 9)).values}
        least = min(free, key=lambda value: free[value])
        one = await count(Filters(country=Choice((least,))), 1)
        assert [one.values[0].value, one.values[0].count] == [least, free[least]]
        assert one.values[0].state == "include"
        assert one.more
        assert one.values[1].count == max(free.values())
        none = await count(Filters(country=Choice((), (least, "NZ"))), 9)
        assert {each.value: each.count for each in none.values[:2]} == {least: free[least], "nz": 0}


async def test_counts_follow_the_database(engine: AsyncEngine) -> None:
    made = Collection(60, seed=8)
    counting = Counting()
    async with engine.begin() as conn:
        version = await fill(conn, made)
        before = await counting.census(conn, version)
        assert await counting.census(conn, version) is before
    async with engine.begin() as conn:
        await conn.execute(text("UPDATE record SET country_code = 'NZ', country = 'New Zealand'"))
        await facts.refresh(conn, list(made.images))
    counting._held[version.id].until = 0  # as when its rest is over
    async with engine.begin() as conn:
        found, among = await counting.passing(conn, version, Filters(country=Choice(("NZ",))))
        assert found is not before
        country = found.kind("country")
        counts = country.counts(among)
        named = {country.values[code]: int(n) for code, n in enumerate(counts) if n}
    assert named == {"NZ": sum(1 for own in made.images if made.current(own))}


async def test_an_empty_version_counts_nothing(engine: AsyncEngine) -> None:
    counting = Counting()
    async with engine.begin() as conn:
        version = await versions.ensure(conn, "v", spec(8))

        async def passing(filters: Filters) -> Any:
            return await counting.passing(conn, version, filters)

        asked = Filters(country=Choice(("BR",)))
        for name in facets.FACETS:
            found = await facets.count(name, asked, passing, 5, anything)
            assert sum(each.count for each in found.values) == found.missing == 0
