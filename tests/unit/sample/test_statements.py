"""What is said of a picture is true, is true of the pictures it should be, and leaks nothing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sample.captions import phrase
from core.sample.questions import questions, says_held_out
from core.sample.specimens import draw_specimens, relevant
from core.sample.statements import attributes, claims_of, statement
from core.sample.taxonomy import Species, draw_taxonomy
from core.sample.traits import ANY

SHOWN = [
    (species, view)
    for species in draw_taxonomy()
    for view in (
        *(("whole",) if species.traits.plan == "plant" else ("dorsal", "ventral")),
        "label",
    )
]


def true_of(claims: dict[str, str], species: Species, view: str) -> bool:
    shown = attributes(species, view)
    return all(shown.get(k) == v or (v == ANY and k in shown) for k, v in claims.items())


@given(st.integers(0, 2**32), st.sampled_from(SHOWN))
def test_a_statement_is_true_and_says_no_held_out_combination(seed, shown) -> None:
    text, claims = statement(random.Random(seed), *shown)
    assert claims
    assert true_of(claims, *shown)
    typed = {k: v for k, v in claims.items() if k != "eyespots"}
    if claims.get("eyespots", ANY) != ANY:
        typed["eyespots"] = int(claims["eyespots"])
    assert not says_held_out(typed)
    assert 0 < len(text) < 120


def test_statements_tell_most_pictures_apart() -> None:
    said = [statement(random.Random(i), *shown)[1] for i, shown in enumerate(SHOWN)]
    table = [[true_of(claims, *shown) for claims in said] for shown in SHOWN]
    share = sum(map(sum, table)) / len(table) ** 2
    assert 1 / len(table) < share < 0.2


def test_claims_agree_with_what_the_museum_calls_relevant() -> None:
    asked = questions(held=True) + questions(held=False)
    for specimen in draw_specimens(3, 104, even=True):
        for view in (*specimen.views, "label"):
            for query in asked:
                said = true_of(claims_of(query), specimen.species, view)
                assert said == relevant(query, specimen, view), (phrase(query), view)


def test_a_broad_tree_goes_on_from_the_small_one() -> None:
    small, broad = draw_taxonomy(), draw_taxonomy(4)
    assert broad[: len(small)] == small
    assert len(broad) == 4 * len(small)
    for names in ({s.name for s in broad}, {s.common_name for s in broad}):
        assert len(names) == len(broad)
    assert {s.family for s in broad} == {s.family for s in small}
    with pytest.raises(ValueError, match="breadth of 1 to 4"):
        draw_taxonomy(5)
