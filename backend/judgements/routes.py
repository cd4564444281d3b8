"""POST and GET /api/v1/judgements, GET /api/v1/judgements/tally."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from backend.deps import Reading, Writing
from backend.judgements import service
from backend.judgements.gate import may_write
from backend.judgements.schemas import (
    Judge,
    Judgement,
    Judgements,
    QueryKey,
    TallyParams,
    TallyResponse,
)

router = APIRouter(prefix="/api/v1/judgements", tags=["compare"])


@router.post("", dependencies=[Depends(may_write)])
async def judge(said: Judgement, conn: Writing) -> Judgements:
    """Say whether an image answers a query; the same judge may change it or take it back."""
    return await service.judge(conn, said)


@router.get("")
async def judgements(
    conn: Reading,
    query_key: Annotated[QueryKey, Query()],
    judge: Annotated[Judge, Query()] = "",
) -> Judgements:
    """What a judge said of a query."""
    return await service.of_query(conn, query_key, judge)


@router.get("/tally")
async def tally(params: Annotated[TallyParams, Query()], conn: Reading) -> TallyResponse:
    """Which of two versions did better by the judgements there are, with a sign test."""
    return await service.tally(conn, params)
