"""The rule that chooses how a search is answered."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.planner import EXACT, TARGET, Plan, Situation, choose, most_compared, reaches

MEASURED = {
    "lists": 800,
    "effort": 40,
    "recall": {
        "image": [[8, 0.97, 0.96], [16, 0.995, 0.99, 0.97], [32, 0.999, 0.999, 0.992]],
        "text": [[8, 0.6, 0.5], [64, 0.95, 0.95], [128, 0.996, 0.991, 0.95]],
    },
}
LARGE = Situation(
    rows=200_000,
    matching=200_000,
    filtered=False,
    dim=512,
    modality="image",
    index_kind="ivfflat",
    index_params=MEASURED,
)


def under(matching: int, **changes: Any) -> Situation:
    return replace(LARGE, filtered=True, matching=matching, **changes)


@pytest.mark.parametrize(
    ("now", "plan"),
    [
        (replace(LARGE, index_kind="exact", index_params={}), EXACT),
        (replace(LARGE, rows=19_999, matching=19_999), EXACT),
        (LARGE, Plan("ivfflat", 16, 0.995)),
        (replace(LARGE, modality="text"), Plan("ivfflat", 128, 0.996)),
        (replace(LARGE, modality="text", target=0.9), Plan("ivfflat", 64, 0.95)),
        # nobody measured it
        (replace(LARGE, index_params={"lists": 800, "effort": 40}), Plan("ivfflat", 40, None)),
        (
            replace(LARGE, index_kind="hnsw", index_params={"m": 16, "effort": 400}),
            Plan("hnsw", 400, None),
        ),
        # it cannot reach the target: compare with all while that is bearable, else say so
        (replace(LARGE, modality="text", target=0.999), EXACT),
        (
            replace(LARGE, modality="text", target=0.999, rows=10**6, matching=10**6),
            Plan("ivfflat", 128, 0.996),
        ),
        # deeper than the first fifty, and deeper than was measured
        (replace(LARGE, k=51), Plan("ivfflat", 32, 0.992)),
        (replace(LARGE, k=51, modality="text"), EXACT),
        (
            replace(LARGE, k=51, modality="text", rows=10**6, matching=10**6),
            Plan("ivfflat", 128, None),
        ),
        (replace(LARGE, k=1001), EXACT),
        # moving away from something
        (replace(LARGE, modality="apart"), EXACT),
        (
            replace(LARGE, modality="apart", rows=10**6, matching=10**6),
            Plan("ivfflat", 40, None),
        ),
        # filters: an index where it is as good as measured so deep
        (under(0), EXACT),
        (under(50_000), EXACT),
        (under(50_001), Plan("ivfflat", 32, 0.992)),
        (under(50_001, modality="text"), EXACT),
        (under(50_001, modality="apart"), EXACT),
        (under(50_001, k=1001), EXACT),
        (under(50_001, index_params={"lists": 800, "effort": 40}), EXACT),
        (under(50_000, index_kind="exact", index_params={}), EXACT),
        (under(30_000, dim=2048), Plan("ivfflat", 32, 0.992)),
    ],
)
def test_choices(now: Situation, plan: Plan) -> None:
    assert choose(now) == plan


@given(
    rows=st.integers(0, 10**8),
    share=st.floats(0, 1),
    filtered=st.booleans(),
    dim=st.integers(1, 4000),
    modality=st.sampled_from(["text", "image"]),
    kind=st.sampled_from(["exact", "ivfflat", "hnsw"]),
    target=st.floats(0.5, 1),
)
def test_what_is_promised_is_measured_and_effort_stays_possible(
    rows: int, share: float, filtered: bool, dim: int, modality: Any, kind: str, target: float
) -> None:
    params = MEASURED | ({"m": 16} if kind == "hnsw" else {})
    if kind == "hnsw":
        del params["lists"]
    matching = min(int(rows * share), most_compared(dim) + 1) if filtered else rows
    plan = choose(Situation(rows, matching, filtered, dim, modality, kind, params, target))
    if plan.path == "exact":
        assert plan == EXACT
        return
    assert plan.path == kind
    assert 1 <= plan.effort <= (800 if kind == "ivfflat" else 1000)
    if filtered:
        assert plan.recall is not None
        assert plan.recall >= target - 1e-9
        assert matching > most_compared(dim)
    else:
        promised = [step[1] for step in MEASURED["recall"][modality]]  # type: ignore[index]
        assert plan.recall in promised
        if plan.recall < target:  # only where comparing with all takes too long
            assert rows * dim > 10 * 50_000 * 512


def test_what_is_reached() -> None:
    assert reaches([1, 0.99, 0.98], TARGET, deep=False)
    assert not reaches([1, 0.99, 0.97], TARGET, deep=False)
    assert not reaches([1, 0.98, 1], TARGET, deep=False)
    assert not reaches([1, 0.99, 0.98], TARGET, deep=True)
    assert not reaches([1, 1, 1, 0.98], TARGET, deep=True)
    assert reaches([1, 0.99, 0.98, 0.99], TARGET, deep=True)
    assert reaches([1, 1, 1], 1, deep=False)
