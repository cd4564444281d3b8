"""GBIF's asynchronous downloads, for searches too large to page through."""

import asyncio
import hashlib
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from core.errors import InvalidSetting, PortalError
from core.settings import Settings
from ingestor.sources.dwca import DwcaSource
from ingestor.sources.gbif_query import GbifQuery
from ingestor.sources.iiif_image import smaller
from ingestor.sources.portal import Json, Portal, as_text

POLL = 60.0
"""Seconds between looks at a download being prepared."""
_FAILED = {"CANCELLED", "KILLED", "FAILED", "FILE_ERASED"}
_MULTIMEDIA = "http://rs.tdwg.org/ac/terms/Multimedia"

Told = Callable[[str], None]


class GbifDownload(DwcaSource):
    """A downloaded archive; its records and images are those that the search gives."""

    name = "gbif"

    def __init__(
        self,
        path: Path,
        unpacked: Path,
        query: GbifQuery,
        base_url: str,
        *,
        small: bool = True,
    ) -> None:
        """Open the archive; `small`: fetch IIIF images at 1024 pixels."""
        super().__init__(path, unpacked)
        self._small = small
        self.key = f"{base_url} download {query.text}"
        self.label = f"GBIF download ({query.text})"

    def locate(self, identifier: str) -> str:
        """Return where the image can be fetched, as the search does; RejectedRow."""
        small = smaller(identifier) if self._small else None
        return small or super().locate(identifier)


class Download:
    """One download of a query, remembered in a file until it is used, so that it is asked once."""

    def __init__(
        self, portal: Portal, settings: Settings, query: GbifQuery, *, poll: float = POLL
    ) -> None:
        """InvalidSetting where no account at GBIF is set."""
        if not settings.gbif_user or not settings.gbif_password:
            raise InvalidSetting(
                "a download needs an account at gbif.org: set BIOCOSMOS_GBIF_USER and"
                " BIOCOSMOS_GBIF_PASSWORD"
            )
        self._portal = portal
        self._base_url = settings.gbif_url
        self._user = settings.gbif_user
        self._password = settings.gbif_password
        self._query = query
        self._poll = poll
        self._folder = settings.home / "archives"
        mark = hashlib.sha256(f"{self._base_url} {query.text}".encode()).hexdigest()[:12]
        self._asked = self._folder / f"gbif-{mark}.txt"
        self.doi = ""
        """Of the download, once it is there; what a publication cites."""

    async def fetch(self, told: Told) -> Path:
        """Return the archive once GBIF has prepared it; `told` hears how far it is.

        Stopped and run again, it waits for the same download. PortalError where GBIF gives up.
        """
        key = await self._key(told)
        said = ""
        while True:
            found = await self._portal.get(f"{self._base_url}/v1/occurrence/download/{key}")
            status = as_text(found.get("status"))
            if status != said:
                told(f"download {key}: {status.lower() or 'no status'}")
                said = status
            if status == "SUCCEEDED":
                break
            if status in _FAILED:
                self.used()
                raise PortalError(f"GBIF's download {key} ended as {status.lower()}; run it again")
            await asyncio.sleep(self._poll)
        self.doi = as_text(found.get("doi"))
        target = self._folder / f"gbif-{key}.zip"
        link = as_text(found.get("downloadLink"))
        link = link or f"{self._base_url}/v1/occurrence/download/request/{key}.zip"
        if not target.exists():
            await self._portal.save(link, target)
        if not zipfile.is_zipfile(target):
            target.unlink()
            raise PortalError(f"{link} is no archive; run the same command again later")
        return target

    def used(self) -> None:
        """Forget the download: the next run asks for a new one."""
        self._asked.unlink(missing_ok=True)

    async def _key(self, told: Told) -> str:
        if self._asked.exists():
            return self._asked.read_text().strip()
        url = f"{self._base_url}/v1/occurrence/download/request"
        password = self._password.get_secret_value()
        answer = await self._portal.submit(url, self._request(), self._user, password)
        key = answer.strip().strip('"')
        if not re.fullmatch(r"[\w-]+", key):
            raise PortalError(f"GBIF answered {key[:80]!r} where it should name the download")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._asked.write_text(key)
        told(f"asked for download {key}")
        return key

    def _request(self) -> Json:
        request: Json = {
            "creator": self._user,
            "sendNotification": False,
            "format": "DWCA",
            "predicate": predicate(self._query),
            "verbatimExtensions": [_MULTIMEDIA],
        }
        if self._query.checklist:
            request["checklistKey"] = self._query.checklist
        return request


def predicate(query: GbifQuery) -> Json:
    """Return the search in the language of downloads: values of one parameter are alternatives."""
    values: dict[str, list[str]] = {}
    for name, value in query.parameters:
        if name != "checklistKey":
            values.setdefault(name, []).append(value)
    parts = [_any_of(name, given, query.checklist) for name, given in values.items()]
    return parts[0] if len(parts) == 1 else {"type": "and", "predicates": [*parts]}


def _any_of(name: str, values: list[str], checklist: str) -> Json:
    if name == "geometry":
        alternatives: list[Json] = [{"type": "within", "geometry": value} for value in values]
    else:
        alternatives = [_one(name, value, checklist) for value in values]
    if len(alternatives) == 1:
        return alternatives[0]
    return {"type": "or", "predicates": [*alternatives]}


def _one(name: str, value: str, checklist: str) -> Json:
    key = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    common: Mapping[str, str] = {"key": key}
    if checklist and name.endswith("Key") and name not in ("datasetKey", "networkKey"):
        common = {"key": key, "checklistKey": checklist}
    ends = re.fullmatch(r"(\*|-?\d[\d.-]*),(\*|-?\d[\d.-]*)", value)
    if ends is None:
        return {"type": "equals", **common, "value": value}
    limits: list[Json] = []
    for kind, end in (("greaterThanOrEquals", ends[1]), ("lessThanOrEquals", ends[2])):
        if end != "*":
            limits.append({"type": kind, **common, "value": end})
    return limits[0] if len(limits) == 1 else {"type": "and", "predicates": [*limits]}
