"""Individuals: how many of each species, and how each one looks and was photographed."""

import random
from dataclasses import dataclass

from core.sample.taxonomy import Species, draw_taxonomy
from core.sample.traits import Query, matches, visible

ZIPF = 0.8
INSECTS = ("butterfly", "moth", "beetle")


@dataclass(frozen=True)
class Pose:
    """What is particular to one individual and its photographs. Angles in radians."""

    turn: float
    scale: float
    stretch: float
    shift: tuple[float, float]
    hue: float
    light: float
    fade: float
    broken: bool
    backdrop: str
    corner: int
    card: bool
    bar: bool
    slip: bool


@dataclass(frozen=True)
class Specimen:
    """One specimen in the museum: `number` is unique, `seed` fixes its drawing."""

    number: int
    seed: int
    species: Species
    pose: Pose

    @property
    def views(self) -> tuple[str, ...]:
        """The views one can draw: plants have one side, animals two; both have labels."""
        return ("whole",) if self.species.traits.plan == "plant" else ("dorsal", "ventral")


def relevant(query: Query, specimen: Specimen, view: str = "dorsal") -> bool:
    """Whether a picture of `specimen` in `view` shows every trait of `query`."""
    return view != "label" and matches(query, visible(specimen.species.traits, view))


def _pose(rng: random.Random, plan: str, size: str) -> Pose:
    base = {"small": 0.74, "medium": 0.82, "large": 0.97}[size] if plan != "plant" else 0.94
    backdrops = ("white", "white", "cream", "grey", "mist", "cork", "slate")
    upright = plan == "plant"
    return Pose(
        turn=rng.gauss(0, 0.03 if upright else 0.07),
        scale=base * rng.uniform(0.95, 1.03),
        stretch=rng.uniform(0.95, 1.05),
        shift=(rng.uniform(-0.04, 0.04), rng.uniform(-0.06, 0.0)),
        hue=rng.gauss(0, 0.008),
        light=rng.uniform(0.90, 1.08),
        fade=rng.uniform(0.0, 0.16),
        broken=rng.random() < 0.15,
        backdrop="sheet" if upright else rng.choice(backdrops),
        corner=rng.randrange(4),
        card=rng.random() < 0.35,
        bar=rng.random() < 0.8,
        slip=rng.random() < 0.55,
    )


def _counts(rng: random.Random, species: int, specimens: int) -> list[int]:
    """A long tail: Zipf-like counts, at least one each, adding up to `specimens`."""
    weights = [1 / (k + 1) ** ZIPF for k in range(species)]
    total = sum(weights)
    counts = [max(1, int(specimens * w / total)) for w in weights]
    for k in range(specimens - sum(counts)):
        counts[k % species] += 1
    rng.shuffle(counts)
    return counts


def draw_specimens(
    seed: int, specimens: int, even: bool = False, breadth: int = 1
) -> list[Specimen]:
    """Individuals of a museum; `even` gives every species the same number (for training).

    `breadth` multiplies the species; see `draw_taxonomy`.
    """
    rng = random.Random(f"specimens-{seed}")
    tree = draw_taxonomy(breadth)
    if specimens < len(tree):
        raise ValueError(f"a museum needs at least {len(tree)} specimens, one of each species")
    counts = _counts(rng, len(tree), specimens)
    if even:
        counts = [specimens // len(tree) + (k < specimens % len(tree)) for k in range(len(tree))]
    out: list[Specimen] = []
    for species, count in zip(tree, counts, strict=True):
        for _ in range(count):
            pose = _pose(rng, species.traits.plan, species.traits.size)
            out.append(Specimen(len(out) + 1, rng.getrandbits(48), species, pose))
    return out
