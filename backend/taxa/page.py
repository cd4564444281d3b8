"""All that a taxon's page shows."""

import asyncio

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.facets.labels import label
from backend.facets.schemas import FacetValue, YearCount
from backend.images import service as pictures
from backend.records import service as records
from backend.taxa import look_alikes, queries, service
from backend.taxa.links import links
from backend.taxa.schemas import GalleryPicture, LookAlike, TaxonBranch, TaxonPage, TaxonRef
from backend.versions import service as version_service
from core import filter_text, spread, taxon_tree
from core.census import Census, Mask
from core.db.tables import RANKS
from core.errors import NotFound
from core.facets import filter_of
from core.filters import Filters, Taxon
from core.versions import Version

PICTURES = 24
MOST_ALIKE = 8


async def page(
    services: Services, conn: AsyncConnection, asked: str, name: str | None, view: str | None
) -> TaxonPage:
    """The page of a taxon; look-alikes by its images of `view` only, where one is given."""
    version = await version_service.searchable(conn, name)
    census = await services.counting.census(conn, version)
    found = _known(census, asked)
    rank = found.rank or ""
    among = census.kind(rank).holds(found.name, len(census))
    line = await queries.lineage(conn, rank, found.name)
    keys = await queries.keys(conn, rank, found.name)
    aliases = await queries.aliases(conn, rank, found.name)
    branches, _ = await asyncio.to_thread(taxon_tree.below, census, among, rank)
    years = await asyncio.to_thread(spread.years, census, among)
    return TaxonPage(
        **_ref(rank, found.name).model_dump(),
        embed_version=version_service.ref(version),
        authorship=keys[0]["authorship"] if keys else None,
        lineage=_lineage(line, rank),
        common_names=[each["name"] for each in aliases if each["kind"] == "common"],
        synonyms=[each["name"] for each in aliases if each["kind"] == "synonym"],
        images=int(np.count_nonzero(among)),
        records=int(line["records"]) if line else 0,
        gallery=_gallery(await queries.gallery(conn, rank, found.name, 4 * PICTURES)),
        views=_values(census, among, "view"),
        countries=_values(census, among, "country"),
        months=spread.months(census, among).counts,
        years=[YearCount(year=year, count=n) for year, n in years.counts.items()],
        children=[_branch(each) for each in branches],
        look_alikes=await _alike(services, conn, version, census, found, view),
        links=links(found.name, [(each["checklist_key"], each["taxon_key"]) for each in keys]),
    )


def _known(census: Census, asked: str) -> Taxon:
    """The taxon meant, spelt as the records do; of a bare name the lowest rank that has it."""
    given = filter_text.read({"taxon": [asked]}).taxon
    wanted = given.include[0] if given.include else Taxon(asked)
    for rank in [wanted.rank] if wanted.rank else reversed(RANKS):
        kind = census.kind(rank)
        if kind.total(wanted.name):
            return Taxon(kind.values[kind.code[wanted.name.lower()]], rank)
    raise NotFound(f"No image here shows {wanted.name}")


def _ref(rank: str, name: str) -> TaxonRef:
    return TaxonRef(rank=rank, name=name, value=f"{rank}:{name}")


def _lineage(line: RowMapping | None, rank: str) -> list[TaxonRef]:
    above = RANKS[: RANKS.index(rank)]
    return [_ref(each, line[each]) for each in above if line and line[each]]


def _gallery(rows: list[RowMapping]) -> list[GalleryPicture]:
    """Those that may be shown, one of each specimen before a second of any."""
    first: dict[object, GalleryPicture] = {}
    more = []
    for row in rows:
        if pictures.may_show(row):
            shown = GalleryPicture(image=pictures.describe(row), record=records.summary(row))
            if first.setdefault(row["record_id"], shown) is not shown:
                more.append(shown)
    return [*first.values(), *more][:PICTURES]


def _values(census: Census, among: Mask, name: str) -> list[FacetValue]:
    kind = census.kind(name)
    counts = kind.counts(among)
    found = [
        FacetValue(
            value=filter_of(name, kind.values[code])[1],
            label=label(name, kind.values[code], {}),
            count=int(counts[code]),
            state=None,
        )
        for code in np.flatnonzero(counts).tolist()
    ]
    return sorted(found, key=lambda each: (-each.count, each.label))


def _branch(branch: taxon_tree.Branch) -> TaxonBranch:
    return service.shown(branch, Filters())


async def _alike(
    services: Services,
    conn: AsyncConnection,
    version: Version,
    census: Census,
    of: Taxon,
    view: str | None,
) -> list[LookAlike]:
    found = await look_alikes.find(services, conn, version, of, view, MOST_ALIKE)
    rank = of.rank or ""
    shown = []
    for each in found:
        row = await queries.first_image(conn, each.image)
        among = census.kind(rank).holds(each.name, len(census))
        if view:
            among &= census.kind("view").holds(view, len(census))
        shown.append(
            LookAlike(
                **_ref(rank, each.name).model_dump(),
                similarity=each.similarity,
                count=int(np.count_nonzero(among)),
                image=pictures.describe(row) if row else None,
            )
        )
    return shown
