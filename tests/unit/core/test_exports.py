import csv
import datetime
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.errors import BadRequest
from core.exports import citing
from core.exports.columns import COLUMNS, HELPERS, NAMES, chosen, row
from core.exports.counting import licence_summary
from core.exports.dwca import Archive
from core.exports.files import CsvTable, ParquetTable

DAY = datetime.date(2026, 11, 21)


def dataset(**more: object) -> dict[str, object]:
    plain = {"source": "gbif", "key": "k1", "title": "Moths of X & Y", "publisher": "Museum X",
             "citation": None, "doi": None, "url": None, "images": 3, "records": 2}  # fmt: skip
    return plain | more


def counts(*datasets: dict[str, object], **licences: int) -> dict[str, object]:
    listed = [
        {"code": code.replace("_", "-"), "label": code, "images": number}
        for code, number in licences.items()
    ]
    return {
        "images": sum(licences.values()),
        "records": sum(int(str(each["records"])) for each in datasets),
        "datasets": list(datasets),
        "licences": listed,
    }


def found(**more: object) -> dict[str, object]:
    """A row as the database gives it."""
    plain = {name: None for name in (*COLUMNS, *HELPERS)}
    return plain | {
        "uuid": "11111111-1111-1111-1111-111111111111", "imageLicense": "CC-BY-4.0",
        "imageIdentifier": "https://museum.example/a.jpg", "imageCreator": "A. Painter",
        "_fetch_url": "https://museum.example/a.jpg",
    } | more  # fmt: skip


def test_a_citation_names_every_dataset_with_its_link_once() -> None:
    given = dataset(citation="X (2020). Moths. https://doi.org/10.15468/abc", doi="10.15468/abc")
    text = citing.text(
        counts(given, dataset(title="Shells", doi="doi:10.1234/x", publisher=None), CC0_1=6),
        asked="taxon Lepidoptera", version="bioclip-2", link="http://a/receipt/1", on=DAY,
    )  # fmt: skip
    assert text.startswith("BioCosmos (2026): 6 images of 4 records from 2 datasets, chosen by")
    assert text.count("10.15468/abc") == 1
    assert "Shells. https://doi.org/10.1234/x (2 records)." in text
    assert "http://a/receipt/1 (21 November 2026)" in text
    assert "(2 records)" in text


def test_bibtex_escapes_and_ris_ends() -> None:
    known = counts(dataset(), CC0_1=3)
    entry = citing.bibtex(known, key="k", version=None, link="http://a/r", on=DAY)
    assert r"Moths of X \& Y" in entry
    assert entry.count("{") == entry.count("}")
    record = citing.ris(known, version="v", link="http://a/r", on=DAY).split("\r\n")
    assert record[0] == "TY  - DATA"
    assert record[-2:] == ["ER  - ", ""]
    assert "N1  - Embed version v" in record


def test_counts_for_a_derived_dataset_are_those_of_gbif_alone() -> None:
    both = counts(dataset(), dataset(source="dwca", key="other"), CC0_1=6)
    assert citing.derived_dataset(both) == "k1,2\n"


def test_a_query_in_words_says_area_instead_of_corners() -> None:
    said = citing.question(
        {"q": "eyespots", "atlas": ["1,2 3,4 5,6"], "embed_version": "v", "nearest": 200}
    )
    assert said == "q eyespots; an area of the atlas; the 200 nearest"
    assert len(citing.question({"taxon": ["x" * 200] * 9})) <= 500


def test_licences_in_sentences() -> None:
    said = licence_summary(counts(CC0_1_0=50, CC_BY_NC_4_0=49, UNKNOWN=1))
    assert said == [
        "1 % (1 of 100): may not be copied: ask the holder of the rights.",
        "49 % (49 of 100): not for commercial use.",
        "49 % (49 of 100): to be credited, each by its own line.",
        "50 % (50 of 100): free of conditions.",
    ]
    assert licence_summary(counts(CC0_1_0=7)) == ["All images: free of conditions."]
    assert licence_summary(counts()) == []


@pytest.mark.parametrize(
    ("licence", "fetched", "copied"),
    [
        ("CC-BY-4.0", "https://museum.example/a.jpg", True),
        ("ALL-RIGHTS-RESERVED", "https://museum.example/a.jpg", False),
        ("ALL-RIGHTS-RESERVED", "file:///own/a.jpg", True),
    ],
)
def test_a_copy_has_an_address_where_it_may_be_shown(
    licence: str, fetched: str, copied: bool
) -> None:
    made = row(found(imageLicense=licence, _fetch_url=fetched), "http://here")
    assert bool(made["imageURL"]) is copied
    assert made["imagePage"] == "https://museum.example/a.jpg"
    assert made["imageCredit"].startswith("A. Painter, ")


def test_columns_are_chosen_by_name() -> None:
    assert chosen(["family", "uuid", "family"]) == ["family", "uuid"]
    assert chosen([]) == list(NAMES)
    with pytest.raises(BadRequest, match="no column 'nonsense'"):
        chosen(["nonsense"])


def test_csv_keeps_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    table = CsvTable(tmp_path / "t.csv", ["uuid", "locality"])
    table.write(
        [{"uuid": "a", "locality": 'Rio, "Sul"\nat night'}, {"uuid": "b", "locality": None}]
    )
    table.close()
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["uuid", "locality"], ["a", 'Rio, "Sul"\nat night'], ["b", ""]]


def test_parquet_holds_numbers_vectors_and_where_it_is_from(tmp_path: Path) -> None:
    columns = ["uuid", "score", "imageWidth"]
    table = ParquetTable(tmp_path / "t.parquet", columns, 3, {"receipt": "http://a/r"})
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    rows = [{"uuid": "a", "score": 0.5, "imageWidth": 7}, {"uuid": "b", "score": None,
            "imageWidth": None}]  # fmt: skip
    table.write(rows, vectors)
    table.write(rows, vectors + 1)
    table.close()
    read = pq.read_table(tmp_path / "t.parquet")
    assert read.column_names == [*columns, "emb"]
    assert read["emb"].to_pylist()[3] == [4, 5, 6]
    assert read["score"].to_pylist() == [0.5, None, 0.5, None]
    assert read.schema.metadata[b"receipt"] == b"http://a/r"


def test_an_archive_has_no_line_end_within_a_value(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a.zip")
    archive.begin_occurrences()
    record = found(locality="one\ttwo\nthree", datasetKey="k", recordLicense="CC0-1.0")
    archive.occurrences([record | {"id": "r1"}])
    archive.begin_media()
    archive.media(["r1", "r2"], row(found(), "http://here"))
    archive.close({
        "id": "x", "link": "http://a/receipt/x", "date": "2026-11-21", "title": "T & U",
        "description": "d", "citation": "c <d>", "licence_summary": ["s"],
        "dataset_citations": ["e & f"],
    })  # fmt: skip
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        lines = read.read("occurrence.txt").decode().splitlines()
        media = read.read("multimedia.txt").decode().splitlines()
        assert {"meta.xml", "eml.xml", "citation.txt", "receipt.json"} <= set(read.namelist())
    assert len(lines) == 2
    assert "one two three" in lines[1]
    assert len(media) == 3
    assert media[1].split("\t")[0] == "r1"
