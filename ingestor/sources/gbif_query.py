"""What is asked of GBIF: options in a biologist's words to parameters of its search."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import licences
from core.darwincore.countries import country_code
from core.errors import InvalidSetting
from ingestor.sources.portal import Json, Portal, as_text

COL_XR = "7ddf754f-d193-4cc9-b351-99906754a03b"
"""Catalogue of Life, extended release: the checklist whose keys are letters and digits."""

OPTIONS = {
    "dataset": "datasetKey",
    "institution": "institutionCode",
    "basis": "basisOfRecord",
    "country": "country",
    "year": "year",
    "licence": "license",
    "geometry": "geometry",
}
"""Options of the command line, in its order, to parameters of the search."""
_LICENCES = {
    "CC0-1.0": "CC0_1_0",
    "CC-BY": "CC_BY_4_0",
    "CC-BY-4.0": "CC_BY_4_0",
    "CC-BY-NC": "CC_BY_NC_4_0",
    "CC-BY-NC-4.0": "CC_BY_NC_4_0",
}
_OURS = {"limit", "offset", "facet", "facetLimit", "facetOffset"}


@dataclass(frozen=True)
class GbifQuery:
    """Parameters of an occurrence search, in a fixed order."""

    parameters: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    """What a name was taken for, in words."""

    @property
    def checklist(self) -> str:
        """Key of the checklist whose taxa are wanted; "" for GBIF's own choice."""
        return dict(self.parameters).get("checklistKey", "")

    @property
    def text(self) -> str:
        """The question in a line."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters)


async def make_query(
    portal: Portal,
    base_url: str,
    *,
    taxa: Sequence[str] = (),
    checklist: str = "",
    options: Mapping[str, Sequence[str]] | None = None,
    extra: Sequence[str] = (),
) -> GbifQuery:
    """Return the search for options named as on the command line.

    Names of taxa are matched by GBIF; still images are asked for unless `extra` (k=v) names
    another mediaType. InvalidSetting says what cannot be asked.
    """
    found = [_pair(text) for text in extra]
    for name, values in (options or {}).items():
        found += [(OPTIONS[name], _value(name, value)) for value in values]
    notes: list[str] = []
    keys: list[str] = []
    for taxon in taxa:
        key, note = await _taxon_key(portal, base_url, taxon, checklist)
        keys.append(key)
        notes += [note] if note else []
    if any(not key.isdecimal() for key in keys):
        checklist = checklist or COL_XR
    found += [("taxonKey", key) for key in keys]
    if checklist:
        found.append(("checklistKey", checklist))
    if not any(name == "mediaType" for name, _ in found):
        found.append(("mediaType", "StillImage"))
    return GbifQuery(tuple(sorted(set(found))), tuple(notes))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InvalidSetting(f"--param {text!r} is not of the form name=value")
    if name.strip() in _OURS:
        raise InvalidSetting(f"--param {name.strip()} cannot be set: pages are our own business")
    return name.strip(), value.strip()


def _value(name: str, value: str) -> str:
    if name == "licence":
        return _LICENCES.get(licences.parse(value), value.upper())
    if name == "country":
        code = country_code(value)
        if code is None:
            raise InvalidSetting(f"--country {value!r} is not a country of ISO 3166")
        return code
    if name == "basis":
        return re.sub(r"(?<=[a-z])[ _-]?(?=[A-Z])|[ -]", "_", value).upper()
    return value.strip()


async def _taxon_key(
    portal: Portal, base_url: str, taxon: str, checklist: str
) -> tuple[str, str | None]:
    """Return (key, what it was taken for); keys have no small letters, names always do."""
    if re.fullmatch(r"[0-9A-Z]+", taxon.strip()):
        return taxon.strip(), None
    parameters = [("scientificName", taxon.strip())]
    if checklist:
        parameters.append(("checklistKey", checklist))
    match = await portal.get(f"{base_url}/v2/species/match", parameters)
    usage, accepted = _object(match, "usage"), _object(match, "acceptedUsage")
    how = as_text(_object(match, "diagnostics").get("matchType"))
    if not usage or how not in {"EXACT", "VARIANT", "CANONICAL"}:
        nearest = f"; the nearest it knows is {as_text(usage.get('name'))}" if usage else ""
        raise InvalidSetting(f"GBIF knows no one taxon {taxon!r}{nearest}: give its name or key")
    if match.get("synonym") is True and accepted:
        note = f"{as_text(usage.get('name'))} is a synonym of {as_text(accepted.get('name'))}"
        return as_text(accepted.get("key")), note
    return as_text(usage.get("key")), None


def _object(answer: Json, name: str) -> Json:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}
