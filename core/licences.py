"""Licence statements, as they occur, to codes that say what may be done; versions are kept."""

from dataclasses import dataclass

UNKNOWN = "UNKNOWN"
ALL_RIGHTS_RESERVED = "ALL-RIGHTS-RESERVED"


@dataclass(frozen=True)
class Licence:
    """What a licence code means."""

    code: str
    label: str
    url: str | None
    allows_copy: bool
    """Whether a copy (thumbnail, cached file) may be shown."""
    allows_commercial: bool
    allows_derivatives: bool
    requires_attribution: bool
    share_alike: bool


def parse(raw: str | None) -> str:
    """Return the code of a licence statement: "CC-BY-4.0", "CC0-1.0", "UNKNOWN", …

    The version and the jurisdiction stay as published; "CC BY" without one is "CC-BY".
    """
    raise NotImplementedError


def describe(code: str | None) -> Licence:
    """Return what a code of `parse` means; None is UNKNOWN."""
    raise NotImplementedError
