"""Query sets: GET, PUT and DELETE /api/v1/query-sets…, GET …/run."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from backend.deps import Reading, Served, Writing
from backend.judgements.gate import may_write
from backend.querysets import service
from backend.querysets.schemas import (
    QuerySet,
    QuerySetContent,
    QuerySetRun,
    QuerySets,
    RunParams,
    SetName,
)

router = APIRouter(prefix="/api/v1/query-sets", tags=["compare"])


@router.get("")
async def query_sets(conn: Reading) -> QuerySets:
    """All saved query sets."""
    return await service.every(conn)


@router.get("/{name}")
async def query_set(name: SetName, conn: Reading) -> QuerySet:
    """One query set with its queries."""
    return await service.get(conn, name)


@router.put("/{name}", dependencies=[Depends(may_write)])
async def save_query_set(name: SetName, content: QuerySetContent, conn: Writing) -> QuerySet:
    """Save a query set, in place of the one of that name."""
    return await service.save(conn, name, content)


@router.delete("/{name}", status_code=204, dependencies=[Depends(may_write)])
async def delete_query_set(name: SetName, conn: Writing) -> None:
    """Delete a query set; judgements of its queries stay."""
    await service.remove(conn, name)


@router.get("/{name}/run")
async def run_query_set(
    name: SetName, params: Annotated[RunParams, Query()], services: Served
) -> QuerySetRun:
    """Every query of a set in every version: overlaps, and what judgements say of the answers."""
    return await service.run(services, name, params)
