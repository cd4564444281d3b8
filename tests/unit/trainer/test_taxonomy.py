"""Newick trees and taxon tables, by hand and against a walk over the tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidSetting, UnreadableSource
from trainer.newick import covariance, depth_spread, patristic, read_newick
from trainer.taxonomy import build, faults

FIVE = "((A:1,B:2):1,(C:1,(D:3,E:0.5):1):2);"
NAMES = ["A", "B", "C", "D", "E"]


def test_covariance_of_a_tree_that_is_not_ultrametric_by_hand():
    shared = covariance(read_newick(FIVE), NAMES)
    assert shared.tolist() == [
        [2.0, 1.0, 0.0, 0.0, 0.0],
        [1.0, 3.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 3.0, 2.0, 2.0],
        [0.0, 0.0, 2.0, 6.0, 3.0],
        [0.0, 0.0, 2.0, 3.0, 3.5],
    ]
    assert depth_spread(shared) == pytest.approx(4 / 6)
    distance = patristic(shared)
    assert distance[0, 1] == 3.0
    assert distance[3, 4] == 3.5
    assert distance[1, 3] == 9.0
    assert (np.diagonal(distance) == 0).all()


def test_classes_come_in_the_order_asked_and_may_be_fewer_than_tips():
    shared = covariance(read_newick(FIVE), ["E", "a"])
    assert shared.tolist() == [[3.5, 0.0], [0.0, 2.0]]


def test_quotes_comments_underscores_polytomies_and_inner_labels():
    tree = read_newick(
        " ( 'O''Brien moth':1e-1 , Vanessa_atalanta:.5[&x=1], C:2 )root_node:3 [end] ; [after]\n"
    )
    assert tree.label == ("root node", "O'Brien moth", "Vanessa atalanta", "C")
    shared = covariance(tree, ["vanessa_atalanta", "o'brien  moth", "C"])
    assert np.diagonal(shared).tolist() == [0.5, 0.1, 2.0]
    assert shared[0, 1] == 0.0


def test_a_single_tip_is_a_tree():
    assert covariance(read_newick("A:2;"), ["A"]).tolist() == [[0.0]]


def random_newick(rng, size):
    parts = [f"t{i}:{rng.integers(0, 9) / 4}" for i in range(size)]
    while len(parts) > 1:
        take = min(len(parts), int(rng.integers(2, 4)))
        picked = [parts.pop(int(rng.integers(len(parts)))) for _ in range(take)]
        parts.append(f"({','.join(picked)}):{rng.integers(0, 9) / 4}")
    return parts[0] + ";"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 14))
def test_covariance_equals_the_deepest_shared_ancestor(seed, size):
    tree = read_newick(random_newick(np.random.default_rng(seed), size))
    depth = tree.depth

    def ancestors(node):
        line = []
        while node >= 0:
            line.append(node)
            node = tree.parent[node]
        return line

    names = [tree.label[tip] for tip in tree.tips]
    shared = covariance(tree, names)
    for i, a in enumerate(tree.tips):
        for j, b in enumerate(tree.tips):
            common = set(ancestors(a)) & set(ancestors(b))
            assert shared[i, j] == pytest.approx(max(depth[node] for node in common))


@pytest.mark.parametrize(
    "text",
    ["(A,B", "(A,B));", "A,B;", "(A:x,B);", "(A:-1,B);", "(A,B); C", "((A,B);", "(A:nan,B);", ""],
)
def test_broken_trees_are_refused(text):
    with pytest.raises(UnreadableSource):
        read_newick(text)


def test_classes_missing_from_the_tree_are_named():
    """The predecessor warned, then crashed on None."""
    with pytest.raises(UnreadableSource, match="2 of 3 classes.*'Zeta'"):
        covariance(read_newick(FIVE), ["A", "Zeta", "Eta"])
    with pytest.raises(UnreadableSource, match="two tips"):
        covariance(read_newick("(A:1,a:1);"), ["A"])


ROWS = {
    "adeona": {"family": "Adeonidae", "genus": "Adeonellopsis"},
    "adeonellopsis": {"family": "Adeonidae", "genus": "adeonellopsis "},
    "bugula": {"family": "Bugulidae", "genus": "Bugula"},
    "lost": {"family": "", "genus": "Nescio"},
    "odd": {"family": "Elsewheridae", "genus": "Bugula"},
}


def test_codes_ignore_case_and_mark_the_unknown():
    taxonomy = build(ROWS, ["family", "genus"])
    codes = taxonomy.codes
    assert taxonomy.names[0] == "adeona"
    assert codes[0].tolist() == codes[1].tolist()
    assert codes[3, 0] == -1
    assert taxonomy.group("genus")[:2] == ["Adeonellopsis", "Adeonellopsis"]
    with pytest.raises(InvalidSetting):
        taxonomy.group("order")


def test_two_classes_with_one_lineage_are_reported():
    """The predecessor trained on two bryozoan classes of one genus without a word."""
    found = {(fault.kind, fault.detail) for fault in faults(build(ROWS, ["family", "genus"]))}
    kinds = sorted(kind for kind, _ in found)
    assert kinds == ["same lineage", "two parents", "unknown rank"]
    assert any("adeona, adeonellopsis" in detail for _, detail in found)
    assert any("Bugulidae and in Elsewheridae" in detail for _, detail in found)


def test_an_empty_taxonomy_is_refused():
    with pytest.raises(UnreadableSource):
        build({}, ["genus"])
