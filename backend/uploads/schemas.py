"""A query picture that is kept for a while."""

import datetime

from backend.schemas import Shown


class Upload(Shown):
    """What to search with later: pass `id` as `image`."""

    id: str
    """sha256 of the stored copy."""
    width: int
    height: int
    expires_at: datetime.datetime
    url: str
