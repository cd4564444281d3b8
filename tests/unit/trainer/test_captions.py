"""Captions say what is known, in the five types of text, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import InvalidSetting
from trainer.captions import TYPES, caption, check, fill, names_of, prompts
from trainer.data import Item, collect

TAXA = {"kingdom": "Animalia", "family": "Corvidae", "genus": "Pica", "species": "Pica hudsonia"}
OTHER = {**TAXA, "species": "Pica nuttalli"}


def item(number, taxa, common=""):
    return Item(f"{number}", taxa["species"], taxa, lambda: Image.new("RGB", (4, 4)), common)


COLLECTION = collect([item(1, TAXA, "black-billed magpie"), item(2, OTHER)], 1)
MAGPIE, BARE = names_of(COLLECTION)
RNG = np.random.default_rng(0)


def test_the_five_types():
    assert MAGPIE.texts == {
        "com": "black-billed magpie",
        "sci": "Pica hudsonia",
        "taxon": "Animalia Corvidae Pica hudsonia",
        "sci_com": "Pica hudsonia with common name black-billed magpie",
        "taxon_com": "Animalia Corvidae Pica hudsonia with common name black-billed magpie",
    }
    assert BARE.texts["com"] == BARE.texts["sci_com"] == "Pica nuttalli"


def test_templates_are_filled_and_unknowns_leave_nothing():
    assert fill("{sci}, {view} view", MAGPIE, {"view": "dorsal"}, RNG) == (
        "Pica hudsonia, dorsal view"
    )
    assert fill("{sex} {com} ({family})", MAGPIE, {}, RNG) == "black-billed magpie (Corvidae)"
    assert fill("a photo of {a} {kingdom}", MAGPIE, {}, RNG) == "a photo of an Animalia"
    assert fill("a photo of {a} {com}", MAGPIE, {}, RNG) == "a photo of a black-billed magpie"
    assert fill("{sci}, {order}", MAGPIE, {}, RNG) == "Pica hudsonia"


@given(st.integers(0, 2**63))
def test_a_draw_depends_on_its_generator_alone(seed):
    templates = ("{mixed}", "a photo of {a} {mixed}")
    first, second = (caption(templates, MAGPIE, {}, np.random.default_rng(seed)) for _ in range(2))
    assert first == second
    assert any(text in first.text for text in MAGPIE.texts.values())
    assert first.claims == {"name": "Pica hudsonia"}


def test_mixed_draws_every_type():
    drawn = {fill("{mixed}", MAGPIE, {}, RNG) for _ in range(200)}
    assert drawn == set(MAGPIE.texts.values())


def test_prompts_spread_mixed_over_the_types_and_repeat_nothing():
    assert prompts(("a photo of {sci}", "{sci}"), MAGPIE) == [
        "a photo of Pica hudsonia",
        "Pica hudsonia",
    ]
    assert set(prompts(("{mixed}",), MAGPIE)) == set(MAGPIE.texts.values())
    assert len(prompts(("{mixed}",), MAGPIE)) == len(TYPES)
    assert len(prompts(("{mixed}",), BARE)) == 2


def test_unknown_braces_are_refused():
    check(["{sci} {view}"])
    with pytest.raises(InvalidSetting, match="means nothing: there are a, class, com"):
        check(["{scy}"])
