"""Classes put into a tree share what the same tips would share, had they been in its file."""

import numpy as np
import pytest

from trainer.graft import grafted
from trainer.newick import covariance, read_newick
from trainer.taxonomy import Taxonomy

TREE = "(((Aa one:1,Aa two:1):2,Ab one:3):1,Ba one:4);"
NAMES = ("Aa new", "Aa one", "Aa two", "Ab new", "Ab one", "Ba one", "Cc one")
TAXA = (("A", "Aa"), ("A", "Aa"), ("A", "Aa"), ("A", "Ab"), ("A", "Ab"), ("B", "Ba"), ("C", "Cc"))
TAXONOMY = Taxonomy(NAMES, ("family", "genus"), TAXA)


def text(tree):
    return tree.replace(" ", "_")


def test_new_tips_hang_from_their_relatives_ancestor():
    """Aa new joins its genus; Ab new its one relative's parent; Cc one, without any, the root."""
    by_hand = text("(((Aa one:1,Aa two:1,Aa new:1):2,Ab one:3,Ab new:3):1,Ba one:4,Cc one:4);")
    wanted = covariance(read_newick(by_hand), NAMES)
    np.testing.assert_allclose(grafted(read_newick(text(TREE)), TAXONOMY), wanted)


def test_a_family_helps_where_a_genus_is_not_in_the_tree():
    taxonomy = Taxonomy((*NAMES[1:3], "Ax one", "Ab one", "Ba one"), ("family", "genus"),
                        (*TAXA[1:3], ("A", "Ax"), *TAXA[4:6]))  # fmt: skip
    found = grafted(read_newick(text(TREE)), taxonomy)
    wanted = covariance(
        read_newick(text("(((Aa one:1,Aa two:1):2,Ab one:3,Ax one:3):1,Ba one:4);")), taxonomy.names
    )
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_grafted_is_a_covariance_and_leaves_the_rest_alone(seed):
    rng = np.random.default_rng(seed)
    tips = [f"G{i // 3} s{i}" for i in range(12)]
    tree = read_newick(_random_tree(tips, rng))
    names = sorted([*tips, "G0 x", "G2 y", "G9 z"])
    taxonomy = Taxonomy(tuple(names), ("genus",), tuple((name.split()[0],) for name in names))
    found = grafted(tree, taxonomy)
    old = [i for i, name in enumerate(names) if name in tips]
    np.testing.assert_allclose(found[np.ix_(old, old)], covariance(tree, [names[i] for i in old]))
    assert np.array_equal(found, found.T)
    assert np.linalg.eigvalsh(found).min() > -1e-9
    assert (np.diagonal(found)[:, None] >= found - 1e-12).all()


def _random_tree(tips, rng):
    """Not ultrametric; genera need not be clades."""
    parts = [text(tip) for tip in tips]
    while len(parts) > 1:
        a, b = (parts.pop(int(rng.integers(len(parts)))) for _ in range(2))
        parts.append(f"({a}:{rng.random():.3f},{b}:{rng.random():.3f})")
    return parts[0] + ";"
