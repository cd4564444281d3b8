"""The tree, the words for traits, and which pictures answer a question."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sample import Specimen, describe, phrase, questions, relevant
from core.sample.captions import statements
from core.sample.questions import held_out, says_held_out
from core.sample.specimens import draw_specimens
from core.sample.taxonomy import Species, draw_taxonomy
from core.sample.traits import COLOURS, Traits, matches, visible

BLUE = Traits(
    plan="butterfly",
    shape="rounded",
    ground="blue",
    pattern="plain",
    second="white",
    under="brown",
    margin="black",
    sheen=True,
    eyespots=2,
)
SPECIES = st.sampled_from(draw_taxonomy())


def of_species(species: Species) -> Specimen:
    return next(s for s in draw_specimens(3, 60, even=True) if s.species == species)


def test_every_species_has_its_own_name_lineage_and_looks() -> None:
    tree = draw_taxonomy()
    assert 40 <= len(tree) <= 60
    assert len({s.name for s in tree}) == len({s.common_name for s in tree}) == len(tree)
    assert len({s.traits for s in tree}) == len(tree)
    assert {s.kingdom for s in tree} == {"Animalia", "Plantae"}
    for genus in {s.genus for s in tree}:
        lineages = {
            (s.kingdom, s.phylum, s.class_, s.order, s.family, s.traits.shape)
            for s in tree
            if s.genus == genus
        }
        assert len(lineages) == 1


@given(SPECIES)
def test_colours_are_named_and_parts_can_be_told_apart(species: Species) -> None:
    t = species.traits
    shown = [t.ground, t.under] + [c for c in (t.second, t.margin, t.flower) if c]
    assert set(shown) <= set(COLOURS)
    assert t.second != t.ground != t.margin
    if t.pattern != "plain":
        assert t.under != t.second


def test_phrases_say_what_is_seen() -> None:
    assert phrase({"part": "wings", "ground": "blue", "sheen": True, "margin": "black"}) == (
        "iridescent blue wings with a black margin"
    )
    assert phrase(
        {"plan": "beetle", "ground": "brown", "pattern": "spots", "second": "yellow"}
    ) == ("brown beetle with yellow spots")
    assert phrase({"part": "wings", "ground": "white", "eyespots": 2}) == (
        "white wings with two eyespots"
    )
    assert "iridescent blue wings with a black margin" in describe(BLUE)
    assert not any("spots" in p.replace("eyespots", "") for p in describe(BLUE))


def test_a_question_is_answered_by_what_a_view_shows() -> None:
    assert matches({"ground": "blue", "margin": "black"}, BLUE)
    assert not matches({"ground": "blue", "margin": "white"}, BLUE)
    assert matches({"eyespots": "any"}, BLUE)
    assert not matches({"tails": "any"}, BLUE)
    below = visible(BLUE, "ventral")
    assert (below.ground, below.sheen, below.eyespots) == ("brown", False, 2)
    assert not matches({"ground": "blue"}, below)


@given(SPECIES)
def test_every_description_is_true_of_its_species_only_from_above(species: Species) -> None:
    said = statements(species.traits)
    specimen = of_species(species)
    assert relevant(said, specimen)
    assert relevant(said, specimen, "whole")
    assert not relevant(said, specimen, "label")
    if species.traits.under != species.traits.ground and specimen.views != ("whole",):
        assert not relevant(said, specimen, "ventral")


def test_held_out_questions_are_answerable_and_apart_from_the_others() -> None:
    held, said = questions(held=True), questions(held=False)
    assert len(held) >= 12
    assert not [q for q in held if q in said]
    museum = draw_specimens(1, 200)
    for question in held + said:
        assert 1 <= sum(relevant(question, s) for s in museum) < len(museum) / 2
    assert all(says_held_out(q) for q in held)
    assert not any(says_held_out(q) for q in said)
    assert len(held_out()) < len(said)


@given(st.integers(0, 2**32), SPECIES)
def test_synonyms_do_not_lose_the_colours(seed: int, species: Species) -> None:
    said = statements(species.traits)
    text = phrase(said, random.Random(seed))
    for name in ("ground", "margin", "flower"):
        if said.get(name):
            assert str(said[name]) in text


def test_a_museum_smaller_than_its_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="one of each species"):
        draw_specimens(1, 10)
