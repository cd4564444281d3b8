"""From the nearest images to one page: hidden ones left out, alike ones folded, groups formed.

The nearest are asked for in growing numbers until a page is full. What is found does not depend on
how many were asked for first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.paging import Cursor, mark
from backend.search.picking import Pair, Pick, candidates, folded
from backend.search.schemas import SearchParams
from core.db import groups
from core.db.groups import Mark
from core.vectors import Hit, Nearest

WIDEST = 4000
"""Nearest looked at for groups one by one; beyond, the database groups all that pass."""


@dataclass(frozen=True)
class Found:
    """The first so many of a ranking."""

    picks: list[Pick]
    nearest: Nearest
    """How they were found."""
    complete: bool
    """Whether there is nothing beyond."""


Fetch = Callable[[int], Awaitable[Found]]
"""The first so many of the ranking, past what the cursor says where it goes by score."""
Marks = Mapping[UUID, Mark]
Members = Callable[[int, int, Sequence[str | None] | None], Awaitable[tuple[list[Pick], Marks]]]
"""The nearest so many groups of all that pass, or those of these keys; so many of each."""
Same = Callable[[Sequence[Pair]], Awaitable[Collection[Pair]]]
"""Those of the pairs whose images are the same picture."""


@dataclass(frozen=True)
class Page:
    """What is shown, how it was found, and where the list goes on."""

    picks: list[Pick]
    nearest: Nearest
    next: Cursor | None


async def page(
    conn: AsyncConnection,
    asked: SearchParams,
    cursor: Cursor,
    fetch: Fetch,
    members: Members | None,
    same: Same,
) -> Page:
    """The next page of `asked`; without `members` groups are formed of what `fetch` finds."""
    if asked.group_by:
        return await _groups(conn, asked, cursor, fetch, members, same)
    k = (asked.limit + 1) * (2 if asked.fold else 1) + len(cursor.seen)
    while True:
        found = await fetch(k)
        picks, marks = await _shown(conn, asked, found.picks)
        if asked.fold:
            pairs = await asyncio.to_thread(candidates, picks, marks)
            picks = folded(picks, marks, await same(pairs))
        picks = [pick for pick in picks if mark(str(pick.image_id)) not in cursor.seen]
        if len(picks) > asked.limit or found.complete or _enough(asked, found):
            picks, more = picks[: asked.limit], len(picks) > asked.limit
            return Page(picks, found.nearest, _past(asked, cursor, picks) if more else None)
        k *= 4


def _enough(asked: SearchParams, found: Found) -> bool:
    """Whether all that may score high enough was found."""
    return asked.min_score is not None and found.picks[-1].score < asked.min_score


def _past(asked: SearchParams, cursor: Cursor, picks: list[Pick]) -> Cursor | None:
    if asked.fold or asked.fuse:
        return cursor.with_seen([str(pick.image_id) for pick in picks], len(picks))
    return cursor.past([Hit(pick.image_id, pick.score) for pick in picks])


async def _shown(
    conn: AsyncConnection, asked: SearchParams, picks: list[Pick]
) -> tuple[list[Pick], Marks]:
    """Those that may be shown and score enough, with what tells them apart."""
    good = _scoring(asked, picks)
    marks = await groups.marks(conn, [pick.image_id for pick in good], asked.group_by)
    shown = [pick for pick in good if pick.image_id in marks]
    for pick in shown:
        pick.key = marks[pick.image_id].key
    return shown, marks


async def _groups(
    conn: AsyncConnection,
    asked: SearchParams,
    cursor: Cursor,
    fetch: Fetch,
    members: Members | None,
    same: Same,
) -> Page:
    """The best of the next `limit` groups; groups shown before are known by name."""
    k = 8 * (asked.limit + 1) + len(cursor.seen)
    while True:
        found = await fetch(k)
        picks, marks = await _shown(conn, asked, found.picks)
        keys = _unseen(picks, cursor)
        if len(keys) > asked.limit or found.complete or _enough(asked, found):
            break
        if members and k >= WIDEST:
            picks, marks = await members(asked.limit + 1 + len(cursor.seen), 1, None)
            keys = _unseen(_scoring(asked, picks), cursor)
            break
        k *= 4
    more, keys = len(keys) > asked.limit, keys[: asked.limit]
    if members and keys:
        # More than are shown, as some of them may be folded.
        picks, marks = await members(len(keys), asked.per_group * (4 if asked.fold else 1), keys)
        picks = _scoring(asked, picks)
    shown = []
    for key in keys:
        own = [pick for pick in picks if pick.key == key]
        if asked.fold:
            own = folded(own, marks, await same(candidates(own, marks)))
        shown += own[: asked.per_group]
    names = [_name(key) for key in keys]
    return Page(shown, found.nearest, cursor.with_seen(names, len(shown)) if more else None)


def _unseen(picks: list[Pick], cursor: Cursor) -> list[str | None]:
    """Groups not shown before, the one with the best image first."""
    keys = dict.fromkeys(pick.key for pick in picks)
    return [key for key in keys if mark(_name(key)) not in cursor.seen]


def _scoring(asked: SearchParams, picks: list[Pick]) -> list[Pick]:
    least = -2.0 if asked.min_score is None else asked.min_score
    return [pick for pick in picks if pick.score >= least]


def _name(key: str | None) -> str:
    return "unknown" if key is None else f"={key}"
