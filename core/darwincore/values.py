"""Words of controlled vocabularies, however written."""

import re
from functools import lru_cache

_BASES = (
    "PreservedSpecimen FossilSpecimen LivingSpecimen HumanObservation MachineObservation"
    " MaterialSample MaterialEntity MaterialCitation Occurrence Observation Literature"
)
_BASIS = {name.lower(): name for name in re.findall(r"\w+", _BASES)}
_BASIS |= dict.fromkeys(("specimen", "preserved", "voucher"), "PreservedSpecimen")

_SEX = {
    "m": "male",
    "♂": "male",
    "males": "male",
    "f": "female",
    "♀": "female",
    "females": "female",
    "u": "unknown",
    "not recorded": "unknown",
}


def basis_of_record(text: str | None, issues: list[str]) -> str | None:
    """Return the Darwin Core class, "PreservedSpecimen" from "PRESERVED_SPECIMEN"."""
    if text is None:
        return None
    found = _basis(text)
    if found is None:
        issues.append("BASIS_OF_RECORD_INVALID")
    return found


@lru_cache(maxsize=256)
def _basis(text: str) -> str | None:
    return _BASIS.get(re.sub(r"[\W_]+", "", re.split(r"[/#:]", text)[-1]).lower())


def sex(text: str | None) -> str | None:
    """Return the sex in small letters; signs and initials in words, other remarks as given."""
    lowered = (text or "").lower()
    return _SEX.get(lowered, lowered) or None


def life_stage(text: str | None) -> str | None:
    """Return the life stage in small letters."""
    return text.lower() if text else None
