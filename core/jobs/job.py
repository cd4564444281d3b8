"""What a job may say while it runs, and how its log is heard."""

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from core import logs
from core.errors import JobCancelled

EVENTS = 500
"""Events kept of a job: its tail."""
OURS = ("core", "ingestor", "trainer")
"""Loggers whose messages are events of the job they serve."""


class Job:
    """What a running job may say; every method may be called from any thread."""

    def __init__(self, row: Any) -> None:
        self.id: UUID = row.id
        self.kind: str = row.kind
        self.args: Mapping[str, Any] = row.args
        self.attempt: int = row.attempts
        self.queued: bool = row.queue_id is not None
        self.done: int = row.done
        self.total: int | None = row.total
        self.message: str | None = row.message
        self.counts: Counter[str] = Counter()
        """What it came to; stored when it ends well."""
        self.result: dict[str, Any] = {}
        """More of what it came to, beside the counts: ids, names, anything JSON can hold."""
        self.cancelled = False
        self.lost = False
        """The database went away, and with it the right to run."""
        self._events: deque[tuple[str, str]] = deque(maxlen=EVENTS)

    def tell(self, done: int, total: int | None = None) -> None:
        """Set how far it is."""
        self.done, self.total = done, total

    def say(self, message: str, level: str = "info") -> None:
        """Add an event (info, warning, error) and show it as the last word on how it goes."""
        self.hear(message, level)
        self.message = message[:1000]

    def hear(self, message: str, level: str) -> None:
        """Add an event."""
        self._events.append((level, message[:1000]))

    def check(self) -> None:
        """For work in threads: raise JobCancelled when it is to end."""
        if self.cancelled or self.lost:
            raise JobCancelled

    def take_events(self) -> list[dict[str, object]]:
        """Return what was said since the last call, as rows."""
        found = []
        while self._events:
            level, message = self._events.popleft()
            found.append({"job_id": self.id, "level": level, "message": message})
        return found


class _Ear(logging.Handler):
    """What our modules log while the job runs becomes its events."""

    def __init__(self, started: Job) -> None:
        super().__init__(logging.INFO)
        self._started = started

    def emit(self, record: logging.LogRecord) -> None:
        mine = logs.job_id.get() == str(self._started.id)
        if mine and record.name.partition(".")[0] in OURS:
            level = "error" if record.levelno >= logging.ERROR else "info"
            level = "warning" if record.levelno == logging.WARNING else level
            self._started.hear(record.getMessage(), level)


Task = Callable[[Job], Awaitable[None]]
"""Does a job: reports to it, stores its own results, raises what went wrong."""


@contextmanager
def heard(started: Job) -> Iterator[None]:
    """Let what our modules log in this block be events of the job they serve."""
    ear = _Ear(started)
    logging.getLogger().addHandler(ear)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(ear)
