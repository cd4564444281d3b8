"""How to cite a record or a picture of it, and how to credit a picture, from plain values.

As a line of text, BibTeX and RIS (the tags of Reference Manager, as EndNote and Zotero read them).
"""

import re
from dataclasses import dataclass
from datetime import date

from core import licences


@dataclass(frozen=True)
class Citation:
    """What there is to cite; `str()` of it is a line of text."""

    key: str
    """Identifies it in a bibliography."""
    line: str
    """All but the day of access."""
    title: str
    author: str | None
    publisher: str | None
    note: str | None
    url: str | None
    accessed: date

    def __str__(self) -> str:
        return f"{self.line} Accessed {self.accessed:%Y-%m-%d}."

    def bibtex(self) -> str:
        """An entry @misc."""
        fields = {
            "author": self.author and f"{{{tex(self.author)}}}",
            "title": f"{{{tex(self.title)}}}",
            "publisher": self.publisher and tex(self.publisher),
            "year": f"{self.accessed.year}",
            "note": self.note and tex(self.note),
            "url": self.url,
            "urldate": f"{self.accessed:%Y-%m-%d}",
        }
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        return f"@misc{{{self.key},\n{lines}\n}}\n"

    def ris(self) -> str:
        """A record of type DATA."""
        lines = (
            ("TY", "DATA"), ("AU", self.author), ("TI", self.title), ("PB", self.publisher),
            ("PY", f"{self.accessed.year}"), ("Y2", f"{self.accessed:%Y/%m/%d}"),
            ("N1", self.note), ("UR", self.url),
        )  # fmt: skip
        kept = [f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in lines if value]
        return "".join(kept) + "ER  - \r\n"


_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def tex(text: str) -> str:
    """Text as LaTeX would print it."""
    return re.sub(r"[&%$#_{}\\~^]", lambda found: _TEX.get(found[0], "\\" + found[0]), text)


def specimen_number(
    institution_code: str | None, collection_code: str | None, catalog_number: str | None
) -> str:
    """ "YPM ENT 012345": the codes once, though the number as published may begin with them."""
    codes = [code for code in (institution_code, collection_code) if code]
    if catalog_number and catalog_number.startswith(" ".join([*codes, ""])):
        codes = []
    return " ".join([*codes, *([catalog_number] if catalog_number else [])])


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
    number = specimen_number(institution_code, collection_code, catalog_number)
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
