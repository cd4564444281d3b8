import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import BadRequest, WrongSpace
from core.vectors import QueryVector, combine, cosine, unit

numbers = arrays(np.float32, 8, elements=st.floats(-100, 100, width=32)).filter(
    lambda values: np.linalg.norm(values) > 1e-3
)


@given(numbers)
def test_unit_keeps_the_direction(values: np.ndarray) -> None:
    made = unit(1, values)
    assert made.values.dtype == np.float32
    assert np.linalg.norm(made.values) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(made.values * np.linalg.norm(values), values, atol=1e-3)


@pytest.mark.parametrize("values", [[0, 0], [np.nan, 1], [np.inf, 1], []])
def test_what_has_no_direction_is_refused(values: list[float]) -> None:
    with pytest.raises(BadRequest):
        unit(1, values)


@pytest.mark.parametrize("values", [[0.5, 0.5], [np.nan, 1], [[1.0, 0.0]], []])
def test_a_query_vector_is_of_unit_length(values: list[float]) -> None:
    with pytest.raises(BadRequest):
        QueryVector(1, np.array(values, dtype=np.float32))


@given(numbers, numbers, st.integers(1, 9), st.integers(1, 9))
def test_only_vectors_of_one_version_combine(
    left: np.ndarray, right: np.ndarray, a: int, b: int
) -> None:
    parts = [(unit(a, left), 0.7), (unit(b, right), 0.4)]
    if a != b:
        with pytest.raises(WrongSpace):
            combine(parts)
        return
    wanted = parts[0][0].values * 0.7 + parts[1][0].values * 0.4
    made = combine(parts)
    assert made.version_id == a
    np.testing.assert_allclose(made.values * np.linalg.norm(wanted), wanted, atol=1e-5)


def test_a_negative_weight_turns_away() -> None:
    x, y = unit(1, [1, 0]), unit(1, [0, 1])
    assert combine([(x, 1.0), (y, -1.0)]).values == pytest.approx([0.7071, -0.7071], abs=1e-3)


def test_opposite_vectors_and_nothing_cannot_be_combined() -> None:
    with pytest.raises(BadRequest, match="cancel out"):
        combine([(unit(1, [1, 0]), 1.0), (unit(1, [-1, 0]), 1.0)])
    with pytest.raises(BadRequest):
        combine([])


def test_vectors_of_two_versions_have_no_cosine() -> None:
    one, two = unit(1, [1, 0]), unit(2, [1, 0])
    assert cosine(one, unit(1, [1, 1])) == pytest.approx(0.5**0.5)
    with pytest.raises(WrongSpace):
        cosine(one, two)
    with pytest.raises(BadRequest, match="cancel out"):
        combine([(one, 1.0), (unit(1, [1, 1e-5]), -1.0)])
