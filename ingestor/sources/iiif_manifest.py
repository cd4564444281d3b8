"""A IIIF manifest (Presentation API 2.1 or 3.0) or image service (Image API) to a row."""

import re
from collections.abc import Iterator
from typing import Literal

from ingestor.sources.base import MediaRow, Row
from ingestor.sources.iiif_image import SIDE, rendition, smaller
from ingestor.sources.portal import Json, JsonValue, as_count, as_text, rows_of

Kind = Literal["collection", "manifest", ""]
_PICTURES = {"items", "sequences", "structures", "thumbnail", "annotations"}
_LANGUAGES = ("en", "none", "@none")


def kind_of(found: Json) -> Kind:
    """Return what it is, by `type` (3.0) or `@type` (2.1); "" for neither."""
    name = as_text(found.get("type") or found.get("@type")).rpartition(":")[2].lower()
    return name if name in ("collection", "manifest") else ""  # type: ignore[return-value]


def is_service(found: Json) -> bool:
    """Whether it is an info.json."""
    return as_text(found.get("protocol")) == "http://iiif.io/api/image"


def id_of(found: Json) -> str:
    """Return its address."""
    return as_text(found.get("id") or found.get("@id"))


def label_of(found: Json) -> str:
    """Return its label."""
    return in_words(found.get("label"))


def rights_of(found: Json) -> str:
    """Return the licence that it states."""
    return in_words(found.get("rights") or found.get("license"))


def parts_of(collection: Json) -> Iterator[tuple[Kind, str]]:
    """(kind, address) of what a collection lists, in its order."""
    for name in ("items", "members", "collections", "manifests"):
        for part in rows_of(collection, name):
            kind = kind_of(part) or ("collection" if name == "collections" else "manifest")
            if id_of(part):
                yield kind, id_of(part)


def in_words(value: JsonValue | None) -> str:
    """Return text of any form: plain, language map (3.0), @value objects (2.1), lists of them.

    Of several languages English counts, then what has none, then the first; values are joined
    by " | ".
    """
    if isinstance(value, list):
        tagged = [each for each in value if isinstance(each, dict) and "@language" in each]
        english = [each for each in tagged if each["@language"] == "en"]
        chosen = (english or tagged[:1]) if len(tagged) == len(value) else value
        return " | ".join(text for text in map(in_words, chosen) if text)
    if isinstance(value, dict):
        if "@value" in value:
            return in_words(value["@value"])
        if address := id_of(value):
            return address
        named = next((value[name] for name in _LANGUAGES if name in value), None)
        return in_words(named if named is not None else next(iter(value.values()), None))
    return as_text(value)


def manifest_row(manifest: Json, dataset: str) -> Row:
    """Return the record of a manifest: its metadata by their labels, its rights, its pictures."""
    address = id_of(manifest)
    fields = {"title": label_of(manifest), "references": _page_of(manifest) or address}
    for pair in rows_of(manifest, "metadata"):
        label = in_words(pair.get("label"))
        if label and label not in fields:
            fields[label] = in_words(pair.get("value"))
    fields |= {"dcterms:license": rights_of(manifest), "dcterms:rightsHolder": _holder(manifest)}
    fields = {name: value for name, value in fields.items() if value}
    kept = {
        f"iiif:{name}": as_text(value) for name, value in manifest.items() if name not in _PICTURES
    }
    media = [
        MediaRow(f"{address}#{place}", cells, fetch_url)
        for place, (cells, fetch_url) in enumerate(_pictures(manifest))
    ]
    return Row(address, address, dataset, fields, media, kept)


def service_row(info: Json, url: str, dataset: str) -> Row:
    """Return the record of a single image, of which nothing but its address is known."""
    service = id_of(info) or url.removesuffix("/info.json")
    fields = {"references": url}
    if licence := rights_of(info):
        fields["dcterms:license"] = licence
    small = _small(info) or rendition(service)
    whole = "max" if "/image/3" in as_text(info.get("@context")) else "full"
    cells = {"identifier": f"{service}/full/{whole}/0/default.jpg"} | fields
    medium = MediaRow(f"{service}#image", cells, small)
    return Row(service, service, dataset, fields, [medium], {"iiif:info": as_text(info)})


def _holder(manifest: Json) -> str:
    """Whom the manifest asks to name."""
    required = manifest.get("requiredStatement")
    if isinstance(required, dict):
        return in_words(required.get("value"))
    return in_words(manifest.get("attribution"))


def _page_of(manifest: Json) -> str:
    for name in ("homepage", "related"):
        given = manifest.get(name)
        first = given[0] if isinstance(given, list) and given else given
        if address := (id_of(first) if isinstance(first, dict) else as_text(first)):
            return address
    return ""


def _pictures(manifest: Json) -> Iterator[tuple[dict[str, str], str | None]]:
    """(cells, address of a rendition) of every picture painted on a canvas."""
    canvases = [c for s in rows_of(manifest, "sequences") for c in rows_of(s, "canvases")]
    for canvas in canvases or rows_of(manifest, "items"):
        for body in _bodies(canvas):
            cells = {
                "identifier": id_of(body),
                "type": as_text(body.get("type") or body.get("@type")).rpartition(":")[2],
                "format": as_text(body.get("format")),
                "title": label_of(body) or label_of(canvas),
                "license": rights_of(body) or rights_of(canvas),
            }
            yield {name: value for name, value in cells.items() if value}, _fetch_url(body)


def _bodies(canvas: Json) -> Iterator[Json]:
    """The pictures of a canvas; of alternatives the first."""
    painted = [image.get("resource") for image in rows_of(canvas, "images")]
    for page in rows_of(canvas, "items"):
        notes = rows_of(page, "items")
        painted += [n.get("body") for n in notes if n.get("motivation") == "painting"]
    for body in painted:
        first = body[0] if isinstance(body, list) and body else body
        if not isinstance(first, dict):
            continue
        choices = rows_of(first, "items")
        default = first.get("default")
        yield choices[0] if choices else default if isinstance(default, dict) else first


def _fetch_url(body: Json) -> str | None:
    given = body.get("service")
    services = rows_of(body, "service") or ([given] if isinstance(given, dict) else [])
    for service in services:
        if _is_image_service(service):
            return _small(service)
    return smaller(id_of(body))


def _is_image_service(service: Json) -> bool:
    words = [as_text(service.get(name)) for name in ("type", "@type", "@context", "profile")]
    return re.search(r"ImageService|/api/image|image-api", " ".join(words)) is not None


def _small(service: Json) -> str | None:
    """Return a rendition that the service can give; None where it gives only the whole.

    A service of level 0 has no sizes but those it lists, any other no side above its limits.
    """
    address = id_of(service)
    if re.search(r"level0", as_text(service.get("profile"))):
        sizes = [
            (as_count(size.get("width")), as_count(size.get("height")))
            for size in rows_of(service, "sizes")
        ]
        enough = sorted(size for size in sizes if min(size) > 0 and max(size) >= SIDE // 2)
        return f"{address}/full/{enough[0][0]},{enough[0][1]}/0/default.jpg" if enough else None
    limits = [as_count(service.get(name)) for name in ("maxWidth", "maxHeight")]
    return rendition(address, side=min([SIDE, *(n for n in limits if n > 0)]))
