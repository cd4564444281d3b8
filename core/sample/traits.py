"""Visible traits of the invented species, and which pictures answer a question about them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (34, 31, 34),
    "white": (240, 236, 226),
    "grey": (146, 146, 150),
    "brown": (118, 76, 44),
    "yellow": (238, 200, 62),
    "orange": (228, 122, 38),
    "red": (188, 44, 42),
    "pink": (230, 140, 160),
    "purple": (116, 66, 146),
    "blue": (46, 104, 200),
    "green": (74, 136, 66),
}
PARTS = {
    "butterfly": "wings",
    "moth": "wings",
    "beetle": "wing cases",
    "scallop": "shell",
    "snail": "shell",
    "plant": "leaves",
}
HIDING = ("beetle", "scallop")
PATTERNS = ("plain", "bands", "spots", "stripes", "marbled")
ANY = "any"
Query = Mapping[str, str | int | bool]


@dataclass(frozen=True)
class Traits:
    """What one can see on a specimen. Colours are keys of COLOURS; "" means absent."""

    plan: str
    shape: str
    ground: str
    pattern: str
    second: str
    under: str
    margin: str = ""
    sheen: bool = False
    eyespots: int = 0
    tails: bool = False
    flower: str = ""
    size: str = "medium"

    @property
    def part(self) -> str:
        """The part that carries the colours: wings, wing cases, shell or leaves."""
        return PARTS[self.plan]


def visible(traits: Traits, view: str) -> Traits:
    """Traits as seen in one view.

    The underside has its own ground colour and no sheen; wings and coils keep their pattern,
    beetles and scallops hide it.
    """
    if view != "ventral":
        return traits
    seen = replace(traits, ground=traits.under, sheen=False)
    return replace(seen, pattern="plain", second="") if seen.plan in HIDING else seen


def matches(query: Query, traits: Traits) -> bool:
    """Whether every trait the query names is shown; `ANY` accepts any present value."""
    for name, wanted in query.items():
        shown = getattr(traits, name)
        if wanted == ANY:
            if not shown:
                return False
        elif shown != wanted:
            return False
    return True
