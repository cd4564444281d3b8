from core.citation import image_credit, record_citation


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
