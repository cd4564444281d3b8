"""Traits in words: one phrase per set of traits, with synonyms when a generator is given."""

import random
from dataclasses import asdict

from core.sample.traits import Query, Traits

NUMBERS = {1: "one", 2: "two", 4: "four"}
WORDS: dict[str, tuple[str, ...]] = {
    "sheen": ("iridescent", "shiny", "shimmering", "metallic"),
    "margin": ("margin", "border", "edge", "edges"),
    "bands": ("bands", "bars", "crossbands"),
    "spots": ("spots", "dots"),
    "stripes": ("stripes", "streaks"),
    "marbled": ("marbling", "mottling"),
    "eyespots": ("eyespots", "eye spots", "ocelli"),
    "tails": ("tails", "tailed hind wings"),
    "plain": ("plain", "unmarked"),
    "butterfly": ("butterfly",),
    "moth": ("moth",),
    "beetle": ("beetle",),
    "scallop": ("scallop", "scallop shell"),
    "snail": ("snail shell", "snail"),
    "plant": ("plant", "herbarium sheet of a plant", "pressed plant"),
    "wings": ("wings",),
    "wing cases": ("wing cases", "elytra"),
    "shell": ("shell",),
    "leaves": ("leaves", "foliage"),
    "small": ("small", "little"),
    "large": ("large", "big"),
    "medium": ("medium-sized",),
}


def _pick(word: str, rng: random.Random | None) -> str:
    choices = WORDS.get(word, (word,))
    return choices[0] if rng is None or rng.random() < 0.5 else rng.choice(choices)


def _article(text: str) -> str:
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"


def _marks(query: Query, rng: random.Random | None) -> list[str]:
    """The "with ..." part: margin, pattern, eyespots, tails, flowers."""
    out = []
    if query.get("margin"):
        edge = _pick("margin", rng)
        out.append(
            f"{query['margin']} edges" if edge == "edges" else _article(f"{query['margin']} {edge}")
        )
    second, pattern = str(query.get("second", "")), str(query.get("pattern", ""))
    if pattern and pattern != "plain":
        out.append(f"{second} {_pick(pattern, rng)}".strip())
    elif second:
        out.append(f"{second} markings")
    if query.get("eyespots"):
        count = query["eyespots"]
        number = NUMBERS[count] + " " if isinstance(count, int) else ""
        out.append(f"{number}{_pick('eyespots', rng)}")
    if query.get("tails"):
        out.append(_pick("tails", rng))
    if query.get("flower"):
        out.append(f"{query['flower']} flowers")
    return out


def phrase(query: Query, rng: random.Random | None = None) -> str:
    """The traits of `query` as a noun phrase, e.g. "blue wings with a black margin"."""
    head = [_pick(str(query["size"]), rng)] if query.get("size") else []
    if query.get("pattern") == "plain":
        head.append(_pick("plain", rng))
    if query.get("shape"):
        head.append(str(query["shape"]))
    if query.get("sheen"):
        head.append(_pick("sheen", rng))
    if query.get("ground"):
        head.append(str(query["ground"]))
    head.append(_pick(str(query.get("plan") or query.get("part") or "specimen"), rng))
    marks = _marks(query, rng)
    if rng is not None:
        rng.shuffle(marks)
    if not marks:
        return " ".join(head)
    return f"{' '.join(head)} with {', '.join(marks[:-1])}{' and ' * (len(marks) > 1)}{marks[-1]}"


def statements(traits: Traits) -> dict[str, str | int | bool]:
    """The traits worth saying: everything present, without what is absent or hidden."""
    said = {k: v for k, v in asdict(traits).items() if v and k not in ("under", "size")}
    if traits.pattern == "plain":
        said.pop("second", None)
    if traits.size != "medium":
        said["size"] = traits.size
    return said


def describe(traits: Traits) -> list[str]:
    """Natural phrases true of the traits, the fullest first, e.g. "brown beetle with red spots"."""
    said = statements(traits)
    part: dict[str, str | int | bool] = {"part": traits.part}
    marks = {k: v for k, v in said.items() if k in ("pattern", "second")}
    subsets: list[dict[str, str | int | bool]] = [
        said,
        {"plan": traits.plan, "ground": traits.ground, **marks},
        part | {k: v for k, v in said.items() if k in ("sheen", "ground", "margin")},
        {"plan": traits.plan, "ground": traits.ground},
    ]
    for extra in ("margin", "eyespots", "tails", "flower", "size", "shape"):
        if said.get(extra):
            subsets.append({"plan": traits.plan, "ground": traits.ground, extra: said[extra]})
    return list(dict.fromkeys(phrase(s) for s in subsets))
