"""IIIF Image API addresses (2.1 and 3.0): smaller renditions of the same image."""

import re
from collections.abc import Mapping

SIDE = 1024
"""Pixels of the longer side that we ask for: more than any encoder looks at."""

YALE = "https://images.collections.yale.edu/iiif/2"
"""Image service of the Yale Peabody Museum, whose images are called ypm:<uuid>."""

_IMAGE = re.compile(
    r"(?P<service>https?://\S+)/full/(?P<size>full|max|\^?!?(?:pct:[\d.]+|\d*,\d*))"
    r"/(?P<rotation>!?[\d.]+)/(?P<quality>default|native|color|colour)\.(?P<form>jpe?g|png|tif|webp)",
    re.IGNORECASE,
)
_PEABODY = re.compile(r"ypm:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def smaller(identifier: str) -> str | None:
    """Return where a rendition of 1024 pixels lies; None where the identifier is no IIIF image.

    An address that asks for no more than that already stays as it is.
    """
    text = identifier.strip()
    if _PEABODY.fullmatch(text):
        return rendition(f"{YALE}/{text}")
    found = _IMAGE.fullmatch(text)
    if found is None:
        return None
    sides = [int(n) for n in re.findall(r"\d+", found["size"])]
    if sides and max(sides) <= SIDE and "pct" not in found["size"].lower():
        return text
    return rendition(found["service"], found["rotation"])


def rendition(service: str, rotation: str = "0", side: int = SIDE) -> str:
    """Return the address of the whole image, `side` pixels at most (best fit: `!w,h`)."""
    return f"{service.rstrip('/')}/full/!{side},{side}/{rotation}/default.jpg"


def service_of(identifier: str) -> str | None:
    """Return the image service that an address belongs to; None where it is no IIIF image."""
    text = identifier.strip()
    if _PEABODY.fullmatch(text):
        return f"{YALE}/{text}"
    found = _IMAGE.fullmatch(text)
    return found["service"] if found else None


def with_link(fields: Mapping[str, str], identifier: str) -> dict[str, str]:
    """Return a medium's terms with a link to the original where it has but a Peabody name.

    The name stays in the row under `published:` and its term.
    """
    text = identifier.strip()
    if not _PEABODY.fullmatch(text):
        return dict(fields)
    kept = {f"published:{n}" if v == identifier else n: v for n, v in fields.items()}
    return {"ac:accessURI": f"{YALE}/{text}/full/full/0/default.jpg"} | kept
