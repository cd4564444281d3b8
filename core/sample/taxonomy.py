"""The invented tree of life: families, genera and species are not real, orders and above are.

Traits are inherited: an order sets the body plan, a family its shape and habits, a genus its
colours and pattern; a species changes one or two of them. The tree depends on no museum seed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache

from core.sample.traits import Traits

TREE_SEED = 1637


@dataclass(frozen=True)
class Species:
    """One invented species with its whole lineage and its traits."""

    kingdom: str
    phylum: str
    class_: str
    order: str
    family: str
    genus: str
    epithet: str
    authorship: str
    common_name: str
    traits: Traits

    @property
    def name(self) -> str:
        """Binomial, e.g. "Aurivela caerulea"."""
        return f"{self.genus} {self.epithet}"

    @property
    def key(self) -> str:
        """Stable key of the taxon in the sample checklist."""
        return self.name.lower().replace(" ", "-")


LEPIDOPTERA = ("Animalia", "Arthropoda", "Insecta", "Lepidoptera")
COLEOPTERA = ("Animalia", "Arthropoda", "Insecta", "Coleoptera")
BIVALVES = ("Animalia", "Mollusca", "Bivalvia", "Pectinida")
SNAILS = ("Animalia", "Mollusca", "Gastropoda", "Stylommatophora")
PLANTS = ("Plantae", "Tracheophyta", "Magnoliopsida", "Ericales")

# lineage, family, plan, shape, genus, noun of its common name, number of species
GENERA = (
    (LEPIDOPTERA, "Aurivelidae", "butterfly", "rounded", "Aurivela", "satinwing", 4),
    (LEPIDOPTERA, "Aurivelidae", "butterfly", "rounded", "Lumisara", "lantern", 4),
    (LEPIDOPTERA, "Aurivelidae", "butterfly", "scalloped", "Morvellia", "argusine", 3),
    (LEPIDOPTERA, "Nerithanidae", "butterfly", "pointed", "Nerithana", "sailwing", 4),
    (LEPIDOPTERA, "Nerithanidae", "butterfly", "pointed", "Caudarissa", "ribbontail", 3),
    (LEPIDOPTERA, "Umbrisonidae", "moth", "broad", "Umbrisona", "duskcloak", 3),
    (LEPIDOPTERA, "Umbrisonidae", "moth", "broad", "Velutella", "plushmoth", 3),
    (COLEOPTERA, "Cupravidae", "beetle", "oval", "Cupravia", "jewelback", 4),
    (COLEOPTERA, "Cupravidae", "beetle", "oval", "Testarina", "shieldlet", 3),
    (COLEOPTERA, "Baccaronidae", "beetle", "round", "Baccarona", "berrybug", 3),
    (COLEOPTERA, "Baccaronidae", "beetle", "elongate", "Longicorra", "lancer", 3),
    (BIVALVES, "Pectarionidae", "scallop", "fan-shaped", "Pectariona", "fanshell", 3),
    (SNAILS, "Volutaxidae", "snail", "coiled", "Volutaxa", "whorl", 4),
    (PLANTS, "Foliandraceae", "plant", "lance-leaved", "Foliandra", "lanceleaf", 3),
    (PLANTS, "Foliandraceae", "plant", "round-leaved", "Rotundula", "pennyleaf", 3),
    (PLANTS, "Ramoricaceae", "plant", "lobed", "Ramorica", "handleaf", 2),
)
# prefix of a sister genus, as zoologists and botanists coin them, and of its common name
SISTERS = (
    ("", ""),
    ("Neo", "new "),
    ("Para", "lesser "),
    ("Pseudo", "false "),
)
GROUNDS = {
    "butterfly": ("blue", "orange", "white", "yellow", "black", "red", "green", "purple", "brown"),
    "moth": ("brown", "grey", "white", "pink", "yellow", "green"),
    "beetle": ("green", "brown", "black", "red", "blue", "yellow", "purple", "orange"),
    "scallop": ("orange", "pink", "white", "purple", "yellow"),
    "snail": ("brown", "yellow", "white", "pink", "green"),
    "plant": ("green", "green", "green", "red"),
}
SECONDS = ("white", "yellow", "orange", "red", "black", "blue", "brown", "pink")
CONTRAST = {
    "white": ("black", "red", "blue", "brown", "orange"),
    "yellow": ("black", "red", "brown", "blue"),
    "orange": ("black", "white", "brown"),
    "pink": ("black", "white", "yellow", "brown"),
    "red": ("black", "white", "yellow", "white"),
    "brown": ("white", "yellow", "orange", "black", "pink"),
    "grey": ("black", "white", "yellow", "red"),
    "green": ("white", "yellow", "yellow", "white", "black", "pink"),
    "blue": ("white", "black", "yellow", "orange"),
    "purple": ("white", "yellow", "orange", "black"),
    "black": ("yellow", "white", "red", "orange", "blue"),
}
UNDERS = {
    "butterfly": ("brown", "grey", "white", "yellow", "orange"),
    "moth": ("grey", "brown", "white"),
    "beetle": ("black", "brown", "grey"),
    "scallop": ("white", "pink", "yellow", "orange"),
    "snail": ("white", "pink", "yellow", "grey"),
    "plant": ("green",),
}
EPITHETS = {  # feminine, to agree with the genera
    "blue": ("caerulea", "cyanea", "azurea"),
    "orange": ("aurantia", "fulvida", "ignea"),
    "white": ("candida", "nivea", "albata"),
    "yellow": ("flavida", "lutescens", "citrina"),
    "black": ("nigrata", "atrata", "obscura"),
    "red": ("rubrata", "sanguinea", "coccinea"),
    "green": ("viridula", "smaragdina", "prasina"),
    "purple": ("purpurata", "violacea", "ametysta"),
    "brown": ("brunnea", "castanea", "umbrina"),
    "grey": ("grisella", "cinerea", "canescens"),
    "pink": ("roseola", "incarnata", "rosata"),
    "bands": ("fasciata", "cincta", "zonata"),
    "spots": ("punctata", "maculosa", "guttata"),
    "stripes": ("striata", "lineata", "vittata"),
    "marbled": ("marmorata", "nebulosa", "variegata"),
    "margin": ("marginata", "limbata", "praetexta"),
    "sheen": ("splendens", "micans", "fulgida"),
    "eyespots": ("ocellata", "oculea", "argoides"),
}
AUTHORS = ("Brandt", "Lindqvist", "Moreau", "Ångström", "Ferreira", "Hartwell", "Née", "Okonjo")


def _genus_traits(rng: random.Random, plan: str, shape: str) -> Traits:
    ground = rng.choice(GROUNDS[plan])
    return Traits(
        plan=plan,
        shape=shape,
        ground=ground,
        pattern=rng.choice(("bands", "spots", "stripes", "marbled")),
        second=rng.choice(CONTRAST[ground]),
        under=rng.choice(UNDERS[plan]),
        tails=shape == "pointed" and rng.random() < 0.5,
        flower=rng.choice(("white", "yellow", "red", "purple", "pink", "blue"))
        if plan == "plant"
        else "",
        size=rng.choice(("small", "medium", "large")),
    )


def _recolour(rng: random.Random, traits: Traits) -> Traits:
    ground = rng.choice(GROUNDS[traits.plan])
    margin = traits.margin if traits.margin != ground else ""
    return replace(traits, ground=ground, second=rng.choice(CONTRAST[ground]), margin=margin)


def _edge(rng: random.Random, traits: Traits) -> Traits:
    if traits.plan == "plant":
        return replace(traits, margin=rng.choice(("white", "yellow")))
    dark = "black" if traits.ground != "black" else "white"
    return replace(traits, margin=rng.choice((dark, dark, rng.choice(CONTRAST[traits.ground]))))


def _flourish(rng: random.Random, traits: Traits) -> Traits:
    """What only some body plans can show: eyespots, tails, sheen, flowers."""
    if traits.plan == "moth" or traits.shape in ("scalloped", "rounded"):
        return replace(traits, eyespots=rng.choice((2, 4)))
    if traits.plan == "butterfly":
        return replace(traits, tails=True)
    if traits.plan == "plant":
        return replace(traits, flower=rng.choice(("white", "yellow", "red", "purple", "pink")))
    return replace(traits, pattern=rng.choice(("bands", "spots", "stripes")))


def _vary(rng: random.Random, traits: Traits) -> Traits:
    """A sister species: two changes, and now and then a sheen or another size."""
    for change in rng.sample((_recolour, _edge, _flourish), 2):
        traits = change(rng, traits)
    if rng.random() < 0.6:
        traits = replace(
            traits, pattern=rng.choice(("plain", "bands", "spots", "stripes", "spots"))
        )
    if traits.plan in ("butterfly", "beetle") and traits.ground in ("blue", "green", "purple"):
        traits = replace(traits, sheen=rng.random() < 0.65)
    elif traits.sheen:
        traits = replace(traits, sheen=False)
    shown = (traits.second, traits.margin)
    return replace(traits, under=rng.choice([c for c in UNDERS[traits.plan] if c not in shown]))


def _differences(a: Traits, b: Traits) -> int:
    return sum(
        getattr(a, f.name) != getattr(b, f.name) for f in fields(a) if f.name not in ("under",)
    )


def _clear(traits: Traits, others: list[Traits]) -> bool:
    """Two species must be told apart by sight, and eyespots must not hide in the pattern."""
    if traits.eyespots and traits.pattern in ("spots", "marbled"):
        return False
    if traits.plan == "plant" and traits.second not in ("white", "yellow", "pink"):
        return False
    if traits.margin == traits.second and traits.pattern != "plain" and traits.margin != "black":
        return False
    return all(_differences(traits, other) >= 3 for other in others)


def _epithet(rng: random.Random, traits: Traits, taken: set[str]) -> str:
    pool = list(EPITHETS.get(traits.pattern, ()))
    for name in ("sheen", "eyespots", "margin"):
        if getattr(traits, name):
            pool += EPITHETS[name]
    pool = [e for e in pool + list(EPITHETS[traits.ground]) if e not in taken]
    return rng.choice(pool)


def _common_name(traits: Traits, noun: str) -> str:
    if traits.eyespots:
        mark = f"{traits.ground}-eyed"
    elif traits.pattern == "plain":
        mark = f"{traits.margin}-edged" if traits.margin else f"plain {traits.ground}"
    else:
        done = {"bands": "banded", "spots": "spotted", "stripes": "striped", "marbled": "marbled"}
        mark = f"{traits.second}-{done[traits.pattern]}"
    return f"{mark} {noun}"


@cache
def draw_taxonomy(breadth: int = 1) -> tuple[Species, ...]:
    """Every species of the sample museum, always the same, in taxonomic order.

    `breadth` above 1 adds sister genera, 52 species each time, after those of the smaller tree.
    """
    if not 1 <= breadth <= len(SISTERS):
        raise ValueError(f"the tree has a breadth of 1 to {len(SISTERS)}, not {breadth}")
    rng = random.Random(TREE_SEED)
    species: list[Species] = []
    for lineage, plan, shape, noun, count in _genera(breadth):
        ancestor = _genus_traits(rng, plan, shape)
        for _ in range(count):
            species.append(_speciate(rng, ancestor, lineage, noun, species))
    return tuple(species)


def _genera(breadth: int) -> Iterator[tuple[tuple[str, ...], str, str, str, int]]:
    for prefix, also in SISTERS[:breadth]:
        for lineage, family, plan, shape, genus, noun, count in GENERA:
            name = prefix + genus.lower() if prefix else genus
            yield (*lineage, family, name), plan, shape, also + noun, count


def _speciate(
    rng: random.Random, ancestor: Traits, lineage: tuple[str, ...], noun: str, sofar: list[Species]
) -> Species:
    others = [s.traits for s in sofar]
    names = {s.common_name for s in sofar}
    while True:
        traits = _vary(rng, ancestor)
        common = _common_name(traits, noun)
        if _clear(traits, others) and common not in names:
            break
    taken = {s.epithet for s in sofar if s.genus == lineage[-1]}
    authorship = rng.choice(AUTHORS)
    if lineage[0] != "Plantae":  # zoologists cite the year, botanists do not
        authorship += f", {rng.randint(1790, 1935)}"
        authorship = f"({authorship})" if rng.random() < 0.4 else authorship
    epithet = _epithet(rng, traits, taken)
    kingdom, phylum, class_, order, family, genus = lineage
    return Species(
        kingdom, phylum, class_, order, family, genus, epithet, authorship, common, traits
    )
