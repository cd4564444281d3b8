"""Which text is true of which picture, and the loss that asks for every true one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidSetting
from tests.unit.trainer.dense import whole
from trainer.captions import claims, names_of
from trainer.data import Item, collect
from trainer.losses import LogitPair, Objective
from trainer.targets import Block, ClassTarget, TruthTarget
from trainer.terms import Term
from trainer.words import ANY, Ledger, Words, holds

SHOWN = [
    {"name": "a", "genus": "A", "view": "dorsal", "spots": ""},
    {"name": "b", "genus": "A", "view": "dorsal", "spots": "red"},
    {"name": "c", "genus": "C", "view": "ventral", "spots": "blue"},
]


def table(*said) -> list[list[int]]:
    ledger = Ledger(SHOWN)
    return (
        holds(torch.from_numpy(ledger.facts), torch.from_numpy(ledger.claims(said))).int().tolist()
    )


def test_a_text_is_true_where_all_it_claims_is_shown():
    said = {"genus": "A"}, {"genus": "A", "spots": "red"}, {"spots": ANY}, {}
    assert table(*said) == [[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 1, 1]]


def test_what_nobody_shows_and_what_nobody_knows_is_true_of_none():
    assert table({"spots": "green"}, {"wingspan": "3"}, None) == [[0, 0, 0]] * 3


def test_templates_claim_what_they_say():
    taxa = {"family": "Corvidae", "genus": "Pica", "species": "Pica pica"}
    names = names_of(collect([Item("1", "Pica pica", taxa, lambda: None)], 1))[0]
    view = {"view": "dorsal"}
    assert claims("{genus}, {view} view", names, view) == {"genus": "Pica", "view": "dorsal"}
    assert claims("a photo of {a} {mixed}", names, view) == {"name": "Pica pica"}
    assert claims("{order}", names, view) == {"name": "Pica pica"}
    assert claims("{sci} {view}", names, {}) == {"name": "Pica pica"}


def words(said, rows) -> Words:
    ledger = Ledger([SHOWN[i] for i in rows])
    return Words(torch.from_numpy(ledger.facts), torch.from_numpy(ledger.claims(said)))


def block(marks: Words) -> Block:
    plain = whole(torch.zeros(len(marks.facts), dtype=torch.int64))
    return Block(plain.rows, plain.columns, plain.row_classes, plain.column_classes, marks)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_with_names_alone_the_truth_is_the_class(rows):
    marks = words([{"name": SHOWN[i]["name"]} for i in rows], rows)
    same = ClassTarget().block(whole(torch.tensor(rows)))
    assert torch.equal(TruthTarget().block(block(marks)), same)


@pytest.mark.parametrize("chunk", [1, 1 << 22])
def test_the_mass_is_the_sum_of_the_block(monkeypatch, chunk):
    monkeypatch.setattr("trainer.targets._CHUNK", chunk)
    pairs = block(words([{"genus": "A"}, None, {"spots": ANY}], [0, 1, 2]))
    target = TruthTarget()
    assert target.block(pairs).tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 1]]
    assert float(target.mass(pairs)) == 5


@pytest.mark.parametrize("tile", [2, 64])
def test_the_loss_is_contrast_with_a_uniform_share_for_every_true_partner(tile):
    """Khosla et al. 2020, supervised contrastive, "outside" form; each direction by itself."""
    torch.manual_seed(0)
    rows = [0, 1, 2, 1, 0]
    said = [{"name": "a"}, {"genus": "A"}, {"spots": ANY}, {"spots": "red"}, {"view": "dorsal"}]
    marks = words(said, rows)
    x, y = (torch.randn(5, 8, requires_grad=True) for _ in range(2))
    unit = torch.nn.functional.normalize
    logits = 10 * unit(x, dim=1) @ unit(y, dim=1).T
    true = marks.block(torch.arange(5), torch.arange(5)).float()
    by_image = (true * logits.log_softmax(1)).sum(1) / true.sum(1)
    by_text = (true * logits.log_softmax(0)).sum(0) / true.sum(0)
    weights = true.sum(1), true.sum(0)
    assert all((w >= 1).all() for w in weights)
    want = -(by_image.mean() + by_text.mean()) / 2
    pair = LogitPair(float(np.log(10)), None)
    objective = Objective([Term("softmax", TruthTarget())], [pair], tile)
    got = objective(x, y, torch.tensor(rows), None, marks).loss
    assert got.item() == pytest.approx(want.item(), rel=1e-5)
    ours = torch.autograd.grad(got, (x, y))
    for a, b in zip(ours, torch.autograd.grad(want, (x, y)), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_batches_that_do_not_say_what_texts_claim_are_refused():
    objective = Objective([Term("softmax", TruthTarget())], [LogitPair(1.0, None)])
    with pytest.raises(InvalidSetting, match="what texts claim"):
        objective(torch.eye(3), torch.eye(3), torch.arange(3))
