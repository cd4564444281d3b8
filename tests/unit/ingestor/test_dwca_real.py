"""Every real archive, good or broken: what is read, what is refused, and in which words."""

import gc
import warnings
from pathlib import Path

import pytest
from dwca.read import DwCAReader

from core.errors import UnreadableSource
from ingestor.sources.dwca import DwcaSource
from tests.paths import SHARED_DATA, needs_shared
from tests.unit.ingestor.archives import pages, read

HERE = SHARED_DATA / "records" / "dwca"

# archive: (records, rejected rows, media), or a part of the message
EXPECTED: dict[str, tuple[int, int, int] | str] = {
    "gbif_ipt/amphibians.zip": "neither meta.xml nor a table",
    "gbif_ipt/dwca-differentcoreidtermindex.zip": (0, 1, 0),
    "gbif_ipt/dwca-extensionnotinstalled.zip": "events without occurrences",
    "gbif_ipt/dwca-inside-parent-invalid.zip": "not well-formed",
    "gbif_ipt/dwca-inside-parent.zip": (2, 0, 2),
    "gbif_ipt/dwca-nocoreidtermmapping.zip": (0, 1, 0),
    "gbif_ipt/dwca-noidelementincoremapping.zip": (0, 1, 0),
    "gbif_ipt/event/event.zip": "neither meta.xml nor a table",
    "gbif_ipt/occurrence.txt.zip": (16, 0, 0),
    "gbif_ipt/occurrence2.txt.zip": (16, 0, 0),
    "gbif_ipt/res1.zip": (2, 15, 0),  # all images refer to other records
    "mihow/test_dwca.zip": (20, 0, 10),  # tab in an attribute, no <id>
    "python_dwca_reader/dwca-2extensions.zip": (4, 0, 0),
    "python_dwca_reader/dwca-csv-quote-dir": (2, 0, 0),
    "python_dwca_reader/dwca-default-metadata-filename.zip": (2, 0, 0),
    "python_dwca_reader/dwca-ids.zip": (4, 0, 0),
    "python_dwca_reader/dwca-invalid-lacks-metadata": (2, 0, 0),
    "python_dwca_reader/dwca-invalid-simple-toomuch.zip": (3, 0, 0),
    "python_dwca_reader/dwca-invalid-simple-two.zip": (3, 0, 0),
    "python_dwca_reader/dwca-malformed-descriptor": (4, 0, 0),  # one column fewer than declared
    "python_dwca_reader/dwca-meta-default-values": (2, 0, 0),  # tabs where none are declared
    "python_dwca_reader/dwca-metadata-windows1252-encoding": (4, 0, 0),
    "python_dwca_reader/dwca-missing-extension-details": (4, 0, 0),
    "python_dwca_reader/dwca-noheaders-1.zip": (2, 0, 0),
    "python_dwca_reader/dwca-noheaders-2.zip": (2, 0, 0),
    "python_dwca_reader/dwca-nometadata.zip": (2, 0, 0),
    "python_dwca_reader/dwca-orphaned-rows.zip": (4, 4, 0),
    "python_dwca_reader/dwca-partial-default.zip": (2, 0, 0),
    "python_dwca_reader/dwca-simple-csv-dos.zip": (3, 0, 0),
    "python_dwca_reader/dwca-simple-csv-eml.zip": (3, 0, 0),
    "python_dwca_reader/dwca-simple-csv-notenclosed.zip": (3, 0, 0),
    "python_dwca_reader/dwca-simple-csv.zip": (3, 0, 0),
    "python_dwca_reader/dwca-simple-dir": (4, 0, 0),
    "python_dwca_reader/dwca-simple-subdir.zip": (2, 0, 0),
    "python_dwca_reader/dwca-simple-test-archive-enclosed.zip": (2, 0, 0),
    "python_dwca_reader/dwca-simple-test-archive.tgz": (2, 0, 0),
    "python_dwca_reader/dwca-simple-test-archive.zip": (2, 0, 0),
    "python_dwca_reader/dwca-star-test-archive.zip": (4, 0, 0),
    "python_dwca_reader/dwca-test-default.zip": (2, 0, 0),
    "python_dwca_reader/dwca-utf8-eol-test.zip": (1, 0, 0),
    "python_dwca_reader/gbif-results-lacks-s-metadata.zip": (158, 0, 0),
    "python_dwca_reader/gbif-results-whitespace-in-xml.zip": (158, 0, 0),
    "python_dwca_reader/gbif-results.zip": (158, 0, 0),
    "rgbif_gbif_download/0000066-140928181241064.zip": (470, 0, 422),
    "rgbif_gbif_download/0009886-250127130748423.zip": (91, 0, 0),
}

pytestmark = needs_shared


def test_every_archive_is_in_the_table():
    packed = {p for p in HERE.rglob("*") if p.suffix in {".zip", ".tgz"}}
    folders = {p.parent for p in HERE.rglob("meta.xml")}
    assert {p.relative_to(HERE).as_posix() for p in packed | folders} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_archive_gives_what_it_holds(name, tmp_path):
    expected = EXPECTED[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadableSource, match=expected) as caught:
            read(HERE / name, tmp_path)
        assert "\n" not in caught.value.detail
        return
    records, rejected = read(HERE / name, tmp_path)
    assert (len(records), len(rejected), sum(len(r.media) for r in records)) == expected
    assert all(r.fields for r in records)
    assert len({r.source_record_id for r in records}) == len(records)


def _oracle(path: Path) -> list[dict[str, str]] | None:
    """Rows of the core as python-dwca-reader sees them, None where it gives up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves files open
        try:
            with DwCAReader(str(path)) as reader:
                return [row.data for row in reader]
        except Exception:  # whatever it stumbles over
            return None
        finally:
            gc.collect()


READABLE = [n for n, e in EXPECTED.items() if not isinstance(e, str) and e[0]]


def test_the_oracle_reads_most_of_them():
    assert sum(_oracle(HERE / name) is not None for name in READABLE) > 25


@pytest.mark.parametrize("name", READABLE)
def test_rows_and_values_agree_with_another_reader(name, tmp_path):
    theirs = _oracle(HERE / name)
    if theirs is None:
        pytest.skip("the other reader cannot read it")
    ours, _ = read(HERE / name, tmp_path)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        expected = {k.rpartition("/")[2]: v.strip() for k, v in other.items() if v.strip()}
        # Where two vocabularies share a short name, the later goes by its full one.
        got = {k.rpartition("/")[2]: v.strip() for k, v in mine.fields.items()}
        assert {k: got.get(k) for k in expected} == expected


def test_datasets_of_a_gbif_download_are_described_by_its_eml(tmp_path):
    path = HERE / "rgbif_gbif_download" / "0000066-140928181241064.zip"
    with DwcaSource(path, tmp_path) as source:
        datasets = {d.key: d for page in pages(source) for d in page.datasets}
    assert len(datasets) == 26
    snow = datasets["aae308f4-9f9c-4cdd-b4ef-c026f48be551"]
    assert snow.title == "Snow Entomological Museum Collection"
    assert snow.publisher == "KU Biodiversity Institute"
    assert "creativecommons.org/licenses/by/4.0" in (snow.licence_raw or "")
    assert (snow.citation or "").startswith("University of Kansas Biodiversity Institute")


def test_the_publishers_own_words_are_kept_beside_the_interpreted_ones(tmp_path):
    path = HERE / "rgbif_gbif_download" / "0000066-140928181241064.zip"
    records, _ = read(path, tmp_path)
    with_country = [r for r in records if r.fields.get("country")]  # only verbatim.txt has it
    assert len(with_country) > 300
    assert sum("verbatim:eventDate" in r.kept for r in records) > 100
