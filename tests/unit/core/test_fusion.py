"""Reciprocal rank fusion against its formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fusion import reciprocal

rankings = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1
)


@given(rankings)
def test_every_item_once_with_the_sum_of_its_shares(given_rankings: dict[str, list[int]]) -> None:
    fused = reciprocal(given_rankings)
    assert sorted(item for item, _, _ in fused) == sorted(
        {item for ranking in given_rankings.values() for item in ranking}
    )
    assert [score for _, score, _ in fused] == sorted((s for _, s, _ in fused), reverse=True)
    for item, score, ranks in fused:
        assert ranks == {
            name: ranking.index(item) + 1
            for name, ranking in given_rankings.items()
            if item in ranking
        }
        assert score == pytest.approx(sum(1 / (60 + rank) for rank in ranks.values()))


def test_what_both_rank_high_wins() -> None:
    fused = reciprocal({"one": ["a", "b", "c"], "two": ["d", "b", "e"]})
    assert [item for item, _, _ in fused] == ["b", "a", "d", "c", "e"]
    assert reciprocal({"one": ["x", "y"]}) == [("x", 1 / 61, {"one": 1}), ("y", 1 / 62, {"one": 2})]
