"""The archive is one that an independent reader reads."""

import zipfile
from pathlib import Path

import pytest
from dwca.darwincore.utils import qualname as qn
from dwca.read import DwCAReader

from core.sample import Museum, draw_museum, write_archive
from core.sample.archive import AC, DC
from core.sample.demo import write_images
from core.sample.files import File, file_bytes


@pytest.fixture(scope="module")
def museum() -> Museum:
    whole = draw_museum(seed=5, size="tiny")
    few = dict(list(whole.files.items())[:6])
    return Museum(whole.seed, whole.specimens, whole.records, whole.media, few, whole.faults)


def test_an_independent_reader_finds_every_record_and_its_media(
    museum: Museum, tmp_path: Path
) -> None:
    path = write_archive(museum, tmp_path / "a.zip", "http://127.0.0.1:1/")
    with DwCAReader(path) as reader:
        rows = list(reader)
        assert [r.id for r in rows] == [r["occurrenceID"] for r in museum.records]
        by_id = {r["occurrenceID"]: r for r in museum.records}
        for row in rows:
            ours = by_id[row.id]
            assert row.data[qn("scientificName")] == ours["scientificName"]
            assert row.data[qn("decimalLatitude")] == ours.get("decimalLatitude", "")
            assert row.data[qn("datasetID")] == ours["datasetID"]
            media = [m for m in museum.media if m.record == row.id]
            found = [e.data for e in row.extensions]
            assert [f[DC + "identifier"] for f in found] == [
                f"http://127.0.0.1:1/images/{m.file}" for m in media
            ]
            assert [f[AC + "subjectOrientation"] for f in found] == [m.orientation for m in media]
            assert [f[DC + "license"] for f in found] == [
                " ".join(m.licence.split()) for m in media
            ]


def test_without_a_base_url_the_pictures_are_inside(museum: Museum, tmp_path: Path) -> None:
    path = write_archive(museum, tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        names = {n for n in archive.namelist() if n.startswith("images/")}
        assert names == {f"images/{n}" for n in museum.files}
        name = next(iter(museum.files))
        assert archive.read(f"images/{name}") == file_bytes(museum.files[name])
        assert b"images/" in archive.read("multimedia.txt")
        assert b"http://127" not in archive.read("multimedia.txt")


def test_the_archive_repeats_byte_for_byte(museum: Museum, tmp_path: Path) -> None:
    first = write_archive(museum, tmp_path / "1.zip").read_bytes()
    assert write_archive(museum, tmp_path / "2.zip").read_bytes() == first


def test_images_are_drawn_once_and_by_several_processes(museum: Museum, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    write_images(museum, tmp_path, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (len(museum.files), len(museum.files))
    file: File = next(iter(museum.files.values()))
    assert (tmp_path / file.name).read_bytes() == file_bytes(file)
    (tmp_path / file.name).write_bytes(b"kept")
    write_images(museum, tmp_path)
    assert (tmp_path / file.name).read_bytes() == b"kept"
