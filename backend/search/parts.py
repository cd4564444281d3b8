"""What a query is made of: words, pictures, and what it moves away from, in one embed version."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from PIL.Image import Image
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.search.schemas import SearchRequest
from backend.timing import Timing
from backend.uploads import service as uploads
from core import images, vectors, versions
from core.errors import BadRequest, WrongSpace
from core.planner import Modality
from core.vectors import QueryVector
from core.versions import Version


@dataclass(frozen=True)
class Files:
    """Pictures that have to be encoded, as sent or uploaded."""

    more: list[bytes] = field(default_factory=list)
    less: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """What is asked of one version."""

    version: Version
    query: QueryVector
    modality: Modality


@dataclass(frozen=True)
class Parts:
    """Unit vectors of one version, before they are weighed."""

    words: QueryVector | None
    pictures: list[QueryVector]
    less: list[QueryVector]

    def query(self, asked: SearchRequest) -> QueryVector:
        """One vector: words weigh 1 - image_weight, pictures share the rest; then away from less.

        What is moved away from counts by its mean (Rocchio 1971), `less_weight` times.
        """
        share = asked.image_weight if self.words else 1.0
        parts = [(vector, share / len(self.pictures)) for vector in self.pictures]
        if self.words:
            parts.append((self.words, 1 - share if self.pictures else 1.0))
        towards = parts[0][0] if len(parts) == 1 else vectors.combine(parts)
        if not (self.less and asked.less_weight):
            return towards
        away = vectors.combine([(vector, 1.0) for vector in self.less])
        return vectors.combine([(towards, 1.0), (away, -asked.less_weight)])


def is_asked(asked: SearchRequest, file: bytes | None) -> bool:
    """Whether there is anything to look for."""
    sought = (asked.q, asked.image, asked.like, asked.like_record, asked.vector, file)
    return any(sought)


def modality(asked: SearchRequest, parts: Parts) -> Modality:
    """What the query is made of: words, and vectors of unknown making, lie off the pictures."""
    if parts.less and asked.less_weight:
        return "apart"
    words = parts.words and (asked.image_weight < 1 or not parts.pictures)
    return "text" if words or asked.vector is not None else "image"


async def files(conn: AsyncConnection, asked: SearchRequest, sent: bytes | None) -> Files:
    """The picture sent and those uploaded before; NotFound when one is no longer kept."""
    more = [sent] if sent else []
    if asked.image:
        more.append((await uploads.get(conn, asked.image))["content"])
    less = [(await uploads.get(conn, key))["content"] for key in asked.less_like if _is_upload(key)]
    return Files(more, less)


def _is_upload(key: str) -> bool:
    return len(key) == 64


async def stored(conn: AsyncConnection, version: Version, asked: SearchRequest) -> Parts:
    """The parts that are vectors already; NotFound where one is not of `version`."""
    more, less = [], []
    if asked.like:
        more.append(await vectors.stored_vector(conn, version, asked.like))
    if asked.like_record:
        more.append(await vectors.record_vector(conn, version, asked.like_record))
    if asked.vector is not None:
        if asked.vector_version is None:
            raise BadRequest("A vector needs vector_version: the embed version it was made with")
        more.append(_given(await versions.get(conn, asked.vector_version), asked.vector))
    elif asked.vector_version:
        raise BadRequest("vector_version is given without a vector")
    for key in asked.less_like:
        if not _is_upload(key):
            less.append(await vectors.stored_vector(conn, version, UUID(key)))
    return Parts(None, more, less)


def _given(space: Version, values: list[float]) -> QueryVector:
    if len(values) != space.dim:
        raise WrongSpace(
            f"The vector has {len(values)} values; {space.embed_version!r} has {space.dim}"
        )
    return vectors.unit(space.id, values)


async def decoded(services: Services, content: list[bytes], timing: Timing) -> list[Image]:
    """Pictures ready to be encoded; UnreadableImage, TooLarge."""
    if not content:
        return []
    settings = services.settings
    with timing.stage("decode"):
        return [
            await asyncio.to_thread(
                images.decode,
                each,
                max_pixels=settings.max_image_pixels,
                max_bytes=settings.max_upload_bytes,
            )
            for each in content
        ]


async def encoded(
    services: Services,
    version: Version,
    asked: SearchRequest,
    known: Parts,
    more: list[Image],
    less: list[Image],
) -> Parts:
    """`known` and what has to go through the version's model first, all of it at once."""
    encoders = services.encoders
    texts = ([asked.q] if asked.q else []) + asked.less
    jobs = [encoders.encode_image(version, each) for each in (*more, *less)]
    pictures, said = await asyncio.gather(
        asyncio.gather(*jobs), encoders.encode_texts(version, texts) if texts else _nothing()
    )
    words = said[0] if asked.q else None
    unsaid = said[1:] if asked.q else said
    return Parts(
        words,
        known.pictures + pictures[: len(more)],
        known.less + unsaid + pictures[len(more) :],
    )


async def _nothing() -> list[QueryVector]:
    return []
