"""A worker: takes jobs from the queue, one of each kind at a time, until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from uuid import UUID

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Waiting
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db.engine import normalise
from core.errors import BioCosmosError, Conflict, InvalidSetting, JobCancelled, Unavailable
from core.jobs.job import Task
from core.jobs.queue import STALE, enqueue, recover
from core.jobs.running import PutBack, running

LOG = logging.getLogger(__name__)
FINISH = 5.0
"""Seconds that jobs under way have to finish after the worker was told to stop."""
LOOK = 5.0
"""Seconds between looks for work and for what dead workers left; news of work comes at once."""


async def work(
    engine: AsyncEngine,
    tasks: Mapping[str, Task],
    queues: Sequence[str] = (),
    *,
    once: bool = False,
    every: Mapping[str, str] | None = None,
    stale: float = STALE,
) -> None:
    """Do the jobs of `queues` (default: of all `tasks`) until SIGTERM or SIGINT.

    With `once`: until none waits. `every`: kinds to jobs that are queued by the clock (cron).
    InvalidSetting for a queue without a task.
    """
    chosen = list(queues) or list(tasks)
    for name in chosen:
        if name not in tasks:
            raise InvalidSetting(f"no task for queue {name!r}; there are {', '.join(tasks)}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, stop.set)
    try:
        await _until(stop, engine, tasks, chosen, once, every or {}, stale)
    finally:
        for sent in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(sent)


async def _until(
    stop: asyncio.Event,
    engine: AsyncEngine,
    tasks: Mapping[str, Task],
    queues: Sequence[str],
    once: bool,
    every: Mapping[str, str],
    stale: float,
) -> None:
    while not stop.is_set():
        try:
            await _serve(stop, engine, tasks, queues, once, every, stale)
        except (ConnectorException, psycopg.Error, Unavailable) as error:
            if once:
                raise Unavailable(f"The queue cannot be reached: {error}") from error
            LOG.warning("the queue cannot be reached (%s); trying again", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK)
        else:
            if not once or not await _more(engine, queues):
                return


async def _more(engine: AsyncEngine, queues: Sequence[str]) -> bool:
    """Whether the jobs that were done left others to do."""
    waiting = text(
        "SELECT EXISTS (SELECT FROM procrastinate.procrastinate_jobs WHERE status = 'todo'"
        " AND queue_name = ANY(:queues) AND coalesce(scheduled_at, now()) <= now())"
    )
    async with engine.connect() as connection:
        return bool(await connection.scalar(waiting, {"queues": list(queues)}))


async def _serve(
    stop: asyncio.Event,
    engine: AsyncEngine,
    tasks: Mapping[str, Task],
    queues: Sequence[str],
    once: bool,
    every: Mapping[str, str],
    stale: float,
) -> None:
    await recover(engine, stale=stale)
    app = _app(engine, tasks, queues, every)
    async with app.open_async():
        lanes = [asyncio.create_task(_lane(app, name, once, stale)) for name in queues]
        stopped = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(_look(engine, stale))
        try:
            await _first(lanes, stopped, looking)
        finally:
            for task in (*lanes, stopped, looking):
                task.cancel()
            ended = await asyncio.gather(*lanes, return_exceptions=True)
        for each in ended:
            if isinstance(each, Exception):
                raise each


async def _lane(app: procrastinate.App, queue: str, once: bool, stale: float) -> None:
    """Do the jobs of one queue, one after the other."""
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        wait=not once,
        fetch_job_polling_interval=LOOK,
        shutdown_graceful_timeout=FINISH,
        delete_jobs="always",  # the history is ours: rows of `job`
        install_signal_handlers=False,
        update_heartbeat_interval=min(5.0, stale / 4),
        stalled_worker_timeout=24 * 3600.0,  # `recover` is the one who judges
    )


async def _first(
    lanes: Sequence[asyncio.Task[None]], stopped: asyncio.Task[bool], looking: asyncio.Task[None]
) -> None:
    """Wait until told to stop, until one lane breaks, or until all have come to their end."""
    left = set(lanes)
    while left:
        done, _ = await asyncio.wait({*left, stopped, looking}, return_when="FIRST_COMPLETED")
        if stopped in done or looking in done:
            return
        if any(task.exception() for task in done):
            return
        left = {task for task in left if not task.done()}


async def _look(engine: AsyncEngine, stale: float) -> None:
    while True:
        await asyncio.sleep(LOOK)
        for own in await recover(engine, stale=stale):
            LOG.warning("job %s was left by a worker that died", own)


def _app(
    engine: AsyncEngine,
    tasks: Mapping[str, Task],
    queues: Sequence[str],
    every: Mapping[str, str],
) -> procrastinate.App:
    url = normalise(engine.url).set(drivername="postgresql")
    connector = procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"options": "-c search_path=procrastinate,public"},
        min_size=1,
        max_size=len(queues) + 3,  # each listens on one
    )
    app = procrastinate.App(connector=connector)
    for kind in queues:
        app.task(name=kind, queue=kind, retry=_Again())(_runner(engine, tasks[kind]))
        if kind in every:
            clock = app.task(name=f"{kind} by the clock", queue=kind)(_asker(engine, kind))
            app.periodic(cron=every[kind])(clock)
    return app


def _runner(engine: AsyncEngine, task: Task) -> Callable[[str], Awaitable[None]]:
    async def run(job: str) -> None:
        """Do one job. What goes wrong is told in its row; only PutBack is for the queue."""
        try:
            async with running(engine, UUID(job)) as started:
                if started is None:
                    return
                LOG.info("%s begins", started.kind)
                await task(started)
                LOG.info("%s is done", started.kind)
        except PutBack:
            raise
        except Conflict as error:  # being run elsewhere: that one will say how it ended
            LOG.warning("%s", error)
        except JobCancelled:
            LOG.info("cancelled")
        except BioCosmosError as error:
            LOG.error("%s", error.detail)
        except Exception:
            return  # `running` logged it, with all there is to know

    return run


def _asker(engine: AsyncEngine, kind: str) -> Callable[[int], Awaitable[None]]:
    async def ask(timestamp: int) -> None:  # noqa: ARG001
        async with engine.begin() as connection:
            await enqueue(connection, kind, {}, label=f"{kind.capitalize()}, by the clock")

    return ask


class _Again(BaseRetryStrategy):
    """Again where the job says so."""

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: Waiting,  # noqa: ARG002
    ) -> RetryDecision | None:
        """Return when."""
        if isinstance(exception, PutBack):
            return RetryDecision(retry_in={"seconds": round(exception.seconds)})
        return None
