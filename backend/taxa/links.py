"""Where else one may read about a taxon; plain links, nothing is fetched."""

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from backend.taxa.schemas import Link
from core.darwincore.identification import GBIF_BACKBONE

_SEARCHES = (
    ("Catalogue of Life", "https://www.catalogueoflife.org/data/search?q={}"),
    ("iNaturalist", "https://www.inaturalist.org/taxa/search?q={}"),
    ("Encyclopedia of Life", "https://eol.org/search?q={}"),
    ("Wikipedia", "https://en.wikipedia.org/wiki/Special:Search?search={}"),
)


def links(name: str, keys: Iterable[tuple[str, str]]) -> list[Link]:
    """GBIF by its own key where `keys` (checklist, taxon) hold one; the others by name."""
    known = next((key for checklist, key in keys if checklist == GBIF_BACKBONE), None)
    asked = quote_plus(name)
    gbif = f"species/{quote(known)}" if known else f"species/search?q={asked}"
    found = [Link(label="GBIF", url=f"https://www.gbif.org/{gbif}")]
    found += [Link(label=label, url=url.format(asked)) for label, url in _SEARCHES]
    named = quote(name.replace(" ", "_"))
    literature = f"https://www.biodiversitylibrary.org/name/{named}"
    return [*found, Link(label="Biodiversity Heritage Library", url=literature)]
