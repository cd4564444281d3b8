"""The photos of a request, wherever they come from, as vectors of one version."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from uuid import UUID

import PIL.Image
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.identify import queries
from backend.identify.evidence import Subject
from backend.identify.schemas import IdentifyParams
from backend.uploads import service as uploads
from core import images, vectors
from core.errors import NotFound, UserError
from core.vectors import QueryVector
from core.versions import Version


@dataclass(frozen=True)
class File:
    """A picture sent along."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Photo:
    """One photo, or why it cannot be named."""

    name: str
    image: str | None = None
    like: UUID | None = None
    record: UUID | None = None
    subject: Subject | None = None
    problem: str | None = None


async def read(
    services: Services, version: Version, asked: IdentifyParams, files: Sequence[File]
) -> list[Photo]:
    """Every photo asked for, in the order files, uploads, images, records."""
    photos = [await _sent(services, version, Photo(file.name), file.content) for file in files]
    for number, upload in enumerate(asked.image):
        name = asked.name[number] if number < len(asked.name) else upload[:12]
        photos.append(await _upload(services, version, Photo(name, image=upload)))
    async with services.reading() as conn:
        for image_id in asked.like:
            photo = Photo(str(image_id), like=image_id)
            photos.append(await _told(photo, _image(conn, version, image_id)))
        for record_id in asked.record:
            photo = Photo(str(record_id), record=record_id)
            photos.append(await _told(photo, _record(conn, version, record_id)))
    return photos


async def _told(photo: Photo, subject: Awaitable[Subject]) -> Photo:
    """`photo` with its subject, or with the sentence of what is wrong with it."""
    who = (photo.name, photo.image, photo.like, photo.record)
    try:
        return Photo(*who, subject=await subject)
    except UserError as error:
        return Photo(*who, problem=error.detail)


async def _upload(services: Services, version: Version, photo: Photo) -> Photo:
    try:
        async with services.reading() as conn:
            content = (await uploads.get(conn, photo.image or ""))["content"]
    except NotFound as error:
        return Photo(photo.name, photo.image, problem=error.detail)
    return await _sent(services, version, photo, content)


async def _sent(services: Services, version: Version, photo: Photo, content: bytes) -> Photo:
    async def subject() -> Subject:
        picture = await asyncio.to_thread(_decoded, services, content)
        vector = await services.encoders.encode_image(version, picture)
        return Subject(vector, phash=await asyncio.to_thread(images.dhash, picture))

    return await _told(photo, subject())


def _decoded(services: Services, content: bytes) -> PIL.Image.Image:
    settings = services.settings
    return images.decode(
        content, max_pixels=settings.max_image_pixels, max_bytes=settings.max_upload_bytes
    )


async def _image(conn: AsyncConnection, version: Version, image_id: UUID) -> Subject:
    vector = await vectors.stored_vector(conn, version, image_id)
    shown = await queries.specimens(conn, image_id)
    phash = shown[0].phash if shown else None
    return Subject(vector, frozenset(row.specimen for row in shown), phash)


async def _record(conn: AsyncConnection, version: Version, record_id: UUID) -> Subject:
    image_ids = await queries.images_of(conn, version, record_id)
    if not image_ids:
        raise NotFound(
            f"Record {record_id} is unknown here, or none of its images has a vector in"
            f" embed version {version.embed_version!r}"
        )
    found: list[tuple[QueryVector, float]] = []
    own: set[UUID] = {record_id}
    for image_id in image_ids:
        found.append((await vectors.stored_vector(conn, version, image_id), 1.0))
        own.update(row.specimen for row in await queries.specimens(conn, image_id))
    return Subject(vectors.combine(found), frozenset(own))
