"""Folders of images: with a table, without, and with a table that does not fit."""

import pytest

from core.errors import UnreadableSource
from ingestor.sources.folder import FolderSource
from ingestor.sources.folder_table import species_of
from tests.unit.ingestor.archives import pages, rows


def make(tmp_path, *files, csv=None):
    root = tmp_path / "museum"
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    root.mkdir(exist_ok=True)
    if csv is not None:
        (root / "records.csv").write_text(csv)
    return root


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Heliconius_erato/1.jpg", "Heliconius erato"),
        ("a/Heliconius erato notabilis/1.jpg", "Heliconius erato notabilis"),
        ("Polygonia_c-album/1.jpg", "Polygonia c-album"),
        ("costa_rica_trees/1.jpg", None),
        ("IMG_2020/1.jpg", None),
        ("Drawer 12/1.jpg", None),
        ("Lepidoptera/1.jpg", None),
        ("1.jpg", None),
    ],
)
def test_a_folder_names_a_species_only_where_it_looks_like_one(file, name):
    assert species_of(file) == name


def test_without_a_table_every_image_is_a_record(tmp_path):
    root = make(tmp_path, "Heliconius_erato/b.JPG", "Heliconius_erato/a.png", "x/c.jpg", "n.txt")
    records, rejected = rows(FolderSource(root))
    assert [r.locator for r in records] == [
        "Heliconius_erato/a.png",
        "Heliconius_erato/b.JPG",
        "x/c.jpg",
    ]
    assert [r.fields.get("scientificName") for r in records] == [
        "Heliconius erato",
        "Heliconius erato",
        None,
    ]
    assert [m.fields["title"] for r in records for m in r.media] == ["a", "b", "c"]
    assert rejected == []


def test_images_of_one_occurrence_are_one_record_wherever_their_rows_stand(tmp_path):
    root = make(
        tmp_path,
        "d/1.jpg",
        "d/2.jpg",
        "v/1.jpg",
        csv="file,occurrenceID,scientificName,subjectOrientation,sex\n"
        "d/1.jpg,A,Papilio machaon,dorsal,male\n"
        "d/2.jpg,B,Pieris rapae,dorsal,\n"
        "./v/1.jpg,A,,ventral,female\n",
    )
    (a, b), rejected = rows(FolderSource(root))
    assert [m.fields["identifier"] for m in a.media] == ["d/1.jpg", "v/1.jpg"]
    assert [m.fields["subjectOrientation"] for m in a.media] == ["dorsal", "ventral"]
    assert a.fields["sex"] == "male"
    assert a.kept["sex"] == "male | female"  # what else was said is not lost
    assert len(b.media) == 1
    assert rejected == []


def test_rows_without_a_file_and_files_without_a_row_are_both_told(tmp_path):
    root = make(
        tmp_path,
        "1.jpg",
        "2.jpg",
        csv="file,scientificName\n1.jpg,Papilio machaon\n,Pieris rapae\n",
    )
    records, rejected = rows(FolderSource(root))
    assert [len(r.media) for r in records] == [1, 0]
    assert [(r.locator, r.reason) for r in rejected] == [
        ("2.jpg", "no row of records.csv names this file")
    ]


def test_the_folder_is_the_species_when_the_row_says_nothing(tmp_path):
    root = make(
        tmp_path,
        "Heliconius_erato/1.jpg",
        "Heliconius_erato/2.jpg",
        csv="image,scientificName\nHeliconius_erato/1.jpg,\nHeliconius_erato/2.jpg,Papilio\n",
    )
    records, _ = rows(FolderSource(root))
    assert [r.fields["scientificName"] for r in records] == ["Heliconius erato", "Papilio"]


def test_collection_codes_are_datasets(tmp_path):
    root = make(
        tmp_path, csv="file,occurrenceID,collectionCode\n1.jpg,1,ENT\n2.jpg,2,\n3.jpg,3,ENT\n"
    )
    (page,) = pages(FolderSource(root, title="My museum"))
    assert [d.title for d in page.datasets] == ["ENT", "My museum"]


@pytest.mark.parametrize("name", ["file", "File Name", "IMAGE", "path"])
def test_the_column_of_files_goes_by_several_names(tmp_path, name):
    (record,), _ = rows(FolderSource(make(tmp_path, "1.jpg", csv=f"{name},sex\n1.jpg,male\n")))
    assert record.media[0].fields["identifier"] == "1.jpg"


def test_a_row_cannot_name_a_file_outside_the_folder(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    source = FolderSource(make(tmp_path, "1.jpg"))
    assert source.locate("1.jpg").endswith("/museum/1.jpg")
    for outside in ("../secret.jpg", str(tmp_path / "secret.jpg"), "none.jpg"):
        with pytest.raises(Exception, match="holds no such file"):
            source.locate(outside)


@pytest.mark.parametrize(
    ("path", "records", "message"),
    [
        ("nowhere", None, "not a directory"),
        (".", "nowhere.csv", "does not exist"),
        (".", "none.csv", "no column named file"),
        (".", "empty.csv", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, path, records, message):
    (tmp_path / "none.csv").write_text("name,sex\n")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UnreadableSource, match=message) as caught:
        FolderSource(tmp_path / path, records and tmp_path / records)
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize("table", [False, True])
def test_going_on_from_any_page_gives_exactly_the_rest(tmp_path, table):
    files = [f"{n:02}.jpg" for n in range(12)]
    csv = "file,occurrenceID\n" + "".join(f"{f},{n // 2}\n" for n, f in enumerate(files[:9]))
    root = make(tmp_path, *files, csv=csv if table else None)
    source = FolderSource(root, page_size=2)
    whole = pages(source)
    assert sum(page.read for page in whole) == source.count() == (9 if table else 12)
    for number, page in enumerate(whole, start=1):
        assert pages(source, page.cursor) == whole[number:]
    assert sum(len(p.rows) for p in pages(source, limit=3)) == 3


def test_the_fingerprint_follows_the_content(tmp_path):
    root = make(tmp_path, "1.jpg")
    before = FolderSource(root).fingerprint
    assert FolderSource(root).fingerprint == before
    (root / "2.jpg").write_bytes(b"y")
    assert FolderSource(root).fingerprint != before
