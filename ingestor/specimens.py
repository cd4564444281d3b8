"""Which records of several sources are one and the same specimen; no database."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from uuid import UUID

PREFERRED = ("folder", "dwca", "iiif", "gbif", "idigbio")
"""Kinds of source, nearest to the collection first: the first one's record is shown."""
_GLOBAL = re.compile(
    r"^(?:[a-z][a-z0-9+.-]*:.{6,}|\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?)$"
)
_SCHEMES = re.compile(r"^(?:https?://(?:www\.)?|urn:uuid:|uuid:)")
_ANYTHING = {"occurrence", "materialentity"}
"""Bases of record that say nothing of what it is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What of a record tells whether another one is of the same specimen."""

    id: UUID
    source: str
    dataset_id: UUID
    occurrence_id: str | None = None
    institution_code: str | None = None
    collection_code: str | None = None
    catalog_number: str | None = None
    basis_of_record: str | None = None
    family: str | None = None
    species: str | None = None
    pictures: frozenset[str] = field(default=frozenset())
    """sha256 of the images published with it."""

    @property
    def preference(self) -> tuple[int, UUID]:
        """The smallest of a specimen is shown."""
        known = self.source in PREFERRED
        return PREFERRED.index(self.source) if known else len(PREFERRED), self.id


def occurrence_key(occurrence_id: str | None) -> str | None:
    """Return an occurrenceID as it compares between sources; None for one that others may use too.

    A link, URN or UUID is the same with any scheme and in any case; "1234" is everybody's.
    """
    given = (occurrence_id or "").strip().casefold()
    if not _GLOBAL.match(given):
        return None
    return _SCHEMES.sub("", given).strip("{}").rstrip("/") or None


def catalog_key(institution: str | None, collection: str | None, number: str | None) -> str | None:
    """Return "institution|collection|number" as it compares between sources; None where unusable.

    Case, spaces and punctuation do not count, nor codes repeated in the number.
    """
    code, part, plain = (_plain(each) for each in (institution, collection, number))
    if not code:
        return None
    for prefix in (code, part):
        if any(map(str.isdigit, plain.removeprefix(prefix))):
            plain = plain.removeprefix(prefix)
    if not any(map(str.isdigit, plain)):
        return None
    return f"{code}|{part}|{plain}"


def hashed(key: str | None) -> int | None:
    """Return a key as the 64 bits, signed, that an index keeps of it."""
    if key is None:
        return None
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)


def _plain(text: str | None) -> str:
    folded = unicodedata.normalize("NFKC", text or "").casefold()
    return "".join(filter(str.isalnum, folded))


def shown(candidates: Iterable[Candidate]) -> dict[UUID, UUID]:
    """Return, for each record, the one that is shown for its specimen: perhaps itself.

    Two are one when they share an occurrenceID, else institution, collection and catalogue number,
    else a picture; never two of one dataset, which knows its own specimens, nor what differs in
    basis of record. A key that a dataset uses twice tells nothing. The order makes no difference.
    """
    ordered = sorted(candidates, key=lambda each: each.preference)
    specimens = {each.id: [each] for each in ordered}
    for keys_of, agree in _RULES:
        for alike in _sharing(ordered, keys_of):
            for one, other in combinations(alike, 2):
                mine, theirs = specimens[one.id], specimens[other.id]
                if mine is not theirs and _may_join(mine, theirs) and agree(mine, theirs):
                    mine += theirs
                    specimens |= dict.fromkeys((each.id for each in theirs), mine)
    return {
        own: min(members, key=lambda each: each.preference).id for own, members in specimens.items()
    }


Specimen = list[Candidate]


def _sharing(
    candidates: Sequence[Candidate], keys_of: Callable[[Candidate], Iterable[str | None]]
) -> list[Specimen]:
    """Return those that share a key, in the order of the keys, where each is of its own dataset."""
    by_key: defaultdict[str, Specimen] = defaultdict(list)
    for each in candidates:
        for key in keys_of(each):
            if key is not None:
                by_key[key].append(each)
    alike = (members for _, members in sorted(by_key.items()))
    return [m for m in alike if len(m) == len({each.dataset_id for each in m})]


def _may_join(mine: Specimen, theirs: Specimen) -> bool:
    datasets = {each.dataset_id for each in mine}
    return not any(each.dataset_id in datasets for each in theirs) and _agree(mine, theirs, _basis)


def _agree(mine: Specimen, theirs: Specimen, value: Callable[[Candidate], str | None]) -> bool:
    """Whether all that say it say the same."""
    return len({said for each in (*mine, *theirs) if (said := value(each))}) <= 1


def _same_number(mine: Specimen, theirs: Specimen) -> bool:
    """A catalogue number without a collection needs a family on both sides to vouch for it."""
    sure = all(
        any(each.collection_code for each in side) or any(each.family for each in side)
        for side in (mine, theirs)
    )
    return sure and _agree(mine, theirs, _family)


def _same_picture(mine: Specimen, theirs: Specimen) -> bool:
    """One picture may show several specimens, and a drawing stand for many."""
    return all(_agree(mine, theirs, said) for said in (_family, _species, _occurrence, _catalog))


def _occurrence(each: Candidate) -> str | None:
    return occurrence_key(each.occurrence_id)


def _catalog(each: Candidate) -> str | None:
    return catalog_key(each.institution_code, each.collection_code, each.catalog_number)


def _basis(each: Candidate) -> str | None:
    basis = (each.basis_of_record or "").casefold()
    return None if basis in _ANYTHING else basis


def _family(each: Candidate) -> str | None:
    return (each.family or "").casefold()


def _species(each: Candidate) -> str | None:
    return (each.species or "").casefold()


_RULES: tuple[
    tuple[
        Callable[[Candidate], Iterable[str | None]],
        Callable[[Specimen, Specimen], bool],
    ],
    ...,
] = (
    (lambda each: [_occurrence(each)], lambda mine, theirs: True),  # noqa: ARG005
    (lambda each: [_catalog(each)], _same_number),
    (lambda each: each.pictures, _same_picture),
)
"""Keys, strongest first, and what must agree beside them."""
