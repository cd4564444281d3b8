"""The taxon that a row names."""

import re
from collections.abc import Mapping

from core import taxonomy

GBIF_BACKBONE = "d7dddbf4-2cf0-4f39-9b2a-bb099caae36c"
"""The checklist of GBIF's numeric taxon keys."""

_ABOVE_SPECIES = taxonomy.RANKS[:-1]
_TENTATIVE = re.compile(r"\b(?:cf|aff|nr|near|prob|possibly)\b|\?", re.IGNORECASE)


def identification(found: Mapping[str, str], issues: list[str]) -> dict[str, object]:
    """Return the taxon columns of `tables.record`. Adds to `issues`."""
    ranks = {rank: _titled(found.get(rank)) for rank in _ABOVE_SPECIES}
    given = _given_name(found)
    if given is None:
        issues.append("TAXON_NAME_MISSING")
        return _columns(found, None, None, ranks, None)
    name = taxonomy.parse_name(given, found.get("scientificNameAuthorship"))
    tentative = name.uncertain or _qualified(found, name)
    if tentative:
        issues.append("TAXON_UNCERTAIN")
    species = None if tentative else _species(found, name)
    ranks["genus"] = ranks["genus"] or name.genus
    return _columns(found, given, name, ranks, species)


def _columns(
    found: Mapping[str, str],
    given: str | None,
    name: taxonomy.Name | None,
    ranks: dict[str, str | None],
    species: str | None,
) -> dict[str, object]:
    key, checklist = _key(found, name)
    rank = taxonomy.rank_name(found.get("taxonRank"))
    if name and not rank:
        same = (each for each in _ABOVE_SPECIES if ranks[each] == name.canonical)
        rank = name.rank or next(same, None)
    named = {key: value for key, value in ranks.items() if key != "class"}
    return {
        "scientific_name": given,
        "canonical_name": name.canonical if name else None,
        "authorship": name.authorship if name else None,
        "taxon_rank": rank,
        "checklist_key": checklist,
        "taxon_key": key,
        **named,
        "class_": ranks["class"],
        "species": species,
    }


def _given_name(found: Mapping[str, str]) -> str | None:
    """The scientific name, else the name that the parts make, else that of the lowest rank."""
    whole = found.get("scientificName") or _composed(found)
    return whole or next(
        (found[rank] for rank in reversed(_ABOVE_SPECIES) if rank in found),
        None,
    )


def _composed(found: Mapping[str, str]) -> str | None:
    genus = found.get("genericName") or found.get("genus")
    epithet, below = found.get("specificEpithet"), found.get("infraspecificEpithet")
    if genus and epithet:
        return " ".join(part for part in (_titled(genus), epithet, below) if part)
    binomial = found.get("species") or found.get("canonicalName")
    return binomial if binomial and " " in binomial else None


def _species(found: Mapping[str, str], name: taxonomy.Name) -> str | None:
    """The binomial: as the source interpreted it, else as the name or its parts say."""
    for text in (found.get("species"), name.species, _composed(found)):
        species = taxonomy.parse_name(text).species if text else None
        if species:
            return species
    return None


def _qualified(found: Mapping[str, str], name: taxonomy.Name) -> bool:
    below_species = name.species is not None and name.canonical != name.species
    doubt = _TENTATIVE.search(found.get("identificationQualifier", ""))
    return doubt is not None and not below_species


def _key(found: Mapping[str, str], name: taxonomy.Name | None) -> tuple[str | None, str | None]:
    """(taxon key, checklist key); without a key of a checklist the name itself is the key.

    taxonID is not used: many archives number their taxa from 1.
    """
    if name is None:
        return None, None
    if key := found.get("taxonKey"):
        backbone = GBIF_BACKBONE if key.isdecimal() else ""
        return key, found.get("checklistKey", backbone)
    return name.canonical, ""


def _titled(text: str | None) -> str | None:
    """Names above species begin with a capital, whatever the source's case."""
    if text and (text.islower() or text.isupper()):
        return text.capitalize()
    return text
