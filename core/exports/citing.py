"""How to cite a set of images: as text, BibTeX and RIS, with every dataset that contributed."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from core.exports.counting import Counts

ENTRY = "BioCosmos"


_AREAS = {"atlas": "an area of the atlas", "polygon": "an area of the map"}
_IMPLIED = ("embed_version", "fuse", "image_weight", "less_weight", "per_group", "limit")
LONGEST = 500


def question(query: Mapping[str, Any]) -> str:
    """A query in words, "q eyespots; taxon Nymphalidae; the 200 nearest"; cut where too long."""
    said = []
    for key, value in query.items():
        values = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if key == "nearest":
            said.append(f"the {values} nearest")
        elif key == "images":
            said.append("by hand")
        elif key not in _IMPLIED:
            said.append(_AREAS.get(key) or f"{key.replace('_', ' ')} {values}")
    words = "; ".join(said)
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def title(counts: Counts) -> str:
    """ "94 images of 60 records from 3 datasets"."""
    return (
        f"{_many(counts['images'], 'image')} of {_many(counts['records'], 'record')}"
        f" from {_many(len(counts['datasets']), 'dataset')}"
    )


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def text(counts: Counts, *, asked: str, version: str | None, link: str, on: date) -> str:
    """A paragraph: what, how it was chosen, where, when, and the datasets in it."""
    how = f", chosen by {asked}" if asked else ""
    model = f" with the embed version {version}" if version else ""
    first = f"{ENTRY} ({on.year}): {title(counts)}{how}{model}. {link} ({on:%d %B %Y})."
    return " ".join([first, *(dataset(each) for each in counts["datasets"])])


def dataset(each: dict[str, Any]) -> str:
    """One contributing dataset with its count: as it asks to be cited, else from what is known."""
    cited = each["citation"] or ". ".join(
        part.rstrip(".") for part in (each["publisher"], each["title"]) if part
    )
    doi = doi_link(each["doi"]) or each["url"] or ""
    if doi and doi.lower() not in cited.lower():
        cited = f"{cited.rstrip('.')}. {doi}"
    return f"{cited.rstrip('.')} ({_many(each['records'], 'record')})."


def doi_link(doi: str | None) -> str | None:
    """A DOI, however written, as the link that resolves it."""
    found = re.search(r"10\.\d{4,}/\S+", doi or "")
    return f"https://doi.org/{found[0]}" if found else None


def bibtex(counts: Counts, *, key: str, version: str | None, link: str, on: date) -> str:
    """An entry @misc."""
    note = f"Embed version {version}. " if version else ""
    fields = {
        "author": "{" + ENTRY + "}",
        "title": "{" + _tex(title(counts)) + "}",
        "year": str(on.year),
        "url": link,
        "urldate": f"{on:%Y-%m-%d}",
        "note": _tex(note + "Data from: " + " ".join(map(dataset, counts["datasets"]))),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{key},\n{lines}\n}}\n"


def _tex(words: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", words)


def ris(counts: Counts, *, version: str | None, link: str, on: date) -> str:
    """A record of type DATA."""
    lines = [
        ("TY", "DATA"),
        ("AU", ENTRY),
        ("TI", title(counts)),
        ("PY", str(on.year)),
        ("DA", f"{on:%Y/%m/%d}"),
        ("UR", link),
        *([("N1", f"Embed version {version}")] if version else []),
        *(("N1", dataset(each)) for each in counts["datasets"]),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in lines)


def derived_dataset(counts: Counts) -> str:
    """Records per GBIF dataset as `key,count` lines, as the form for a derived-dataset DOI takes.

    See https://www.gbif.org/derived-dataset/about; datasets of other sources have no key there.
    """
    return "".join(
        f"{each['key']},{each['records']}\n"
        for each in counts["datasets"]
        if each["source"] == "gbif" and each["records"]
    )
