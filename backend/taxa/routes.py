"""GET /api/v1/taxa/tree and /taxa/{id}."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.deps import Reading, Served
from backend.taxa import service
from backend.taxa.schemas import TaxonTree, TreeParams

router = APIRouter(prefix="/api/v1/taxa", tags=["taxa"])


@router.get("/tree")
async def taxon_tree(
    params: Annotated[TreeParams, Query()], services: Served, conn: Reading
) -> TaxonTree:
    """The taxa right below one, with how many images show each."""
    return await service.tree(services, conn, params)
