"""Licence statements, as they occur, to codes that say what may be done; versions are kept."""

import html
import re
from dataclasses import dataclass
from functools import lru_cache

UNKNOWN = "UNKNOWN"
ALL_RIGHTS_RESERVED = "ALL-RIGHTS-RESERVED"
PUBLIC_DOMAIN = "PUBLIC-DOMAIN"
"""Said to be in the public domain, but not by CC0 or the Public Domain Mark."""


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


_CC_URL = re.compile(
    r"creativecommons\.org/(?:licen[sc]es|publicdomain)/(?P<elements>[a-z-]+)"
    r"(?:/(?P<version>\d\.\d))?(?:/(?P<place>[a-z]{2}|igo|scotland)(?![a-z.]))?"
)
_PART = (
    r"(?:by|attribution|nc|non[ -]?commercial|sa|share[ -]?alike|nd|no[ -]?deriv(?:ative)?s?"
    r"(?: works)?)"
)
_ELEMENTS = rf"(?P<elements>{_PART}(?:[ /,-]*{_PART})*)(?![a-z])"
_VERSION = r"(?:[ -]*v?(?:ersion)? ?(?P<version>\d(?:[. ]\d)?)(?![\d]))?"
_PLACE = r"(?:[ -](?P<place>[a-z]{2}|igo|scotland)\s*$)?"
_CC_TEXT = re.compile(rf"(?:\bcc|creative[ -]commons)[ :,-]*{_ELEMENTS}{_VERSION}{_PLACE}")
_CC_BARE = re.compile(
    rf"{_ELEMENTS}{_VERSION}(?: (?:international|unported|generic))?(?: licen[sc]e)?"
)
_CC0 = re.compile(
    r"\bcc[ -]?(?:0|zero)\b|creative[ -]commons[ -]zero|public domain dedication|^zero$"
)
_PDM = re.compile(r"public domain mark|\bpdm\b")
_RESERVED = re.compile(r"all[ -]rights[ -]reserved|rightsstatements\.org/\w+/inc\b")
_PUBLIC_DOMAIN = re.compile(r"(?<!not )(?<!not in the )public[ -]domain|^pd\b|no known copyright")
_GFDL = re.compile(r"\bgfdl\b|gnu free documentation licen[sc]e")
_CDLA = re.compile(r"\bcdla[ -]permissive\b")
_COPYRIGHT = re.compile(r"©|\(c\) ?\w|^copyright\b|\bcopyright (?:\d{4}|by )")
_LINK = re.compile(r"https?://\S+")

_VERSIONS = {"1.0", "2.0", "2.1", "2.5", "3.0", "4.0"}
_ELEMENT_SETS = {
    frozenset(elements.split("-")): elements.upper()
    for elements in ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
}
_CODES = (
    (_RESERVED, ALL_RIGHTS_RESERVED),
    (_PUBLIC_DOMAIN, PUBLIC_DOMAIN),
    (_GFDL, "GFDL"),
    (_CDLA, "CDLA-PERMISSIVE"),
)


@lru_cache(maxsize=1024)  # publishers say the same of all they have
def parse(raw: str | None) -> str:
    """Return the code of a licence statement: "CC-BY-4.0", "CC0-1.0", "UNKNOWN", …

    Takes links, HTML with a link, the usual spellings and GBIF's names. Of several statements the
    first counts. The version and the jurisdiction stay as published; "CC BY" without one is
    "CC-BY". A copyright notice alone is ALL-RIGHTS-RESERVED; a link to a page of terms UNKNOWN.
    """
    text = " ".join(html.unescape(raw or "").lower().replace("_", " ").split())
    found = _CC_URL.search(text)
    if found:
        return _from_url(found)
    found = _CC_TEXT.search(text) or _CC_BARE.fullmatch(text)
    zero = _CC0.search(text)
    if zero and (found is None or zero.start() < found.start()):
        return "CC0-1.0"
    if found:
        return _cc(found)
    if _PDM.search(text):
        return "PDM-1.0"
    for pattern, code in _CODES:
        if pattern.search(text):
            return code
    if _COPYRIGHT.search(_LINK.sub(" ", text).strip()):
        return ALL_RIGHTS_RESERVED
    return UNKNOWN


def _from_url(found: re.Match[str]) -> str:
    match found["elements"]:
        case "zero":
            return "CC0-1.0"
        case "mark":
            return "PDM-1.0"
        case "publicdomain":
            return PUBLIC_DOMAIN
    return _cc(found)


def _cc(found: re.Match[str]) -> str:
    words = found["elements"]
    elements = {
        short
        for short, pattern in (
            ("by", r"\bby|attribution"),
            ("nc", r"\bnc|non[ -]?commercial"),
            ("sa", r"\bsa|share"),
            ("nd", r"\bnd|deriv"),
        )
        if re.search(pattern, words)
    }
    name = _ELEMENT_SETS.get(frozenset(elements))
    if name is None:
        return UNKNOWN
    version = (found["version"] or "").replace(" ", ".")
    version = f"{version}.0" if len(version) == 1 else version
    if version not in _VERSIONS:
        return f"CC-{name}"
    place = found.groupdict().get("place")
    return f"CC-{name}-{version}" + (f"-{place.upper()}" if place else "")


def describe(code: str | None) -> Licence:
    """Return what a code of `parse` means; None and what is no such code are UNKNOWN."""
    code = parse(code)
    if code.startswith("CC-"):
        return _describe_cc(code)
    return _OTHERS[code]


def _describe_cc(code: str) -> Licence:
    name, version, place = re.fullmatch(  # type: ignore[union-attr]
        r"CC-([A-Z-]+?)(?:-(\d\.\d)(?:-([A-Z]+))?)?", code
    ).groups()
    path = "/".join(part.lower() for part in (name, version, place) if part)
    return Licence(
        code=code,
        label=" ".join(part for part in ("CC", name, version, place) if part),
        url=f"https://creativecommons.org/licenses/{path + '/' if version else ''}",
        allows_copy=True,
        allows_commercial="NC" not in name,
        allows_derivatives="ND" not in name,
        requires_attribution=True,
        share_alike="SA" in name,
    )


def _open(code: str, label: str, url: str | None, *, credit: bool, alike: bool = False) -> Licence:
    return Licence(code, label, url, True, True, True, credit, alike)


def _closed(code: str, label: str) -> Licence:
    return Licence(code, label, None, False, False, False, True, False)


_OTHERS = {
    licence.code: licence
    for licence in (
        _open(
            "CC0-1.0",
            "CC0 1.0",
            "https://creativecommons.org/publicdomain/zero/1.0/",
            credit=False,
        ),
        _open(
            "PDM-1.0",
            "Public Domain Mark 1.0",
            "https://creativecommons.org/publicdomain/mark/1.0/",
            credit=False,
        ),
        _open(PUBLIC_DOMAIN, "Public domain", None, credit=False),
        _open(
            "GFDL",
            "GNU Free Documentation License",
            "https://www.gnu.org/licenses/fdl-1.3.html",
            credit=True,
            alike=True,
        ),
        _open("CDLA-PERMISSIVE", "CDLA Permissive", "https://cdla.dev/", credit=True),
        _closed(ALL_RIGHTS_RESERVED, "All rights reserved"),
        _closed(UNKNOWN, "Licence not known"),
    )
}
