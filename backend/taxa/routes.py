"""GET /api/v1/taxa/tree and /taxa/{id}."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.deps import Reading, Served
from backend.taxa import page, service
from backend.taxa.schemas import TaxonPage, TaxonTree, TreeParams
from backend.versions.schemas import AskedVersion

router = APIRouter(prefix="/api/v1/taxa", tags=["taxa"])


@router.get("/tree")
async def taxon_tree(
    params: Annotated[TreeParams, Query()], services: Served, conn: Reading
) -> TaxonTree:
    """The taxa right below one, with how many images show each."""
    return await service.tree(services, conn, params)


@router.get("/{id:path}")
async def taxon(
    id: Annotated[str, Path(max_length=200, pattern=r"^[^\x00]*$")],
    services: Served,
    conn: Reading,
    embed_version: AskedVersion | None = None,
    view: Annotated[str | None, Query(max_length=50, pattern=r"^[^\x00]*$")] = None,
) -> TaxonPage:
    """What the museum knows of a taxon such as `genus:Morpho`; look-alikes by one view if asked."""
    return await page.page(services, conn, id, embed_version, view)
