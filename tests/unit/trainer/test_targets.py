"""Targets by hand, tables against pairs, masses against sums."""

import numpy as np
import pytest
import torch

from core.errors import InvalidSetting
from tests.unit.trainer.dense import whole
from trainer.targets import (
    ClassTarget,
    InstanceTarget,
    TableTarget,
    patristic_table,
    phylogenetic_table,
    shuffled,
    taxonomic_table,
)

# Five leaves, not ultrametric: ((A:1,B:2):1,(C:1,(D:3,E:0.5):1):2);
COVARIANCE = np.array(
    [
        [2.0, 1.0, 0.0, 0.0, 0.0],
        [1.0, 3.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 3.0, 2.0, 2.0],
        [0.0, 0.0, 2.0, 6.0, 3.0],
        [0.0, 0.0, 2.0, 3.0, 3.5],
    ]
)


def test_phylogenetic_targets_are_a_correlation_on_a_tree_that_is_not_ultrametric():
    """The predecessor divided by the deepest tip, so shallow tips were hardly like themselves."""
    table = phylogenetic_table(COVARIANCE)
    assert torch.equal(table.diagonal(), torch.ones(5))
    assert float(table[0, 1]) == pytest.approx(1 / 6**0.5)
    assert float(table[2, 3]) == pytest.approx(2 / 18**0.5)
    assert float(table[3, 4]) == pytest.approx(3 / 21**0.5)
    assert float(table[0, 4]) == 0.0
    # The predecessor's V / max(V), with the diagonal pinned to 1, is off by up to 0.24 here.
    naive = torch.from_numpy(COVARIANCE / COVARIANCE.max()).float().fill_diagonal_(1.0)
    assert (table - naive).abs().max() > 0.2


def test_phylogenetic_power_and_patristic_temperature():
    assert float(phylogenetic_table(COVARIANCE, 2.0)[0, 1]) == pytest.approx(1 / 6)
    depth = COVARIANCE.diagonal()
    distance = depth[:, None] + depth[None, :] - 2 * COVARIANCE
    table = patristic_table(distance, 3.0)
    assert float(table[0, 1]) == pytest.approx(np.exp(-1.0))
    assert torch.equal(table.diagonal(), torch.ones(5))


def test_taxonomic_targets_fall_with_rank_and_stay_within_0_and_1():
    """family, genus, species; the predecessor's 1 - d / 2 was negative for three ranks."""
    table = taxonomic_table(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [-1, 3, 4]]))
    assert table[0].tolist() == pytest.approx([1.0, 2 / 3, 1 / 3, 0.0, 0.0])
    assert table[4].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert torch.equal(table, table.T)
    near = taxonomic_table(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]]), 4.0)
    assert near[0].tolist() == pytest.approx([1.0, 16 / 81, 1 / 81])
    with pytest.raises(InvalidSetting, match="power of taxonomic"):
        taxonomic_table(np.array([[0, 0]]), 0.0)


def test_shared_genus_name_in_two_families_is_not_shared_ancestry():
    table = taxonomic_table(np.array([[0, 7], [1, 7]]))
    assert float(table[0, 1]) == 0.0


@pytest.mark.parametrize("chunk", [1, 1 << 22])
def test_mass_equals_the_sum_of_the_block(monkeypatch, chunk):
    monkeypatch.setattr("trainer.targets._CHUNK", chunk)
    classes = torch.tensor([0, 3, 3, 1, 4, 0, 2, 2, 2])
    for target in (InstanceTarget(), ClassTarget(), TableTarget(phylogenetic_table(COVARIANCE))):
        pairs = whole(classes)
        block = target.block(pairs)
        assert block.dtype == torch.float32
        assert float(target.mass(pairs)) == pytest.approx(float(block.double().sum()), rel=1e-9)


def test_instance_targets_are_the_identity_and_class_targets_match_equal_ids():
    classes = torch.tensor([5, 5, 2])
    assert InstanceTarget().block(whole(classes)).tolist() == torch.eye(3).tolist()
    assert ClassTarget().block(whole(classes)).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_shuffle_keeps_the_values_and_breaks_the_identity():
    table = phylogenetic_table(COVARIANCE)
    mixed = shuffled(table, 1)
    assert torch.equal(mixed.flatten().sort()[0], table.flatten().sort()[0])
    assert torch.equal(mixed.diagonal(), torch.ones(5))
    assert not torch.equal(mixed, table)
    assert torch.equal(mixed, shuffled(table, 1))
    assert any(not torch.equal(mixed, shuffled(table, seed)) for seed in range(2, 6))


def test_tables_that_make_no_sense_are_refused():
    for wrong in (torch.ones(2, 3), torch.full((2, 2), 1.5), torch.full((2, 2), torch.nan)):
        with pytest.raises(InvalidSetting):
            TableTarget(wrong)
    with pytest.raises(InvalidSetting):
        phylogenetic_table(np.zeros((2, 2)))
    with pytest.raises(InvalidSetting):
        phylogenetic_table(COVARIANCE, 0.0)
    with pytest.raises(InvalidSetting):
        patristic_table(COVARIANCE, 0.0)
    with pytest.raises(InvalidSetting):
        taxonomic_table(np.zeros((3, 0), dtype=np.int64))
