"""Cosines of vectors as bytes are as near the true ones as is said."""

import numpy as np
import pytest

from core.rounded import _rotation, asked, rounded


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def sharp(rows: np.ndarray) -> np.ndarray:
    """As of a model of which two numbers are much larger than all others."""
    rows[:, [3, 7]] += 20 * rows.std()
    return rows


@pytest.mark.parametrize("dim", [8, 64, 512, 768])
@pytest.mark.parametrize("shape", [unit, lambda rows: unit(sharp(rows))])
def test_cosines_are_off_by_no_more_than_is_said(dim, shape):
    drawn = np.random.default_rng(dim)
    rows = shape(drawn.standard_normal((3000, dim)))
    values, lost = rounded(rows)
    assert lost == 0
    assert np.abs(values).max() <= 127
    assert (values == np.round(values)).all()
    for query in shape(drawn.standard_normal((20, dim))):
        asking = asked(query)
        assert (asking.values == np.round(asking.values)).all()
        off = np.abs(values @ asking.values[0] * asking.unit - rows @ query)
        assert off.max() <= asking.error
        assert off.max() > asking.error / 10  # and it is not said to be much more than it is
        assert asking.error < (0.005 if dim >= 512 else 0.05)


def test_what_is_beyond_reach_is_told():
    axis = _rotation(256).T[:1]  # turned, all of it is in one number
    values, lost = rounded(axis)
    assert np.abs(values).max() == 127
    assert lost == pytest.approx(1 - 6 / 256**0.5, abs=0.01)
