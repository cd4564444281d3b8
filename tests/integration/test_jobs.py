import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from core.db.tables import job, job_event
from core.errors import Conflict, InvalidSetting, NotFound, UnreadableSource
from core.jobs import queue, running, worker
from core.jobs.job import Job
from core.jobs.running import tracked
from tests.paths import ROOT


async def ask(engine: AsyncEngine, kind: str = "embed", **args: object) -> UUID:
    async with engine.begin() as connection:
        return await queue.enqueue(connection, kind, args, label=f"a {kind}")


async def row(engine: AsyncEngine, own: UUID) -> Row[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(select(job).where(job.c.id == own))).one()


async def events(engine: AsyncEngine, own: UUID) -> list[str]:
    asked = select(job_event.c.message).where(job_event.c.job_id == own).order_by(job_event.c.id)
    async with engine.connect() as connection:
        return list(await connection.scalars(asked))


async def waiting(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        asked = text("SELECT count(*) FROM procrastinate.procrastinate_jobs")
        return int((await connection.execute(asked)).scalar_one())


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BEAT", 0.05)
    monkeypatch.setattr(worker, "LOOK", 0.2)
    monkeypatch.setattr(worker, "FINISH", 0.1)


async def test_a_job_is_done_and_tells_how_it_went(engine: AsyncEngine) -> None:
    async def work(mine: Job) -> None:
        assert mine.args == {"version": "a"}
        mine.tell(3, 7)
        mine.say("half of it")
        logging.getLogger("ingestor.somewhere").warning("beware")
        logging.getLogger("elsewhere").warning("not ours")
        mine.counts["embedded"] += 7
        mine.result["receipt"] = "r"

    own = await ask(engine, version="a")
    queued = await row(engine, own)
    assert (queued.state, queued.label, queued.attempts) == ("queued", "a embed", 0)
    await worker.work(engine, {"embed": work}, once=True)
    done = await row(engine, own)
    assert (done.state, done.done, done.total, done.attempts) == ("done", 3, 7, 1)
    assert done.counts == {"embedded": 7, "receipt": "r"}
    assert done.message == "half of it"
    assert done.finished_at >= done.started_at >= done.created_at
    said = await events(engine, own)
    assert "half of it" in said
    assert "beware" in said
    assert "not ours" not in said
    assert await waiting(engine) == 0


async def test_asking_and_the_rows_it_is_about_are_one_transaction(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await queue.enqueue(connection, "index", {}, label="x")
        await connection.rollback()
    assert await waiting(engine) == 0


async def test_the_same_is_queued_once(engine: AsyncEngine) -> None:
    first, again = await ask(engine, version="a"), await ask(engine, version="a")
    other = await ask(engine, version="b")
    assert first == again != other
    with pytest.raises(InvalidSetting, match="no kind of job"):
        await ask(engine, "nonsense")


async def test_failing_says_why_and_can_be_retried(engine: AsyncEngine) -> None:
    begun = []

    async def work(mine: Job) -> None:
        begun.append(mine.attempt)
        if len(begun) == 1:
            raise UnreadableSource("no such archive")

    own = await ask(engine)
    await worker.work(engine, {"embed": work}, once=True)
    failed = await row(engine, own)
    assert (failed.state, failed.error) == ("failed", "no such archive")
    async with engine.begin() as connection:
        await queue.retry(connection, own)
    await worker.work(engine, {"embed": work}, once=True)
    done = await row(engine, own)
    assert (done.state, done.error) == ("done", None)
    async with engine.begin() as connection:
        with pytest.raises(Conflict, match="it is done|job is done"):
            await queue.retry(connection, own)
        with pytest.raises(NotFound):
            await queue.retry(connection, UUID(int=0))


async def test_a_fault_of_ours_fails_the_job_and_not_the_worker(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(mine: Job) -> None:
        if mine.args["n"] == 1:
            raise KeyError("oops")

    one, two = await ask(engine, n=1), await ask(engine, n=2)
    await worker.work(engine, {"embed": work}, once=True)
    assert (await row(engine, one)).error == "KeyError: 'oops'"
    assert (await row(engine, two)).state == "done"
    assert any(each.exc_info for each in caplog.records)


async def test_cancelling_ends_what_waits_and_what_runs(engine: AsyncEngine) -> None:
    begun = asyncio.Event()

    async def work(_: Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    runs, waits = await ask(engine, n=1), await ask(engine, n=2)

    async def cancel() -> None:
        await begun.wait()
        async with engine.begin() as connection:
            await queue.cancel(connection, waits)
            await queue.cancel(connection, runs)

    await asyncio.gather(worker.work(engine, {"embed": work}, once=True), cancel())
    assert (await row(engine, runs)).state == "cancelled"
    assert (await row(engine, waits)).state == "cancelled"
    assert await waiting(engine) == 0
    async with engine.begin() as connection:
        with pytest.raises(Conflict, match="ended already"):
            await queue.cancel(connection, runs)


async def test_work_in_a_thread_learns_that_it_is_cancelled(engine: AsyncEngine) -> None:
    own = await ask(engine)

    async def work(mine: Job) -> None:
        def toil() -> None:
            while True:
                mine.check()

        thread = asyncio.get_running_loop().run_in_executor(None, toil)
        async with engine.begin() as connection:
            await queue.cancel(connection, own)
        await thread

    await worker.work(engine, {"embed": work}, once=True)
    assert (await row(engine, own)).state == "cancelled"


async def test_one_of_a_kind_at_a_time_and_kinds_side_by_side(engine: AsyncEngine) -> None:
    at_once: dict[str, int] = {}
    both = asyncio.Barrier(2)

    async def work(mine: Job) -> None:
        at_once[mine.kind] = at_once.get(mine.kind, 0) + 1
        assert at_once[mine.kind] == 1
        await both.wait()  # comes back only where the other kind runs too
        at_once[mine.kind] -= 1

    for n in range(2):
        await ask(engine, "embed", n=n)
        await ask(engine, "index", n=n)
    tasks = {"embed": work, "index": work}
    await asyncio.wait_for(worker.work(engine, tasks, once=True), 60)
    async with engine.connect() as connection:
        states = set(await connection.scalars(select(job.c.state)))
    assert states == {"done"}


async def test_work_on_a_command_line_is_shown_and_its_parts_are_part_of_it(
    engine: AsyncEngine,
) -> None:
    async with (
        tracked(engine, "ingest", "an archive", {}) as outer,
        tracked(engine, "download", "its images", {}) as inner,
    ):
        assert inner is outer
    with pytest.raises(UnreadableSource):
        async with tracked(engine, "ingest", "another", {}) as failing:
            raise UnreadableSource("gone")
    assert (await row(engine, outer.id)).state == "done"
    assert (await row(engine, failing.id)).error == "gone"
    async with engine.begin() as connection:
        await queue.retry(connection, failing.id)
    assert (await row(engine, failing.id)).state == "queued"


async def test_only_one_worker_runs_a_job(engine: AsyncEngine) -> None:
    own = await ask(engine)
    async with running.running(engine, own) as mine:
        assert mine is not None
        with pytest.raises(Conflict, match="another worker"):
            async with running.running(engine, own):
                pass
        assert await queue.recover(engine, stale=0) == []  # its lock is held: it is alive
    async with running.running(engine, own) as again:
        assert again is None  # done already


WORKER = """
import asyncio, sys
from core.db.engine import create_engine
from core.jobs import running, worker
running.BEAT, worker.FINISH, worker.LOOK = 0.1, 0.2, 0.5

async def work(job):
    if job.attempt == 1:
        print("begun", flush=True)
        await asyncio.Event().wait()
    job.counts["attempt"] = job.attempt

async def main():
    engine = create_engine(sys.argv[1])
    await worker.work(engine, {"embed": work}, once="once" in sys.argv, stale=0.5)
    await engine.dispose()

asyncio.run(main())
"""


def start(url: str, *args: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WORKER, url, *args]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def begun(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    assert line == "begun\n", process.communicate()


async def test_a_killed_worker_loses_no_job(engine: AsyncEngine, database_url: str) -> None:
    own = await ask(engine)
    first = start(database_url)
    await begun(first)
    first.kill()
    first.communicate()
    second = start(database_url)
    try:
        while (await row(engine, own)).state != "done":
            await asyncio.sleep(0.1)
            assert second.poll() is None
    finally:
        second.send_signal(signal.SIGTERM)
        _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    done = await row(engine, own)
    assert done.counts == {"attempt": 2}
    assert "its worker died; queued again" in await events(engine, own)


async def test_a_stopped_worker_puts_its_job_back(engine: AsyncEngine, database_url: str) -> None:
    own = await ask(engine)
    process = start(database_url)
    await begun(process)
    process.send_signal(signal.SIGTERM)
    _, said = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, said
    left = await row(engine, own)
    assert (left.state, left.attempts, left.error) == ("queued", 0, None)
    assert await waiting(engine) == 1


async def test_what_was_done_is_not_done_again(engine: AsyncEngine) -> None:
    """The worker died after its result was committed, before the queue heard of it."""
    own = await ask(engine)
    async with running.running(engine, own):
        pass
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE procrastinate.procrastinate_jobs SET status = 'doing'")
        )
    assert await queue.recover(engine, stale=0) == []
    assert (await row(engine, own)).state == "done"
    assert await waiting(engine) == 0


async def test_a_job_whose_workers_keep_dying_fails(engine: AsyncEngine) -> None:
    own = await ask(engine)
    for _ in range(queue.ATTEMPTS):
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE job SET state = 'running', attempts = attempts + 1, worker = 'w',"
                    " heartbeat_at = '2000-01-01'"
                )
            )
            await connection.execute(
                text("UPDATE procrastinate.procrastinate_jobs SET status = 'doing'")
            )
        assert await queue.recover(engine) == [own]
    failed = await row(engine, own)
    assert (failed.state, failed.error) == ("failed", "its workers died, 5 times")


def test_importing_the_queue_is_light(tmp_path: Path) -> None:
    code = "import sys, core.jobs.queue; assert 'procrastinate' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


async def test_a_job_is_queued_by_the_clock(engine: AsyncEngine) -> None:
    async def work(_: Job) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # as a user would: it ends, and is not begun again

    every = {"sync": "* * * * * */1"}  # every second
    await asyncio.wait_for(worker.work(engine, {"sync": work}, every=every), 60)
    async with engine.connect() as connection:
        labels = set(await connection.scalars(select(job.c.label).where(job.c.kind == "sync")))
    assert labels == {"Sync, by the clock"}
