"""`bin/ingest gbif`, `idigbio` and `iiif`: records and images from the portals."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from ingestor.commands import Images, Limit, Queued, Rate, do
from ingestor.sources.idigbio import parse_rq

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
    enqueue: Queued = False,
) -> None:
    """Read what a search of GBIF finds; options given more than once are alternatives."""
    given = {
        "source": "gbif",
        "taxon": taxon or (),
        "checklist": checklist,
        "dataset": dataset or (),
        "institution": institution or (),
        "basis": basis or (),
        "country": country or (),
        "year": year or (),
        "licence": licence or (),
        "geometry": geometry or (),
        "param": param or (),
        "rendition": rendition,
        "download": download,
    }
    _ingest(given, limit, no_images, rate, enqueue)


def idigbio(
    rq: Annotated[str, typer.Option(help='Record query: {"order":"lepidoptera"}.')],
    rendition: IdigbioRendition = "small",
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
    enqueue: Queued = False,
) -> None:
    """Read what a record query of iDigBio finds."""
    given = {"source": "idigbio", "rq": parse_rq(rq), "rendition": rendition}
    _ingest(given, limit, no_images, rate, enqueue)


def iiif(
    url: Annotated[str, typer.Argument(help="Manifest, collection or image service.")],
    limit: Limit = None,
    no_images: Images = False,
    rate: Rate = 1.0,
    enqueue: Queued = False,
) -> None:
    """Read IIIF manifests: each is a record, its canvases are the images."""
    _ingest({"source": "iiif", "url": url}, limit, no_images, rate, enqueue)


def _ingest(
    given: Mapping[str, Any], limit: int | None, no_images: bool, rate: float, enqueue: bool
) -> None:
    common = {"limit": limit, "images": not no_images, "rate": rate}
    do("ingest", {**given, **common}, enqueue=enqueue)
