"""Counts by facet against a plain count over the records."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from core import facets, spread, taxon_tree, versions
from core.counting import Counting
from core.db import facts
from core.db.migrate import config, migrate
from core.db.tables import RANKS
from core.filters import Box, Choice, Days, Filters, Taxon
from core.vectors import copy_vectors
from tests.integration.collection import spec, vectors
from tests.integration.test_filters import Collection, in_box, in_months, some_filters

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


async def test_years_months_and_places_are_what_a_plain_count_says(engine: AsyncEngine) -> None:
    made = Collection(200, seed=31)
    counting = Counting()
    async with engine.begin() as conn:
        version = await fill(conn, made)
        census, among = await counting.passing(conn, version, Filters(country=Choice((), ("BR",))))
    rows = [
        (made.current(own) or [{}])[0] for own in made.passing(Filters(country=Choice((), ("BR",))))
    ]
    dated = [row for row in rows if row.get("event_start")]
    sure = Counter(
        row["event_start"].year for row in dated if row["event_start"].year == row["event_end"].year
    )
    years = spread.years(census, among)
    assert years == spread.Years(dict(sorted(sure.items())), len(dated) - sure.total(),
                                 len(rows) - len(dated))  # fmt: skip
    by_month = [sum(in_months(row, (month,)) for row in dated) for month in range(1, 13)]
    assert spread.months(census, among) == spread.Months(by_month, len(dated) - sum(by_month))
    placed = [row for row in rows if row.get("decimal_latitude") is not None]
    for window, across in ((Box(-180, -90, 180, 90), 8), (Box(170, -20, -160, 60), 4),
                           (Box(-30, -20, 21, 50), 128)):  # fmt: skip
        cells = spread.cells(census, among, window, across)
        inside = [row for row in placed if in_box(row, window)]
        assert sum(each.count for each in cells) == len(inside)
        wide = (window.east - window.west) % 360 or 360
        assert across / 2 < wide / (cells[0].box.east - cells[0].box.west) <= across
        for cell in cells:
            own = [row for row in inside if of_cell(row, cell.box)]
            assert cell.count == len(own)
            mean = sum(row["decimal_longitude"] for row in own) / len(own)
            assert abs(cell.longitude - mean) < 1e-9
            assert UUID(bytes=cell.image) in made.images


def of_cell(row: dict[str, Any], box: Box) -> bool:
    x, y = row["decimal_longitude"], row["decimal_latitude"]
    right = x < box.east or box.east == x == 180
    return box.west <= x and right and box.south <= y and (y < box.north or box.north == y == 90)


async def test_the_tree_skips_ranks_that_nobody_names(engine: AsyncEngine) -> None:
    made = Collection(150, seed=13)
    async with engine.begin() as conn:
        version = await fill(conn, made)
        census, among = await Counting().passing(conn, version, Filters())

    def nearest(own: UUID, ranks: tuple[str, ...]) -> set[tuple[str, str]]:
        """What an image stands under: its highest rank that any of its records names."""
        for rank in ranks:
            if names := {row[rank] for row in made.current(own) if row.get(rank)}:
                return {(rank, name) for name in names}
        return set()

    for above in (None, ("class", "Insecta"), ("order", "Lepidoptera"), ("species", "Morus alba")):
        mine = among & census.kind(above[0]).holds(above[1], len(census)) if above else among
        found, unplaced = taxon_tree.below(census, mine, above and above[0])
        under = [
            own
            for own in made.images
            if above is None or any(row.get(above[0]) == above[1] for row in made.current(own))
        ]
        ranks = RANKS[RANKS.index(above[0]) + 1 :] if above else RANKS
        wanted = Counter(branch for own in under for branch in nearest(own, ranks))
        assert {(each.rank, each.name): each.count for each in found} == wanted
        assert unplaced == sum(not nearest(own, ranks) for own in under)
    leaves = {each.name: each.parted for each in taxon_tree.below(census, among, "genus")[0]}
    assert leaves
    assert not any(leaves.values())


async def test_a_database_from_before_learns_what_its_facts_mean(
    engine: AsyncEngine, database_url: str
) -> None:
    made = Collection(60, seed=17)
    async with engine.begin() as conn:
        await fill(conn, made)

    async def known() -> dict[str, set[tuple[Any, ...]]]:
        async with engine.connect() as conn:
            return {
                name: {tuple(row) for row in await conn.execute(text(query))}
                for name, query in (
                    ("fact", "SELECT hash, kind, lower(value) FROM fact"),
                    ("alias", "SELECT target, kind, name FROM alias"),
                )
            }

    before = await known()
    await engine.dispose()

    def back() -> None:
        with create_engine(database_url, poolclass=NullPool).begin() as connection:
            alembic = config()
            alembic.attributes["connection"] = connection
            command.downgrade(alembic, "0007")

    await asyncio.to_thread(back)
    await asyncio.to_thread(migrate, database_url)
    after = await known()
    assert before["fact"]
    assert before["alias"]
    for name, rows in before.items():  # those of withdrawn records come on top
        assert after[name] >= rows
