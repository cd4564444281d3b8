"""Publishes a museum as a Darwin Core Archive (Darwin Core text guide, TDWG 2009)."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from core.sample.files import file_bytes
from core.sample.museum import Media, Museum
from core.sample.places import COLLECTIONS, Collection

DWC = "http://rs.tdwg.org/dwc/terms/"
DC = "http://purl.org/dc/terms/"
AC = "http://rs.tdwg.org/ac/terms/"
EPOCH = (2024, 1, 1, 0, 0, 0)  # a fixed time stamp, so that the archive's bytes repeat

# Orders as no one would expect them: readers must go by meta.xml, never by position.
OCCURRENCE = [
    "institutionCode",
    "catalogNumber",
    "occurrenceID",
    "decimalLongitude",
    "decimalLatitude",
    "license",
    "scientificName",
    "family",
    "genus",
    "specificEpithet",
    "scientificNameAuthorship",
    "taxonRank",
    "taxonID",
    "kingdom",
    "phylum",
    "class",
    "order",
    "vernacularName",
    "eventDate",
    "verbatimEventDate",
    "year",
    "month",
    "day",
    "recordedBy",
    "sex",
    "lifeStage",
    "reproductiveCondition",
    "typeStatus",
    "individualCount",
    "country",
    "countryCode",
    "stateProvince",
    "locality",
    "geodeticDatum",
    "coordinateUncertaintyInMeters",
    "informationWithheld",
    "dataGeneralizations",
    "basisOfRecord",
    "collectionCode",
    "datasetID",
    "datasetName",
    "rightsHolder",
    "modified",
]
MEDIA = (
    (DC + "license", "licence"),
    (DC + "format", "format"),
    (AC + "subjectOrientation", "orientation"),
    (DC + "identifier", "file"),
    (DC + "creator", "creator"),
    (DC + "type", "type"),
    (DC + "rightsHolder", "rights_holder"),
    (DC + "title", "title"),
)
DUBLIN_CORE = ("license", "rightsHolder", "modified")
CORE_ID = OCCURRENCE.index("occurrenceID")
MEDIA_ID = 2  # the core's id stands in this column of multimedia.txt


def _term(name: str) -> str:
    return (DC if name in DUBLIN_CORE else DWC) + name


def _line(values: list[str]) -> str:
    return "\t".join(" ".join(v.split()) for v in values) + "\n"


def occurrence_table(museum: Museum) -> str:
    """occurrence.txt: tab-separated with a header line."""
    rows = [_line([record.get(name, "") for name in OCCURRENCE]) for record in museum.records]
    return _line(OCCURRENCE) + "".join(rows)


def multimedia_table(museum: Museum, base_url: str | None) -> str:
    """multimedia.txt; identifiers are `images/NAME`, under `base_url` when there is one."""
    prefix = f"{base_url.rstrip('/')}/images/" if base_url else "images/"

    def line(media: Media) -> str:
        values = [getattr(media, field) for _, field in MEDIA]
        values[3] = prefix + values[3]
        return _line([*values[:MEDIA_ID], media.record, *values[MEDIA_ID:]])

    header = [term.rsplit("/", 1)[1] for term, _ in MEDIA]
    header.insert(MEDIA_ID, "coreid")
    return _line(header) + "".join(line(m) for m in museum.media)


def _table_xml(
    tag: str, row_type: str, file: str, id_xml: str, fields: list[tuple[int, str]]
) -> str:
    rows = "\n".join(f'    <field index="{i}" term={quoteattr(term)}/>' for i, term in fields)
    return (
        f'  <{tag} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" '
        f'fieldsEnclosedBy="" ignoreHeaderLines="1" rowType="{row_type}">\n'
        f"    <files><location>{file}</location></files>\n    {id_xml}\n{rows}\n  </{tag}>\n"
    )


def meta_xml() -> str:
    """The archive's descriptor."""
    occurrence = [(i, _term(name)) for i, name in enumerate(OCCURRENCE)]
    media = [(i if i < MEDIA_ID else i + 1, term) for i, (term, _) in enumerate(MEDIA)]
    core = _table_xml(
        "core", DWC + "Occurrence", "occurrence.txt", f'<id index="{CORE_ID}"/>', occurrence
    )
    extension = _table_xml(
        "extension",
        "http://rs.gbif.org/terms/1.0/Multimedia",
        "multimedia.txt",
        f'<coreid index="{MEDIA_ID}"/>',
        media,
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">\n'
        f"{core}{extension}</archive>\n"
    )


def eml_xml(key: str, title: str, publisher: str, abstract: str, licence: str) -> str:
    """Metadata in the Ecological Metadata Language (GBIF profile 1.1, the parts we use)."""
    t, p, a = escape(title), escape(publisher), escape(abstract)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<eml:eml xmlns:eml="eml://ecoinformatics.org/eml-2.1.1" '
        f'packageId={quoteattr(key)} system="http://gbif.org" scope="system" xml:lang="en">\n'
        f"  <dataset>\n    <alternateIdentifier>{escape(key)}</alternateIdentifier>\n"
        f"    <title>{t}</title>\n"
        f"    <creator><organizationName>{p}</organizationName></creator>\n"
        f"    <metadataProvider><organizationName>{p}</organizationName></metadataProvider>\n"
        f"    <pubDate>2024-01-01</pubDate>\n    <abstract><para>{a}</para></abstract>\n"
        f"    <intellectualRights><para><ulink url={quoteattr(licence)}><citetitle>licence"
        "</citetitle></ulink></para></intellectualRights>\n"
        f"    <contact><organizationName>{p}</organizationName></contact>\n  </dataset>\n"
        "  <additionalMetadata><metadata><gbif>"
        f"<citation>{p}: {t}. Sample data drawn by BioCosmos.</citation>"
        "</gbif></metadata></additionalMetadata>\n</eml:eml>\n"
    )


def _dataset_xml(c: Collection) -> str:
    return eml_xml(c.key, c.title, c.institution, c.abstract, c.licence)


def _put(archive: zipfile.ZipFile, name: str, data: bytes, pack: int) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = pack
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


def write_archive(
    museum: Museum,
    path: Path,
    media_base_url: str | None = None,
    images_dir: Path | None = None,
) -> Path:
    """Write the archive and return its path.

    With `media_base_url` the media are links to BASE/images/NAME; without it their identifiers are
    paths inside the archive and the files are packed too, read from `images_dir` where already
    written there, else drawn.
    """
    everything = eml_xml(
        "sample-museum",
        "The BioCosmos sample museum",
        "BioCosmos sample museum",
        "Three invented collections drawn from a seed. No specimen or species exists.",
        "http://creativecommons.org/publicdomain/zero/1.0/",
    )
    texts = {"meta.xml": meta_xml(), "eml.xml": everything}
    texts |= {f"dataset/{c.key}.xml": _dataset_xml(c) for c in COLLECTIONS}
    texts["occurrence.txt"] = occurrence_table(museum)
    texts["multimedia.txt"] = multimedia_table(museum, media_base_url)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with zipfile.ZipFile(part, "w") as archive:
        for name, text in texts.items():
            _put(archive, name, text.encode("utf-8"), zipfile.ZIP_DEFLATED)
        if media_base_url is None:
            for name, file in museum.files.items():
                drawn = images_dir / name if images_dir else None
                data = drawn.read_bytes() if drawn and drawn.exists() else file_bytes(file)
                _put(archive, f"images/{name}", data, zipfile.ZIP_STORED)
    part.replace(path)
    return path
