"""Embed versions and the default one."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.versions.schemas import Version, VersionRef, Versions
from core import versions
from core.errors import VersionNotReady


def ref(version: versions.Version) -> VersionRef:
    """A version in short."""
    return VersionRef(
        embed_version=version.embed_version,
        model=public_name(version.model),
        pretrained=public_name(version.pretrained),
        dim=version.dim,
    )


def public_name(name: str) -> str:
    """A model as shown to the world: of a path on this machine, its last part."""
    return Path(name).name if Path(name).is_absolute() else name


async def everything(conn: AsyncConnection, services: Services) -> Versions:
    """All versions with their coverage, which is counted when something has changed."""
    covered = await services.coverage.get(conn, lambda: versions.coverage(conn))
    listed = [
        Version.model_validate(
            {
                **vars(each.version),
                "model": public_name(each.version.model),
                "pretrained": public_name(each.version.pretrained),
                "embedded": each.embedded,
                "images": each.images,
            }
        )
        for each in await versions.list_all(conn, covered)
    ]
    return Versions(versions=listed)


async def searchable(conn: AsyncConnection, name: str | None) -> versions.Version:
    """The version called `name`, or the default; VersionNotReady says what to do about it."""
    version = await versions.get(conn, name or None)
    if version.state == "ready":
        return version
    if version.state == "retired":
        raise VersionNotReady(f"Embed version {version.embed_version!r} is retired; choose another")
    raise VersionNotReady(
        f"Embed version {version.embed_version!r} is still being built;"
        " it can be searched when bin/ingest_embed has finished"
    )


async def make_default(conn: AsyncConnection, services: Services, name: str) -> Versions:
    """Let `name` answer requests that name no version; UnknownVersion, VersionNotReady."""
    await versions.set_default(conn, name)
    return await everything(conn, services)
