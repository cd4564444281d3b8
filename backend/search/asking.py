"""From a request to what is asked of each embed version."""

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.search import parts
from backend.search.parts import Asked, Parts
from backend.search.schemas import SearchRequest
from backend.timing import Timing
from core import versions
from core.errors import BadRequest, VersionNotReady
from core.versions import Version


@dataclass(frozen=True)
class Made:
    """The parts of a query in one version."""

    version: Version
    parts: Parts

    def asked(self, request: SearchRequest) -> Asked:
        """Its one vector, and what that is made of."""
        modality = parts.modality(request, self.parts)
        return Asked(self.version, self.parts.query(request), modality)


async def made(
    services: Services,
    asked: SearchRequest,
    file: bytes | None,
    timing: Timing,
    version_id: int = 0,
) -> list[Made]:
    """The query in each version, in the default (or `version_id`) where none is named."""
    async with services.reading() as conn:
        chosen = [await ready(conn, name, version_id) for name in _names(asked)]
        known = [await parts.stored(conn, version, asked) for version in chosen]
        files = await parts.files(conn, asked, file)
    # No connection is held while the models work.
    more = await parts.decoded(services, files.more, timing)
    less = await parts.decoded(services, files.less, timing)
    found = known
    if asked.q or asked.less or more or less:
        with timing.stage("encode"):
            found = await asyncio.gather(
                *(
                    parts.encoded(services, version, asked, each, more, less)
                    for version, each in zip(chosen, known, strict=True)
                )
            )
    return [Made(version, each) for version, each in zip(chosen, found, strict=True)]


def _names(asked: SearchRequest) -> list[str | None]:
    names: list[str | None] = [asked.embed_version]
    return list(asked.fuse) or names


async def ready(conn: AsyncConnection, name: str | None, version_id: int = 0) -> Version:
    """The version called `name`, else that of the page before, else the default."""
    if name is None and version_id:
        for version in await versions.ready(conn):
            if version.id == version_id:
                return version
        raise BadRequest("The embed version of that cursor is gone; begin again without it")
    version = await versions.get(conn, name)
    if version.state != "ready":
        raise VersionNotReady(_why_not(version))
    return version


def _why_not(version: Version) -> str:
    if version.state == "retired":
        return f"Embed version {version.embed_version!r} is retired; choose another"
    return (
        f"Embed version {version.embed_version!r} is still being built;"
        " it can be searched when bin/ingest_embed has finished"
    )
