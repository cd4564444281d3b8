"""The rules of Darwin Core text, and the ways in which archives break them."""

import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import UnreadableSource
from ingestor.sources.dwca import DwcaSource
from tests.unit.ingestor.archives import (
    AUDUBON,
    DWC,
    MULTIMEDIA,
    SIMPLE_IMAGE,
    field,
    pages,
    read,
    simple,
    table,
    tsv,
    write,
)

CORE = ["occurrenceID", "scientificName", "locality"]


def one_table(tmp_path, content, fields=CORE, **attributes):
    return write(
        tmp_path / "a.zip",
        {"occurrence.txt": content},
        table("core", "occurrence.txt", fields, **attributes),
    )


def values(records, name):
    return [r.fields.get(name) for r in records]


def test_columns_are_found_by_term_and_not_by_position(tmp_path):
    swapped = field("locality", 1) + field("scientificName", 2) + field("occurrenceID", 0)
    path = one_table(tmp_path, tsv(("x", "y", "z"), ("1", "Yale", "Papilio")), swapped)
    records, _ = read(path, tmp_path)
    assert values(records, "scientificName") == ["Papilio"]
    assert values(records, "locality") == ["Yale"]


def test_defaults_fill_empty_cells_and_missing_columns(tmp_path):
    fields = field("occurrenceID", 0) + field("country", 1, "Peru") + field("sex", None, "male")
    path = one_table(tmp_path, tsv(("id", "c"), ("1", ""), ("2", "Chile")), fields)
    records, _ = read(path, tmp_path)
    assert values(records, "country") == ["Peru", "Chile"]
    assert values(records, "sex") == ["male", "male"]


def test_several_files_of_one_core_are_read_one_after_the_other(tmp_path):
    path = write(
        tmp_path / "a.zip",
        {
            "one.txt": tsv(("id", "n", "l"), ("1", "A b", "x")),
            "two.txt": tsv(("id", "n", "l"), ("2", "C d", "y")),
        },
        table("core", ["one.txt", "two.txt"], CORE),
    )
    records, _ = read(path, tmp_path)
    assert [r.locator for r in records] == ["one.txt:2", "two.txt:2"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_values_hold_delimiters_quotes_and_line_breaks(tmp_path, end):
    content = f'id,name,place{end}1,A b,"a ""small"" place,{end}by a river"{end}2,C d,y{end}'
    path = one_table(tmp_path, content, fieldsTerminatedBy=",", fieldsEnclosedBy="&quot;")
    records, rejected = read(path, tmp_path)
    assert " ".join(values(records, "locality")[0].split()) == 'a "small" place, by a river'
    assert values(records, "locality")[1] == "y"
    assert rejected == []
    assert records[1].locator == "occurrence.txt:4"


def test_quotation_marks_are_plain_text_where_values_are_not_enclosed(tmp_path):
    path = one_table(tmp_path, tsv(("i", "n", "l"), ("1", "A b", '"Hut" road'), ("2", "C d", "x")))
    records, _ = read(path, tmp_path)
    assert values(records, "locality") == ['"Hut" road', "x"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"the ""Hut"" road"', 'the "Hut" road'),  # enclosed, as in GBIF's simple downloads
        ('"Hut" road', '"Hut" road'),  # a loose quotation mark
        ('"never closed', '"never closed'),
    ],
)
def test_tabs_without_a_descriptor_are_enclosed_only_where_all_cells_agree(tmp_path, cell, value):
    content = tsv(("occurrenceID", "locality"), ("1", cell), ("2", "x"))
    records, _ = read(write(tmp_path / "a.zip", {"data.csv": content}), tmp_path)
    assert values(records, "locality") == [value, "x"]


@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1", "UTF-8", "UTF-16"])
def test_declared_encodings_are_obeyed(tmp_path, encoding):
    content = tsv(("i", "n", "l"), ("1", "A b", "Füßen, Åland")).encode(encoding)
    records, _ = read(one_table(tmp_path, content, encoding=encoding), tmp_path)
    assert values(records, "locality") == ["Füßen, Åland"]


def test_only_the_row_that_does_not_decode_is_lost(tmp_path):
    good = tsv(("i", "n", "l"), ("1", "A b", "Åland")).encode()
    bad = "2\tC d\tÅland\n".encode("latin-1")
    records, rejected = read(one_table(tmp_path, good + bad + b"3\tE f\tx\n"), tmp_path)
    assert values(records, "scientificName") == ["A b", "E f"]
    assert [(r.locator, "encoding" in r.reason) for r in rejected] == [("occurrence.txt:3", True)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    content = "\ufeffoccurrenceID,scientificName\n7,Papilio machaon\n"
    records, _ = read(write(tmp_path / "a.zip", {"data.csv": content}), tmp_path)
    assert values(records, "occurrenceID") == ["7"]


def test_a_shifted_row_is_rejected_with_its_cells(tmp_path):
    content = "i\tn\tl\n1\tA b\tx\textra\n2\tC d\n3\tE f\tz\t\n"
    records, rejected = read(one_table(tmp_path, content), tmp_path)
    assert values(records, "scientificName") == ["C d", "E f"]
    assert rejected[0].locator == "occurrence.txt:2"
    assert "4 cells where 3" in rejected[0].reason
    assert rejected[0].fields["scientificName"] == "A b"


def test_both_halves_of_a_row_broken_in_two_are_rejected(tmp_path):
    names = [*CORE, "sex", "country"]
    content = tsv(names, ("1", "A b"), ("rest", "male"), ("2", "C d", "x", "male", "Peru"))
    records, rejected = read(one_table(tmp_path, content, names), tmp_path)
    assert values(records, "scientificName") == ["C d"]
    assert [r.locator for r in rejected] == ["occurrence.txt:2", "occurrence.txt:3"]


def test_a_stray_quotation_mark_ends_no_run(tmp_path):
    lines = [f"{n},A b,place {n}" for n in range(60_000)]
    lines[10] = '10,A b,"never closed'
    path = one_table(
        tmp_path,
        "i,n,l\n" + "\n".join(lines) + "\n",
        fieldsTerminatedBy=",",
        fieldsEnclosedBy="&quot;",
    )
    records, rejected = read(path, tmp_path)
    assert values(records, "locality")[-1] == "place 59999"
    assert any("split into cells" in r.reason for r in rejected)


def test_extensions_are_told_apart_by_file_though_their_type_is_the_cores(tmp_path):
    path = write(
        tmp_path / "a.zip",
        {
            "occurrence.txt": tsv(("id", "n", "l"), ("1", "Papilio machaon", ""), ("2", "A b", "")),
            "verbatim.txt": tsv(("id", "n", "c"), ("1", "P. machaon L.", "Suisse")),
        },
        table("core", "occurrence.txt", CORE),
        table("extension", "verbatim.txt", ["occurrenceID", "scientificName", "country"]),
    )
    records, rejected = read(path, tmp_path)
    assert len(records) == 2
    assert rejected == []
    assert records[0].fields["scientificName"] == "Papilio machaon"
    assert records[0].fields["country"] == "Suisse"  # the core has no such column
    assert records[0].kept == {"verbatim:scientificName": "P. machaon L."}


def test_media_come_in_order_of_preference(tmp_path):
    core = [*CORE, "associatedMedia"]
    path = write(
        tmp_path / "a.zip",
        {
            "occurrence.txt": tsv(core, ("1", "A b", "", "http://h/4.jpg | http://h/5.jpg")),
            "image.txt": tsv(("id", "u"), ("1", "http://h/3.jpg")),
            "ac.txt": tsv(("id", "u"), ("1", "http://h/2.jpg")),
            "multimedia.txt": tsv(("id", "u"), ("1", "http://h/1.jpg")),
        },
        table("core", "occurrence.txt", core),
        table("extension", "image.txt", field("identifier", 1), row_type=SIMPLE_IMAGE),
        table("extension", "ac.txt", field("accessURI", 1), row_type=AUDUBON),
        table("extension", "multimedia.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )
    (record,), _ = read(path, tmp_path)
    links = [m.fields.get("identifier") or m.fields["accessURI"] for m in record.media]
    assert links == [f"http://h/{n}.jpg" for n in range(1, 6)]
    assert record.media[3].locator == "occurrence.txt:2#associatedMedia#1"


@pytest.mark.parametrize(
    ("given", "links"),
    [
        ("http://h/a.jpg|http://h/b.jpg", ["http://h/a.jpg", "http://h/b.jpg"]),
        ("http://h/a.jpg; https://h/b.jpg;", ["http://h/a.jpg", "https://h/b.jpg"]),
        ("http://h/a.jpg, http://h/b,c.jpg", ["http://h/a.jpg", "http://h/b,c.jpg"]),
        ("http://h/x;id=3?a=1", ["http://h/x;id=3?a=1"]),
        ("img/a.jpg;img/b.jpg", ["img/a.jpg", "img/b.jpg"]),
    ],
)
def test_associated_media_are_split(tmp_path, given, links):
    path = one_table(tmp_path, tsv(("i", "m"), ("1", given)), ["occurrenceID", "associatedMedia"])
    (record,), _ = read(path, tmp_path)
    assert [m.fields["identifier"] for m in record.media] == links


def test_orphans_are_rejected_with_their_cells(tmp_path):
    path = simple(tmp_path / "a.zip", {"1": ["http://h/1.jpg"]})
    lines = tsv(("id", "u"), ("1", "http://h/1.jpg"), ("9", "http://h/9.jpg"), ("", "http://h/x"))
    path = write(
        tmp_path / "a.zip",
        {"occurrence.txt": tsv(("i", "n", "l"), ("1", "A b", "x")), "m.txt": lines},
        table("core", "occurrence.txt", CORE),
        table("extension", "m.txt", field("identifier", 1), row_type=MULTIMEDIA),
    )
    records, rejected = read(path, tmp_path)
    assert len(records[0].media) == 1
    assert [r.locator for r in rejected] == ["m.txt:3", "m.txt:4"]
    assert rejected[0].fields == {"identifier": "http://h/9.jpg"}


def test_an_identifier_used_twice_keeps_both_rows_and_drops_only_a_repetition(tmp_path):
    content = tsv(("i", "n", "l"), ("1", "A b", "x"), ("1", "C d", "y"), ("1", "A b", "x"))
    records, rejected = read(one_table(tmp_path, content), tmp_path)
    assert values(records, "scientificName") == ["A b", "C d"]
    assert len({r.source_record_id for r in records}) == 2
    assert [r.reason for r in rejected] == ["repeats an earlier row: occurrence.txt:2"]


def test_identifiers_without_worldwide_meaning_are_kept_apart_by_archive(tmp_path):
    one = one_table(tmp_path, tsv(("i", "n", "l"), ("1", "A b", "x")))
    other = tmp_path / "b.zip"
    other.write_bytes(one.read_bytes())
    (a,), _ = read(one, tmp_path)
    (b,), _ = read(other, tmp_path)
    assert a.source_record_id != b.source_record_id


def test_the_eml_names_the_archive_whatever_its_version_and_file(tmp_path):
    def archive(name, version):
        eml = f'<eml packageId="urn:x/v{version}"><dataset><title>Birds</title></dataset></eml>'
        return write(
            tmp_path / name,
            {"occurrence.txt": tsv(("i", "n", "l"), ("1", "A b", "x")), "eml.xml": eml},
            table("core", "occurrence.txt", CORE),
            metadata="eml.xml",
        )

    (a,), _ = read(archive("a.zip", "1.0"), tmp_path)
    (b,), _ = read(archive("b.zip", "1.1"), tmp_path)
    assert a.source_record_id == b.source_record_id
    assert a.dataset_key == b.dataset_key == "urn:x"


def test_images_inside_the_archive_are_found_and_nothing_outside_it(tmp_path):
    path = write(
        tmp_path / "with space.zip",
        {"data.csv": "occurrenceID,scientificName\n1,A b\n", "img/a b.jpg": b"x"},
    )
    with DwcaSource(path, tmp_path) as source:
        url = source.locate("img/a b.jpg")
        assert url == f"zip://{tmp_path.as_posix()}/with%20space.zip!/img/a%20b.jpg"
        for outside in ("../secret.jpg", "/etc/passwd", "img/none.jpg", "file:///etc/passwd"):
            with pytest.raises(Exception, match="no such file|can be fetched"):
                source.locate(outside)


def test_tar_archives_are_unpacked_inside_their_folder_only(tmp_path):
    evil = tmp_path / "evil.txt"
    evil.write_text("occurrenceID\n1\n")
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(evil, arcname="../escaped.txt")
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        DwcaSource(path, tmp_path / "unpacked")
    assert not (tmp_path / "escaped.txt").exists()


def test_occurrences_of_events_are_completed_by_their_event(tmp_path):
    path = write(
        tmp_path / "a.zip",
        {
            "event.txt": tsv(("id", "d"), ("e1", "2001-05-06"), ("e2", "1999")),
            "occ.txt": tsv(("id", "o", "n"), ("e1", "o1", "A b"), ("e1", "o2", "C d")),
            "m.txt": tsv(
                ("id", "o", "u"), ("e1", "o2", "http://h/2.jpg"), ("e1", "", "http://h/x")
            ),
        },
        table("core", "event.txt", ["eventID", "eventDate"], row_type=DWC + "Event"),
        table("extension", "occ.txt", ["eventID", "occurrenceID", "scientificName"]),
        table(
            "extension",
            "m.txt",
            field("occurrenceID", 1) + field("identifier", 2),
            row_type=MULTIMEDIA,
        ),
    )
    records, rejected = read(path, tmp_path)
    assert values(records, "scientificName") == ["A b", "C d"]
    assert values(records, "eventDate") == ["2001-05-06", "2001-05-06"]
    assert [len(r.media) for r in records] == [0, 1]
    assert [r.locator for r in rejected] == ["m.txt:3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 broken", "damaged"),
        (b"", "damaged"),
    ],
)
def test_a_damaged_archive_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(UnreadableSource, match=message):
        DwcaSource(path, tmp_path)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ('<archive xmlns="http://rs.tdwg.org/dwc/text/"/>', "no core"),
        ("<archive><core><files/></core></archive>", "no file"),
        ('<archive><core encoding="klingon"><files/></core></archive>', "unknown encoding"),
        ("<archive><core><files><location>x.txt</location></files></core></archive>", "not there"),
        ('<archive><core ignoreHeaderLines="one"/></archive>', "not a number"),
    ],
)
def test_a_descriptor_that_describes_nothing_is_refused_in_one_line(tmp_path, meta, message):
    path = write(tmp_path / "a.zip", {"meta.xml": meta})
    with pytest.raises(UnreadableSource, match=message) as caught:
        DwcaSource(path, tmp_path)
    assert "\n" not in caught.value.detail


@given(st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_image_stays_with_its_record_however_the_lines_are_shuffled(tmp_path, data):
    numbers = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=12))
    media = {f"r{n}": [f"http://h/{n}-{k}.jpg" for k in range(c)] for n, c in enumerate(numbers)}
    order = data.draw(st.permutations(range(sum(numbers))))
    size = data.draw(st.integers(1, 5))
    path = simple(tmp_path / "a.zip", media, order=order)
    with DwcaSource(path, tmp_path, page_size=size) as source:
        found = pages(source)
    got = {
        r.fields["occurrenceID"]: {m.fields["identifier"] for m in r.media}
        for page in found
        for r in page.rows
    }
    assert got == {record: set(links) for record, links in media.items()}
    assert all(len(page.rows) <= size for page in found)


def test_going_on_from_any_page_gives_exactly_the_rest(tmp_path):
    media = {f"r{n}": [f"http://h/{n}.jpg"] for n in range(23)}
    with DwcaSource(simple(tmp_path / "a.zip", media), tmp_path, page_size=5) as source:
        whole = pages(source)
        assert [page.cursor for page in whole] == [{"row": n} for n in (5, 10, 15, 20, 23)]
        for number, page in enumerate(whole, start=1):
            assert pages(source, page.cursor) == whole[number:]
        assert [len(p.rows) for p in pages(source, limit=7)] == [5, 2]
