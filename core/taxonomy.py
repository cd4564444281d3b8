"""Scientific names: canonical form, authorship, rank, species."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """A scientific name taken apart."""

    canonical: str
    """Without authorship: "Heliconius erato notabilis", "Salix × fragilis", "Puma cf. concolor"."""
    authorship: str | None
    rank: str | None
    """Inferred from the form of the name: genus, species, subspecies, variety, form, family."""
    genus: str | None
    species: str | None
    """Binomial; None for tentative identifications, hybrid formulas and names above species."""
    uncertain: bool
    """Whether cf., aff. or a question mark qualifies the name."""


def parse_name(text: str, authorship: str | None = None) -> Name:
    """Take a scientific name apart; never raises."""
    raise NotImplementedError


def is_italic(rank: str | None) -> bool:
    """Whether names of this rank are set in italics (genus and below)."""
    raise NotImplementedError


def lineage(ranks: Mapping[str, str | None]) -> str:
    """Return "Animalia|Arthropoda|…" from the values of kingdom to species, top first."""
    raise NotImplementedError
