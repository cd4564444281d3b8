import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.taxonomy import is_italic, lineage, parse_name, rank_name
from tests.paths import needs_shared
from tests.unit.core.real_rows import occurrence_rows


@pytest.mark.parametrize(
    ("text", "canonical", "authorship", "rank", "species"),
    [
        (
            "Heliconius erato (Linnaeus, 1758)",
            "Heliconius erato",
            "(Linnaeus, 1758)",
            "species",
            "Heliconius erato",
        ),
        (
            "Heliconius erato notabilis Salvin & Godman, 1868",
            "Heliconius erato notabilis",
            "Salvin & Godman, 1868",
            "subspecies",
            "Heliconius erato",
        ),
        ("Amanita muscaria (L.) Lam.", "Amanita muscaria", "(L.) Lam.", "species", None),
        ("Aus bus de Geer, 1770", "Aus bus", "de Geer, 1770", "species", None),
        ("Aus bus Hook. f. ex Bar", "Aus bus", "Hook. f. ex Bar", "species", None),
        ("Aus (Bus) cus Foo, 1900", "Aus cus", "Foo, 1900", "species", None),
        ("Polygonia c-album", "Polygonia c-album", None, "species", None),
        (
            "Salix alba L. subsp. vitellina (L.) Arcang.",
            "Salix alba subsp. vitellina",
            "(L.) Arcang.",
            "subspecies",
            "Salix alba",
        ),
        ("Poa bus var. cus", "Poa bus var. cus", None, "variety", "Poa bus"),
        ("Poa bus f. cus", "Poa bus f. cus", None, "form", "Poa bus"),
        ("Salix × fragilis L.", "Salix × fragilis", "L.", "species", None),
        ("Salix x fragilis", "Salix × fragilis", None, "species", None),
        ("×Cuprocyparis leylandii", "×Cuprocyparis leylandii", None, "species", None),
        ("Potentilla ×spuria Kern.", "Potentilla × spuria", "Kern.", "species", None),
        ("PUMA CONCOLOR", "Puma concolor", None, "species", None),
        ("puma concolor", "Puma concolor", None, "species", None),
        ("Pieris napi agg.", "Pieris napi", None, "species", None),
    ],
)
def test_names_of_species_and_below(text, canonical, authorship, rank, species) -> None:
    name = parse_name(text)
    assert (name.canonical, name.authorship, name.rank) == (canonical, authorship, rank)
    assert name.species == (species or canonical)
    assert not name.uncertain


@pytest.mark.parametrize(
    ("text", "canonical", "rank", "genus", "uncertain"),
    [
        ("Puma cf. concolor", "Puma cf. concolor", "species", "Puma", True),
        ("Puma aff. concolor", "Puma aff. concolor", "species", "Puma", True),
        ("Puma concolor?", "Puma concolor?", "species", "Puma", True),
        ("Bombus weisi sp. A", "Bombus weisi sp. A", "species", "Bombus", True),
        ("Heliconius sp.", "Heliconius", "genus", "Heliconius", False),
        ("Heliconius spp. 1", "Heliconius", "genus", "Heliconius", False),
        ("Salix alba × Salix fragilis", "Salix alba × Salix fragilis", None, "Salix", False),
        ("Nymphalidae Rafinesque, 1815", "Nymphalidae", "family", None, False),
        ("Asteraceae", "Asteraceae", "family", None, False),
        ("Lepidoptera", "Lepidoptera", None, None, False),
        ("BOLD:AAA1234", "BOLD:AAA1234", None, None, False),
        ("Tobacco mosaic virus", "Tobacco mosaic virus", None, None, False),
        ("unavailable", "unavailable", None, None, False),
        ("H. erato", "H. erato", None, None, False),
    ],
)
def test_names_without_a_certain_species(text, canonical, rank, genus, uncertain) -> None:
    name = parse_name(text)
    assert (name.canonical, name.rank, name.genus) == (canonical, rank, genus)
    assert name.species is None
    assert name.uncertain is uncertain


def test_doubt_about_the_subspecies_leaves_the_species() -> None:
    assert parse_name("Puma concolor cf. couguar").species == "Puma concolor"


def test_an_author_given_apart_is_the_author() -> None:
    name = parse_name("Danaus plexippus", "(Linnaeus, 1758)")
    assert (name.canonical, name.authorship) == ("Danaus plexippus", "(Linnaeus, 1758)")


@given(st.text())
def test_any_text_is_taken_apart_without_loss_of_its_own_form(text: str) -> None:
    name = parse_name(text)
    assert name.species is None or len(name.species.split()) in (2, 3)
    assert bool(name.canonical) == bool(text.strip())


@given(
    st.from_regex(r"[A-Z][a-z]{3,9}", fullmatch=True),
    st.sampled_from(["erato", "alba", "concolor", "io", "c-album", "melpomene"]),
    st.sampled_from(["", "L.", "(Linnaeus, 1758)", "Hook. f.", "Salvin & Godman, 1868"]),
)
def test_genus_epithet_and_author_come_apart_again(genus, epithet, author) -> None:
    if genus.lower() in {"unident", "indet", "incertae"}:
        return
    name = parse_name(f"{genus} {epithet} {author}")
    assert name.species == name.canonical == f"{genus} {epithet}"
    assert name.authorship == (author or None)


@pytest.mark.parametrize(
    ("text", "rank"),
    [("SPECIES", "species"), ("sp.", "species"), ("ssp.", "subspecies"), ("", None), (None, None)],
)
def test_rank_names(text: str | None, rank: str | None) -> None:
    assert rank_name(text) == rank


def test_genus_and_below_are_italic() -> None:
    assert [is_italic(r) for r in ("genus", "SPECIES", "variety", "family", None)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_lineage_runs_from_the_top_and_skips_what_is_missing() -> None:
    ranks = {"species": "Puma concolor", "kingdom": "Animalia", "family": None, "genus": "Puma"}
    assert lineage(ranks) == "Animalia|Puma|Puma concolor"


@needs_shared
def test_real_names_agree_with_the_parts_their_publishers_give() -> None:
    compared = agreed = 0
    for _, row in occurrence_rows():
        genus, epithet = row.get("genericName") or row.get("genus"), row.get("specificEpithet")
        whole = row.get("scientificName", "")
        if genus and epithet and epithet.isalpha() and whole.startswith(genus):
            compared += 1
            agreed += parse_name(whole).species == f"{genus} {epithet}"
    assert compared > 500
    assert agreed / compared > 0.99, (agreed, compared)
