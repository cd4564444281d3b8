"""Rows by key on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RejectedRow
from ingestor.sources.rowindex import RowIndex

ROWS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.text(max_size=5)))


@given(ROWS)
def test_rows_come_back_by_key_in_the_order_of_their_table(given_rows):
    with RowIndex() as index:
        for line, (part, key, value) in enumerate(given_rows):
            index.add(part, [(key, line, {"v": value})])
        index.finish()
        for key in "abc":
            expected = sorted(
                (part, line, value) for line, (part, k, value) in enumerate(given_rows) if k == key
            )
            assert [(r.part, r.line, r.cells["v"]) for r in index.rows(key)] == expected


def test_only_keys_never_seen_are_orphans_and_they_come_in_pages():
    with RowIndex() as index:
        index.add(0, [(key, line, {}) for line, key in enumerate("abcab")])
        index.finish()
        index.see("b")
        first = index.orphans(0, 2)
        assert [r.line for r in first] == [0, 2]
        assert [r.line for r in index.orphans(first[-1].id, 2)] == [3]


def test_the_first_free_identifier_is_taken():
    with RowIndex() as index:
        assert index.claim(["x", "y"], "f:1", "content 1") == "x"
        assert index.claim(["x", "y"], "f:2", "content 2") == "y"
        assert index.claim(["x", "y"], "f:3", "content 3") == "f:3"
        with pytest.raises(RejectedRow, match="f:1"):
            index.claim(["x"], "f:4", "content 1")


def test_the_file_is_removed(tmp_path):
    with RowIndex(tmp_path):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
