"""GBIF's occurrence search, facets, datasets, name matching and downloads, over any occurrences."""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from core import licences

Json = dict[str, Any]
Question = Sequence[tuple[str, str]]

PAGE = 300
WINDOW = 100_000
_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
_TAXON_KEYS = ("taxonKey", "acceptedTaxonKey", *(f"{rank}Key" for rank in _RANKS))
_ELSEWHERE = {"country": "countryCode"}
_LICENCES = {"CC0-1.0": "CC0_1_0", "CC-BY-4.0": "CC_BY_4_0", "CC-BY-NC-4.0": "CC_BY_NC_4_0"}
_PAGING = {"limit", "offset", "facet", "facetLimit", "facetOffset", "checklistKey"}
_TERMS = {
    "license": "http://purl.org/dc/terms/license",
    "gbifID": "http://rs.gbif.org/terms/1.0/gbifID",
    "datasetKey": "http://rs.gbif.org/terms/1.0/datasetKey",
}
_DC = "http://purl.org/dc/terms/"
_DWC = "http://rs.tdwg.org/dwc/terms/"
STEPS = ("PREPARING", "RUNNING", "SUCCEEDED")


class Refused(Exception):
    """The search answers 400."""


@dataclass
class Gbif:
    """What GBIF holds; tests may change it between requests."""

    occurrences: list[Json] = field(default_factory=list)
    datasets: dict[str, Json] = field(default_factory=dict)
    organizations: dict[str, Json] = field(default_factory=dict)
    window: int = WINDOW
    downloads: dict[str, int] = field(default_factory=dict)
    """How often each download was looked at."""
    requested: list[Json] = field(default_factory=list)
    """Bodies of the download requests."""

    def search(self, question: Question) -> Json:
        """Answer GET /v1/occurrence/search; Refused past the window."""
        asked = dict(question)
        limit, offset = int(asked.get("limit", 20)), int(asked.get("offset", 0))
        limit = min(limit, PAGE)
        if offset + limit > self.window:
            raise Refused(f"Max offset of {self.window} exceeded: {offset} + {limit}")
        found = [each for each in self.occurrences if _matches(each, question)]
        return {
            "offset": offset,
            "limit": limit,
            "endOfRecords": offset + limit >= len(found),
            "count": len(found),
            "facets": [_facet(found, name, asked) for name, value in _facets(question)],
            "results": found[offset : offset + limit],
        }

    def match(self, name: str) -> Json:
        """Answer GET /v2/species/match, by any name above an occurrence."""
        for each in self.occurrences:
            for rank in _RANKS:
                if each.get(rank, "").lower() == name.lower():
                    usage = {"key": str(each[f"{rank}Key"]), "name": each[rank], "rank": rank}
                    return {"usage": usage, "diagnostics": {"matchType": "EXACT"}, "synonym": False}
        return {"diagnostics": {"matchType": "NONE"}, "synonym": False}

    def medium(self, key: str, mark: str, md5: Any) -> str | None:
        """Return the address of a medium of an occurrence by the md5 of that address."""
        for each in self.occurrences:
            for medium in each.get("media", []) if str(each["key"]) == key else []:
                if md5(medium.get("identifier", "").encode()).hexdigest() == mark:
                    return str(medium["identifier"])
        return None

    def request_download(self, body: Json) -> str:
        """Answer POST /v1/occurrence/download/request."""
        self.requested.append(body)
        key = f"{len(self.requested):07}-240101000000000"
        self.downloads[key] = 0
        return key

    def download(self, key: str, url: str) -> Json:
        """Answer GET /v1/occurrence/download/{key}; each look finds it a step further."""
        step = min(self.downloads[key], len(STEPS) - 1)
        self.downloads[key] += 1
        return {
            "key": key,
            "doi": "10.15468/dl.sample",
            "status": STEPS[step],
            "downloadLink": f"{url}/v1/occurrence/download/request/{key}.zip",
            "totalRecords": len(self.occurrences),
        }


def _facets(question: Question) -> list[tuple[str, str]]:
    return [(value, name) for name, value in question if name == "facet"]


def _facet(found: Sequence[Json], name: str, asked: Mapping[str, str]) -> Json:
    counted = Counter(value for each in found if (value := value_of(each, name)) is not None)
    start = int(asked.get("facetOffset", 0))
    chosen = counted.most_common()[start : start + int(asked.get("facetLimit", 10))]
    return {
        "field": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(),
        "counts": [{"name": value, "count": count} for value, count in chosen],
    }


def value_of(occurrence: Json, name: str) -> str | None:
    """Return the value a parameter is compared with."""
    if name == "hasCoordinate":
        return str("decimalLatitude" in occurrence).lower()
    value = occurrence.get(_ELSEWHERE.get(name, name))
    if name == "license":
        return _LICENCES.get(licences.parse(value), "UNSUPPORTED" if value else "UNSPECIFIED")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _matches(occurrence: Json, question: Question) -> bool:
    wanted: dict[str, list[str]] = {}
    for name, value in question:
        if name not in _PAGING:
            wanted.setdefault(name, []).append(value)
    checklist = dict(question).get("checklistKey")
    return all(
        any(_has(occurrence, name, value, checklist) for value in values)
        for name, values in wanted.items()
    )


def _has(occurrence: Json, name: str, value: str, checklist: str | None) -> bool:
    if name == "mediaType":
        return any(medium.get("type") == value for medium in occurrence.get("media", []))
    if name == "taxonKey" and checklist:
        classified = occurrence.get("classifications", {}).get(checklist, {})
        return any(each["key"] == value for each in classified.get("classification", []))
    if name == "taxonKey":
        return value in {str(occurrence.get(key)) for key in _TAXON_KEYS}
    own = value_of(occurrence, name)
    if name == "lastInterpreted":  # a day, or two with * for an open end
        first, _, last = value.partition(",")
        day = (own or "")[:10]
        return (first == "*" or day >= first) and (last == "*" or day <= (last or first))
    if own is not None and (ends := re.fullmatch(r"(\d+),(\d+)", value)):
        return int(ends[1]) <= float(own) <= int(ends[2])
    return own == value


def archive(occurrences: Sequence[Json]) -> bytes:
    """Return a download in GBIF's form: occurrence.txt, multimedia.txt and meta.xml."""
    names = sorted({n for o in occurrences for n, v in o.items() if not isinstance(v, dict | list)})
    names = ["gbifID", *(n for n in names if n not in ("gbifID", "key"))]
    kinds = sorted({name for o in occurrences for m in o.get("media", []) for name in m})
    core = [[str(o["key"]), *(_cell(o.get(n)) for n in names[1:])] for o in occurrences]
    media = [
        [str(o["key"]), *(_cell(m.get(kind)) for kind in kinds)]
        for o in occurrences
        for m in o.get("media", [])
    ]
    tables = {
        "occurrence.txt": [names, *core],
        "multimedia.txt": [["gbifID", *kinds], *media],
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, rows in tables.items():
            file.writestr(name, "".join("\t".join(row) + "\n" for row in rows))
        file.writestr("meta.xml", _meta(names, kinds))
    return packed.getvalue()


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def _meta(names: Sequence[str], kinds: Sequence[str]) -> str:
    core = [_TERMS.get(name, f"{_DWC}{name}") for name in names]
    media = ["", *(f"{_DC}{kind}" for kind in kinds)]
    parts = (
        ("core", "id", f"{_DWC}Occurrence", "occurrence.txt", core),
        ("extension", "coreid", "http://rs.gbif.org/terms/1.0/Multimedia", "multimedia.txt", media),
    )
    text = '<archive xmlns="http://rs.tdwg.org/dwc/text/">'
    for tag, key, kind, file, terms in parts:
        listed = "".join(
            f'<field index="{i}" term={quoteattr(term)}/>' for i, term in enumerate(terms) if term
        )
        text += (
            f'<{tag} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n"'
            f' fieldsEnclosedBy="" ignoreHeaderLines="1" rowType="{kind}">'
            f'<files><location>{file}</location></files><{key} index="0"/>{listed}</{tag}>'
        )
    return text + "</archive>"
