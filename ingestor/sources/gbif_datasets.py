"""What GBIF says about a dataset: title, publisher, licence, citation and DOI, each asked once."""

from core.errors import UnreadableSource
from ingestor.sources.base import DatasetInfo
from ingestor.sources.portal import Json, Portal, as_text


class Datasets:
    """Descriptions of the datasets of one run."""

    def __init__(self, portal: Portal, base_url: str) -> None:
        self._portal = portal
        self._base_url = base_url
        self._known: dict[str, DatasetInfo] = {}
        self._publishers: dict[str, str | None] = {}

    async def get(self, key: str, name: str) -> DatasetInfo:
        """Describe a dataset; `name` is what its records call it, should GBIF not know it."""
        if key not in self._known:
            self._known[key] = await self._ask(key, name)
        return self._known[key]

    async def _ask(self, key: str, name: str) -> DatasetInfo:
        found = await self._found(f"dataset/{key}")
        if not found:
            return DatasetInfo(key, name or key)
        citation = found.get("citation")
        doi = as_text(found.get("doi"))
        return DatasetInfo(
            key,
            as_text(found.get("title")) or name or key,
            publisher=await self._publisher(as_text(found.get("publishingOrganizationKey"))),
            description=as_text(found.get("description")) or None,
            licence_raw=as_text(found.get("license")) or None,
            citation=as_text(citation.get("text")) or None if isinstance(citation, dict) else None,
            doi=doi or None,
            url=as_text(found.get("homepage")) or (f"https://doi.org/{doi}" if doi else None),
        )

    async def _publisher(self, key: str) -> str | None:
        if key and key not in self._publishers:
            found = await self._found(f"organization/{key}")
            self._publishers[key] = as_text(found.get("title")) or None
        return self._publishers.get(key)

    async def _found(self, path: str) -> Json:
        """Return what GBIF says, nothing where it refuses: a dataset may be gone."""
        try:
            return await self._portal.get(f"{self._base_url}/v1/{path}")
        except UnreadableSource:
            return {}
