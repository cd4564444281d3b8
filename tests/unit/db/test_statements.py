"""Statements of the search, as they are written."""

import re

import pytest

from core.db import statements

WHERE = "e.latitude IS NULL"


@pytest.mark.parametrize(
    "statement",
    [
        statements.exact(7, 30, WHERE),
        statements.exact(7, 30, WHERE, spare=None, going_on=True),
        statements.by_index(7, 64, 30, WHERE),
        statements.by_index(7, 64, 30, WHERE, slot=1),
        statements.passing(7, 64, 1000, 30, WHERE),
        statements.count(7, WHERE, 10),
        statements.ids(7, WHERE),
    ],
)
def test_no_search_brings_vectors_with_it(statement: str) -> None:
    """A vector is only ever an operand of the distance; and there is no `SELECT *`."""
    compared = (
        r"(\(vector|vector::halfvec\(64\)|subvector\(vector, 1, 64\)::halfvec\(64\)) <=> CAST"
    )
    assert "vector" not in re.sub(compared, "", statement).replace("AS halfvec", "")
    assert "*" not in statement.replace("count(*)", "")
    assert "embedding_v7 e" in statement


def test_limits_are_literal_and_distances_are_of_the_operator() -> None:
    for statement in (statements.by_index(7, 64, 30), statements.passing(7, 64, 1000, 30, WHERE)):
        assert re.search(r"ORDER BY distance LIMIT \d+", statement)
        assert "cosine_distance" not in statement
        assert "OFFSET" not in statement
    assert "+ 0 AS distance" in statements.exact(7, 30)
