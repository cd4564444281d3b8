"""Photos to ladders: evidence, how far it carries, and what shows it."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.deps import Services
from backend.identify import evidence, labels, ladders, photos, queries, table, trials
from backend.identify.evidence import Space
from backend.identify.naming import NameVectors, Progress, name_vectors
from backend.identify.photos import File, Photo
from backend.identify.schemas import (
    MOST_PHOTOS,
    Identified,
    IdentifyParams,
    IdentifyResponse,
    Measured,
    Reached,
)
from backend.versions import service as version_service
from core import filter_text, versions
from core.db.tables import RANKS
from core.errors import BadRequest, VersionNotReady
from core.filters import Choice, Filters
from core.identification.support import Support
from core.identification.taxa import Taxa
from core.versions import Version

CAVEAT = "Scores compare candidates; they are not probabilities. Not a determination."


@dataclass(frozen=True)
class Naming:
    """All that is needed to name photos in one version."""

    space: Space
    support: Support
    labels: labels.Labels | None


async def identify(
    services: Services, asked: IdentifyParams, files: list[File]
) -> IdentifyResponse:
    """Name photos; each stands for itself, a photo that cannot be read harms no other."""
    _check(asked, files)
    within = filter_text.read({"taxon": asked.within})
    async with services.reading() as conn:
        version = await versions.get(conn, asked.embed_version)
        if version.state != "ready":
            raise VersionNotReady(
                f"Embed version {version.embed_version!r} is {version.state}; choose a ready one"
            )
    naming = await _naming(services, version, within, asked)
    read = await photos.read(services, version, asked, files)
    found = []
    for photo in read:
        async with services.reading() as conn:
            found.append(await _identified(conn, naming, asked, photo))
    return IdentifyResponse(
        embed_version=version_service.ref(version),
        method=asked.method,
        certainty=asked.certainty,
        taxa=int((naming.space.inside & naming.space.names.prompted).sum()),
        measured=measured(naming.support, asked.certainty),
        photos=found,
        caveat=CAVEAT,
    )


def as_csv(answer: IdentifyResponse, asked: IdentifyParams) -> str:
    """The answer as rows: of labels where any were given, else of taxa."""
    if asked.labels or asked.bins:
        return table.of_labels(answer, asked.limit)
    return table.of_taxa(answer, asked.rank)


def _check(asked: IdentifyParams, files: list[File]) -> None:
    number = len(files) + len(asked.image) + len(asked.like) + len(asked.record)
    if not number:
        raise BadRequest(
            "Send photos (photo), or ids of uploads (image), images (like) or records (record)"
        )
    if number > MOST_PHOTOS:
        raise BadRequest(f"At most {MOST_PHOTOS} photos are named at once; send the rest after")
    if (asked.latitude is None) != (asked.longitude is None):
        raise BadRequest("A place needs both latitude and longitude")


async def _naming(
    services: Services, version: Version, within: Filters, asked: IdentifyParams
) -> Naming:
    async with services.reading() as conn:
        stamp = await queries.stamp(conn)
        size = await queries.embedded(conn, version)
    taxa = await services.naming.once(
        ("taxa", stamp), "Reading the names of the museum", lambda _: _taxa(services)
    )
    vectors = await services.naming.once(
        ("names", version.id, stamp),
        "Encoding the names of the museum's taxa",
        lambda progress: _names(services, version, taxa, progress),
    )
    everything = Space(version, taxa, vectors, Choice(), np.ones(len(taxa), bool), services.memory)
    support = await services.naming.once(
        ("trials", version.id, int(np.log2(size + 1) * 2)),
        "Naming photos of the museum to learn how far it can be trusted",
        lambda progress: trials.run(services, everything, progress),
    )
    inside = taxa.chosen(within.taxon)
    if not inside.any():
        raise BadRequest("The museum knows no taxon within those given; check their spelling")
    space = Space(version, taxa, vectors, within.taxon, inside, services.memory)
    own = await labels.prepare(services, version, asked)
    return Naming(space, support[asked.method], own)


async def _taxa(services: Services) -> Taxa:
    async with services.reading() as conn:
        return Taxa(await queries.lineages(conn))


async def _names(
    services: Services, version: Version, taxa: Taxa, progress: Progress
) -> NameVectors:
    encoder = await services.encoders.get(version)
    return await name_vectors(encoder, taxa, services.settings.home / "prompts", progress)


async def _identified(
    conn: AsyncConnection, naming: Naming, asked: IdentifyParams, photo: Photo
) -> Identified:
    blank = Identified(
        name=photo.name,
        image=photo.image,
        like=photo.like,
        record=photo.record,
        problem=photo.problem,
        rungs=[],
        stops_at=None,
        named=None,
        left_out=[],
        neighbours=[],
        lacks=[],
        labels=[],
        bins=[],
    )
    if photo.subject is None:
        return blank
    found = await evidence.gather(conn, naming.space, photo.subject)
    ladder = await ladders.build(conn, naming.space, naming.support, asked, found)
    own = labels.score(naming.labels, photo.subject.vector)
    return blank.model_copy(update={**ladder, **own})


def measured(support: Support, certainty: float) -> Measured:
    """What the trials say of `support` at `certainty`, by rank."""
    reached = []
    for index, rank in enumerate(RANKS):
        tried = [each for each in support.outcomes if each.support[index] is not None]
        far = [each for each in tried if (each.support[index] or 0) >= certainty]
        if tried:
            right = float(np.mean([each.right[index] for each in far])) if far else None
            reached.append(
                Reached.model_validate(
                    {"rank": rank, "share": len(far) / len(tried), "right": right}
                )
            )
    return Measured(photos=len(support.outcomes), text_share=support.text_share, reached=reached)
