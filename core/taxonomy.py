"""Scientific names: canonical form, authorship, rank, species."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


@dataclass(frozen=True)
class Name:
    """A scientific name taken apart."""

    canonical: str
    """Without authorship: "Heliconius erato notabilis", "Salix × fragilis", "Puma cf. concolor"."""
    authorship: str | None = None
    rank: str | None = None
    """Inferred from the form of the name: genus, species, subspecies, variety, form, family."""
    genus: str | None = None
    species: str | None = None
    """Binomial; None for tentative identifications, hybrid formulas and names above species."""
    uncertain: bool = False
    """Whether cf., aff. or a question mark puts the species in doubt."""


_RANK_WORDS = {
    "sp": "species",
    "ssp": "subspecies",
    "subsp": "subspecies",
    "var": "variety",
    "varietas": "variety",
    "f": "form",
    "fo": "form",
    "forma": "form",
    "ab": "aberration",
    "cv": "cultivar",
    "gen": "genus",
    "fam": "family",
}
_MARKERS = {"subsp", "ssp", "var", "f", "fo", "forma", "ab", "subvar", "morph"}
_SHOWN = {"ssp": "subsp.", "subsp": "subsp.", "fo": "f.", "forma": "f.", "morph": "morph"}
_QUALIFIERS = {"cf", "aff", "nr", "near", "prob", "?"}
_PARTICLES = re.compile(
    r"d[aeiu]|de[lnrs]|della|dos|v[ao]n|l[ae]|les|ex|et|and|in|auct|non|nec|sensu|emend|bis|zur?"
    r"|a[fv]|te[nr]|[ye]|st|spp?|indet|cf|aff|nr|near|x"
)
_AFTERTHOUGHTS = {"agg", "complex", "group", "s.l", "s.str", "s.s", "sensu lato", "sensu stricto"}
_SUFFIXES = (("idae", "family"), ("aceae", "family"), ("inae", "subfamily"))
_ITALIC = {"genus", "subgenus", "section", "species", "subspecies", "variety", "form", "aberration"}
_NOT_A_NAME = re.compile(
    r"bold:|sh\d|incertae|indet|unident|unknown|unavailable|environmental|not |no |\W*$"
    r"|.*\bvirus\b",
    re.IGNORECASE,
)
_GENUS = re.compile(r"[×x]?[A-ZÀ-Þ][a-zß-ÿ]+(?:-[a-zA-Zß-ÿ]+)?")
_SUBGENUS = re.compile(r"\([A-ZÀ-Þ][a-zß-ÿ-]+\)")
_EPITHET = re.compile(r"[a-zß-ÿ][a-zß-ÿ-]+")


@lru_cache(maxsize=8192)  # collections hold many of a kind
def parse_name(text: str, authorship: str | None = None) -> Name:
    """Take a scientific name apart; what is no name of a taxon comes back whole. Never raises.

    `authorship` is the author where the source names it apart. Names all in capitals or all in
    small letters are put in the usual case.
    """
    words = _usual_case(text).split()
    sign = bool(words) and words[0] in {"×", "x", "X"}
    words = words[1:] if sign else words
    if not words or _NOT_A_NAME.match(text.strip()) or not _GENUS.fullmatch(words[0]):
        return Name(" ".join(text.split()), authorship)
    genus = ("× " if sign else "") + words[0].replace("x", "×", 1 if words[0][0] == "x" else 0)
    return _Reader(genus, words[1:]).name(authorship)


class _Reader:
    """Reads the words behind a genus from left to right."""

    def __init__(self, genus: str, words: list[str]) -> None:
        self.genus = genus
        self.words = words
        self.parts = [genus]  # of the canonical name
        self.epithets = 0
        self.rank: str | None = None
        self.uncertain = False
        self.formula = False
        self.unnamed = False  # "sp."

    def name(self, authorship: str | None) -> Name:
        if self.words and _SUBGENUS.fullmatch(self.words[0]):
            self._skip_subgenus()
        while self.words and self._take():
            pass
        if self.formula:
            return Name(" ".join([*self.parts, *self.words]), None, None, self.genus)
        author = authorship or self._author()
        above = not self.epithets
        species = None if above or self.uncertain else self._binomial()
        known_genus = self.genus if not above or self.unnamed or self.uncertain else None
        canonical = " ".join(self.parts)
        return Name(canonical, author, self._rank(), known_genus, species, self.uncertain)

    def _skip_subgenus(self) -> None:
        if len(self.words) > 1 and _EPITHET.fullmatch(self.words[1].rstrip("?")):
            self.words.pop(0)

    def _take(self) -> bool:
        """Take the next word into the name; False where the authorship begins."""
        word = self.words[0]
        if word.startswith("×") and len(word) > 1:
            self.words[:1] = ["×", word[1:]]
            word = "×"
        bare = word.rstrip(".")
        if bare in _QUALIFIERS:
            return self._take_qualifier(bare)
        if bare in {"sp", "spp", "indet"}:
            return self._take_unnamed()
        if word in {"×", "x", "X"} and len(self.words) > 1:
            return self._take_hybrid()
        if bare in _MARKERS and self.epithets and self._epithet_at(1):
            self.rank = _RANK_WORDS.get(bare, bare)
            self.parts += [_SHOWN.get(bare, f"{bare}."), self.words[1]]
            self.epithets += 1
            del self.words[:2]
            return True
        if word.endswith("?") and _EPITHET.fullmatch(word[:-1]):
            self.uncertain |= not self.epithets
            self.words.pop(0)
            self.parts.append(word)
            self.epithets += 1
            return True
        if self.epithets < 2 and self._epithet_at(0):
            self.parts.append(self.words.pop(0))
            self.epithets += 1
            return True
        return self._skip_to_marker()

    def _take_qualifier(self, bare: str) -> bool:
        self.uncertain |= self.epithets < 1 or bare == "?" and self.epithets < 2
        self.parts.append(bare if bare == "?" else f"{bare}.")
        self.words.pop(0)
        return True

    def _take_unnamed(self) -> bool:
        """ "Bombus sp. A" is a Bombus; "Bombus weisi sp. A" something near Bombus weisi."""
        self.unnamed = not self.epithets
        if self.epithets:
            self.parts += self.words
            self.uncertain = True
        self.words.clear()
        return False

    def _take_hybrid(self) -> bool:
        self.parts.append("×")
        self.words.pop(0)
        if self.epithets or not self._epithet_at(0):
            self.formula = True
            return False
        self.parts[-1] = f"× {self.words.pop(0)}"
        self.epithets += 1
        return True

    def _skip_to_marker(self) -> bool:
        """Skip an author in mid-name: "Salix alba L. subsp. vitellina (L.) Arcang."."""
        if self.epithets != 1:
            return False
        for i in range(1, len(self.words) - 1):
            if self.words[i].rstrip(".") in _MARKERS and self._epithet_at(i + 1):
                del self.words[:i]
                return True
        return False

    def _epithet_at(self, i: int) -> bool:
        if i >= len(self.words):
            return False
        word = self.words[i]
        return bool(_EPITHET.fullmatch(word)) and not (
            _PARTICLES.fullmatch(word) or word in _AFTERTHOUGHTS
        )

    def _author(self) -> str | None:
        text = " ".join(self.words).strip(" ,")
        return text if text and text.rstrip(".") not in _AFTERTHOUGHTS else None

    def _binomial(self) -> str:
        first = next(part for part in self.parts[1:] if not part.endswith("."))
        return f"{self.genus} {first}"

    def _rank(self) -> str | None:
        if self.epithets == 0:
            if self.unnamed or self.uncertain:
                return "genus"
            return next((rank for end, rank in _SUFFIXES if self.genus.endswith(end)), None)
        if self.epithets == 1:
            return "species"
        return self.rank or "subspecies"


def _usual_case(text: str) -> str:
    text = text.strip()
    if text.isupper() or (text.islower() and not text.startswith("x ")):
        return text.capitalize()
    return text


def rank_name(text: str | None) -> str | None:
    """Return a rank in words and lower case: "SPECIES", "sp." and "Species" give "species"."""
    word = (text or "").strip().lower().rstrip(".")
    return _RANK_WORDS.get(word, word) or None


def is_italic(rank: str | None) -> bool:
    """Whether names of this rank are set in italics (genus and below)."""
    return rank_name(rank) in _ITALIC


def lineage(ranks: Mapping[str, object]) -> str:
    """Return "Animalia|Arthropoda|…" from the values of kingdom to species, top first."""
    values = (ranks.get(rank) for rank in RANKS)
    return "|".join(str(value) for value in values if value)
