"""What a picture shows and what can truly be said of it, in words drawn at random.

Both name traits by their values as text, so that whether a statement is true of another picture is
a comparison. No statement says a combination of traits that is kept for held-out questions.
"""

import random
from collections.abc import Mapping

from core.sample.captions import phrase, statements
from core.sample.questions import says_held_out
from core.sample.taxonomy import Species
from core.sample.traits import ANY, Query, visible

LABEL_WORDS = ("a specimen label", "label", "a label card")


def attributes(species: Species, view: str) -> dict[str, str]:
    """The view and the traits that a picture of this view shows; a label shows itself only."""
    if view == "label":
        return {"view": view}
    said = statements(visible(species.traits, view))
    return {"view": view, "part": species.traits.part, **claims_of(said)}


def claims_of(query: Query) -> dict[str, str]:
    """The traits of a query as text, as `attributes` has them."""
    return {name: str(value) for name, value in query.items()}


def statement(rng: random.Random, species: Species, view: str) -> tuple[str, Mapping[str, str]]:
    """A caption about the looks of a picture, and what it claims."""
    if view == "label":
        return rng.choice(LABEL_WORDS), {"view": view}
    query = _query(rng, species, view)
    text = rng.choice(("{}", "{}", "a photo of {}", "a specimen, {}")).format(phrase(query, rng))
    if view == "whole" or rng.random() >= 0.15:
        return text, claims_of(query)
    text = rng.choice(("{text}, {view} view", "{view} view of {text}")).format(text=text, view=view)
    return text, claims_of(query) | {"view": view}


def _query(rng: random.Random, species: Species, view: str) -> Query:
    """Up to four true traits, with the body plan or the part more often than not."""
    said = statements(visible(species.traits, view))
    plan = said.pop("plan")
    while True:
        names = rng.sample(sorted(said), min(len(said), rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4))))
        query = {name: said[name] for name in names}
        # A pattern and its colour are mostly said together.
        for one, other in (("pattern", "second"), ("second", "pattern")):
            if query.get(one, "plain") != "plain" and rng.random() < 0.7:
                query[other] = said[other]
        head = rng.random()
        if head < 0.85:
            query["plan" if head < 0.6 else "part"] = plan if head < 0.6 else species.traits.part
        if query and not says_held_out(query):
            break
    if "eyespots" in query and rng.random() < 0.3:
        query["eyespots"] = ANY
    return query
