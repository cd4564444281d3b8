"""Free-text questions whose answer is known, some of them kept out of every training caption."""

import random
from functools import cache

from core.sample.taxonomy import draw_taxonomy
from core.sample.traits import Query, matches, visible

HELD_OUT_SEED = 1859
HELD_OUT_SHARE = 0.25
PAIRS = (("ground", "margin"), ("ground", "pattern", "second"), ("ground", "eyespots"))


def _combinations() -> list[dict[str, str | int | bool]]:
    """Every combination of traits that some species shows from above, once each."""
    found: dict[tuple[tuple[str, str | int | bool], ...], None] = {}
    for species in draw_taxonomy():
        shown = visible(species.traits, "dorsal")
        for names in PAIRS:
            values = tuple((name, getattr(shown, name)) for name in names)
            if all(value for _, value in values) and ("pattern", "plain") not in values:
                found[values] = None
    return [dict(values) for values in found]


@cache
def held_out() -> tuple[Query, ...]:
    """Combinations of traits never said together in a training caption."""
    combinations = _combinations()
    rng = random.Random(HELD_OUT_SEED)
    return tuple(rng.sample(combinations, round(len(combinations) * HELD_OUT_SHARE)))


def says_held_out(query: Query) -> bool:
    """Whether a caption with these traits would give a held-out combination away."""
    items = query.items()
    return any(items >= kept.items() for kept in held_out())


def questions(held: bool) -> list[Query]:
    """Questions about traits: each combination with every body plan that shows it."""
    kept = held_out()
    out: list[Query] = []
    for combination in _combinations():
        if (combination in kept) != held:
            continue
        plans = {
            s.traits.plan
            for s in draw_taxonomy()
            if matches(combination, visible(s.traits, "dorsal"))
        }
        out += [{"plan": plan} | combination for plan in sorted(plans)]
    return out
