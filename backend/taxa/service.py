"""The tree of what is shown."""

import asyncio
from dataclasses import replace

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.facets import service as counting
from backend.facets.schemas import State
from backend.taxa.schemas import TaxonBranch, TaxonTree, TreeParams
from backend.versions import service as version_service
from core import filter_text, taxon_tree
from core.errors import BadRequest
from core.filters import Choice, Filters, Taxon
from core.taxon_tree import Branch


def taxon(text: str) -> Taxon:
    """The taxon that `genus:Morpho` means; BadRequest where the rank is not said."""
    found = filter_text.read({"taxon": [text]}).taxon.include
    if not found or found[0].rank is None:
        raise BadRequest(f"{text!r} names no taxon at a rank; write it as genus:Morpho")
    return found[0]


async def tree(services: Services, conn: AsyncConnection, params: TreeParams) -> TaxonTree:
    """The taxa right below one, counted beside all filters but the taxa included."""
    version, conditions, passing = await counting.asked(services, conn, params)
    above = taxon(params.under) if params.under else None
    excluded = conditions.taxon.exclude
    census, among = await passing(replace(conditions, taxon=Choice((), excluded)))
    _, anything = await passing(replace(conditions, taxon=Choice()))
    rank = above.rank if above else None
    if above and above.rank:
        own = census.kind(above.rank).holds(above.name, len(census))
        among, anything = among & own, anything & own
    branches, unplaced = await asyncio.to_thread(taxon_tree.below, census, among, rank)
    if excluded:  # what was excluded stays in sight, with what it takes away
        whole, _ = await asyncio.to_thread(taxon_tree.below, census, anything, rank)
        branches += [each for each in whole if _named(each, excluded)]
        branches.sort(key=lambda branch: (-branch.count, branch.name))
    return TaxonTree(
        embed_version=version_service.ref(version),
        under=f"{above.rank}:{above.name}" if above else None,
        total=int(np.count_nonzero(among)),
        unplaced=unplaced,
        children=[shown(each, conditions) for each in branches],
    )


def shown(branch: Branch, conditions: Filters) -> TaxonBranch:
    """A branch with what the filters say of it."""
    value = f"{branch.rank}:{branch.name}"
    return TaxonBranch(
        rank=branch.rank,
        name=branch.name,
        value=value,
        count=branch.count,
        has_children=branch.parted,
        state=_state(branch, conditions),
    )


def _state(branch: Branch, conditions: Filters) -> State | None:
    if _named(branch, conditions.taxon.include):
        return "include"
    return "exclude" if _named(branch, conditions.taxon.exclude) else None


def _named(branch: Branch, taxa: tuple[Taxon, ...]) -> bool:
    return any(
        each.name.lower() == branch.name.lower() and each.rank in (None, branch.rank)
        for each in taxa
    )
