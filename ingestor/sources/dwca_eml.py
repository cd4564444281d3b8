"""What an EML document says of a dataset.

Source: GBIF Metadata Profile 1.x over EML 2.1.1.
"""

import re
from xml.etree import ElementTree

from ingestor.sources.base import DatasetInfo

_LICENCE = re.compile(r"https?://\S*(?:creativecommons|opendatacommons)\.org/\S+[^\s.,;)]")


def package_id(content: bytes) -> str | None:
    """Return the document's identifier without its version, which changes with every edit."""
    root = _parse(content)
    given = root.get("packageId", "").strip() if root is not None else ""
    return re.sub(r"/v[\d.]+$", "", given) or None


def read_eml(content: bytes, key: str, fallback_title: str) -> DatasetInfo:
    """Describe the dataset; a document that is not XML gives only the fallback title."""
    root = _parse(content)
    if root is None:
        return DatasetInfo(key, fallback_title)
    dataset = root.find("{*}dataset")
    at = dataset if dataset is not None else root
    return DatasetInfo(
        key=key,
        title=_text(at, "{*}title") or fallback_title,
        publisher=_publisher(at),
        description=_text(at, "{*}abstract"),
        licence_raw=_rights(at),
        citation=_text(root, ".//{*}gbif/{*}citation"),
        doi=_doi(root, at),
        url=_text(at, "{*}distribution/{*}online/{*}url"),
    )


def _parse(content: bytes) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError):
        return None


def _text(element: ElementTree.Element, path: str) -> str | None:
    found = element.find(path)
    return None if found is None else " ".join("".join(found.itertext()).split()) or None


def _publisher(dataset: ElementTree.Element) -> str | None:
    parties = ("publisher", "creator", "metadataProvider", "associatedParty", "contact")
    names = (_text(dataset, f"{{*}}{party}/{{*}}organizationName") for party in parties)
    return next((name for name in names if name), None)


def _rights(dataset: ElementTree.Element) -> str | None:
    """Return the licence's link where there is one, else the statement in words."""
    links = [e.get("url", "") for e in dataset.iterfind("{*}intellectualRights//{*}ulink")]
    links += [e.text or "" for e in dataset.iterfind("{*}licensed/{*}url")]
    stated = _text(dataset, "{*}intellectualRights")
    in_words = _LICENCE.search(stated or "")
    if in_words:
        links.append(in_words.group())
    return next((link.strip() for link in links if link.strip()), None) or stated


def _doi(root: ElementTree.Element, dataset: ElementTree.Element) -> str | None:
    given = [e.text or "" for e in dataset.iterfind("{*}alternateIdentifier")]
    citation = root.find(".//{*}gbif/{*}citation")
    given.append(citation.get("identifier", "") if citation is not None else "")
    for text in given:
        if match := re.search(r"10\.\d{4,9}/\S+", text):
            return match.group()
    return None
