"""What the commands of `bin/ingest` share: options, progress, a database to work on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncEngine

from core import logs
from core import settings as settings_module
from core.db.embedded import open_database
from core.db.engine import create_engine
from core.db.migrate import migrate
from core.jobs import args, queue
from core.jobs.running import tracked
from core.settings import Settings
from ingestor.pictures import PictureCounts
from ingestor.receipt import Receipt
from ingestor.report import print_pictures, print_receipt
from ingestor.tasks import perform
from ingestor.work import Progress as Told
from ingestor.work import Teller, Work

notes = Console(stderr=True)

POOL = 15
"""Connections to the database that are kept open: opening one takes longer than most statements."""

Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many rows.")]
Images = Annotated[bool, typer.Option("--no-images", help="Leave the images for later.")]
Rate = Annotated[float, typer.Option(min=0.01, help="Requests a second to one host.")]


Queued = Annotated[
    bool, typer.Option("--enqueue", help="Leave it to a worker (bin/worker); do not wait.")
]


class Terminal(Teller):
    """Tells the terminal as well."""

    @contextmanager
    def stage(self, what: str) -> Iterator[Told]:
        """Begin a part of the work, with a progress bar."""
        with super().stage(what) as tell, bar(what) as show:

            def both(done: int, total: int | None) -> None:
                tell(done, total)
                show(done, total)

            yield both

    def note(self, text: str) -> None:
        """Print it."""
        super().note(text)
        notes.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Print it, so that it is not overlooked."""
        super().warn(text)
        notes.print(text, markup=False, style="yellow")

    def read(self, receipt: Receipt) -> None:
        """Print the receipt."""
        super().read(receipt)
        print_receipt(receipt)

    def fetched(self, counts: PictureCounts) -> None:
        """Print what fetching came to."""
        super().fetched(counts)
        print_pictures(counts)


def do(kind: str, given: Mapping[str, Any], *, enqueue: bool = False) -> None:
    """Do a job here and now, or leave it to a worker."""
    asked = args.parse(kind, given)
    label = args.label(kind, asked)

    async def work(engine: AsyncEngine, settings: Settings) -> None:
        if enqueue:
            async with engine.begin() as connection:
                own = await queue.enqueue(connection, kind, args.dump(asked), label=label)
            typer.echo(f"queued as job {own}; bin/worker does it, the Status page shows it")
            return
        async with tracked(engine, kind, label, args.dump(asked)) as job:
            await perform(Work(engine, settings, Terminal(job)), kind, asked)

    run(work)


class _Speed(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """Return the speed, once it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress with rate and time left; yields what is to be told of it."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    ) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def run(work: Callable[[AsyncEngine, Settings], Awaitable[None]]) -> None:
    """Open the database, bring it up to date, and work."""
    settings = settings_module.load()
    logs.setup(settings)

    async def with_engine(url: str) -> None:
        engine = create_engine(url, pool_size=POOL)
        try:
            await work(engine, settings)
        finally:
            await engine.dispose()

    with open_database(settings) as url:
        migrate(url)
        try:
            asyncio.run(with_engine(url))
        except KeyboardInterrupt:
            typer.echo("stopped; run the same command again to go on", err=True)
            raise typer.Exit(130) from None
