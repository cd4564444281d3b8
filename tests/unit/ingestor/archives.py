"""Darwin Core Archives made for one test each."""

import asyncio
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingestor.sources.base import Page, Rejected, Row, Source
from ingestor.sources.dwca import DwcaSource

DWC = "http://rs.tdwg.org/dwc/terms/"
TERMS = {
    "gbifID": "http://rs.gbif.org/terms/1.0/gbifID",
    "datasetKey": "http://rs.gbif.org/terms/1.0/datasetKey",
    "identifier": "http://purl.org/dc/terms/identifier",
    "type": "http://purl.org/dc/terms/type",
    "title": "http://purl.org/dc/terms/title",
    "license": "http://purl.org/dc/terms/license",
    "accessURI": "http://rs.tdwg.org/ac/terms/accessURI",
}
MULTIMEDIA = "http://rs.gbif.org/terms/1.0/Multimedia"
AUDUBON = "http://rs.tdwg.org/ac/terms/Multimedia"
SIMPLE_IMAGE = "http://rs.gbif.org/terms/1.0/Image"
TAB = {"fieldsTerminatedBy": r"\t", "fieldsEnclosedBy": "", "encoding": "UTF-8"}


def field(name: str, index: int | None = None, default: str | None = None) -> str:
    """One <field> of meta.xml."""
    parts = [] if index is None else [f'index="{index}"']
    parts += [] if default is None else [f'default="{default}"']
    return f'<field {" ".join(parts)} term="{TERMS.get(name, DWC + name)}"/>'


def table(
    tag: str,
    files: str | Sequence[str],
    fields: Sequence[str] | str,
    *,
    row_type: str = DWC + "Occurrence",
    header: int = 1,
    key: int | None = 0,
    **attributes: str,
) -> str:
    """One <core> or <extension>; `fields` are names by position, or XML."""
    if not isinstance(fields, str):
        fields = "".join(field(name, n) for n, name in enumerate(fields))
    given = " ".join(f'{name}="{value}"' for name, value in (TAB | attributes).items())
    names = [files] if isinstance(files, str) else files
    locations = "".join(f"<location>{name}</location>" for name in names)
    id_tag = "id" if tag == "core" else "coreid"
    reference = "" if key is None else f'<{id_tag} index="{key}"/>'
    return (
        f'<{tag} {given} ignoreHeaderLines="{header}" rowType="{row_type}">'
        f"<files>{locations}</files>{reference}{fields}</{tag}>"
    )


def tsv(*rows: Sequence[str]) -> str:
    """Rows as tab-separated lines."""
    return "".join("\t".join(row) + "\n" for row in rows)


def write(path: Path, files: Mapping[str, str | bytes], *tables: str, metadata: str = "") -> Path:
    """A zip of the files, with a meta.xml of the tables where any are given."""
    with zipfile.ZipFile(path, "w") as archive:
        if tables:
            archive.writestr(
                "meta.xml",
                f'<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="{metadata}">'
                f"{''.join(tables)}</archive>",
            )
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def simple(path: Path, media: Mapping[str, Sequence[str]], *, order: Sequence[int] = ()) -> Path:
    """An archive of records with their links; `order` shuffles the lines of the media table."""
    lines = [(record, link) for record, links in media.items() for link in links]
    lines = [lines[n] for n in order] if order else lines
    records = [(record, "Heliconius erato", f"YPM {record}") for record in media]
    return write(
        path,
        {
            "occurrence.txt": tsv(("id", "scientificName", "catalogNumber"), *records),
            "multimedia.txt": tsv(("id", "identifier"), *lines),
        },
        table("core", "occurrence.txt", ["occurrenceID", "scientificName", "catalogNumber"]),
        table("extension", "multimedia.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )


def pages(source: Source, cursor: object = None, limit: int | None = None) -> list[Page]:
    """Every page of a source."""

    async def read() -> list[Page]:
        return [page async for page in source.pages(cursor, limit=limit)]  # type: ignore[arg-type]

    return asyncio.run(read())


def rows(source: Source) -> tuple[list[Row], list[Rejected]]:
    """Everything a source gives."""
    found = pages(source)
    return [r for p in found for r in p.rows], [r for p in found for r in p.rejected]


def read(path: Path, tmp_path: Path) -> tuple[list[Row], list[Rejected]]:
    """Everything an archive gives."""
    with DwcaSource(path, tmp_path / "unpacked") as source:
        return rows(source)
