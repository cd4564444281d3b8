"""Logging: one line an event, for people or collectors, with the request or job it serves."""

import datetime
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


@contextmanager
def bound(*, request: str | None = None, job: str | None = None) -> Iterator[None]:
    """Mark every message logged inside with the id of a request or a job."""
    tokens = [
        (variable, variable.set(value))
        for variable, value in ((request_id, request), (job_id, job))
        if value is not None
    ]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def setup(settings: Settings) -> None:
    """Send all logging to stderr as the settings say; calling it again replaces the former."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.log_format == "json" else _Console())
    handler.set_name("biocosmos")
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == "biocosmos"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # else every start tells of no change


def _ids() -> dict[str, str]:
    ids = {"request_id": request_id.get(), "job_id": job_id.get()}
    return {name: value for name, value in ids.items() if value is not None}


class _Console(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in _ids().items())
        line = super().formatMessage(record)
        return f"{line} [{ids}]" if ids else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        event = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)
