"""How things stand: jobs, images by state, hosts with pace and breaker, why images are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

REASONS = 30
"""Reasons that are listed."""
_JOBS = text(
    "SELECT label, kind, state, done, total, message, worker FROM job"
    " WHERE state IN ('queued', 'running') AND parent_id IS NULL ORDER BY state DESC, created_at"
)
_STATES = text("SELECT state, count(*) AS images FROM image GROUP BY state ORDER BY 2 DESC")
_HOSTS = text(
    "SELECT host.*, extract(epoch FROM cooldown_until - now()) AS rest,"
    " count(image.id) AS waiting FROM host LEFT JOIN image ON host = name"
    " AND state IN ('pending', 'leased', 'retry') GROUP BY name"
    " ORDER BY waiting DESC, requests DESC, name"
)
_REASONS = text(
    "SELECT host, state, reason, count(*) AS images, min(fetch_url) AS sample FROM image"
    " WHERE reason IS NOT NULL AND state <> 'ok' GROUP BY host, state, reason"
    f" ORDER BY images DESC, host, state, reason LIMIT {REASONS}"
)

STATEMENTS = (_STATES, _HOSTS, _REASONS, _JOBS)
"""In the order of the fields of `Status`."""


@dataclass(frozen=True)
class Status:
    """Rows as the database has them."""

    states: Sequence[Row[tuple[object, ...]]]
    """state, images."""
    hosts: Sequence[Row[tuple[object, ...]]]
    """Columns of `host`, with rest (seconds until it may be asked) and waiting (images)."""
    reasons: Sequence[Row[tuple[object, ...]]]
    """host, state, reason, images, sample (a link); the most frequent first."""
    jobs: Sequence[Row[tuple[object, ...]]] = ()
    """label, kind, state, done, total, message, worker of those that run or wait."""


async def read(engine: AsyncEngine) -> Status:
    """Return how things stand now."""
    async with engine.connect() as connection:
        found = [list(await connection.execute(each)) for each in STATEMENTS]
    return Status(*found)


def show(status: Status, console: Console) -> None:
    """Print it as tables."""
    if status.jobs:
        jobs = _table("Jobs", "job", "state", "done", "of", "last word")
        for row in status.jobs:
            of = "" if row.total is None else f"{row.total:,}"
            jobs.add_row(row.label, row.state, f"{row.done:,}", of, row.message or "")
        console.print(jobs)
    states = _table("Images", "state", "images")
    for row in status.states:
        states.add_row(row.state, f"{row.images:,}")
    console.print(states)
    if status.hosts:
        console.print(_hosts(status))
    if status.reasons:
        reasons = _table(
            "Why images are missing", "host", "state", "reason", "images", "one of them"
        )
        for row in status.reasons:
            values = (row.host or "here", row.state, row.reason, f"{row.images:,}", row.sample)
            reasons.add_row(*values)
        console.print(reasons)


def _hosts(status: Status) -> Table:
    columns = ("host", "waiting", "requests/s", "breaker", "requests", "errors", "last trouble")
    hosts = _table("Hosts", *columns)
    for row in status.hosts:
        hosts.add_row(
            row.name,
            f"{row.waiting:,}",
            _pace(row.pace, row.requests_per_second, row.crawl_delay),
            _breaker(row.breaker, row.rest),
            f"{row.requests:,}",
            f"{row.errors:,}",
            row.trouble or "",
        )
    return hosts


def _pace(pace: float, most: float, crawl_delay: float | None) -> str:
    """What we ask for now, and of what."""
    if crawl_delay and 1 / crawl_delay < pace:
        return f"{1 / crawl_delay:.3g} (robots.txt)"
    return f"{pace:.3g}" if pace == most else f"{pace:.3g} of {most:.3g}"


def _breaker(state: str, rest: float | None) -> str:
    shown = "" if state == "closed" else state.replace("_", " ")
    if rest is not None and rest > 0 and state != "half_open":
        shown = f"{shown or 'resting'}, {float(rest):,.0f} s more"
    return shown


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        numeric = column in ("done", "of", "images", "waiting", "requests", "errors")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table
