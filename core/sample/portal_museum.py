"""The sample museum as the portals would publish it: real shapes, with their quirks."""

import random
import uuid
import zlib
from typing import Any

from core.sample.museum import Media, Museum
from core.sample.places import COLLECTIONS
from core.sample.portal_gbif import Gbif
from core.sample.portal_idigbio import Idigbio
from core.sample.records import NAMESPACE, Row

Json = dict[str, Any]

COL_XR = "7ddf754f-d193-4cc9-b351-99906754a03b"
_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
_NUMBERS = ("decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters")
_WHOLE = ("year", "month", "day", "individualCount")
_EXTENSION = "http://rs.gbif.org/terms/1.0/Multimedia"
_DC = "http://purl.org/dc/terms/"
_AC = "http://rs.tdwg.org/ac/terms/"
_FIRST_KEY = 4_000_000_000


def dataset_key(code: str) -> str:
    """Return the UUID a portal gives a collection of the museum."""
    return str(uuid.uuid5(NAMESPACE, code))


def gbif_of(museum: Museum, url: str) -> Gbif:
    """Return the museum as GBIF shows it, its media linked to `url`."""
    rng = random.Random(f"gbif-{museum.seed}")
    media = _media_by_record(museum)
    rows = enumerate(museum.records, _FIRST_KEY)
    occurrences = [
        _occurrence(key, row, media.get(row["occurrenceID"], []), url, rng) for key, row in rows
    ]
    datasets, organizations = {}, {}
    for home in COLLECTIONS:
        key, publisher = dataset_key(home.key), dataset_key(home.institution)
        datasets[key] = {
            "key": key,
            "title": home.title,
            "description": home.abstract,
            "license": home.licence,
            "doi": f"10.5072/{home.key}",
            "publishingOrganizationKey": publisher,
            "citation": {"text": f"{home.institution}. {home.title}."},
        }
        organizations[publisher] = {"key": publisher, "title": home.institution}
    return Gbif(occurrences, datasets, organizations)


def _media_by_record(museum: Museum) -> dict[str, list[Media]]:
    found: dict[str, list[Media]] = {}
    for medium in museum.media:
        found.setdefault(medium.record, []).append(medium)
    return found


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) % 10_000_000


def _occurrence(key: int, row: Row, media: list[Media], url: str, rng: random.Random) -> Json:
    """One result of the search: numbers as numbers, media apart from the publisher's list."""
    occurrence: Json = {"key": key, "datasetKey": dataset_key(row["datasetID"])}
    for name, value in row.items():
        if value and name not in ("taxonID", "country"):
            number = float(value) if name in _NUMBERS else int(value) if name in _WHOLE else value
            occurrence[name] = number
    names = {rank: row.get(rank, "") for rank in _RANKS}
    if row.get("specificEpithet"):
        names["species"] = f"{row['genus']} {row['specificEpithet']}"
    for rank, name in names.items():
        if name:
            occurrence |= {rank: name, f"{rank}Key": _key(name)}
    lowest = next(name for name in reversed(names.values()) if name)
    occurrence |= {
        "gbifID": str(key),
        "basisOfRecord": "PRESERVED_SPECIMEN",
        "taxonRank": row["taxonRank"].upper(),
        "taxonKey": _key(lowest),
        "acceptedTaxonKey": _key(lowest),
        "classifications": {COL_XR: _classification(names, lowest, row)},
        "issues": ["COORDINATE_ROUNDED"] if "decimalLatitude" in occurrence else [],
        "isInCluster": False,
    }
    published = [_medium(each, url) for each in media]
    extension = [
        {f"{_DC}{name}": value for name, value in shown.items()}
        | ({f"{_AC}subjectOrientation": each.orientation} if each.orientation else {})
        for shown, each in zip(published, media, strict=True)
    ]
    rng.shuffle(extension)
    return occurrence | {"media": published, "extensions": {_EXTENSION: extension}}


def _classification(names: dict[str, str], lowest: str, row: Row) -> Json:
    usage = {"key": f"S{_key(lowest):X}", "name": row["scientificName"], "rank": row["taxonRank"]}
    return {
        "usage": usage,
        "classification": [
            {"key": f"S{_key(name):X}", "name": name, "rank": rank.upper()}
            for rank, name in names.items()
            if name
        ],
    }


def _medium(medium: Media, url: str) -> Json:
    values = {
        "type": medium.type,
        "format": medium.format,
        "identifier": f"{url}/images/{medium.file}",
        "license": medium.licence,
        "rightsHolder": medium.rights_holder,
        "creator": medium.creator,
        "title": medium.title,
    }
    return {name: value for name, value in values.items() if value}


def idigbio_of(museum: Museum, url: str) -> Idigbio:
    """Return the museum as iDigBio shows it: raw terms beside lower-cased ones, media apart."""
    media: dict[str, Json] = {}
    listed: dict[str, list[str]] = {}
    for medium in museum.media:
        own = str(uuid.uuid5(NAMESPACE, medium.file))
        owner = medium.record.removeprefix("urn:uuid:")
        listed.setdefault(owner, []).append(own)
        item = media.setdefault(own, _media_item(own, medium, url))
        item["indexTerms"]["records"].append(owner)
    records = [_record_item(row, listed) for row in museum.records]
    random.Random(museum.seed).shuffle(records)
    attribution = [
        {
            "uuid": dataset_key(home.key),
            "name": home.title,
            "description": home.abstract,
            "data_rights": home.licence,
            "url": "",
        }
        for home in COLLECTIONS
    ]
    return Idigbio(records, list(media.values()), attribution)


def _record_item(row: Row, listed: dict[str, list[str]]) -> Json:
    own = row["occurrenceID"].removeprefix("urn:uuid:")
    terms: Json = {
        "uuid": own,
        "recordset": dataset_key(row["datasetID"]),
        "hasImage": own in listed,
        "mediarecords": listed.get(own, []),
        "scientificname": row["scientificName"].lower(),
        "institutioncode": row["institutionCode"].lower(),
        **{rank: row[rank].lower() for rank in _RANKS if row.get(rank)},
    }
    if row.get("eventDate"):  # a day is made up where none is known
        terms["datecollected"] = f"{row['eventDate'][:4]}-08-27T00:00:00+00:00"
    spelt = {"license": "dcterms:license", "rightsHolder": "dcterms:rightsHolder"}
    data = {spelt.get(name, f"dwc:{name}"): value for name, value in row.items() if value}
    terms["indexData"] = {"idigbio:uuid": own, **data}
    return {"uuid": own, "type": "records", "etag": own, "data": data, "indexTerms": terms}


def _media_item(own: str, medium: Media, url: str) -> Json:
    data = {
        "ac:accessURI": f"{url}/images/{medium.file}",
        "dc:type": medium.type,
        "dc:format": medium.format,
        "dcterms:title": medium.title,
        "dc:creator": medium.creator,
        "xmpRights:Owner": medium.rights_holder,
        "xmpRights:WebStatement": medium.licence,
        "ac:subjectOrientation": medium.orientation,
    }
    terms: Json = {
        "uuid": own,
        "accessuri": data["ac:accessURI"],
        "type": medium.type.lower(),
        "mediatype": "sounds" if medium.type == "Sound" else "images",
        "records": [],
        "hasSpecimen": True,
    }
    given = {name: value for name, value in data.items() if value}
    return {"uuid": own, "type": "mediarecords", "etag": own, "data": given, "indexTerms": terms}
