"""Which records of several sources are one specimen."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.specimens import Candidate, catalog_key, hashed, occurrence_key, shown

MUSEUM, GBIF, IDIGBIO = (UUID(int=n) for n in (1, 2, 3))
NUMBER = {"institution_code": "YPM", "collection_code": "ENT", "catalog_number": "YPM ENT 123456"}


def record(dataset=MUSEUM, source="gbif", **more):
    return Candidate(uuid4(), source, dataset, **more)


def one(*candidates):
    return len(set(shown(candidates).values())) == 1


def apart(*candidates):
    return all(own == other for own, other in shown(candidates).items())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("urn:uuid:8C2A1D30-0001-4a2b-9c3d-111122223333", "8c2a1d30-0001-4a2b-9c3d-111122223333"),
        ("http://id.museum.org/42", "https://id.museum.org/42/"),
        ("urn:catalog:YPM:ENT:123456", " URN:catalog:ypm:ent:123456"),
    ],
)
def test_an_occurrence_id_is_the_same_in_any_dress(a, b):
    assert occurrence_key(a) == occurrence_key(b) is not None


@pytest.mark.parametrize("everybodys", [None, "", " ", "1234", "MO-77", "ent:12"])
def test_what_others_may_use_too_is_no_key(everybodys):
    assert occurrence_key(everybodys) is None
    assert hashed(None) is None


@pytest.mark.parametrize(
    "triple",
    [
        ("ypm", "Ent", "YPM-ENT-123456"),
        ("YPM", "ENT", "ENT.123456"),
        (" YPM ", "ENT", "123456"),
    ],
)
def test_a_catalogue_number_is_the_same_in_any_spelling(triple):
    assert catalog_key(*triple) == catalog_key("YPM", "ENT", "YPM ENT 123456") == "ypm|ent|123456"


def test_numbers_of_one_collection_are_not_those_of_another():
    keys = {
        catalog_key(*triple)
        for triple in [
            ("YPM", "ENT", "1"),
            ("YPM", "BOT", "1"),
            ("MCZ", "ENT", "1"),
            ("YPM", "ENT", "01"),
            ("YPM", None, "1"),
        ]
    }
    assert len(keys) == 5
    assert None not in keys
    assert catalog_key("YPM", "ENT", "none given") is None
    assert catalog_key(None, "ENT", "1") is None
    assert catalog_key("A1", "B", "A1") == "a1|b|a1"  # the number is not its own prefix


def test_the_record_nearest_to_the_collection_is_shown():
    same = {"occurrence_id": "urn:catalog:YPM:ENT:1"}
    theirs = record(IDIGBIO, "idigbio", **same)
    gbif = record(GBIF, "gbif", **same)
    museum = record(MUSEUM, "dwca", **same)
    assert shown([theirs, gbif, museum]) == dict.fromkeys(
        (theirs.id, gbif.id, museum.id), museum.id
    )
    assert shown([theirs, gbif]) == dict.fromkeys((theirs.id, gbif.id), gbif.id)


def test_records_of_one_dataset_are_its_own_business():
    same = {"occurrence_id": "urn:catalog:YPM:ENT:1", "pictures": frozenset("x")} | NUMBER
    assert apart(record(GBIF, **same), record(GBIF, **same))


def test_a_number_that_a_dataset_uses_twice_tells_nothing():
    twice = [record(GBIF, **NUMBER), record(GBIF, **NUMBER)]
    assert apart(*twice, record(IDIGBIO, **NUMBER))


def test_a_catalogue_number_joins_what_nothing_contradicts():
    one_side = record(GBIF, family="Nymphalidae", basis_of_record="PreservedSpecimen", **NUMBER)
    assert one(one_side, record(IDIGBIO, **NUMBER))
    assert one(one_side, record(IDIGBIO, family="nymphalidae", **NUMBER))
    assert apart(one_side, record(IDIGBIO, family="Pieridae", **NUMBER))
    assert apart(one_side, record(IDIGBIO, basis_of_record="FossilSpecimen", **NUMBER))
    assert one(one_side, record(IDIGBIO, basis_of_record="Occurrence", **NUMBER))


def test_a_number_without_collection_needs_a_family():
    loose = {"institution_code": "MNHN", "catalog_number": "12"}
    known = loose | {"family": "Nymphalidae"}
    assert apart(record(GBIF, **loose), record(IDIGBIO, **known))
    assert one(record(GBIF, **known), record(IDIGBIO, **known))


def test_an_occurrence_id_joins_across_taxonomies_but_not_across_bases():
    same = {"occurrence_id": "https://id.museum.org/42"}
    assert one(
        record(GBIF, family="Danaidae", **same), record(IDIGBIO, family="Nymphalidae", **same)
    )
    specimen, tissue = "PreservedSpecimen", "MaterialSample"
    assert apart(
        record(GBIF, basis_of_record=specimen, **same),
        record(IDIGBIO, basis_of_record=tissue, **same),
    )


def test_a_picture_joins_only_what_agrees_in_everything():
    picture = {"pictures": frozenset(["sha"])}
    assert one(record(GBIF, **picture, **NUMBER), record(IDIGBIO, **picture))
    for own, theirs in (
        ({"species": "Papilio machaon"}, {"species": "Papilio zelicaon"}),
        ({"occurrence_id": "urn:catalog:A:B:1"}, {"occurrence_id": "urn:catalog:A:B:2"}),
        (NUMBER, NUMBER | {"catalog_number": "2"}),
    ):
        assert apart(record(GBIF, **picture, **own), record(IDIGBIO, **picture, **theirs))
    placeholder = [record(GBIF, **picture), record(GBIF, **picture)]
    assert apart(*placeholder, record(IDIGBIO, **picture))


def test_what_two_keys_would_join_with_two_of_one_dataset_is_joined_by_the_stronger():
    link = {"occurrence_id": "https://id.museum.org/42"}
    a = record(GBIF, **link)
    b = record(GBIF, **NUMBER)
    middle = record(IDIGBIO, "idigbio", **link, **NUMBER)
    assert shown([a, b, middle]) == {a.id: a.id, middle.id: a.id, b.id: b.id}


@st.composite
def candidates(draw):
    few = st.integers(0, 3)
    made = []
    for n in range(draw(st.integers(0, 12))):
        made.append(
            Candidate(
                UUID(int=n),
                draw(st.sampled_from(["dwca", "gbif", "idigbio"])),
                UUID(int=draw(few)),
                occurrence_id=draw(st.sampled_from([None, "urn:x:000001", "urn:x:000002"])),
                institution_code="I",
                collection_code="C",
                catalog_number=draw(st.sampled_from([None, "1", "2"])),
                family=draw(st.sampled_from([None, "A", "B"])),
                basis_of_record=draw(st.sampled_from([None, "P", "F"])),
                pictures=frozenset(draw(st.sets(st.sampled_from("xyz"), max_size=2))),
            )
        )
    return made


@given(candidates(), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference_and_no_dataset_is_joined_with_itself(made, chance):
    found = shown(made)
    shuffled = [*made]
    chance.shuffle(shuffled)
    assert shown(shuffled) == found
    by_id = {each.id: each for each in made}
    specimens = {}
    for own, other in found.items():
        assert found[other] == other  # what is shown is shown itself
        specimens.setdefault(other, []).append(by_id[own])
    for members in specimens.values():
        assert len({m.dataset_id for m in members}) == len(members)
        assert len({m.basis_of_record for m in members} - {None}) <= 1
        if len(members) > 1:
            assert min(members, key=lambda m: m.preference).id == found[members[0].id]
