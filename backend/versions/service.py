"""Embed versions and the default one."""

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.versions.schemas import Version, VersionRef, Versions
from core import versions


def ref(version: versions.Version) -> VersionRef:
    """A version in short."""
    return VersionRef(
        embed_version=version.embed_version,
        model=version.model,
        pretrained=version.pretrained,
        dim=version.dim,
    )


async def everything(conn: AsyncConnection) -> Versions:
    """All versions with their coverage."""
    listed = [
        Version.model_validate(
            {**vars(covered.version), "embedded": covered.embedded, "images": covered.images}
        )
        for covered in await versions.list_all(conn)
    ]
    return Versions(versions=listed)


async def make_default(conn: AsyncConnection, name: str) -> Versions:
    """Let `name` answer requests that name no version; UnknownVersion, VersionNotReady."""
    await versions.set_default(conn, name)
    return await everything(conn)
