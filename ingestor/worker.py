"""`bin/worker`: does the jobs that wait in the queue."""

import asyncio
import logging
import sys
from typing import Annotated

import typer
from croniter import croniter

from core import logs
from core import settings as settings_module
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.errors import BioCosmosError, InvalidSetting
from core.jobs.worker import work
from core.settings import Settings
from ingestor.commands import POOL
from ingestor.tasks import tasks

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def worker(
    queue: Annotated[
        str, typer.Option(help="Kinds of jobs to do, such as ingest,embed; all when left out.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits.")] = False,
) -> None:
    """Do the jobs that wait in the queue, one of each kind at a time.

    Ctrl-C or SIGTERM ends it: what runs has five seconds to finish, else it goes back into the
    queue and is gone on with later. Any number of workers, on any number of machines, share it.
    """
    settings = settings_module.load()
    logs.setup(settings)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    chosen = [name.strip() for name in queue.split(",") if name.strip()]
    with open_database(settings) as url:
        migrate(url)
        asyncio.run(_serve(url, settings, chosen, once))


async def _serve(url: str, settings: Settings, queues: list[str], once: bool) -> None:
    engine = create_engine(url, pool_size=POOL)
    every = {"sync": settings.sync_schedule} if settings.sync_schedule else {}
    if settings.sync_schedule and not croniter.is_valid(settings.sync_schedule):
        raise InvalidSetting(
            f"BIOCOSMOS_SYNC_SCHEDULE={settings.sync_schedule!r} is no time that cron knows;"
            " see docs/settings.md"
        )
    try:
        known = tasks(engine, settings)
        logging.getLogger(__name__).info("waiting for jobs: %s", ", ".join(queues or known))
        await work(engine, known, queues, once=once, every=every)
    finally:
        await engine.dispose()


def main() -> None:
    """Run the command; our own errors take one line."""
    try:
        app()
    except BioCosmosError as error:
        typer.echo(f"bin/worker: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
