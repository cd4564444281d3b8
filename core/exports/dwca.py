"""A Darwin Core Archive (Darwin Core text guide, TDWG 2009) with what a receipt says inside.

Tab-separated without quotes, as GBIF writes them: tabs and line ends within a value become spaces.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from core.exports.columns import OCCURRENCE
from core.licences import describe

DWC = "http://rs.tdwg.org/dwc/terms/"
DC = "http://purl.org/dc/terms/"
AC = "http://rs.tdwg.org/ac/terms/"
MULTIMEDIA = "http://rs.gbif.org/terms/1.0/Multimedia"

_CORE: tuple[tuple[str, str], ...] = (
    *((DWC + name, name) for name in OCCURRENCE),
    (DWC + "datasetID", "datasetKey"),
    (DC + "license", "recordLicense"),
    (DC + "rightsHolder", "recordRightsHolder"),
    (DC + "references", "references"),
)
_MEDIA = (
    (DC + "type", "type"),
    (DC + "identifier", "identifier"),
    (DC + "references", "imagePage"),
    (DC + "license", "license"),
    (DC + "rightsHolder", "imageRightsHolder"),
    (DC + "creator", "imageCreator"),
    (AC + "subjectOrientation", "imageView"),
    (DC + "source", "imageIdentifier"),
)


class Archive:
    """A zip being written: first the occurrences, then the media, then `close`."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._open: IO[bytes] | None = None

    def _begin(self, name: str, header: Sequence[str]) -> None:
        if self._open:
            self._open.close()
        self._open = self._zip.open(name, "w", force_zip64=True)
        self._line(["id", *header])

    def _line(self, values: Sequence[object]) -> None:
        assert self._open is not None
        cells = ("" if value is None else " ".join(str(value).split()) for value in values)
        self._open.write(("\t".join(cells) + "\n").encode())

    def begin_occurrences(self) -> None:
        """Begin the core."""
        self._begin("occurrence.txt", [name for _, name in _CORE])

    def occurrences(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add records: rows with `id` and the columns of Darwin Core."""
        for row in rows:
            self._line([row["id"], *(_value(row, name) for _, name in _CORE)])

    def begin_media(self) -> None:
        """Begin the extension."""
        self._begin("multimedia.txt", [term.rsplit("/", 1)[1] for term, _ in _MEDIA])

    def media(self, of: Sequence[Any], row: Mapping[str, Any]) -> None:
        """Add one image, a row of all columns, for each of the records `of`."""
        known = {
            **row,
            "type": "StillImage",
            "identifier": row["imageURL"] or row["imagePage"],
            "license": _licence(row["imageLicense"]),
        }
        for record in of:
            self._line([record, *(known[name] for _, name in _MEDIA)])

    def close(self, facts: Mapping[str, Any]) -> None:
        """Finish with descriptor, metadata, and the `receipt` as JSON and citation as text."""
        if self._open:
            self._open.close()
        self._zip.writestr("meta.xml", meta_xml())
        self._zip.writestr("eml.xml", eml_xml(facts))
        self._zip.writestr("citation.txt", facts["citation"] + "\n")
        self._zip.writestr("receipt.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
        self._zip.close()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        if self._open:
            self._open.close()
        self._zip.close()


def _value(row: Mapping[str, Any], name: str) -> object:
    return _licence(row[name]) if name == "recordLicense" else row[name]


def _licence(code: str | None) -> str | None:
    """As a link where there is one, which says more than our code."""
    return (describe(code).url or describe(code).label) if code else None


def meta_xml() -> str:
    """The archive's descriptor."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">\n'
        + _table("core", DWC + "Occurrence", "occurrence.txt", "id", [term for term, _ in _CORE])
        + _table("extension", MULTIMEDIA, "multimedia.txt", "coreid", [t for t, _ in _MEDIA])
        + "</archive>\n"
    )


def _table(tag: str, row_type: str, file: str, key: str, terms: Sequence[str]) -> str:
    fields = "".join(
        f"    <field index={quoteattr(str(at))} term={quoteattr(term)}/>\n"
        for at, term in enumerate(terms, start=1)
    )
    return (
        f'  <{tag} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" '
        f'fieldsEnclosedBy="" ignoreHeaderLines="1" rowType="{row_type}">\n'
        f"    <files><location>{file}</location></files>\n"
        f'    <{key} index="0"/>\n{fields}  </{tag}>\n'
    )


def eml_xml(facts: Mapping[str, Any]) -> str:
    """Metadata in the Ecological Metadata Language (GBIF profile 1.1, the parts we use)."""
    rights = " ".join(facts["licence_summary"]) + " Each image names its own licence."
    cited = "".join(
        f"<bibliography><citation>{escape(each)}</citation></bibliography>"
        for each in facts["dataset_citations"]
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<eml:eml xmlns:eml="eml://ecoinformatics.org/eml-2.1.1" '
        f'packageId={quoteattr(facts["id"])} system="{escape(facts["link"])}" scope="system" '
        'xml:lang="en">\n  <dataset>\n'
        f"    <alternateIdentifier>{escape(facts['link'])}</alternateIdentifier>\n"
        f"    <title>{escape(facts['title'])}</title>\n"
        "    <creator><organizationName>BioCosmos</organizationName></creator>\n"
        "    <metadataProvider><organizationName>BioCosmos</organizationName></metadataProvider>\n"
        f"    <pubDate>{date.fromisoformat(facts['date'])}</pubDate>\n    <language>en</language>\n"
        f"    <abstract><para>{escape(facts['description'])}</para></abstract>\n"
        f"    <intellectualRights><para>{escape(rights)}</para></intellectualRights>\n"
        "    <contact><organizationName>BioCosmos</organizationName></contact>\n  </dataset>\n"
        "  <additionalMetadata><metadata><gbif>"
        f"<citation>{escape(facts['citation'])}</citation>{cited}"
        "</gbif></metadata></additionalMetadata>\n</eml:eml>\n"
    )
