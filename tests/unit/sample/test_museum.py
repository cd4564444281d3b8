"""The same seed gives the same museum, and its mess is the mess we say it has."""

import hashlib
import io
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import UnreadableImage
from core.sample import Museum, draw_museum
from core.sample.archive import occurrence_table
from core.sample.files import file_bytes
from core.sample.museum import FAULTS
from core.sample.taxonomy import draw_taxonomy
from tests.paths import ROOT

LIMITS = {"max_pixels": 1_000_000, "max_bytes": 2_000_000}


@pytest.fixture(scope="module")
def museum() -> Museum:
    return draw_museum(seed=11, size=150)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_same_seed_gives_the_same_bytes(museum: Museum) -> None:
    again, other = draw_museum(seed=11, size=150), draw_museum(seed=12, size=150)
    assert sha(occurrence_table(museum).encode()) == sha(occurrence_table(again).encode())
    assert sha(occurrence_table(museum).encode()) != sha(occurrence_table(other).encode())
    assert museum.media == again.media
    for name in list(museum.files)[::40]:
        assert sha(file_bytes(museum.files[name])) == sha(file_bytes(again.files[name]))


def test_no_individual_is_drawn_twice(museum: Museum) -> None:
    other = draw_museum(seed=12, size=150)
    assert not {s.seed for s in museum.specimens} & {s.seed for s in other.specimens}
    first, second = (next(f for f in m.files.values()) for m in (museum, other))
    assert file_bytes(first) != file_bytes(second)


def test_species_follow_a_long_tail() -> None:
    museum = draw_museum()
    counts = sorted(Counter(s.species.name for s in museum.specimens).values(), reverse=True)
    assert len(museum.specimens) == 400
    assert 650 <= len(museum.files) <= 780
    assert counts[0] > 10 * counts[len(counts) // 2]
    assert sum(c <= 3 for c in counts) >= 10


def test_every_fault_occurs(museum: Museum) -> None:
    per_record = Counter(m.record for m in museum.media)
    assert max(per_record.values()) == 7
    assert len(per_record) < len(museum.records)
    assert set(FAULTS) < set(museum.faults)
    assert {m.file for m in museum.media} - set(museum.files)  # dead links
    assert max(Counter(m.file for m in museum.media).values()) == 2  # one file, two records
    twins = museum.faults["duplicate sheet"]
    copies = [n for n in museum.files if n.endswith("-copy.jpg")]
    assert len(copies) == len(twins) // 2
    original = next(m.file for m in museum.media if m.file.startswith(f"{twins[0]:05d}-"))
    assert file_bytes(museum.files[copies[0]]) == file_bytes(museum.files[original])


def test_records_are_as_messy_as_real_ones(museum: Museum) -> None:
    rows = museum.records
    dates = [r.get("eventDate", "") for r in rows]
    assert any(len(d) == 4 for d in dates)
    assert any("/" in d for d in dates)
    assert any(d.startswith("31 Feb") for d in dates)
    assert any("decimalLatitude" not in r for r in rows)
    assert any("informationWithheld" in r for r in rows)
    assert len({r["datasetID"] for r in rows}) == len({r["institutionCode"] for r in rows}) == 3
    assert any("<a rel=" in m.licence for m in museum.media)
    assert {"", "All rights reserved"} < {m.licence for m in museum.media}


@pytest.mark.parametrize("encoding", ["jpeg", "jpeg-exif", "jpeg-cmyk", "png-rgba", "png-grey16"])
def test_odd_encodings_decode_to_the_same_upright_picture(museum: Museum, encoding: str) -> None:
    file = next(f for f in museum.files.values() if f.encoding == encoding)
    data = file_bytes(file)
    picture = images.decode(data, **LIMITS)
    plain = vars(file) | {"encoding": "jpeg"}
    upright = Image.open(io.BytesIO(file_bytes(type(file)(**plain)))).convert("RGB")
    assert picture.size == upright.size
    difference = np.abs(np.asarray(picture, float) - np.asarray(upright, float)).mean()
    assert difference < (40 if encoding == "png-grey16" else 6)
    assert encoding != "png-grey16" or Image.open(io.BytesIO(data)).mode.startswith("I")


@pytest.mark.parametrize("encoding", ["html", "truncated", "audio"])
def test_files_that_are_no_pictures_are_refused(museum: Museum, encoding: str) -> None:
    file = next(f for f in museum.files.values() if f.encoding == encoding)
    with pytest.raises(UnreadableImage):
        images.decode(file_bytes(file), **LIMITS)


def test_shown_pairs_every_good_picture_with_its_specimen(museum: Museum) -> None:
    shown = list(museum.shown())
    assert {name for _, _, name in shown} < set(museum.files)
    record = museum.media[0].record
    assert museum.specimen_of(record).number == shown[0][0].number


def test_the_page_counts_the_faults_of_the_default_museum() -> None:
    page = (ROOT / "docs" / "sample-museum.md").read_text()
    rows = dict(re.findall(r"^\| ([a-z0-9 -]+) \| (\d+) \|", page, re.MULTILINE))
    counts = {fault: len(numbers) for fault, numbers in draw_museum().faults.items()}
    assert {fault: int(rows[fault]) for fault in counts} == counts
    assert f"400 specimens of {len(draw_taxonomy())} species" in page
