"""GET /healthz, /readyz and /metrics: what watches the server asks."""

import asyncio
from typing import Annotated, Literal

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from backend.deps import Reading
from backend.metrics import Metrics
from backend.schemas import Shown
from core.db.migrate import config
from core.errors import Unavailable

router = APIRouter(tags=["health"])
PATIENCE = 30.0
"""Seconds that the question whether all is ready waits for the model."""


class Health(Shown):
    """That the server answers."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers; says nothing about the database."""
    return Health()


@router.get("/readyz")
async def readyz(conn: Reading, request: Request) -> Health:
    """The database has the schema that this program needs and the default version's model is
    loaded, so that the first search takes no longer than the next; else 503."""
    stored = set(await conn.run_sync(_stored_heads))
    if stored != set(ScriptDirectory.from_config(config()).get_heads()):
        raise Unavailable("The database has another schema than this program; run bin/migrate")
    warm: asyncio.Task[None] = request.app.state.warm
    if not (await asyncio.wait([warm], timeout=PATIENCE))[0]:
        raise Unavailable("The model of the default version is being loaded")
    return Health()


def _stored_heads(conn: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(conn).get_current_heads()


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text", "content": {"text/plain": {}}}},
)
async def metrics(counters: Annotated[Metrics, Depends(_metrics)]) -> Response:
    """Requests, latencies and batch sizes for Prometheus."""
    return Response(counters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
