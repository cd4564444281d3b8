"""POST and GET /api/v1/corrections."""

from fastapi import APIRouter, Depends

from backend.corrections import service
from backend.corrections.schemas import Correction, Corrections
from backend.deps import Reading, Writing
from backend.judgements.gate import may_write
from backend.versions.schemas import AskedVersion

router = APIRouter(prefix="/api/v1/corrections", tags=["identify"])


@router.post("", dependencies=[Depends(may_write)])
async def correct(given: Correction, conn: Writing) -> Corrections:
    """Say what a photo shows; the same judge may change it or take it back."""
    return await service.correct(conn, given)


@router.get("")
async def corrections(conn: Reading, embed_version: AskedVersion | None = None) -> Corrections:
    """How many names that a version gave were judged, and how many were right."""
    return await service.counted(conn, embed_version)
