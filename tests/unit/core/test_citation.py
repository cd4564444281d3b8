import re
from datetime import date

from core.citation import Citation, image_credit, record_citation


def test_a_record_is_cited_with_all_there_is() -> None:
    assert record_citation(
        institution_code="YPM",
        collection_code="ENT",
        catalog_number="012345",
        scientific_name="Heliconius erato (L.)",
        dataset_title="Entomology Division",
        publisher="Yale Peabody Museum",
        url="https://doi.example/10.1/x",
        retrieved="2025-03-01",
    ) == (
        "Heliconius erato (L.). YPM ENT 012345. Entomology Division (Yale Peabody Museum)."
        " https://doi.example/10.1/x (retrieved 2025-03-01)."
    )


def test_a_number_that_names_its_collection_is_not_given_it_twice() -> None:
    cited = record_citation(
        institution_code="MSS",
        collection_code="ENT",
        catalog_number="MSS ENT 000097",
        scientific_name=None,
        dataset_title="Insects",
        publisher=None,
        url=None,
        retrieved=None,
    )
    assert cited == "MSS ENT 000097. Insects."


def test_what_is_missing_leaves_no_gap() -> None:
    assert (
        record_citation(
            institution_code=None,
            collection_code=None,
            catalog_number=None,
            scientific_name=None,
            dataset_title="My folder",
            publisher=None,
            url=None,
            retrieved="2025-03-01",
        )
        == "My folder."
    )


def test_credit_names_people_once_and_the_licence() -> None:
    assert image_credit(creator="J. Doe", rights_holder="YPM", licence="CC-BY-4.0") == (
        "J. Doe / YPM, CC BY 4.0"
    )
    assert image_credit(creator="J. Doe", rights_holder="J. Doe", licence="CC0-1.0") == (
        "J. Doe, CC0 1.0"
    )
    assert image_credit(creator=None, rights_holder=None, licence=None) == (
        "Creator not named, Licence not known"
    )


CITED = Citation(
    key="record-1",
    line="Papilio {alba} & co. BCM 7.",
    title="Papilio {alba} & co_1, 50% \\ ~",
    author="BCM",
    publisher="Museum & Sons",
    note=None,
    url="https://museum.example/a_b",
    accessed=date(2026, 3, 1),
)


def test_a_line_says_when_it_was_seen() -> None:
    assert str(CITED) == "Papilio {alba} & co. BCM 7. Accessed 2026-03-01."


def test_bibtex_keeps_what_latex_would_take_for_commands() -> None:
    assert CITED.bibtex() == (
        "@misc{record-1,\n"
        "  author = {{BCM}},\n"
        r"  title = {{Papilio \{alba\} \& co\_1, 50\% \textbackslash{} \textasciitilde{}}},"
        "\n  publisher = {Museum \\& Sons},\n"
        "  year = {2026},\n"
        "  url = {https://museum.example/a_b},\n"
        "  urldate = {2026-03-01}\n}\n"
    )
    assert CITED.bibtex().replace(r"\{", "").replace(r"\}", "").count("{") == CITED.bibtex(
    ).replace(r"\{", "").replace(r"\}", "").count("}")  # fmt: skip


def test_ris_has_a_tag_a_line_and_an_end() -> None:
    lines = CITED.ris().split("\r\n")
    assert lines[0] == "TY  - DATA"
    assert lines[-2:] == ["ER  - ", ""]
    assert all(re.match(r"[A-Z][A-Z0-9]  - ", line) for line in lines[:-1])
    assert not any(line.startswith("N1") for line in lines)
