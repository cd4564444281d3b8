"""Training as a job: a process of its own, watched from outside, so that it can fail alone."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import Conflict, TrainingError
from core.jobs.args import Embed, Train, dump, label, parse
from core.jobs.job import Job, Task
from core.jobs.queue import enqueue
from trainer.campaign import FROZEN
from trainer.commands import RESULT
from trainer.config import read_config
from trainer.report import read_results
from trainer.trials import LOG, classify, end, steps_done

_LOOK = 1.0
"""Seconds between looks at how a run goes."""
_TAIL = 20_000


def task(engine: AsyncEngine) -> Task:
    """What a worker does for a job of kind `train`.

    The run goes on from its checkpoint whenever the job is begun again: after the worker's death,
    after "stop" and "retry", after a crash.
    """

    async def train(job: Job) -> None:
        asked: Train = parse("train", job.args)
        folder = Path(asked.out)
        if asked.publish and Path(asked.publish).exists() and not (folder / RESULT).exists():
            raise Conflict(f"{asked.publish} is there already: publish under another name")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FROZEN).write_text(asked.config, encoding="utf-8")
        settings = read_config(folder / FROZEN)
        steps = -(-settings.run.samples // settings.sample.batch)
        own = ["-c", str(folder / FROZEN), "--out", str(folder), "--label", asked.name]
        await _run(job, folder, asked.launch, ["train", *own], steps)
        (found,) = read_results([folder / RESULT])
        measures = next(iter(found.runs.values()))
        headlines = {name: value for name, value in measures.items() if name.count(".") < 2}
        job.result |= {"run": str(folder), "measures": headlines}
        if asked.publish:
            await _publish(engine, job, asked, folder)

    return train


async def _publish(engine: AsyncEngine, job: Job, asked: Train, folder: Path) -> None:
    assert asked.publish
    directory = Path(asked.publish)
    if not directory.exists():  # else an attempt before this one made it, and died
        own = ["publish", "--run", str(folder), "--out", str(directory)]
        await _run(job, folder, (), own, None)
    job.result["published"] = str(directory)
    job.say(f"published as {directory}")
    if asked.embed_version:
        embed = Embed(model=str(directory.resolve()), embed_version=asked.embed_version)
        async with engine.begin() as connection:
            await enqueue(connection, "embed", dump(embed), label=label("embed", embed))
        job.say(f"embed version {asked.embed_version} is queued")


async def _run(
    job: Job, folder: Path, launch: Sequence[str], arguments: Sequence[str], steps: int | None
) -> None:
    """Run the trainer and tell how it goes; TrainingError with the reason when it fails."""
    command = [*(launch or (sys.executable, "-m", "trainer")), *arguments]
    path = folder / LOG
    seen = path.stat().st_size if path.exists() else 0
    said = b""
    with path.open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        while process.poll() is None:
            await asyncio.sleep(_LOOK)
            seen, fresh = _tell(job, path, seen)
            said = (said + fresh)[-_TAIL:]
            if steps is not None:
                job.tell(steps_done(folder), steps)
    finally:
        # The run stores nothing when it is stopped: its last checkpoint is what counts.
        await asyncio.shield(asyncio.to_thread(end, process))
    said += _tell(job, path, seen)[1]
    if steps is not None:
        job.tell(steps_done(folder), steps)
    if process.returncode != 0:
        kind, reason = classify(process.returncode, said.decode("utf-8", "replace"))
        reason = reason.removeprefix("error: ")
        raise TrainingError(reason if kind == "settings" else f"{kind}: {reason}")


def _tell(job: Job, path: Path, since: int) -> tuple[int, bytes]:
    """New lines of the log become events of the job; returns where they end, and the lines."""
    with path.open("rb") as file:
        file.seek(since)
        fresh = file.read()
    whole = fresh[: fresh.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        if line.strip():
            job.say(line.strip())
    return since + len(whole), whole
