"""`bin/ingest gbif`, `idigbio` and `iiif`: records and images from the portals."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import InvalidSetting
from core.settings import Settings
from ingestor.commands import Images, Limit, Rate, fetch, notes, read, run
from ingestor.sources.gbif import open_gbif
from ingestor.sources.gbif_download import Download, GbifDownload
from ingestor.sources.gbif_query import OPTIONS, GbifQuery, make_query
from ingestor.sources.gbif_record import Rendition
from ingestor.sources.idigbio import open_idigbio, parse_rq
from ingestor.sources.iiif import IiifSource
from ingestor.sources.portal import Portal

Several = list[str] | None

_RENDITIONS = "small: IIIF images at 1024 pixels; original: as published"
Taxa = Annotated[Several, typer.Option("--taxon", help="Name or key of a taxon.")]
Checklist = Annotated[str, typer.Option(help="Key of the checklist that taxa are of.")]
DatasetKeys = Annotated[Several, typer.Option("--dataset", help="Key of a dataset.")]
Institutions = Annotated[Several, typer.Option("--institution", help="Code, such as YPM.")]
Bases = Annotated[Several, typer.Option("--basis", help="Such as PreservedSpecimen.")]
Countries = Annotated[Several, typer.Option("--country", help="Name or two-letter code.")]
Years = Annotated[Several, typer.Option("--year", help="1900, or 1900,1950.")]
Licences = Annotated[Several, typer.Option("--licence", help="Such as CC0 or CC-BY-4.0.")]
Geometries = Annotated[Several, typer.Option("--geometry", help="Polygon as WKT.")]
Params = Annotated[Several, typer.Option("--param", help="Any parameter of the search: k=v.")]
GbifRendition = Annotated[
    Literal["small", "cache", "original"],
    typer.Option(help=f"{_RENDITIONS}; cache: GBIF's copies at 1200 pixels."),
]
IdigbioRendition = Annotated[
    Literal["small", "original"],
    typer.Option(help=f"{_RENDITIONS}; other images at 600 pixels from iDigBio with small."),
]
Whole = Annotated[
    bool, typer.Option("--download", help="Have GBIF prepare an archive: for many records.")
]


def gbif(
    taxon: Taxa = None,
    checklist: Checklist = "",
    dataset: DatasetKeys = None,
    institution: Institutions = None,
    basis: Bases = None,
    country: Countries = None,
    year: Years = None,
    licence: Licences = None,
    geometry: Geometries = None,
    param: Params = None,
    rendition: GbifRendition = "small",
    download: Whole = False,
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
) -> None:
    """Read what a search of GBIF finds; options given more than once are alternatives."""
    given = (dataset, institution, basis, country, year, licence, geometry)
    options = {name: values or () for name, values in zip(OPTIONS, given, strict=True)}

    async def records(engine: AsyncEngine, settings: Settings, portal: Portal) -> None:
        url, names = settings.gbif_url, taxon or ()
        query = await make_query(
            portal, url, taxa=names, checklist=checklist, options=options, extra=param or ()
        )
        _refuse_everything(query)
        if download:
            await _downloaded(engine, settings, portal, query, rendition, limit)
        else:
            await _searched(engine, settings, portal, query, rendition, limit)

    run(_work(records, no_images, rate))


def idigbio(
    rq: Annotated[str, typer.Option(help='Record query: {"order":"lepidoptera"}.')],
    rendition: IdigbioRendition = "small",
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
) -> None:
    """Read what a record query of iDigBio finds."""

    async def records(engine: AsyncEngine, settings: Settings, portal: Portal) -> None:
        source = await open_idigbio(
            portal,
            settings.idigbio_url,
            settings.idigbio_media_url,
            parse_rq(rq),
            rendition=rendition,
        )
        await read(engine, source, limit)

    run(_work(records, no_images, rate))


def iiif(
    url: Annotated[str, typer.Argument(help="Manifest, collection or image service.")],
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
) -> None:
    """Read IIIF manifests: each is a record, its canvases are the images."""

    async def records(engine: AsyncEngine, _: Settings, portal: Portal) -> None:
        await read(engine, IiifSource(portal, url), limit)

    run(_work(records, no_images, rate))


Records = Callable[[AsyncEngine, Settings, Portal], Awaitable[None]]


def _work(
    records: Records, no_images: bool, rate: float
) -> Callable[[AsyncEngine, Settings], Awaitable[None]]:
    async def work(engine: AsyncEngine, settings: Settings) -> None:
        async with Portal(settings, rate=rate) as portal:
            await records(engine, settings, portal)
        if not no_images:
            await fetch(engine, settings, None, rate)

    return work


def _refuse_everything(query: GbifQuery) -> None:
    """Nobody means all of GBIF."""
    if all(name in ("mediaType", "checklistKey") for name, _ in query.parameters):
        raise InvalidSetting("say which records: --taxon, --dataset, --institution, --param, …")


async def _searched(
    engine: AsyncEngine,
    settings: Settings,
    portal: Portal,
    query: GbifQuery,
    rendition: Rendition,
    limit: int | None,
) -> None:
    source = await open_gbif(portal, settings.gbif_url, query, rendition=rendition)
    await read(engine, source, limit)


async def _downloaded(
    engine: AsyncEngine,
    settings: Settings,
    portal: Portal,
    query: GbifQuery,
    rendition: Rendition,
    limit: int | None,
) -> None:
    if rendition == "cache":  # it needs the key of each record, which the archive's media lack
        raise InvalidSetting("--rendition cache works only without --download")
    for note in query.notes:
        notes.print(note, markup=False)
    download = Download(portal, settings, query)
    path = await download.fetch(lambda said: notes.print(f"GBIF: {said}", markup=False))
    unpacked = settings.home.resolve() / "archives"
    small = rendition == "small"
    with GbifDownload(path, unpacked, query, settings.gbif_url, small=small) as source:
        await read(engine, source, limit)
    download.used()
    if download.doi:
        notes.print(f"Cite these records as https://doi.org/{download.doi}", markup=False)
