import numpy as np
import pytest

from core.atlas import layout, pca, umap
from core.atlas.curve import along, quantised
from core.atlas.labels import label, levels, named_ranks
from core.atlas.layout import Parameters
from core.atlas.neighbours import nearest
from core.atlas.placing import place
from core.db.tables import RANKS


def clusters(each: int, of: int, dim: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around `of` centres, and which centre each belongs to."""
    chance = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(of), each)
    made = chance.standard_normal((of, dim))[kinds] + 0.25 * chance.standard_normal(
        (each * of, dim)
    )
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), kinds


def purity(positions: np.ndarray, kinds: np.ndarray, k: int = 5) -> float:
    """Share of the `k` nearest on the map that are of one's own kind."""
    found, _ = nearest(positions, positions, k, same=True)
    return float((kinds[found] == kinds[:, None]).mean())


def test_principal_components_keep_the_plane_that_points_lie_in() -> None:
    chance = np.random.default_rng(1)
    flat = chance.standard_normal((200, 2)) @ chance.standard_normal((2, 10)) + 3
    found = pca.fit(flat.astype(np.float32), 2)
    assert found.explained == pytest.approx(1, abs=1e-5)
    reduced = found.apply(flat.astype(np.float32))
    before = np.linalg.norm(flat[0] - flat[1])
    assert np.linalg.norm(reduced[0] - reduced[1]) == pytest.approx(before, rel=1e-4)


def test_fewer_images_than_components() -> None:
    assert pca.fit(np.eye(3, 8, dtype=np.float32), 50).directions.shape == (8, 3)


def test_neighbours_are_those_of_plain_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.atlas.neighbours.BLOCK", 400)  # several blocks
    vectors, _ = clusters(20, 4)
    indices, distances = nearest(vectors, vectors, 6, same=True)
    true = np.linalg.norm(vectors[:, None].astype(float) - vectors[None], axis=2)
    np.fill_diagonal(true, np.inf)
    assert (indices != np.arange(80)[:, None]).all()
    np.testing.assert_allclose(distances, np.sort(true, axis=1)[:, :6], atol=1e-3)


def test_memberships_add_up_as_the_paper_wants() -> None:
    _, distances = nearest(*(clusters(30, 3)[0],) * 2, 15, same=True)
    weights = umap.memberships(distances)
    np.testing.assert_allclose(weights.sum(axis=1), np.log2(15), rtol=1e-3)
    assert (weights[:, 0] == 1).all()
    assert (np.diff(weights, axis=1) <= 0).all()


def test_the_graph_is_the_fuzzy_union_of_both_directions() -> None:
    indices = np.array([[1], [0], [0]])
    heads, tails, weights = umap.graph(indices, np.array([[0.5], [0.25], [1.0]], np.float32))
    found = {(int(h), int(t)): float(w) for h, t, w in zip(heads, tails, weights, strict=True)}
    assert found == {(0, 1): pytest.approx(0.5 + 0.25 - 0.125), (0, 2): pytest.approx(1.0)}


def test_what_looks_alike_lies_together_where_two_components_mix_it() -> None:
    vectors, kinds = clusters(12, 40)
    _, positions = layout.arrange(vectors, Parameters(), lambda *_: None)
    flat = pca.fit(vectors, 2).apply(vectors)
    assert purity(positions, kinds) > 0.98
    assert purity(positions, kinds) > purity(flat, kinds) + 0.1


def test_the_same_seed_gives_the_same_map_and_another_another() -> None:
    vectors, _ = clusters(15, 4)

    def arranged(seed: int) -> np.ndarray:
        return layout.arrange(vectors, Parameters(seed=seed), lambda *_: None)[1]

    assert np.array_equal(arranged(1), arranged(1))
    assert not np.allclose(arranged(1), arranged(2), atol=0.5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_handful_of_images(count: int) -> None:
    vectors, _ = clusters(count, 1)
    _, positions = layout.arrange(vectors, Parameters(), lambda *_: None)
    assert positions.shape == (count, 2)
    assert np.isfinite(positions).all()


def test_equal_vectors_do_not_make_it_stumble() -> None:
    vectors = np.repeat(clusters(1, 2)[0], 20, axis=0)
    _, positions = layout.arrange(vectors, Parameters(), lambda *_: None)
    assert np.isfinite(positions).all()


def test_progress_ends_at_the_whole() -> None:
    told: list[float] = []
    layout.arrange(clusters(10, 3)[0], Parameters(), lambda _, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_new_image_goes_among_those_it_looks_like() -> None:
    vectors, kinds = clusters(25, 6)
    old, new = np.arange(0, 150, 2), np.arange(1, 150, 2)
    _, positions = layout.arrange(vectors[old], Parameters(), lambda *_: None)
    placed = place(vectors[old], positions, vectors[new], 10)
    found, _ = nearest(positions, placed, 3)
    assert (kinds[old][found] == kinds[new][:, None]).mean() > 0.97


def test_order_along_the_map_keeps_neighbours_together() -> None:
    chance = np.random.default_rng(0)
    positions = chance.random((4000, 2)).astype(np.float32)
    order = along(positions)
    assert sorted(order) == list(range(4000))
    steps = np.linalg.norm(np.diff(positions[order], axis=0), axis=1).mean()
    assert steps < 0.1 * np.linalg.norm(np.diff(positions, axis=0), axis=1).mean()
    assert quantised(positions).min() == 0
    assert quantised(positions).max() == 65534
    assert quantised(positions[:0]).shape == (0, 2)


def test_a_name_stands_where_its_taxon_prevails() -> None:
    chance = np.random.default_rng(0)
    left = chance.normal((0, 0), 0.5, (60, 2))
    right = chance.normal((20, 5), 0.5, (40, 2))
    positions = np.concatenate([left, right]).astype(np.float32)
    names = ["Morpho"] * 58 + [None, "Vanessa"] + ["Vanessa"] * 40
    found = label(positions, "genus", names, 4)
    assert [(each.name, each.rank) for each in found] == [("Morpho", "genus"), ("Vanessa", "genus")]
    assert found[0].count == 58
    assert abs(found[1].x - 20) < 4
    assert abs(found[1].y - 5) < 4
    left_, bottom, right_, top = found[1].box
    assert left_ <= 20 <= right_
    assert bottom <= 5 <= top


def test_one_taxon_in_two_places_has_two_names() -> None:
    positions = np.array([[0, 0]] * 10 + [[9, 9]] * 10 + [[0, 9]] * 10, np.float32)
    found = label(positions, "family", ["Nymphalidae"] * 20 + ["Pieridae"] * 10, 8)
    assert [each.name for each in found].count("Nymphalidae") == 2


def test_levels_begin_where_ranks_tell_images_apart() -> None:
    taxa: dict[str, list[str | None]] = {rank: [None] * 50 for rank in RANKS}
    taxa["kingdom"] = ["Animalia"] * 50
    taxa["family"] = [f"Family{n % 5}" for n in range(50)]
    taxa["genus"] = [f"Genus{n % 10}" for n in range(50)]
    assert named_ranks(taxa) == ["family", "genus"]
    positions = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    assert len(levels(positions, taxa)) == 2
    assert levels(positions[:0], {rank: [] for rank in RANKS}) == []
