"""Records and media as iDigBio gives them to rows; its own reinterpretations are set aside."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from core.darwincore.terms import cells
from ingestor.sources.base import DatasetInfo, MediaRow, Row
from ingestor.sources.iiif_image import service_of, smaller, with_link
from ingestor.sources.portal import Json, JsonValue, as_text

_LINKS = ("accessURI", "goodQualityAccessURI", "bestQualityAccessURI", "identifier")
_FILLED = {"type": "type", "format": "format", "accessuri": "accessURI"}
"""Terms of the index that stand in where the publisher's own row of a medium has none."""


def terms_of(item: Json) -> Json:
    """Return what iDigBio's index says of an item."""
    found = item.get("indexTerms")
    return found if isinstance(found, dict) else {}


def media_of(record: Json) -> list[str]:
    """Return the uuids of the media that a record lists."""
    return _texts(terms_of(record).get("mediarecords"))


def recordset(item: Json) -> str:
    """Return the uuid of the dataset an item belongs to."""
    return as_text(terms_of(item).get("recordset"))


def join(records: Mapping[str, Json], media: Mapping[str, Json]) -> dict[str, list[str]]:
    """Return the media of every record by uuid: those it lists, then those that list it."""
    joined = {uuid: media_of(record) for uuid, record in records.items()}
    for uuid, medium in media.items():
        for owner in _texts(terms_of(medium).get("records")):
            if owner in joined and uuid not in joined[owner]:
                joined[owner].append(uuid)
    return {owner: list(dict.fromkeys(uuids)) for owner, uuids in joined.items()}


def specimen_row(item: Json, media: Sequence[Json], media_url: str, rendition: str) -> Row:
    """Return the row of a record, with its media, as its publisher wrote them.

    Of iDigBio's index nothing is interpreted: its dates are invented where only a year is known,
    its names lower-cased and replaced. It is kept beside the row, less `indexData`, which repeats
    both.
    """
    uuid = as_text(item["uuid"])
    fields, kept = _split(item.get("data"))
    kept["idigbio:indexTerms"] = as_text(
        {name: value for name, value in terms_of(item).items() if name != "indexData"}
    )
    if media:
        kept["idigbio:media"] = as_text(
            [{"uuid": medium["uuid"], "data": medium.get("data")} for medium in media]
        )
    locator = f"records/{uuid}"
    rows = [medium_row(medium, media_url, rendition) for medium in media]
    rows += _associated(fields, rows, locator)
    return Row(locator, uuid, recordset(item), fields or {"idigbio:uuid": uuid}, rows, kept)


def medium_row(item: Json, media_url: str, rendition: str) -> MediaRow:
    """Return the row of a medium as published, with the address of a smaller rendition."""
    uuid = as_text(item["uuid"])
    fields, _ = _split(item.get("data"))
    index = terms_of(item)
    for name, term in _FILLED.items():
        if value := as_text(index.get(name)):
            fields[f"idigbio:{term}"] = value
    identifier = _identifier(fields)
    small = None
    if rendition == "small":
        small = smaller(identifier) or f"{media_url}/v2/media/{quote(uuid)}?size=webview"
    return MediaRow(f"media/{uuid}", with_link(fields, identifier), small)


def dataset_of(attribution: Json) -> DatasetInfo:
    """Return a dataset from an entry of `attribution`."""
    key = as_text(attribution.get("uuid"))
    return DatasetInfo(
        key,
        as_text(attribution.get("name")) or f"iDigBio recordset {key}",
        description=as_text(attribution.get("description")) or None,
        licence_raw=as_text(attribution.get("data_rights")) or None,
        url=as_text(attribution.get("url")) or None,
    )


def _associated(
    fields: Mapping[str, str], media: Sequence[MediaRow], locator: str
) -> list[MediaRow]:
    """An IIIF image that the record itself names, where no medium is of the same service."""
    listed = cells(fields).get("associatedMedia", "")
    known = {service_of(_identifier(medium.fields)) for medium in media}
    return [
        MediaRow(f"{locator}#associatedMedia", {"identifier": link}, smaller(link))
        for link in listed.replace("|", " ").replace(";", " ").split()
        if link.startswith("http") and (service := service_of(link)) and service not in known
    ]


def _identifier(fields: Mapping[str, str]) -> str:
    found = cells(fields)
    return next((found[name] for name in _LINKS if name in found), "")


def _split(data: JsonValue | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return (terms, lists and objects as JSON)."""
    fields: dict[str, str] = {}
    kept: dict[str, str] = {}
    for name, value in data.items() if isinstance(data, dict) else ():
        (kept if isinstance(value, dict | list) else fields)[name] = as_text(value)
    return fields, kept


def _texts(value: JsonValue | None) -> list[str]:
    return [as_text(each) for each in value] if isinstance(value, list) else []
