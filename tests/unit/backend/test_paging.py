"""Cursors say what was shown, and are refused elsewhere."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.paging import MOST_SEEN, Cursor, mark, question, read
from core.errors import BadRequest
from core.vectors import EDGE, Hit

ASKED = question({"q": "wings"})
cursors = st.builds(
    Cursor,
    question=st.just(ASKED),
    version=st.integers(0, 30_000),
    shown=st.integers(0, 10**6),
    score=st.floats(-1, 2),
    edge=st.lists(st.uuids(), max_size=5, unique=True).map(tuple),
    seen=st.frozensets(st.binary(min_size=6, max_size=6), max_size=5),
)


@given(cursors)
def test_what_is_written_is_what_is_read(cursor: Cursor) -> None:
    assert read(cursor.write(), ASKED) == cursor


@given(st.text(max_size=60))
def test_nonsense_is_refused(written: str) -> None:
    if not written:
        return
    with pytest.raises(BadRequest):
        read(written, ASKED)


def test_a_cursor_goes_on_with_its_own_question_only() -> None:
    written = Cursor(ASKED, shown=3).write()
    with pytest.raises(BadRequest, match="of another search"):
        read(written, question({"q": "eyes"}))
    with pytest.raises(BadRequest, match="no cursor"):
        read(
            base64.urlsafe_b64encode(base64.urlsafe_b64decode(written + "==")[:-1]).decode(), ASKED
        )
    assert question({"q": "wings"}, b"a picture") != ASKED
    assert read(None, ASKED) == Cursor(ASKED)


def test_what_scores_as_the_last_is_known_by_name() -> None:
    ids = [UUID(int=n) for n in range(5)]
    hits = [Hit(ids[0], 0.9), Hit(ids[1], 0.5 + EDGE / 2), Hit(ids[2], 0.5)]
    first = Cursor(ASKED).past(hits)
    assert (first.shown, first.score, first.edge) == (3, 0.5, (ids[1], ids[2]))
    second = first.past([Hit(ids[3], 0.5 - EDGE / 2)])
    assert second.edge == (ids[1], ids[2], ids[3])
    assert second.past([Hit(ids[4], 0.4)]).edge == (ids[4],)
    after = second.after
    assert after is not None
    assert Hit(ids[4], 0.5) in after
    assert Hit(ids[1], 0.5) not in after
    assert Hit(ids[4], 0.6) not in after
    assert Cursor(ASKED).after is None


def test_not_more_is_remembered_than_fits() -> None:
    names = [str(n) for n in range(MOST_SEEN)]
    full = Cursor(ASKED).with_seen(names, 7)
    assert full is not None
    assert full.shown == 7
    assert mark("5") in full.seen
    assert len(full.write()) < 20_000
    assert full.with_seen(["one more"], 1) is None
