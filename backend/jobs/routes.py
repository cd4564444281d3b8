"""GET /api/v1/jobs[/{id}]; POST /api/v1/jobs, /jobs/{id}/retry and /jobs/{id}/cancel."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, status

from backend.deps import Reading, Writing, operator
from backend.jobs import service
from backend.jobs.schemas import Asked, JobDetail, Jobs, Kind, State

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
OPERATOR = [Depends(operator)]


@router.get("")
async def jobs(
    conn: Reading,
    state: Annotated[list[State], Query()] = [],  # noqa: B006
    kind: Annotated[list[Kind], Query()] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> Jobs:
    """Jobs: what runs or waits first, then the latest."""
    return await service.listed(conn, state, kind, limit, cursor)


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=OPERATOR)
async def ask_for_job(asked: Asked, conn: Writing) -> JobDetail:
    """Queue a job for the workers. Needs the operator's token."""
    return await service.ask(conn, asked)


@router.get("/{job_id}")
async def job(job_id: UUID, conn: Reading) -> JobDetail:
    """One job with its events and the reasons of what it could not keep."""
    return await service.detail(conn, job_id)


@router.post("/{job_id}/retry", dependencies=OPERATOR)
async def retry_job(job_id: UUID, conn: Writing) -> JobDetail:
    """Queue a job again that failed or was cancelled. Needs the operator's token."""
    return await service.retry(conn, job_id)


@router.post("/{job_id}/cancel", dependencies=OPERATOR)
async def cancel_job(job_id: UUID, conn: Writing) -> JobDetail:
    """Take a job from the queue, or end it within seconds. Needs the operator's token."""
    return await service.cancel(conn, job_id)
