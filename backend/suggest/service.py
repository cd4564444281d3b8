"""From what is typed to what may be meant, the most common first."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.suggest import queries
from backend.suggest.schemas import (
    FilterRef,
    NameSuggestion,
    Suggestion,
    Suggestions,
    SuggestParams,
)
from backend.versions import service as version_service
from core import words
from core.census import Census
from core.darwincore import countries
from core.db.tables import RANKS
from core.facets import filter_of

_PREFERRED = ("accepted", "synonym", "common")
_DESCRIBED = ("life_stage", "view", "sex", "type_status")
_KINDS = (*RANKS, "name", "institution", "collection", *_DESCRIBED)


async def suggest(services: Services, conn: AsyncConnection, params: SuggestParams) -> Suggestions:
    """What may be meant by `params.q`; nothing by nothing."""
    version = await version_service.searchable(conn, params.embed_version)
    typed = words.words(params.q)
    if not typed:
        return Suggestions(names=[], places=[], collections=[], words=[])
    census = await services.counting.census(conn, version)
    rows = await queries.facts(conn, words.prefix_query(params.q), _KINDS)
    titles = await queries.datasets(conn, words.prefix_query(params.q))
    return Suggestions(
        names=await _names(conn, rows, census, typed, params.limit),
        places=_places(census, params.q, typed)[: params.limit],
        collections=_collections(rows, titles, census)[: params.limit],
        words=(await _words(conn, params.q, typed, census))[: params.limit],
    )


async def _names(
    conn: AsyncConnection, rows: Iterable[RowMapping], census: Census, typed: list[str], most: int
) -> list[NameSuggestion]:
    best: dict[str, RowMapping] = {}
    listed = list(rows)
    synonyms = {row["matched"].lower() for row in listed if row["how"] == "synonym"}
    for row in listed:
        if row["kind"] == "name" and row["matched"].lower() in synonyms:
            continue  # records go by it, and stand under the accepted name
        if row["kind"] in (*RANKS, "name") and census.kind(row["kind"]).total(row["value"]):
            known = best.setdefault(_identity(row, census), row)
            if _worth(row, known):
                best[_identity(row, census)] = row
    start = " ".join(typed)
    found = sorted(best.values(), key=lambda row: _order(row, census, start))[:most]
    taxa = await queries.taxa(conn, [row["value"] for row in found])
    return [_name(row, census, taxa.get(row["value"])) for row in found]


def _identity(row: RowMapping, census: Census) -> str:
    """One of a name, though it stands as that of a rank and as that of records."""
    value = row["value"].lower()
    ranks = [rank for rank in RANKS if value in census.kind(rank).code]
    return f"{row['kind'] if row['kind'] in RANKS or not ranks else ranks[-1]}:{value}"


def _worth(row: RowMapping, known: RowMapping) -> bool:
    def rating(each: RowMapping) -> tuple[bool, int]:
        return each["kind"] == "name", _PREFERRED.index(each["how"])

    return rating(row) < rating(known)


def _order(row: RowMapping, census: Census, start: str) -> tuple[Any, ...]:
    matched = " ".join(words.words(row["matched"]))
    count = census.kind(row["kind"]).total(row["value"])
    return matched != start, not matched.startswith(start), -count, row["value"]


def _name(row: RowMapping, census: Census, taxon: RowMapping | None) -> NameSuggestion:
    kind, value = row["kind"], row["value"]
    return NameSuggestion(
        filter=value if kind == "name" else f"{kind}:{value}",
        name=value,
        rank=(taxon["rank"] if taxon else None) if kind == "name" else kind,
        authorship=taxon["authorship"] if taxon else None,
        matched=row["matched"],
        kind=row["how"],
        count=census.kind(kind).total(value),
    )


def _places(census: Census, q: str, typed: list[str]) -> list[Suggestion]:
    """Countries, by any of the names they go by."""
    kind, meant = census.kind("country"), countries.country_code(q)
    found = []
    for value in kind.values:
        label = countries.NAMES.get(value.upper(), value)
        if kind.total(value) and (value == meant or words.begins(label, typed)):
            found.append(_suggestion("country", value, label, kind.total(value)))
    return sorted(found, key=lambda each: (-each.count, each.label))


def _collections(
    rows: Iterable[RowMapping], titles: dict[str, str], census: Census
) -> list[Suggestion]:
    """Datasets by their titles, institutions and collections by their codes."""
    named = [("dataset", own, title) for own, title in titles.items()]
    coded = [(r["kind"], r["value"], r["value"]) for r in rows if r["how"] == "accepted"]
    found = [
        _suggestion(kind, value, label, count)
        for kind, value, label in (*named, *coded)
        if kind in ("dataset", "institution", "collection")
        and (count := census.kind(kind).total(value))
    ]
    return sorted(found, key=lambda each: (-each.count, each.label))


def _suggestion(kind: str, value: str, label: str, count: int) -> Suggestion:
    key, written = filter_of(kind, value)
    return Suggestion(filter=FilterRef(key=key, value=written), label=label, count=count)


async def _words(conn: AsyncConnection, q: str, typed: list[str], census: Census) -> list[str]:
    """Common names that fit, then the query with its last word completed."""
    last = typed[-1]
    names = await queries.common_names(conn, words.prefix_query(q))
    related = await queries.common_names(conn, words.prefix_query(last))
    described = [value for kind in _DESCRIBED for value in census.kind(kind).values]
    completed = _completions([*related, *described], last)
    before = q.strip()[: -len(q.strip().split()[-1])] if len(typed) > 1 else ""
    phrases = [name.lower() for name in names] + [(before + word).lower() for word in completed]
    return list(dict.fromkeys(phrase for phrase in phrases if phrase != q.strip().lower()))


def _completions(texts: Sequence[str], start: str) -> list[str]:
    """Words of `texts` that begin so, the most frequent first."""
    counted: dict[str, int] = {}
    for each in texts:
        for word in each.lower().split():
            if any(part.startswith(start) for part in words.words(word)):
                counted[word] = counted.get(word, 0) + 1
    return sorted(counted, key=lambda word: (-counted[word], word))
