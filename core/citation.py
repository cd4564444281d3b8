"""How to cite a record and how to credit a picture, from plain values."""

from core import licences


def record_citation(
    *,
    institution_code: str | None,
    collection_code: str | None,
    catalog_number: str | None,
    scientific_name: str | None,
    dataset_title: str,
    publisher: str | None,
    url: str | None,
    retrieved: str | None,
) -> str:
    """Return one sentence-like line naming specimen, dataset, link and day of retrieval."""
    codes = [code for code in (institution_code, collection_code) if code]
    if catalog_number and catalog_number.startswith(" ".join([*codes, ""])):
        codes = []  # the number as published already says whose it is
    number = " ".join([*codes, *([catalog_number] if catalog_number else [])])
    published = f"{dataset_title} ({publisher})" if publisher else dataset_title
    link = f"{url} (retrieved {retrieved})" if url and retrieved else url
    parts = (scientific_name, number, published, link)
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def image_credit(*, creator: str | None, rights_holder: str | None, licence: str | None) -> str:
    """Return the credit to print beside a picture: "J. Doe / Peabody Museum, CC BY 4.0"."""
    people = [p for p in (creator, rights_holder) if p]
    if len(people) == 2 and people[0] == people[1]:
        people.pop()
    who = " / ".join(people) or "Creator not named"
    return f"{who}, {licences.describe(licence).label}"
