"""From what a job is told to the source that it reads, opened."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import InvalidSetting
from core.jobs.args import Dwca, Folder, Gbif, Idigbio, Iiif
from core.settings import Settings
from ingestor.download import download
from ingestor.sources.base import Source
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.folder import FolderSource
from ingestor.sources.gbif import open_gbif
from ingestor.sources.gbif_download import Download, GbifDownload
from ingestor.sources.gbif_query import OPTIONS, GbifQuery, make_query
from ingestor.sources.idigbio import open_idigbio, parse_record_query
from ingestor.sources.iiif import IiifSource
from ingestor.sources.portal import Portal
from ingestor.sources.since import Since

Request = Dwca | Folder | Gbif | Idigbio | Iiif
Told = Callable[[str], None]


@asynccontextmanager
async def opened(
    request: Request,
    engine: AsyncEngine,
    settings: Settings,
    told: Told,
    *,
    since: str | None = None,
    archive: Path | None = None,
) -> AsyncIterator[Source]:
    """Open what is asked for; `told` hears what is worth knowing about it.

    `since` (a day, ISO 8601): only records that changed since, where the source can tell; they
    count as a part of the same source. `archive`: the file at the request's URL, fetched already.
    """
    if isinstance(request, Folder):
        records = Path(request.records) if request.records else None
        with FolderSource(Path(request.path), records, title=request.title) as folder:
            yield folder
    elif isinstance(request, Dwca):
        path = archive or await _archive(request, settings, engine)
        with DwcaSource(path, settings.home.resolve() / "archives") as table:
            yield table
    else:
        async with Portal(settings, engine, rate=request.rate) as portal:
            if isinstance(request, Iiif):
                yield IiifSource(portal, request.url)
            elif isinstance(request, Idigbio):
                yield await _idigbio(request, settings, portal, since)
            elif request.download and since is None:
                async with _downloaded(request, settings, portal, told) as whole:
                    yield whole
            else:
                yield await _searched(request, settings, portal, since)


async def _archive(request: Dwca, settings: Settings, engine: AsyncEngine) -> Path:
    if not request.remote:
        return Path(request.path)
    return await download(request.path, settings, engine, rate=request.rate)


async def _idigbio(
    request: Idigbio, settings: Settings, portal: Portal, since: str | None
) -> Source:
    rq = parse_record_query(request.rq)
    urls = (settings.idigbio_url, settings.idigbio_media_url)
    whole = await open_idigbio(portal, *urls, rq, rendition=request.rendition)
    if since is None:
        return whole
    changed = rq | {"datemodified": {"type": "range", "gte": since}}
    part = await open_idigbio(portal, *urls, changed, rendition=request.rendition)
    return Since(part, whole, since)


async def _query(request: Gbif, settings: Settings, portal: Portal) -> GbifQuery:
    query = await make_query(
        portal,
        settings.gbif_url,
        taxa=request.taxon,
        checklist=request.checklist,
        options={name: getattr(request, name) for name in OPTIONS},
        extra=request.param,
    )
    if all(name in ("mediaType", "checklistKey") for name, _ in query.parameters):
        raise InvalidSetting("say which records: --taxon, --dataset, --institution, --param, …")
    return query


async def _searched(request: Gbif, settings: Settings, portal: Portal, since: str | None) -> Source:
    query = await _query(request, settings, portal)
    whole = await open_gbif(portal, settings.gbif_url, query, rendition=request.rendition)
    if since is None:
        return whole
    changed = GbifQuery((*query.parameters, ("lastInterpreted", f"{since},*")), query.notes)
    part = await open_gbif(portal, settings.gbif_url, changed, rendition=request.rendition)
    return Since(part, whole, since)


@asynccontextmanager
async def _downloaded(
    request: Gbif, settings: Settings, portal: Portal, told: Told
) -> AsyncIterator[Source]:
    if request.rendition == "cache":  # it needs the key of each record, which the archive lacks
        raise InvalidSetting("--rendition cache works only without --download")
    query = await _query(request, settings, portal)
    for note in query.notes:
        told(note)
    asked = Download(portal, settings, query)
    path = await asked.fetch(lambda said: told(f"GBIF: {said}"))
    unpacked = settings.home.resolve() / "archives"
    small = request.rendition == "small"
    with GbifDownload(path, unpacked, query, settings.gbif_url, small=small) as source:
        yield source
    asked.used()
    if asked.doi:
        told(f"Cite these records as https://doi.org/{asked.doi}")
