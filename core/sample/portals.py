"""The portals' addresses on the sample museum's server: GBIF, iDigBio and IIIF manifests."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.sample import portal_gbif, portal_idigbio
from core.sample.museum import Museum
from core.sample.portal_gbif import Gbif
from core.sample.portal_idigbio import Idigbio
from core.sample.portal_museum import gbif_of, idigbio_of

Json = dict[str, Any]

PENDING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="260" height="100">'
    "<text x='20' y='50'>Preview Pending</text></svg>"
)
_WIDTHS = {"thumbnail": 260, "webview": 600}


@dataclass
class Portals:
    """What the portals hold. Filled from the museum; tests may put recorded answers instead."""

    museum: Museum
    url: str
    gbif: Gbif
    idigbio: Idigbio

    @classmethod
    def of(cls, museum: Museum, url: str) -> "Portals":
        """Return the portals as they show the museum at `url`."""
        return cls(museum, url, gbif_of(museum, url), idigbio_of(museum, url))


Answer = Callable[[Portals, web.Request], Awaitable[web.StreamResponse]]


async def occurrences(portals: Portals, request: web.Request) -> web.Response:
    """GET /v1/occurrence/search."""
    try:
        return web.json_response(portals.gbif.search([*request.query.items()]))
    except portal_gbif.Refused as error:
        raise web.HTTPBadRequest(text=str(error)) from error


async def dataset(portals: Portals, request: web.Request) -> web.Response:
    """GET /v1/dataset/{key}."""
    return _found(portals.gbif.datasets, request.match_info["key"])


async def organization(portals: Portals, request: web.Request) -> web.Response:
    """GET /v1/organization/{key}."""
    return _found(portals.gbif.organizations, request.match_info["key"])


async def match(portals: Portals, request: web.Request) -> web.Response:
    """GET /v2/species/match."""
    return web.json_response(portals.gbif.match(request.query.get("scientificName", "")))


async def cached_image(portals: Portals, request: web.Request) -> web.Response:
    """GET /v1/image/cache/…: leads to the image itself, as a full copy would look."""
    key, mark = request.match_info["key"], request.match_info["mark"]
    link = portals.gbif.medium(key, mark, hashlib.md5)
    raise web.HTTPFound(link) if link else web.HTTPNotFound()


async def ask_download(portals: Portals, request: web.Request) -> web.Response:
    """POST /v1/occurrence/download/request: wants a name and password."""
    if not request.headers.get("Authorization", "").startswith("Basic "):
        raise web.HTTPUnauthorized
    return web.Response(status=201, text=portals.gbif.request_download(await request.json()))


async def download(portals: Portals, request: web.Request) -> web.Response:
    """GET /v1/occurrence/download/{key}."""
    key = request.match_info["key"]
    if key not in portals.gbif.downloads:
        raise web.HTTPNotFound
    return web.json_response(portals.gbif.download(key, portals.url))


async def downloaded(portals: Portals, _: web.Request) -> web.Response:
    """GET /v1/occurrence/download/request/{key}.zip."""
    data = await asyncio.to_thread(portal_gbif.archive, portals.gbif.occurrences)
    return web.Response(body=data, content_type="application/zip")


async def idigbio_search(portals: Portals, request: web.Request) -> web.Response:
    """GET or POST /v2/search/records and /v2/search/media."""
    asked = dict(request.query) if request.method == "GET" else await request.json()
    try:
        return web.json_response(portals.idigbio.search(request.match_info["what"], asked))
    except portal_idigbio.Refused as error:
        raise web.HTTPBadRequest(text=str(error)) from error


async def idigbio_media(portals: Portals, request: web.Request) -> web.Response:
    """GET /v2/media/{uuid}: leads to a rendition; "Preview Pending" for what was never fetched."""
    own = request.match_info["uuid"]
    item = next((m for m in portals.idigbio.media if m["uuid"] == own), None)
    if item is None:
        raise web.HTTPNotFound
    link = item["data"]["ac:accessURI"]
    name = link.rpartition("/")[2]
    file = portals.museum.files.get(name)
    if file is None or file.encoding in ("html", "audio", "truncated"):
        return web.Response(text=PENDING, content_type="image/svg+xml")
    width = _WIDTHS.get(request.query.get("size", ""))
    raise web.HTTPFound(
        f"{portals.url}/iiif/2/{name}/full/!{width},{width}/0/default.jpg" if width else link
    )


async def collection(portals: Portals, request: web.Request) -> web.Response:
    """GET /presentation/{2|3}/collection.json: a manifest for every record."""
    version = request.match_info["version"]
    base = f"{portals.url}/presentation/{version}"
    names = [row["occurrenceID"].removeprefix("urn:uuid:") for row in portals.museum.records]
    if version == "2":
        listed = [
            {"@id": f"{base}/{name}/manifest.json", "@type": "sc:Manifest", "label": name}
            for name in names
        ]
        found: Json = {"@id": f"{base}/collection.json", "@type": "sc:Collection"}
        return web.json_response(found | {"label": "Sample museum", "manifests": listed})
    items = [
        {"id": f"{base}/{name}/manifest.json", "type": "Manifest", "label": {"none": [name]}}
        for name in names
    ]
    found = {"id": f"{base}/collection.json", "type": "Collection"}
    return web.json_response(found | {"label": {"en": ["Sample museum"]}, "items": items})


async def manifest(portals: Portals, request: web.Request) -> web.Response:
    """GET /presentation/{2|3}/{uuid}/manifest.json."""
    version, own = request.match_info["version"], f"urn:uuid:{request.match_info['uuid']}"
    row = next((r for r in portals.museum.records if r["occurrenceID"] == own), None)
    if row is None:
        raise web.HTTPNotFound
    address = f"{portals.url}/presentation/{version}/{request.match_info['uuid']}/manifest.json"
    shown = [m for m in portals.museum.media if m.record == own]
    pictures = [(m.file, m.title, m.licence, m.type) for m in shown]
    facts = {name: value for name, value in row.items() if value and name != "license"}
    maker = _manifest_2 if version == "2" else _manifest_3
    return web.json_response(maker(address, portals.url, row, facts, pictures))


Pictures = list[tuple[str, str, str, str]]


def _manifest_2(
    address: str, url: str, row: dict[str, str], facts: dict[str, str], pictures: Pictures
) -> Json:
    canvases = []
    for file, title, licence, kind in pictures:
        service = {
            "@context": "http://iiif.io/api/image/2/context.json",
            "@id": f"{url}/iiif/2/{file}",
            "profile": "http://iiif.io/api/image/2/level1.json",
        }
        resource = {
            "@id": f"{url}/images/{file}",
            "@type": "dctypes:Image" if kind == "StillImage" else "dctypes:Sound",
            "service": service,
        }
        image = {"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}
        canvases.append(
            {"@type": "sc:Canvas", "label": title, "license": licence, "images": [image]}
        )
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": address,
        "@type": "sc:Manifest",
        "label": [{"@value": row["scientificName"], "@language": "la"}],
        "metadata": [{"label": name, "value": value} for name, value in facts.items()],
        "attribution": row["rightsHolder"],
        "license": row["license"],
        "sequences": [{"@type": "sc:Sequence", "canvases": canvases}],
    }


def _manifest_3(
    address: str, url: str, row: dict[str, str], facts: dict[str, str], pictures: Pictures
) -> Json:
    canvases = []
    for file, title, licence, kind in pictures:
        body = {
            "id": f"{url}/images/{file}",
            "type": "Image" if kind == "StillImage" else "Sound",
            "service": [{"id": f"{url}/iiif/2/{file}", "type": "ImageService2"}],
        }
        note = {"type": "Annotation", "motivation": "painting", "body": body}
        page = {"type": "AnnotationPage", "items": [note]}
        canvases.append(
            {"type": "Canvas", "label": {"en": [title]}, "rights": licence, "items": [page]}
        )
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": address,
        "type": "Manifest",
        "label": {"none": [row["scientificName"]]},
        "metadata": [
            {"label": {"en": [name]}, "value": {"none": [value]}} for name, value in facts.items()
        ],
        "requiredStatement": {
            "label": {"en": ["Attribution"]},
            "value": {"en": [row["rightsHolder"]]},
        },
        "rights": row["license"],
        "items": canvases,
    }


def _found(among: dict[str, Json], key: str) -> web.Response:
    if key not in among:
        raise web.HTTPNotFound
    return web.json_response(among[key], dumps=json.dumps)


ROUTES: tuple[tuple[str, Answer], ...] = (
    ("/v1/occurrence/search", occurrences),
    ("/v1/dataset/{key}", dataset),
    ("/v1/organization/{key}", organization),
    ("/v2/species/match", match),
    ("/v1/image/cache/{size}/occurrence/{key}/media/{mark}", cached_image),
    ("/v1/occurrence/download/request", ask_download),
    ("/v1/occurrence/download/request/{file}", downloaded),
    ("/v1/occurrence/download/{key}", download),
    ("/v2/search/{what:records|media}", idigbio_search),
    ("/v2/media/{uuid}", idigbio_media),
    ("/presentation/{version:2|3}/collection.json", collection),
    ("/presentation/{version:2|3}/{uuid}/manifest.json", manifest),
)
