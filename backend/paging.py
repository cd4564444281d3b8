"""Cursors: where a list of results stopped, so that the next page neither repeats nor skips.

A cursor is opaque text. It belongs to one question (a hash of it is inside) and says what has been
shown, so that the server keeps nothing. See docs/decisions/0011-paging.md.
"""

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from core.errors import BadRequest
from core.vectors import EDGE, After, Hit

_FORMAT = 1
_HEAD = struct.Struct(">B8sHIdHH")  # format, question, version, shown, score, edge, seen
_MARK = 6  # bytes of a hash: two of 1,500 share one with a chance of 4 in a billion
MOST_SEEN = 1500
"""Groups, or hits with their near-duplicates folded, that can be paged through."""


@dataclass(frozen=True)
class Cursor:
    """How far a list has been shown.

    By score: everything better than `score`, and of what scores the same the images `edge`. Else by
    name: a short hash of everything shown, in `seen`.
    """

    question: bytes
    version: int = 0
    """Id of the version that answers, however the default has changed since."""
    shown: int = 0
    score: float = 2.0
    edge: tuple[UUID, ...] = ()
    seen: frozenset[bytes] = frozenset()

    @property
    def after(self) -> After | None:
        """Where the nearest go on."""
        return After(self.score, frozenset(self.edge), self.shown) if self.score <= 1 else None

    def past(self, hits: list[Hit]) -> "Cursor":
        """After `hits` were shown too, in the order of their scores."""
        last = hits[-1].score
        kept = self.edge if self.score <= last + EDGE else ()
        edge = kept + tuple(hit.image_id for hit in hits if hit.score <= last + EDGE)
        return replace(self, shown=self.shown + len(hits), score=last, edge=edge)

    def with_seen(self, names: list[str], shown: int) -> "Cursor | None":
        """After `names` were shown too, as `shown` hits; None when that is too much to remember."""
        seen = self.seen | {mark(name) for name in names}
        if len(seen) > MOST_SEEN:
            return None
        return replace(self, shown=self.shown + shown, seen=seen)

    def write(self) -> str:
        """As text for an address."""
        lengths = len(self.edge), len(self.seen)
        content = _HEAD.pack(_FORMAT, self.question, self.version, self.shown, self.score, *lengths)
        content += b"".join(each.bytes for each in self.edge) + b"".join(sorted(self.seen))
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


def mark(name: str) -> bytes:
    """A short hash of what was shown."""
    return hashlib.sha256(name.encode()).digest()[:_MARK]


def question(asked: Mapping[str, Any], *more: bytes) -> bytes:
    """A hash of what is asked: a cursor goes on with that only."""
    said = json.dumps(asked, sort_keys=True, default=str).encode()
    return hashlib.sha256(b"\0".join([said, *more])).digest()[:8]


def read(written: str | None, asked: bytes) -> Cursor:
    """The cursor in `written`, or the beginning; BadRequest when it is of another question."""
    if not written:
        return Cursor(asked)
    try:
        content = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
        form, of, version, shown, score, edge, seen = _HEAD.unpack_from(content)
        rest = content[_HEAD.size :]
        if form != _FORMAT or len(rest) != 16 * edge + _MARK * seen or score != score:
            raise ValueError
    except (binascii.Error, struct.error, ValueError) as error:
        raise BadRequest("That is no cursor; take next_cursor as it was given") from error
    if of != asked:
        raise BadRequest("That cursor is of another search; begin again without it")
    names = rest[16 * edge :]
    return Cursor(
        asked,
        version,
        shown,
        score,
        tuple(UUID(bytes=rest[at : at + 16]) for at in range(0, 16 * edge, 16)),
        frozenset(names[at : at + _MARK] for at in range(0, len(names), _MARK)),
    )
